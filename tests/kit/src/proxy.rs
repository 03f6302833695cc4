//! An HTTP proxy that connects by CONNECT, and records who wanted what.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Most bytes of a request's head.
const MAX_HEAD: usize = 8 * 1024;

/// A running proxy. Whatever host is asked for, it connects to one address: names of tests do not resolve.
#[derive(Debug)]
pub struct ConnectProxy {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl ConnectProxy {
    /// Starts a proxy to an address. With a login, as the base64 of `user:password`, it refuses everybody else.
    pub async fn start(to: SocketAddr, login: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, to, login, Arc::clone(&seen)));
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

async fn serve(
    mut stream: TcpStream,
    to: SocketAddr,
    login: Option<&'static str>,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    // Byte by byte, because what follows is for the other side.
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let host = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    let Some(host) = host else { return };
    seen.lock().unwrap().push(host.to_owned());
    let has = |login| {
        head.to_ascii_lowercase()
            .contains(&format!("proxy-authorization: basic {login}").to_ascii_lowercase())
    };
    if login.is_some_and(|login| !has(login)) {
        let no = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        drop(stream.write_all(no.as_bytes()).await);
        return;
    }
    let Ok(mut other) = TcpStream::connect(to).await else {
        drop(
            stream
                .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                .await,
        );
        return;
    };
    if stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
        drop(copy_bidirectional(&mut stream, &mut other).await);
    }
}
