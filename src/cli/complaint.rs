//! Errors for people: what, why, where, and what to do next, a line each, understandable without colour.

use serde_json::{Value, json};

use super::printer::{self, Manner};
use crate::error::{Error, ErrorKind, Place};

/// Prints an error to stderr; to a program as an object. That nobody reads on is no error.
pub(super) fn print(error: &Error) {
    match printer::manner() {
        _ if error.kind() == ErrorKind::Closed => {}
        Manner::Json => printer::event("error", parts(error)),
        _ => printer::say(&text(error)),
    }
}

fn parts(error: &Error) -> Value {
    json!({
        "kind": error.kind(),
        "what": error.what(),
        "cause": error.why(),
        "where": (*error.place() != Place::default()).then(|| error.place().to_string()),
        "hint": error.hint_text(),
    })
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
