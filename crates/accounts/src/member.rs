//! Membership: which person belongs to which household, as what, and until when.
//!
//! Invariants: a household with people has an owner; nobody changes the role of somebody whom their own role does not
//! decide over. Somebody may belong to several households, and acts in one of them at a time.

use crate::{AccountId, Accounts, Caller, HouseholdId, Role, Scope, account, fact, household, link, session};
use base::{Error, Pii, Result, Time};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::Expr};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "members")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub household: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Uuid,
    pub role: String,
    pub created: i64,
    /// None: for good.
    pub until: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table members {
        household: {
            category: Membership, subject: HouseholdMember, purposes: [Account: Contract], source: Derived,
            retention: Account, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
        account: {
            category: AccountId, subject: HouseholdMember, purposes: [Account: Contract], source: Derived,
            retention: Account, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
        role: {
            category: Membership, subject: HouseholdMember, purposes: [Account: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C6_2, C9_3_4],
        },
        created: {
            category: Activity, subject: HouseholdMember, purposes: [Account: Contract], source: Derived,
            retention: Account, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
        until: {
            category: Membership, subject: HouseholdMember, purposes: [Account: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C6_2, C9_3_4],
        },
    }
}

/// A member of the household, as its pages show it.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: AccountId,
    pub role: Role,
    pub login: Pii<String>,
    pub display_name: Option<Pii<String>>,
    /// Since when the person belongs to the household, and until when if it ends.
    pub created: Time,
    pub until: Option<Time>,
    /// When one of the person's sessions was last used.
    pub last_seen: Option<Time>,
    /// Whether the person has a password or passkey, and not only an unused link.
    pub can_sign_in: bool,
}

impl Person {
    /// The display name, or else the user name.
    pub fn name(&self) -> &Pii<String> {
        self.display_name.as_ref().unwrap_or(&self.login)
    }
}

/// A household to which a person belongs.
#[derive(Clone, Debug)]
pub struct Place {
    pub household: household::Household,
    pub role: Role,
    pub until: Option<Time>,
}

impl Model {
    fn until(&self) -> Option<Time> {
        self.until.map(Time::from_micros)
    }
}

impl Accounts {
    /// The members of the household; for who does not decide over people only the own entry.
    pub async fn people(&self, caller: &Caller) -> Result<Vec<Person>> {
        let mut query = Entity::find().filter(of(caller.household())).filter(current(self.world.clock.now()));
        if !caller.scopes().has(Scope::Admin) {
            query = query.filter(Column::Account.is_in(caller.account().map(AccountId::uuid)));
        }
        let members = query.order_by_asc(Column::Account).all(self.db.conn()).await.map_err(db::error)?;
        let ids: Vec<Uuid> = members.iter().map(|member| member.account).collect();
        let accounts = account::Entity::find().filter(account::Column::Id.is_in(ids.iter().copied()));
        let accounts = accounts.order_by_asc(account::Column::Id).all(self.db.conn()).await.map_err(db::error)?;
        let seen = session::last_seen(&self.db, &ids).await?;
        let holders = self.who_can_sign_in(&ids).await?;
        let mut people = Vec::with_capacity(members.len());
        for (member, account) in members.iter().zip(&accounts) {
            let key = self.keys.of_account(account.id.into()).await?;
            people.push(Person {
                id: account.id.into(),
                role: Role::stored(&member.role)?,
                login: account.login(&key)?,
                display_name: account.display_name(&key)?,
                created: Time::from_micros(member.created),
                until: member.until(),
                last_seen: seen.get(&account.id).copied(),
                can_sign_in: holders.contains(&account.id),
            });
        }
        Ok(people)
    }

    /// The households to which the caller belongs, the oldest membership first.
    pub async fn places(&self, caller: &Caller) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        for member in self.memberships(caller.require_person()?).await? {
            let row = household::Entity::find_by_id(member.household).one(self.db.conn()).await.map_err(db::error)?;
            let Some(row) = row else { continue };
            let household = self.opened(row).await?;
            places.push(Place { household, role: Role::stored(&member.role)?, until: member.until() });
        }
        Ok(places)
    }

    /// The memberships that hold now, the oldest first.
    pub(crate) async fn memberships(&self, account: AccountId) -> Result<Vec<Model>> {
        let mine = Entity::find().filter(Column::Account.eq(account.uuid()));
        let mine = mine.filter(current(self.world.clock.now())).order_by_asc(Column::Created);
        mine.order_by_asc(Column::Household).all(self.db.conn()).await.map_err(db::error)
    }

    /// Whose rights a caller has who belongs to the household: none if the person does not.
    pub(crate) async fn place_of(
        &self,
        account: AccountId,
        wanted: Option<HouseholdId>,
    ) -> Result<Option<(HouseholdId, Role)>> {
        let all = self.memberships(account).await?;
        let chosen = all.iter().find(|member| wanted.is_some_and(|wanted| wanted.uuid() == member.household));
        let place = |member: &Model| Ok((member.household.into(), Role::stored(&member.role)?));
        chosen.or(all.first()).map(place).transpose()
    }

    /// Adds a person to a household, or gives a member the higher of both roles. For who accepted an invitation.
    pub async fn join(
        &self,
        conn: &impl ConnectionTrait,
        household: HouseholdId,
        account: AccountId,
        role: Role,
        until: Option<Time>,
    ) -> Result<()> {
        let now = self.world.clock.now();
        household::lock(conn, household).await?;
        let Some(member) = find(conn, household, account).await? else {
            insert(conn, household, account, role, until, now).await?;
            return self.tell_of_member(conn, fact::JOINED, household, account).await;
        };
        let over = member.until().is_some_and(|until| until <= now);
        if over || Role::stored(&member.role)? < role {
            update(conn, household, account, role, until).await?;
        }
        Ok(())
    }

    /// Makes an account by hand, for somebody to whom the link is handed over: for installations without mail, and for
    /// people who have none.
    pub async fn add_by_hand(&self, caller: &Caller, login: &str, role: Role) -> Result<(AccountId, link::NewLink)> {
        caller.require(Scope::Admin)?;
        caller.require_recent(self.world.clock.now())?;
        self.check_role(caller, role, None)?;
        let tx = self.db.begin().await?;
        let row = self.insert_account(&tx, login).await?;
        insert(&tx, caller.household(), row.id.into(), role, None, self.world.clock.now()).await?;
        tx.commit().await.map_err(db::error)?;
        Ok((row.id.into(), self.setup_link(caller.household(), Some(row.id.into())).await?))
    }

    /// Another link with which a member of this household alone chooses a new password.
    pub async fn renew_link(&self, caller: &Caller, id: AccountId) -> Result<link::NewLink> {
        caller.require(Scope::Admin)?;
        caller.require_recent(self.world.clock.now())?;
        self.subordinate(self.db.conn(), caller, id).await?;
        if self.memberships(id).await?.len() > 1 {
            return Err(Error::conflict("this person belongs to another household too, which keeps the account"));
        }
        self.setup_link(caller.household(), Some(id)).await
    }

    /// Changes what a member is, and until when, after showing again who one is. Only an owner makes an owner.
    pub async fn set_role(&self, caller: &Caller, id: AccountId, role: Role, until: Option<Time>) -> Result<()> {
        caller.require(Scope::Admin)?;
        caller.require_recent(self.world.clock.now())?;
        self.check_role(caller, role, until)?;
        let tx = self.db.begin().await?;
        household::lock(&tx, caller.household()).await?;
        let member = self.subordinate(&tx, caller, id).await?;
        if Role::stored(&member.role)? == Role::Owner && role != Role::Owner {
            self.another_owner(&tx, caller.household(), id).await?;
        }
        update(&tx, caller.household(), id, role, until).await?;
        tx.commit().await.map_err(db::error)
    }

    fn check_role(&self, caller: &Caller, role: Role, until: Option<Time>) -> Result<()> {
        let now = self.world.clock.now();
        if !caller.role().is_some_and(|own| own.decides_over(role)) {
            return Err(Error::denied("nobody gives a role that their own does not decide over").field("role"));
        }
        match (role, until) {
            (Role::Installer, None) => Err(Error::invalid("say until when an installer may come in").field("until")),
            (Role::Owner, Some(_)) => Err(Error::invalid("an owner stays until somebody else is one").field("until")),
            (_, Some(until)) if until <= now => Err(Error::invalid("this time has passed").field("until")),
            _ => Ok(()),
        }
    }

    /// Removes a member; everybody may remove themselves. What the person watches ends within seconds, and the tokens
    /// that the person made for this household end with it. The last owner stays.
    pub async fn remove_member(&self, caller: &Caller, id: AccountId) -> Result<()> {
        let tx = self.db.begin().await?;
        household::lock(&tx, caller.household()).await?;
        let member = if caller.account() == Some(id) {
            find(&tx, caller.household(), id).await?.ok_or_else(unknown)?
        } else {
            caller.require(Scope::Admin)?;
            self.subordinate(&tx, caller, id).await?
        };
        if Role::stored(&member.role)? == Role::Owner {
            self.another_owner(&tx, caller.household(), id).await?;
        }
        Entity::delete_by_id((member.household, member.account)).exec(&tx).await.map_err(db::error)?;
        crate::token::revoke_of(&tx, caller.household(), id).await?;
        self.tell_of_member(&tx, fact::LEFT, caller.household(), id).await?;
        tx.commit().await.map_err(db::error)
    }

    /// A member of the caller's household over whom the caller decides.
    async fn subordinate(&self, conn: &impl ConnectionTrait, caller: &Caller, id: AccountId) -> Result<Model> {
        let member = find(conn, caller.household(), id).await?.ok_or_else(unknown)?;
        let role = Role::stored(&member.role)?;
        match caller.role().is_some_and(|own| own.decides_over(role)) {
            true => Ok(member),
            false => Err(Error::denied("your role does not decide over this person")),
        }
    }

    async fn another_owner(&self, conn: &impl ConnectionTrait, household: HouseholdId, but: AccountId) -> Result<()> {
        let owners = Entity::find().filter(of(household)).filter(Column::Role.eq(Role::Owner.as_str()));
        let others = owners.filter(Column::Account.ne(but.uuid())).count(conn).await.map_err(db::error)?;
        match others {
            0 => Err(Error::conflict("a household keeps an owner: make somebody else one first")),
            _ => Ok(()),
        }
    }

    /// The owners of a household, the first one first.
    pub async fn owners(&self, household: HouseholdId) -> Result<Vec<AccountId>> {
        let owners = Entity::find().filter(of(household)).filter(Column::Role.eq(Role::Owner.as_str()));
        let owners = owners.order_by_asc(Column::Created).order_by_asc(Column::Account);
        let rows = owners.all(self.db.conn()).await.map_err(db::error)?;
        Ok(rows.into_iter().map(|row| row.account.into()).collect())
    }

    /// Acts in another household from now on, in this session.
    pub async fn select_household(&self, caller: &Caller, household: HouseholdId) -> Result<()> {
        let (account, session) = self.signed_in(caller).await?;
        let mine = self.memberships(account.id.into()).await?;
        if !mine.iter().any(|member| member.household == household.uuid()) {
            return Err(Error::not_found("you belong to no such household"));
        }
        session::select(&self.db, session, household).await
    }

    pub(crate) async fn expire_members(&self, now: Time) -> Result<u64> {
        let over = Column::Until.lte(now.micros());
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

fn of(household: HouseholdId) -> Expr {
    Column::Household.eq(household.uuid())
}

/// Memberships that have not ended.
fn current(now: Time) -> Expr {
    use sea_orm::ExprTrait;
    Column::Until.is_null().or(Column::Until.gt(now.micros()))
}

fn unknown() -> Error {
    Error::not_found("no such member")
}

async fn find(conn: &impl ConnectionTrait, household: HouseholdId, account: AccountId) -> Result<Option<Model>> {
    Entity::find_by_id((household.uuid(), account.uuid())).one(conn).await.map_err(db::error)
}

pub(crate) async fn insert(
    conn: &impl ConnectionTrait,
    household: HouseholdId,
    account: AccountId,
    role: Role,
    until: Option<Time>,
    now: Time,
) -> Result<()> {
    let row = ActiveModel {
        household: Set(household.uuid()),
        account: Set(account.uuid()),
        role: Set(role.as_str().into()),
        created: Set(now.micros()),
        until: Set(until.map(Time::micros)),
    };
    Entity::insert(row).exec_without_returning(conn).await.map(drop).map_err(db::error)
}

async fn update(
    conn: &impl ConnectionTrait,
    household: HouseholdId,
    account: AccountId,
    role: Role,
    until: Option<Time>,
) -> Result<()> {
    let change = Entity::update_many().col_expr(Column::Role, Expr::value(role.as_str()));
    let change = change.col_expr(Column::Until, Expr::value(until.map(Time::micros)));
    let change = change.filter(of(household)).filter(Column::Account.eq(account.uuid()));
    change.exec(conn).await.map(drop).map_err(db::error)
}
