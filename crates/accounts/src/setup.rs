//! A set-up link: how somebody comes in for the first time, or again after a lost password. There is no other way and
//! no default password.
//!
//! The link carries 256 random bits, works once, for 30 minutes, and setting a password through it ends all sessions
//! of the account. The newest link of an account is the only one.

use crate::{
    AccountId, Accounts, Caller, HouseholdId, Label, NewSession, Role, Scope, account, credential, secret, session,
};
use base::{Error, Pii, Result, Secret, Time};
use sea_orm::{QueryOrder, entity::prelude::*};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "setup_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub household: Uuid,
    /// None: the household has no owner yet.
    pub account: Option<Uuid>,
    pub created: i64,
    pub expires: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table setup_tokens {
        hash: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Minutes(30), protection: Hash, export: Omit("a credential"), erase: Delete, clauses: [C6_2],
        },
        household: {
            category: Membership, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Minutes(30), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        account: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Minutes(30), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Minutes(30), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        expires: not_personal("when the link ends"),
    }
}

const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// A link that was just made. Its token goes into the fragment of a URL, which browsers do not send.
#[derive(Debug)]
pub struct SetupToken {
    pub token: Secret<String>,
    pub expires: Time,
}

/// What a link is for, to show its form.
#[derive(Clone, Debug)]
pub struct Setup {
    pub role: Role,
    /// The user name of the account; none while the household has no owner, who then chooses one.
    pub login: Option<Pii<String>>,
    pub expires: Time,
}

impl Accounts {
    /// A new link for the owner, from the machine's own terminal. The one before it becomes void. The view log gets a
    /// line from `devices`.
    pub async fn create_setup_token(&self, caller: &Caller) -> Result<SetupToken> {
        caller.require_system()?;
        let owner = self.owner(caller.household()).await?;
        self.insert_setup(caller.household(), owner.map(|owner| owner.id)).await
    }

    /// A new viewer of the caller's household, and the link with which that person chooses a password.
    pub async fn invite_viewer(&self, caller: &Caller, login: &str) -> Result<(AccountId, SetupToken)> {
        caller.require(Scope::Admin)?;
        let row = self.insert_account(self.db.conn(), caller.household(), Role::Viewer, login).await?;
        let link = self.insert_setup(caller.household(), Some(row.id)).await?;
        Ok((row.id.into(), link))
    }

    /// Another link for a viewer whose first one expired, or who lost the password.
    pub async fn renew_viewer_link(&self, caller: &Caller, id: AccountId) -> Result<SetupToken> {
        caller.require(Scope::Admin)?;
        let row = self.viewer(caller, id).await?;
        self.insert_setup(caller.household(), Some(row.id)).await
    }

    /// What the link is for; `NotFound` if it is unknown, used, void or expired.
    pub async fn setup(&self, token: &Secret<String>) -> Result<Setup> {
        let (link, account) = self.find_setup(token).await?;
        let expires = Time::from_micros(link.expires);
        match account {
            None => Ok(Setup { role: Role::Owner, login: None, expires }),
            Some(account) => {
                let login = Some(self.login_of(&account).await?);
                Ok(Setup { role: Role::stored(&account.role)?, login, expires })
            }
        }
    }

    /// Uses up the link: sets the password (and the user name, which a household's first owner must choose), ends the
    /// account's other sessions and begins one.
    pub async fn redeem_setup(
        &self,
        token: &Secret<String>,
        login: Option<&str>,
        password: &Secret<String>,
        label: Label,
    ) -> Result<NewSession> {
        let (link, account) = self.find_setup(token).await?;
        let login = login.map(|login| account::name(login, "login")).transpose()?;
        credential::check(password, self.name_after(&account, &login).await?.open())?;
        let hash = self.passwords.hash(password).await?;
        let key = self.keys.of(link.household.into()).await?;

        let tx = self.db.begin().await?;
        self.use_up(&tx, &link).await?;
        let account = self.take_in(&tx, link.household.into(), account, login).await?;
        credential::set(&tx, &account, &hash, &key, &self.world).await?;
        session::end_others(&tx, account.id, None).await?;
        let session = self.begin_session(&tx, &account, label).await?;
        tx.commit().await.map_err(db::error)?;
        self.per_login.forgive(account.index()?);
        Ok(session)
    }

    /// The user name that the account will have.
    async fn name_after(&self, account: &Option<account::Model>, login: &Option<String>) -> Result<Pii<String>> {
        match (login, account) {
            (Some(login), _) => Ok(Pii::new(login.clone())),
            (None, Some(account)) => self.login_of(account).await,
            (None, None) => Err(Error::invalid("choose a user name").field("login")),
        }
    }

    /// The account of the link: the first owner's is made now, another is renamed if a name is given.
    async fn take_in(
        &self,
        conn: &impl ConnectionTrait,
        household: HouseholdId,
        account: Option<account::Model>,
        login: Option<String>,
    ) -> Result<account::Model> {
        let Some(mut account) = account else {
            return self.insert_account(conn, household, Role::Owner, &login.unwrap_or_default()).await;
        };
        if let Some(login) = login {
            self.rename_account(conn, &mut account, &login).await?;
        }
        Ok(account)
    }

    /// The owner's account for a demo: made if the household has no owner, with no password to sign in by.
    pub async fn ensure_demo_owner(&self, household: HouseholdId, login: &str) -> Result<AccountId> {
        if let Some(owner) = self.owner(household).await? {
            return Ok(owner.id.into());
        }
        let row = self.insert_account(self.db.conn(), household, Role::Owner, login).await?;
        Ok(row.id.into())
    }

    /// Whether somebody has set up the household and can sign in.
    pub async fn is_set_up(&self, household: HouseholdId) -> Result<bool> {
        match self.owner(household).await? {
            Some(owner) => Ok(!credential::holders(&self.db, &[owner.id]).await?.is_empty()),
            None => Ok(false),
        }
    }

    async fn owner(&self, household: HouseholdId) -> Result<Option<account::Model>> {
        account::Entity::find()
            .filter(account::Column::Household.eq(household.uuid()))
            .filter(account::Column::Role.eq(Role::Owner.as_str()))
            .order_by_asc(account::Column::Id)
            .one(self.db.conn())
            .await
            .map_err(db::error)
    }

    async fn insert_setup(&self, household: HouseholdId, account: Option<Uuid>) -> Result<SetupToken> {
        let (token, hash) = secret::generate(&self.world);
        let now = self.world.clock.now();
        let expires = now + LIFETIME;
        let row = Model {
            hash: hash.to_vec(),
            household: household.uuid(),
            account,
            created: now.micros(),
            expires: expires.micros(),
        };
        let same_account = account.map_or(Column::Account.is_null(), |account| Column::Account.eq(account));
        let tx = self.db.begin().await?;
        let void = Entity::delete_many().filter(Column::Household.eq(household.uuid())).filter(same_account);
        void.exec(&tx).await.map_err(db::error)?;
        Entity::insert(ActiveModel::from(row)).exec_without_returning(&tx).await.map_err(db::error)?;
        tx.commit().await.map_err(db::error)?;
        Ok(SetupToken { token, expires })
    }

    async fn find_setup(&self, token: &Secret<String>) -> Result<(Model, Option<account::Model>)> {
        let conn = self.db.conn();
        let link = Entity::find_by_id(secret::hash(token).to_vec()).one(conn).await.map_err(db::error)?;
        let now = self.world.clock.now().micros();
        let link = link.filter(|link| now < link.expires).ok_or_else(unknown)?;
        let account = match link.account {
            None => None,
            Some(id) => Some(account::Entity::find_by_id(id).one(conn).await.map_err(db::error)?.ok_or_else(unknown)?),
        };
        Ok((link, account))
    }

    /// Deletes the link; of two who use it at the same time one is refused.
    async fn use_up(&self, conn: &impl ConnectionTrait, link: &Model) -> Result<()> {
        let deleted = Entity::delete_by_id(link.hash.clone()).exec(conn).await.map_err(db::error)?;
        match deleted.rows_affected {
            0 => Err(unknown()),
            _ => Ok(()),
        }
    }

    pub(crate) async fn expire_setups(&self, now: Time) -> Result<u64> {
        let over = Column::Expires.lte(now.micros());
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

fn unknown() -> Error {
    Error::not_found("this link was used, has been replaced or has expired; ask for a new one")
}
