//! The facts of a format as a row of the table in `docs/formats.md`.

use geohaul::model::plan::{CrsRule, FormatInfo};

pub(crate) fn row(info: &FormatInfo) -> String {
    let yes = |flag| if flag { "yes" } else { "no" }.to_owned();
    let most = |limit: Option<String>| limit.unwrap_or_else(|| "any".to_owned());
    let crs = match info.crs {
        CrsRule::Wgs84Only => "WGS 84",
        CrsRule::Wgs84Default => "WGS 84, or as `--crs` says",
        CrsRule::Native => "the layer's own, or as `--crs` says",
    };
    let mut kinds = info.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if info.mixed_kinds {
        kinds.push_str(", mixed");
    }
    let cells = [
        info.title.to_owned(),
        format!("`{}`", info.name),
        info.endings.iter().map(|ending| format!("`.{ending}`")).collect::<Vec<_>>().join(" "),
        kinds,
        yes(info.tables),
        yes(info.z),
        yes(info.m),
        most(info.longest_field_name.map(|bytes| format!("{bytes} bytes"))),
        most(info.most_fields.map(|count| count.to_string())),
        most(info.longest_text.map(|bytes| format!("{bytes} bytes"))),
        crs.to_owned(),
    ];
    format!("| {} |\n", cells.join(" | "))
}
