use bytes::Bytes;
use ringtail_ringcentral::signature;

use super::*;

/// Every secret is `hush`.
fn secrets() -> Secrets {
    Secrets::of_variables(|_| Some("hush".into())).unwrap()
}

fn request(method: &str, path: &str, body: &'static str, headers: &[(&str, Vec<u8>)]) -> Request {
    let headers = headers.iter().map(|(name, value)| Header {
        name: (*name).to_owned(),
        value: Bytes::from(value.clone()),
    });
    Request {
        method: method.into(),
        path: path.into(),
        peer: String::new(),
        headers: headers.collect(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

const NOTIFICATION: &str =
    r#"{"uuid":"1","event":"/restapi/v1.0/x","subscriptionId":"s","body":{}}"#;
const BUTTON: &str = r#"{"type":"button_submit","data":{}}"#;
const DIGITAL: &str = r#"{"id":"1","domain_id":"d","events":[]}"#;
const CALL: &str = r#"{"action":"messages.list","params":{},"time":"t"}"#;

#[test]
fn each_callback_is_held_against_its_own_secret() {
    for (scheme, body) in [
        (Scheme::VerificationToken, NOTIFICATION),
        (Scheme::Glip, BUTTON),
        (Scheme::Dimelo, DIGITAL),
        (Scheme::SourceSdk, CALL),
    ] {
        let header = scheme.header();
        let proof = |secret: &[u8]| {
            [(
                header.as_str(),
                signature::sign(scheme, secret, body.as_bytes()),
            )]
        };
        let none = Secrets::default();
        let all = secrets();
        for (headers, secrets, expected) in [
            (&proof(b"hush")[..], &all, Some(Outcome::Valid)),
            (&proof(b"other"), &all, Some(Outcome::Wrong)),
            (&[], &all, Some(Outcome::Missing)),
            (&proof(b"hush"), &none, Some(Outcome::NotConfigured)),
        ] {
            let found = of_request(&request("POST", "/hook", body, headers), secrets);
            let outcome = found.map(|(_, proof)| {
                assert_eq!(proof.scheme, scheme);
                proof.outcome
            });
            assert_eq!(outcome, expected, "{}", scheme.name());
        }
    }
}

#[test]
fn what_ringcentral_does_not_sign_has_no_proof() {
    let secrets = secrets();
    let token = ("validation-token", b"t".to_vec());
    for (unsigned, why) in [
        (request("GET", "/?code=1&state=2", "", &[]), "a login"),
        (
            request("POST", "", "", &[token]),
            "a validation may come without the token",
        ),
        (
            request("POST", "", r#"{"action":"go"}"#, &[]),
            "no action of the source SDK",
        ),
        (request("b d", "", "", &[]), "no request"),
    ] {
        assert!(of_request(&unsigned, &secrets).is_none(), "{why}");
    }
}

#[test]
fn what_is_signed_anew_is_valid_and_has_one_proof() {
    let secrets = secrets();
    for (scheme, body) in [
        (Scheme::VerificationToken, NOTIFICATION),
        (Scheme::Glip, BUTTON),
        (Scheme::Dimelo, DIGITAL),
        (Scheme::SourceSdk, CALL),
    ] {
        let old = (scheme.header().as_str().to_owned(), b"old".to_vec());
        let twice = [
            (old.0.as_str(), old.1.clone()),
            (old.0.as_str(), old.1.clone()),
        ];
        let mut request = request("POST", "/hook", body, &twice);
        assert_eq!(
            sign(&mut request, &Secrets::default()),
            Err(NoSecret { scheme })
        );
        sign(&mut request, &secrets).unwrap();
        assert_eq!(request.headers.len(), 1);
        let (_, proof) = of_request(&request, &secrets).unwrap();
        assert_eq!(proof.outcome, Outcome::Valid);
    }
    let mut unsigned = request("GET", "/?code=1&state=2", "", &[]);
    sign(&mut unsigned, &secrets).unwrap();
    assert!(unsigned.headers.is_empty());
}
