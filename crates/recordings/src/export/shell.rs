//! A request as a command for a POSIX shell.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use ringtail_text::{escape, is_unsafe};

use super::carried::carried;
use ringtail_model::EventDetail;
use ringtail_model::target::TargetUrl;

/// Maximum bytes of a body in an argument. Linux limits arguments to 128 KiB.
const ARGUMENT_MAX: usize = 64 * 1024;

/// Characters of base64 per line.
const LINE: usize = 76;

/// Delimiter of the here-document; never a line of base64.
const END: &str = "END_OF_BODY";

/// Returns a curl command that sends the request to a target.
///
/// # Errors
/// When target and path do not form a URL.
pub fn curl(event: &EventDetail, target: &TargetUrl) -> Result<String, http::Error> {
    let url = target.join(&event.event.path)?.to_string();
    let mut options = String::new();
    let method = match event.event.method.as_str() {
        "HEAD" => "--head".to_owned(),
        method => format!("--request {}", word(method.as_bytes())),
    };
    let mut option = |text: String| {
        options.push_str(" \\\n  ");
        options.push_str(&text);
    };
    option("--globoff --path-as-is".to_owned());
    if let Some(socket) = target.socket() {
        let socket = word(socket.as_os_str().as_encoded_bytes());
        option(format!("--unix-socket {socket}"));
    }
    for header in carried(event) {
        let field = match header.value.is_empty() {
            true => format!("{};", header.name).into_bytes(),
            false => [header.name.as_bytes(), b": ", &header.value].concat(),
        };
        option(format!("--header {}", word(&field)));
    }
    // Suppress the fields that curl adds.
    for own in ["accept", "user-agent", "content-type", "expect"] {
        if !carried(event).any(|header| header.is(own)) {
            option(format!("--header '{own}:'"));
        }
    }
    let body = Body::of(event);
    match &body {
        Body::None => {}
        Body::Argument(text) => option(format!("--data-raw {text}")),
        Body::Stdin(_) => option("--data-binary @-".to_owned()),
    }
    let command = format!("curl {method} {}{options}", word(url.as_bytes()));
    Ok(body.fed_to(&command))
}

/// Returns an HTTPie command that sends the request to a target.
///
/// HTTPie supports only methods of letters, and only header fields of text whose names do not look like its options: what
/// it does not support is left out, with a comment. It escapes more characters of the URL than needed, and adds its own
/// `User-Agent` if there is none.
///
/// # Errors
/// When target and path do not form a URL.
pub fn httpie(event: &EventDetail, target: &TargetUrl) -> Result<String, http::Error> {
    let url = target.join(&event.event.path)?.to_string();
    let method = event.event.method.as_str();
    if !method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        let why = "# left out, because HTTPie supports only methods of letters";
        return Ok(format!("{why}: {}\n", escape(method)));
    }
    let body = Body::of(event);
    let mut command = String::from("http");
    if !matches!(body, Body::Stdin(_)) {
        command.push_str(" --ignore-stdin");
    }
    command.push_str(" --path-as-is");
    if let Body::Argument(text) = &body {
        command.push_str(&format!(" \\\n  --raw={text}"));
    }
    // Nothing after the dashes is an option.
    let (method, url) = (word(method.as_bytes()), word(url.as_bytes()));
    command.push_str(&format!(" \\\n  -- {method} {url}"));
    let mut left_out = String::new();
    for header in carried(event) {
        let why = match str::from_utf8(&header.value) {
            Err(_) => Some("only text"),
            Ok(_) if header.name.starts_with('-') => Some("no names that begin with a hyphen"),
            Ok(_) => None,
        };
        if let Some(why) = why {
            let name = escape(&header.name);
            left_out.push_str(&format!(
                "# left out, because HTTPie supports {why}: {name}\n"
            ));
            continue;
        }
        let field = match header.value.first() {
            None => format!("{};", header.name).into_bytes(),
            // After the colon HTTPie treats these as a file or JSON.
            Some(b'=' | b'@' | b'\\') => [header.name.as_bytes(), b":\\", &header.value].concat(),
            Some(_) => [header.name.as_bytes(), b":", &header.value].concat(),
        };
        command.push_str(&format!(" \\\n  {}", word(&field)));
    }
    for own in ["accept", "content-type"] {
        if !carried(event).any(|header| header.is(own)) {
            command.push_str(&format!(" \\\n  '{own}:'"));
        }
    }
    Ok(left_out + &body.fed_to(&command))
}

/// How a command receives the body.
enum Body {
    None,
    /// A quoted word.
    Argument(String),
    /// Lines of base64.
    Stdin(String),
}

impl Body {
    fn of(event: &EventDetail) -> Self {
        let body = &event.body;
        let usual = matches!(event.event.method.as_str(), "POST" | "PUT" | "PATCH");
        if body.is_empty() && !usual {
            return Self::None;
        }
        match std::str::from_utf8(body) {
            Ok(text) if text.len() <= ARGUMENT_MAX && text.chars().all(is_visible) => {
                Self::Argument(quoted(text))
            }
            _ => {
                let text = STANDARD.encode(body);
                let lines = text.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
                Self::Stdin(lines.collect::<Vec<_>>().join("\n"))
            }
        }
    }

    fn fed_to(&self, command: &str) -> String {
        match self {
            Self::Stdin(lines) => {
                format!("base64 -d <<'{END}' |\n{lines}\n{END}\n{command}\n")
            }
            _ => format!("{command}\n"),
        }
    }
}

/// Returns bytes as one shell word: quoted if printable ASCII, otherwise by `printf`.
fn word(bytes: &[u8]) -> String {
    let is_ascii = |byte: &u8| (b' '..=b'~').contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.iter().all(is_ascii) => quoted(text),
        _ => {
            let mut format = String::new();
            for byte in bytes {
                match byte {
                    b'%' => format.push_str("%%"),
                    b'\\' => format.push_str("\\\\"),
                    b'\'' => format.push_str("'\\''"),
                    b' '..=b'~' => format.push(char::from(*byte)),
                    byte => format.push_str(&format!("\\{byte:03o}")),
                }
            }
            format!("\"$(printf '{format}')\"")
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Returns true for characters that a reader of the command can recognize.
fn is_visible(character: char) -> bool {
    matches!(character, '\n' | '\t' | ' '..='~')
        || character.is_alphanumeric() && !is_unsafe(character)
}
