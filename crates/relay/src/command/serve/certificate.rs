//! Arguments that say where the certificate comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::{
    Acme, Certificate, Domain, HttpListen, LETS_ENCRYPT, MAX_DOMAINS, PemPair, PublicUrl,
};

/// Where a relay without a name of its own listens.
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("certificate").required(true).args(["dev", "cert", "domain", "behind_proxy"]))]
pub(super) struct CertificateArgs {
    /// Listen on this address; port 0 takes any that is free [default: 127.0.0.1:8443, with --domain port 443 of all]
    #[arg(
        long,
        env = "RINGTAIL_RELAY_LISTEN",
        hide_env_values = true,
        value_name = "ADDR"
    )]
    listen: Option<SocketAddr>,
    /// Tell clients that the world reaches the relay at this URL; the first --domain unless given
    #[arg(
        long,
        env = "RINGTAIL_RELAY_PUBLIC_URL", hide_env_values = true,
        value_name = "URL",
        value_parser = PublicUrl::parse
    )]
    public_url: Option<PublicUrl>,
    /// Try it on this machine: use a certificate of the relay's own making, which clients must be told to trust and
    /// RingCentral never does
    #[arg(long, env = "RINGTAIL_RELAY_DEV", hide_env_values = true)]
    dev: bool,
    /// Use the certificate in this PEM file, with its whole chain; give it again, with its key, for other names
    #[arg(
        long,
        env = "RINGTAIL_RELAY_CERT",
        hide_env_values = true,
        value_name = "FILE",
        requires = "key",
        requires = "public_url"
    )]
    cert: Vec<PathBuf>,
    /// Use the private key in this PEM file
    #[arg(
        long,
        env = "RINGTAIL_RELAY_KEY",
        hide_env_values = true,
        value_name = "FILE",
        requires = "cert"
    )]
    key: Vec<PathBuf>,
    /// Speak plain HTTP with a proxy in front, which has the certificate; HTTP/1.1 and h2c
    #[arg(
        long,
        env = "RINGTAIL_RELAY_BEHIND_PROXY",
        hide_env_values = true,
        requires = "public_url"
    )]
    behind_proxy: bool,
    /// Get a certificate for this name and renew it, agreeing to the authority's terms; it must lead to
    /// this machine, at ports 443 and 80; give it again for more names
    #[arg(
        long,
        env = "RINGTAIL_RELAY_DOMAIN",
        hide_env_values = true,
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = Domain::parse
    )]
    domain: Vec<Domain>,
    /// Tell the authority this address of yours
    #[arg(
        long,
        env = "RINGTAIL_RELAY_ACME_EMAIL",
        hide_env_values = true,
        value_name = "EMAIL"
    )]
    acme_email: Option<String>,
    /// Get certificates from the authority with this ACME directory instead of Let's Encrypt
    #[arg(
        long,
        env = "RINGTAIL_RELAY_ACME_DIRECTORY", hide_env_values = true,
        value_name = "URL",
        value_parser = directory
    )]
    acme_directory: Option<String>,
    /// Trust the roots in this PEM file towards the authority, instead of the system's
    #[arg(
        long,
        env = "RINGTAIL_RELAY_ACME_CA",
        hide_env_values = true,
        value_name = "FILE"
    )]
    acme_ca: Option<PathBuf>,
    /// Answer the authority's plain HTTP requests at this address [default: port 80 beside --listen, if it is free]
    #[arg(
        long,
        env = "RINGTAIL_RELAY_HTTP_LISTEN",
        hide_env_values = true,
        value_name = "ADDR"
    )]
    http_listen: Option<SocketAddr>,
}

/// What the arguments say together.
pub(super) struct Chosen {
    pub(super) listen: SocketAddr,
    pub(super) public_url: Option<PublicUrl>,
    pub(super) certificate: Certificate,
}

impl CertificateArgs {
    /// Takes the arguments together.
    pub(super) fn choose(self) -> Result<Chosen, &'static str> {
        if let Some(first) = self.domain.first() {
            if self.domain.len() > MAX_DOMAINS {
                return Err("one certificate has at most 100 names: give fewer --domain");
            }
            let listen = self.listen.unwrap_or_else(everywhere);
            let http = self.http_listen.map_or_else(
                || HttpListen::IfPossible(SocketAddr::new(listen.ip(), 80)),
                HttpListen::At,
            );
            let url = self.public_url.unwrap_or_else(|| PublicUrl::of(first));
            let host = url.host().to_string();
            if !self.domain.iter().any(|domain| domain.as_str() == host) {
                return Err("the host of --public-url is none of --domain: add it there");
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
        // Not by clap: it requires nothing that an argument which is there excludes.
        if self.acme_email.is_some()
            || self.acme_directory.is_some()
            || self.acme_ca.is_some()
            || self.http_listen.is_some()
        {
            return Err(
                "--acme-email, --acme-directory, --acme-ca and --http-listen go with --domain",
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

/// All addresses of this machine, those of IPv6 included where it has them.
fn everywhere() -> SocketAddr {
    let ip = match std::net::UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) {
        Ok(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        Err(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    SocketAddr::new(ip, 443)
}

/// Reads the URL of a directory.
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
    fn what_does_not_go_together_is_refused() {
        let many = vec!["--domain a.test"; MAX_DOMAINS + 1].join(" ");
        for (line, expected) in [
            (
                "--domain a.test --public-url https://b.test",
                "none of --domain",
            ),
            (
                "--cert a --cert b --key a --public-url https://b.test",
                "its own --key",
            ),
            (many.as_str(), "at most 100"),
            ("--dev --acme-email a@b.test", "go with --domain"),
        ] {
            let refused = choose(line).err().unwrap();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn without_either_the_relay_is_local() {
        assert_eq!(choose("--dev").unwrap().listen, LOCAL);
        let chosen = choose("--cert a --key b --cert c --key d --public-url https://b.test");
        let Certificate::Files(pairs) = chosen.unwrap().certificate else {
            panic!()
        };
        assert_eq!(pairs[1].key, PathBuf::from("d"));
    }
}
