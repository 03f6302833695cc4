use proptest::prelude::*;

use super::*;

fn sample() -> Event {
    let request = Request {
        method: "POST".into(),
        path: "/hook?a=1".into(),
        peer: "192.0.2.1".into(),
        headers: vec![
            Header {
                name: "x-a".into(),
                value: Bytes::from_static(b"1"),
            },
            Header {
                name: "x-a".into(),
                value: Bytes::from_static(b"\xff"),
            },
        ],
        body: Bytes::from_static(b"{}"),
    };
    Event {
        seq: 7,
        id: EventId::from_bytes([0xab; 16]),
        received_at: Timestamp(0x0102_0304),
        kind: Kind::Notification,
        disposition: Disposition::Pending,
        duplicate_of: Some(3),
        request: request.encode().unwrap(),
    }
}

#[test]
fn golden_bytes() {
    let mut out = BytesMut::new();
    sample().encode(&mut out);
    let mut expected = Vec::new();
    expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 7]);
    expected.extend_from_slice(&[0xab; 16]);
    expected.extend_from_slice(&[0, 0, 0, 0, 1, 2, 3, 4, 2, 2]);
    expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 3]);
    expected.extend_from_slice(b"\x04POST\0\0\0\x09/hook?a=1\x09192.0.2.1\0\x02");
    expected.extend_from_slice(b"\0\x03x-a\0\0\0\x011\0\x03x-a\0\0\0\x01\xff{}");
    assert_eq!(out.to_vec(), expected);
    assert_eq!(out.len(), sample().encoded_len());
}

#[test]
fn header_map_keeps_repeated_and_binary_values() {
    let map = header_map(&sample().request.decode().unwrap().headers);
    let values: Vec<&[u8]> = map
        .get_all("x-a")
        .iter()
        .map(http::HeaderValue::as_bytes)
        .collect();
    assert_eq!(values, [b"1".as_slice(), b"\xff"]);
}

#[test]
fn too_long_a_part_is_refused() {
    let mut request = sample().request.decode().unwrap();
    request.method = "M".repeat(256);
    assert_eq!(request.encode(), Err(EncodeError { field: "method" }));
    request.method = "M".repeat(255);
    assert!(request.encode().is_ok());
    request.headers = vec![
        Header {
            name: "x".into(),
            value: Bytes::new()
        };
        MAX_HEADERS + 1
    ];
    assert_eq!(
        request.encode(),
        Err(EncodeError {
            field: "header count"
        })
    );
}

#[test]
fn announced_header_count_is_bounded_before_allocation() {
    let bytes = Bytes::from_static(b"\x01G\0\0\0\0\0\xff\xff");
    assert_eq!(
        EncodedRequest::from_stored(bytes).decode(),
        Err(DecodeError::TooManyHeaders { count: 65535 })
    );
}

#[test]
fn debug_shows_no_body() {
    let shown = format!("{:?}", sample());
    assert!(
        !shown.contains("{}") && !shown.contains("123, 125"),
        "{shown}"
    );
}

#[test]
fn ids_print_and_parse() {
    let id = EventId::fresh();
    assert_eq!(EventId::parse(&id.to_string()), Some(id));
    assert_eq!(EventId::parse("nonsense"), None);
}

fn any_request() -> impl Strategy<Value = Request> {
    let header = (
        "[a-z][a-z0-9-]{0,20}",
        proptest::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|(name, value)| Header {
            name,
            value: value.into(),
        });
    (
        "[A-Z]{1,10}",
        "(/[ -~é]{0,30})?",
        "[0-9a-f:.]{0,40}",
        proptest::collection::vec(header, 0..20),
        proptest::collection::vec(any::<u8>(), 0..2000),
    )
        .prop_map(|(method, path, peer, headers, body)| Request {
            method,
            path,
            peer,
            headers,
            body: body.into(),
        })
}

proptest! {
    #[test]
    fn round_trip(
        request in any_request(),
        seq in 1u64..,
        id in any::<[u8; 16]>(),
        at in any::<i64>(),
        kind in any::<u8>(),
        disposition in any::<u8>(),
        duplicate_of in proptest::option::of(1u64..),
    ) {
        let event = Event {
            seq,
            id: EventId::from_bytes(id),
            received_at: Timestamp(at),
            kind: Kind::from_code(kind),
            disposition: Disposition::from_code(disposition),
            duplicate_of,
            request: request.encode().unwrap(),
        };
        let mut out = BytesMut::new();
        event.encode(&mut out);
        let decoded = Event::decode(out.freeze()).unwrap();
        prop_assert_eq!(decoded.request.decode().unwrap(), request);
        prop_assert_eq!(decoded, event);
    }

    #[test]
    fn mutated_bytes_never_panic(
        request in any_request(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = request.encode().unwrap().as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len() + 1));
        if let Ok(request) = EncodedRequest::from_stored(bytes.clone().into()).decode() {
            let _map = header_map(&request.headers);
        }
        drop(Event::decode(bytes.into()));
    }
}
