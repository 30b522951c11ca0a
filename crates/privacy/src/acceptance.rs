//! Acceptance of the policy: an act of its own, for one version in one language, asked for again where a version allows more.

use crate::Privacy;
use accounts::{AccountId, Caller};
use base::{Error, Result, Time};
use policy::{Language, enforce};
use sea_orm::{QueryOrder, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "acceptances")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    /// The hash of the text that was shown.
    pub sha256: String,
    pub language: String,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table acceptances {
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C13_2],
        },
        version: {
            category: Choice, subject: AccountHolder, purposes: [Rights: LegalObligation], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C13_2],
        },
        sha256: not_personal("the hash of a version of the policy"),
        language: {
            category: Preference, subject: AccountHolder, purposes: [Rights: LegalObligation], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C13_2],
        },
        at: {
            category: Choice, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C13_2],
        },
    }
}

/// A version that a person accepted.
#[derive(Clone, Debug)]
pub struct Acceptance {
    pub version: u32,
    pub language: Option<Language>,
    pub at: Time,
}

impl Privacy {
    /// Notes that a person accepted a version, in the transaction that `conn` is; for who signs up. The version must be one
    /// that does now, so that nobody accepts an old text by mistake.
    pub async fn note_acceptance(
        &self,
        conn: &impl ConnectionTrait,
        account: AccountId,
        version: u32,
        language: Language,
    ) -> Result<()> {
        let now = self.world.clock.now();
        let text = self.book.version(version).map_err(|error| error.field("policy"))?;
        if version < self.book.required(now) {
            return Err(Error::conflict("this version of the policy does not hold any more").field("policy"));
        }
        let row = Model {
            account: account.uuid(),
            version: version as i32,
            sha256: text.sha256(language),
            language: language.code().into(),
            at: now.micros(),
        };
        let again = OnConflict::columns([Column::Account, Column::Version]).do_nothing().to_owned();
        let insert = Entity::insert(ActiveModel::from(row)).on_conflict(again);
        insert.exec_without_returning(conn).await.map(drop).map_err(db::error)
    }

    /// Notes what a person accepted who signed up by mail. Another version may hold by now; then it is asked for again.
    pub async fn note_sign_up(&self, account: AccountId, version: u32, language: &str) -> Result<()> {
        let language = Language::parse(language).unwrap_or(Language::English);
        match self.note_acceptance(self.db.conn(), account, version, language).await {
            Err(error) if error.kind() == base::Kind::Conflict => Ok(()),
            outcome => outcome,
        }
    }

    /// The caller accepts a version.
    pub async fn accept(&self, caller: &Caller, version: u32, language: Language) -> Result<()> {
        self.note_acceptance(self.db.conn(), caller.require_person()?, version, language).await
    }

    /// The newest version that a person accepted.
    pub async fn accepted(&self, account: AccountId) -> Result<Option<Acceptance>> {
        let mine = Entity::find().filter(Column::Account.eq(account.uuid())).order_by_desc(Column::Version);
        let row = mine.one(self.db.conn()).await.map_err(db::error)?;
        Ok(row.map(|row| Acceptance {
            version: row.version.max(0) as u32,
            language: Language::parse(&row.language),
            at: Time::from_micros(row.at),
        }))
    }

    /// An error once a material version holds that the caller has not accepted. The first version is accepted at sign-up.
    pub async fn require_accepted(&self, caller: &Caller) -> Result<()> {
        let required = self.book.required(self.world.clock.now());
        let Some(account) = caller.account().filter(|_| required > 1) else { return Ok(()) };
        let accepted = self.accepted(account).await?.map_or(0, |acceptance| acceptance.version);
        let refusal = "the policy has changed: read it and say whether you accept it; until then you can look, take your \
                       data along and close the account";
        enforce!(C13_2, accepted >= required, Error::unaccepted(refusal));
        Ok(())
    }
}
