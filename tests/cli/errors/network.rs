//! Servers that nobody reaches, or that nobody should trust.

use std::io::BufRead;

use super::{ROOT, broken_site};
use crate::Desk;

#[test]
fn an_unknown_host_is_told_at_once() {
    // A label this long is refused by the resolver of this machine, without asking anybody.
    let host = format!("{}.invalid", "x".repeat(64));
    let desk = Desk::beside(&format!("http://{host}"));
    let run = desk.run(&["export", &format!("http://{host}/arcgis/rest/services/A/FeatureServer/0"), "-o", "a.geojson"]);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], format!("error: the host {host} is not known"));
    // The cause is in the resolver's words.
    assert!(lines[1].starts_with("cause: ") && !lines[1].contains("os error"), "{}", run.stderr);
    assert_eq!(lines[2], "where: SERVER/arcgis/rest/services/A/FeatureServer/0?f=json");
    assert_eq!(lines[3], "hint: check the address, and that this machine is online");
    assert_eq!((run.status, lines.len(), desk.names(".").len()), (1, 4, 0));
}

#[test]
fn a_refused_connection_is_told_at_once() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let desk = Desk::beside(&format!("http://127.0.0.1:{port}"));
    let url = format!("http://127.0.0.1:{port}/arcgis/rest/services/A/FeatureServer/0");
    desk.refuses(
        &["export", &url, "-o", "a.geojson"],
        1,
        "
        error: no connection to 127.0.0.1
        cause: Connection refused
        where: SERVER/arcgis/rest/services/A/FeatureServer/0?f=json
        hint: check the address and the port; the server may be down, or a firewall in between
    ",
    );
}

#[test]
fn a_proxy_that_nobody_reaches_is_the_one_that_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (proxy, desk) = (format!("http://127.0.0.1:{port}"), Desk::beside("http://h.invalid"));
    desk.refuses(
        &["export", "http://h.invalid/arcgis/rest/services/A/FeatureServer/0", "-o", "a.geojson", "--proxy", &proxy],
        1,
        &format!(
            "
        error: no connection to h.invalid through the proxy 127.0.0.1:{port}
        cause: Connection refused
        where: SERVER/arcgis/rest/services/A/FeatureServer/0?f=json
        hint: check the address and the port of the proxy, which --proxy or the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) names
    "
        ),
    );
}

#[test]
fn a_server_without_tls_is_never_asked_without_it() {
    let (server, desk) = broken_site();
    let url = server.url(&format!("{ROOT}/Whole/FeatureServer/0")).to_string().replace("http://", "https://");
    let run = desk.run(&["export", &url, "-o", "a.geojson"]);
    assert_eq!(run.status, 1);
    assert!(run.stderr.starts_with("error: no secure connection to 127.0.0.1\n"), "{}", run.stderr);
    assert!(run.stderr.contains("at this port") && run.stderr.contains("use http: where that is meant"), "{}", run.stderr);
    assert!(server.calls().is_empty(), "nothing went out in the clear");
}

/// A TLS server that says what it was asked for, line by line.
const TLS_SERVER: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    try:
        print("asked", context.wrap_socket(client, server_side=True).recv(1000), flush=True)
    except OSError as why:
        print("refused", why, flush=True)
"#;

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_and_nothing_is_sent() {
    let certificate = crate::tools::in_clone("testdata/tls/self-signed.pem");
    let mut server = std::process::Command::new("python3")
        .args(["-c", TLS_SERVER])
        .arg(&certificate)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(server.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap();
    let desk = Desk::beside(&format!("https://127.0.0.1:{port}"));
    let url = format!("https://127.0.0.1:{port}/arcgis/rest/services/A/FeatureServer/0?token=hush");
    let run = desk.run(&["export", &url, "-o", "a.geojson"]);
    let heard = lines.next().unwrap().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(run.stderr.starts_with("error: no secure connection to 127.0.0.1\n"), "{}", run.stderr);
    assert!(
        run.stderr.contains("\ncause: the server shows the certificate of an authority (self-signed)")
            && run.stderr.contains("--insecure"),
        "{}",
        run.stderr
    );
    assert!(heard.starts_with("refused") && run.status == 1, "{heard}");
}
