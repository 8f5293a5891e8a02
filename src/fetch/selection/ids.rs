//! Object ids that a user lists: `1,2,5-9`, or a file of them.

use std::ops::RangeInclusive;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::fetch::id_set::{IdSet, IdSpan, in_words};

/// Single ids in one `IN`: Oracle takes 1,000.
const MOST_IN: usize = 500;

/// Ids as ranges, ascending, that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdRanges(Vec<RangeInclusive<i64>>);

impl IdRanges {
    /// Reads `1,2,5-9`, or `@file` with ids and ranges between commas, spaces and line ends.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for what is no id, [`ErrorKind::File`] where the file can't be read.
    ///
    /// ```
    /// use geohaul::fetch::selection::IdRanges;
    ///
    /// let ids = IdRanges::read("9,1-3,4,-7--5").unwrap();
    /// assert_eq!(ids.sql("FID"), "(FID BETWEEN -7 AND -5 OR FID BETWEEN 1 AND 4 OR FID IN (9))");
    /// assert!(ids.contains(-6) && !ids.contains(5));
    /// ```
    pub fn read(text: &str) -> Result<Self> {
        let Some(path) = text.strip_prefix('@').map(Path::new) else { return Self::parse(text) };
        let text = std::fs::read_to_string(path).map_err(|why| Error::file("can't read the object ids", path, &why))?;
        Self::parse(&text).map_err(|error| error.in_file(path))
    }

    /// Reads ids and ranges, and no file.
    pub(in crate::fetch) fn parse(text: &str) -> Result<Self> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        let mut ranges: Vec<_> = words.map(range).collect::<Result<_>>()?;
        if ranges.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no object ids are given").hint("such as 1,2,5-9"));
        }
        ranges.sort_unstable_by_key(|range| *range.start());
        let mut joined: Vec<RangeInclusive<i64>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start().saturating_sub(1) <= *last.end() => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => joined.push(range),
            }
        }
        Ok(Self(joined))
    }

    /// Whether an id is among them.
    pub fn contains(&self, id: i64) -> bool {
        let after = self.0.partition_point(|range| *range.start() <= id);
        after > 0 && self.0[after - 1].contains(&id)
    }

    /// In words, those that are not `there`: a few by name, and how many more; `None` where all are.
    ///
    /// ```
    /// use geohaul::fetch::selection::IdRanges;
    ///
    /// let there = [1, 2].into_iter().collect();
    /// assert_eq!(IdRanges::read("1,2,900").unwrap().absent(&there).unwrap(), "object id 900");
    /// assert_eq!(IdRanges::read("1-2").unwrap().absent(&there), None);
    /// ```
    pub fn absent(&self, there: &IdSet) -> Option<String> {
        let count = |range: &RangeInclusive<i64>| {
            let span = IdSpan { from: *range.start(), to: *range.end() };
            range.end().abs_diff(*range.start()).saturating_add(1).saturating_sub(there.count(span))
        };
        let absent = self.0.iter().map(count).fold(0, u64::saturating_add);
        let ids = self.0.iter().cloned().flatten().filter(|id| !there.contains(*id));
        (absent > 0).then(|| in_words(absent, ids))
    }

    /// As a condition on `field`.
    pub fn sql(&self, field: &str) -> String {
        let (single, wide): (Vec<_>, Vec<_>) = self.0.iter().partition(|range| range.start() == range.end());
        let wide = wide.into_iter().map(|range| format!("{field} BETWEEN {} AND {}", range.start(), range.end()));
        let single: Vec<String> = single.into_iter().map(|range| range.start().to_string()).collect();
        let single = single.chunks(MOST_IN).map(|ids| format!("{field} IN ({})", ids.join(",")));
        format!("({})", wide.chain(single).collect::<Vec<_>>().join(" OR "))
    }
}

/// `7`, `5-9`, `-9--5`.
fn range(word: &str) -> Result<RangeInclusive<i64>> {
    let wrong = || Error::new(ErrorKind::Usage, format!("'{word}' is no object id and no range of them")).hint("such as 1,2,5-9");
    if let Ok(id) = word.parse() {
        return Ok(id..=id);
    }
    // A minus in front belongs to the first id.
    let dash = word.char_indices().skip(1).find(|(_, c)| *c == '-').ok_or_else(wrong)?.0;
    match (word[..dash].parse::<i64>(), word[dash + 1..].parse::<i64>()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_joined_and_few_in_each_list() {
        assert_eq!(IdRanges::read("3,1,2,2").unwrap().sql("ID"), "(ID BETWEEN 1 AND 3)");
        let text: Vec<String> = (0..1200).map(|id| (2 * id).to_string()).collect();
        assert_eq!(IdRanges::read(&text.join("\n")).unwrap().sql("ID").matches("ID IN (").count(), 3);
        let extremes = IdRanges::read(&format!("{}-{},{}", i64::MIN, i64::MIN + 1, i64::MAX)).unwrap();
        assert!(extremes.contains(i64::MIN) && extremes.contains(i64::MAX) && !extremes.contains(0));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for wrong in ["", "x", "1,y", "9-5", "1-", "-", "99999999999999999999", "1.5", "é-1"] {
            assert_eq!(IdRanges::read(wrong).unwrap_err().kind(), ErrorKind::Usage, "{wrong}");
        }
        assert_eq!(IdRanges::read("@missing.txt").unwrap_err().kind(), ErrorKind::File);
    }
}
