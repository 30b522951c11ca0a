//! What an account can be opened with, taken together.
//!
//! A second factor is an authenticator app or a passkey: with one of them a password alone does not open the account, and
//! may be shorter. Invariants: a short password never stands alone; nobody takes away the last way in.

use crate::{AccountId, Accounts, Caller, account, credential, oidc, passkey, recovery, totp};
use base::{Error, Result};
use sea_orm::{ConnectionTrait, entity::prelude::Uuid};
use std::collections::HashSet;

/// What an account can be opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Factors {
    pub password: bool,
    /// Whether the password is long enough to stand alone.
    pub strong: bool,
    /// Whether there is an authenticator app.
    pub totp: bool,
    pub passkeys: u64,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
    /// How many other services sign the person in.
    pub identities: u64,
}

impl Factors {
    /// Whether a password alone does not open the account.
    pub fn second(self) -> bool {
        self.totp || self.passkeys > 0
    }

    /// The fewest characters of a password.
    pub(crate) fn shortest_password(self) -> usize {
        match self.second() {
            true => credential::SHORTEST_WITH_SECOND_FACTOR,
            false => credential::SHORTEST_PASSWORD,
        }
    }

    pub(crate) fn require_second(self) -> Result<()> {
        match self.second() {
            true => Ok(()),
            false => {
                Err(Error::conflict("add a passkey or an authenticator app first: a recovery code stands in for it"))
            }
        }
    }

    /// An error if the account would be left without a way in, or with a password that is too short to be the only one.
    fn check_left(self) -> Result<()> {
        match self.password {
            true if self.second() || self.strong => Ok(()),
            true => Err(Error::conflict(format!(
                "your password is too short to stand alone; choose one of {} or more characters first",
                credential::SHORTEST_PASSWORD
            ))),
            false if self.passkeys > 0 || self.identities > 0 => Ok(()),
            false => Err(Error::conflict("this is your last way in; choose a password or add another passkey first")),
        }
    }
}

impl Accounts {
    /// What the caller's account can be opened with.
    pub async fn factors(&self, caller: &Caller) -> Result<Factors> {
        self.factors_of(self.db.conn(), caller.require_person()?).await
    }

    /// Those of the accounts that can be opened with something.
    pub(crate) async fn who_can_sign_in(&self, accounts: &[Uuid]) -> Result<HashSet<Uuid>> {
        let mut holders = credential::holders(&self.db, accounts).await?;
        holders.extend(passkey::holders(&self.db, accounts).await?);
        holders.extend(oidc::holders(&self.db, accounts).await?);
        Ok(holders)
    }

    pub(crate) async fn factors_of(&self, conn: &impl ConnectionTrait, account: AccountId) -> Result<Factors> {
        let strong = credential::strong(conn, account).await?;
        Ok(Factors {
            password: strong.is_some(),
            strong: strong.unwrap_or_default(),
            totp: totp::is_on(conn, account).await?,
            passkeys: passkey::count(conn, account).await?,
            recovery_codes: recovery::left(conn, account).await?,
            identities: oidc::count(conn, account).await?,
        })
    }

    /// In a transaction that has taken away a factor: an error if it may not go. With the last second factor go the
    /// recovery codes.
    pub(crate) async fn may_lose_factor(&self, conn: &impl ConnectionTrait, account: AccountId) -> Result<()> {
        let left = self.factors_of(conn, account).await?;
        left.check_left()?;
        match left.second() {
            true => Ok(()),
            false => recovery::clear(conn, account).await,
        }
    }

    /// Takes away every second factor, for who has lost them and was handed a link by somebody who decides.
    pub(crate) async fn clear_second(&self, conn: &impl ConnectionTrait, account: AccountId) -> Result<()> {
        account::lock(conn, account).await?;
        totp::clear(conn, account).await?;
        passkey::clear(conn, account).await?;
        recovery::clear(conn, account).await
    }
}
