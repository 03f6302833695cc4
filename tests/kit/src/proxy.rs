//! Proxies that record who wanted what: one speaks HTTP and connects by CONNECT, the other SOCKS 5.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Most bytes of a request's head.
const MAX_HEAD: usize = 8 * 1024;

/// A running proxy. Whatever host is asked for, it connects to one address: names of tests do not resolve.
#[derive(Debug)]
pub struct TestProxy {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl TestProxy {
    /// Starts an HTTP proxy to an address. With a login, as the base64 of `user:password`, it refuses everybody else.
    pub async fn http(to: SocketAddr, login: Option<&'static str>) -> Self {
        Self::start(move |stream, asked| http(stream, to, login, asked)).await
    }

    /// Starts a SOCKS 5 proxy (RFC 1928) to an address, for a user with a password (RFC 1929).
    pub async fn socks(to: SocketAddr, login: (&'static str, &'static str)) -> Self {
        Self::start(move |stream, asked| socks(stream, to, login, asked)).await
    }

    async fn start<F>(
        serve: impl Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let served = serve(stream, Arc::clone(&seen));
                connections.spawn(async move { drop(served.await) });
            }
        });
        Self {
            address,
            asked,
            _tasks: tasks,
        }
    }

    /// Returns the hosts and ports that were asked for, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn socks(
    mut stream: TcpStream,
    to: SocketAddr,
    (user, password): (&str, &str),
    asked: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    const LOGIN: u8 = 2;
    let _version = stream.read_u8().await?;
    let methods = counted(&mut stream).await?;
    if !methods.contains(&LOGIN) {
        return stream.write_all(&[5, 0xff]).await;
    }
    stream.write_all(&[5, LOGIN]).await?;
    let _version = stream.read_u8().await?;
    let given = (counted(&mut stream).await?, counted(&mut stream).await?);
    if given != (user.into(), password.into()) {
        return stream.write_all(&[1, 1]).await;
    }
    stream.write_all(&[1, 0]).await?;
    // Version, CONNECT, reserved, and an address that is a name.
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    if head != [5, 1, 0, 3] {
        return stream.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    }
    let host = counted(&mut stream).await?;
    let port = stream.read_u16().await?;
    let host = String::from_utf8_lossy(&host);
    asked.lock().unwrap().push(format!("{host}:{port}"));
    let mut other = TcpStream::connect(to).await?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut stream, &mut other).await?;
    Ok(())
}

/// Reads bytes with their count before them.
async fn counted(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn http(
    mut stream: TcpStream,
    to: SocketAddr,
    login: Option<&str>,
    asked: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let mut head = Vec::new();
    // Byte by byte, because what follows is for the other side.
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let host = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    let Some(host) = host else { return Ok(()) };
    asked.lock().unwrap().push(host.to_owned());
    let has = |login| {
        head.to_ascii_lowercase()
            .contains(&format!("proxy-authorization: basic {login}").to_ascii_lowercase())
    };
    if login.is_some_and(|login| !has(login)) {
        let no = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        return stream.write_all(no).await;
    }
    let Ok(mut other) = TcpStream::connect(to).await else {
        let no = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
        return stream.write_all(no).await;
    };
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut stream, &mut other).await?;
    Ok(())
}
