//! Values that an option takes, from text.

use std::time::Duration;

use jiff::tz::TimeZone;

/// A span of time: 90, 90s, 30m, 12h, 2d.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds: u64 = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("write 90s, 30m, 12h or 2d".to_owned()),
    };
    let count: u64 = number.parse().map_err(|_| "write 90s, 30m, 12h or 2d".to_owned())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}

pub(super) fn web_address(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|why| why.to_string())?;
    match (url.scheme(), url.password()) {
        ("http" | "https", None) => Ok(url),
        (_, Some(_)) => Err("it may not hold a password".to_owned()),
        _ => Err("it must begin with https://".to_owned()),
    }
}

pub(super) fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "no such time zone; its name is like Europe/Berlin".to_owned())
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it must be like KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text.eq_ignore_ascii_case("tab") => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\n\r\0+-.".contains(byte) => Ok(*byte),
        _ => Err("one ASCII character that is in no number and no letter, quote or line end, or the word tab".to_owned()),
    }
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && f64::is_finite(number) => Ok(number),
        _ => Err("a number above 0 is needed".to_owned()),
    }
}
