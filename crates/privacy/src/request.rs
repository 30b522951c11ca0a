//! Requests about other data: what no button does, asked by a person and answered by a person, with reasons and by a clock.
//!
//! Whoever signed in asks under the account. Whoever has no account asks with an address, and the clock runs once the
//! address is shown to be theirs, or the operator has checked who asks. Nobody is asked where they live (GDPR Art. 12 (3)
//! gives the time; it is everybody's). Words are sealed: under the account's key, or the instance's where there is none.

use crate::{Privacy, fact};
use accounts::{AccountId, Caller};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base::{Error, Pii, Result, Secret, Time};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use db::ColumnKey;
use policy::{Language, enforce};
use sea_orm::{ActiveValue::Set, Condition, QueryOrder, entity::prelude::*};
use serde::{Deserialize, Serialize};
use std::time::Duration;

base::id!(
    /// A request.
    RequestId
);

/// Within which time a request is answered.
pub const TIME: Duration = Duration::from_secs(30 * 86_400);
/// By how much that can be extended, once.
pub const EXTENSION: Duration = Duration::from_secs(60 * 86_400);
/// How long it is kept after the answer.
pub const KEPT: Duration = Duration::from_secs(365 * 86_400);
/// How long it waits to be confirmed.
const UNCONFIRMED: Duration = Duration::from_secs(7 * 86_400);
/// The longest text, in bytes.
pub const LONGEST: usize = 10_000;
/// How many requests of one account are open at once.
const MOST_OPEN: u64 = 20;
/// How many requests of one address, and of all, wait to be confirmed.
const MOST_OF_ADDRESS: u64 = 3;
const MOST_UNCONFIRMED: u64 = 1000;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "requests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who asks; none for somebody without an account.
    pub account: Option<Uuid>,
    /// Where somebody without an account is written to, sealed; and its keyed index.
    pub address: Option<Vec<u8>>,
    pub address_index: Option<Vec<u8>>,
    pub kind: String,
    pub clause: Option<String>,
    pub text: Vec<u8>,
    pub language: String,
    pub asked: i64,
    /// Since when the clock runs.
    pub confirmed: Option<i64>,
    pub due: i64,
    pub extended: Option<i64>,
    /// Why it was extended, sealed.
    pub extension: Option<Vec<u8>>,
    pub decision: Option<String>,
    /// The reasons and what was refused item by item: JSON, sealed.
    pub answer: Option<Vec<u8>>,
    pub answered: Option<i64>,
    /// When the operator was told that it is overdue.
    pub alarmed: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table requests {
        id: not_personal("opaque id"),
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Answer, protection: Clear, export: Include, erase: Delete, clauses: [C3_13],
        },
        address: {
            category: Email, subject: Addressee, purposes: [Rights: LegalObligation], retention: Answer,
            recipients: [MailServer], protection: InstanceKey, export: Omit("it is of people without an account"),
            erase: Delete, clauses: [C3_13, C6_2],
        },
        address_index: {
            category: Email, subject: Addressee, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Answer, protection: KeyedHash, export: Omit("it tells nothing without the address"),
            erase: Delete, clauses: [C3_13, C6_2],
        },
        kind: {
            category: Request, subject: AccountHolder, purposes: [Rights: LegalObligation], retention: Answer,
            protection: Clear, export: Include, erase: Delete, clauses: [C3_13],
        },
        clause: {
            category: Request, subject: AccountHolder, purposes: [Rights: LegalObligation], retention: Answer,
            protection: Clear, export: Include, erase: Delete, clauses: [C0_3, C3_13],
        },
        text: {
            category: Request, subject: AccountHolder, purposes: [Rights: LegalObligation], retention: Answer,
            protection: AccountKey, export: Include, erase: Delete, clauses: [C3_13, C6_2],
        },
        language: {
            category: Preference, subject: AccountHolder, purposes: [Rights: LegalObligation], retention: Answer,
            protection: Clear, export: Include, erase: Delete, clauses: [C3_13],
        },
        asked: {
            category: Request, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Answer, protection: Clear, export: Include, erase: Delete, clauses: [C3_13],
        },
        confirmed: not_personal("since when the clock runs"),
        due: not_personal("until when it is answered"),
        extended: not_personal("when it was given more time"),
        extension: {
            category: Request, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Answer, protection: AccountKey, export: Include, erase: Delete, clauses: [C3_13, C6_2],
        },
        decision: {
            category: Request, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Answer, protection: Clear, export: Include, erase: Delete, clauses: [C3_13],
        },
        answer: {
            category: Request, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Answer, protection: AccountKey, export: Include, erase: Delete, clauses: [C3_13, C6_2],
        },
        answered: not_personal("when it was answered"),
        alarmed: not_personal("when the operator was told that it is overdue"),
    }
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$of])* $variant),* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// What the word means, if it is one of these.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}

words! {
    /// What is asked for.
    RequestKind {
        /// To see data that the copy of everything does not hold.
        Access = "access",
        Correction = "correction",
        Deletion = "deletion",
        Objection = "objection",
        Question = "question",
    }
}

words! {
    /// What the answer comes to.
    Decision {
        Granted = "granted",
        /// Some items are refused.
        Partly = "partly",
        Refused = "refused",
    }
}

/// What a person asks.
#[derive(Clone, Debug)]
pub struct Question {
    pub(crate) kind: RequestKind,
    pub(crate) clause: Option<String>,
    pub(crate) text: String,
    pub(crate) language: Language,
}

impl Question {
    /// A question about a clause of the policy, or about none, in at most [`LONGEST`] bytes.
    pub fn new(kind: RequestKind, clause: Option<String>, text: &str, language: Language) -> Result<Self> {
        Ok(Self { kind, clause, text: prose(text, "text")?, language })
    }
}

/// An item that is refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub item: String,
    pub reason: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub at: Time,
    pub decision: Decision,
    pub reasons: String,
    pub refused: Vec<Refusal>,
}

/// More time than thirty days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub at: Time,
    pub reason: String,
}

/// A request, as the person who asked sees it.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: RequestId,
    pub kind: RequestKind,
    pub clause: Option<String>,
    pub text: String,
    pub language: Language,
    pub asked: Time,
    /// Since when the clock runs; none until it is known who asks.
    pub confirmed: Option<Time>,
    /// Until when it is answered.
    pub due: Time,
    pub extension: Option<Extension>,
    pub answer: Option<Answer>,
    pub overdue: bool,
}

/// The words of an answer, as they are sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Words {
    pub reasons: String,
    pub refused: Vec<Refusal>,
}

/// The authenticated place of a sealed column.
pub(crate) fn place(column: &str, id: Uuid) -> String {
    format!("requests.{column}/{id}")
}

/// Words for people that somebody wrote: not empty, not longer than [`LONGEST`] bytes, and without control characters
/// that would do something to a terminal.
pub(crate) fn prose(text: &str, field: &'static str) -> Result<String> {
    let refuse = |message: &str| Err(Error::out_of_range(message).field(field));
    let text = text.replace("\r\n", "\n");
    match text.trim() {
        "" => refuse("say it in words: this must not be empty"),
        text if text.len() > LONGEST => refuse("this is longer than 10 kB"),
        text if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) => refuse("this is not plain text"),
        text => Ok(text.to_owned()),
    }
}

impl Model {
    pub(crate) fn account(&self) -> Option<AccountId> {
        self.account.map(AccountId::from)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.confirmed.is_some() && self.answered.is_none()
    }

    pub(crate) fn shown(&self, key: &ColumnKey, now: Time) -> Result<Request> {
        let unknown = || Error::internal("a request has a word that this program does not know");
        let open = |column: &str, sealed: &Option<Vec<u8>>| {
            sealed.as_ref().map(|sealed| key.open_text(&place(column, self.id), sealed)).transpose()
        };
        let extension = open("extension", &self.extension)?.zip(self.extended);
        let answer = match (open("answer", &self.answer)?, self.answered) {
            (Some(answer), Some(at)) => {
                let words: Words = serde_json::from_str(&answer)
                    .map_err(|cause| Error::internal("an answer does not read as it should").because(cause))?;
                let decision = self.decision.as_deref().and_then(Decision::parse).ok_or_else(unknown)?;
                let at = Time::from_micros(at);
                Some(Answer { at, decision, reasons: words.reasons, refused: words.refused })
            }
            _ => None,
        };
        Ok(Request {
            id: self.id.into(),
            kind: RequestKind::parse(&self.kind).ok_or_else(unknown)?,
            clause: self.clause.clone(),
            text: key.open_text(&place("text", self.id), &self.text)?,
            language: Language::parse(&self.language).unwrap_or(Language::English),
            asked: Time::from_micros(self.asked),
            confirmed: self.confirmed.map(Time::from_micros),
            due: Time::from_micros(self.due),
            extension: extension.map(|(reason, at)| Extension { at: Time::from_micros(at), reason }),
            answer,
            overdue: self.is_open() && self.due < now.micros(),
        })
    }
}

impl Privacy {
    /// Asks as a person who signed in; the clock runs at once.
    pub async fn ask(&self, caller: &Caller, question: Question) -> Result<Request> {
        let account = caller.require_person()?;
        let open = Entity::find().filter(Column::Account.eq(account.uuid())).filter(Column::Answered.is_null());
        if open.count(self.db.conn()).await.map_err(db::error)? >= MOST_OPEN {
            return Err(Error::too_many("many of your requests are open: wait for their answers"));
        }
        let key = self.own_key(account).await?;
        let now = self.world.clock.now().micros();
        let row = self.row(question, &key)?;
        let row = Model { account: Some(account.uuid()), confirmed: Some(now), ..row };
        self.insert(&row, fact::REQUEST_OPENED).await?;
        row.shown(&key, self.world.clock.now())
    }

    /// Asks as somebody who has no account, or does not sign in. The answer is the same whether or not a mail goes out for it;
    /// the clock runs once the request is confirmed.
    pub async fn ask_without_account(&self, address: &str, question: Question) -> Result<RequestId> {
        let address = accounts::address(address).map_err(|error| error.field("address"))?;
        // The rights are those of everybody, and nobody is asked where they live or whether they have an account.
        enforce_everybody()?;
        let key = self.instance().await?;
        let row = self.row(question, &key)?;
        let index = key.index("requests.address", address.to_lowercase().as_bytes());
        let waiting = || Entity::find().filter(Column::Confirmed.is_null());
        let (all, of_address) = (waiting(), waiting().filter(Column::AddressIndex.eq(index.to_vec())));
        if all.count(self.db.conn()).await.map_err(db::error)? >= MOST_UNCONFIRMED {
            return Err(Error::unavailable("too many requests wait to be confirmed").retry_after(UNCONFIRMED / 7));
        }
        if of_address.count(self.db.conn()).await.map_err(db::error)? >= MOST_OF_ADDRESS {
            return Ok(row.id.into());
        }
        let sealed = key.seal_text(&place("address", row.id), &address, &self.world);
        let row = Model { address: Some(sealed), address_index: Some(index.to_vec()), ..row };
        self.insert(&row, fact::REQUEST_ASKED).await?;
        Ok(row.id.into())
    }

    fn row(&self, question: Question, key: &ColumnKey) -> Result<Model> {
        let (id, now) = (RequestId::generate(&self.world).uuid(), self.world.clock.now());
        if question.clause.as_ref().is_some_and(|clause| self.book.clause(clause).is_none()) {
            return Err(Error::invalid("the policy has no such clause").field("clause"));
        }
        Ok(Model {
            id,
            account: None,
            address: None,
            address_index: None,
            kind: question.kind.as_str().into(),
            clause: question.clause,
            text: key.seal_text(&place("text", id), &question.text, &self.world),
            language: question.language.code().into(),
            asked: now.micros(),
            confirmed: None,
            due: (now + TIME).micros(),
            extended: None,
            extension: None,
            decision: None,
            answer: None,
            answered: None,
            alarmed: None,
        })
    }

    async fn insert(&self, row: &Model, kind: &'static str) -> Result<()> {
        let tx = self.db.begin().await?;
        Entity::insert(ActiveModel::from(row.clone())).exec_without_returning(&tx).await.map_err(db::error)?;
        db::outbox::emit(&tx, &self.world, kind, &fact::Requested { request: row.id.into() }).await?;
        tx.commit().await.map_err(db::error)
    }

    /// The requests of the caller, the newest first.
    pub async fn requests(&self, caller: &Caller) -> Result<Vec<Request>> {
        let account = caller.require_person()?;
        let mine = Entity::find().filter(Column::Account.eq(account.uuid())).order_by_desc(Column::Id);
        let (key, now) = (self.own_key(account).await?, self.world.clock.now());
        let rows = mine.all(self.db.conn()).await.map_err(db::error)?;
        rows.iter().map(|row| row.shown(&key, now)).collect()
    }

    /// The key under which a request is sealed.
    pub(crate) async fn request_key(&self, row: &Model) -> Result<ColumnKey> {
        match row.account {
            Some(account) => self.own_key(account.into()).await,
            None => self.instance().await,
        }
    }

    pub(crate) async fn request_row(&self, id: RequestId) -> Result<Model> {
        let row = Entity::find_by_id(id.uuid()).one(self.db.conn()).await.map_err(db::error)?;
        row.ok_or_else(|| Error::not_found("no such request"))
    }

    /// The secret with which somebody without an account confirms the request. For the mail to its address alone.
    pub async fn confirmation_of(&self, id: RequestId) -> Result<Secret<String>> {
        self.request_token("privacy.request.confirm", id).await
    }

    /// The secret with which somebody without an account sees how the request stands.
    pub async fn follow_up_of(&self, id: RequestId) -> Result<Secret<String>> {
        self.request_token("privacy.request.follow", id).await
    }

    async fn request_token(&self, purpose: &str, id: RequestId) -> Result<Secret<String>> {
        let mac = self.instance().await?.index(purpose, &id.bytes());
        Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode([&id.bytes()[..], &mac].concat())))
    }

    async fn request_of(&self, purpose: &str, token: &Secret<String>) -> Result<Model> {
        let unknown = || Error::not_found("this link is not valid, or not any more");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.expose()).map_err(|_| unknown())?;
        let (id, mac) = bytes.split_first_chunk::<16>().ok_or_else(unknown)?;
        let right = self.instance().await?.index(purpose, id);
        verify_slices_are_equal(mac, &right).map_err(|_| unknown())?;
        self.request_row(RequestId::from_bytes(*id)).await.map_err(|_| unknown())
    }

    /// A request of somebody without an account, by the link that shows how it stands.
    pub async fn follow_up(&self, token: &Secret<String>) -> Result<Request> {
        let row = self.request_of("privacy.request.follow", token).await?;
        row.shown(&self.request_key(&row).await?, self.world.clock.now())
    }

    /// The address is shown to be theirs: from now on the clock runs. Once is enough.
    pub async fn confirm_request(&self, token: &Secret<String>) -> Result<RequestId> {
        let row = self.request_of("privacy.request.confirm", token).await?;
        self.begin_clock(&row).await?;
        Ok(row.id.into())
    }

    pub(crate) async fn begin_clock(&self, row: &Model) -> Result<()> {
        let now = self.world.clock.now();
        let tx = self.db.begin().await?;
        let begun = Entity::update_many()
            .col_expr(Column::Confirmed, now.micros().into())
            .col_expr(Column::Due, (now + TIME).micros().into())
            .filter(Column::Id.eq(row.id))
            .filter(Column::Confirmed.is_null());
        if begun.exec(&tx).await.map_err(db::error)?.rows_affected == 1 {
            let opened = fact::Requested { request: row.id.into() };
            db::outbox::emit(&tx, &self.world, fact::REQUEST_OPENED, &opened).await?;
        }
        tx.commit().await.map_err(db::error)
    }

    /// Where somebody without an account is written to.
    pub(crate) async fn request_address(&self, row: &Model) -> Result<Option<Pii<String>>> {
        let Some(sealed) = &row.address else { return Ok(None) };
        self.instance().await?.open_text(&place("address", row.id), sealed).map(|address| Some(Pii::new(address)))
    }

    /// Deletes requests a year after their answer, and those that nobody confirmed in time; tells the operator, once, of each
    /// that is overdue.
    pub async fn look_after_requests(&self) -> Result<()> {
        let now = self.world.clock.now();
        let over = Condition::any()
            .add(Column::Answered.lt((now - KEPT).micros()))
            .add(Condition::all().add(Column::Confirmed.is_null()).add(Column::Asked.lt((now - UNCONFIRMED).micros())));
        Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        for row in self.overdue().filter(Column::Alarmed.is_null()).all(self.db.conn()).await.map_err(db::error)? {
            self.alarm(&row, now).await?;
        }
        Ok(())
    }

    /// Requests whose time is over without an answer.
    pub(crate) fn overdue(&self) -> Select<Entity> {
        let now = self.world.clock.now().micros();
        let open = Entity::find().filter(Column::Confirmed.is_not_null()).filter(Column::Answered.is_null());
        open.filter(Column::Due.lt(now))
    }

    async fn alarm(&self, row: &Model, now: Time) -> Result<()> {
        let tx = self.db.begin().await?;
        let told = ActiveModel { id: Set(row.id), alarmed: Set(Some(now.micros())), ..Default::default() };
        Entity::update(told).exec(&tx).await.map_err(db::error)?;
        let overdue = fact::Requested { request: row.id.into() };
        db::outbox::emit(&tx, &self.world, fact::REQUEST_OVERDUE, &overdue).await?;
        tx.commit().await.map_err(db::error)
    }
}

/// Whoever asks is heard. Without this line only people with an account would have rights here.
fn enforce_everybody() -> Result<()> {
    match enforce!(C3_14) {
        true => Ok(()),
        false => Err(Error::denied("only people with an account can ask")),
    }
}
