//! People who may sign in, and the households to which they belong: accounts, members, credentials, sessions, API
//! tokens, links that work once.
//!
//! [`Accounts`] is the door. It turns a credential into a [`Caller`], and every other context takes a caller first.

mod account;
mod caller;
mod credential;
pub mod fact;
mod holder;
mod household;
mod keys;
mod label;
mod language;
mod limit;
mod link;
mod member;
mod schema;
pub mod secret;
mod session;
mod sign_in;
mod sign_up;
#[cfg(test)]
mod tests;
mod token;

pub use account::{Contact, LONGEST_NAME, Profile, ProfileChange, address, is_address, is_deceptive, name};
pub use caller::{Caller, Role, Scope, Scopes, Via};
pub use credential::{LONGEST_PASSWORD, SHORTEST_PASSWORD};
pub use holder::Owned;
pub use household::Household;
pub use keys::ColumnKeys;
pub use label::Label;
pub use language::Language;
pub use link::{NewLink, Setup, Step};
pub use member::{Person, Place};
pub use schema::migrations;
pub use session::{NewSession, Session};
pub use sign_up::{NewAccount, SignUp, SignedUp};
pub use token::{DEFAULT_DAYS, MOST_DAYS, NewToken, Token};

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

/// The data map of this context's tables.
pub const DATA_MAP: &[policy::Table] =
    &[household::MAP, account::MAP, member::MAP, credential::MAP, session::MAP, token::MAP, link::MAP];

/// Households and their people. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    db: Db,
    world: World,
    keys: ColumnKeys,
    passwords: Arc<credential::Passwords>,
    per_login: Arc<limit::Limiter<[u8; 32]>>,
    per_address: Arc<limit::Limiter<IpAddr>>,
}

/// How many user names and how many addresses the limits remember: 16,384 of each, about a megabyte.
const REMEMBERED: usize = 1 << 14;

impl Accounts {
    /// The accounts in `db`, which is migrated. `keys` finds the keys of sealed columns.
    pub fn new(db: Db, world: World, keys: ColumnKeys) -> Self {
        Self {
            passwords: Arc::new(credential::Passwords::new(world.clone())),
            per_login: Arc::new(limit::Limiter::new(10, Duration::from_secs(60), REMEMBERED)),
            per_address: Arc::new(limit::Limiter::new(30, Duration::from_secs(20), REMEMBERED)),
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

    /// Deletes sessions, tokens, links and memberships that are over, and accounts that nobody verified. Says how many;
    /// called about every hour.
    pub async fn expire(&self) -> Result<u64> {
        let now = self.world.clock.now();
        let doors = self.expire_sessions(now).await? + self.expire_tokens(now).await? + self.expire_links(now).await?;
        Ok(doors + self.expire_members(now).await? + self.expire_waiting(now).await?)
    }
}
