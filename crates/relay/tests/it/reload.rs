//! PEM files that change under a running relay.

use std::fs;
use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};
use ringtail_relay::config::Config;
use ringtail_relay::public_url::PublicUrl;
use ringtail_relay::server::Server;
use ringtail_relay::tls::{Certificate, PemPair};
use tempfile::TempDir;

use super::kit::{soon, state};

struct Files {
    dir: TempDir,
}

impl Files {
    fn new() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let files = Self {
            dir: TempDir::new().unwrap(),
        };
        files.write("own", "hooks.example.test");
        files.write("star", "*.hooks.example.test");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn pair(&self, name: &str) -> PemPair {
        PemPair {
            cert: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        }
    }

    /// Puts a new certificate in the place of the one before, by renaming as certbot and others do.
    fn write(&self, name: &str, host: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let pair = self.pair(name);
        for (file, text) in [
            (pair.key, key.serialize_pem()),
            (pair.cert, certificate.pem()),
        ] {
            let fresh = file.with_extension("fresh");
            fs::write(&fresh, text).unwrap();
            fs::rename(&fresh, file).unwrap();
        }
    }

    async fn relay(&self) -> Server {
        let data = self.path("data");
        let mut config = Config::dev("127.0.0.1:0".parse().unwrap(), data);
        config.public_url = Some(PublicUrl::parse("https://hooks.example.test").unwrap());
        config.certificate = Certificate::Files(vec![self.pair("own"), self.pair("star")]);
        Server::spawn(config).await.unwrap()
    }
}

#[tokio::test]
async fn a_changed_pair_is_shown_without_being_asked() {
    let files = Files::new();
    let relay = files.relay().await;
    let before = relay.certificate().borrow().clone();
    assert_eq!(before.shown.len(), 2);
    files.write("star", "*.hooks.example.test");
    let after = state(&relay, "the new pair", |state| {
        state.shown != before.shown && state.error.is_none()
    })
    .await;
    assert_eq!(after.shown[0], before.shown[0]);
    assert_ne!(after.shown[1], before.shown[1]);
    soon("the end", relay.shutdown()).await;
}

#[tokio::test]
async fn a_bad_pair_is_refused_and_the_old_one_kept_until_a_good_one_comes() {
    let files = Files::new();
    let relay = files.relay().await;
    let before = relay.certificate().borrow().clone();
    let good = fs::read(files.path("own.key")).unwrap();
    for (text, why) in [
        (fs::read(files.path("star.key")).unwrap(), "does not belong"),
        (b"junk".to_vec(), "could not be read as PEM"),
    ] {
        fs::write(files.path("own.key"), text).unwrap();
        relay.reload_certificate();
        let refused = state(
            &relay,
            "the refusal",
            |state| matches!(&state.error, Some(error) if error.contains(why)),
        )
        .await;
        assert_eq!(refused.shown, before.shown);
    }
    fs::write(files.path("own.key"), good).unwrap();
    relay.reload_certificate();
    let after = state(&relay, "the good pair", |state| state.error.is_none()).await;
    assert_eq!(after.shown, before.shown);

    files.write("own", "other.example.test");
    relay.reload_certificate();
    let refused = state(&relay, "the refusal", |state| state.error.is_some()).await;
    assert_eq!(refused.shown, before.shown);
    soon("the end", relay.shutdown()).await;
}
