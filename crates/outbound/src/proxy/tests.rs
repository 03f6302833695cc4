use super::*;

fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyUrlError> {
    Proxies::of(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn used(variables: &[(&str, &str)], url: &'static str) -> String {
    let proxies = proxies(variables).unwrap();
    let proxy = proxies.proxy(&Uri::from_static(url));
    proxy.map_or("none".to_owned(), |proxy| proxy.to_string())
}

#[test]
fn the_environment_names_the_proxy() {
    let relay = "https://relay.example";
    let proxy = |place: &str| format!("the proxy {place}");
    for (variables, used_proxy) in [
        (&[][..], "none".to_owned()),
        (&[("HTTPS_PROXY", "")], "none".to_owned()),
        (&[("HTTP_PROXY", "http://p:1")], "none".to_owned()),
        (
            &[("HTTPS_PROXY", "http://p:1")],
            proxy("http://p:1 (HTTPS_PROXY)"),
        ),
        (&[("https_proxy", "p:1")], proxy("http://p:1 (https_proxy)")),
        (&[("https_proxy", "p")], proxy("http://p:80 (https_proxy)")),
        (
            &[("ALL_PROXY", "http://[::1]:1/x")],
            proxy("http://[::1]:1 (ALL_PROXY)"),
        ),
        (
            &[("all_proxy", "socks5h://p")],
            proxy("socks5://p:1080 (all_proxy)"),
        ),
        (
            &[
                ("ALL_PROXY", "http://a:1"),
                ("HTTPS_PROXY", "http://u:pass@b:2"),
            ],
            proxy("http://b:2 (HTTPS_PROXY)"),
        ),
        (
            &[("HTTPS_PROXY", " "), ("ALL_PROXY", "HTTP://a:1")],
            proxy("http://a:1 (ALL_PROXY)"),
        ),
    ] {
        assert_eq!(used(variables, relay), used_proxy, "{variables:?}");
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
    for (value, words) in [
        ("https://u:hush@p:1", "speaks https, which"),
        ("socks4://p", "speaks socks4, which"),
        ("ftp://p", "speaks ftp, which"),
        ("http://", "is not the URL"),
        ("http://u:hush@p:x", "is not the URL"),
        ("http://p:99999", "is not the URL"),
        ("p q", "is not the URL"),
    ] {
        let error = proxies(&[("HTTPS_PROXY", value)]).unwrap_err().to_string();
        assert!(
            error.contains(words) && error.contains("HTTPS_PROXY"),
            "{value}: {error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }
    let proxies = proxies(&[("HTTPS_PROXY", "http://u:hush@p:1")]).unwrap();
    assert!(!format!("{proxies:?}").contains("hush"));
}

#[test]
fn exceptions_and_this_machine_are_called_directly() {
    for (list, url, is_direct) in [
        ("", "https://relay.example", false),
        ("", "http://relay.example", true),
        ("", "https://localhost:8443", true),
        ("", "https://LocalHost.", true),
        ("", "https://my.localhost", true),
        ("", "https://127.0.0.9", true),
        ("", "https://[::1]:1", true),
        ("", "https://[::ffff:127.0.0.1]", true),
        ("", "https://127.example", false),
        ("*", "https://relay.example", true),
        ("relay.example", "https://relay.example:8443", true),
        ("relay.example", "https://RELAY.example.", true),
        ("example", "https://relay.example", true),
        (".example", "https://relay.example", true),
        ("*.example", "https://relay.example", true),
        ("ample", "https://relay.example", false),
        ("relay.example.com", "https://relay.example", false),
        ("a, relay.example:8443", "https://relay.example:8443", true),
        ("a relay.example:443", "https://relay.example", true),
        ("relay.example:8443", "https://relay.example", false),
        ("10.0.0.0/8", "https://10.1.2.3", true),
        ("10.0.0.0/8", "https://11.1.2.3", false),
        ("10.1.2.3:443", "https://10.1.2.3", true),
        ("fd00::/8,x", "https://[fd00::1]", true),
        ("[fd00::1]:8443", "https://[fd00::1]:8443", true),
        ("[fd00::1]:8443", "https://[fd00::1]", false),
        ("fd00::1", "https://[fd00::1]", true),
    ] {
        let variables = [("ALL_PROXY", "http://p:1"), ("no_proxy", list)];
        assert_eq!(used(&variables, url) == "none", is_direct, "{list} {url}");
    }
}

#[test]
fn errors_have_their_causes() {
    let source = io::Error::from(io::ErrorKind::ConnectionRefused);
    let proxies = proxies(&[("HTTPS_PROXY", "http://p:1")]).unwrap();
    let proxy = proxies.proxy.unwrap();
    let error = ConnectError::from(ProxyError {
        proxy,
        reason: Reason::Unreachable(source.into()),
    });
    assert_eq!(
        ringtail_text::chain(&error),
        "the proxy http://p:1 (HTTPS_PROXY) cannot be reached: connection refused"
    );
}
