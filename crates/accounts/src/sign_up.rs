//! Signing up: a person makes an account.
//!
//! With mail the answer and the work are the same whether the address has an account or not: the account exists at once
//! but opens only by the link that is mailed. Without mail an account is made at once, for which somebody must have
//! handed over an invitation.

use crate::{Accounts, Browser, Language, NewSession, account, credential, fact, history::Method};
use base::{Error, Result, Secret, Time};
use sea_orm::{ActiveValue::Set, ExprTrait, entity::prelude::*};
use std::time::Duration;

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
    /// None, where the address is confirmed by mail: the person adds a passkey then.
    pub password: Option<Secret<String>>,
    pub display_name: Option<String>,
    pub phone: Option<String>,
    pub language: Language,
    /// Says to be 18 or older.
    pub adult: bool,
    /// The version of the policy that is accepted with it, an act of its own; whoever calls knows that it is one that holds.
    pub policy: u32,
}

impl NewAccount {
    pub(crate) fn require_adult(&self) -> Result<()> {
        policy::enforce!(
            C11_1,
            self.adult,
            Error::invalid("an account is for people of 18 or older; say that you are").field("adult")
        );
        Ok(())
    }
}

/// What came of signing up.
#[derive(Debug)]
pub enum SignedUp {
    /// A mail goes to the address. It is not told whether an account was made.
    LookIntoMail,
    /// The account is open.
    SignedIn(NewSession),
}

impl Accounts {
    /// Makes an account. `by_mail` says that links can be mailed, `proven` that the invitation came to this very address.
    pub async fn sign_up(&self, new: NewAccount, by_mail: bool, proven: bool, browser: &Browser) -> Result<SignedUp> {
        self.spend(browser)?;
        new.require_adult()?;
        let login = account::login(&new.login)?;
        policy::enforce!(
            C1_1_1,
            !by_mail || account::is_address(&login),
            Error::invalid("give an e-mail address").field("login")
        );
        let details = details(&new)?;
        let (policy, language) = (new.policy, new.language);
        let chosen = self.chosen(&new, &login, by_mail || proven).await?;
        if !by_mail || proven {
            let account = self.open_account(&login, chosen, details, proven).await?;
            return Ok(SignedUp::SignedIn(self.enter(&account, &[Method::SignUp], browser).await?));
        }
        // The rest takes longer for a new address than for a known one, so the answer does not wait for it.
        let accounts = self.clone();
        tokio::spawn(async move {
            if let Err(error) = accounts.await_mail(&login, chosen, details, (policy, language)).await {
                tracing::error!(?error, "an account could not be made");
            }
        });
        Ok(SignedUp::LookIntoMail)
    }

    /// The password as it is kept. Only who can always ask for a link by mail may do without.
    async fn chosen(&self, new: &NewAccount, login: &str, by_mail: bool) -> Result<Option<credential::Chosen>> {
        match &new.password {
            Some(password) => {
                credential::check(password, login, credential::SHORTEST_PASSWORD)?;
                Ok(Some(self.passwords.hash(password).await?))
            }
            None if by_mail && account::is_address(login) => Ok(None),
            None => Err(Error::invalid("choose a password").field("password")),
        }
    }

    /// An account that waits for its mail; or, if the address has one, a word to its person.
    async fn await_mail(
        &self,
        login: &str,
        chosen: Option<credential::Chosen>,
        details: account::ProfileChange,
        (version, language): (u32, Language),
    ) -> Result<()> {
        if let Some(known) = self.by_index(self.login_index(login).await?).await? {
            return match known.waiting {
                true => self.tell(self.db.conn(), fact::SIGNED_UP, known.id.into()).await,
                false => self.tell(self.db.conn(), fact::SIGNED_UP_AGAIN, known.id.into()).await,
            };
        }
        let tx = self.db.begin().await?;
        let account = self.insert_signed_up(&tx, login, chosen, details, true, false).await?;
        self.tell(&tx, fact::SIGNED_UP, account.id.into()).await?;
        let accepted = fact::Accepted { account: account.id.into(), version, language };
        db::outbox::emit(&tx, &self.world, fact::POLICY_ACCEPTED, &accepted).await?;
        tx.commit().await.map_err(db::error)
    }

    async fn open_account(
        &self,
        login: &str,
        chosen: Option<credential::Chosen>,
        details: account::ProfileChange,
        proven: bool,
    ) -> Result<account::Model> {
        let tx = self.db.begin().await?;
        let account = self.insert_signed_up(&tx, login, chosen, details, false, proven).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(account)
    }

    /// An open account whose address somebody else has confirmed.
    pub(crate) async fn insert_with(&self, conn: &impl ConnectionTrait, new: &NewAccount) -> Result<account::Model> {
        self.insert_signed_up(conn, &new.login, None, details(new)?, false, true).await
    }

    async fn insert_signed_up(
        &self,
        conn: &impl ConnectionTrait,
        login: &str,
        chosen: Option<credential::Chosen>,
        details: account::ProfileChange,
        waiting: bool,
        proven: bool,
    ) -> Result<account::Model> {
        let row = self.insert_account(conn, login).await?;
        if let Some(chosen) = chosen {
            let key = self.keys.of_account(row.id.into()).await?;
            credential::set(conn, &row, &chosen, &key, &self.world).await?;
        }
        let now = self.world.clock.now().micros();
        let declared = account::ActiveModel {
            id: Set(row.id),
            adult: Set(Some(now)),
            verified: Set((proven && account::is_address(login)).then_some(now)),
            waiting: Set(waiting),
            ..Default::default()
        };
        account::Entity::update(declared).exec(conn).await.map_err(db::error)?;
        self.write_profile(conn, row.id.into(), details).await?;
        Ok(row)
    }

    /// Somebody forgot the password: if the address has an account and was verified, a link is to be mailed. The caller
    /// answers before this is done, and the same whatever comes of it.
    pub async fn forgotten(&self, login: &str) -> Result<()> {
        let Ok(login) = account::login(login) else { return Ok(()) };
        let found = self.by_index(self.login_index(&login).await?).await?;
        match found.filter(|row| row.verified.is_some() && row.closed.is_none()) {
            Some(account) => self.tell(self.db.conn(), fact::PASSWORD_FORGOTTEN, account.id.into()).await,
            None => Ok(()),
        }
    }

    /// Counts a request that names a login against the limit of its address.
    pub fn spend(&self, browser: &Browser) -> Result<()> {
        self.per_address.spend(browser.network(), self.world.clock.monotonic())
    }

    /// Deletes accounts whose address nobody verified in time.
    pub(crate) async fn expire_waiting(&self, now: Time) -> Result<u64> {
        let over = account::Column::Waiting.eq(true).and(account::Column::Created.lt((now - PATIENCE).micros()));
        let deleted = account::Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

/// What the person said of themselves, as it is kept.
fn details(new: &NewAccount) -> Result<account::ProfileChange> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let change = account::ProfileChange {
        display_name: given(&new.display_name).map(Some),
        phone: given(&new.phone).map(Some),
        language: Some(new.language),
        zone: None,
    };
    change.checked()
}
