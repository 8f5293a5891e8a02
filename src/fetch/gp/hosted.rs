//! The analysis tasks that a portal hosts: where they are, what they cost, and the items that they leave.

use serde_json::{Value, json};
use url::{Host, Url};

use super::{Options, Parameters, Session, Task, child, post};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::auth::over_https;

/// A portal with analysis tasks.
#[derive(Debug, Clone)]
pub struct Portal {
    session: Session,
    url: Url,
    analysis: Url,
    estimator: Option<Url>,
    user: Option<String>,
    /// The credits that the organization has left, where the portal tells.
    pub available_credits: Option<f64>,
}

impl Portal {
    /// Asks the portal at `url` (`https://org.maps.arcgis.com`, `https://host/portal`) who is there and where its
    /// analysis tasks are. What is not this machine is asked over https.
    ///
    /// # Errors
    /// [`ErrorKind::SignIn`] where the session is not signed in, [`ErrorKind::Unsupported`] for a portal without analysis.
    pub fn open(session: &Session, url: &Url) -> Result<Self> {
        let url = secure(url);
        let about = child(&url, &["sharing", "rest", "portals", "self"]);
        let json = session.json(&about, &[])?;
        let helper = |name: &str| {
            let text = json.pointer(&format!("/helperServices/{name}/url")).and_then(Value::as_str)?;
            let found: Url = text.parse().ok()?;
            Some(if url.scheme() == "https" { secure(&found) } else { found })
        };
        let user = json.pointer("/user/username").and_then(Value::as_str).map(str::to_owned);
        let Some(analysis) = helper("analysis") else {
            let error = match &user {
                None => Error::new(ErrorKind::SignIn, "the portal wants a sign-in for its analysis tasks")
                    .hint("sign in with --user NAME"),
                Some(user) => Error::new(ErrorKind::Unsupported, format!("the portal offers no analysis to {user}")),
            };
            return Err(error.because("it names no helperServices.analysis").at_url(&url));
        };
        let credits = json.get("availableCredits").and_then(Value::as_f64);
        let estimator = helper("creditEstimation");
        Ok(Self { session: session.clone(), url, analysis, estimator, user, available_credits: credits })
    }

    /// One of its tasks, such as `CreateBuffers`.
    ///
    /// # Errors
    /// Where there is none of this name, or the account may not use it.
    pub fn task(&self, name: &str) -> Result<Task> {
        Ok(Task { hosted: true, ..Task::open(&self.session, &child(&self.analysis, &[name]))? })
    }

    /// The credits that a run will cost; `None` where the portal does not tell.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for values that the task can't take.
    pub fn estimate(&self, task: &Task, parameters: &Parameters, options: &Options) -> Result<Option<f64>> {
        let Some(estimator) = &self.estimator else { return Ok(None) };
        let (_, params) = task.preview(parameters, options)?;
        let inputs: serde_json::Map<String, Value> = params
            .into_iter()
            .filter(|(name, _)| task.info().inputs().any(|input| input.name == *name))
            .map(|(name, value)| (name, serde_json::from_str(&value).unwrap_or(Value::String(value))))
            .collect();
        let params =
            vec![("taskName".to_owned(), task.info().name.clone()), ("taskParameters".to_owned(), json!(inputs).to_string())];
        let mut request = post(&self.session, &child(estimator, &["EstimateCredits", "execute"]), params);
        request.repeatable = false;
        // Whoever can't estimate may run the task all the same.
        let Ok(answer) = self.session.ask(&request, false) else { return Ok(None) };
        let results = answer.skeleton.value.get("results").and_then(Value::as_array).into_iter().flatten();
        Ok(results.filter_map(|result| result.pointer("/value/cost").and_then(Value::as_f64)).next())
    }

    /// Deletes an item of the signed-in account.
    ///
    /// # Errors
    /// Where the portal does not do it.
    pub fn delete_item(&self, id: &str) -> Result<()> {
        let user = self
            .user
            .as_deref()
            .ok_or_else(|| Error::new(ErrorKind::SignIn, "nobody is signed in at the portal").at_url(&self.url))?;
        let url = child(&self.url, &["sharing", "rest", "content", "users", user, "items", id, "delete"]);
        let answer = self.session.ask(&post(&self.session, &url, Vec::new()), false)?;
        match answer.skeleton.value.get("success").and_then(Value::as_bool) {
            Some(true) => Ok(()),
            _ => Err(Error::new(ErrorKind::Server, "the portal did not delete the item").at_url(&url)),
        }
    }
}

/// The same over https, but on this machine.
fn secure(url: &Url) -> Url {
    let here = match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if here || url.scheme() != "http" { url.clone() } else { over_https(url) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portal_is_asked_over_https_unless_it_is_on_this_machine() {
        let secure = |url: &str| secure(&url.parse().unwrap()).to_string();
        assert_eq!(secure("http://org.example/portal"), "https://org.example/portal");
        assert_eq!(secure("http://org.example:7080/portal"), "https://org.example:7443/portal");
        assert_eq!(secure("http://127.0.0.1:80/p"), "http://127.0.0.1/p");
    }
}
