//! Epoch milliseconds as text.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// 1970.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Date and time of an ArcGIS date (milliseconds since 1970) in UTC; `None` beyond the years -9999 to 9999.
///
/// ```
/// use geohaul::model::time::civil;
///
/// assert_eq!(civil(253_402_300_799_999).unwrap().to_string(), "9999-12-31T23:59:59.999");
/// assert_eq!(civil(253_402_300_800_000), None);
/// ```
pub fn civil(epoch_ms: i64) -> Option<DateTime> {
    match Timestamp::from_millisecond(epoch_ms) {
        Ok(moment) => Some(Offset::UTC.to_datetime(moment)),
        // A timestamp has a date in every time zone, so there is none on the last day, the usual "for ever".
        Err(_) => EPOCH.checked_add(SignedDuration::from_millis(epoch_ms)).ok(),
    }
}

/// The milliseconds since 1970 of a date and time in UTC.
pub(crate) fn epoch_ms(at: DateTime) -> Option<i64> {
    i64::try_from(at.duration_since(EPOCH).as_millis()).ok()
}

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
    let mut text = Vec::with_capacity(LONGEST);
    push_iso(&mut text, epoch_ms, zone_known).then(|| String::from_utf8(text).ok())?
}

/// The bytes of `YYYY-MM-DDTHH:MM:SS.mmmZ`.
const LONGEST: usize = 24;

/// Appends [`iso`]; `false` where there is none.
pub(crate) fn push_iso(out: &mut Vec<u8>, epoch_ms: i64, zone_known: bool) -> bool {
    let Some(at) = civil(epoch_ms) else { return false };
    match stamp(at) {
        Some(stamp) => {
            let zeros = stamp.iter().rev().take_while(|byte| **byte == b'0').count();
            let length = if zeros >= 3 { SECONDS } else { stamp.len() - zeros };
            out.extend_from_slice(&stamp[..length]);
        }
        // Before the year 0 there are more digits.
        None => out.extend_from_slice(at.to_string().as_bytes()),
    }
    if zone_known {
        out.push(b'Z');
    }
    true
}

/// The bytes of `YYYY-MM-DDTHH:MM:SS`.
const SECONDS: usize = 19;

/// `YYYY-MM-DDTHH:MM:SS.mmm`; `None` before the year 0. Layers have many dates, and a formatter takes its time.
pub(crate) fn stamp(at: DateTime) -> Option<[u8; 23]> {
    let year = u32::try_from(at.year()).ok()?;
    let mut text = *b"0000-00-00T00:00:00.000";
    let mut put = |place: usize, number: u32| {
        text[place] += (number / 10) as u8;
        text[place + 1] += (number % 10) as u8;
    };
    let parts = [at.month(), at.day(), at.hour(), at.minute(), at.second()];
    put(0, year / 100);
    put(2, year % 100);
    for (part, place) in parts.into_iter().zip([5, 8, 11, 14, 17]) {
        put(place, u32::from(part.unsigned_abs()));
    }
    let millis = u32::from(at.millisecond().unsigned_abs());
    put(20, millis / 10);
    text[22] += (millis % 10) as u8;
    Some(text)
}

/// The same moment by the clocks of a time zone, with their offset from UTC; in UTC on the first and the last day of the
/// calendar, which end elsewhere in another year.
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
    let Ok(at) = Timestamp::from_millisecond(epoch_ms) else { return iso(epoch_ms, true) };
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
    let date = civil(epoch_ms)?.date();
    (date.year() > 0).then(|| format!("{:04}{:02}{:02}", date.year(), date.month(), date.day()))
}

/// Now, as ISO 8601 to the second.
pub fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_moment_is_the_one_that_the_calendar_writes() {
        let day = 86_400_000;
        let moments = (-800_000..2_932_896).step_by(997).map(|days| days * day + days * 7919 % day);
        for moment in moments.chain([0, -1, 100, 10, 1, -62_167_219_200_000, -62_167_219_200_001, 253_402_300_799_999]) {
            assert_eq!(iso(moment, false).unwrap(), civil(moment).unwrap().to_string(), "{moment}");
        }
    }
}
