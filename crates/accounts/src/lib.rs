//! People who may sign in, and the households to which they belong: accounts, members, credentials, sessions, API
//! tokens, links that work once.
//!
//! [`Accounts`] is the door. It turns a credential into a [`Caller`], and every other context takes a caller first.

mod account;
mod caller;
mod credential;
pub mod fact;
mod factor;
mod history;
mod holder;
mod household;
mod keys;
mod known;
mod label;
mod language;
mod limit;
mod link;
mod member;
mod oidc;
mod passkey;
mod pending;
mod recovery;
mod schema;
mod second;
pub mod secret;
mod session;
mod sign_in;
mod sign_up;
#[cfg(test)]
mod tests;
mod token;
mod totp;

pub use account::{Contact, LONGEST_NAME, Profile, ProfileChange, address, is_address, is_deceptive, name};
pub use caller::{Caller, Role, Scope, Scopes, Via};
pub use credential::{LONGEST_PASSWORD, SHORTEST_PASSWORD, SHORTEST_WITH_SECOND_FACTOR};
pub use factor::Factors;
pub use history::{Method, Outcome, SignInLine};
pub use holder::Owned;
pub use household::Household;
pub use keys::ColumnKeys;
pub use known::{Browser, KNOWN_FOR};
pub use label::Label;
pub use language::Language;
pub use link::{NewLink, Setup, Step};
pub use member::{Person, Place};
pub use oidc::{Agreement, Fetch, Identity, Issuer, Offer, RETURN_PATH, WayBack, WayOut};
pub use passkey::{Ceremony, NewPasskey, Passkey};
pub use recovery::CODES;
pub use schema::migrations;
pub use second::{Challenge, SignIn};
pub use session::{NewSession, Session};
pub use sign_up::{NewAccount, SignUp, SignedUp};
pub use token::{DEFAULT_DAYS, MOST_DAYS, NewToken, Token};
pub use totp::TotpSetup;

use base::{Result, World};
use db::Db;
use std::{net::IpAddr, sync::Arc, time::Duration};

base::id!(
    /// A household: people and things that belong together.
    HouseholdId
);
base::id!(
    /// A person's account.
    AccountId
);
base::id!(
    /// A browser in which somebody signed in.
    SessionId
);
base::id!(
    /// An API token.
    TokenId
);
base::id!(
    /// A passkey.
    PasskeyId
);
base::id!(
    /// A link between an account and another service.
    IdentityId
);

/// The data map of this context's tables.
pub const DATA_MAP: &[policy::Table] = &[
    household::MAP,
    account::MAP,
    member::MAP,
    credential::MAP,
    totp::MAP,
    recovery::MAP,
    passkey::MAP,
    oidc::MAP,
    known::MAP,
    history::MAP,
    session::MAP,
    token::MAP,
    link::MAP,
];

/// Households and their people. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    db: Db,
    world: World,
    keys: ColumnKeys,
    passwords: Arc<credential::Passwords>,
    passkeys: Arc<passkey::Passkeys>,
    issuers: Arc<oidc::Issuers>,
    challenges: Arc<pending::Pending<second::Awaited>>,
    /// Wrong passwords of one login from one network or browser.
    per_login: Arc<limit::Limiter<[u8; 32]>>,
    /// Passwords of one login from everywhere where nobody has signed in to it.
    per_target: Arc<limit::Limiter<[u8; 32]>>,
    /// Wrong second factors of one account.
    per_second: Arc<limit::Limiter<[u8; 32]>>,
    /// Requests of one network that name a login.
    per_address: Arc<limit::Limiter<IpAddr>>,
    /// Challenges of one network that wait in memory.
    per_ceremony: Arc<limit::Limiter<IpAddr>>,
    /// Lines of one account about failures.
    per_failure: Arc<limit::Limiter<[u8; 16]>>,
}

/// How many keys each limit remembers: 16,384, about a megabyte.
const REMEMBERED: usize = 1 << 14;

impl Accounts {
    /// The accounts in `db`, which is migrated. `keys` finds the keys of sealed columns.
    pub fn new(db: Db, world: World, keys: ColumnKeys) -> Self {
        let seconds = Duration::from_secs;
        Self {
            passwords: Arc::new(credential::Passwords::new(world.clone())),
            passkeys: Arc::new(passkey::Passkeys::new(&[]).expect("localhost is a host name")),
            issuers: Arc::new(oidc::Issuers::none()),
            challenges: Arc::new(pending::Pending::new()),
            per_login: Arc::new(limit::Limiter::new(10, seconds(60), REMEMBERED)),
            per_target: Arc::new(limit::Limiter::new(100, Duration::from_millis(500), REMEMBERED)),
            per_second: Arc::new(limit::Limiter::new(10, seconds(300), REMEMBERED)),
            per_address: Arc::new(limit::Limiter::new(30, seconds(20), REMEMBERED)),
            per_ceremony: Arc::new(limit::Limiter::new(60, seconds(5), REMEMBERED)),
            per_failure: Arc::new(limit::Limiter::new(30, seconds(60), REMEMBERED)),
            db,
            world,
            keys,
        }
    }

    /// The caller as of now, for what lasts longer than a request: `Unauthenticated` once the session or token ended,
    /// with the rights that the account has by now.
    pub async fn refresh(&self, caller: &Caller) -> Result<Caller> {
        use sea_orm::ColumnTrait;
        match caller.via() {
            Via::Session(id) => self.find_session(session::Column::Id.eq(id.uuid())).await,
            Via::Token(id) => self.find_token(token::Column::Id.eq(id.uuid())).await,
            Via::System => Ok(caller.clone()),
        }
    }

    /// Deletes sessions, tokens, links and memberships that are over, old history, and accounts that nobody verified. Says
    /// how many; called about every hour.
    pub async fn expire(&self) -> Result<u64> {
        let now = self.world.clock.now();
        let doors = self.expire_sessions(now).await? + self.expire_tokens(now).await? + self.expire_links(now).await?;
        let past = self.expire_history(now).await? + self.expire_known(now).await?;
        Ok(doors + past + self.expire_members(now).await? + self.expire_waiting(now).await?)
    }
}
