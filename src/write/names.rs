//! File names from names that servers chose: never a path, never a name that some system refuses.

use std::collections::HashSet;

/// Names that Windows keeps for devices, whatever the ending.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3",
    "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Longest name in bytes, which leaves room for endings on every file system.
const LONGEST: usize = 120;

/// A file name without ending, made from any text.
///
/// ```
/// use geohaul::write::safe_file_stem;
///
/// assert_eq!(safe_file_stem("../../evil"), "evil");
/// assert_eq!(safe_file_stem("Ströme: Ebene 2/3"), "Ströme_ Ebene 2_3");
/// assert_eq!(safe_file_stem("CON"), "CON_");
/// assert_eq!(safe_file_stem(""), "unnamed");
/// ```
pub fn safe_file_stem(name: &str) -> String {
    let refused = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let replaced: String = name.chars().map(|c| if refused(c) { '_' } else { c }).collect();
    // Dots in front hide a file or climb; dots and spaces at the end are dropped by Windows.
    let trimmed = replaced.trim_start_matches(['.', '_', ' ']).trim_end_matches(['.', ' ']);
    let mut stem = trimmed[..trimmed.floor_char_boundary(LONGEST)].trim_end_matches(['.', ' ']).to_owned();
    if stem.is_empty() {
        stem.push_str("unnamed");
    }
    let before_dot = stem.split('.').next().unwrap_or(&stem).to_ascii_lowercase();
    if DEVICES.contains(&before_dot.as_str()) {
        stem.push('_');
    }
    stem
}

/// [`safe_file_stem`], made different from all names that were taken before, regardless of case.
pub fn unique_file_stem(name: &str, taken: &mut HashSet<String>) -> String {
    let base = safe_file_stem(name);
    let mut stem = base.clone();
    let mut number = 1;
    while !taken.insert(stem.to_lowercase()) {
        number += 1;
        stem = format!("{base}_{number}");
    }
    stem
}
