//! Closed loop over HTTP/2, validation only. Frames are written and read here because a client library costs more than
//! the answer that is measured.
//!
//! Flow of one connection: preface and empty `SETTINGS`; then `HEADERS` with `END_STREAM`, one for every stream
//! under way; each answer is `HEADERS` with status 200 and the stamp, and ends its stream with or without an empty
//! `DATA`. `PING` and `SETTINGS` are acknowledged, anything unexpected is an error.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::{Buf, BufMut, BytesMut};
use hdrhistogram::Histogram;
use memchr::memmem;
use ringtail_kit::caller::endpoint;
use ringtail_kit::http2::{
    ACK, DATA, END_HEADERS, END_STREAM, HEAD, HEADERS, PING, SETTINGS, WINDOW_UPDATE, hello,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use super::load::{Measured, micros};
use super::shot::{Aim, STAMP, Stamp};

/// Fires validation requests for some time, `streams` at once on each connection. Every echo is checked.
///
/// # Errors
/// At the first answer that is wrong or missing.
pub(crate) async fn validations(
    aim: &Aim,
    connections: usize,
    streams: usize,
    time: Duration,
) -> anyhow::Result<Measured> {
    let start = Arc::new(Barrier::new(connections));
    let began = Instant::now();
    let mut gunners = JoinSet::new();
    for _ in 0..connections {
        let gunner = Gunner::new(aim).await?;
        let start = Arc::clone(&start);
        gunners.spawn(async move {
            start.wait().await;
            gunner.fire(streams, time).await
        });
    }
    let dialled = began.elapsed();
    let mut parts = Vec::with_capacity(connections);
    while let Some(part) = gunners.join_next().await {
        parts.push(part??);
    }
    Measured::sum(parts, began.elapsed().saturating_sub(dialled))
}

#[derive(Debug)]
struct Gunner {
    stream: TlsStream<TcpStream>,
    shot: Shot,
    read: BytesMut,
    write: BytesMut,
    next_id: u32,
    under_way: HashMap<u32, (Stamp, Instant)>,
}

impl Gunner {
    async fn new(aim: &Aim) -> anyhow::Result<Self> {
        let mut gunner = Self {
            stream: aim.dial(true).await?,
            shot: Shot::new(aim)?,
            read: BytesMut::with_capacity(64 * 1024),
            write: BytesMut::with_capacity(64 * 1024),
            next_id: 1,
            under_way: HashMap::new(),
        };
        ensure!(
            gunner.stream.get_ref().1.alpn_protocol() == Some(b"h2"),
            "the server does not speak HTTP/2"
        );
        gunner.write.put_slice(&hello());
        Ok(gunner)
    }

    async fn fire(mut self, streams: usize, time: Duration) -> anyhow::Result<Histogram<u64>> {
        let mut latency = Measured::empty()?;
        let end = Instant::now() + time;
        for _ in 0..streams {
            self.shoot(Instant::now());
        }
        while !self.under_way.is_empty() {
            self.stream.write_all(&self.write).await?;
            self.write.clear();
            ensure!(
                self.stream.read_buf(&mut self.read).await? > 0,
                "the server hung up"
            );
            // One reading of the clock for all answers of one read: it costs as much as the answer.
            let now = Instant::now();
            while let Some(ended) = self.frame()? {
                if let Some(sent) = ended {
                    latency.saturating_record(micros(now - sent));
                    if now < end {
                        self.shoot(now);
                    }
                }
            }
        }
        Ok(latency)
    }

    fn shoot(&mut self, now: Instant) {
        let stamp = Stamp::fresh();
        self.shot.put(&mut self.write, self.next_id, stamp);
        self.under_way.insert(self.next_id, (stamp, now));
        self.next_id += 2;
    }

    /// Takes one frame from what was read; tells when the request of a stream that ended had been sent.
    fn frame(&mut self) -> anyhow::Result<Option<Option<Instant>>> {
        let Some(head) = self.read.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let [a, b, c, kind, flags, id @ ..] = *head;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if self.read.len() < HEAD + length {
            return Ok(None);
        }
        let id = u32::from_be_bytes(id);
        self.read.advance(HEAD);
        let payload = self.read.split_to(length);
        match kind {
            HEADERS => {
                ensure!(flags & END_HEADERS != 0, "the answer's head is in pieces");
                let Some((stamp, _)) = self.under_way.get(&id) else {
                    bail!("an answer to nothing, on stream {id}");
                };
                check(&payload, *stamp)?;
            }
            DATA => ensure!(length == 0, "a validation is answered without a body"),
            SETTINGS if flags & ACK == 0 => frame_head(&mut self.write, 0, SETTINGS, ACK, 0),
            PING if flags & ACK == 0 => {
                frame_head(&mut self.write, length, PING, ACK, 0);
                self.write.put_slice(&payload);
            }
            SETTINGS | PING | WINDOW_UPDATE => {}
            kind => bail!("the server sent a frame of type {kind}: {payload:?}"),
        }
        let ended = matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0;
        let sent = ended.then(|| self.under_way.remove(&id)).flatten();
        Ok(Some(sent.map(|(_, sent)| sent)))
    }
}

/// Checks an answer's header block: it begins with status 200, which stands in HPACK's static table, and holds the
/// stamp, plain or in Huffman code.
fn check(block: &[u8], stamp: Stamp) -> anyhow::Result<()> {
    const STATUS_200: u8 = 0x88;
    // Sizes of the dynamic table may be announced first: three bits 001.
    let first = block.iter().find(|byte| **byte >> 5 != 1);
    ensure!(
        first == Some(&STATUS_200),
        "not a 200: {}",
        block.escape_ascii()
    );
    ensure!(
        memmem::find(block, &stamp.huffman()).is_some()
            || memmem::find(block, stamp.plain()).is_some(),
        "the token was not echoed: {}",
        block.escape_ascii()
    );
    Ok(())
}

/// A validation request as a `HEADERS` frame.
#[derive(Debug)]
struct Shot {
    block: BytesMut,
}

impl Shot {
    fn new(aim: &Aim) -> anyhow::Result<Self> {
        const POST: u8 = 0x83;
        const HTTPS: u8 = 0x87;
        // Literals without indexing whose names stand in the static table.
        const AUTHORITY: u8 = 1;
        const PATH: u8 = 4;
        const CONTENT_TYPE: [u8; 2] = [15, 31 - 15];
        let uri = endpoint(&aim.url)?;
        let mut block = BytesMut::new();
        block.put_slice(&[POST, HTTPS, AUTHORITY]);
        put_text(
            &mut block,
            uri.authority().context("no authority")?.as_str(),
        )?;
        block.put_u8(PATH);
        put_text(&mut block, uri.path())?;
        block.put_slice(&CONTENT_TYPE);
        put_text(&mut block, "application/json")?;
        block.put_u8(0);
        put_text(&mut block, "validation-token")?;
        put_text(&mut block, Stamp::PLACE)?;
        Ok(Self { block })
    }

    fn put(&self, out: &mut BytesMut, id: u32, stamp: Stamp) {
        frame_head(out, self.block.len(), HEADERS, END_STREAM | END_HEADERS, id);
        let fixed = self.block.len() - STAMP;
        out.put_slice(self.block.get(..fixed).unwrap_or_default());
        out.put_slice(stamp.plain());
    }
}

fn put_text(block: &mut BytesMut, text: &str) -> anyhow::Result<()> {
    // One byte of length, not in Huffman code.
    ensure!(text.len() < 127, "too long for this generator: {text}");
    block.put_u8(u8::try_from(text.len())?);
    block.put_slice(text.as_bytes());
    Ok(())
}

fn frame_head(out: &mut BytesMut, length: usize, kind: u8, flags: u8, id: u32) {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    out.put_slice(&length.to_be_bytes()[1..]);
    out.put_u8(kind);
    out.put_u8(flags);
    out.put_u32(id);
}
