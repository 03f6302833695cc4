//! Where the database is.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How long connecting to one host may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long the server may leave sent data unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Address of a PostgreSQL database. Its `Debug` shows no password.
#[derive(Clone)]
pub struct DatabaseUrl(Config);

/// Why a text is not the address of a database. It does not repeat the text, which may have a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseUrlError {
    /// It is something else.
    #[error("expected postgres://USER@HOST/DATABASE: {0}")]
    Syntax(String),
    /// It names no host.
    #[error("the database's URL names no host")]
    NoHost,
}

impl DatabaseUrl {
    /// Parses `postgres://USER@HOST:PORT/DATABASE?OPTIONS`, as PostgreSQL's own programs do.
    ///
    /// Connections to other machines are encrypted, unless the URL has `sslmode=disable`.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let mut config = Config::from_str(text).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            DatabaseUrlError::Syntax(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() {
            return Err(DatabaseUrlError::NoHost);
        }
        // The default would fall back to plain text.
        let is_remote = config.get_hosts().iter().any(is_remote)
            || config.get_hostaddrs().iter().any(|it| !it.is_loopback());
        if config.get_ssl_mode() == SslMode::Prefer && is_remote {
            config.ssl_mode(SslMode::Require);
        }
        config.application_name("ringtail-relay");
        config.connect_timeout(CONNECT_TIME);
        config.tcp_user_timeout(UNACKNOWLEDGED);
        Ok(Self(config))
    }

    /// Returns whether it has a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.0.get_password().is_some()
    }

    /// Sets the password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.0.password(password);
        self
    }

    pub(super) fn config(&self) -> &Config {
        &self.0
    }

    /// Returns how long connecting may take. The hosts are tried one after the other: one that is dead may take its time.
    pub(super) fn connect_time(&self) -> Duration {
        let hosts = u32::try_from(self.0.get_hosts().len()).unwrap_or(u32::MAX);
        CONNECT_TIME.saturating_mul(hosts)
    }
}

fn is_remote(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name != "localhost" && name != "127.0.0.1" && name != "::1",
        Host::Unix(_) => false,
    }
}

impl fmt::Display for DatabaseUrl {
    /// Names the database without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.0.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<String> = hosts.collect();
        let database = self.0.get_dbname().or(self.0.get_user());
        write!(f, "{} at {}", database.unwrap_or("?"), hosts.join(", "))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_no_password() {
        let url = DatabaseUrl::parse("postgres://anna:hush@db.example.com/relay").unwrap();
        assert!(url.has_password());
        let shown = format!("{url} {url:?}");
        assert_eq!(
            shown,
            "relay at db.example.com DatabaseUrl(relay at db.example.com)"
        );
        let error = DatabaseUrl::parse("postgres://anna:hush@db.example.com/relay?hush=1");
        let error = error.unwrap_err().to_string();
        assert!(!error.contains("anna"), "{error}");
        assert_eq!(
            DatabaseUrl::parse("postgres:///relay").unwrap_err(),
            DatabaseUrlError::NoHost
        );
    }

    #[test]
    fn a_dead_host_leaves_time_for_the_next() {
        for (hosts, expected) in [("one", CONNECT_TIME), ("one,two", CONNECT_TIME * 2)] {
            let url = DatabaseUrl::parse(&format!("postgres://{hosts}/relay")).unwrap();
            assert_eq!(url.connect_time(), expected, "{hosts}");
        }
    }

    #[test]
    fn other_machines_are_reached_over_tls_only() {
        for (url, mode) in [
            ("postgres://db.example.com/relay", SslMode::Require),
            (
                "postgres://localhost,db.example.com/relay",
                SslMode::Require,
            ),
            (
                "postgres://db.example.com/relay?sslmode=disable",
                SslMode::Disable,
            ),
            (
                "postgres://localhost/relay?hostaddr=192.0.2.1",
                SslMode::Require,
            ),
            ("postgres://localhost/relay", SslMode::Prefer),
            ("postgres:///relay?host=/run/postgresql", SslMode::Prefer),
        ] {
            assert_eq!(
                DatabaseUrl::parse(url).unwrap().0.get_ssl_mode(),
                mode,
                "{url}"
            );
        }
    }
}
