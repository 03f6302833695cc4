//! Strangers that misbehave get an answer or the door, and nobody else notices.

use bytes::BytesMut;
use ringtail_tests::http1;
use ringtail_tests::ringcentral::Hook;
use ringtail_tests::validations::check;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::World;

/// Writes bytes and returns the status of what is answered; `None` when the relay just hangs up.
async fn status_of(world: &World, wire: &[u8]) -> anyhow::Result<Option<u16>> {
    let mut stream = world.caller.connect_raw(&world.url).await?;
    // A relay that has heard enough hangs up while the rest is being written.
    stream.write_all(wire).await.ok();
    let answer = http1::read_answer(&mut stream, &mut BytesMut::new()).await;
    Ok(answer.ok().map(|answer| answer.status))
}

#[tokio::test]
async fn what_is_too_large_or_no_http_is_refused() -> anyhow::Result<()> {
    let world = World::with(
        ringtail_tests::target::LocalTarget::start()?,
        &["--max-body-bytes", "100000"],
    )
    .await?;
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
    assert!(!rest.starts_with(b"HTTP"), "TLS alone is spoken here");

    check(
        &world
            .caller
            .post(&world.url, &Hook::validation("still-here"))
            .await?,
        "still-here",
    )
}

#[tokio::test]
async fn calls_of_the_relays_api_without_a_token_are_refused() -> anyhow::Result<()> {
    let world = World::new().await?;
    for (wire, status) in [
        (
            "GET /_ringtail/v1/link HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
            401,
        ),
        (
            "POST /_ringtail/v1/endpoints HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \x7f\r\ncontent-length: 2\r\n\r\n{}",
            400,
        ),
        (
            "POST /_ringtail/v1/endpoints HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer wrong\r\ncontent-length: 2\r\n\r\n{}",
            401,
        ),
    ] {
        assert_eq!(
            status_of(&world, wire.as_bytes()).await?,
            Some(status),
            "{wire}"
        );
    }
    let hook = Hook::notification("{}");
    assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    Ok(())
}
