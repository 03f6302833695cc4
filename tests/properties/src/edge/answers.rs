//! Answers of HTTP/1.1, read as a plain caller reads them.

/// One answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    fields: Vec<(String, &'a [u8])>,
    pub(super) body: &'a [u8],
    /// Bytes of head and body.
    pub(super) bytes: usize,
}

impl<'a> Answer<'a> {
    /// Returns the first value of a field; the name is in lower case.
    pub(super) fn field(&self, name: &str) -> Option<&'a [u8]> {
        let mut fields = self.fields.iter();
        fields
            .find(|(known, _)| known == name)
            .map(|(_, value)| *value)
    }

    /// Returns the names of the fields in lower case.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }
}

/// Reads whole answers up to the end, or to an upgrade.
pub(super) fn read(mut bytes: &[u8]) -> Vec<Answer<'_>> {
    let mut answers = Vec::new();
    while let Some(answer) = one(bytes) {
        bytes = &bytes[answer.bytes..];
        let upgraded = answer.status == 101;
        answers.push(answer);
        if upgraded {
            break;
        }
    }
    answers
}

/// Reads the first answer; `None` where the connection ended inside it.
fn one(bytes: &[u8]) -> Option<Answer<'_>> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut lines = bytes[..end]
        .split(|byte| *byte == b'\n')
        .map(|line| line.trim_ascii_end());
    let status = lines.next().expect("split gives one at least");
    let status = str::from_utf8(status).expect("a status line is text");
    let status = status.strip_prefix("HTTP/1.").expect("an answer of HTTP/1");
    let status = status[2..5].parse().expect("a status");
    let fields: Vec<(String, &[u8])> = lines
        .map(|line| {
            let colon = line.iter().position(|byte| *byte == b':').expect("a field");
            let name = str::from_utf8(&line[..colon]).expect("a name is text");
            (
                name.to_ascii_lowercase(),
                line[colon + 1..].trim_ascii_start(),
            )
        })
        .collect();
    let length = fields.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| {
        let length = str::from_utf8(length).expect("a length is text");
        length.parse().expect("a length")
    });
    let body = bytes.get(end + 4..end + 4 + length)?;
    Some(Answer {
        status,
        fields,
        body,
        bytes: end + 4 + length,
    })
}
