//! Signing in against scripted servers: every way to a token, every refusal, and where secrets may go.

#![allow(clippy::unwrap_used, reason = "a test that can't go on stops")]

#[path = "support/layer.rs"]
mod layer;
#[path = "support/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geohaul::error::{Error, ErrorKind};
use geohaul::fetch::auth::{Access, Credential, Login, SignIn};
use geohaul::fetch::clock::Clock;
use geohaul::fetch::gp::{Options, Parameters, Polling, Task};
use geohaul::fetch::http::{Fault, HttpTransport, Method, Request, Response, SharedTransport, Transport};
use geohaul::fetch::layer::{LayerOptions, LayerSource};
use geohaul::fetch::retry::RetryPolicy;
use geohaul::fetch::session::Session;
use geohaul::fetch::{Input, Item, Source};
use geohaul::model::ReadPlan;
use geohaul::pipe::Permits;
use geohaul::report::Silent;
use layer::Layer;
use serde_json::{Value, json};
use server::{Call, Reply, Server};
use url::Url;

const LAYER: &str = "/arcgis/rest/services/Roads/FeatureServer/0";
const PASSWORD: &str = "correct horse & battery";

/// A server that makes tokens itself and lets nobody in without one.
#[derive(Clone)]
struct Guarded {
    layer: Layer,
    /// Tokens that were made: `made-1`, `made-2`, ...
    made: Arc<AtomicU64>,
    /// Those that are good.
    good: Arc<Mutex<BTreeSet<String>>>,
    /// Each token ends after so many requests.
    lasts: u64,
    used: Arc<AtomicU64>,
    info: Value,
}

impl Guarded {
    fn of(rows: i64) -> Self {
        Self {
            layer: Layer::of(1..=rows),
            made: Arc::default(),
            good: Arc::default(),
            lasts: u64::MAX,
            used: Arc::default(),
            info: json!({"currentVersion": 11.3, "authInfo": {"isTokenBasedSecurity": true}}),
        }
    }

    fn accepting(self, token: &str) -> Self {
        self.good.lock().unwrap().insert(token.to_owned());
        self
    }

    fn made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    fn make(&self) -> Reply {
        let token = format!("made-{}", self.made.fetch_add(1, Ordering::SeqCst) + 1);
        *self.good.lock().unwrap() = BTreeSet::from([token.clone()]);
        self.used.store(0, Ordering::SeqCst);
        let expires = jiff::Timestamp::now().as_millisecond() + 3_600_000;
        Reply::json(&json!({"token": token, "expires": expires, "ssl": false}))
    }

    /// Why a call is refused.
    fn refusal(&self, call: &Call) -> Option<Reply> {
        let header = call.header("x-esri-authorization").trim_start_matches("Bearer ");
        let token = if header.is_empty() { call.param("token") } else { header };
        if token.is_empty() {
            return Some(Reply::error(499, "Token Required"));
        }
        let mut good = self.good.lock().unwrap();
        if self.used.fetch_add(1, Ordering::SeqCst) >= self.lasts {
            good.clear();
        }
        (!good.contains(token)).then(|| Reply::error(498, "Invalid token."))
    }

    fn reply(&self, call: &Call) -> Reply {
        if call.path.ends_with("/rest/info") {
            let mut info = self.info.clone();
            if info.get("owningSystemUrl").is_none() {
                info["authInfo"]["tokenServicesUrl"] = format!("http://{}/arcgis/tokens/", call.header("host")).into();
            }
            return Reply::json(&info);
        }
        if call.path.ends_with("/generateToken") {
            let known = call.method == "POST"
                && call.query.is_empty()
                && call.param("username") == "ann"
                && call.param("password") == PASSWORD;
            return if known { self.make() } else { wrong_password() };
        }
        self.refusal(call).unwrap_or_else(|| self.layer.reply(call))
    }
}

fn wrong_password() -> Reply {
    Reply::json(
        &json!({"error": {"code": 400, "message": "Unable to generate token.", "details": ["Invalid username or password."]}}),
    )
}

fn serve(guarded: &Guarded) -> Server {
    let guarded = guarded.clone();
    Server::start(move |call| guarded.reply(call))
}

fn ann() -> Credential {
    Credential::Password { user: "ann".to_owned(), password: PASSWORD.into() }
}

fn token(text: &str) -> Credential {
    Credential::token(&text.into()).unwrap()
}

fn session(access: &Access) -> Session {
    access.session()
}

/// The ids that come of a layer.
fn export_with(session: &Session, url: &Url, connections: usize) -> Result<Vec<i64>, Error> {
    let options = LayerOptions { page_size: Some(10), ..LayerOptions::default() };
    let source = LayerSource::open(&session.clone().with_connections(connections), url, options, Arc::new(Silent))?;
    let plan = ReadPlan { geometry: true, z: true, m: true, curve_tolerance: 0.01, keep_curves: false };
    let mut pages = Box::new(source).open(&plan, &Permits::new(16, 1 << 26), Arc::new(Silent))?;
    let mut ids = Vec::new();
    while let Some(next) = pages.next() {
        let (page, _permit) = next?;
        let text = format!("[{}]", std::str::from_utf8(&page.bytes[page.facts.features.clone()]).unwrap());
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        ids.extend(rows.iter().map(|row| row["attributes"]["OBJECTID"].as_i64().unwrap()));
    }
    assert_eq!(pages.finish()?.missing(), 0);
    Ok(ids)
}

fn export(access: &Access, url: &Url) -> Result<Vec<i64>, Error> {
    export_with(&session(access), url, 1)
}

fn calls_to(server: &Server, end: &str) -> usize {
    server.calls().iter().filter(|call| call.path.ends_with(end)).count()
}

/// Asserts that a server never saw `secret` in an address, and with `nowhere` not at all.
fn never_in_an_address(server: &Server, secret: &str) {
    for call in server.calls() {
        assert!(!call.query.contains(secret) && !call.path.contains(secret), "{call:?}");
    }
}

fn never_saw(server: &Server, secret: &str) {
    for call in server.calls() {
        assert!(!format!("{call:?}").contains(secret), "{call:?}");
    }
}

/// Asserts what an error says.
fn says(error: &Error, kind: ErrorKind, words: &[&str]) {
    let text = format!("{error:?}");
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(error.hint_text().is_some(), "no hint: {text}");
}

/// Time that passes when it is told to.
#[derive(Default)]
struct Hand(Mutex<Duration>);

impl Hand {
    fn forward(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for Hand {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
    fn sleep(&self, wait: Duration) {
        self.forward(wait);
    }
    fn jitter(&self) -> f64 {
        0.0
    }
}

#[test]
fn a_password_becomes_a_token_that_stands_in_bodies_and_never_in_an_address() {
    let guarded = Guarded::of(25);
    let server = serve(&guarded);
    let url = server.url(LAYER);
    let ids = export(&Access::default().login(Login::new(&url, ann())), &url).unwrap();
    assert_eq!(ids, (1..=25).collect::<Vec<_>>());
    assert_eq!(guarded.made(), 1);
    never_in_an_address(&server, "made-1");
    let calls = server.calls();
    let maker = calls.iter().find(|call| call.path.ends_with("/generateToken")).unwrap();
    assert_eq!(
        (maker.path.as_str(), maker.param("client"), maker.param("f")),
        ("/arcgis/tokens/generateToken", "referer", "json")
    );
    for call in calls.iter().filter(|call| call.path.starts_with(LAYER)) {
        assert_eq!((call.method.as_str(), call.param("token")), ("POST", "made-1"));
        assert_eq!(call.header("referer"), maker.param("referer"), "the token is bound to it");
    }
}

#[test]
fn a_token_that_ends_in_mid_export_is_renewed_once_for_all_threads() {
    let guarded = Guarded { lasts: 8, ..Guarded::of(300) };
    let limited = guarded.clone();
    let server = Server::start(move |call| {
        // The second token lasts.
        let lasts = if limited.made() > 1 { u64::MAX } else { limited.lasts };
        std::thread::sleep(Duration::from_millis(3));
        Guarded { lasts, ..limited.clone() }.reply(call)
    });
    let url = server.url(LAYER);
    let ids = export_with(&session(&Access::default().login(Login::new(&url, ann()))), &url, 8).unwrap();
    assert_eq!(ids, (1..=300).collect::<Vec<_>>());
    assert_eq!(guarded.made(), 2);
}

#[test]
fn a_renewed_token_that_is_refused_as_well_is_the_end() {
    let guarded = Guarded { lasts: 0, ..Guarded::of(25) };
    let server = serve(&guarded);
    let url = server.url(LAYER);
    let error = export(&Access::default().login(Login::new(&url, ann())), &url).unwrap_err();
    says(&error, ErrorKind::SignIn, &["refuses a token that was made a moment ago", "498 Invalid token."]);
    assert_eq!((guarded.made(), calls_to(&server, LAYER)), (2, 2));
}

#[test]
fn a_ready_token_opens_a_server_without_further_questions() {
    let guarded = Guarded::of(5).accepting("ready-0123456789");
    let server = serve(&guarded);
    let url = server.url(LAYER);
    let access = Access::default().login(Login::new(&url, token("ready-0123456789")));
    assert_eq!(export(&access, &url).unwrap().len(), 5);
    assert_eq!((calls_to(&server, "/rest/info"), guarded.made()), (0, 0));
}

#[test]
fn a_ready_token_that_is_refused_can_only_be_replaced_by_its_owner() {
    let guarded = Guarded::of(5);
    let server = serve(&guarded);
    let url = server.url(LAYER);
    let error = export(&Access::default().login(Login::new(&url, token("stale-0123456789"))), &url).unwrap_err();
    says(&error, ErrorKind::SignIn, &["refuses the token", "498 Invalid token.", "get a new one", "--referer"]);
    assert!(!format!("{error:?}").contains("stale-"));
    assert_eq!(guarded.made(), 0);
}

#[test]
fn a_wrong_password_is_tried_once_and_not_shown() {
    let guarded = Guarded::of(25);
    let server = serve(&guarded);
    let url = server.url(LAYER);
    let wrong = Credential::Password { user: "ann".to_owned(), password: "incorrect-horse".into() };
    let session = session(&Access::default().login(Login::new(&url, wrong)));
    for _ in 0..3 {
        let error = export_with(&session, &url, 8).unwrap_err();
        says(&error, ErrorKind::SignIn, &["user ann could not be signed in", "Invalid username or password."]);
        assert!(!format!("{error:?}").contains("incorrect-horse"));
    }
    assert_eq!(calls_to(&server, "/generateToken"), 1, "accounts are locked after a few wrong passwords");
}

#[test]
fn a_layer_that_wants_a_sign_in_says_how_to_give_one() {
    let server = serve(&Guarded::of(5));
    let error = export(&Access::default(), &server.url(LAYER)).unwrap_err();
    says(&error, ErrorKind::SignIn, &["499 Token Required", "--user", "--token-file"]);
}

#[test]
fn a_token_that_is_bound_to_a_referer_goes_with_it() {
    let guarded = Guarded::of(5).accepting("bound-0123456789");
    let server = Server::start(move |call| match call.header("referer") {
        "https://app.example/map" => guarded.reply(call),
        _ => Reply::error(498, "Invalid token. Referer mismatch."),
    });
    let url = server.url(LAYER);
    let login = Login::new(&url, token("bound-0123456789"));
    let error = export(&Access::default().login(login.clone()), &url).unwrap_err();
    says(&error, ErrorKind::SignIn, &["Referer mismatch", "--referer"]);
    let access = Access::default().login(login.with_referer(Some("https://app.example/map".to_owned())));
    assert_eq!(export(&access, &url).unwrap().len(), 5);
}

/// A portal that ann has an account at. It gives tokens of `server` for its own.
fn portal(guarded: &Guarded, server: &Guarded) -> Server {
    let (guarded, server) = (guarded.clone(), server.clone());
    Server::start(move |call| {
        if call.path == "/portal/sharing/rest/generateToken" && !call.param("serverUrl").is_empty() {
            return match guarded.refusal(call) {
                Some(refusal) => refusal,
                None => server.make(),
            };
        }
        guarded.reply(call)
    })
}

#[test]
fn a_portals_token_is_good_for_its_servers_and_is_made_once_for_all_of_them() {
    let (at_portal, guarded) = (Guarded::of(25), Guarded::of(25));
    let portal = portal(&at_portal, &guarded);
    // Both name their tokens alike, so the portal's begin later.
    at_portal.made.store(100, Ordering::SeqCst);
    let info = json!({"owningSystemUrl": portal.url("/portal").as_str(), "authInfo": {"isTokenBasedSecurity": true}});
    let member = Guarded { info, ..guarded.clone() };
    let (one, two) = (serve(&member), serve(&member));
    let session = session(&Access::default().login(Login::for_portal(&portal.url("/portal/home/"), ann())));
    for server in [&one, &two] {
        assert_eq!(export_with(&session, &server.url(LAYER), 4).unwrap().len(), 25);
        never_saw(server, "horse");
        // It is exchanged for one of the server's: anybody can say that a portal is his.
        never_saw(server, "made-101");
    }
    assert_eq!((at_portal.made(), guarded.made()), (101, 2));
}

#[test]
fn a_server_at_the_address_of_its_portal_takes_the_portals_token() {
    let guarded = Guarded::of(25);
    let both = guarded.clone();
    let server = Server::start(move |call| match call.path.ends_with("/arcgis/rest/info") {
        true => Reply::json(&json!({"owningSystemUrl": format!("http://{}/portal", call.header("host"))})),
        false => both.reply(call),
    });
    let access = Access::default().login(Login::for_portal(&server.url("/portal"), ann()));
    assert_eq!(export(&access, &server.url(LAYER)).unwrap().len(), 25);
    assert!(server.calls().iter().all(|call| call.param("serverUrl").is_empty()));
    assert_eq!(guarded.made(), 1);
}

#[test]
fn a_server_that_only_says_that_it_belongs_to_a_portal_gets_no_token_of_it() {
    let guarded = Guarded::of(25);
    let known = guarded.clone();
    let portal = Server::start(move |call| match call.param("serverUrl") {
        "" => known.reply(call),
        _ => Reply::error(400, "The server is not federated with this portal."),
    });
    let info = json!({"owningSystemUrl": portal.url("/portal").as_str(), "authInfo": {"isTokenBasedSecurity": true}});
    let access = Access::default().login(Login::for_portal(&portal.url("/portal"), ann()));
    // What it gives to everybody comes all the same.
    let layer = Layer::of(1..=25);
    let said = info.clone();
    let open = Server::start(move |call| match call.path.ends_with("/rest/info") {
        true => Reply::json(&said),
        false => layer.reply(call),
    });
    assert_eq!(export(&access, &open.url(LAYER)).unwrap().len(), 25);
    let closed = serve(&Guarded { info, ..guarded.clone() });
    let error = export(&access, &closed.url(LAYER)).unwrap_err();
    says(&error, ErrorKind::SignIn, &["gives no token for", "not federated"]);
    for server in [&open, &closed] {
        never_saw(server, "made-");
        never_saw(server, "horse");
    }
}

#[test]
fn a_server_that_wants_a_token_of_its_own_gets_one_in_exchange_for_the_portals() {
    let (at_portal, at_server) = (Guarded::of(25), Guarded::of(25));
    let portal = portal(&at_portal, &at_server);
    let info = json!({"owningSystemUrl": portal.url("/portal").as_str(), "authInfo": {"isTokenBasedSecurity": true}});
    // Both name their tokens alike, so the portal's begin later.
    at_portal.made.store(100, Ordering::SeqCst);
    let server = serve(&Guarded { info, ..at_server.clone() });
    let url = server.url(LAYER);
    // The user names the server; it names the portal.
    let ids = export_with(&session(&Access::default().login(Login::new(&url, ann()))), &url, 4).unwrap();
    assert_eq!(ids.len(), 25);
    assert_eq!((at_portal.made(), at_server.made()), (101, 1));
    let asked: Vec<Call> = portal.calls().into_iter().filter(|call| !call.param("serverUrl").is_empty()).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].param("token"), asked[0].param("serverUrl")), ("made-101", server.url("/arcgis").as_str()));
    never_saw(&server, "horse");
    never_in_an_address(&portal, "made-");
}

#[test]
fn a_portals_token_is_not_for_a_server_of_another_portal() {
    let guarded = Guarded::of(25);
    let portal = portal(&guarded, &guarded);
    let info = json!({"owningSystemUrl": "http://other.example/portal", "authInfo": {"isTokenBasedSecurity": true}});
    let server = serve(&Guarded { info, ..Guarded::of(25) });
    let access = Access::default().login(Login::for_portal(&portal.url("/portal"), ann()));
    let error = export(&access, &server.url(LAYER)).unwrap_err();
    says(&error, ErrorKind::SignIn, &["none of those given is for 127.0.0.1", "http://other.example/portal"]);
    assert_eq!(guarded.made(), 0);
    never_saw(&server, "horse");
}

#[test]
fn several_sites_in_one_run_get_each_its_own_credential() {
    let (one, two, open) = (serve(&Guarded::of(5).accepting("one-0123456789ab")), serve(&Guarded::of(6)), serve_open(7));
    let access =
        Access::default().login(Login::new(&one.url(LAYER), token("one-0123456789ab"))).login(Login::new(&two.url(LAYER), ann()));
    let session = session(&access);
    for (server, rows) in [(&one, 5), (&two, 6), (&open, 7)] {
        assert_eq!(export_with(&session, &server.url(LAYER), 2).unwrap().len(), rows);
    }
    never_saw(&two, "one-");
    never_saw(&one, "made-");
    for secret in ["one-", "made-", "horse"] {
        never_saw(&open, secret);
    }
}

fn serve_open(rows: i64) -> Server {
    let layer = Layer::of(1..=rows);
    Server::start(move |call| match call.path.ends_with("/rest/info") {
        true => Reply::json(&json!({"currentVersion": 10.91, "authInfo": {"isTokenBasedSecurity": false}})),
        false => layer.reply(call),
    })
}

#[test]
fn an_application_signs_in_with_its_id_and_secret() {
    let guarded = Guarded::of(5);
    let maker = guarded.clone();
    let portal = Server::start(move |call| match (call.path.as_str(), call.param("client_secret"), call.param("grant_type")) {
        ("/portal/sharing/rest/oauth2/token", "app secret", "client_credentials") => {
            maker.make();
            Reply::json(&json!({"access_token": "made-1", "expires_in": 7200}))
        }
        _ => Reply::json(
            &json!({"error": {"code": 400, "error": "invalid_client", "message": "Invalid client_secret", "details": []}}),
        ),
    });
    let info = json!({"owningSystemUrl": portal.url("/portal").as_str()});
    let server = serve(&Guarded { info, ..guarded });
    let url = server.url(LAYER);
    let app = |secret: &str| {
        Access::default().login(Login::new(&url, Credential::App { id: "app1".to_owned(), secret: secret.into() }))
    };
    assert_eq!(export(&app("app secret"), &url).unwrap().len(), 5);
    says(&export(&app("other"), &url).unwrap_err(), ErrorKind::SignIn, &["application app1", "Invalid client_secret"]);
}

#[test]
fn a_redirect_to_another_origin_loses_the_token_and_what_the_server_wrote_of_it() {
    let other = serve_open(5);
    let target = other.url("/");
    let server = Server::start(move |call| {
        let mut to = target.join(&call.path).unwrap();
        let back = percent_encode(&format!("http://x.example/?token={}", call.param("token")));
        to.set_query(Some(&format!("f=json&token={}&back={back}", call.param("token"))));
        Reply::redirect(302, to.as_str())
    });
    let url = server.url(LAYER);
    let access = Access::default()
        .login(Login::new(&url, token("ready+0123456789")).with_referer(Some("https://app.example".to_owned())))
        .header(&url, "X-Gateway-Key", "gateway-key-0123".into())
        .unwrap();
    assert!(session(&access).json(&url, &[]).is_ok());
    assert_eq!(server.calls()[0].header("x-gateway-key"), "gateway-key-0123");
    let call = &other.calls()[0];
    assert_eq!((call.header("referer"), call.header("x-gateway-key"), call.param("f")), ("", "", "json"));
    for form in ["0123456789", "gateway-key"] {
        never_saw(&other, form);
    }
}

fn percent_encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A transport that answers by a function and remembers addresses.
struct Scripted<F>(F, Mutex<Vec<Url>>);

impl<F: Fn(&Request) -> Value + Send + Sync> Transport for Scripted<F> {
    fn send(&self, request: &Request) -> Result<Response, Fault> {
        self.1.lock().unwrap().push(request.url.clone());
        let body = (self.0)(request).to_string();
        Ok(Response {
            status: 200,
            url: request.url.clone(),
            content_type: None,
            retry_after: None,
            server_time: None,
            body: body.into(),
        })
    }
}

#[test]
fn over_https_is_an_order_that_is_followed() {
    let script = Arc::new(Scripted(
        |request: &Request| match (request.url.path(), request.url.scheme()) {
            (_, "http") if request.url.path().ends_with("/info") => {
                json!({"authInfo": {"tokenServicesUrl": "http://h.example:6080/arcgis/tokens/"}})
            }
            (_, "http") => json!({"error": {"code": 403, "message": "This request needs to be made over https."}}),
            (path, _) if path.ends_with("/generateToken") => json!({"token": "made-1", "expires_in": 3600}),
            _ => json!({"name": "Roads"}),
        },
        Mutex::default(),
    ));
    let url: Url = format!("http://h.example:6080{LAYER}").parse().unwrap();
    let transport = Access::default().login(Login::new(&url, ann())).over(Arc::clone(&script) as SharedTransport);
    let session = Session::new(transport);
    assert_eq!(session.json(&url, &[]).unwrap()["name"], "Roads");
    assert_eq!(session.json(&url, &[]).unwrap()["name"], "Roads");
    let asked: Vec<String> = script.1.lock().unwrap().iter().map(ToString::to_string).collect();
    let https = format!("https://h.example:6443{LAYER}");
    assert_eq!(
        asked,
        [
            "http://h.example:6080/arcgis/rest/info",
            "http://h.example:6080/arcgis/tokens/generateToken",
            "https://h.example:6443/arcgis/tokens/generateToken",
            url.as_str(),
            &https,
            &https,
        ]
    );
}

#[test]
fn a_login_for_https_is_never_used_over_http() {
    let script = Arc::new(Scripted(|_: &Request| json!({"name": "Roads"}), Mutex::default()));
    let site: Url = "https://h.example/arcgis/rest/services".parse().unwrap();
    let transport =
        Access::default().login(Login::new(&site, token("ready-0123456789"))).over(Arc::clone(&script) as SharedTransport);
    Session::new(transport).json(&format!("http://h.example{LAYER}").parse().unwrap(), &[]).unwrap();
    let asked: Vec<String> = script.1.lock().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(asked, [format!("https://h.example{LAYER}")]);
}

#[test]
fn a_token_is_renewed_five_minutes_before_its_end_by_the_servers_clock() {
    let guarded = Guarded::of(5);
    let clock = Arc::new(Hand::default());
    let maker = guarded.clone();
    let server = Server::start(move |call| {
        if !call.path.ends_with("/generateToken") {
            return maker.reply(call);
        }
        maker.make();
        // A server whose clock stands still in 2015.
        let answer = json!({"token": format!("made-{}", maker.made()), "expires": 1_445_416_080_000_i64});
        Reply::json(&answer).header("Date", "Wed, 21 Oct 2015 07:28:00 GMT")
    });
    let url = server.url(LAYER);
    let http = Arc::new(HttpTransport::default());
    let sign_in =
        SignIn::with_retry(http, vec![Login::new(&url, ann())], RetryPolicy::default(), Arc::clone(&clock) as Arc<dyn Clock>);
    let session = Session::new(Arc::new(sign_in));
    for (minutes, made) in [(0, 1), (54, 1), (2, 2), (50, 2), (6, 3)] {
        clock.forward(Duration::from_secs(60 * minutes));
        session.json(&url, &[]).unwrap();
        assert_eq!(guarded.made(), made, "after {minutes} minutes more");
    }
}

#[test]
fn something_in_between_that_wont_have_post_gets_get_with_a_header() {
    let guarded = Guarded::of(25).accepting("ready-0123456789");
    let server = Server::start(move |call| match call.method.as_str() {
        "POST" => Reply::html("<title>Method not allowed</title>").status(405),
        _ => guarded.reply(call),
    });
    let url = server.url(LAYER);
    assert_eq!(export(&Access::default().login(Login::new(&url, token("ready-0123456789"))), &url).unwrap().len(), 25);
    assert_eq!(server.calls().iter().filter(|call| call.method == "POST").count(), 1, "it is tried once");
    never_in_an_address(&server, "ready");
    assert_eq!(server.calls()[1].header("x-esri-authorization"), "Bearer ready-0123456789");
}

#[test]
fn a_download_carries_the_token_in_a_header_and_where_that_is_lost_in_a_body() {
    for old in [false, true] {
        let server = Server::start(move |call| {
            let header = call.header("x-esri-authorization") == "Bearer ready-0123456789" && !old;
            match header || call.param("token") == "ready-0123456789" {
                true => Reply::bytes("application/zip", "PK"),
                false => Reply::error(499, "Token Required"),
            }
        });
        let url = server.url("/arcgis/rest/directories/arcgisjobs/out.zip");
        let transport =
            Access::default().login(Login::new(&url, token("ready-0123456789"))).over(Arc::new(HttpTransport::default()));
        let mut request = Session::new(Arc::clone(&transport)).request(&url, &[]);
        request.params.clear();
        for _ in 0..2 {
            assert_eq!(transport.send(&request).unwrap().body, "PK");
        }
        let methods: Vec<String> = server.calls().into_iter().map(|call| call.method).collect();
        assert_eq!(methods, if old { vec!["GET", "POST", "POST"] } else { vec!["GET", "GET"] });
    }
}

#[test]
fn a_job_is_followed_long_after_its_token_ended_and_a_submission_that_was_refused_is_sent_again() {
    let guarded = Guarded::of(1);
    let task = "/arcgis/rest/services/T/GPServer/Long";
    let polls = Arc::new(AtomicU64::new(0));
    let submitted = Arc::new(AtomicU64::new(0));
    let (inner, ran) = (guarded.clone(), Arc::clone(&submitted));
    let server = Server::start(move |call| {
        let guarded = &inner;
        let job =
            |status: &str| Reply::json(&json!({"jobId": "j1", "jobStatus": status, "results": {"N": {"paramUrl": "results/N"}}}));
        if !call.path.starts_with(task) {
            return guarded.reply(call);
        }
        // The first token ends with the description, the second with the third poll, the third with the job.
        let ended = (call.path.ends_with("/submitJob") && guarded.made() == 1)
            || (polls.load(Ordering::SeqCst) == 2 && guarded.made() == 2)
            || (call.path.ends_with("/results/N") && guarded.made() == 3);
        if ended {
            return Reply::error(498, "Invalid token.");
        }
        if let Some(refusal) = guarded.refusal(call) {
            return refusal;
        }
        match call.path.strip_prefix(task).unwrap() {
            "" => Reply::json(&json!({"name": "Long", "executionType": "esriExecutionTypeAsynchronous", "parameters": []})),
            "/jobs/j1/results/N" => Reply::json(&json!({"paramName": "N", "dataType": "GPLong", "value": 7})),
            "/submitJob" => {
                ran.fetch_add(1, Ordering::SeqCst);
                job("esriJobSubmitted")
            }
            _ if polls.fetch_add(1, Ordering::SeqCst) < 4 => job("esriJobExecuting"),
            _ => job("esriJobSucceeded"),
        }
    });
    let url = server.url(task);
    let session = session(&Access::default().login(Login::new(&url, ann())));
    let polling = Polling { first: Duration::from_millis(1), longest: Duration::from_millis(1), ..Polling::default() };
    let task = Task::open(&session, &url).unwrap();
    let mut job = task.run(&Parameters::default(), &Options::default(), &(Arc::new(Silent) as _)).unwrap();
    job.wait(&polling).unwrap();
    assert_eq!((guarded.made(), submitted.load(Ordering::SeqCst)), (3, 1));
    let mut results = job.results(None).unwrap();
    let Some(Ok(Item::Value(number))) = results.items().next() else { panic!("a value") };
    assert_eq!((number.value, guarded.made()), (json!(7), 4));
}

#[test]
fn a_service_that_forbids_the_account_says_so_at_once() {
    let guarded = Guarded::of(1).accepting("ready-0123456789");
    let server = Server::start(move |call| match call.path.ends_with("/info") {
        true => guarded.reply(call),
        false => Reply::error(403, "You do not have permissions to access this resource or perform this operation."),
    });
    let url = server.url(LAYER);
    let error = export(&Access::default().login(Login::new(&url, token("ready-0123456789"))), &url).unwrap_err();
    says(&error, ErrorKind::SignIn, &["does not allow this", "You do not have permissions"]);
    assert_eq!(calls_to(&server, LAYER), 1);
}

#[test]
fn a_server_behind_a_resource_proxy_is_asked_through_it() {
    let layer = Layer::of(1..=25);
    let proxy = Server::start(move |call| {
        // The address proper stands unencoded behind the question mark.
        let inner: Url = call.query.parse().unwrap();
        assert_eq!((call.path.as_str(), inner.host_str()), ("/proxy.ashx", Some("h.example")));
        let mut params: Vec<(String, String)> = inner.query_pairs().into_owned().collect();
        params.extend(call.params.iter().filter(|(key, _)| !key.starts_with("http")).cloned());
        layer.reply(&Call { path: inner.path().to_owned(), params, ..call.clone() })
    });
    let text = format!("{}?https://h.example{LAYER}/query?f=html", proxy.url("/proxy.ashx"));
    let pasted = geohaul::fetch::pasted::Pasted::parse(&text).unwrap();
    let (url, through) = (pasted.address.unwrap(), pasted.resource_proxy.unwrap());
    let ids = export(&Access::default().resource_proxy(&url, &through), &url).unwrap();
    assert_eq!(ids, (1..=25).collect::<Vec<_>>());
}

#[test]
fn a_web_server_in_front_gets_user_and_password_and_the_gateway_its_key() {
    let layer = Layer::of(1..=5);
    let server = Server::start(move |call| match (call.header("authorization"), call.header("x-key")) {
        ("Basic YW5uOmNvcnJlY3QgaG9yc2UgJiBiYXR0ZXJ5", "k3y") => layer.reply(call),
        _ => Reply::html("<title>401 - Unauthorized</title>").status(401).header("WWW-Authenticate", "Basic realm=\"x\""),
    });
    let url = server.url(LAYER);
    let access = Access::default().basic(&url, "ann", &PASSWORD.into()).header(&url, "X-Key", "k3y".into()).unwrap();
    assert_eq!(export(&access, &url).unwrap().len(), 5);
    says(&export(&Access::default(), &url).unwrap_err(), ErrorKind::SignIn, &["401", "--basic"]);
}

#[test]
fn what_a_server_repeats_of_a_secret_is_not_repeated_by_us() {
    let server = Server::start(|call| {
        let token = call.param("token").to_owned();
        Reply::error(400, &format!("no such thing: {token} {}", percent_encode(&token)))
    });
    let url = server.url(LAYER);
    let error = export(&Access::default().login(Login::new(&url, token("echo+0123456789/"))), &url).unwrap_err();
    assert!(error.to_string().contains("no such thing: ****************"), "{error}");
    assert!(!format!("{error:?}").contains("0123456789"), "{error:?}");
}

#[test]
fn nothing_that_can_be_printed_shows_a_secret() {
    let url: Url = "https://h.example/arcgis/rest/services".parse().unwrap();
    let access = Access::default()
        .login(Login::new(&url, token("tok-0123456789")))
        .login(Login::for_portal(&url, ann()))
        .login(Login::new(&url, Credential::App { id: "app".to_owned(), secret: "app-secret".into() }))
        .basic(&url, "ann", &PASSWORD.into())
        .header(&url, "X-Key", "gateway-key".into())
        .unwrap();
    let seen: Arc<Mutex<String>> = Arc::default();
    let (kept, session) = (Arc::clone(&seen), session(&access));
    let script = Scripted(
        move |request: &Request| {
            kept.lock().unwrap().push_str(&format!("{request:?}"));
            json!({})
        },
        Mutex::default(),
    );
    let transport = access.over(Arc::new(script));
    let mut request = session.request(&url, &[("token", "tok-0123456789"), ("password", PASSWORD)]);
    request.method = Method::Post;
    transport.send(&request).unwrap();
    let sign_in = SignIn::new(Arc::new(HttpTransport::default()), vec![Login::new(&url, ann())]);
    let text = format!("{access:?} {session:?} {request:?} {sign_in:?} {}", seen.lock().unwrap());
    assert!(text.contains("X-Esri-Authorization") || text.contains("token"), "{text}");
    for secret in ["tok-0", "horse", "app-secret", "gateway-key", "YW5uOm"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
