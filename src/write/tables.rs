//! Names of tables in data sets that hold many.

use std::collections::HashSet;

/// Beginnings of the names of tables that are not the user's.
const RESERVED_TABLES: [&str; 4] = ["gpkg_", "rtree_", "sqlite_", "gdb_"];

/// A name for a table in a data set of many: letters, digits and `_`, not among those `taken` (in lower case).
pub(crate) fn table_name(name: &str, taken: &HashSet<String>) -> String {
    let mut base: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    base.truncate(base.floor_char_boundary(100));
    let lower = base.to_lowercase();
    if base.is_empty() || RESERVED_TABLES.iter().any(|reserved| lower.starts_with(reserved)) {
        base.insert_str(0, "layer_");
    }
    unused_name(&base, |name| taken.contains(&name.to_lowercase()))
}

/// What to say where a layer's table could not have the layer's own name.
#[cfg(any(feature = "geopackage", feature = "gdal"))]
pub(crate) fn taken_words(layer: &str, table: &str) -> Option<String> {
    let own = table_name(layer, &HashSet::new());
    (own != table).then(|| format!("there is a table \"{own}\" already, so this layer is the table \"{table}\""))
}

/// `name`, or with a number behind it, so that it is not taken.
pub(crate) fn unused_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = |number: usize| if number == 1 { name.to_owned() } else { format!("{name}_{number}") };
    (1..).map(numbered).find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_get_safe_and_different_names() {
        let taken = HashSet::from(["roads".to_owned(), "roads_2".to_owned()]);
        assert_eq!(table_name("Roads", &taken), "Roads_3");
        assert_eq!(table_name("Flüsse & Bäche", &taken), "Flüsse___Bäche");
        assert_eq!(table_name("gpkg_contents", &taken), "layer_gpkg_contents");
        assert_eq!(table_name("", &taken), "layer_");
    }
}
