//! Why would RingCentral refuse this webhook address?
//!
//! Any address is tried as RingCentral would, from the outside in: what it is called, where that is, whether something
//! listens, what TLS and whose certificate it has, and what it answers to the real validation request. Each
//! requirement is one [`Row`]: what was seen, the error of RingCentral's that it would earn, and what to do.
//! A row that cannot be tried because of one before it is skipped, so that one fault is reported once.
//!
//! Nothing is printed here. Certificates are judged by the public roots alone, never by the machine's own store.
//! A check goes on behind a certificate that is not trusted, to report everything at once: do not check an
//! address whose query is a secret over a network that is not trusted.

mod address;
mod answer;
mod chain;
mod exchange;
mod limits;
mod network;
mod notify;
mod pace;
mod page;
mod reach;
mod request;
mod roots;
mod row;
mod tap;
mod tls;
mod witness;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;
use ringtail_outbound::proxy::{Connector, Proxies};
use tokio::sync::mpsc;
use tokio::time::Instant;

pub use self::address::{Address, AddressError};
use self::exchange::{Answer, Connection, NoAnswer};
use self::limits::TOTAL_TIME;
use self::network::Peer;
pub use self::pace::Try;
pub use self::roots::Roots;
pub use self::row::{Outcome, Requirement, Row};
pub use self::tap::Wire;

/// How an address is checked.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whom certificates are judged by.
    pub roots: Roots,
    /// Whether an address that RingCentral cannot reach is judged as if it could.
    pub local: bool,
    /// How many validation requests are sent; at least one is.
    pub tries: u32,
    /// Whether a notification is sent too.
    pub notify: bool,
    /// The verification token that RingCentral would send. It is kept from a server whose certificate fails.
    pub token: Option<HeaderValue>,
    /// The environment's proxy.
    pub proxies: Proxies,
}

/// Everything that a check found out.
#[derive(Debug, Clone)]
pub struct Report {
    /// The rows, one for each requirement, in order.
    pub rows: Vec<Row>,
    /// The validations that were answered.
    pub tries: Vec<Try>,
    /// What went over the wire: the first validation, and the notification.
    pub wire: Vec<Wire>,
}

impl Report {
    /// Returns the first row that is not met, which is what RingCentral would stumble over first.
    pub fn refusal(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.outcome == Outcome::Fail)
    }

    /// Returns whether nothing answers at the address any more. Rows that may be due to this machine do not count.
    pub fn is_dead(&self) -> bool {
        self.refusal().is_some_and(|row| row.is_dead)
    }

    /// Returns whether an answer was judged; without an answer and without a failure, the result is unknown.
    pub fn is_complete(&self) -> bool {
        let answer = |row: &Row| row.requirement == Requirement::Answer;
        let mut rows = self.rows.iter();
        rows.any(|row| answer(row) && row.outcome != Outcome::Skipped)
    }

    /// Returns the rows that are left aside as asked, and would be failures otherwise.
    pub fn set_aside(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.set_aside)
    }

    /// Returns the rows that are warnings and not left aside.
    pub fn warnings(&self) -> impl Iterator<Item = &Row> {
        let rows = self.rows.iter();
        rows.filter(|row| row.outcome == Outcome::Warn && !row.set_aside)
    }
}

/// Checks an address. Each row is sent as soon as it is judged, in the order of [`Requirement`].
pub async fn check(address: &Address, options: &Options, rows: mpsc::Sender<Row>) -> Report {
    let mut check = Check {
        address,
        options,
        sink: rows,
        deadline: Instant::now() + TOTAL_TIME,
        report: Report {
            rows: Vec::new(),
            tries: Vec::new(),
            wire: Vec::new(),
        },
    };
    check.run().await;
    check.skip_the_rest().await;
    check.report
}

struct Check<'a> {
    address: &'a Address,
    options: &'a Options,
    sink: mpsc::Sender<Row>,
    deadline: Instant,
    report: Report,
}

impl Check<'_> {
    async fn run(&mut self) {
        self.tell(address::row(self.address, self.options.local))
            .await;
        let Some(peer) = self.peer().await else {
            return;
        };
        let peer = &peer;
        if self.address.is_secure() {
            let (rows, is_spoken) = tls::rows(self.address, peer, &self.options.roots).await;
            self.tell_all(rows).await;
            if !is_spoken {
                return;
            }
        } else {
            for requirement in [
                Requirement::TlsVersion,
                Requirement::TlsAlgorithms,
                Requirement::Certificate,
            ] {
                self.tell(Row::skipped(requirement, "plain http")).await;
            }
        }
        let connection = self.validations(peer).await;
        if self.options.notify {
            self.notification(peer, connection).await;
        }
    }

    /// Returns the verification token if only the receiver can read it.
    fn token(&self) -> Option<&HeaderValue> {
        let fails =
            |row: &Row| row.requirement == Requirement::Certificate && row.outcome == Outcome::Fail;
        let token = self.options.token.as_ref();
        token.filter(|_| !self.report.rows.iter().any(fails))
    }

    /// Finds out how the address is reached.
    async fn peer(&mut self) -> Option<Peer> {
        let (uri, proxies) = (self.address.uri(), &self.options.proxies);
        if let Some(proxy) = proxies.proxy(uri) {
            let peer = Peer::Proxy(Connector::new(proxies.clone()), uri.clone());
            let (rows, is_reached) = network::connection_of_proxy(&proxy, &peer).await;
            self.tell_all(rows).await;
            return is_reached.then_some(peer);
        }
        let (row, addresses) = network::resolve(self.address, self.options.local).await;
        self.tell(row).await;
        if addresses.is_empty() {
            return None;
        }
        let is_local = self.address.why_local().is_some();
        let (row, address) = network::connections(&addresses, is_local).await;
        self.tell(row).await;
        address.map(Peer::Direct)
    }

    /// Sends the validations, the first on a new connection and later ones on the open one.
    async fn validations(&mut self, peer: &Peer) -> Option<Connection> {
        let mut open: Option<Connection> = None;
        let mut judged = Vec::new();
        for _ in 0..self.options.tries.max(1) {
            if Instant::now() >= self.deadline {
                break;
            }
            let token = request::fresh_token();
            let make = || request::validation(self.address, &token, self.token());
            let mut asked = self.ask(peer, open.take(), make).await;
            if judged.is_empty() {
                self.report.wire.extend(asked.wire.take());
                if self.address.is_secure()
                    && asked.may_be_http2()
                    && tls::is_http2_only(peer, self.address).await
                {
                    asked.answer = Err(NoAnswer::Http2Only);
                }
            }
            judged.push(answer::rows(&asked.answer, &token));
            match asked.answer {
                Ok(answer) => self.report.tries.push(Try {
                    connection: asked.connecting,
                    answer: answer.took,
                    status: answer.status.as_u16(),
                    bytes: answer.bytes,
                }),
                // After one missing response, do not wait for more.
                Err(_) => break,
            }
            open = asked.connection;
        }
        self.tell_all(answer::worst(&judged)).await;
        let rows = pace::rows(&self.report.tries);
        let has_answered = self
            .report
            .rows
            .iter()
            .all(|row| row.requirement != Requirement::Answer || row.outcome != Outcome::Fail);
        if has_answered {
            self.skip_until(Requirement::Time).await;
            self.tell_all(rows).await;
        }
        open
    }

    async fn notification(&mut self, peer: &Peer, open: Option<Connection>) {
        self.skip_until(Requirement::NotificationAnswer).await;
        let make = || request::notification(self.address, self.token());
        let asked = self.ask(peer, open, make).await;
        self.report.wire.extend(asked.wire);
        self.tell_all(notify::rows(&asked.answer, self.token().is_some()))
            .await;
    }

    /// Sends a request on the open connection, or on a new one.
    async fn ask(
        &self,
        peer: &Peer,
        open: Option<Connection>,
        make: impl Fn() -> Option<Request<Full<Bytes>>>,
    ) -> Asked {
        if let Some(mut connection) = open
            && connection.is_open().await
        {
            let Some(request) = make() else {
                return Asked::unsendable();
            };
            let (wire, answer) = connection.ask(request).await;
            // A server may close an idle connection at any time.
            if !matches!(answer, Err(NoAnswer::Empty | NoAnswer::Reset)) {
                return Asked {
                    wire: Some(wire),
                    answer,
                    connecting: None,
                    connection: Some(connection),
                };
            }
        }
        let Some(request) = make() else {
            return Asked::unsendable();
        };
        match Connection::open(peer, self.address).await {
            Ok(mut connection) => {
                let (wire, answer) = connection.ask(request).await;
                Asked {
                    wire: Some(wire),
                    answer,
                    connecting: Some(connection.took),
                    connection: Some(connection),
                }
            }
            Err(none) => Asked::nothing(none),
        }
    }

    async fn tell(&mut self, row: Row) {
        // The receiver may be gone.
        self.sink.send(row.clone()).await.ok();
        self.report.rows.push(row);
    }

    async fn tell_all(&mut self, rows: Vec<Row>) {
        for row in rows {
            self.skip_until(row.requirement).await;
            self.tell(row).await;
        }
    }

    async fn skip_the_rest(&mut self) {
        let notify = self.options.notify;
        self.skip(|it| notify || it < Requirement::NotificationAnswer)
            .await;
    }

    /// Says of everything before a requirement that has no row yet that it was not tried.
    async fn skip_until(&mut self, next: Requirement) {
        self.skip(|it| it < next).await;
    }

    async fn skip(&mut self, is_skipped: impl Fn(Requirement) -> bool) {
        let skipped = Requirement::ALL.iter().filter(|it| is_skipped(**it));
        for requirement in skipped.copied() {
            let mut rows = self.report.rows.iter();
            if !rows.any(|row| row.requirement == requirement) {
                let row = Row::skipped(requirement, self.why_skipped());
                self.tell(row).await;
            }
        }
    }

    fn why_skipped(&self) -> String {
        let failed = self
            .report
            .rows
            .iter()
            .rev()
            .find(|row| row.outcome == Outcome::Fail);
        match failed {
            Some(row) => format!("not tried: see {}", row.requirement.title().trim()),
            None if !self.report.is_complete() => "not tried: this check cannot connect".to_owned(),
            None => "not tried".to_owned(),
        }
    }
}

/// What came of one request.
struct Asked {
    wire: Option<Wire>,
    answer: Result<Answer, NoAnswer>,
    /// Time to make the connection, if it was made for this.
    connecting: Option<Duration>,
    /// The connection, which may take another request.
    connection: Option<Connection>,
}

impl Asked {
    /// Returns whether a server that speaks HTTP/2 only may have answered so: by a broken connection, or by HTTP/1 with a
    /// status that says no.
    fn may_be_http2(&self) -> bool {
        match &self.answer {
            Ok(answer) => matches!(answer.status.as_u16(), 400 | 403 | 421 | 426 | 464 | 505),
            Err(NoAnswer::NoConnection { .. } | NoAnswer::HeadersTooLarge) => false,
            Err(_) => true,
        }
    }

    fn nothing(why: NoAnswer) -> Self {
        Self {
            wire: None,
            answer: Err(why),
            connecting: None,
            connection: None,
        }
    }

    fn unsendable() -> Self {
        Self::nothing(NoAnswer::NoConnection {
            reason: "the address cannot be put into a request".to_owned(),
        })
    }
}
