//! Endpoints with their own host.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use ringtail_relay::config::Config;
use ringtail_relay::public_url::PublicUrl;
use ringtail_relay::server::{Server, SpawnError};
use ringtail_relay::tls::{Certificate, Domain, PemPair};
use serde_json::Value;

use crate::kit::{Answered, Caller, TestRelay, text_app};

fn wildcard(config: &mut Config) {
    config.certificate = Certificate::Proxy;
    config.public_url = Some(PublicUrl::parse("https://hooks.example.com:8443").unwrap());
    config.wildcard = Some(Domain::parse("hooks.example.com").unwrap());
}

async fn ask(caller: &mut Caller, host: &str, path: &str) -> Answered {
    let request = match caller {
        Caller::Http1(..) => Request::get(path).header("host", host),
        Caller::Http2(..) => Request::get(format!("https://{host}{path}")),
    };
    caller.send(request.body(Full::default()).unwrap()).await
}

#[tokio::test]
async fn on_its_own_host_every_path_is_the_endpoints() {
    let relay = TestRelay::with(wildcard).await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("the app")).await;
    client.head().await;
    let own = format!("{}.hooks.example.com", endpoint.id);
    let shouted = format!("{}.:8443", own.to_uppercase());
    for mut caller in [Caller::http1(&relay).await, Caller::http2(&relay).await] {
        for (host, path, below) in [
            (own.as_str(), "/", ""),
            (&own, "/?q=/", "?q=/"),
            (&own, "/_ringtail/v1/link", "/_ringtail/v1/link"),
            (&shouted, "/a%2Fb//c?q=1", "/a%2Fb//c?q=1"),
            // The path is found whatever the host.
            ("hooks.example.com", &endpoint.path("/x"), "/x"),
            ("other.test", &endpoint.path(""), ""),
        ] {
            let answer = ask(&mut caller, host, path).await;
            assert_eq!(answer.body, "the app", "{host} {path}");
            let (_, request) = client.event().await;
            assert_eq!(request.path, below, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn an_unknown_host_below_the_domain_is_a_404() {
    let relay = TestRelay::with(wildcard).await;
    let endpoint = relay.endpoint().await;
    for mut caller in [Caller::http1(&relay).await, Caller::http2(&relay).await] {
        for host in ["nobody", "a.b", "_ringtail"] {
            let host = format!("{host}.hooks.example.com");
            for path in ["/", "/_ringtail/health", &endpoint.path("/")] {
                let answer = ask(&mut caller, &host, path).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{host} {path}");
            }
        }
        let own = ask(&mut caller, "hooks.example.com", "/_ringtail/health").await;
        assert_eq!(own.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn forwarded_hosts_are_ignored() {
    let relay = TestRelay::with(|config| {
        wildcard(config);
        config.proxies.forwarded = true;
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let endpoint = relay.endpoint().await;
    let own = format!("{}.hooks.example.com", endpoint.id);
    let mut caller = Caller::http1(&relay).await;
    let request = Request::get("/_ringtail/health")
        .header("host", "hooks.example.com")
        .header("x-forwarded-host", &own)
        .header("forwarded", format!("host={own}"))
        .body(Full::<Bytes>::default())
        .unwrap();
    assert_eq!(caller.send(request).await.body, "ok\n");
}

#[tokio::test]
async fn clients_get_the_host_as_url() {
    let relay = TestRelay::with(wildcard).await;
    let endpoint = relay.endpoint().await;
    let request = Request::post("/_ringtail/v1/endpoints")
        .header("authorization", format!("Bearer {}", relay.token()))
        .body(Full::from(r#"{"name":"sms"}"#))
        .unwrap();
    let answer = Caller::http1(&relay).await.send(request).await;
    let info: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        info["url"],
        format!("https://{}.hooks.example.com:8443", endpoint.id)
    );
}

#[tokio::test]
async fn a_wildcard_needs_a_certificate_that_is_one() {
    let (_, dir) = TestRelay::start().await.shutdown().await;
    let params = rcgen::CertificateParams::new(["localhost".to_owned(), "*.localhost".to_owned()]);
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = params.unwrap().self_signed(&key).unwrap();
    let file = |name: &str| dir.path().join(name);
    std::fs::write(file("wild.pem"), cert.pem()).unwrap();
    std::fs::write(file("wild.key"), key.serialize_pem()).unwrap();
    let config = |cert, key| {
        let mut config = Config::dev("127.0.0.1:0".parse().unwrap(), dir.path().to_owned());
        let (cert, key) = (file(cert), file(key));
        config.certificate = Certificate::Files(vec![PemPair { cert, key }]);
        config.wildcard = Some(Domain::parse("localhost").unwrap());
        config
    };
    let error = Server::spawn(config("server.pem", "server.key")).await;
    assert!(
        matches!(&error, Err(SpawnError::NoWildcard { star }) if star == "*.localhost"),
        "{error:?}"
    );
    let server = Server::spawn(config("wild.pem", "wild.key")).await.unwrap();
    server.shutdown().await;
}
