//! Times that a user writes: ISO 8601, a year, or milliseconds since 1970.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::error::{Error, ErrorKind, Result};

/// A span of time in milliseconds since 1970; `None` is an open end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan {
    /// The first moment.
    pub from: Option<i64>,
    /// The last moment.
    pub to: Option<i64>,
}

impl TimeSpan {
    /// Reads `FROM,TO` or one moment. A day or a year stands for all of it, nothing or `null` for an open end, and a time
    /// without a zone is UTC.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it is none, or ends before it begins.
    ///
    /// ```
    /// use geohaul::fetch::selection::TimeSpan;
    ///
    /// assert_eq!(TimeSpan::parse("1970-01-01").unwrap().wire(), "0,86399999");
    /// assert_eq!(TimeSpan::parse("1970-01-01T00:00:01+01:00,").unwrap().wire(), "-3599000,null");
    /// assert_eq!(TimeSpan::parse("2021").unwrap().wire(), "1609459200000,1640995199999");
    /// assert_eq!(TimeSpan::parse("1609459200000").unwrap().wire(), "1609459200000");
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let (from, to) = text.split_once(',').unwrap_or((text, text));
        let end = |text: &str, last: bool| match text.trim() {
            "" | "null" => Ok(None),
            text => moment(text, last).map(Some),
        };
        let span = Self { from: end(from, false)?, to: end(to, true)? };
        match (span.from, span.to) {
            (None, None) => Err(wrong(text)),
            (Some(from), Some(to)) if from > to => Err(wrong(text).because("it ends before it begins")),
            _ => Ok(span),
        }
    }

    /// Reads the parameter `time`: milliseconds since 1970, and `null` for an open end.
    pub(in crate::fetch) fn of_wire(text: &str) -> Result<Self> {
        let (from, to) = text.split_once(',').unwrap_or((text, text));
        let end = |text: &str| match text.trim() {
            "" | "null" => Ok(None),
            text => text.parse().map(Some).map_err(|_| wrong(text)),
        };
        Ok(Self { from: end(from)?, to: end(to)? })
    }

    /// As the parameter `time`.
    pub fn wire(self) -> String {
        let end = |moment: Option<i64>| moment.map_or("null".to_owned(), |moment| moment.to_string());
        if self.from == self.to { end(self.from) } else { format!("{},{}", end(self.from), end(self.to)) }
    }
}

/// One moment in milliseconds since 1970; a day or a year is its beginning.
///
/// # Errors
/// [`ErrorKind::Usage`] where it is none.
pub fn parse_moment(text: &str) -> Result<i64> {
    moment(text.trim(), false)
}

/// Milliseconds nearer to 1970 than this, some 116 days, are seconds or a day without its hyphens.
const NEAREST_MILLISECONDS: u64 = 10_000_000_000;

/// `last`: of a day or a year, its last millisecond.
fn moment(text: &str, last: bool) -> Result<i64> {
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let year = |year: i16| utc(Date::new(year, 1, 1).ok()?.to_datetime(Time::midnight())).map(Timestamp::as_millisecond);
    if let Ok(number) = text.parse::<i64>() {
        return match i16::try_from(number) {
            Ok(number @ 1000..=9998) if last => year(number + 1).map(|next| next - 1),
            Ok(number @ 1000..=9998) => year(number),
            _ => Some(number).filter(|number| number.unsigned_abs() >= NEAREST_MILLISECONDS),
        }
        .ok_or_else(|| {
            wrong(text).because("milliseconds since 1970 have more digits: seconds since 1970 end in three zeros more")
        });
    }
    // A day is tried last: its parser reads over a time that stands behind it.
    let found = match (text.parse::<Timestamp>(), text.contains(['T', 't', ' '])) {
        (Ok(timestamp), _) => Some(timestamp),
        (Err(_), true) => text.parse::<DateTime>().ok().and_then(utc),
        (Err(_), false) => text.parse::<Date>().ok().and_then(|day| {
            let start = utc(day.to_datetime(Time::midnight()))?;
            if last { start.checked_add(24.hours()).ok()?.checked_sub(1.millisecond()).ok() } else { Some(start) }
        }),
    };
    found.map(Timestamp::as_millisecond).ok_or_else(|| wrong(text))
}

fn wrong(text: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("'{text}' is no time"))
        .hint("such as 2024-05-01, 2024-05-01T12:30:00Z, 2024, or milliseconds since 1970; two with a comma are a span")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_times_and_zones_are_read() {
        for (text, wire) in [
            ("2024-02-29,2024-03-01", "1709164800000,1709337599999"),
            ("2024-02-29T12:00,null", "1709208000000,null"),
            (",2024-02-29 12:00:00.5Z", "null,1709208000500"),
            ("2020,2021-06-30", "1577836800000,1625097599999"),
            ("-10000000000,10000000000", "-10000000000,10000000000"),
        ] {
            assert_eq!(TimeSpan::parse(text).expect(text).wire(), wire, "{text}");
        }
        assert_eq!(parse_moment("2024-02-29").unwrap(), 1_709_164_800_000);
        assert_eq!(parse_moment("2024").unwrap(), 1_704_067_200_000);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [
            "",
            ",",
            "yesterday",
            "2024-13-01",
            "2024-03-01,2024-02-01",
            "2024-02-29,x",
            "0",
            "-5",
            "999",
            "9999",
            "1609459200",
            "20240501",
        ] {
            assert_eq!(TimeSpan::parse(wrong).unwrap_err().kind(), ErrorKind::Usage, "{wrong}");
        }
    }
}
