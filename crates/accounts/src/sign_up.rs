//! Signing up: a person makes an account.
//!
//! With mail the answer and the work are the same whether the address has an account or not: the account exists at once
//! but opens only by the link that is mailed. Without mail an account is made at once, for which somebody must have
//! handed over an invitation.

use crate::{AccountId, Accounts, Label, Language, NewSession, account, credential, sign_in};
use base::{Error, Result, Secret, Time};
use sea_orm::{ActiveValue::Set, ExprTrait, entity::prelude::*};
use std::{net::IpAddr, time::Duration};

/// How long an account waits for its address to be verified.
const PATIENCE: Duration = Duration::from_secs(7 * 86_400);

/// Who may sign up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignUp {
    /// Anybody; needs mail.
    Open,
    /// Whoever holds an invitation to a household.
    #[default]
    Invitation,
    /// Nobody: accounts are made by hand.
    Closed,
}

/// What a person gives to sign up.
#[derive(Debug)]
pub struct NewAccount {
    /// An e-mail address; where there is no mail, a user name will do.
    pub login: String,
    pub password: Secret<String>,
    pub display_name: Option<String>,
    pub phone: Option<String>,
    pub language: Language,
    /// Says to be 18 or older.
    pub adult: bool,
}

/// What came of signing up.
#[derive(Debug)]
pub enum SignedUp {
    /// A mail goes to the address; it is not told whether an account was made.
    LookIntoMail {
        /// The new account, whose verification is to be mailed; none if the address has one already.
        account: Option<AccountId>,
        /// The account that the address has already, whose person is told.
        known: Option<AccountId>,
    },
    /// The account is open.
    SignedIn(NewSession),
}

impl Accounts {
    /// Makes an account. `invited` says that the person holds an invitation, and `proven` that it came to this very
    /// address.
    pub async fn sign_up(
        &self,
        new: NewAccount,
        by_mail: bool,
        proven: bool,
        address: IpAddr,
        label: Label,
    ) -> Result<SignedUp> {
        self.per_address.spend(sign_in::network(address), self.world.clock.monotonic())?;
        policy::enforce!(
            C11_1,
            new.adult,
            Error::invalid("an account is for people of 18 or older; say that you are").field("adult")
        );
        let login = account::login(&new.login)?;
        if by_mail && !account::is_address(&login) {
            return Err(Error::invalid("give an e-mail address").field("login"));
        }
        credential::check(&new.password, &login)?;
        let hash = self.passwords.hash(&new.password).await?;
        let known = self.by_index(self.login_index(&login).await?).await?;
        match known {
            Some(known) if by_mail && !proven => {
                Ok(SignedUp::LookIntoMail { account: None, known: Some(known.id.into()) })
            }
            Some(_) => Err(Error::conflict("this user name or address is taken").field("login")),
            None => self.make(new, &login, &hash, by_mail && !proven, proven, label).await,
        }
    }

    async fn make(
        &self,
        new: NewAccount,
        login: &str,
        hash: &str,
        wait: bool,
        proven: bool,
        label: Label,
    ) -> Result<SignedUp> {
        let details = self.details(&new)?;
        let tx = self.db.begin().await?;
        let row = self.insert_account(&tx, login).await?;
        let (id, key) = (AccountId::from(row.id), self.keys.of_account(row.id.into()).await?);
        credential::set(&tx, &row, hash, &key, &self.world).await?;
        let now = self.world.clock.now().micros();
        let declared = account::ActiveModel {
            id: Set(row.id),
            adult: Set(Some(now)),
            verified: Set((proven && account::is_address(login)).then_some(now)),
            waiting: Set(wait),
            ..Default::default()
        };
        account::Entity::update(declared).exec(&tx).await.map_err(db::error)?;
        self.write_profile(&tx, id, details).await?;
        if wait {
            tx.commit().await.map_err(db::error)?;
            return Ok(SignedUp::LookIntoMail { account: Some(id), known: None });
        }
        let session = self.begin_session(&tx, &row, label).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(SignedUp::SignedIn(self.with_caller(session).await?))
    }

    fn details(&self, new: &NewAccount) -> Result<account::ProfileChange> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let change = account::ProfileChange {
            display_name: given(&new.display_name).map(Some),
            phone: given(&new.phone).map(Some),
            language: Some(new.language),
            zone: None,
        };
        change.checked()
    }

    /// The account of a person who asks for a new password, if the address is verified: to it a link may be mailed.
    pub async fn forgotten(&self, login: &str, address: IpAddr) -> Result<Option<AccountId>> {
        self.per_address.spend(sign_in::network(address), self.world.clock.monotonic())?;
        let Ok(login) = account::login(login) else { return Ok(None) };
        let found = self.by_index(self.login_index(&login).await?).await?;
        let found = found.filter(|row| row.verified.is_some() && row.closed.is_none());
        Ok(found.map(|row| row.id.into()))
    }

    /// Deletes accounts whose address nobody verified in time.
    pub(crate) async fn expire_waiting(&self, now: Time) -> Result<u64> {
        let over = account::Column::Waiting.eq(true).and(account::Column::Created.lt((now - PATIENCE).micros()));
        let deleted = account::Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}
