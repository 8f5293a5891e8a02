//! Names that were meant: the one answer to a spelling mistake.

/// `did you mean "NAME"? `, to stand before the rest of a hint; nothing where no candidate is near.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or(String::new(), |meant| format!("did you mean \"{meant}\"? "))
}

/// The candidate that differs least from `name`; `None` where all are quite different.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &'a str| (edits(&name.to_lowercase(), &candidate.to_lowercase()), candidate);
    let (edits, candidate) = candidates.into_iter().map(near).min_by_key(|(edits, _)| *edits)?;
    (edits <= (name.chars().count() / 2).max(1)).then_some(candidate)
}

/// How many letters must be changed, put in or left out.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, target) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *target);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_differs_least_is_offered_and_none_where_all_are_quite_different() {
        let formats = || ["geojson", "shapefile", "kmz"];
        assert_eq!(did_you_mean("shapfile", formats()), "did you mean \"shapefile\"? ");
        assert_eq!(nearest("GeoJSN", formats()), Some("geojson"));
        assert_eq!(nearest("parquet", formats()), None);
        assert_eq!(nearest("", formats()), None);
    }
}
