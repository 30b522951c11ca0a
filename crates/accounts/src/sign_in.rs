//! Signing in with a user name and a password, and changing the password.

use crate::{Accounts, Caller, Label, NewSession, account, credential, fact, session};
use base::{Error, Result, Secret};
use sea_orm::entity::prelude::*;
use std::net::IpAddr;

impl Accounts {
    /// Begins a session. An unknown user name, an account without a password and a wrong password get the same answer
    /// after the same work. Attempts are limited per user name and per address (a whole /64 of IPv6 counts as one).
    pub async fn sign_in(
        &self,
        login: &str,
        password: &Secret<String>,
        address: IpAddr,
        label: Label,
    ) -> Result<NewSession> {
        self.per_address.spend(network(address), self.world.clock.monotonic())?;
        // What cannot be a user name has no account, and shares one limit.
        let login = account::login(login).unwrap_or_default();
        let index = self.login_index(&login).await?;
        let account = self.checked(index, password).await?;
        let account = account.ok_or_else(|| Error::unauthenticated("wrong user name or password"))?;
        account.require_open()?;
        let begun = self.begin_session(self.db.conn(), &account, label).await?;
        self.with_caller(begun).await
    }

    /// Sets a new password and ends the account's other sessions.
    pub async fn change_password(&self, caller: &Caller, old: &Secret<String>, new: &Secret<String>) -> Result<()> {
        let (account, current) = self.signed_in(caller).await?;
        credential::check(new, self.login_of(&account).await?.open())?;
        if self.checked(account.index()?, old).await?.is_none_or(|found| found.id != account.id) {
            return Err(Error::denied("the old password is wrong").field("old_password"));
        }
        let hash = self.passwords.hash(new).await?;
        let key = self.keys.of_account(account.id.into()).await?;
        let tx = self.db.begin().await?;
        credential::set(&tx, &account, &hash, &key, &self.world).await?;
        session::end_others(&tx, account.id, Some(current)).await?;
        self.tell(&tx, fact::PASSWORD_CHANGED, account.id.into()).await?;
        tx.commit().await.map_err(db::error)
    }

    /// Shows again who the caller is, by the password: for ten minutes the session may do what needs that.
    pub async fn confirm(&self, caller: &Caller, password: &Secret<String>) -> Result<()> {
        let (account, session) = self.signed_in(caller).await?;
        if self.checked(account.index()?, password).await?.is_none_or(|found| found.id != account.id) {
            return Err(Error::denied("the password is wrong").field("password"));
        }
        self.confirm_session(session).await
    }

    /// The account with this login index, if the password is its own. Counts against the limit of the user name until
    /// the password is right.
    async fn checked(&self, index: [u8; 32], password: &Secret<String>) -> Result<Option<account::Model>> {
        self.per_login.spend(index, self.world.clock.monotonic())?;
        let account = self.by_index(index).await?;
        // Without an account the same is looked up for nobody.
        let id = account.as_ref().map_or_else(Uuid::default, |found| found.id);
        let hash = credential::get(&self.db, id, &self.keys.of_account(id.into()).await?).await?;
        if !self.passwords.matches(password, hash).await? {
            return Ok(None);
        }
        self.per_login.forgive(index);
        // Who has not verified the address is not told that the password is right.
        Ok(account.filter(|account| !account.waiting))
    }
}

/// The part of an address that one customer of a provider holds.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}
