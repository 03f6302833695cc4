use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::samples::Sample;

/// The published example of section 7.2, compact as it was signed.
const VECTOR_KEY: &[u8] = b"3YJZzqMJ5Ec7i2JGvnt8TgvleD7dtpwpmag4S6MuRA2GQdfvV4STIsxDRJ4fEjO8";
const VECTOR_BODY: &[u8] = br#"{"action":"implementation.info","time":"2012-10-01T17:18:40Z"}"#;
const VECTOR: &str = "826b61e7939505b2e773ef43a2aad53ec0385dd9d783fbd1c8fea00d0e2a3e2f\
    b0ae0a5b2eb342356b61c41b5f19baec4c1f7e7e37a5b486fe9b593942017ff9";

fn text(value: Vec<u8>) -> String {
    String::from_utf8(value).unwrap()
}

fn signed(scheme: Scheme, value: &[u8], body: &[u8]) -> Sample {
    let mut sample = Sample::post(body);
    let value = HeaderValue::from_bytes(value).unwrap();
    sample.headers.insert(scheme.header(), value);
    sample
}

#[test]
fn published_vector_of_the_source_sdk_holds() {
    assert_eq!(
        text(sign(Scheme::SourceSdk, VECTOR_KEY, VECTOR_BODY)),
        VECTOR
    );
    let by_header = signed(Scheme::SourceSdk, VECTOR.as_bytes(), VECTOR_BODY);
    let by_query = Sample::post(VECTOR_BODY).asking(&format!("a=b&signature={VECTOR}"));
    for sample in [by_header, by_query] {
        assert_eq!(
            verify(Scheme::SourceSdk, Some(VECTOR_KEY), &sample.view()),
            Outcome::Valid
        );
    }
}

/// RFC 2202, test case 2, which fixes the digest and the order of key and message.
#[test]
fn glip_signature_is_hmac_sha1() {
    let digits = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    let body = b"what do ya want for nothing?";
    assert_eq!(text(sign(Scheme::Glip, b"Jefe", body)), digits);
}

#[test]
fn every_scheme_tells_its_four_outcomes_apart() {
    let body = br#"{"a":1}"#;
    for scheme in Scheme::ALL {
        let proof = sign(scheme, b"secret", body);
        let right = signed(scheme, &proof, body);
        let wrong = signed(scheme, &sign(scheme, b"other", body), body);
        let missing = Sample::post(&body[..]);
        let cases = [
            (Some(&b"secret"[..]), &right, Outcome::Valid),
            (Some(b"secret"), &wrong, Outcome::Wrong),
            (Some(b"secret"), &missing, Outcome::Missing),
            (None, &right, Outcome::NotConfigured),
            (None, &missing, Outcome::NotConfigured),
            (Some(b""), &right, Outcome::NotConfigured),
        ];
        for (secret, sample, expected) in cases {
            assert_eq!(
                verify(scheme, secret, &sample.view()),
                expected,
                "{}",
                scheme.name()
            );
        }
    }
}

#[test]
fn a_changed_body_breaks_what_covers_it() {
    for scheme in Scheme::ALL {
        let proof = sign(scheme, b"secret", br#"{"a":1}"#);
        let changed = signed(scheme, &proof, br#"{"a":2}"#);
        let expected = match scheme.covers_body() {
            true => Outcome::Wrong,
            false => Outcome::Valid,
        };
        assert_eq!(verify(scheme, Some(b"secret"), &changed.view()), expected);
    }
}

#[test]
fn glip_signature_holds_in_both_forms_and_over_compact_json() {
    let compact = br#"{"b":{"text":"\u00e9\n\"x\""},"a":[1,true,null]}"#;
    let printed =
        b"{\n  \"b\": { \"text\": \"\\u00e9\\n\\\"x\\\"\" },\n  \"a\": [1, true, null]\n}";
    // What `JSON.stringify` makes of either: keys in their order, the accent unescaped.
    let stringified = "{\"b\":{\"text\":\"é\\n\\\"x\\\"\"},\"a\":[1,true,null]}";
    for over in [&compact[..], &printed[..]] {
        let raw = sign(Scheme::Glip, b"s", over);
        let again = sign(Scheme::Glip, b"s", stringified.as_bytes());
        let prefixed = [b"sha1=", raw.as_slice()].concat();
        let proofs = [raw, prefixed, again];
        for proof in proofs {
            let sample = signed(Scheme::Glip, &proof, over);
            assert_eq!(
                verify(Scheme::Glip, Some(b"s"), &sample.view()),
                Outcome::Valid
            );
        }
    }
}

#[test]
fn values_that_are_no_signature_are_wrong() {
    let body = br#"{"a":1}"#;
    for scheme in [Scheme::Glip, Scheme::SourceSdk] {
        let proof = sign(scheme, b"s", body);
        let cases = [
            &b""[..],
            b"sha1=",
            b"zz",
            b"+f",
            &proof[1..],
            &proof[2..],
            &[&proof[..], b"00"].concat(),
            &[&b"md5="[..], &proof].concat(),
        ]
        .map(<[u8]>::to_vec);
        for value in cases {
            let sample = signed(scheme, &value, body);
            assert_eq!(
                verify(scheme, Some(b"s"), &sample.view()),
                Outcome::Wrong,
                "{}",
                String::from_utf8_lossy(&value)
            );
        }
        let upper = proof.to_ascii_uppercase();
        let sample = signed(scheme, &upper, body);
        assert_eq!(verify(scheme, Some(b"s"), &sample.view()), Outcome::Valid);
    }
}

#[test]
fn first_of_repeated_headers_counts() {
    let mut sample = signed(Scheme::VerificationToken, b"wrong", b"");
    sample
        .headers
        .append(VERIFICATION_TOKEN, HeaderValue::from_static("right"));
    assert_eq!(
        verify(Scheme::VerificationToken, Some(b"right"), &sample.view()),
        Outcome::Wrong
    );
}

#[test]
fn answers_of_the_source_sdk_are_verified() {
    let mut headers = HeaderMap::new();
    assert_eq!(verify_answer(Some(b"s"), &headers, b"{}"), Outcome::Missing);
    let proof = sign(Scheme::SourceSdk, b"s", b"{}");
    headers.insert(SOURCE_SDK_SIGNATURE, proof.try_into().unwrap());
    assert_eq!(verify_answer(Some(b"s"), &headers, b"{}"), Outcome::Valid);
    assert_eq!(verify_answer(Some(b"s"), &headers, b"{ }"), Outcome::Wrong);
    assert_eq!(verify_answer(None, &headers, b"{}"), Outcome::NotConfigured);
}

#[test]
fn each_signed_callback_has_its_scheme() {
    assert_eq!(
        Scheme::of(Callback::PlatformNotification),
        Some(Scheme::VerificationToken)
    );
    assert_eq!(Scheme::of(Callback::InteractiveMessage), Some(Scheme::Glip));
    assert_eq!(
        Scheme::of(Callback::DigitalNotification),
        Some(Scheme::Dimelo)
    );
    assert_eq!(Scheme::of(Callback::SourceSdk), Some(Scheme::SourceSdk));
    assert_eq!(Scheme::of(Callback::WfmNotification), None);
}

proptest! {
    #[test]
    fn what_is_signed_verifies(
        secret in prop::collection::vec(0x21u8..0x7f, 1..200),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        for scheme in Scheme::ALL {
            let sample = signed(scheme, &sign(scheme, &secret, &body), &body);
            prop_assert_eq!(verify(scheme, Some(&secret), &sample.view()), Outcome::Valid);
        }
    }

    #[test]
    fn nothing_panics(value in prop::collection::vec(0x20u8..0x7f, 0..100), body in prop::collection::vec(any::<u8>(), 0..100)) {
        for scheme in Scheme::ALL {
            let sample = signed(scheme, &value, &body);
            let outcome = verify(scheme, Some(b"s"), &sample.view());
            prop_assert_ne!(outcome, Outcome::Missing);
        }
    }
}
