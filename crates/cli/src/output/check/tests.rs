use super::*;

#[test]
fn secrets_of_the_wire_are_masked_as_everywhere() {
    let lines = head(
        b"HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: sid=planted; Path=/\r\n and planted more\r\n\
          set-cookie:planted\r\nX-API-Key : planted\r\nVALIDATION-TOKEN: t\r\n and on\r\n\r\nplanted body",
    );
    assert_eq!(
        lines,
        [
            "HTTP/1.1 200 OK",
            "Server: x",
            "Set-Cookie: ••••",
            "••••",
            "set-cookie: ••••",
            "X-API-Key : ••••",
            "VALIDATION-TOKEN: t",
            " and on",
        ]
    );
}

#[test]
fn a_head_with_bare_line_feeds_has_the_same_lines_and_no_body() {
    let lines = head(b"HTTP/1.1 200 OK\nSet-Cookie: planted\nA: b\n\nplanted body");
    assert_eq!(lines, ["HTTP/1.1 200 OK", "Set-Cookie: ••••", "A: b"]);
}

#[test]
fn queries_and_signs_that_move_a_cursor_stay_out() {
    let lines = head(b"POST /hook?token=planted HTTP/1.1\r\nLocation: /a?b=planted\r\nA: \x1b[31m");
    assert_eq!(lines[..2], ["POST /hook?… HTTP/1.1", "Location: /a?…"]);
    assert!(!lines[2].contains('\u{1b}'), "{lines:?}");
}
