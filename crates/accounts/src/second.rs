//! After the first thing that a person shows, a second one, if the account has a second factor.
//!
//! What waits between the two requests is a random token, good for five minutes, five tries, and the network in which the
//! first was shown. A passkey is two factors by itself: after it nothing is asked.

use crate::{
    AccountId, Accounts, Browser, NewSession, account, fact,
    history::{Method, Outcome},
    passkey,
    pending::PATIENCE,
    session::Begun,
    sign_in,
};
use base::{Error, Result, Secret, Time};
use sea_orm::ConnectionTrait;
use serde_json::Value;
use std::net::IpAddr;
use webauthn_rs::prelude::PasskeyAuthentication;

/// How often one may answer.
const TRIES: u8 = 5;

/// What came of showing a first thing.
#[derive(Debug)]
pub enum SignIn {
    SignedIn(NewSession),
    /// A second factor is asked for.
    SecondFactor(Challenge),
}

impl SignIn {
    /// The session; `Unauthenticated` if a second factor is due.
    pub fn session(self) -> Result<NewSession> {
        match self {
            Self::SignedIn(session) => Ok(session),
            Self::SecondFactor(_) => Err(Error::unauthenticated("a second factor is asked for")),
        }
    }
}

/// What is asked for besides.
#[derive(Debug)]
pub struct Challenge {
    pub token: Secret<String>,
    /// What the account has: any of it will do.
    pub methods: Vec<Method>,
    pub expires: Time,
}

/// A person who has shown the first thing.
pub(crate) struct Awaited {
    account: AccountId,
    first: Method,
    network: IpAddr,
    tries: u8,
    passkey: Option<PasskeyAuthentication>,
}

/// What came of a first thing, inside a transaction that may still be open.
pub(crate) enum Arrived {
    In(Begun),
    Asked(Challenge),
}

fn over() -> Error {
    Error::unauthenticated("this sign-in took too long or failed too often; begin again")
}

impl Accounts {
    /// Goes on after a first thing was shown: the person is in, or is asked for a second factor. [`Self::admitted`]
    /// completes it after the transaction.
    pub(crate) async fn arrive(
        &self,
        conn: &impl ConnectionTrait,
        account: &account::Model,
        first: Method,
        browser: &Browser,
    ) -> Result<Arrived> {
        account.require_open()?;
        let factors = self.factors_of(conn, account.id.into()).await?;
        if !(factors.second() && policy::enforce!(C9_1_5)) {
            return Ok(Arrived::In(self.admit(conn, account, &[first], browser).await?));
        }
        let network = browser.network();
        let awaited = Awaited { account: account.id.into(), first, network, tries: TRIES, passkey: None };
        let has = [
            (factors.passkeys > 0, Method::Passkey),
            (factors.totp, Method::Totp),
            (factors.recovery_codes > 0, Method::Recovery),
        ];
        Ok(Arrived::Asked(Challenge {
            token: self.challenges.add(&self.world, awaited),
            methods: has.iter().filter(|(has, _)| *has).map(|(_, method)| *method).collect(),
            expires: self.world.clock.now() + PATIENCE,
        }))
    }

    pub(crate) async fn admitted(&self, arrived: Arrived) -> Result<SignIn> {
        match arrived {
            Arrived::In(begun) => Ok(SignIn::SignedIn(self.with_caller(begun).await?)),
            Arrived::Asked(challenge) => Ok(SignIn::SecondFactor(challenge)),
        }
    }

    /// Lets in a person who has shown enough.
    pub(crate) async fn enter(
        &self,
        account: &account::Model,
        methods: &[Method],
        browser: &Browser,
    ) -> Result<NewSession> {
        account.require_open()?;
        let tx = self.db.begin().await?;
        let begun = self.admit(&tx, account, methods, browser).await?;
        tx.commit().await.map_err(db::error)?;
        self.with_caller(begun).await
    }

    async fn admit(
        &self,
        conn: &impl ConnectionTrait,
        account: &account::Model,
        methods: &[Method],
        browser: &Browser,
    ) -> Result<Begun> {
        self.note(conn, account.id.into(), &browser.label, methods, Outcome::SignedIn).await?;
        let known = self.remember(conn, browser, account.id).await?;
        Ok(self.begin_session(conn, account, browser.label.clone()).await?.known_by(known))
    }

    /// Signs in with a code of the authenticator app, or a recovery code, after the first thing was shown.
    pub async fn second_by_code(
        &self,
        challenge: &Secret<String>,
        code: &str,
        browser: &Browser,
    ) -> Result<NewSession> {
        let (id, first, bucket) = self.attempt(challenge, browser).await?;
        let account = self.account(self.db.conn(), id).await?;
        account.require_open()?;
        let tx = self.db.begin().await?;
        let second = match self.accept_code(&tx, &account, code, true).await? {
            true => Method::Totp,
            false if self.spend_code(&tx, id, code).await? => Method::Recovery,
            false => {
                tx.rollback().await.map_err(db::error)?;
                return Err(self.failed(challenge, id, first, browser).await);
            }
        };
        self.done(challenge, bucket)?;
        let begun = self.admit(&tx, &account, &[first, second], browser).await?;
        tx.commit().await.map_err(db::error)?;
        self.with_caller(begun).await
    }

    /// What the browser is to do to answer the challenge with a passkey.
    pub async fn second_passkey_options(&self, challenge: &Secret<String>, browser: &Browser) -> Result<Value> {
        self.per_ceremony.spend(browser.network(), self.world.clock.monotonic())?;
        let id = self.awaited(challenge, browser, |awaited| Ok(awaited.account))?;
        let (options, state) = self.challenge_keys(id).await?;
        self.awaited(challenge, browser, |awaited| {
            awaited.passkey = Some(state);
            Ok(())
        })?;
        Ok(options)
    }

    /// Signs in with a passkey after the first thing was shown.
    pub async fn second_by_passkey(
        &self,
        challenge: &Secret<String>,
        credential: Value,
        browser: &Browser,
    ) -> Result<NewSession> {
        let credential = passkey::parsed(credential)?;
        let (id, first, bucket) = self.attempt(challenge, browser).await?;
        let state = self.awaited(challenge, browser, |awaited| awaited.passkey.take().ok_or_else(over))?;
        if self.check_key(id, &credential, &state).await.is_err() {
            return Err(self.failed(challenge, id, first, browser).await);
        }
        self.done(challenge, bucket)?;
        let account = self.account(self.db.conn(), id).await?;
        self.enter(&account, &[first, Method::Passkey], browser).await
    }

    /// What waits under the challenge, for who is in the same network.
    fn awaited<R>(
        &self,
        challenge: &Secret<String>,
        browser: &Browser,
        look: impl FnOnce(&mut Awaited) -> Result<R>,
    ) -> Result<R> {
        let found =
            self.challenges.visit(&self.world, challenge, |awaited| match awaited.network == browser.network() {
                true => look(awaited),
                false => Err(over()),
            });
        found.unwrap_or_else(|| Err(over()))
    }

    /// Counts a try; who it is, what was shown first, and the key of the limit: the tries of a browser that the account
    /// knows are counted by themselves.
    async fn attempt(&self, challenge: &Secret<String>, browser: &Browser) -> Result<(AccountId, Method, [u8; 32])> {
        let (account, first) = self.awaited(challenge, browser, |awaited| {
            awaited.tries = awaited.tries.checked_sub(1).ok_or_else(over)?;
            Ok((awaited.account, awaited.first))
        })?;
        let known = self.known(browser, account.uuid()).await?;
        let bucket = sign_in::bucket(&account.bytes(), known.as_ref().map_or(&[], |hash| hash));
        self.per_second.spend(bucket, self.world.clock.monotonic())?;
        Ok((account, first, bucket))
    }

    /// Takes the challenge away: of two right answers one gets in.
    fn done(&self, challenge: &Secret<String>, bucket: [u8; 32]) -> Result<()> {
        self.challenges.take(&self.world, challenge).ok_or_else(over)?;
        self.per_second.forgive(bucket);
        Ok(())
    }

    /// Notes a wrong answer; with the last the challenge goes, and the person hears that somebody knows the password.
    async fn failed(&self, challenge: &Secret<String>, account: AccountId, first: Method, browser: &Browser) -> Error {
        let methods: &[Method] = match first {
            Method::Password => &[Method::Password],
            Method::Link => &[Method::Link],
            _ => &[Method::Issuer],
        };
        self.note_failure(account, &browser.label, methods, Outcome::WrongSecond);
        let left = self.awaited(challenge, browser, |awaited| Ok(awaited.tries)).unwrap_or_default();
        if left == 0 && self.challenges.take(&self.world, challenge).is_some() {
            let told = self.tell(self.db.conn(), fact::SECOND_FACTOR_GUESSED, account).await;
            return told.err().unwrap_or_else(over);
        }
        Error::unauthenticated("this was not accepted; try again").field("code")
    }
}
