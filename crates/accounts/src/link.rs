//! Links that work once: for the owner's first visit, a forgotten password, an address that must be confirmed.
//!
//! The token is 256 random bits in the fragment of a URL; only its SHA-256 is stored. A new link of the same purpose for
//! the same account makes the one before it void.

use crate::{
    AccountId, Accounts, Browser, Caller, Factors, HouseholdId, Role, SignIn, account, credential, fact,
    history::Method, member, secret, session,
};
use base::{Error, Pii, Result, Secret, Time};
use sea_orm::entity::prelude::*;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "links")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub purpose: String,
    /// For [`Purpose::Setup`]: whose owner chooses a password.
    pub household: Option<Uuid>,
    /// None: the household has no owner yet.
    pub account: Option<Uuid>,
    /// The address that is being confirmed, sealed.
    pub address: Option<Vec<u8>>,
    pub created: i64,
    pub expires: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table links {
        hash: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Days(1), protection: Hash, export: Omit("a credential"), erase: Delete, clauses: [C6_2],
        },
        purpose: not_personal("a word of the program"),
        household: {
            category: Membership, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Days(1), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        account: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Days(1), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        address: {
            category: Email, subject: AccountHolder, purposes: [SignIn: Contract], retention: Days(1),
            protection: AccountKey, export: Include, erase: Delete, clauses: [C3_1, C6_2],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(1), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        expires: not_personal("when the link ends"),
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Choosing a password: the first owner, an account made by hand, a forgotten password.
    Setup,
    /// Showing that the address of the account is one's own.
    Verify,
    /// Agreeing, at the old address, to a new one.
    LeaveAddress,
    /// Showing that the new address is one's own.
    TakeAddress,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Verify => "verify",
            Self::LeaveAddress => "leave-address",
            Self::TakeAddress => "take-address",
        }
    }

    const fn lifetime(self) -> Duration {
        match self {
            Self::Setup => MINUTE.saturating_mul(30),
            Self::Verify | Self::LeaveAddress | Self::TakeAddress => DAY,
        }
    }
}

/// A step of changing the address of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The person agrees at the old address.
    Leave,
    /// The person shows that the new one is theirs.
    Take,
}

impl Step {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Leave => Purpose::LeaveAddress,
            Self::Take => Purpose::TakeAddress,
        }
    }

    const fn fact(self) -> &'static str {
        match self {
            Self::Leave => fact::ADDRESS_LEAVING,
            Self::Take => fact::ADDRESS_TAKING,
        }
    }
}

/// A link that was just made. Its token goes into the fragment of a URL, which browsers do not send.
#[derive(Debug)]
pub struct NewLink {
    pub token: Secret<String>,
    pub expires: Time,
}

/// What a link for choosing a password is for, to show its form.
#[derive(Clone, Debug)]
pub struct Setup {
    /// None: the household's first owner, whose account is made with the link.
    pub account: Option<AccountId>,
    pub role: Role,
    /// The login of the account; none while the household has no owner, who then chooses one.
    pub login: Option<Pii<String>>,
    pub expires: Time,
}

impl Model {
    /// Whether somebody who decides gave the link to its person, rather than a mail.
    fn is_handed_over(&self) -> bool {
        self.household.is_some()
    }
}

/// The authenticated place of the sealed address.
fn place(hash: &[u8; 32]) -> String {
    format!("links.address/{}", Uuid::from_slice(&hash[..16]).unwrap_or_default())
}

impl Accounts {
    /// A new link for the owner, from the machine's own terminal. The one before it becomes void. The view log gets a
    /// line from `devices`.
    pub async fn create_setup_link(&self, caller: &Caller) -> Result<NewLink> {
        caller.require_system()?;
        let owner = self.owners(caller.household()).await?.first().copied();
        self.setup_link(caller.household(), owner).await
    }

    pub(crate) async fn setup_link(&self, household: HouseholdId, account: Option<AccountId>) -> Result<NewLink> {
        self.new_link(Purpose::Setup, Some(household), account, None).await
    }

    /// A link with which whoever reads the account's mail shows that the address is theirs.
    pub async fn verification_link(&self, account: AccountId) -> Result<NewLink> {
        self.new_link(Purpose::Verify, None, Some(account), None).await
    }

    /// A link with which a person who forgot the password chooses another.
    pub async fn reset_link(&self, account: AccountId) -> Result<NewLink> {
        self.new_link(Purpose::Setup, None, Some(account), None).await
    }

    /// What a link for choosing a password is for; `NotFound` if it is unknown, used, void or expired.
    pub async fn setup(&self, token: &Secret<String>) -> Result<Setup> {
        let (link, account) = self.find_link(token, Purpose::Setup).await?;
        let expires = Time::from_micros(link.expires);
        let Some(account) = account else {
            return Ok(Setup { account: None, role: Role::Owner, login: None, expires });
        };
        let household = link.household.map(HouseholdId::from);
        let place = self.place_of(account.id.into(), household).await?;
        let role = place.map_or(Role::Guest, |(_, role)| role);
        Ok(Setup { account: Some(account.id.into()), role, login: Some(self.login_of(&account).await?), expires })
    }

    /// Uses up the link: sets the password (and the login, which a household's first owner must choose), ends the
    /// account's other sessions and begins one. A link that somebody handed over takes second factors away, for who has
    /// lost them; after one that came by mail they are asked for.
    pub async fn redeem_setup(
        &self,
        token: &Secret<String>,
        login: Option<&str>,
        password: &Secret<String>,
        browser: &Browser,
    ) -> Result<SignIn> {
        let (link, account) = self.find_link(token, Purpose::Setup).await?;
        let login = login.map(account::login).transpose()?;
        let factors = match &account {
            Some(account) if !link.is_handed_over() => self.factors_of(self.db.conn(), account.id.into()).await?,
            _ => Factors::default(),
        };
        credential::check(password, self.name_after(&account, &login).await?.open(), factors.shortest_password())?;
        let chosen = self.passwords.hash(password).await?;

        let tx = self.db.begin().await?;
        use_up(&tx, &link).await?;
        let account = self.take_in(&tx, link.household.map(Into::into), account, login).await?;
        if link.is_handed_over() {
            self.clear_second(&tx, account.id.into()).await?;
        }
        self.choose_password(&tx, &account, &chosen).await?;
        session::end_others(&tx, account.id, None).await?;
        let arrived = self.arrive(&tx, &account, Method::Link, browser).await?;
        tx.commit().await.map_err(db::error)?;
        self.admitted(arrived).await
    }

    /// The login that the account will have.
    async fn name_after(&self, account: &Option<account::Model>, login: &Option<String>) -> Result<Pii<String>> {
        match (login, account) {
            (Some(login), _) => Ok(Pii::new(login.clone())),
            (None, Some(account)) => self.login_of(account).await,
            (None, None) => Err(Error::invalid("choose a user name").field("login")),
        }
    }

    /// The account of the link: the first owner's is made now, another is renamed if another login is given.
    async fn take_in(
        &self,
        conn: &impl ConnectionTrait,
        household: Option<HouseholdId>,
        account: Option<account::Model>,
        login: Option<String>,
    ) -> Result<account::Model> {
        let Some(mut account) = account else {
            let row = self.insert_account(conn, &login.unwrap_or_default()).await?;
            let household = household.ok_or_else(unknown)?;
            member::insert(conn, household, row.id.into(), Role::Owner, None, self.world.clock.now()).await?;
            return Ok(row);
        };
        if let Some(login) = login
            && *self.login_of(&account).await?.open() != login
        {
            self.rename_account(conn, &mut account, &login).await?;
        }
        Ok(account)
    }

    /// Uses up a link that was sent to the account's address, and begins a session: who reads the mail is the person.
    pub async fn verify_address(&self, token: &Secret<String>, browser: &Browser) -> Result<SignIn> {
        let (link, account) = self.find_link(token, Purpose::Verify).await?;
        let account = account.ok_or_else(unknown)?;
        account.require_open()?;
        let tx = self.db.begin().await?;
        use_up(&tx, &link).await?;
        self.set_verified(&tx, account.id).await?;
        let arrived = self.arrive(&tx, &account, Method::Link, browser).await?;
        tx.commit().await.map_err(db::error)?;
        self.admitted(arrived).await
    }

    /// Asks for another login; true if the person must confirm it by mail. A person whose address is verified agrees
    /// there first, then shows that the new one is theirs; without mail (`by_mail` false), and for a user name, the
    /// change is made at once.
    pub async fn ask_for_login(&self, caller: &Caller, typed: &str, by_mail: bool) -> Result<bool> {
        caller.require_recent(self.world.clock.now())?;
        let (mut account, _) = self.signed_in(caller).await?;
        let wanted = account::login(typed)?;
        if by_mail && account::is_address(&wanted) {
            let step = if account.verified.is_some() { Step::Leave } else { Step::Take };
            self.begin_step(account.id.into(), step, &wanted).await?;
            return Ok(true);
        }
        let tx = self.db.begin().await?;
        self.rename_account(&tx, &mut account, &wanted).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(false)
    }

    /// Notes the wanted address, and that a link is to be mailed. The link is made when it is sent.
    async fn begin_step(&self, account: AccountId, step: Step, address: &str) -> Result<()> {
        self.new_link(step.purpose(), None, Some(account), Some(address)).await?;
        self.tell(self.db.conn(), step.fact(), account).await
    }

    /// The link for a step of changing the address, and the address that is wanted; none if nothing is under way. The
    /// first step's link goes to the address of now, the second's to the wanted one.
    pub async fn address_link(&self, account: AccountId, step: Step) -> Result<Option<(NewLink, Pii<String>)>> {
        let mine = Entity::find().filter(Column::Account.eq(account.uuid()));
        let mine = mine.filter(Column::Purpose.eq(step.purpose().as_str()));
        let pending = mine.filter(Column::Expires.gt(self.world.clock.now().micros())).one(self.db.conn()).await;
        let Some(pending) = pending.map_err(db::error)? else { return Ok(None) };
        let address = self.address_of(&pending, account).await?;
        let link = self.new_link(step.purpose(), None, Some(account), Some(address.open())).await?;
        Ok(Some((link, address)))
    }

    /// Uses up the link at the old address; another goes to the new one.
    pub async fn leave_address(&self, token: &Secret<String>) -> Result<()> {
        let (link, account) = self.find_link(token, Purpose::LeaveAddress).await?;
        let id = account.ok_or_else(unknown)?.id.into();
        let address = self.address_of(&link, id).await?;
        use_up(self.db.conn(), &link).await?;
        self.begin_step(id, Step::Take, address.open()).await
    }

    /// Uses up the link at the new address: from now on it is the account's login.
    pub async fn take_address(&self, token: &Secret<String>) -> Result<()> {
        let (link, account) = self.find_link(token, Purpose::TakeAddress).await?;
        let mut account = account.ok_or_else(unknown)?;
        let address = self.address_of(&link, account.id.into()).await?;
        let tx = self.db.begin().await?;
        use_up(&tx, &link).await?;
        self.rename_account(&tx, &mut account, address.open()).await?;
        self.set_verified(&tx, account.id).await?;
        self.tell(&tx, fact::ADDRESS_CHANGED, account.id.into()).await?;
        tx.commit().await.map_err(db::error)
    }

    async fn address_of(&self, link: &Model, account: AccountId) -> Result<Pii<String>> {
        let sealed = link.address.as_ref().ok_or_else(unknown)?;
        let hash = link.hash.as_slice().try_into().map_err(|_| unknown())?;
        self.keys.of_account(account).await?.open_text(&place(hash), sealed).map(Pii::new)
    }

    /// The account of that login for a demo, owner of the household: made if the household has no owner, with no
    /// password to sign in by.
    pub async fn ensure_demo_owner(&self, household: HouseholdId, login: &str) -> Result<AccountId> {
        if let Some(owner) = self.owners(household).await?.first() {
            return Ok(*owner);
        }
        let row = self.insert_account(self.db.conn(), login).await?;
        let (id, now) = (row.id.into(), self.world.clock.now());
        member::insert(self.db.conn(), household, id, Role::Owner, None, now).await?;
        Ok(id)
    }

    /// Whether somebody has set up the household and can sign in.
    pub async fn is_set_up(&self, household: HouseholdId) -> Result<bool> {
        let owners: Vec<Uuid> = self.owners(household).await?.into_iter().map(AccountId::uuid).collect();
        Ok(!self.who_can_sign_in(&owners).await?.is_empty())
    }

    async fn new_link(
        &self,
        purpose: Purpose,
        household: Option<HouseholdId>,
        account: Option<AccountId>,
        address: Option<&str>,
    ) -> Result<NewLink> {
        let (token, hash) = secret::generate(&self.world);
        let now = self.world.clock.now();
        let expires = now + purpose.lifetime();
        let address = match (address, account) {
            (Some(address), Some(id)) => {
                Some(self.keys.of_account(id).await?.seal_text(&place(&hash), address, &self.world))
            }
            _ => None,
        };
        let row = Model {
            hash: hash.to_vec(),
            purpose: purpose.as_str().into(),
            household: household.map(HouseholdId::uuid),
            account: account.map(AccountId::uuid),
            address,
            created: now.micros(),
            expires: expires.micros(),
        };
        let same = match account {
            Some(account) => Column::Account.eq(account.uuid()),
            None => Column::Account.is_null(),
        };
        let tx = self.db.begin().await?;
        let void = Entity::delete_many().filter(Column::Purpose.eq(purpose.as_str())).filter(same);
        void.exec(&tx).await.map_err(db::error)?;
        Entity::insert(ActiveModel::from(row)).exec_without_returning(&tx).await.map_err(db::error)?;
        tx.commit().await.map_err(db::error)?;
        Ok(NewLink { token, expires })
    }

    async fn find_link(&self, token: &Secret<String>, purpose: Purpose) -> Result<(Model, Option<account::Model>)> {
        let conn = self.db.conn();
        let link = Entity::find_by_id(secret::hash(token).to_vec()).one(conn).await.map_err(db::error)?;
        let now = self.world.clock.now().micros();
        let link = link.filter(|link| now < link.expires && link.purpose == purpose.as_str()).ok_or_else(unknown)?;
        let account = match link.account {
            None => None,
            Some(id) => Some(account::Entity::find_by_id(id).one(conn).await.map_err(db::error)?.ok_or_else(unknown)?),
        };
        Ok((link, account))
    }

    pub(crate) async fn expire_links(&self, now: Time) -> Result<u64> {
        let over = Column::Expires.lte(now.micros());
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

/// Deletes the link; of two who use it at the same time one is refused.
pub(crate) async fn use_up(conn: &impl ConnectionTrait, link: &Model) -> Result<()> {
    let deleted = Entity::delete_by_id(link.hash.clone()).exec(conn).await.map_err(db::error)?;
    match deleted.rows_affected {
        0 => Err(unknown()),
        _ => Ok(()),
    }
}

fn unknown() -> Error {
    Error::not_found("this link was used, has been replaced or has expired; ask for a new one")
}
