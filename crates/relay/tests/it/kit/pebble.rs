//! An ACME authority: the real `pebble` with its DNS, on separate loopback addresses.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use ringtail_kit::tls::trusting;
use ringtail_relay::config::Config;
use ringtail_relay::public_url::PublicUrl;
use ringtail_relay::tls::{Acme, Certificate, Domain, HttpListen};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::soon;

/// The name that its DNS leads to the relay, like every other.
pub(crate) const DOMAIN: &str = "hooks.example.test";

/// A running authority.
pub(crate) struct Pebble {
    /// Each test has its own address.
    ip: Ipv4Addr,
    dir: TempDir,
    programs: Vec<Child>,
    directory: SocketAddr,
    management: SocketAddr,
    dns: SocketAddr,
    /// Where it looks for TLS-ALPN-01.
    pub(crate) tls: SocketAddr,
    /// Where it looks for HTTP-01.
    pub(crate) http: SocketAddr,
}

impl Pebble {
    pub(crate) async fn start() -> Self {
        ringtail_kit::tls::install();
        let [.., a, b, c] = uuid::Uuid::now_v7().into_bytes();
        let ip = Ipv4Addr::new(127, a, b, c.clamp(1, 254));
        let [directory, management, dns, dns_management, tls, http] = free(ip);
        let mut pebble = Self {
            ip,
            dir: TempDir::new().unwrap(),
            programs: Vec::new(),
            directory,
            management,
            dns,
            tls,
            http,
        };
        pebble.write();
        pebble.run(
            Command::new("pebble-challtestsrv")
                .args([
                    "-http01",
                    "",
                    "-https01",
                    "",
                    "-tlsalpn01",
                    "",
                    "-defaultIPv6",
                    "",
                ])
                .args(["-dns01", &pebble.dns.to_string()])
                .args(["-management", &dns_management.to_string()])
                .args(["-defaultIPv4", &ip.to_string()]),
        );
        pebble.dns_management(dns_management);
        pebble.run(
            Command::new("pebble")
                .args(["-config", "pebble.json", "-strict"])
                .args(["-dnsserver", &pebble.dns.to_string()])
                .env("PEBBLE_VA_NOSLEEP", "1")
                .env("PEBBLE_WFE_NONCEREJECT", "0")
                .env("PEBBLE_AUTHZREUSE", "0"),
        );
        for address in [dns_management, pebble.directory, pebble.management] {
            soon("pebble", async {
                while TcpStream::connect(address).await.is_err() {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        pebble
    }

    fn write(&self) {
        let key = KeyPair::generate().unwrap();
        let names = vec![self.ip.to_string()];
        let certificate = CertificateParams::new(names)
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let at = |name: &str| self.dir.path().join(name);
        fs::write(at("authority.pem"), certificate.pem()).unwrap();
        fs::write(at("authority.key"), key.serialize_pem()).unwrap();
        let config = json!({"pebble": {
            "listenAddress": self.directory.to_string(),
            "managementListenAddress": self.management.to_string(),
            "certificate": "authority.pem",
            "privateKey": "authority.key",
            "tlsPort": self.tls.port(),
            "httpPort": self.http.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        fs::write(at("pebble.json"), config.to_string()).unwrap();
    }

    fn run(&mut self, command: &mut Command) {
        let program = command
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble is a package of Debian's");
        self.programs.push(program);
    }

    fn dns_management(&self, address: SocketAddr) {
        fs::write(self.dir.path().join("dns"), address.to_string()).unwrap();
    }

    /// Leads every name to this address from now on.
    pub(crate) async fn lead_to(&self, ip: IpAddr) {
        let address = fs::read_to_string(self.dir.path().join("dns")).unwrap();
        let socket = TcpStream::connect(&address).await.unwrap();
        let request = Request::post("/set-default-ipv4").header("host", &address);
        let body = json!({ "ip": ip.to_string() }).to_string();
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        exchange(socket, request).await;
    }

    /// Leads every name to the relay, as it was at the start.
    pub(crate) async fn lead_back(&self) {
        self.lead_to(self.ip.into()).await;
    }

    /// An address of this test without a listener.
    pub(crate) fn nowhere(&self) -> SocketAddr {
        let [address] = free(self.ip);
        address
    }

    pub(crate) fn directory(&self) -> String {
        format!("https://{}/dir", self.directory)
    }

    /// What vouches for the authority's own address.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("authority.pem")
    }

    /// Changes a configuration to one that gets its certificates here.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.listen = self.tls;
        let url = format!("https://{DOMAIN}:{}", self.tls.port());
        config.public_url = Some(PublicUrl::parse(&url).unwrap());
        config.certificate = Certificate::Acme(Acme {
            domains: vec![Domain::parse(DOMAIN).unwrap()],
            email: Some("operator@example.test".to_owned()),
            directory: self.directory(),
            ca: Some(self.ca()),
            http: HttpListen::At(SocketAddr::new(self.ip.into(), 0)),
        });
    }

    /// Returns the TLS configuration of a caller that trusts the certificates issued here.
    pub(crate) async fn trust(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        let own = trusting(&fs::read(self.ca()).unwrap(), &[]).unwrap();
        let socket = TcpStream::connect(self.management).await.unwrap();
        let name = ServerName::from(IpAddr::from(self.ip));
        let stream = TlsConnector::from(own).connect(name, socket);
        let request = Request::get("/roots/0").header("host", self.management.to_string());
        let request = request.body(Full::default()).unwrap();
        let pem = exchange(stream.await.unwrap(), request).await;
        trusting(&pem, alpn).unwrap()
    }

    /// Kills the authority, and leaves its DNS.
    pub(crate) fn kill(&mut self) {
        let mut authority = self.programs.pop().unwrap();
        authority.kill().unwrap();
        authority.wait().unwrap();
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for program in &mut self.programs {
            drop(program.kill());
            drop(program.wait());
        }
    }
}

/// Sends one request, and returns the body of its answer.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Bytes
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(async move { drop(connection.await) });
    let answer = soon("an answer", send.send_request(request)).await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.into_body().collect().await.unwrap().to_bytes()
}

/// Returns different free ports of an address that only this test uses.
fn free<const PORTS: usize>(ip: Ipv4Addr) -> [SocketAddr; PORTS] {
    let listeners = [(); PORTS].map(|()| TcpListener::bind((ip, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// Returns the one directory that the relay made for the authority.
pub(crate) fn store(data: &Path) -> PathBuf {
    let mut found = fs::read_dir(data.join("acme")).unwrap();
    found.next().unwrap().unwrap().path()
}
