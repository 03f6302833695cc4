//! Malformed and oversized requests are refused, and other callers do not notice.

use anyhow::Context as _;
use ringtail_kit::app::App;
use ringtail_kit::caller::Hook;
use ringtail_tests::validation::check;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::World;

/// Writes bytes and returns the status of the answer; `None` when the relay hangs up without one.
async fn status_of(world: &World, wire: &[u8]) -> anyhow::Result<Option<u16>> {
    let mut stream = world.caller.connect_raw(&world.url).await?;
    // The relay may refuse and hang up while the rest is being written.
    stream.write_all(wire).await.ok();
    let mut head = [0; 12];
    if stream.read_exact(&mut head).await.is_err() {
        return Ok(None);
    }
    let status = str::from_utf8(&head)?.strip_prefix("HTTP/1.1 ");
    Ok(Some(status.context("not HTTP/1.1")?.parse()?))
}

#[tokio::test]
async fn oversized_and_malformed_requests_are_refused() -> anyhow::Result<()> {
    let world = World::with(App::accepting(), &["--max-body-bytes", "100000"]).await?;
    let fits = Hook::notification(vec![b'x'; 100_000]);
    assert_eq!(world.caller.post(&world.url, &fits).await?.status, 200);
    let large = Hook::notification(vec![b'x'; 100_001]);
    assert_eq!(world.caller.post(&world.url, &large).await?.status, 413);

    let path = world.url.rsplit('/').next().unwrap_or_default();
    let head = format!("POST /{path} HTTP/1.1\r\nhost: localhost\r\n");
    let endless = format!("{head}x: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert_eq!(status_of(&world, endless.as_bytes()).await?, Some(431));
    for (wire, what) in [
        (
            format!("{head}content-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
            "two lengths",
        ),
        (
            format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n"),
            "a chunk of no length",
        ),
        (
            format!("{head}validation-token: a\x01b\r\n\r\n"),
            "a control character in a token",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), "another protocol"),
        (format!("{head}x : y\r\n\r\n"), "a space in a name"),
    ] {
        let status = status_of(&world, wire.as_bytes()).await?;
        assert!(matches!(status, None | Some(400)), "{what}: {status:?}");
    }
    let mut plain = TcpStream::connect(world.relay.address()).await?;
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
    let mut rest = Vec::new();
    plain.read_to_end(&mut rest).await.ok();
    assert!(!rest.starts_with(b"HTTP"), "plain HTTP is not answered");

    check(
        &world
            .caller
            .post(&world.url, &Hook::validation("still-here"))
            .await?,
        "still-here",
    )
}

#[tokio::test]
async fn a_token_that_is_no_header_value_is_refused() -> anyhow::Result<()> {
    let world = World::new().await?;
    let wire = "POST /_ringtail/v1/endpoints HTTP/1.1\r\nhost: localhost\r\n\
                authorization: Bearer \x7f\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(status_of(&world, wire.as_bytes()).await?, Some(400));
    world.notify("{}").await
}
