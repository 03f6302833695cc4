//! Pastes on a console that does not mark them. On Windows a paste comes as keys, faster than anybody types.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Longest pause within a paste. A held key repeats after 30 ms.
pub(crate) const GAP: Duration = Duration::from_millis(5);

/// Most events of one burst, so that they stay bounded; about 30,000 characters.
pub(crate) const MAX_EVENTS: usize = 65_536;

/// Characters from which a burst is a paste.
const PASTE: usize = 3;

/// Returns the events of a burst, with each run of characters as a paste.
pub(crate) fn with_pastes(burst: Vec<Event>) -> Vec<Event> {
    let (mut events, mut run, mut text) = (Vec::new(), Vec::new(), String::new());
    for event in burst {
        match &event {
            // Each press has its release, which says nothing.
            Event::Key(key) if key.kind == KeyEventKind::Release => run.push(event),
            Event::Key(key) if let Some(letter) = typed(key) => {
                text.push(letter);
                run.push(event);
            }
            _ => {
                end(&mut events, &mut run, &mut text);
                events.push(event);
            }
        }
    }
    end(&mut events, &mut run, &mut text);
    events
}

fn end(events: &mut Vec<Event>, run: &mut Vec<Event>, text: &mut String) {
    let keys = std::mem::take(run);
    let text = std::mem::take(text);
    // A key that is held while the screen is busy is one letter, again and again.
    let is_one_key = text.chars().all(|letter| text.starts_with(letter));
    match text.chars().count() >= PASTE && !is_one_key {
        true => events.push(Event::Paste(text)),
        false => events.extend(keys),
    }
}

/// Returns the character that a key press types.
fn typed(key: &KeyEvent) -> Option<char> {
    // Both together are AltGr.
    let modified = key.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
    let is_text = modified.is_empty() || modified == KeyModifiers::CONTROL | KeyModifiers::ALT;
    match key.code {
        KeyCode::Char(letter) if is_text => Some(letter),
        KeyCode::Enter if is_text => Some('\n'),
        KeyCode::Tab if is_text => Some('\t'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode) -> Event {
        Event::Key(code.into())
    }

    /// Presses and releases, as a console reports them.
    fn keys(text: &str) -> Vec<Event> {
        let both = |letter| {
            let code = match letter {
                '\n' => KeyCode::Enter,
                letter => KeyCode::Char(letter),
            };
            let mut release = KeyEvent::from(code);
            release.kind = KeyEventKind::Release;
            [press(code), Event::Key(release)]
        };
        text.chars().flat_map(both).collect()
    }

    #[test]
    fn a_burst_of_letters_is_a_paste() {
        let paste = |text: &str| vec![Event::Paste(text.to_owned())];
        assert_eq!(with_pastes(keys("rXm")), paste("rXm"));
        assert_eq!(with_pastes(keys("q\nq\n")), paste("q\nq\n"));
        let around = [
            vec![press(KeyCode::Up)],
            keys("@äq"),
            vec![press(KeyCode::Esc)],
        ];
        let expected = [
            vec![press(KeyCode::Up)],
            paste("@äq"),
            vec![press(KeyCode::Esc)],
        ];
        assert_eq!(with_pastes(around.concat()), expected.concat());
    }

    #[test]
    fn keys_stay_keys() {
        let ctrl = Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        let apart = [keys("ab"), vec![ctrl], keys("cd")].concat();
        for burst in [keys("q"), keys("gg"), keys("jjjjjj"), apart] {
            assert_eq!(with_pastes(burst.clone()), burst);
        }
    }
}
