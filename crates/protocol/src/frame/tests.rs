use proptest::prelude::*;

use super::*;
use crate::event::{Disposition, EventId, Kind, Request, Timestamp};

fn event(seq: u64, body: Vec<u8>) -> Event {
    Event {
        seq,
        id: EventId::from_bytes([1; 16]),
        received_at: Timestamp(1),
        kind: Kind::Passthrough,
        disposition: Disposition::Passed,
        duplicate_of: None,
        request: Request {
            method: "GET".into(),
            path: String::new(),
            peer: String::new(),
            headers: vec![],
            body: body.into(),
        }
        .encode()
        .unwrap(),
    }
}

#[test]
fn golden_bytes() {
    let mut out = BytesMut::new();
    Down::Gap { first: 1, last: 2 }.encode(&mut out);
    Down::Head { seq: 258 }.encode(&mut out);
    Up::Cursor { seq: 9 }.encode(&mut out);
    assert_eq!(
        out.to_vec(),
        [
            0, 0, 0, 17, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, //
            0, 0, 0, 9, 3, 0, 0, 0, 0, 0, 0, 1, 2, //
            0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 9,
        ]
    );
}

#[test]
fn unknown_types_are_told_apart_and_skipped() {
    let mut decoder = Decoder::down();
    decoder.push(&[0, 0, 0, 3, 77, 1, 2]);
    decoder.push(&[0, 0, 0, 9, 3, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(decoder.next_down(), Ok(Some(Down::Unknown(77))));
    assert_eq!(decoder.next_down(), Ok(Some(Down::Head { seq: 5 })));
    assert_eq!(decoder.next_down(), Ok(None));
}

#[test]
fn length_is_refused_before_it_is_buffered() {
    let mut decoder = Decoder::up();
    decoder.push(&[0, 0, 4, 1]);
    assert_eq!(
        decoder.next_up(),
        Err(DecodeError::FrameTooLong {
            len: 1025,
            max: 1024
        })
    );
}

#[test]
fn empty_and_overlong_frames_are_refused() {
    let mut decoder = Decoder::up();
    decoder.push(&[0, 0, 0, 0]);
    assert!(matches!(
        decoder.next_up(),
        Err(DecodeError::Truncated { .. })
    ));
    let mut decoder = Decoder::up();
    decoder.push(&[0, 0, 0, 10, 1, 0, 0, 0, 0, 0, 0, 0, 9, 9]);
    assert_eq!(
        decoder.next_up(),
        Err(DecodeError::Trailing { frame: "cursor" })
    );
}

#[test]
fn the_largest_event_fits_a_frame() {
    let mut out = BytesMut::new();
    Down::Event(event(1, vec![0; MAX_BODY_BYTES])).encode(&mut out);
    let mut decoder = Decoder::down();
    decoder.push(&out);
    assert!(matches!(decoder.next_down(), Ok(Some(Down::Event(_)))));
}

proptest! {
    #[test]
    fn frames_survive_any_chunking(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..8),
        chunk in 1usize..64,
    ) {
        let mut sent: Vec<Down> = vec![Down::Head { seq: 8 }, Down::Gap { first: 1, last: 4 }];
        sent.extend(bodies.into_iter().zip(5..).map(|(body, seq)| Down::Event(event(seq, body))));
        let mut wire = BytesMut::new();
        for down in &sent {
            down.encode(&mut wire);
        }
        let mut decoder = Decoder::down();
        let mut received = Vec::new();
        for chunk in wire.chunks(chunk) {
            decoder.push(chunk);
            while let Some(down) = decoder.next_down().unwrap() {
                received.push(down);
            }
        }
        prop_assert_eq!(received, sent);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut down = Decoder::down();
        down.push(&bytes);
        while let Ok(Some(_)) = down.next_down() {}
        let mut up = Decoder::up();
        up.push(&bytes);
        while let Ok(Some(_)) = up.next_up() {}
    }
}
