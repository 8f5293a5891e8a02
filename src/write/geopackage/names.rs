//! Names of tables and columns: from any text, never those that GeoPackage or SQLite keep for themselves.

use std::collections::HashSet;

/// Beginnings of the names of tables that are not the user's.
const RESERVED: [&str; 3] = ["gpkg_", "rtree_", "sqlite_"];

/// A table name like `name` that is not among those taken (in lower case), nor begins like a reserved one.
pub(super) fn table(name: &str, taken: &HashSet<String>) -> String {
    let mut base: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    base.truncate(base.floor_char_boundary(100));
    let lower = base.to_lowercase();
    if base.is_empty() || RESERVED.iter().any(|reserved| lower.starts_with(reserved)) {
        base.insert_str(0, "layer_");
    }
    unused(&base, |name| taken.contains(&name.to_lowercase()))
}

/// `name`, or with a number behind it, so that it is not taken.
pub(super) fn unused(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = |number: usize| if number == 1 { name.to_owned() } else { format!("{name}_{number}") };
    (1..).map(numbered).find(|name| !taken(name)).unwrap_or_default()
}

/// A name as SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_get_safe_and_different_names() {
        let taken = HashSet::from(["roads".to_owned(), "roads_2".to_owned()]);
        assert_eq!(table("Roads", &taken), "Roads_3");
        assert_eq!(table("Flüsse & Bäche", &taken), "Flüsse___Bäche");
        assert_eq!(table("gpkg_contents", &taken), "layer_gpkg_contents");
        assert_eq!(table("", &taken), "layer_");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
