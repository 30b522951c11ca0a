//! The desk at which requests are answered: by the person at the machine's own terminal, or an owner of the household whose
//! installation it is. An answer has reasons, and what it refuses it refuses item by item.

use crate::{
    Privacy, fact,
    request::{
        ActiveModel, Column, Decision, EXTENSION, Entity, Model, Refusal, Request, RequestId, Words, place, prose,
    },
};
use accounts::{AccountId, Caller};
use base::{Error, Pii, Result};
use policy::enforce;
use sea_orm::{ActiveValue::Set, PaginatorTrait, QueryFilter, QueryOrder, entity::prelude::*};

/// The most items that one answer refuses.
const MOST_REFUSALS: usize = 100;

/// Who asked.
#[derive(Clone, Debug)]
pub struct Asker {
    /// None for somebody who has no account.
    pub account: Option<AccountId>,
    /// Where they are written to; none for an account whose sign-in name is no address.
    pub address: Option<Pii<String>>,
}

/// A request, as whoever answers it sees it.
#[derive(Clone, Debug)]
pub struct Filed {
    pub request: Request,
    pub asker: Asker,
}

/// How many requests wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    pub all: u64,
    pub overdue: u64,
}

impl Privacy {
    /// An error unless the caller runs the installation: at its terminal, or as an owner of its household, in person.
    async fn require_operator(&self, caller: &Caller) -> Result<()> {
        if caller.require_system().is_ok() {
            return Ok(());
        }
        caller.require_person()?;
        caller.require_owner()?;
        match caller.household() == self.accounts.ensure_household().await? {
            true => Ok(()),
            false => Err(Error::denied("this is about the whole installation")),
        }
    }

    /// Every request that is kept: the open ones first, by the time that is left.
    pub async fn desk(&self, caller: &Caller) -> Result<Vec<Filed>> {
        self.require_operator(caller).await?;
        let rows = Entity::find().order_by_asc(Column::Due).all(self.db.conn()).await.map_err(db::error)?;
        let (open, answered): (Vec<Model>, Vec<Model>) = rows.into_iter().partition(|row| row.answered.is_none());
        let mut filed = Vec::new();
        for row in open.iter().chain(&answered) {
            filed.push(self.filed(row).await?);
        }
        Ok(filed)
    }

    async fn filed(&self, row: &Model) -> Result<Filed> {
        let request = row.shown(&self.request_key(row).await?, self.world.clock.now())?;
        let address = match row.account() {
            Some(account) => self.accounts.contact(account).await?.address,
            None => self.request_address(row).await?,
        };
        Ok(Filed { request, asker: Asker { account: row.account(), address } })
    }

    /// A request, for who tells people about it; `NotFound` once it is gone.
    pub async fn request(&self, id: RequestId) -> Result<Filed> {
        self.filed(&self.request_row(id).await?).await
    }

    /// How many requests wait, and how many waited too long.
    pub async fn open_requests(&self) -> Result<Open> {
        let open = Entity::find().filter(Column::Confirmed.is_not_null()).filter(Column::Answered.is_null());
        let all = open.count(self.db.conn()).await.map_err(db::error)?;
        Ok(Open { all, overdue: self.overdue().count(self.db.conn()).await.map_err(db::error)? })
    }

    async fn open_request(&self, caller: &Caller, id: RequestId) -> Result<Model> {
        self.require_operator(caller).await?;
        let row = self.request_row(id).await?;
        match (row.answered, row.confirmed) {
            (Some(_), _) => Err(Error::conflict("this request has its answer")),
            (None, None) => Err(Error::conflict("it is not known yet who asks: confirm the request first")),
            (None, Some(_)) => Ok(row),
        }
    }

    /// The operator knows who asks, where no mail could show it.
    pub async fn confirm_for(&self, caller: &Caller, id: RequestId) -> Result<()> {
        self.require_operator(caller).await?;
        self.begin_clock(&self.request_row(id).await?).await
    }

    /// Answers a request; the person is told. A decision that does not grant everything says which items it refuses, or refuses
    /// all, and each has a reason.
    pub async fn answer_request(
        &self,
        caller: &Caller,
        id: RequestId,
        decision: Decision,
        reasons: &str,
        refused: Vec<Refusal>,
    ) -> Result<()> {
        let row = self.open_request(caller, id).await?;
        let reasons = reasoned(reasons)?;
        let refused = itemised(decision, refused)?;
        let words = serde_json::to_string(&Words { reasons, refused });
        let words = words.map_err(|cause| Error::internal("an answer cannot be kept").because(cause))?;
        let sealed = self.request_key(&row).await?.seal_text(&place("answer", row.id), &words, &self.world);
        let change = ActiveModel {
            id: Set(row.id),
            decision: Set(Some(decision.as_str().into())),
            answer: Set(Some(sealed)),
            answered: Set(Some(self.world.clock.now().micros())),
            ..Default::default()
        };
        self.change_request(change, Column::Answered, fact::REQUEST_ANSWERED).await
    }

    /// Gives a request sixty days more, once and before its time is over; the person is told why.
    pub async fn extend_request(&self, caller: &Caller, id: RequestId, reason: &str) -> Result<()> {
        let row = self.open_request(caller, id).await?;
        let (reason, now) = (prose(reason, "reason")?, self.world.clock.now());
        let refusal = match (row.extended, row.due < now.micros()) {
            (Some(_), _) => "a request is extended once",
            (None, true) => "the time of this request is over: answer it",
            (None, false) => "",
        };
        enforce!(C3_13, refusal.is_empty(), Error::conflict(refusal));
        let due = base::Time::from_micros(row.due) + EXTENSION;
        let sealed = self.request_key(&row).await?.seal_text(&place("extension", row.id), &reason, &self.world);
        let change = ActiveModel {
            id: Set(row.id),
            due: Set(due.micros()),
            extended: Set(Some(now.micros())),
            extension: Set(Some(sealed)),
            ..Default::default()
        };
        self.change_request(change, Column::Extended, fact::REQUEST_EXTENDED).await
    }

    /// Changes a request in which `once` is empty; of two at the same time one comes too late.
    async fn change_request(&self, change: ActiveModel, once: Column, kind: &'static str) -> Result<()> {
        let id: Uuid = *change.id.as_ref();
        let tx = self.db.begin().await?;
        let changed = Entity::update_many().set(change).filter(Column::Id.eq(id)).filter(once.is_null());
        if changed.exec(&tx).await.map_err(db::error)?.rows_affected == 0 {
            return Err(Error::conflict("somebody else was faster"));
        }
        db::outbox::emit(&tx, &self.world, kind, &fact::Requested { request: id.into() }).await?;
        tx.commit().await.map_err(db::error)
    }
}

/// The reasons of an answer: without them there is none.
fn reasoned(reasons: &str) -> Result<String> {
    match enforce!(C3_13) {
        true => prose(reasons, "reasons"),
        false => Ok(reasons.to_owned()),
    }
}

/// What is refused, each item with its reason; and no refusal without saying of what.
fn itemised(decision: Decision, refused: Vec<Refusal>) -> Result<Vec<Refusal>> {
    let fits = match decision {
        Decision::Granted => refused.is_empty(),
        Decision::Partly => !refused.is_empty(),
        Decision::Refused => true,
    };
    if !fits || refused.len() > MOST_REFUSALS {
        let message = "an answer that grants in part names what it refuses, one that grants all names nothing";
        return Err(Error::out_of_range(message).field("refused"));
    }
    let item = |refusal: Refusal| {
        let (item, reason) = (prose(&refusal.item, "refused")?, prose(&refusal.reason, "refused")?);
        Ok(Refusal { item, reason })
    };
    refused.into_iter().map(item).collect()
}
