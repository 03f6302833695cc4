//! RingCentral's recorded calls as pictures: each lane, row, gap and mark beside what the notifications themselves say.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use roxmltree::{Document, Node};
use serde_json::Value;

use super::*;

/// The recorded calls, each a list of notifications.
const STREAMS: [&str; 2] = [
    "telephony-sessions-stream-pstn-to-rc",
    "telephony-sessions-stream-rc-to-rc",
];

/// Single notifications of calls.
const SINGLE: [&str; 6] = [
    "telephony-sessions-account-apns-wrapped",
    "telephony-sessions-answered-inbound",
    "telephony-sessions-answered-outbound",
    "telephony-sessions-disconnected",
    "telephony-sessions-proceeding",
    "telephony-sessions-setup-inbound",
];

fn payload(name: &str) -> Vec<Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ringcentral/payloads");
    let text = std::fs::read_to_string(directory.join(format!("{name}.json"))).unwrap();
    match serde_json::from_str(&text).unwrap() {
        Value::Array(list) => list,
        one => vec![one],
    }
}

/// The notifications as events, received when RingCentral sent them.
fn received(bodies: &[Value]) -> Vec<EventDetail> {
    let events = bodies.iter().enumerate().map(|(at, body)| {
        let mut event = detail(at, body);
        if let Some(sent) = body["timestamp"].as_str() {
            let sent: jiff::Timestamp = sent.parse().unwrap();
            event.event.received_at = Timestamp(sent.as_microsecond());
        }
        event
    });
    events.collect()
}

/// A step as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Drawn {
    /// What did not arrive before it.
    lost: Option<String>,
    /// Time since the step above.
    gap: Option<String>,
    sequence: String,
    seq: String,
    /// Lanes with a dot, from 0.
    lanes: Vec<usize>,
    remarks: String,
}

/// The picture of a call, read from its SVG.
#[derive(Debug)]
struct Picture {
    /// Names over the lanes.
    names: Vec<String>,
    rows: Vec<Drawn>,
    heights: Vec<i64>,
    /// Whether the gap above a row is cut.
    cuts: Vec<bool>,
}

fn number(node: Node<'_, '_>, name: &str) -> i64 {
    node.attribute(name).unwrap().parse().unwrap()
}

impl Picture {
    fn of(events: &[EventDetail]) -> Self {
        let svg = timeline(events, &ALONE);
        let document = Document::parse(&svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
        let root = document.root_element();
        assert!(root.has_tag_name(("http://www.w3.org/2000/svg", "svg")));
        let (width, height) = (number(root, "width"), number(root, "height"));
        let texts = |class: &'static str| {
            let texts = root.children().filter(|it| it.has_tag_name("text"));
            texts.filter(move |it| it.attribute("class") == Some(class))
        };
        let heads: Vec<(i64, String)> = texts("strong")
            .map(|it| {
                (
                    number(it, "x") + 8,
                    it.text().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        let lanes: Vec<i64> = heads.iter().map(|(x, _)| *x).collect();
        assert!(
            lanes.is_sorted_by(|one, other| other - one >= 100),
            "{lanes:?}"
        );
        let mut picture = Self {
            names: heads.into_iter().map(|(_, name)| name).collect(),
            rows: Vec::new(),
            heights: Vec::new(),
            cuts: Vec::new(),
        };
        let (mut lost, mut gap, mut cut) = (None, None, false);
        for node in root.children() {
            let text = node.text().unwrap_or_default().to_owned();
            let class = node.attribute("class");
            match (node.tag_name().name(), class, node.attribute("text-anchor")) {
                ("text", Some("warn"), Some("start")) => lost = Some(text),
                ("text", Some("dim"), Some("end")) if text == "⋮" => cut = true,
                ("text", Some("dim"), Some("end")) => gap = Some(text),
                ("g", ..) => {
                    let words = |class: &str, x: i64| {
                        let own = node.children().filter(|it| it.has_tag_name("text"));
                        let mut own = own.filter(|it| it.attribute("class") == Some(class));
                        let found = own.find(|it| number(*it, "x") == x);
                        found
                            .and_then(|it| it.text())
                            .unwrap_or_default()
                            .to_owned()
                    };
                    let dots = node.children().filter(|it| it.has_tag_name("circle"));
                    let dots: Vec<_> = dots.collect();
                    let line = node.children().find(|it| it.has_tag_name("line")).unwrap();
                    let y = number(line, "y1");
                    assert!(dots.iter().all(|it| number(*it, "cy") == y));
                    assert!(y < height, "{y} of {height}");
                    picture.rows.push(Drawn {
                        lost: lost.take(),
                        gap: gap.take(),
                        sequence: words("strong", 30),
                        seq: words("dim", 38),
                        lanes: dots
                            .iter()
                            .map(|it| lanes.binary_search(&number(*it, "cx")).unwrap())
                            .collect(),
                        remarks: words("warn", width - 4),
                    });
                    picture.heights.push(y);
                    picture.cuts.push(std::mem::take(&mut cut));
                }
                _ => {}
            }
        }
        picture
    }
}

/// What a picture of the events has to show, from their JSON alone. Each has a sequence.
fn expected(events: &[EventDetail]) -> (usize, Vec<Drawn>) {
    let bodies: Vec<Value> = events
        .iter()
        .map(|event| serde_json::from_slice(&event.body).unwrap())
        .collect();
    let sequence = |at: usize| bodies[at]["body"]["sequence"].as_i64().unwrap();
    let ids = |at: usize| {
        let parties = bodies[at]["body"]["parties"].as_array().unwrap();
        parties.iter().map(|it| it["id"].as_str().unwrap())
    };
    let mut lanes: Vec<&str> = Vec::new();
    for id in (0..bodies.len()).flat_map(ids) {
        if !lanes.contains(&id) {
            lanes.push(id);
        }
    }
    let mut order: Vec<usize> = (0..bodies.len()).collect();
    order.sort_by_key(|at| (sequence(*at), *at));
    let rows = order.iter().enumerate().map(|(row, &at)| {
        let own = sequence(at);
        let before = row.checked_sub(1).map(|row| order[row]);
        let earlier: Vec<i64> = (0..at).map(sequence).collect();
        let repeated = earlier.contains(&own).then_some("repeated");
        let late = earlier.iter().any(|it| *it > own).then_some("came late");
        let remarks: Vec<&str> = repeated.into_iter().chain(late).collect();
        let lost = before.map(|before| (sequence(before) + 1, own - 1));
        let took = before
            .map(|before| events[at].event.received_at.0 - events[before].event.received_at.0);
        Drawn {
            lost: lost
                .filter(|(first, last)| first <= last)
                .map(|(first, last)| {
                    let numbers = if first == last {
                        first.to_string()
                    } else {
                        format!("{first} to {last}")
                    };
                    format!("{numbers} did not arrive")
                }),
            gap: took.map(ringtail_ringcentral::timeline::gap),
            sequence: own.to_string(),
            seq: format!("#{}", events[at].event.seq),
            lanes: ids(at)
                .map(|id| lanes.iter().position(|it| *it == id).unwrap())
                .collect(),
            remarks: remarks.join(", "),
        }
    });
    (lanes.len(), rows.collect())
}

/// Checks that heights grow with the times, in proportion where a gap is neither cut nor the least.
fn assert_to_scale(picture: &Picture, events: &[EventDetail]) {
    let at = |row: &Drawn| {
        let event = events
            .iter()
            .find(|it| format!("#{}", it.event.seq) == row.seq);
        event.unwrap().event.received_at.0
    };
    assert!(picture.heights.is_sorted_by(|one, other| other - one >= 22));
    let gaps = (1..picture.rows.len()).filter(|row| picture.rows[*row].lost.is_none());
    let gaps: Vec<(i64, i64)> = gaps
        .filter(|row| !picture.cuts[*row])
        .map(|row| {
            let took = at(&picture.rows[row]) - at(&picture.rows[row - 1]);
            (took, picture.heights[row] - picture.heights[row - 1])
        })
        .filter(|(_, height)| *height > 24)
        .collect();
    for (took, height) in &gaps {
        for (other, its) in &gaps {
            let slack = (height * other - its * took).abs();
            assert!(slack <= (*other).max(*took), "{gaps:?}");
        }
    }
}

fn assert_right(events: &[EventDetail]) -> Picture {
    let picture = Picture::of(events);
    let (lanes, rows) = expected(events);
    assert_eq!(picture.names.len(), lanes);
    assert_eq!(picture.rows, rows);
    assert_to_scale(&picture, events);
    picture
}

#[test]
fn every_recorded_call_has_its_lanes_order_and_gaps() {
    let names = [
        &["Alex Caller", "IVR Menu 1001", "Pat Agent"][..],
        &["Front Desk", "Pat Agent"],
    ];
    for (stream, names) in STREAMS.into_iter().zip(names) {
        let events = received(&payload(stream));
        let picture = assert_right(&events);
        assert!(
            picture
                .rows
                .iter()
                .all(|row| row.lost.is_none() && row.remarks.is_empty())
        );
        assert_eq!(picture.names, names, "{stream}");
    }
    for single in SINGLE {
        let events = received(&payload(single));
        let picture = Picture::of(&events);
        assert_eq!(picture.rows.len(), 1, "{single}");
        assert_eq!(picture.names.len(), picture.rows[0].lanes.len(), "{single}");
    }
}

/// No payload of a call is forgotten here.
#[test]
fn every_telephony_payload_is_drawn() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ringcentral/payloads");
    let files = std::fs::read_dir(directory).unwrap().flatten();
    let found: BTreeSet<String> = files
        .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".json")?.to_owned()))
        .filter(|name| name.starts_with("telephony-"))
        .collect();
    let drawn = STREAMS.into_iter().chain(SINGLE).map(str::to_owned);
    assert_eq!(found, drawn.collect());
}

proptest! {
    /// Notifications are lost, come twice and in another order.
    #[test]
    fn a_call_that_came_in_disorder_is_drawn_in_order(
        stream in 0..STREAMS.len(),
        lost in prop::collection::btree_set(0usize..11, 0..5),
        twice in prop::collection::vec(any::<Index>(), 0..4),
        order in prop::collection::vec(any::<Index>(), 15),
        pauses in prop::collection::vec(0i64..90_000_000, 16),
    ) {
        let whole = payload(STREAMS[stream]);
        let mut bodies: Vec<Value> = whole
            .into_iter()
            .enumerate()
            .filter_map(|(at, body)| (!lost.contains(&at)).then_some(body))
            .collect();
        for again in twice {
            let body = bodies[again.index(bodies.len())].clone();
            bodies.push(body);
        }
        for (at, other) in order.iter().enumerate().take(bodies.len()) {
            bodies.swap(at, other.index(at + 1));
        }
        let mut events = received(&bodies);
        let mut now = 1_785_320_000_000_000;
        for (event, pause) in events.iter_mut().zip(pauses) {
            now += pause;
            event.event.received_at = Timestamp(now);
        }
        assert_right(&events);
    }
}
