//! Arguments for the certificate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::command::path;
use crate::public_url::PublicUrl;
use crate::tls::{Acme, Certificate, Domain, HttpListen, LETS_ENCRYPT, MAX_DOMAINS, PemPair};

/// Default address without --domain.
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("certificate").required(true).args(["dev", "cert", "domain", "behind_proxy"]))]
pub(super) struct CertificateArgs {
    /// Listen on this address; port 0 takes any free port [default: 127.0.0.1:8443; with --domain, port 443 of all addresses]
    #[arg(long, env = "RINGTAIL_RELAY_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Announce this public URL to clients [default: the first --domain]
    #[arg(
        long,
        env = "RINGTAIL_RELAY_PUBLIC_URL",
        value_name = "URL",
        value_parser = PublicUrl::parse
    )]
    public_url: Option<PublicUrl>,
    /// Try it on this machine, with a self-made certificate that clients must trust explicitly and RingCentral rejects
    #[arg(long, env = "RINGTAIL_RELAY_DEV")]
    dev: bool,
    /// Use the certificate chain in this PEM file; repeatable, each with its --key
    #[arg(
        long,
        env = "RINGTAIL_RELAY_CERT",
        value_name = "FILE",
        value_parser = path(),
        requires = "key",
        requires = "public_url"
    )]
    cert: Vec<PathBuf>,
    /// Use the private key in this PEM file
    #[arg(
        long,
        env = "RINGTAIL_RELAY_KEY",
        value_name = "FILE",
        value_parser = path(),
        requires = "cert"
    )]
    key: Vec<PathBuf>,
    /// Speak plain HTTP (HTTP/1.1 and h2c) to a proxy in front, which has the certificate
    #[arg(long, env = "RINGTAIL_RELAY_BEHIND_PROXY", requires = "public_url")]
    behind_proxy: bool,
    /// Get and renew a certificate for this name, agreeing to the authority's terms; the name must lead to this machine
    /// at ports 443 and 80; repeatable
    #[arg(
        long,
        env = "RINGTAIL_RELAY_DOMAIN",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = Domain::parse
    )]
    domain: Vec<Domain>,
    /// Give the authority this contact address
    #[arg(long, env = "RINGTAIL_RELAY_ACME_EMAIL", value_name = "EMAIL")]
    acme_email: Option<String>,
    /// Use the authority with this ACME directory instead of Let's Encrypt
    #[arg(
        long,
        env = "RINGTAIL_RELAY_ACME_DIRECTORY",
        value_name = "URL",
        value_parser = directory
    )]
    acme_directory: Option<String>,
    /// Verify the authority's own certificate with the roots in this PEM file instead of the system's
    #[arg(
        long,
        env = "RINGTAIL_RELAY_ACME_CA",
        value_name = "FILE",
        value_parser = path()
    )]
    acme_ca: Option<PathBuf>,
    /// Answer the authority's plain HTTP requests at this address [default: port 80 of --listen, if it is free]
    #[arg(long, env = "RINGTAIL_RELAY_HTTP_LISTEN", value_name = "ADDR")]
    http_listen: Option<SocketAddr>,
}

/// The combined arguments.
pub(super) struct Chosen {
    pub(super) listen: SocketAddr,
    pub(super) public_url: Option<PublicUrl>,
    pub(super) certificate: Certificate,
}

impl CertificateArgs {
    /// Combines the arguments.
    pub(super) fn choose(self) -> Result<Chosen, &'static str> {
        if let Some(first) = self.domain.first() {
            if self.domain.len() > MAX_DOMAINS {
                return Err("one certificate has at most 100 names: pass fewer --domain");
            }
            let listen = self.listen.unwrap_or_else(everywhere);
            let http = self.http_listen.map_or_else(
                || HttpListen::IfPossible(SocketAddr::new(listen.ip(), 80)),
                HttpListen::At,
            );
            let url = match self.public_url {
                Some(url) => url,
                None => PublicUrl::parse(&format!("https://{first}")).expect("a domain is a host"),
            };
            let host = url.host().to_string();
            if !self.domain.iter().any(|domain| domain.as_str() == host) {
                return Err("the host of --public-url must be one of --domain");
            }
            return Ok(Chosen {
                listen,
                public_url: Some(url),
                certificate: Certificate::Acme(Acme {
                    domains: self.domain,
                    email: self.acme_email,
                    directory: self.acme_directory.unwrap_or(LETS_ENCRYPT.to_owned()),
                    ca: self.acme_ca,
                    http,
                }),
            });
        }
        // clap cannot check this: the group excludes what `requires` would demand.
        if self.acme_email.is_some()
            || self.acme_directory.is_some()
            || self.acme_ca.is_some()
            || self.http_listen.is_some()
        {
            return Err(
                "--acme-email, --acme-directory, --acme-ca and --http-listen need --domain",
            );
        }
        if self.cert.len() != self.key.len() {
            return Err("each --cert needs its own --key, in the same order");
        }
        let pairs = self.cert.into_iter().zip(self.key);
        let pairs: Vec<_> = pairs.map(|(cert, key)| PemPair { cert, key }).collect();
        Ok(Chosen {
            listen: self.listen.unwrap_or(LOCAL),
            public_url: self.public_url,
            certificate: if self.behind_proxy {
                Certificate::Proxy
            } else if pairs.is_empty() {
                Certificate::Dev
            } else {
                Certificate::Files(pairs)
            },
        })
    }
}

/// Port 443 of all addresses, IPv6 included if the machine has it.
fn everywhere() -> SocketAddr {
    let ip = match std::net::UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) {
        Ok(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        Err(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    SocketAddr::new(ip, 443)
}

/// Parses the URL of a directory.
fn directory(text: &str) -> Result<String, &'static str> {
    let url: http::Uri = text.parse().map_err(|_| "it is not a URL")?;
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(_)) => Ok(text.to_owned()),
        _ => Err("it must begin with https://"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        args: CertificateArgs,
    }

    fn choose(line: &str) -> Result<Chosen, &'static str> {
        let words = ["serve"].into_iter().chain(line.split(' '));
        Program::try_parse_from(words).unwrap().args.choose()
    }

    #[test]
    fn a_domain_is_enough() {
        let chosen = choose("--domain Hooks.example.com").unwrap();
        assert_eq!(chosen.listen.port(), 443);
        assert!(chosen.listen.ip().is_unspecified());
        let url = chosen.public_url.unwrap();
        assert_eq!(url.as_str(), "https://hooks.example.com");
        let Certificate::Acme(acme) = chosen.certificate else {
            panic!("{:?}", chosen.certificate)
        };
        assert_eq!(acme.directory, LETS_ENCRYPT);
        let plain = SocketAddr::new(chosen.listen.ip(), 80);
        assert_eq!(acme.http, HttpListen::IfPossible(plain));
    }

    #[test]
    fn what_is_given_counts() {
        let chosen = choose(
            "--listen 127.0.0.1:1 --http-listen 127.0.0.1:2 --domain a.test,b.test --domain c.test \
             --public-url https://b.test:8443",
        )
        .unwrap();
        assert_eq!(chosen.listen.port(), 1);
        assert_eq!(chosen.public_url.unwrap().as_str(), "https://b.test:8443");
        let Certificate::Acme(acme) = chosen.certificate else {
            panic!("{:?}", chosen.certificate)
        };
        assert_eq!(acme.domains.len(), 3);
        assert_eq!(acme.http, HttpListen::At("127.0.0.1:2".parse().unwrap()));
    }

    #[test]
    fn conflicting_arguments_are_refused() {
        let many = vec!["--domain a.test"; MAX_DOMAINS + 1].join(" ");
        for (line, expected) in [
            (
                "--domain a.test --public-url https://b.test",
                "must be one of --domain",
            ),
            (
                "--cert a --cert b --key a --public-url https://b.test",
                "its own --key",
            ),
            (many.as_str(), "at most 100"),
            ("--dev --acme-email a@b.test", "need --domain"),
        ] {
            let refused = choose(line).err().unwrap();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn a_leading_tilde_is_the_home_directory() {
        let chosen = choose("--cert ~/c.pem --key=~/k.pem --public-url https://b.test");
        let Certificate::Files(pairs) = chosen.unwrap().certificate else {
            panic!()
        };
        for (path, name) in [(&pairs[0].cert, "c.pem"), (&pairs[0].key, "k.pem")] {
            assert!(path.is_absolute() && path.ends_with(name), "{path:?}");
        }
    }

    #[test]
    fn without_a_domain_the_relay_listens_locally() {
        assert_eq!(choose("--dev").unwrap().listen, LOCAL);
        let chosen = choose("--cert a --key b --cert c --key d --public-url https://b.test");
        let Certificate::Files(pairs) = chosen.unwrap().certificate else {
            panic!()
        };
        assert_eq!(pairs[1].key, PathBuf::from("d"));
    }
}
