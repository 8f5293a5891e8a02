//! Epoch milliseconds as text.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// An ArcGIS date (milliseconds since 1970, UTC) as ISO 8601, with milliseconds only where there are any.
///
/// `zone_known` adds the `Z`; dates of a layer in an unknown time zone are wall-clock times and get none.
/// `None` beyond the years -9999 to 9999.
///
/// ```
/// use geohaul::model::time::iso;
///
/// assert_eq!(iso(0, true).as_deref(), Some("1970-01-01T00:00:00Z"));
/// assert_eq!(iso(-1, true).as_deref(), Some("1969-12-31T23:59:59.999Z"));
/// assert_eq!(iso(1_700_000_000_000, false).as_deref(), Some("2023-11-14T22:13:20"));
/// assert_eq!(iso(i64::MAX, true), None);
/// ```
pub fn iso(epoch_ms: i64, zone_known: bool) -> Option<String> {
    let text = Timestamp::from_millisecond(epoch_ms).ok()?.to_string();
    Some(if zone_known { text } else { text.trim_end_matches('Z').to_owned() })
}

/// The same moment by the clocks of a time zone, with their offset from UTC.
///
/// ```
/// use geohaul::model::time::iso_in;
///
/// let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
/// assert_eq!(iso_in(1_700_000_000_123, &berlin).as_deref(), Some("2023-11-14T23:13:20.123+01:00"));
/// assert_eq!(iso_in(1_690_000_000_000, &berlin).as_deref(), Some("2023-07-22T06:26:40+02:00"));
/// // Before there were zones, Berlin was 53 minutes and 28 seconds ahead, and the text has no seconds for that.
/// assert_eq!(iso_in(-2_698_012_800_000, &berlin).as_deref(), Some("1884-07-03T00:53:00+00:53"));
/// ```
pub fn iso_in(epoch_ms: i64, zone: &TimeZone) -> Option<String> {
    let at = Timestamp::from_millisecond(epoch_ms).ok()?;
    // Whole minutes, so that the clock and its offset name the same moment.
    let minutes = zone.to_offset(at).seconds() / 60;
    Some(at.display_with_offset(Offset::from_seconds(minutes * 60).ok()?).to_string())
}

/// The date part of [`iso`] as `YYYYMMDD`, for DBF; `None` before year 1 and after 9999.
///
/// ```
/// assert_eq!(geohaul::model::time::compact_date(951_782_400_000).as_deref(), Some("20000229"));
/// ```
pub fn compact_date(epoch_ms: i64) -> Option<String> {
    let date = Timestamp::from_millisecond(epoch_ms).ok()?.to_zoned(jiff::tz::TimeZone::UTC).date();
    (date.year() > 0).then(|| format!("{:04}{:02}{:02}", date.year(), date.month(), date.day()))
}

/// Now, as ISO 8601 to the second.
pub fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}
