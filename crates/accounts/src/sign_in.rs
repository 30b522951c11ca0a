//! Signing in with a user name and a password, changing the password, and showing again who one is.
//!
//! Guesses are limited where they come from (network, or browser that is known to the account), so that strangers can
//! lock nobody out; and besides, for each login, over all browsers that it does not know.

use crate::{
    AccountId, Accounts, Browser, Caller, SessionId, account, credential, fact,
    history::{Method, Outcome},
    second::SignIn,
    session,
};
use base::{Error, Result, Secret};
use sea_orm::entity::prelude::*;

/// The key of a limit that is `who`'s own, for this login or account.
pub(crate) fn bucket(target: &[u8], who: &[u8]) -> [u8; 32] {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    hash.update(target);
    hash.update(who);
    hash.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

impl Accounts {
    /// Signs in, or asks for a second factor. An unknown user name, an account without a password and a wrong password get
    /// the same answer after the same work.
    pub async fn sign_in(&self, login: &str, password: &Secret<String>, browser: &Browser) -> Result<SignIn> {
        self.spend(browser)?;
        // What cannot be a user name has no account, and shares one limit.
        let login = account::login(login).unwrap_or_default();
        let index = self.login_index(&login).await?;
        let account = self.by_index(index).await?;
        let bucket = self.admit_guess(index, account.as_ref(), browser).await?;
        let known = account.as_ref().map(|account| AccountId::from(account.id));
        let Some(account) = self.checked(bucket, account, password).await? else {
            if let Some(id) = known {
                self.note_failure(id, &browser.label, &[Method::Password], Outcome::WrongPassword);
            }
            return Err(Error::unauthenticated("wrong user name or password"));
        };
        let tx = self.db.begin().await?;
        let arrived = self.arrive(&tx, &account, Method::Password, browser).await?;
        tx.commit().await.map_err(db::error)?;
        self.admitted(arrived).await
    }

    /// Counts a guess at a login; the key under which it is forgiven if it was right.
    async fn admit_guess(
        &self,
        index: [u8; 32],
        account: Option<&account::Model>,
        browser: &Browser,
    ) -> Result<[u8; 32]> {
        let now = self.world.clock.monotonic();
        // Without an account the same is looked up for nobody.
        let id = account.map_or_else(Uuid::default, |account| account.id);
        if let Some(known) = self.known(browser, id).await? {
            let own = bucket(&index, &known);
            return self.per_login.spend(own, now).map(|()| own);
        }
        let here = bucket(&index, browser.network().to_string().as_bytes());
        self.per_login.spend(here, now)?;
        self.per_target.spend(index, now)?;
        Ok(here)
    }

    /// Sets a new password and ends the account's other sessions. Who has none needs a fresh confirmation instead.
    pub async fn change_password(
        &self,
        caller: &Caller,
        old: Option<&Secret<String>>,
        new: &Secret<String>,
    ) -> Result<()> {
        let (account, current) = self.signed_in(caller).await?;
        let factors = self.factors_of(self.db.conn(), account.id.into()).await?;
        credential::check(new, self.login_of(&account).await?.open(), factors.shortest_password())?;
        match old {
            _ if !factors.password => caller.require_recent(self.world.clock.now())?,
            Some(old) if self.is_password(&account, current, old).await? => {}
            _ => return Err(Error::denied("the old password is wrong").field("old_password")),
        }
        let chosen = self.passwords.hash(new).await?;
        let tx = self.db.begin().await?;
        self.choose_password(&tx, &account, &chosen).await?;
        session::end_others(&tx, account.id, Some(current)).await?;
        tx.commit().await.map_err(db::error)
    }

    /// Sets a password in a transaction, in which it must still be long enough; tells the person.
    pub(crate) async fn choose_password(
        &self,
        conn: &impl ConnectionTrait,
        account: &account::Model,
        chosen: &credential::Chosen,
    ) -> Result<()> {
        account::lock(conn, account.id.into()).await?;
        if !chosen.strong && !self.factors_of(conn, account.id.into()).await?.second() {
            return Err(Error::conflict("the second factor was just removed; choose a longer password"));
        }
        let key = self.keys.of_account(account.id.into()).await?;
        credential::set(conn, account, chosen, &key, &self.world).await?;
        self.tell(conn, fact::PASSWORD_CHANGED, account.id.into()).await
    }

    /// Shows again who the caller is, by the password: for ten minutes the session may do what needs that.
    pub async fn confirm(&self, caller: &Caller, password: &Secret<String>) -> Result<()> {
        let (account, session) = self.signed_in(caller).await?;
        if !self.is_password(&account, session, password).await? {
            return Err(Error::denied("the password is wrong").field("password"));
        }
        self.confirm_session(session).await
    }

    /// The same by a code of the authenticator app.
    pub async fn confirm_by_code(&self, caller: &Caller, code: &str) -> Result<()> {
        let (account, session) = self.signed_in(caller).await?;
        let own = bucket(&account.id.into_bytes(), &session.bytes());
        self.per_second.spend(own, self.world.clock.monotonic())?;
        if !self.accept_code(self.db.conn(), &account, code, true).await? {
            return Err(Error::denied("the code is wrong").field("code"));
        }
        self.per_second.forgive(own);
        self.confirm_session(session).await
    }

    /// Whether this is the account's password. The session has tries of its own, which nobody else can use up.
    async fn is_password(&self, account: &account::Model, session: SessionId, typed: &Secret<String>) -> Result<bool> {
        let own = bucket(&account.index()?, &session.bytes());
        self.per_login.spend(own, self.world.clock.monotonic())?;
        Ok(self.checked(own, Some(account.clone()), typed).await?.is_some())
    }

    /// The account, if the password is its own: the guess is then forgiven.
    async fn checked(
        &self,
        bucket: [u8; 32],
        account: Option<account::Model>,
        password: &Secret<String>,
    ) -> Result<Option<account::Model>> {
        // Without an account the same is looked up for nobody.
        let id = account.as_ref().map_or_else(Uuid::default, |found| found.id);
        let hash = credential::get(&self.db, id, &self.keys.of_account(id.into()).await?).await?;
        if !self.passwords.matches(password, hash).await? {
            return Ok(None);
        }
        self.per_login.forgive(bucket);
        // Who has not verified the address is not told that the password is right.
        Ok(account.filter(|account| !account.waiting))
    }
}
