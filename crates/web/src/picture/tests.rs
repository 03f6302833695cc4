mod calls;

use proptest::prelude::*;
use ringtail_model::{EventRow, RowId};
use serde_json::json;

use super::*;

fn detail(at: usize, body: &serde_json::Value) -> EventDetail {
    let number = i64::try_from(at).unwrap() + 1;
    let sms = ringtail_model::testing::sms(body.to_string());
    EventDetail {
        event: EventRow {
            row: RowId(number),
            seq: number.unsigned_abs(),
            id: EventId::parse(&format!("01a20042-7071-73e8-a927-{number:012x}")).unwrap(),
            received_at: Timestamp(1_785_320_000_000_000 + number * 700_000),
            topic: "telephony".into(),
            summary: "Call".into(),
            ..sms.event
        },
        ..sms
    }
}

fn step(at: usize, sequence: Option<i64>, party: &str, status: &str) -> EventDetail {
    detail(
        at,
        &json!({"uuid": "u", "event": "/restapi/v1.0/account/1/telephony/sessions", "body": {
            "telephonySessionId": "s-1", "sequence": sequence,
            "parties": [{"id": party, "direction": "Inbound", "to": {"name": party}, "status": {"code": status}}],
        }}),
    )
}

const ALONE: Frame = Frame {
    in_page: false,
    zone: TimeZone::UTC,
};

/// Checks that the text is one well-formed element, and returns its texts in order.
fn texts(svg: &str) -> Vec<String> {
    let (mut open, mut texts, mut rest) = (Vec::new(), Vec::new(), svg);
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>'), "{text}");
        if open.last() == Some(&"text") {
            texts.push(
                text.replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&amp;", "&"),
            );
        }
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        let quotes = tag.matches('"').count();
        assert!(quotes % 2 == 0 && !tag.contains('<'), "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.push(tag.split_whitespace().next().unwrap()),
        }
        rest = &rest[end + 1..];
        assert!(!open.is_empty() || rest.is_empty(), "text behind the end");
    }
    assert!(open.is_empty() && rest.is_empty(), "{open:?}");
    texts
}

#[test]
fn in_the_page_each_step_leads_to_its_event() {
    let events = [1, 2].map(|at| step(at, i64::try_from(at).ok(), "Pat", "Setup"));
    let in_page = Frame {
        in_page: true,
        ..ALONE
    };
    let linked = timeline(&events, &in_page);
    for event in &events {
        assert!(linked.contains(&format!("data-event=\"{}\"", event.event.id)));
    }
    // The page has the style.
    let svg = timeline(&events, &ALONE);
    assert!(svg.contains("<style>") && !linked.contains("<style>") && !svg.contains("<a "));
}

#[test]
fn a_conversation_has_a_bubble_for_each_message() {
    let sms = |at, direction: &str, words: &str| {
        let body = json!({"uuid": "u", "event": "/restapi/v1.0/account/1/extension/2/message-store/instant?type=SMS",
            "body": {"direction": direction, "from": {"phoneNumber": "+16505550123"}, "subject": words}});
        let mut event = detail(at, &body);
        event.event.topic = "sms".to_owned();
        event
    };
    let long = "word ".repeat(400);
    let events = [
        sms(0, "Inbound", "Hello <you> & all"),
        sms(1, "Outbound", &long),
    ];
    let svg = timeline(&events, &ALONE);
    let texts = texts(&svg);
    assert!(
        texts.iter().any(|text| text == "Hello <you> & all"),
        "{texts:?}"
    );
    assert!(texts.iter().any(|text| text.starts_with("+16505550123")));
    assert_eq!(svg.matches("class=\"bubble own\"").count(), 1);
    assert!(texts.len() < 20);
}

#[test]
fn a_chart_counts_by_verdict_and_has_the_limit() {
    let mut chart = Chart::default();
    for at in 0..1000 {
        let mut event = step(at, None, "Pat", "Setup").event;
        event.received_at = Timestamp(i64::try_from(at).unwrap() * 1_000_000);
        chart.events.push(Answered::of(&event));
    }
    let range = chart.whole().unwrap();
    let svg = chart.draw(range, &ALONE);
    let words = texts(&svg);
    assert!(
        words.contains(&"RingCentral gives up: 3 s".to_owned()) && words.contains(&"10".to_owned()),
        "{words:?}"
    );
    assert_eq!(svg.matches("<rect class=\"none\"").count(), 100 + 1);
    let zoomed = Range {
        from: 0,
        to: 99_000_000,
    };
    assert!(
        chart
            .draw(zoomed, &ALONE)
            .contains("<title>100 events from")
    );
}

proptest! {
    #[test]
    fn any_call_is_a_picture(
        sequences in prop::collection::vec(prop::option::of(-3i64..40), 1..30),
        parties in prop::collection::vec(0usize..6, 30),
        odd in ".{0,40}",
        times in prop::collection::vec(any::<i64>(), 30),
    ) {
        let names = ["a", "b", "c<script>", "\"d\" & 'e'", &odd, "\u{202e}f"];
        let events: Vec<EventDetail> = sequences.iter().enumerate().map(|(at, sequence)| {
            let mut event = step(at, *sequence, names[parties[at]], &odd);
            event.event.received_at = Timestamp(times[at]);
            event
        }).collect();
        for in_page in [false, true] {
            let svg = timeline(&events, &Frame { in_page, ..ALONE });
            let texts = texts(&svg);
            for event in &events {
                let seq = format!("#{}", event.event.seq);
                prop_assert!(texts.contains(&seq));
            }
            let odd = svg.contains("<script") || svg.contains('\u{202e}');
            prop_assert!(!odd);
        }
    }

    #[test]
    fn any_bodies_are_a_conversation(bodies in prop::collection::vec(any::<String>(), 0..8)) {
        let events: Vec<EventDetail> = bodies.iter().enumerate().map(|(at, text)| {
            let mut event = detail(at, &json!({"body": {"text": text}}));
            event.event.topic = "post".to_owned();
            event
        }).collect();
        texts(&timeline(&events, &ALONE));
    }
}
