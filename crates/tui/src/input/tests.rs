use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// What a terminal sends: bytes, and silences.
#[derive(Debug, Clone)]
enum Part {
    Bytes(Vec<u8>),
    Silence,
}

fn parse(parts: &[Part]) -> Vec<Event> {
    let (mut parser, mut events) = (Parser::default(), Vec::new());
    for part in parts {
        match part {
            Part::Bytes(bytes) => parser.read(bytes, &mut events),
            Part::Silence => {
                if parser.wait().is_some() {
                    parser.silence(&mut events);
                }
            }
        }
    }
    events
}

/// Writes events as short names: what acts, and nothing else.
fn acts(events: &[Event]) -> String {
    let names = events.iter().map(|event| match event {
        Event::Key(key) => {
            let mut name = match key.code {
                KeyCode::Char(c) => c.to_string(),
                code => format!("<{code:?}>"),
            };
            for (modifier, prefix) in [(KeyModifiers::CONTROL, "C-"), (KeyModifiers::ALT, "A-")] {
                if key.modifiers.contains(modifier) {
                    name.insert_str(0, prefix);
                }
            }
            name
        }
        Event::Mouse(mouse) => format!("({:?} {},{})", mouse.kind, mouse.column, mouse.row),
        Event::Paste(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    });
    names.collect::<Vec<_>>().join(" ")
}

fn read(bytes: &[u8]) -> String {
    acts(&parse(&[Part::Bytes(bytes.to_vec()), Part::Silence]))
}

#[test]
fn keys_of_every_terminal_are_known() {
    for (bytes, keys) in [
        (
            &b"q\rG\t\x7f\x03\0"[..],
            "q <Enter> G <Tab> <Backspace> C-c C- ",
        ),
        (b"\x1b", "<Esc>"),
        (b"\x1b\x1b", "<Esc> <Esc>"),
        (b"\x1bq\x1b\r", "A-q A-<Enter>"),
        (
            b"\x1b[A\x1bOB\x1b[1;5C\x1b[H\x1b[4~",
            "<Up> <Down> C-<Right> <Home> <End>",
        ),
        (b"\x9bA\x8fB", "<Up> <Down>"),
        ("\u{9b}A".as_bytes(), "<Up>"),
        (b"\x1b\x1b[A\x1b\x1bOB\x1b[B", "A-<Up> A-<Down> <Down>"),
        (
            b"\x1bOP\x1b[[B\x1bOR\x1b[13~\x1b[1;2S",
            "<F(1)> <F(2)> <F(3)> <F(3)> <F(4)>",
        ),
        (
            b"\x1b[24~\x1b[Z\x1b[9;2u\x1b[27u",
            "<F(12)> <BackTab> <BackTab> <Esc>",
        ),
        (b"\x1b[113u\x1b[97;5u\x1b[113:81;2:1;81u", "q C-a Q"),
        (b"\x1b[27;5;106~\x1bOM", "C-j <Enter>"),
        ("é日🙂".as_bytes(), "é 日 🙂"),
        (b"\x1b\xc3\xa9", "A-é"),
        (
            b"\x1b[<0;3;4M\x1b[<0;3;4m\x1b[<64;1;1M",
            "(Down(Left) 2,3) (Up(Left) 2,3) (ScrollUp 0,0)",
        ),
        (
            b"\x1b[M qq\x1b[32;3;4M",
            "(Down(Left) 80,80) (Down(Left) 2,3)",
        ),
        (b"\x1b[200~rq\x1b[A\r\x1b[201~j", "\"rq\\u{1b}[A\\r\" j"),
        (b"\x9b200~q\x9b201~j", "\"q\" j"),
        (b"\x1b[200~q\x1b[201~rq\x1b[201~j", "\"q\" j"),
    ] {
        assert_eq!(read(bytes), keys, "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_is_not_a_key_does_nothing() {
    for bytes in [
        &b"\x1b[?1;2c\x1b[>41;354;0c\x1b[0n\x1b[12;40R\x1b[1;5R\x1b[?2026;2$y\x1b[8;24;80t"[..],
        b"\x1b]11;rgb:ffff/qqqq/0000\x07\x1b]52;c;cXJx\x1b\\\x1bP>|q(1)\x1b\\\x1bP1$r0q\x1b\\",
        b"\x1b_Gi=1;q\x1b\\\x1b^q\x1b\\\x1bXq\x1b\\",
        b"\x9d11;q\x9c\x90q\x9c\x9fq\x1b\\\x98q\x9c\x9eq\x9c\x9c",
        b"\x1b[I\x1b[O\x1b[?997;1n\x1b[?1u\x1b[48;24;80;0;0t",
        b"\x1b[57441u\x1b[113;1;1;1;1;1_",
        // a letter after a report, an unknown letter, a cut sequence before another
        b"\x1b[Mqqq\x1b[tqq\x1b[Tqqqqqq\x1b[5y\x1b[q\x1b[1;5\x1b[?1;2c",
        // CAN and SUB
        b"\x1b[1;5\x18\x1b]q\x1a\x1bPq\x18",
        // the end of a string and of a paste without their starts
        b"\x1b\\rq\r\x1b[201~",
        "\x1b]0;ق✓✜q\x1b\\".as_bytes(),
    ] {
        let mut events = parse(&[Part::Bytes(bytes.to_vec()), Part::Silence]);
        events.retain(|event| !matches!(event, Event::Mouse(_)));
        assert_eq!(acts(&events), "", "{}", bytes.escape_ascii());
    }
    let long = [
        b"\x1b[".as_slice(),
        &[b'1'; 999],
        b"q\x1b[",
        &[b';'; 999],
        b"A",
    ]
    .concat();
    assert_eq!(read(&long), "");
}

#[test]
fn a_released_or_repeated_key_is_no_press() {
    let events = parse(&[Part::Bytes(
        b"\x1b[113;1:3u\x1b[113;1:2u\x1b[1;1:3A".to_vec(),
    )]);
    let kinds = events.iter().filter_map(Event::as_key_press_event);
    assert_eq!((events.len(), kinds.count()), (3, 0));
}

#[test]
fn a_key_after_a_sequence_that_was_cut_has_no_alt() {
    let cut = Part::Bytes(b"\x1b[1;\x1b[A\x1bO\x1b[B".to_vec());
    assert_eq!(acts(&parse(&[cut])), "<Up> <Down>");
}

#[test]
fn keys_come_back_when_the_end_of_a_sequence_is_lost() {
    for start in [
        &b"\x1b[200~half a paste"[..],
        b"\x1b]11;rgb:ff",
        b"\x1bP",
        b"\x1b[1;5",
    ] {
        let bytes = |bytes: &[u8]| Part::Bytes(bytes.to_vec());
        let more = [bytes(start), Part::Silence, bytes(b"qq"), bytes(b"q")];
        assert_eq!(
            acts(&parse(&more)).matches('q').count(),
            usize::from(start == b"\x1b[1;5") * 2
        );
        let key = [bytes(start), Part::Silence, bytes(b"q"), bytes(b"r")];
        assert_eq!(acts(&parse(&key)), "q r");
    }
    let slow = ["\x1b]11;rgb:ffff", "\x1b", "\\", "q"];
    let slow = slow
        .iter()
        .flat_map(|part| [Part::Bytes(part.as_bytes().to_vec()), Part::Silence]);
    assert_eq!(
        acts(&parse(&slow.collect::<Vec<_>>())),
        "q",
        "the terminator came late"
    );
}

/// Something that a terminal sends by itself. Its letters are keys of the screen.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let letters = || vec(select(&b"qrXPGdcvjyz?/ :;0123456789"[..]), 0..12);
    let params = || vec(select(&b"0123456789;:?>=<"[..]), 0..12);
    // Final bytes that no key has.
    let last = || select(&b"bcghijklmnpqrsvwxyJKLNOUVWXY`{|}I"[..]);
    let seven_or_eight = |letter: u8| select(vec![vec![ESC, letter], vec![letter + 0x40]]);
    let end = || select(vec![b"\x1b\\".to_vec(), vec![0x9c]]);
    prop_oneof![
        (
            seven_or_eight(b'['),
            params(),
            vec(0x20_u8..0x30, 0..3),
            last()
        )
            .prop_map(|(start, params, middle, last)| [start, params, middle, vec![last]].concat()),
        (
            seven_or_eight(b']'),
            letters(),
            select(vec![b"\x07".to_vec(), b"\x1b\\".to_vec()])
        )
            .prop_map(|(start, text, end)| [start, text, end].concat()),
        (
            select(&b"P_^X"[..]).prop_flat_map(seven_or_eight),
            letters(),
            end()
        )
            .prop_map(|(start, text, end)| [start, text, end].concat()),
        ("[a-z✜✓é]{0,9}").prop_map(|text| format!("\x1b]2;{text}\x1b\\").into_bytes()),
        (0_u32..24, 1_u32..300, 1_u32..90, any::<bool>()).prop_map(|(button, x, y, up)| {
            let last = if up { 'm' } else { 'M' };
            format!("\x1b[<{button};{x};{y}{last}").into_bytes()
        }),
        (select(&b" !\"#@`aC"[..]), any::<u8>(), any::<u8>())
            .prop_map(|(button, x, y)| vec![ESC, b'[', b'M', button, x, y]),
        (1_u32..300, 1_u32..90).prop_map(|(x, y)| format!("\x1b[{x};{y}R").into_bytes()),
        letters().prop_map(|text| [b"\x1b[200~".as_slice(), &text, b"\x1b[201~"].concat()),
        vec(any::<u8>(), 0..20).prop_map(|text| {
            let text: Vec<u8> = text.into_iter().filter(|byte| *byte != ESC).collect();
            [b"\x1b[200~".as_slice(), &text, b"\x1b[201~"].concat()
        }),
        Just(b"\x1b[I".to_vec()),
        Just(b"\x1b\\".to_vec()),
    ]
}

/// A key that is pressed, and how it is written.
fn press() -> impl Strategy<Value = (Vec<u8>, &'static str)> {
    select(vec![
        ("q", "q"),
        ("\r", "<Enter>"),
        ("\x1b[A", "<Up>"),
        ("\x1bOB", "<Down>"),
        ("\x1b[5~", "<PageUp>"),
        ("\x1b[1;5D", "C-<Left>"),
        ("\x03", "C-c"),
        ("é", "é"),
        ("日", "日"),
    ])
    .prop_map(|(bytes, name)| (bytes.as_bytes().to_vec(), name))
}

proptest! {
    /// However the bytes are cut, and wherever the terminal pauses, the keys act and nothing else does.
    #[test]
    fn only_key_presses_act(
        parts in vec(prop_oneof![
            noise().prop_map(|noise| (noise, "")),
            press(),
        ], 0..12),
        cuts in vec(any::<Index>(), 0..12),
        pauses in vec(any::<bool>(), 12),
    ) {
        let bytes: Vec<u8> = parts.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let (mut at, mut sent) = (0, Vec::new());
        for (cut, pause) in cuts.into_iter().zip(pauses.into_iter().chain([true])) {
            if at < cut {
                sent.push(Part::Bytes(bytes[at..cut].to_vec()));
            }
            // ESC and silence is the key Esc.
            if pause && bytes[..cut].last() != Some(&ESC) {
                sent.push(Part::Silence);
            }
            at = cut;
        }
        // So is a single byte after a stall.
        let single = |parts: &[Part]| matches!(parts, [Part::Silence, Part::Bytes(bytes)] if bytes.len() == 1);
        prop_assume!(!sent.windows(2).any(single));
        let expected: Vec<&str> = parts.iter().map(|(_, name)| *name).filter(|name| !name.is_empty()).collect();
        let events = parse(&sent);
        let keys: Vec<Event> = events.into_iter().filter(|event| matches!(event, Event::Key(_))).collect();
        prop_assert_eq!(acts(&keys), expected.join(" "));
    }

    /// A sequence of which ESC came alone adds no key but Esc.
    #[test]
    fn a_late_rest_is_no_key(noise in noise(), cut in any::<Index>()) {
        let cut = cut.index(noise.len());
        let (first, rest) = noise.split_at(cut);
        prop_assume!(rest.len() > 1);
        let sent = [first, rest].map(|bytes| Part::Bytes(bytes.to_vec()));
        let [first, rest] = sent;
        let events = parse(&[first, Part::Silence, rest, Part::Silence]);
        let others = events.iter().filter(|event| matches!(event, Event::Key(key) if key.code != KeyCode::Esc));
        prop_assert_eq!(others.count(), 0, "{}", acts(&events));
    }

    #[test]
    fn any_bytes_are_read_in_bounded_memory(chunks in vec(vec(any::<u8>(), 0..50), 0..50)) {
        let parts: Vec<Part> = chunks.into_iter().flat_map(|bytes| [Part::Bytes(bytes), Part::Silence]).collect();
        let bytes = parts.iter().map(|part| match part {
            Part::Bytes(bytes) => bytes.len(),
            Part::Silence => 2,
        });
        prop_assert!(parse(&parts).len() <= bytes.sum());
    }
}
