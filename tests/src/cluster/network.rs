//! A network of the program's own, with a machine for each relay: two cables lead from it, one to callers and clients, one to
//! PostgreSQL and the other relays. A cable that is pulled out drops packets, and nobody is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::faults::mounts::{self, run};

/// Where everything is stored: in memory, so that a busy disk is no fault. Processes die here, never the machine.
pub(super) const STORE: &str = "/run";

/// What is stored, at most.
const STORE_MEBIBYTES: u32 = 4096;

/// A network of a relay's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cable {
    /// To callers and clients.
    Outside,
    /// To PostgreSQL and the other relays.
    Inside,
}

impl Cable {
    pub(super) const ALL: [Self; 2] = [Self::Outside, Self::Inside];

    /// Returns an address of this network: the first ones are PostgreSQL's and the proxy's.
    const fn address(self, host: u8) -> Ipv4Addr {
        match self {
            Self::Outside => Ipv4Addr::new(10, 0, 1, host),
            Self::Inside => Ipv4Addr::new(10, 0, 2, host),
        }
    }

    /// Returns the name of its switch, and of its end at the machine.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Outside => ("outside", "out"),
            Self::Inside => ("inside", "in"),
        }
    }
}

/// Enters the network. Call it before there are threads.
///
/// # Errors
/// When the system allows none.
pub fn enter() -> anyhow::Result<()> {
    mounts::enter(&["--net"])
}

/// Connects the machines of this many relays.
pub(super) fn connect(relays: usize) -> anyhow::Result<()> {
    mounts::memory_for(Path::new(STORE), STORE_MEBIBYTES, "0755")?;
    ip("link set lo up")?;
    for cable in Cable::ALL {
        let (switch, _) = cable.names();
        ip(&format!("link add {switch} type bridge"))?;
        ip(&format!("link set {switch} up"))?;
        for host in [1, 2] {
            ip(&format!(
                "address add {}/24 dev {switch}",
                cable.address(host)
            ))?;
        }
    }
    for relay in 0..relays {
        ip(&format!("netns add relay{relay}"))?;
        ip(&format!("-n relay{relay} link set lo up"))?;
        for cable in Cable::ALL {
            let (_, end) = cable.names();
            let address = cable.address(host(relay));
            ip(&format!(
                "link add {end}{relay} type veth peer name {end} netns relay{relay}"
            ))?;
            ip(&format!("link set {end}{relay} up"))?;
            ip(&format!(
                "-n relay{relay} address add {address}/24 dev {end}"
            ))?;
            ip(&format!("-n relay{relay} link set {end} up"))?;
            plug(relay, cable)?;
        }
    }
    Ok(())
}

/// Pulls out a cable of a relay's machine.
pub(super) fn unplug(relay: usize, cable: Cable) -> anyhow::Result<()> {
    let (_, end) = cable.names();
    ip(&format!("link set {end}{relay} nomaster"))
}

/// Plugs a cable of a relay's machine in.
pub(super) fn plug(relay: usize, cable: Cable) -> anyhow::Result<()> {
    let (switch, end) = cable.names();
    ip(&format!("link set {end}{relay} master {switch}"))
}

/// Returns the words before a command that make it run on a relay's machine.
pub(super) fn on(relay: usize) -> Vec<String> {
    let network = format!("--net={STORE}/netns/relay{relay}");
    vec!["nsenter".to_owned(), network, "--".to_owned()]
}

/// Returns a relay's address in a network.
pub(super) fn relay(relay: usize, cable: Cable, port: u16) -> SocketAddr {
    (cable.address(host(relay)), port).into()
}

/// Returns the address of a PostgreSQL server, the first or the second.
pub(super) fn postgres(server: usize) -> IpAddr {
    Cable::Inside.address(1 + u8::from(server > 0)).into()
}

/// Returns from where the proxy calls relays.
pub(super) fn proxy() -> IpAddr {
    Cable::Outside.address(1).into()
}

fn host(relay: usize) -> u8 {
    11 + u8::try_from(relay).unwrap_or(u8::MAX - 11)
}

fn ip(words: &str) -> anyhow::Result<()> {
    run(Command::new("ip").args(words.split(' ')))
}
