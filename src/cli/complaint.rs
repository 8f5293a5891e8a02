//! Errors for people: what, why, where, and what to do next, a line each, understandable without colour.

use crate::error::Error;
use crate::error::Place;

/// Prints an error to stderr.
#[allow(clippy::print_stderr, reason = "talk goes to stderr")]
pub(super) fn print(error: &Error) {
    eprint!("{}", text(error));
}

fn text(error: &Error) -> String {
    let mut text = format!("error: {}\n", error.what());
    if let Some(why) = error.why() {
        text.push_str(&format!("cause: {why}\n"));
    }
    if *error.place() != Place::default() {
        text.push_str(&format!("where: {}\n", error.place()));
    }
    if let Some(hint) = error.hint_text() {
        text.push_str(&format!("hint: {hint}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn an_error_says_what_why_where_and_what_next() {
        let error = Error::new(ErrorKind::Server, "page 14 was refused")
            .because("504 after 5 tries")
            .in_layer("Parcels")
            .on_page(14)
            .hint("try --page-size 500");
        assert_eq!(
            text(&error),
            "error: page 14 was refused\ncause: 504 after 5 tries\nwhere: \"Parcels\", page 14\nhint: try --page-size 500\n"
        );
    }
}
