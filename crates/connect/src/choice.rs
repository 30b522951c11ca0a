//! What a person chose to be mailed about, and the basis on which a mail may be sent.
//!
//! Invariant: a mail is queued, and again sent, only on a [`Basis`]. For an optional notice there is one only while the
//! account's own choice stands in the table.

use crate::{Class, Connect, Note};
use accounts::AccountId;
use base::{Error, Result};
use db::Db;
use policy::enforce;
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail_choices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic: String,
    pub wanted: bool,
    pub changed: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table mail_choices {
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Notify: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C3_8, C6_2],
        },
        topic: {
            category: Preference, subject: AccountHolder, purposes: [Notify: Contract], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C3_8, C6_2],
        },
        wanted: {
            category: Preference, subject: AccountHolder, purposes: [Notify: Contract], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C2_0_2, C3_8, C3_9],
        },
        changed: {
            category: Activity, subject: AccountHolder, purposes: [Notify: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
    }
}

/// What can be switched on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Joining and leaving households, copies that are ready. On until it is switched off.
    Household,
    /// Somebody's first look at a camera, and large downloads. Off until it is switched on.
    Views,
    /// All of them at once.
    Everything,
}

impl Topic {
    /// What has a switch of its own.
    pub const SWITCHES: [Self; 2] = [Self::Household, Self::Views];

    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Household => "household",
            Self::Views => "views",
            Self::Everything => "everything",
        }
    }

    /// Whether it is mailed to who chose nothing.
    const fn by_default(self) -> bool {
        matches!(self, Self::Household)
    }

    fn switches(self) -> Vec<Self> {
        match self {
            Self::Everything => Self::SWITCHES.to_vec(),
            one => vec![one],
        }
    }
}

/// Why a mail may be sent. There is no way to make one but to ask for it.
pub struct Basis(Class);

impl Basis {
    /// The basis for a mail of that class to the account, if there is one now.
    pub(crate) async fn of(db: &Db, account: AccountId, class: Class) -> Result<Option<Self>> {
        let chosen = match class {
            Class::Critical if enforce!(C3_9) => return Ok(Some(Self(class))),
            _ => choice(db, account, class.topic()).await?,
        };
        let allowed = match class {
            Class::Critical => chosen != Some(false),
            Class::Service(_) => chosen != Some(false) || !enforce!(C3_18),
            Class::Optional(_) => chosen == Some(true) || !enforce!(C2_0_2),
        };
        Ok(allowed.then_some(Self(class)))
    }

    /// The basis for a note: somebody asked that this one be written, now, to this address.
    pub(crate) fn asked_by_a_person(_: &Note) -> Self {
        Self(Class::Critical)
    }

    /// The class that it allows.
    pub fn class(&self) -> Class {
        self.0
    }
}

/// What the account chose of a topic, if anything.
async fn choice(db: &Db, account: AccountId, topic: Topic) -> Result<Option<bool>> {
    let row = Entity::find_by_id((account.uuid(), topic.as_str().to_owned())).one(db.conn()).await;
    Ok(row.map_err(db::error)?.map(|row| row.wanted))
}

impl Connect {
    /// What the account is mailed about beside what is necessary.
    pub async fn topics(&self, account: AccountId) -> Result<Vec<(Topic, bool)>> {
        let mut topics = Vec::new();
        for topic in Topic::SWITCHES {
            let wanted = choice(&self.db, account, topic).await?;
            topics.push((topic, wanted.unwrap_or(topic.by_default())));
        }
        Ok(topics)
    }

    /// Switches a topic on or off. `Everything` can only be switched off.
    pub async fn choose(&self, account: AccountId, topic: Topic, wanted: bool) -> Result<()> {
        self.write_choice(self.db.conn(), account, topic, wanted).await
    }

    /// The same, in the transaction that `conn` is.
    pub(crate) async fn write_choice(
        &self,
        conn: &impl ConnectionTrait,
        account: AccountId,
        topic: Topic,
        wanted: bool,
    ) -> Result<()> {
        if wanted && topic == Topic::Everything {
            return Err(Error::invalid("what is wanted is switched on one by one").field("topic"));
        }
        let changed = self.world.clock.now().micros();
        let rows = topic.switches().into_iter().chain((topic == Topic::Everything).then_some(topic));
        let rows = rows.map(|topic| ActiveModel {
            account: Set(account.uuid()),
            topic: Set(topic.as_str().into()),
            wanted: Set(wanted),
            changed: Set(changed),
        });
        let replace = OnConflict::columns([Column::Account, Column::Topic])
            .update_columns([Column::Wanted, Column::Changed])
            .to_owned();
        let insert = Entity::insert_many(rows).on_conflict(replace);
        insert.exec_without_returning(conn).await.map(drop).map_err(db::error)
    }
}
