//! The command line with secrets: how it takes them, where it keeps them, and that it shows them nowhere.

#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on stops")]

#[path = "support/layer.rs"]
mod layer;
#[path = "support/server.rs"]
mod server;
#[path = "support/tools.rs"]
mod tools;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use layer::Layer;
use serde_json::{Value, json};
use server::{Call, Reply, Server};

const LAYER: &str = "/arcgis/rest/services/Roads/FeatureServer/0";
const TASK: &str = "/arcgis/rest/services/T/GPServer/Echo";
const PASSWORD: &str = "correct horse/battery+staple";
const TOKEN: &str = "tok~0123456789+abcdef/ABCDEF==";
const MADE: &str = "made~abcdef0123456789-ABCDEF_.x";
const KEY: &str = "gateway-key-0123456789";

/// A folder of its own for each test: home, settings, secrets, outputs.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// geohaul with nothing of this machine's settings.
    fn geohaul(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geohaul"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().to_ascii_uppercase();
            if name.starts_with("GEOHAUL_") || name.ends_with("_PROXY") {
                command.env_remove(name.as_str()).env_remove(name.to_ascii_lowercase());
            }
        }
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("XDG_CONFIG_HOME", self.path("settings"))
            .env("HOME", self.0.path());
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.geohaul(arguments).output().unwrap()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn ok(output: Output) -> String {
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

fn fails(output: Output, status: i32, words: &[&str]) -> String {
    let text = text(&output);
    assert_eq!(output.status.code(), Some(status), "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    text
}

/// A server of 25 rows that knows ann, her token and the key of its gateway, and repeats all it hears.
fn chatty(other: &str) -> impl Fn(&Call) -> Reply + Send + Sync + 'static {
    let (layer, other) = (Layer::of(1..=25), other.to_owned());
    move |call| {
        let host = call.header("host");
        let token = call.param("token");
        let heard =
            format!("I heard {token} {} {} {}", call.header("x-key"), call.param("password"), call.header("authorization"));
        if call.path.ends_with("/rest/info") {
            return Reply::json(
                &json!({"currentVersion": 11.3, "authInfo": {"tokenServicesUrl": format!("http://{host}/arcgis/tokens")}}),
            );
        }
        if call.path.ends_with("/generateToken") {
            return match call.param("password") {
                PASSWORD => Reply::json(&json!({"token": MADE, "expires": 4_000_000_000_000_i64})),
                _ => Reply::error(400, &format!("Unable to generate token. {heard}")),
            };
        }
        if token != TOKEN && token != MADE {
            return Reply::error(if token.is_empty() { 499 } else { 498 }, &heard);
        }
        let job = || {
            json!({"jobId": "j1", "jobStatus": "esriJobSucceeded", "results": {"Out": {"paramUrl": "results/Out"}},
            "messages": [{"type": "esriJobMessageTypeInformative", "description": heard}]})
        };
        let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        match call.path.strip_prefix(TASK) {
            Some("") => Reply::json(&json!({"name": "Echo", "executionType": "esriExecutionTypeAsynchronous", "parameters": [
                {"name": "Out", "dataType": "GPString", "direction": "esriGPParameterDirectionOutput", "parameterType": "esriGPParameterTypeDerived"}]})),
            Some("/submitJob" | "/jobs/j1") => Reply::json(&job()),
            Some(_) => {
                let value = format!("{heard} {encoded} {}", STANDARD_NO_PAD.encode(&heard));
                Reply::json(&json!({"paramName": "Out", "dataType": "GPString", "value": value}))
            }
            None if call.path.contains("/Gone/") => Reply::error(404, &heard),
            None if call.path.contains("/Page/") => Reply::html(&format!("<title>{heard} {encoded}</title>")).status(404),
            None if call.path.contains("/Away/") => {
                Reply::redirect(302, &format!("{other}away?f=json&token={encoded}&x={encoded}"))
            }
            None if call.path.contains("/Nowhere/") => Reply::redirect(302, &format!("mailto:{token}")),
            // One page with secrets in its rows, and no more.
            None if call.path.contains("/Half/") && !["", "0"].contains(&call.param("resultOffset")) => Reply::error(400, &heard),
            None if call.path.contains("/Half/") && !call.param("objectIds").is_empty() => Reply::error(400, &heard),
            None if call.path.contains("/Half/") && call.path.ends_with("/query") => {
                let body = String::from_utf8(layer.reply(call).body).unwrap();
                Reply::bytes(
                    "application/json",
                    body.replace("row 2", &format!("{heard} {encoded} {}", STANDARD_NO_PAD.encode(&heard))),
                )
            }
            None => layer.reply(call),
        }
    }
}

/// Every way to write a secret down.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()];
    forms.push(percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string());
    for before in ["", "x", "xx"] {
        // The inner part of the encoded secret, which does not depend on its neighbours.
        let encoded = STANDARD_NO_PAD.encode(format!("{before}{secret}"));
        forms.push(encoded[4..encoded.len() - 2].to_owned());
        forms.push(forms[forms.len() - 1].replace('+', "-").replace('/', "_"));
    }
    forms
}

fn shows_nothing(what: &str, text: &str) {
    for secret in [PASSWORD, TOKEN, MADE, KEY] {
        for form in forms(secret) {
            assert!(!text.contains(&form), "{what} shows {form}: {text}");
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_output_report_or_message_shows_a_secret_and_no_other_origin_hears_one() {
    let other = Server::start(|_| Reply::error(400, "not here"));
    let server = Server::start(chatty(other.url("/").as_str()));
    let desk = Desk::new();
    let secrets = Desk::new();
    let (password, wrong, token) = (
        secrets.write("password", &format!("{PASSWORD}\n")),
        secrets.write("wrong", "incorrect-horse-staple"),
        secrets.write("token", TOKEN),
    );
    let header = secrets.write("header", &format!("X-Key: {KEY}\n"));
    let header = format!("@{}", header.display());
    let path = |path: &PathBuf| path.display().to_string();
    let at = |path: &str| server.url(path).to_string();
    let layer = |service: &str| at(&LAYER.replace("Roads", service));
    let pasted =
        format!("{}?f=html&token={}", at(LAYER), url::form_urlencoded::byte_serialize(TOKEN.as_bytes()).collect::<String>());
    let ann = ["--user", "ann", "--password-file", &path(&password), "--header", &header].map(str::to_owned);
    let mallory = ["--user", "ann", "--password-file", &path(&wrong)].map(str::to_owned);
    let ready = ["--token-file", &path(&token), "--header", &header].map(str::to_owned);
    let mut said = String::new();
    let mut run = |verb: &str, url: &str, out: &str, sign_in: &[String], status: i32| {
        // The log must not show any either.
        let mut arguments = vec![verb, url, "-vv"];
        let report = format!("{}.report.json", out.trim_end_matches('/'));
        if verb != "info" {
            arguments.extend(["-o", out, "--report", &report]);
        }
        if verb == "export" {
            arguments.extend(["--receipt", "--resume", "--page-size", "10"]);
        }
        arguments.extend(sign_in.iter().map(String::as_str));
        said.push_str(&fails(desk.run(&arguments), status, &[]));
    };
    run("export", &at(LAYER), "one.geojson", &ann, 0);
    run("export", &at(LAYER), "two.csv", &ready, 0);
    run("export", &pasted, "three.geojson", &[], 0);
    run("export", &at(LAYER), "four.geojson", &mallory, 1);
    run("run", &at(TASK), "results/", &ann, 0);
    run("info", &at(LAYER), "", &ready, 0);
    for (service, number) in [("Gone", 0), ("Page", 1), ("Away", 2), ("Nowhere", 3)] {
        for (sign_in, name) in [(&ann[..], "a"), (&ready[..], "r")] {
            run("export", &layer(service), &format!("{name}{number}.geojson"), sign_in, 1);
        }
    }
    for sign_in in [&ann[..], &ready[..]] {
        run("export", &layer("Half"), "half.geojson", sign_in, 1);
        let mut verify = vec!["verify", "one.geojson.receipt.json", "--against-server", "-vv"];
        verify.extend(sign_in.iter().map(String::as_str));
        let agrees = fails(desk.run(&verify), 0, &["agrees   object ids"]);
        shows_nothing("verify", &agrees);
    }
    fails(desk.run(&["verify", "one.geojson.receipt.json", "--against-server"]), 1, &["wants a sign-in"]);
    assert!(desk.path(".half.geojson.geohaul/pages").exists() && desk.path("one.geojson.receipt.json").exists());
    let kept = std::fs::read_to_string(desk.path(".half.geojson.geohaul/pages")).unwrap();
    assert!(kept.contains("I heard"), "{kept}");
    assert!(said.contains("DEBUG GET ") && said.contains("DEBUG POST "), "the log was on: {said}");
    assert!(said.contains("I heard") && said.contains("*****"), "the server did repeat what it heard: {said}");
    shows_nothing("the talk", &said);
    assert!(!said.contains("incorrect-horse"), "{said}");
    let written = files(desk.0.path());
    assert!(written.len() >= 8, "{written:?}");
    for file in written {
        let bytes = std::fs::read(&file).unwrap();
        shows_nothing(&file.display().to_string(), &String::from_utf8_lossy(&bytes));
    }
    for call in server.calls() {
        shows_nothing("an address", &format!("{} {}", call.path, call.query));
    }
    assert!(!other.calls().is_empty());
    for call in other.calls() {
        shows_nothing("a call to another origin", &format!("{call:?}"));
    }
}

#[test]
fn secrets_come_from_files_the_environment_and_standard_input() {
    let server = Server::start(chatty("http://127.0.0.1:9/"));
    let desk = Desk::new();
    let url = server.url(LAYER).to_string();
    let export = |name: &str, more: &[&str]| {
        let mut arguments = vec!["export", &url, "-o", name];
        arguments.extend(more);
        desk.geohaul(&arguments)
    };
    ok(export("a.csv", &[]).env("GEOHAUL_TOKEN", TOKEN).output().unwrap());
    ok(export("b.csv", &[]).env("GEOHAUL_USER", "ann").env("GEOHAUL_PASSWORD", PASSWORD).output().unwrap());
    ok(export("c.csv", &["--user", "ann"]).env("GEOHAUL_TOKEN", "unused").env("GEOHAUL_PASSWORD", PASSWORD).output().unwrap());
    let mut child = export("d.csv", &["--token", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{TOKEN}\n").as_bytes()).unwrap();
    ok(child.wait_with_output().unwrap());
    fails(export("e.csv", &["--user", "ann"]).output().unwrap(), 2, &["the password is missing", "GEOHAUL_PASSWORD"]);
    fails(export("e.csv", &[]).output().unwrap(), 1, &["wants a sign-in", "--token-file"]);
}

#[test]
fn an_application_signs_in_by_its_id_and_a_secret_from_a_file_or_the_environment() {
    let layer = Layer::of(1..=3);
    let server = Server::start(move |call| {
        let asked = |name: &str| call.param(name).to_owned();
        match call.path.as_str() {
            "/portal/sharing/rest/oauth2/token" => {
                let knows = (asked("client_id"), asked("client_secret")) == ("app1".to_owned(), PASSWORD.to_owned());
                match knows && asked("grant_type") == "client_credentials" {
                    true => Reply::json(&json!({"access_token": MADE, "expires_in": 7200})),
                    false => Reply::error(400, "Invalid client_secret"),
                }
            }
            path if path.starts_with("/portal/") => {
                Reply::json(&json!({"currentVersion": "11.3", "isPortal": true, "authInfo": {"isTokenBasedSecurity": true}}))
            }
            path if path.ends_with("/rest/info") => {
                Reply::json(&json!({"currentVersion": 11.3, "owningSystemUrl": format!("http://{}/portal", call.header("host")),
                    "authInfo": {"tokenServicesUrl": format!("http://{}/portal/sharing/rest/generateToken", call.header("host"))}}))
            }
            _ if call.param("token") == MADE => layer.reply(call),
            _ => Reply::error(499, "Token Required"),
        }
    });
    let desk = Desk::new();
    let secret = desk.write("secret", &format!("{PASSWORD}\n")).display().to_string();
    let url = server.url(LAYER).to_string();
    let export = ["export", &url, "--client-id", "app1", "-o"];
    let all = |more: &[&str]| desk.geohaul(&[&export[..], more].concat());
    let said = ok(all(&["a.csv", "--client-secret-file", &secret]).output().unwrap());
    ok(all(&["b.csv"]).env("GEOHAUL_CLIENT_SECRET", PASSWORD).output().unwrap());
    fails(all(&["c.csv"]).output().unwrap(), 2, &["the secret of the application is missing", "--client-secret-file"]);
    let wrong = desk.write("wrong", "not it").display().to_string();
    fails(all(&["c.csv", "--client-secret-file", &wrong]).output().unwrap(), 1, &["app1"]);
    shows_nothing("the talk", &said);
}

#[test]
fn a_secret_as_an_argument_is_refused_and_not_repeated() {
    let desk = Desk::new();
    let url = "http://127.0.0.1:9/arcgis/rest/services/Roads/FeatureServer/0";
    for secret in [&["--token", TOKEN][..], &["--proxy", "http://ann:made~abcdef0123456789-ABCDEF_.x@127.0.0.1:9"]] {
        let mut arguments = vec!["export", url, "-o", "a.csv"];
        arguments.extend(secret);
        shows_nothing("the complaint", &fails(desk.run(&arguments), 2, &["everybody on this machine"]));
    }
    for header in [KEY, "bad name: gateway-key-0123456789"] {
        let output = desk.run(&["export", url, "-o", "a.csv", "--header", header]);
        shows_nothing("the complaint", &fails(output, 2, &["'Name: value'"]));
    }
}

#[test]
fn a_kept_sign_in_opens_later_runs_until_it_is_forgotten() {
    let server = Server::start(chatty("http://127.0.0.1:9/"));
    let desk = Desk::new();
    let (url, root) = (server.url(LAYER).to_string(), server.url("/arcgis").to_string());
    let login =
        |password: &str| desk.geohaul(&["login", &url, "--user", "ann"]).env("GEOHAUL_PASSWORD", password).output().unwrap();
    fails(login("wrong-password"), 1, &["user ann could not be signed in"]);
    let file = desk.path("settings/geohaul/logins.json");
    assert!(!file.exists(), "what does not work is not kept");
    let said = ok(login(PASSWORD));
    assert!(said.contains(&format!("{root}: user ann; kept in ")), "{said}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    ok(desk.run(&["export", &url, "-o", "a.csv"]));
    ok(desk.run(&["export", &url, "-o", "b.csv", "--user", "ann"]));
    let listed = ok(desk.run(&["whoami"]));
    assert!(listed.contains(&root) && listed.contains("server") && listed.contains("user ann"), "{listed}");
    assert!(ok(desk.run(&["whoami", &url])).contains("user ann"));
    for text in [said, listed] {
        shows_nothing("the talk", &text);
    }
    ok(desk.run(&["logout", &root]));
    fails(desk.run(&["export", &url, "-o", "c.csv"]), 1, &["wants a sign-in"]);
    fails(desk.run(&["logout", &root]), 2, &["no sign-in is kept"]);
    fails(desk.run(&["whoami", &url]), 1, &["nobody is signed in there"]);
}

#[test]
#[cfg(target_os = "linux")]
fn where_no_keyring_is_the_sign_in_goes_into_the_file_without_a_word() {
    let server = Server::start(chatty("http://127.0.0.1:9/"));
    let desk = Desk::new();
    let url = server.url(LAYER).to_string();
    let nobody = |arguments: &[&str]| {
        let mut command = desk.geohaul(arguments);
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere").env("GEOHAUL_PASSWORD", PASSWORD);
        ok(command.output().unwrap())
    };
    let said = nobody(&["login", &url, "--user", "ann"]);
    assert!(said.contains("kept in ") && said.contains("logins.json") && !said.contains("warning"), "{said}");
    assert!(nobody(&["whoami"]).contains("file"));
    nobody(&["logout", "--all"]);
}

#[test]
fn a_sign_in_whose_keyring_is_shut_is_told_of_and_the_run_goes_on_without_it() {
    let server = Server::start(chatty("http://127.0.0.1:9/"));
    let desk = Desk::new();
    let (url, root) = (server.url(LAYER).to_string(), server.url("/arcgis").to_string());
    std::fs::create_dir_all(desk.path("settings/geohaul")).unwrap();
    let kept = json!({"logins": [{"site": root, "portal": false, "user": "ann", "password": null, "keyring": true}]});
    let file = desk.write("settings/geohaul/logins.json", &kept.to_string());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let shut = |arguments: &[&str]| {
        let mut command = desk.geohaul(arguments);
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere").output().unwrap()
    };
    let listed = ok(shut(&["whoami"]));
    assert!(listed.contains("user ann") && listed.contains("keyring"), "{listed}");
    fails(shut(&["export", &url, "-o", "a.csv"]), 1, &["is in the system's keyring, which does not give it", "wants a sign-in"]);
    ok(shut(&["export", &url, "-o", "b.csv", "--token-file", &desk.write("token", TOKEN).display().to_string()]));
}

#[test]
fn a_sign_in_at_a_portal_is_kept_for_all_its_servers() {
    let portal = Server::start(|call| match (call.path.as_str(), call.param("token")) {
        ("/portal/sharing/rest/info", _) => Reply::json(&json!({"authInfo": {"isTokenBasedSecurity": true}})),
        ("/portal/sharing/rest/generateToken", _) if call.param("password") == PASSWORD => {
            Reply::json(&json!({"token": MADE, "expires": 4_000_000_000_000_i64}))
        }
        ("/portal/sharing/rest/generateToken", MADE) if !call.param("serverUrl").is_empty() => {
            Reply::json(&json!({"token": "of-the-server-0123456789", "expires": 4_000_000_000_000_i64}))
        }
        ("/portal/sharing/rest/portals/self", MADE) => {
            Reply::json(&json!({"name": "City of Example", "user": {"username": "ann", "fullName": "Ann"}}))
        }
        _ => Reply::error(498, "Invalid token."),
    });
    let owner = portal.url("/portal").to_string();
    let layer = Layer::of(1..=5);
    let server = Server::start(move |call| match (call.path.ends_with("/rest/info"), call.param("token")) {
        (true, _) => Reply::json(&json!({"owningSystemUrl": owner})),
        (_, "of-the-server-0123456789") => layer.reply(call),
        _ => Reply::error(499, "Token Required"),
    });
    let desk = Desk::new();
    let home = portal.url("/portal/home/index.html").to_string();
    let said =
        ok(desk.geohaul(&["login", &home, "--user", "ann", "--in-file"]).env("GEOHAUL_PASSWORD", PASSWORD).output().unwrap());
    assert!(said.contains("/portal (City of Example): user ann; kept in"), "{said}");
    ok(desk.run(&["export", server.url(LAYER).as_str(), "-o", "a.csv"]));
    assert!(ok(desk.run(&["whoami", server.url(LAYER).as_str()])).contains("City of Example"));
    assert!(server.calls().iter().all(|call| !["horse", MADE].iter().any(|secret| format!("{call:?}").contains(secret))));
}

#[test]
fn requests_go_through_the_proxy_that_is_named() {
    let layer = Layer::of(1..=25);
    // A proxy gets the whole address in place of a path.
    let proxy = Server::start(move |call| match call.path.strip_prefix("http://h.example") {
        Some(path) => layer.reply(&Call { path: path.to_owned(), ..call.clone() }),
        None => Reply::error(400, "no proxy"),
    });
    let desk = Desk::new();
    let url = format!("http://h.example{LAYER}");
    ok(desk.run(&["export", &url, "-o", "a.csv", "--proxy", proxy.url("").as_str()]));
    ok(desk.geohaul(&["export", &url, "-o", "b.csv"]).env("HTTP_PROXY", proxy.url("").as_str()).output().unwrap());
    let seen = proxy.calls().len();
    fails(
        desk.geohaul(&[
            "export",
            "http://127.0.0.1:9/rest/services/A/MapServer/0",
            "-o",
            "c.csv",
            "--proxy",
            proxy.url("").as_str(),
        ])
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap(),
        1,
        &["no connection to 127.0.0.1"],
    );
    assert_eq!(proxy.calls().len(), seen);

    let layer = Layer::of(1..=25);
    let server = Server::start(move |call| layer.reply(call));
    let socks = socks5(server.url("").port().unwrap());
    ok(desk.run(&["export", &url, "-o", "d.csv", "--proxy", &format!("socks5h://127.0.0.1:{socks}")]));
    assert!(server.calls().iter().all(|call| call.header("host") == "h.example"));
}

/// A SOCKS5 proxy that leads to one port, whatever is asked.
fn socks5(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut hello = [0; 3];
                client.read_exact(&mut hello[..2]).unwrap();
                let mut methods = vec![0; usize::from(hello[1])];
                client.read_exact(&mut methods).unwrap();
                client.write_all(&[5, 0]).unwrap();
                // Version, connect, reserved, a name of so many bytes, and the port behind it.
                let mut head = [0; 5];
                client.read_exact(&mut head).unwrap();
                let mut name = vec![0; usize::from(head[4]) + 2];
                client.read_exact(&mut name).unwrap();
                assert!(head[3] == 3 && name.starts_with(b"h.example"), "the proxy looks the name up");
                client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).unwrap();
                let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
                let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
                // Either side may hang up.
                let _ = std::io::copy(&mut server, &mut client);
            });
        }
    });
    port
}

/// Whether a server with TLS can be had, and its certificates on the desk: those of an authority, and of a server and a
/// client that it vouches for.
fn certificates(desk: &Desk) -> bool {
    if !tools::runs("openssl", &["version"]) || !tools::runs("python3", &["-c", "import ssl"]) {
        tools::leave_out("the export over TLS", "openssl and python3 with ssl");
        return false;
    }
    let shell = |script: &str| {
        let output = Command::new("sh").args(["-ec", script]).current_dir(desk.0.path()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    };
    let config = "[v3]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n";
    desk.write("v3.cnf", config);
    shell("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=authority -days 2 2>&1");
    for name in ["server", "client"] {
        shell(&format!(
            "openssl req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name} 2>&1
             openssl x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile v3.cnf -extensions v3 -days 2 -out {name}.pem 2>&1"
        ));
    }
    shell("cat client.pem client.key > both.pem");
    true
}

/// TLS in front of a server, until it is dropped.
struct Tls {
    child: Child,
    port: u16,
}

impl Tls {
    /// Clients must show a certificate of the authority, unless that is `-`.
    fn before(server: &Server, desk: &Desk, authority: &str) -> Self {
        let mut child = Command::new("python3")
            .arg(tools::in_clone("tests/support/tls.py"))
            .args(["server.pem", "server.key", authority, &server.url("").port().unwrap().to_string()])
            .current_dir(desk.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().parse().unwrap() }
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Sends every call to the same path elsewhere.
fn sends_to(origin: String) -> Server {
    Server::start(move |call| {
        let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
        Reply::redirect(302, &format!("{origin}{}{query}", call.path))
    })
}

#[test]
fn a_redirect_from_http_to_https_takes_the_token_along_and_one_back_does_not() {
    let desk = Desk::new();
    if !certificates(&desk) {
        return;
    }
    let layer = Layer::of(1..=25);
    let home = Server::start(move |call| match call.param("token") {
        TOKEN => layer.reply(call),
        _ => Reply::error(499, "Token Required"),
    });
    let tls = Tls::before(&home, &desk, "-");
    let front = sends_to(tls.url(""));
    let export = |url: &str, more: &[&str]| {
        let arguments = [&["export", url, "-o", "a.csv", "--overwrite"], more].concat();
        desk.geohaul(&arguments).env("GEOHAUL_TOKEN", TOKEN).output().unwrap()
    };
    let url = front.url(LAYER).to_string();
    ok(export(&url, &["--ca-bundle", "ca.pem"]));
    assert_eq!(std::fs::read_to_string(desk.path("a.csv")).unwrap().lines().count(), 26);
    assert!(home.calls().iter().all(|call| call.method == "POST" && call.param("token") == TOKEN));
    // The way to the first address needs no certificates, that to the second does.
    fails(export(&url, &[]), 1, &["no secure connection", "--ca-bundle"]);

    let open = Layer::of(1..=25);
    let plain = Server::start(move |call| open.reply(call));
    let origin = plain.url("").to_string();
    let back = sends_to(origin.trim_end_matches('/').to_owned());
    let tls = Tls::before(&back, &desk, "-");
    let said = text(&export(&tls.url(LAYER), &["--ca-bundle", "ca.pem"]));
    assert!(!plain.calls().is_empty(), "{said}");
    assert!(plain.calls().iter().all(|call| !format!("{call:?}").contains(TOKEN)), "{:?}", plain.calls());
}

#[test]
fn certificates_are_checked_and_shown_as_the_options_say() {
    let desk = Desk::new();
    if !certificates(&desk) {
        return;
    }
    let layer = Layer::of(1..=25);
    let server = Server::start(move |call| layer.reply(call));
    let tls = Tls::before(&server, &desk, "ca.pem");
    let url = tls.url(LAYER);
    let export = |name: &str, more: &[&str]| {
        let report = format!("{name}.json");
        let mut arguments = vec!["export", &url, "-o", name, "--report", &report];
        arguments.extend(more);
        desk.run(&arguments)
    };
    fails(export("a.csv", &["--client-cert", "both.pem"]), 1, &["no secure connection", "--ca-bundle"]);
    fails(export("b.csv", &["--ca-bundle", "ca.pem"]), 1, &[]);
    // The same server by a name that its certificate does not have.
    let named = url.replace("127.0.0.1", "localhost");
    let run = desk.run(&["export", &named, "-o", "n.csv", "--ca-bundle", "ca.pem", "--client-cert", "both.pem"]);
    fails(run, 1, &["cause: its certificate is made for another name", "--insecure"]);
    ok(export("c.csv", &["--ca-bundle", "ca.pem", "--client-cert", "both.pem"]));
    let said = ok(export("d.csv", &["--insecure", "--client-cert", "both.pem"]));
    assert!(said.contains("certificates were not checked"), "{said}");
    let report = |name: &str| -> Value { serde_json::from_slice(&std::fs::read(desk.path(name)).unwrap()).unwrap() };
    assert!(report("d.csv.json")["warnings"][0].as_str().unwrap().contains("--insecure"));
    assert_eq!(report("c.csv.json")["warnings"], json!([]));
    fails(export("e.csv", &["--client-cert", "client.pem"]), 2, &["no certificate with its key"]);
}
