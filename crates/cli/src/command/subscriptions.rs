//! `ringtail subscriptions`.

mod change;
mod diagnose;
mod ensure;
mod login;

use std::sync::Arc;

use jiff::Timestamp;
use ringtail_client::config::{Config, ConfigError};
use ringtail_client::relay_api::RelayApi;
use ringtail_errors::{Failure, codes};
use ringtail_protocol::path::EndpointInfo;
use ringtail_rc_api::{Api, ApiError, Keeper, Login, Place, Records, Server};
use ringtail_ringcentral::signature::Scheme;
use ringtail_ringcentral::subscription::Subscription;
use ringtail_ringcentral::subscription::filters::find;
use ringtail_ringcentral::subscription::plan::{NextCall, Plan, Wanted, plan};
use secrecy::SecretString;
use serde_json::Value;

use crate::args::subscriptions::{AddressArgs, SubscriptionsArgs, SubscriptionsCommand, WatchArgs};
use crate::args::{Common, Format};
use crate::output::subscriptions::{filters, filters_json, subscription_json};
use crate::output::{Stdout, note, plain, print};
use crate::signal;
use ringtail_text::{escape, shell_word};
use ringtail_views::json;

pub(crate) use self::diagnose::{Since, explain};

pub(super) async fn run(common: &Common, args: SubscriptionsArgs) -> Result<(), Failure> {
    let profile = args.profile.as_deref();
    let cloud = |endpoint: Option<&String>| Cloud::load(common, endpoint, profile);
    match args.command {
        SubscriptionsCommand::Login(args) => login::login(common, profile, &args).await,
        SubscriptionsCommand::Logout => login::logout(&cloud(None)?).await,
        SubscriptionsCommand::List(args) => {
            let cloud = cloud(None)?;
            let list = cloud.listed(args.all).await?;
            if list.is_empty() {
                note(
                    "no subscriptions of this user and app; `ringtail subscriptions ensure sms` creates one\n",
                );
            }
            cloud.print(&list, "listed", args.output).await
        }
        SubscriptionsCommand::Show(args) => {
            let cloud = cloud(None)?;
            let found = named(&cloud.api.list().await?, &args.id)?;
            let out = match args.output {
                Format::Json => json::bytes(&subscription_json("listed", &found)),
                Format::Plain => {
                    let style = plain::Style::of_stdout();
                    style
                        .whole_subscription(&found, Timestamp::now())
                        .into_bytes()
                }
            };
            print(&out).await
        }
        SubscriptionsCommand::Ensure(args) => {
            ensure::run(&cloud(args.address.endpoint.as_ref())?, common, args).await
        }
        SubscriptionsCommand::Renew(args) => {
            change::renew(&cloud(args.address.endpoint.as_ref())?, args).await
        }
        SubscriptionsCommand::Recreate(args) => change::recreate(&cloud(None)?, args).await,
        SubscriptionsCommand::Delete(args) => {
            change::delete(&cloud(args.address.endpoint.as_ref())?, common, args).await
        }
        SubscriptionsCommand::Watch(args) => watch(&cloud(None)?, &args).await,
        SubscriptionsCommand::Filters(args) => match args.output {
            Format::Plain => print(filters().as_bytes()).await,
            Format::Json => {
                let lines: Vec<u8> = filters_json().iter().flat_map(json::bytes).collect();
                print(&lines).await
            }
        },
    }
}

/// Returns the webhooks of the saved login.
pub(super) async fn webhooks(common: &Common) -> Result<Vec<Subscription>, Failure> {
    Cloud::load(common, None, None)?.listed(false).await
}

/// Configuration and API of a login to RingCentral.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) config: Config,
    pub(crate) api: Api,
}

/// Whose subscription it is.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// URL of the relay; empty if the address is not an endpoint.
    pub(crate) relay: String,
    /// Name of the endpoint, or the address.
    pub(crate) name: String,
    /// The address.
    pub(crate) address: String,
}

impl Owner {
    /// Returns the owner of an address that the arguments give.
    fn given(args: &AddressArgs) -> Option<Self> {
        let address = args.address.as_ref()?;
        Some(Self {
            relay: String::new(),
            name: address.clone(),
            address: address.clone(),
        })
    }
}

impl Cloud {
    /// Loads the configuration and the login: the environment's, or the saved one.
    pub(crate) fn load(
        common: &Common,
        endpoint: Option<&String>,
        profile: Option<&str>,
    ) -> Result<Self, Failure> {
        let config = Config::load(&common.flags(endpoint))?;
        let place = Place::new(config.directory(), profile);
        let login = match Login::of_variables(server(None)?, variable) {
            Some(login) => login,
            None => Login::read(&place)?.ok_or_else(|| {
                Failure::new(&codes::CLOUD_NO_LOGIN, "not logged in to RingCentral")
            })?,
        };
        Ok(Self {
            api: api(&config, login, place)?,
            config,
        })
    }

    /// Returns the subscriptions, or only the webhooks, oldest first.
    async fn listed(&self, all: bool) -> Result<Vec<Subscription>, Failure> {
        let mut list = self.api.list().await?;
        list.retain(|it| all || it.is_webhook());
        list.sort_by_key(|it| it.creation_time);
        Ok(list)
    }

    /// Returns the owner that the arguments name. An endpoint of the relay is created if it does not exist.
    async fn owner(&self, args: &AddressArgs) -> Result<Owner, Failure> {
        if let Some(owner) = Owner::given(args) {
            return Ok(owner);
        }
        let info = self.relay()?.endpoint(&self.config.endpoint, None).await?;
        self.owner_at(args, &info)
    }

    /// Returns the owner that the arguments name, unless it is an endpoint that does not exist.
    async fn existing_owner(&self, args: &AddressArgs) -> Result<Option<Owner>, Failure> {
        if let Some(owner) = Owner::given(args) {
            return Ok(Some(owner));
        }
        let found = self.relay()?.find(&self.config.endpoint).await?;
        found.map(|it| self.owner_at(args, &it.info)).transpose()
    }

    fn owner_at(&self, args: &AddressArgs, info: &EndpointInfo) -> Result<Owner, Failure> {
        let path = args.path.as_deref().unwrap_or_default();
        Ok(Owner {
            relay: self.config.account()?.relay.to_string(),
            name: self.config.endpoint.clone(),
            address: format!("{}{path}", info.url),
        })
    }

    fn relay(&self) -> Result<RelayApi, Failure> {
        Ok(RelayApi::new(self.config.account()?))
    }

    /// Returns what should be, and what of it was created here.
    fn wanted(records: &Records, owner: &Owner, filters: Vec<String>, seconds: u64) -> Wanted {
        let known = records.find(&owner.relay, &owner.name);
        Wanted {
            address: owner.address.clone(),
            filters,
            seconds,
            is_reminded: false,
            is_lengthened: false,
            owned: known.map(|it| it.ids.clone()).unwrap_or_default(),
        }
    }

    /// Decides what `ensure` does for an address, and changes nothing.
    async fn look(
        &self,
        owner: Option<&Owner>,
        filters: Vec<String>,
        seconds: u64,
    ) -> Result<Plan, Failure> {
        let list = self.api.list().await?;
        let Some(owner) = owner else {
            // No subscription is for an address that does not exist.
            return Ok(Plan {
                step: NextCall::Create,
                others: Vec::new(),
            });
        };
        let records = Records::read(self.config.directory())?;
        let mut wanted = Self::wanted(&records, owner, filters, seconds);
        wanted.is_lengthened = true;
        Ok(plan(&list, &wanted, Timestamp::now()))
    }

    /// Makes a keeper. New subscriptions get the configured verification token, or one that is made and saved first, so that
    /// the first event is checked already.
    pub(crate) fn keeper(
        &self,
        owner: &Owner,
        filters: Vec<String>,
        seconds: u64,
    ) -> Result<Keeper, Failure> {
        let mut records = Records::read(self.config.directory())?;
        let wanted = Self::wanted(&records, owner, filters, seconds);
        let configured = self.config.secrets.of_name(&owner.name);
        let configured = configured
            .of(Scheme::VerificationToken)
            .and_then(|token| std::str::from_utf8(token).ok())
            .map(SecretString::from);
        let record = records.prepare(&owner.relay, &owner.name, configured.as_ref())?;
        Ok(Keeper {
            api: self.api.clone(),
            wanted,
            token: record.token(),
            record: (record.relay, record.endpoint),
        })
    }

    /// Returns whether an address is on the relay.
    fn is_mine(&self, it: &Subscription) -> bool {
        self.config.is_on_relay(it.address())
    }

    async fn print(
        &self,
        list: &[Subscription],
        action: &str,
        format: Format,
    ) -> Result<(), Failure> {
        let now = Timestamp::now();
        let style = plain::Style::of_stdout();
        let mut out = Vec::new();
        for it in list {
            match format {
                Format::Json => json::line(&mut out, &subscription_json(action, it)),
                Format::Plain => {
                    out.extend(style.subscription(it, self.is_mine(it), now).into_bytes())
                }
            }
        }
        print(&out).await
    }
}

/// Makes the API. It says on stderr what it waits for.
fn api(config: &Config, login: Login, place: Place) -> Result<Api, Failure> {
    let trust = ringtail_outbound::trust::Trust::load(config.ca.as_deref());
    let trust = trust.map_err(ConfigError::from)?;
    let tell = Arc::new(|line: &str| note(&format!("{}\n", escape(line))));
    let proxies = config.proxies.clone();
    Ok(Api::new(login, place, &trust, proxies).telling(tell))
}

/// Returns the server: the flag's, the environment's, or production.
fn server(flag: Option<&str>) -> Result<Server, Failure> {
    let given = flag
        .map(str::to_owned)
        .or_else(|| variable("RINGCENTRAL_SERVER_URL"));
    match given {
        Some(text) => Ok(text.parse::<Server>()?),
        None => Ok(Server::default()),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the event filters that short names and paths mean.
pub(crate) fn event_filters(given: &[String]) -> Result<Vec<String>, Failure> {
    let filter = |text: &String| {
        let unknown = || {
            let failure = Failure::new(
                &codes::CLOUD_FILTER,
                format!("\"{text}\" is no event filter"),
            );
            // Everything after `listen --subscribe` is one.
            match text.contains(|c: char| c.is_ascii_digit()) {
                true => failure.hint(format!(
                    "if it is the app's port or URL, put it first: `ringtail listen {} --subscribe …`; \
                     `ringtail subscriptions filters` lists the filters",
                    shell_word(text)
                )),
                false => failure,
            }
        };
        find(text).map(|it| it.into_owned()).ok_or_else(unknown)
    };
    given.iter().map(filter).collect()
}

/// Returns the subscription whose id begins with a text.
fn named(list: &[Subscription], id: &str) -> Result<Subscription, Failure> {
    let found: Vec<&Subscription> = list.iter().filter(|it| it.id.starts_with(id)).collect();
    let wrong = |what: String| Err(Failure::new(&codes::CLOUD_NOT_FOUND, what));
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => wrong(format!("no subscription has the id {id}")),
        several => wrong(format!(
            "{} subscriptions have ids that begin with {id}",
            several.len()
        )),
    }
}

/// Prints each subscription, and again when it changes.
async fn watch(cloud: &Cloud, args: &WatchArgs) -> Result<(), Failure> {
    let mut asked = signal::Stop::watch();
    let mut stdout = Stdout::new();
    let style = plain::Style::of_stdout();
    let mut before: Vec<Subscription> = Vec::new();
    loop {
        let list = tokio::select! {
            biased;
            () = asked.asked() => return Ok(()),
            list = cloud.api.list() => list,
        };
        match list {
            Ok(list) => {
                let now = Timestamp::now();
                let mut out = Vec::new();
                let mut tell = |action: &str, it: &Subscription| match args.output {
                    Format::Json => json::line(&mut out, &subscription_json(action, it)),
                    Format::Plain => {
                        let row = style.subscription(it, cloud.is_mine(it), now);
                        out.extend(format!("{action:<8} {row}").into_bytes());
                    }
                };
                for it in &list {
                    match before.iter().find(|old| old.id == it.id) {
                        None => tell("found", it),
                        Some(old) if old != it => tell("changed", it),
                        Some(_) => {}
                    }
                }
                for old in before
                    .iter()
                    .filter(|old| list.iter().all(|it| it.id != old.id))
                {
                    tell("gone", old);
                }
                if !stdout.write(&out).await? {
                    return Ok(());
                }
                before = list;
            }
            // A temporary failure or a penalty is tried again later.
            Err(error) if matches!(error, ApiError::TooMany { .. }) || error.retry(0).is_some() => {
                note(&format!("{}\n", Failure::from(error).line()));
            }
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            biased;
            () = asked.asked() => return Ok(()),
            () = tokio::time::sleep(args.every) => {}
        }
    }
}

/// Prints a JSON line.
async fn print_json(value: &Value) -> Result<(), Failure> {
    print(&json::bytes(value)).await
}
