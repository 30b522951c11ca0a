//! This context as a holder of personal data: the account, its household, and everything a person signs in with.

use crate::{
    AccountId, Accounts, Caller, DATA_MAP, HouseholdId, Label, Role, Scopes, Via, account, credential, household, link,
    member, session, token,
};
use async_trait::async_trait;
use base::Result;
use db::holding::{self, Belongs, Rows};
use policy::{Held, Holder, Remaining, Sink, Subject, Table};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

const OF_ACCOUNT: &[Belongs] = &[Belongs::Account("account = ?")];
const OF_BOTH: &[Belongs] = &[Belongs::Household("household = ?"), Belongs::Account("account = ?")];

const fn rows(map: Table, owned: &'static [Belongs], times: &'static [&'static str]) -> Rows {
    Rows { map, about: owned, erased: owned, times, sealed_by: None }
}

/// The same, sealed under the key of the owner whose id stands in that column.
const fn sealed(by: &'static str, rows: Rows) -> Rows {
    Rows { sealed_by: Some(by), ..rows }
}

/// What refers to another stands before it.
const ROWS: &[Rows] = &[
    rows(credential::MAP, OF_ACCOUNT, &["changed"]),
    sealed("account", rows(session::MAP, OF_ACCOUNT, &["created", "last_used", "confirmed"])),
    sealed("household", rows(token::MAP, OF_BOTH, &["created", "expires", "last_used"])),
    sealed("account", rows(link::MAP, OF_BOTH, &["created", "expires"])),
    rows(member::MAP, OF_BOTH, &["created", "until"]),
    sealed("id", rows(account::MAP, &[Belongs::Account("id = ?")], &["created", "verified", "adult", "closed"])),
    sealed("id", rows(household::MAP, &[Belongs::Household("id = ?")], &["created"])),
];

impl Caller {
    /// The program, while it makes the copy that a person asked for: it reads for that person what that person owns.
    pub fn copying(account: AccountId, household: HouseholdId) -> Self {
        let label = Label::stored("copy of one's data".into());
        Self::person(account, Some((household, Role::Owner)), Via::System, Scopes::ALL, label)
    }
}

/// A household that a person owns, and who else belongs to it.
#[derive(Clone, Debug)]
pub struct Owned {
    pub household: HouseholdId,
    /// Others who own it too: it stays when the person goes.
    pub owners: Vec<AccountId>,
    /// Everybody else who belongs to it.
    pub others: Vec<AccountId>,
}

impl Accounts {
    /// The households that a person owns.
    pub async fn owned_by(&self, account: AccountId) -> Result<Vec<Owned>> {
        let mut owned = Vec::new();
        for mine in self.memberships(account).await? {
            let household = HouseholdId::from(mine.household);
            let owners = self.owners(household).await?;
            if !owners.contains(&account) {
                continue;
            }
            let members = self.members_of(household).await?;
            let (owners, others): (Vec<_>, Vec<_>) =
                members.into_iter().filter(|id| *id != account).partition(|id| owners.contains(id));
            owned.push(Owned { household, owners, others });
        }
        Ok(owned)
    }

    /// Every account.
    pub async fn everybody(&self) -> Result<Vec<AccountId>> {
        let rows = account::Entity::find().order_by_asc(account::Column::Id).all(self.db.conn()).await;
        Ok(rows.map_err(db::error)?.into_iter().map(|row| row.id.into()).collect())
    }

    async fn members_of(&self, household: HouseholdId) -> Result<Vec<AccountId>> {
        let members = member::Entity::find().filter(member::Column::Household.eq(household.uuid()));
        let rows = members.all(self.db.conn()).await.map_err(db::error)?;
        Ok(rows.into_iter().map(|row| row.account.into()).collect())
    }
}

#[async_trait]
impl Holder for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn tables(&self) -> &'static [Table] {
        DATA_MAP
    }

    async fn describe(&self, subject: &Subject) -> Result<Vec<Held>> {
        holding::describe(&self.db, ROWS, subject).await
    }

    async fn collect(&self, subject: &Subject, sink: &mut dyn Sink) -> Result<()> {
        let key = |owner| async move { self.keys.of(HouseholdId::from_bytes(owner)).await };
        holding::collect(&self.db, ROWS, subject, sink, key).await
    }

    async fn darken(&self, subject: &Subject, dark: bool) -> Result<()> {
        let account = AccountId::from_bytes(subject.account);
        match dark {
            true => self.close(self.db.conn(), account).await,
            false => self.reopen(account).await,
        }
    }

    async fn erase(&self, subject: &Subject) -> Result<()> {
        let (rest, [accounts, households]) = ROWS.split_last_chunk().expect("there are more than two tables");
        holding::erase(&self.db, rest, subject).await?;
        // With the row go all details of the person, and the index of the login, so that another account can be opened.
        if policy::enforce!(C3_4) {
            holding::erase(&self.db, std::slice::from_ref(accounts), subject).await?;
        }
        holding::erase(&self.db, std::slice::from_ref(households), subject).await
    }

    async fn remaining(&self, subject: &Subject) -> Result<Remaining> {
        holding::remaining(&self.db, ROWS, subject).await
    }
}
