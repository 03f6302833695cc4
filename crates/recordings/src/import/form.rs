//! Bodies of forms that a recording has field by field.

use bytes::Bytes;
use ringtail_protocol::event::Header;

use super::field::Object;

/// Makes the body of a form, and the content type if the request has none that fits.
pub(super) fn form(
    params: &[Object<'_>],
    mime_type: &str,
    headers: &mut Vec<Header>,
    left_out: &mut Vec<String>,
) -> Result<Bytes, String> {
    let is_type = |header: &&Header| header.name.eq_ignore_ascii_case("content-type");
    let given = headers.iter().find(is_type);
    let given = given.map(|header| String::from_utf8_lossy(&header.value).into_owned());
    let kind = given.clone().unwrap_or_else(|| mime_type.to_owned());
    if !kind.to_ascii_lowercase().starts_with("multipart/") {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for param in params {
            let value = param.text("value")?.unwrap_or_default();
            form.append_pair(&param.text("name")?.unwrap_or_default(), &value);
        }
        if given.is_none() {
            set_type(headers, "application/x-www-form-urlencoded");
        }
        return Ok(form.finish().into());
    }
    let mut parts = Vec::new();
    for param in params {
        parts.push(part(param, left_out)?);
    }
    let boundary = match boundary_of(&kind).or(boundary_of(mime_type)) {
        Some(boundary) => boundary.to_owned(),
        None => free_boundary(&parts),
    };
    if given.as_deref().and_then(boundary_of).is_none() {
        set_type(
            headers,
            &format!("multipart/form-data; boundary={boundary}"),
        );
    }
    let mut body: String = parts
        .iter()
        .map(|part| format!("--{boundary}\r\n{part}\r\n"))
        .collect();
    body.push_str(&format!("--{boundary}--\r\n"));
    Ok(body.into())
}

fn part(param: &Object<'_>, left_out: &mut Vec<String>) -> Result<String, String> {
    let quoted = |text: &str| {
        let text = text.replace('"', "%22");
        text.replace('\r', "%0D").replace('\n', "%0A")
    };
    let name = param.text("name")?.unwrap_or_default();
    let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(&name));
    let value = param.text("value")?;
    if let Some(file) = param.text("fileName")? {
        head.push_str(&format!("; filename=\"{}\"", quoted(&file)));
        if value.as_deref().unwrap_or_default().is_empty() {
            left_out.push(format!(
                "the content of the file \"{file}\", which the recording does not have"
            ));
        }
    }
    if let Some(kind) = param.text("contentType")?.filter(|kind| !kind.is_empty()) {
        head.push_str(&format!("\r\nContent-Type: {}", quoted(&kind)));
    }
    Ok(format!("{head}\r\n\r\n{}", value.unwrap_or_default()))
}

/// Returns the boundary of a content type.
fn boundary_of(kind: &str) -> Option<&str> {
    let mut parameters = kind
        .split(';')
        .skip(1)
        .filter_map(|part| part.split_once('='));
    let found = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    found
        .map(|(_, value)| value.trim().trim_matches('"'))
        .filter(|boundary| !boundary.is_empty())
}

/// Returns a boundary that no part contains, the same for the same parts.
fn free_boundary(parts: &[String]) -> String {
    let mut boundary = "----ringtail".to_owned();
    while parts.iter().any(|part| part.contains(&boundary)) {
        boundary.push('-');
    }
    boundary
}

fn set_type(headers: &mut Vec<Header>, kind: &str) {
    headers.retain(|header| !header.name.eq_ignore_ascii_case("content-type"));
    headers.push(Header {
        name: "content-type".to_owned(),
        value: Bytes::copy_from_slice(kind.as_bytes()),
    });
}
