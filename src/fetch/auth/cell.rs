//! [`Cell`]: one token for all threads. Who finds it due or refused makes a new one, and the others wait for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::mint::{Door, Mint};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::http::Cancel;
use crate::fetch::secret::SecretString;

/// A token is made anew so long before its end.
const EARLY: Duration = Duration::from_secs(300);

/// A renewal that failed while the token is still good is tried again so much later.
const LATER: Duration = Duration::from_secs(60);

/// A token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    /// Tells it from those before it.
    pub(super) number: u64,
    pub(super) https_only: bool,
    /// When it is to be made anew, and when it ends, by the clock.
    due: Option<Duration>,
    ends: Option<Duration>,
}

/// A source of tokens with the last one that it gave.
#[derive(Debug)]
pub(super) struct Cell {
    mint: Mint,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    made: u64,
    /// A sign-in that was refused is not tried again: accounts are locked after a few wrong passwords.
    refused: Option<Error>,
}

impl Cell {
    pub(super) fn new(mint: Mint) -> Self {
        Self { mint, state: Mutex::default() }
    }

    /// `true` where another token can be had.
    pub(super) fn is_renewable(&self) -> bool {
        self.mint.is_renewable()
    }

    /// The token to use; not the one of the number `refused`.
    pub(super) fn token(&self, door: &Door, refused: Option<u64>, cancel: &Cancel) -> Result<Token> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &state.refused {
            return Err(error.clone());
        }
        let now = door.clock.now();
        let usable = state.token.as_ref().filter(|token| refused != Some(token.number));
        if let Some(token) = usable.filter(|token| token.due.is_none_or(|due| now < due)) {
            return Ok(token.clone());
        }
        let still_good = usable.filter(|token| token.ends.is_none_or(|end| now < end)).cloned();
        let fresh = match self.mint.make(door, cancel) {
            Ok(fresh) => fresh,
            Err(error) if error.kind() != ErrorKind::SignIn && still_good.is_some() => {
                let token = still_good.map(|token| Token { due: Some(now + LATER), ..token });
                state.token.clone_from(&token);
                return token.ok_or(error);
            }
            Err(error) => {
                if error.kind() == ErrorKind::SignIn {
                    state.refused = Some(error.clone());
                }
                return Err(error);
            }
        };
        state.made += 1;
        let now = door.clock.now();
        let token = Token {
            secret: fresh.secret,
            number: state.made,
            https_only: fresh.https_only,
            due: fresh.life.map(|life| now + life.saturating_sub(EARLY.min(life / 10))),
            ends: fresh.life.map(|life| now + life),
        };
        state.token = Some(token.clone());
        Ok(token)
    }
}
