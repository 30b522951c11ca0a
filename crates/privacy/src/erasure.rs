//! Closing and erasing: `closing` (dark at once, to be undone for a while), then `erasing` by a plan that is written down,
//! then `erased`.
//!
//! The plan is made from the holders that there are: the record outside the backups first, so that no restore brings
//! back what is gone; then dark again; then the keys, with which everything is unreadable; then rows and objects; then
//! what deletion leaves in the database's files; and at last a look at each place. A step may be done twice and is
//! marked only when it is done, so a crash anywhere repeats one step. `erased` is reached only when every look found
//! nothing.

use crate::{Privacy, certificate, fact};
use accounts::{AccountId, Caller};
use base::{Error, Result, Secret, Shutdown, Time};
use policy::{Holder, Remaining, Subject, enforce};
use sea_orm::{
    ActiveValue::Set,
    QueryOrder,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How long a closing can be undone.
pub const GRACE: Duration = Duration::from_secs(14 * 86_400);
/// How long a reported account of a minor is looked into before it is erased.
pub const MINOR: Duration = Duration::from_secs(2 * 86_400);
/// How often what is due is looked for, besides being told.
const EVERY: Duration = Duration::from_secs(60);

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $variant),* }

        impl $name {
            /// The word that is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            fn stored(word: &str) -> Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(Error::internal("an erasure has a word that this program does not know")),
                }
            }
        }
    };
}

words! {
    /// How far it is.
    State {
        Closing = "closing",
        /// The closing was undone, and what it stopped begins again.
        Reopening = "reopening",
        Erasing = "erasing",
        Erased = "erased",
    }
}

words! {
    /// Why.
    Reason {
        Asked = "asked",
        Minor = "minor",
        /// A backup from before the erasure was restored.
        Restored = "restored",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Uuid,
    /// The households that go with the account: UUIDs with a space between.
    pub households: String,
    pub state: String,
    pub reason: String,
    pub asked: i64,
    /// When a closing becomes an erasure.
    pub due: i64,
    /// The ids of the keys that the erasure destroys: UUIDs with a space between.
    pub keys: String,
    pub done: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table erasures {
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Days(366), protection: Clear, export: Omit("told by the privacy centre"),
            erase: Keep(
                "so that the erasure is known to be done; an opaque id that belongs to nobody any more",
                "damit feststeht, dass gelöscht wurde; eine Kennung, die niemandem mehr gehört",
            ),
            clauses: [C3_5],
        },
        households: {
            category: Membership, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Days(366), protection: Clear, export: Omit("told by the privacy centre"),
            erase: Keep(
                "so that the erasure is known to be done; opaque ids that belong to nobody any more",
                "damit feststeht, dass gelöscht wurde; Kennungen, die niemandem mehr gehören",
            ),
            clauses: [C3_5],
        },
        state: not_personal("a word of the program"),
        reason: not_personal("a word of the program"),
        asked: not_personal("when it was asked for"),
        due: not_personal("when it begins"),
        keys: not_personal("ids of keys that are gone"),
        done: not_personal("when it was done"),
    }
}

/// The steps of the plans.
pub mod step {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "erasure_steps")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub account: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i16,
        pub name: String,
        pub attempts: i32,
        pub error: Option<String>,
        /// JSON: what was found for it when the plan was made, by place.
        pub counts: String,
        pub done: Option<i64>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    policy::personal! {
        table erasure_steps {
            account: {
                category: AccountId, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
                retention: Days(366), protection: Clear, export: Omit("told by the certificate"),
                erase: Keep(
                    "so that the erasure is known to be done; an opaque id that belongs to nobody any more",
                    "damit feststeht, dass gelöscht wurde; eine Kennung, die niemandem mehr gehört",
                ),
                clauses: [C3_5],
            },
            position: not_personal("the order of the steps"),
            name: not_personal("a word of the program"),
            attempts: not_personal("a count"),
            error: not_personal("errors hold nothing personal"),
            counts: not_personal("counts"),
            done: not_personal("when the step was done"),
        }
    }
}

/// An erasure, as it is written down.
#[derive(Clone, Debug)]
pub struct Plan {
    pub account: Uuid,
    pub households: Vec<Uuid>,
    pub state: State,
    pub reason: Reason,
    pub asked: Time,
    pub due: Time,
    pub keys: Vec<Uuid>,
}

/// What a person is told who closes the account.
#[derive(Clone, Debug)]
pub struct Closing {
    /// Until when it can be undone.
    pub until: Time,
    /// Undoes it. Valid until then.
    pub undo: Secret<String>,
    /// Fetches the certificate, once all is erased.
    pub certificate: Secret<String>,
}

impl Plan {
    fn of(row: Model) -> Result<Self> {
        let ids = |text: &str| -> Result<Vec<Uuid>> {
            let broken = |_| Error::internal("an erasure names something that is no id");
            text.split_whitespace().map(|id| id.parse().map_err(broken)).collect()
        };
        Ok(Self {
            account: row.account,
            households: ids(&row.households)?,
            keys: ids(&row.keys)?,
            state: State::stored(&row.state)?,
            reason: Reason::stored(&row.reason)?,
            asked: Time::from_micros(row.asked),
            due: Time::from_micros(row.due),
        })
    }

    /// The person, as the holders are told.
    pub fn subject(&self) -> Subject {
        let households = self.households.iter().map(|id| id.into_bytes()).collect();
        Subject { account: self.account.into_bytes(), households }
    }
}

fn words_of(ids: impl IntoIterator<Item = [u8; 16]>) -> String {
    ids.into_iter().map(|id| Uuid::from_bytes(id).to_string()).collect::<Vec<_>>().join(" ")
}

/// What was found, as JSON.
fn counted(found: Remaining) -> Result<String> {
    let found: BTreeMap<&str, u64> = found.into_iter().collect();
    serde_json::to_string(&found).map_err(|error| Error::internal("counts cannot be written").because(error))
}

const RECORD: &str = "record";
const DARKEN: &str = "darken";
const SCRUB: &str = "scrub";
const VERIFY: &str = "verify";

impl Privacy {
    /// Closes an account: from now on nothing of it moves, and after `grace` it is erased. To close it again changes
    /// nothing, except that a shorter grace counts.
    pub async fn close(&self, subject: &Subject, reason: Reason, grace: Duration) -> Result<Closing> {
        let account = Uuid::from_bytes(subject.account);
        let now = self.world.clock.now();
        let row = Model {
            account,
            households: words_of(subject.households.iter().copied()),
            state: State::Closing.as_str().into(),
            reason: reason.as_str().into(),
            asked: now.micros(),
            due: (now + grace).micros(),
            keys: String::new(),
            done: None,
        };
        let tx = self.db.begin().await?;
        let again = OnConflict::column(Column::Account).do_nothing().to_owned();
        let insert = Entity::insert(ActiveModel::from(row)).on_conflict(again);
        if insert.exec_without_returning(&tx).await.map_err(db::error)? > 0 {
            db::outbox::emit(&tx, &self.world, fact::CLOSING, &fact::About { account: account.into() }).await?;
        }
        tx.commit().await.map_err(db::error)?;
        let plan = self.plan(account).await?.ok_or_else(|| Error::internal("a closing was not written down"))?;
        if plan.state == State::Closing {
            self.darken(&plan.subject(), true).await?;
            if plan.due > now + grace {
                self.set_due(account, now + grace).await?;
            }
        }
        self.wake.notify_one();
        self.closing(&plan).await
    }

    async fn closing(&self, plan: &Plan) -> Result<Closing> {
        Ok(Closing {
            until: plan.due,
            undo: self.token("undo", plan.account, plan.asked).await?,
            certificate: self.token("certificate", plan.account, plan.asked).await?,
        })
    }

    /// What a person was told who closed the account, for the mail about it; `None` if it is not closing.
    pub async fn closing_of(&self, account: AccountId) -> Result<Option<Closing>> {
        match self.plan(account.uuid()).await?.filter(|plan| plan.state == State::Closing) {
            Some(plan) => self.closing(&plan).await.map(Some),
            None => Ok(None),
        }
    }

    async fn set_due(&self, account: Uuid, due: Time) -> Result<()> {
        let change = ActiveModel { account: Set(account), due: Set(due.micros()), ..Default::default() };
        Entity::update(change).exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    async fn darken(&self, subject: &Subject, dark: bool) -> Result<()> {
        // Without this line a closed account would go on being let in and recorded for.
        if dark && !enforce!(C3_3) {
            return Ok(());
        }
        // From above: first nobody gets in, then what goes on by itself ends.
        for holder in self.holders.iter().rev() {
            holder.darken(subject, dark).await?;
        }
        Ok(())
    }

    /// Undoes a closing, for who has its link. What a minor's account is reported for is undone by who looks into it.
    pub async fn undo(&self, token: &Secret<String>) -> Result<AccountId> {
        let plan = self.account_of("undo", token).await?;
        if plan.reason != Reason::Asked {
            return Err(Error::conflict("this account is being looked into and cannot be reopened by a link"));
        }
        self.reopen(&plan).await
    }

    /// Lets a closed account go on. `Conflict` once its erasure has begun.
    async fn reopen(&self, plan: &Plan) -> Result<AccountId> {
        let change = Entity::update_many().col_expr(Column::State, Expr::value(State::Reopening.as_str()));
        let change = change.filter(Column::Account.eq(plan.account));
        let change = change.filter(Column::State.is_in([State::Closing.as_str(), State::Reopening.as_str()]));
        if change.exec(self.db.conn()).await.map_err(db::error)?.rows_affected == 0 {
            return Err(Error::conflict("the erasure has begun: nothing can bring the account back"));
        }
        self.brighten(plan).await?;
        Ok(plan.account.into())
    }

    /// The end of a reopening, also of one that a crash cut off.
    async fn brighten(&self, plan: &Plan) -> Result<()> {
        self.darken(&plan.subject(), false).await?;
        Entity::delete_by_id(plan.account).exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// Begins the erasure of an account that is closing, for who has the link by which it could be undone.
    pub async fn erase_now(&self, token: &Secret<String>) -> Result<()> {
        let plan = self.account_of("undo", token).await?;
        self.set_due(plan.account, self.world.clock.now()).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Who goes when this person leaves: the account, and the households that nobody else owns. Those in which others live
    /// go only `with_households`, and else an owner must be found first: `Conflict`.
    pub async fn leaving(&self, account: AccountId, with_households: bool) -> Result<(Subject, Vec<fact::Losing>)> {
        let (mut households, mut losing) = (Vec::new(), Vec::new());
        for owned in self.accounts.owned_by(account).await?.into_iter().filter(|owned| owned.owners.is_empty()) {
            if !owned.others.is_empty() && !with_households {
                let message =
                    "others belong to your household: make somebody else its owner, or say that it goes with you";
                return Err(Error::conflict(message).field("with_households"));
            }
            households.push(owned.household.bytes());
            let household = owned.household;
            losing.extend(owned.others.into_iter().map(|account| fact::Losing { account, household }));
        }
        Ok((Subject { account: account.bytes(), households }, losing))
    }

    /// The caller closes their own account. The person has just shown who they are; everybody whose household goes with
    /// it is told.
    pub async fn close_own(&self, caller: &Caller, with_households: bool, at_once: bool) -> Result<Closing> {
        caller.require_recent(self.world.clock.now())?;
        let (subject, losing) = self.leaving(caller.require_person()?, with_households).await?;
        for other in &losing {
            db::outbox::emit(self.db.conn(), &self.world, fact::HOUSEHOLD_CLOSING, other).await?;
        }
        self.close(&subject, Reason::Asked, if at_once { Duration::ZERO } else { GRACE }).await
    }

    /// An owner, or whoever sits at the machine, reports that a member is under age.
    pub async fn report_member(&self, caller: &Caller, account: AccountId) -> Result<()> {
        self.require_decides_over(caller, account).await?;
        let (subject, _) = self.leaving(account, true).await?;
        self.report_minor(&subject).await.map(drop)
    }

    /// The members of the caller's household whose accounts are reported, and until when that is looked into.
    pub async fn reports(&self, caller: &Caller) -> Result<Vec<(AccountId, Time)>> {
        caller.require_owner()?;
        let members = self.accounts.people(caller).await?.into_iter().map(|person| person.id.uuid());
        let open = Entity::find()
            .filter(Column::Account.is_in(members))
            .filter(Column::Reason.eq(Reason::Minor.as_str()))
            .filter(Column::State.eq(State::Closing.as_str()))
            .filter(Column::Due.gt(self.world.clock.now().micros()));
        let plans = open.order_by_asc(Column::Due).all(self.db.conn()).await.map_err(db::error)?;
        Ok(plans.into_iter().map(|plan| (plan.account.into(), Time::from_micros(plan.due))).collect())
    }

    /// Decides over a report.
    pub async fn decide_report(&self, caller: &Caller, account: AccountId, is_minor: bool) -> Result<()> {
        self.require_decides_over(caller, account).await?;
        self.decide_minor(account, is_minor).await
    }

    async fn require_decides_over(&self, caller: &Caller, account: AccountId) -> Result<()> {
        if caller.require_system().is_ok() {
            return self.accounts.contact(account).await.map(drop);
        }
        caller.require_owner()?;
        let member = self.accounts.people(caller).await?.iter().any(|person| person.id == account);
        match member && caller.account() != Some(account) {
            true => Ok(()),
            false => Err(Error::not_found("no such member")),
        }
    }

    /// Freezes the account of somebody who is under age, and erases it unless that turns out to be wrong.
    pub async fn report_minor(&self, subject: &Subject) -> Result<Closing> {
        match enforce!(C11_4) {
            true => self.close(subject, Reason::Minor, MINOR).await,
            false => Err(Error::internal("nobody looks into reports")),
        }
    }

    /// Decides over a reported account: it goes at once, or goes on.
    pub async fn decide_minor(&self, account: AccountId, is_minor: bool) -> Result<()> {
        let plan = self.plan(account.uuid()).await?.filter(|plan| plan.reason == Reason::Minor);
        let plan = plan.ok_or_else(|| Error::not_found("no such report"))?;
        match is_minor {
            true => self.set_due(plan.account, self.world.clock.now()).await.map(|()| self.wake.notify_one()),
            false => self.reopen(&plan).await.map(drop),
        }
    }

    /// The erasure of an account, if there is one.
    pub async fn plan(&self, account: Uuid) -> Result<Option<Plan>> {
        let row = Entity::find_by_id(account).one(self.db.conn()).await.map_err(db::error)?;
        row.map(Plan::of).transpose()
    }

    /// Whether the caller's account is closing.
    pub async fn is_closing(&self, caller: &Caller) -> Result<Option<Time>> {
        let plan = self.plan(caller.require_person()?.uuid()).await?;
        Ok(plan.filter(|plan| plan.state == State::Closing).map(|plan| plan.due))
    }

    /// Erases what is due until the shutdown begins. Call it once.
    pub async fn run_erasures(&self, shutdown: Shutdown) {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = shutdown.begun() => return,
                () = self.wake.notified() => {}
                _ = tick.tick() => {}
            }
            if let Err(error) = self.erase_due().await {
                tracing::error!(?error, "an erasure is not complete");
            }
        }
    }

    /// Takes every erasure that is due as far as it goes. One that stops does not keep the others; the first error is told.
    pub async fn erase_due(&self) -> Result<()> {
        let open = Entity::find().filter(Column::State.ne(State::Erased.as_str())).order_by_asc(Column::Due);
        let now = self.world.clock.now();
        let mut outcome = Ok(());
        for row in open.all(self.db.conn()).await.map_err(db::error)? {
            let plan = Plan::of(row)?;
            let erased = match plan.state {
                State::Closing if plan.due > now => continue,
                State::Reopening => self.brighten(&plan).await,
                _ => self.erase(plan).await,
            };
            outcome = outcome.and(erased);
        }
        self.expire_certificates(now).await?;
        outcome
    }

    async fn erase(&self, plan: Plan) -> Result<()> {
        let plan = self.begin(plan).await?;
        loop {
            let Some(step) = self.next_step(plan.account).await? else { return self.finish(&plan).await };
            self.take(&plan, step).await?;
        }
    }

    /// Writes the plan down, unless it is.
    async fn begin(&self, plan: Plan) -> Result<Plan> {
        if plan.state != State::Closing {
            return Ok(plan);
        }
        let subject = plan.subject();
        let (mut keys, mut steps) = (Vec::new(), vec![(RECORD, "{}".into()), (DARKEN, "{}".into())]);
        for holder in self.holders.iter() {
            keys.extend(holder.keys(&subject).await?);
            steps.push((holder.name(), counted(holder.remaining(&subject).await?)?));
        }
        steps.extend([(SCRUB, "{}".into()), (VERIFY, "{}".into())]);
        let tx = self.db.begin().await?;
        let change = ActiveModel {
            account: Set(plan.account),
            state: Set(State::Erasing.as_str().into()),
            keys: Set(words_of(keys)),
            ..Default::default()
        };
        let row = Entity::update(change).exec(&tx).await.map_err(db::error)?;
        for (position, (name, counts)) in (0..).zip(steps) {
            let step = step::Model {
                account: plan.account,
                position,
                name: name.into(),
                attempts: 0,
                error: None,
                counts,
                done: None,
            };
            step::Entity::insert(step::ActiveModel::from(step)).exec_without_returning(&tx).await.map_err(db::error)?;
        }
        tx.commit().await.map_err(db::error)?;
        Plan::of(row)
    }

    async fn next_step(&self, account: Uuid) -> Result<Option<step::Model>> {
        let open = step::Entity::find().filter(step::Column::Account.eq(account)).filter(step::Column::Done.is_null());
        open.order_by_asc(step::Column::Position).one(self.db.conn()).await.map_err(db::error)
    }

    /// Does a step and marks it; a step that fails is noted and stays open.
    async fn take(&self, plan: &Plan, step: step::Model) -> Result<()> {
        let outcome = self.perform(plan, &step.name).await;
        let change = step::ActiveModel {
            account: Set(step.account),
            position: Set(step.position),
            attempts: Set(step.attempts.saturating_add(1)),
            error: Set(outcome.as_ref().err().map(ToString::to_string)),
            done: Set(outcome.is_ok().then(|| self.world.clock.now().micros())),
            ..Default::default()
        };
        step::Entity::update(change).exec(self.db.conn()).await.map_err(db::error)?;
        outcome
    }

    async fn perform(&self, plan: &Plan, name: &str) -> Result<()> {
        let subject = plan.subject();
        match name {
            RECORD => self.write_record(subject).await,
            DARKEN => self.darken(&subject, true).await,
            SCRUB => self.db.scrub().await,
            VERIFY => self.verify(&subject).await,
            holder => self.holder(holder)?.erase(&subject).await,
        }
    }

    async fn write_record(&self, subject: Subject) -> Result<()> {
        let (record, now) = (self.record.clone(), self.world.clock.now());
        let written = tokio::task::spawn_blocking(move || record.add(&subject, now));
        written.await.map_err(|error| Error::internal("the record of erasures broke").because(error))?
    }

    fn holder(&self, name: &str) -> Result<&Arc<dyn Holder>> {
        let found = self.holders.iter().find(|holder| holder.name() == name);
        found.ok_or_else(|| Error::internal("an erasure waits for a holder that this program does not have"))
    }

    /// Looks at each place. What is left is erased again by the next look: something wrote it after its step.
    async fn verify(&self, subject: &Subject) -> Result<()> {
        let mut left = Vec::new();
        for holder in self.holders.iter() {
            let remaining = holder.remaining(subject).await?;
            if !remaining.is_empty() {
                holder.erase(subject).await?;
                left.extend(remaining.iter().map(|(place, count)| format!("{count} in {place}")));
            }
        }
        enforce!(C3_5, left.is_empty(), Error::unavailable(format!("not all is erased: {}", left.join(", "))));
        Ok(())
    }

    async fn finish(&self, plan: &Plan) -> Result<()> {
        let steps = step::Entity::find().filter(step::Column::Account.eq(plan.account));
        let mut counts = BTreeMap::<String, u64>::new();
        for step in steps.all(self.db.conn()).await.map_err(db::error)? {
            let step: BTreeMap<String, u64> = serde_json::from_str(&step.counts).unwrap_or_default();
            step.into_iter().for_each(|(place, count)| *counts.entry(place).or_default() += count);
        }
        let left = self.held(&plan.subject()).await?;
        self.certify(plan, counts, &left).await?;
        let change = ActiveModel {
            account: Set(plan.account),
            state: Set(State::Erased.as_str().into()),
            done: Set(Some(self.world.clock.now().micros())),
            ..Default::default()
        };
        Entity::update(change).exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// Erases again whoever the record names and the data still holds: a backup was restored. Call it before any port opens.
    pub async fn replay(&self) -> Result<()> {
        for subject in self.record.read()? {
            let mut held = false;
            for holder in self.holders.iter() {
                held |= !holder.remaining(&subject).await?.is_empty();
            }
            if !held {
                continue;
            }
            match self.plan(Uuid::from_bytes(subject.account)).await? {
                Some(plan) if plan.state == State::Erasing => self.go_on(plan).await?,
                plan => self.erase_again(&subject, plan).await?,
            }
        }
        Ok(())
    }

    /// An erasure that was cut off: the plan that is written down goes on, with its counts, its keys and its links. What an
    /// older backup of one place brought back is found and erased by the first look, and the second finds nothing.
    async fn go_on(&self, plan: Plan) -> Result<()> {
        match self.erase(plan.clone()).await {
            Ok(()) => Ok(()),
            Err(_) => self.erase(plan).await,
        }
    }

    /// Erases who was erased before. What is known of the closing stays, and with it the links that its person has.
    async fn erase_again(&self, subject: &Subject, before: Option<Plan>) -> Result<()> {
        let account = Uuid::from_bytes(subject.account);
        let now = self.world.clock.now();
        let tx = self.db.begin().await?;
        let steps = step::Entity::delete_many().filter(step::Column::Account.eq(account));
        steps.exec(&tx).await.map_err(db::error)?;
        Entity::delete_by_id(account).exec(&tx).await.map_err(db::error)?;
        let row = Model {
            account,
            households: words_of(subject.households.iter().copied()),
            state: State::Closing.as_str().into(),
            reason: Reason::Restored.as_str().into(),
            asked: before.map_or(now, |plan| plan.asked).micros(),
            due: now.micros(),
            keys: String::new(),
            done: None,
        };
        let row = Entity::insert(ActiveModel::from(row)).exec_with_returning(&tx).await.map_err(db::error)?;
        tx.commit().await.map_err(db::error)?;
        self.erase(Plan::of(row)?).await
    }

    async fn expire_certificates(&self, now: Time) -> Result<()> {
        let before = (now - certificate::KEPT).micros();
        let over = Entity::find().filter(Column::Done.lt(before)).all(self.db.conn()).await.map_err(db::error)?;
        for row in over {
            let steps = step::Entity::delete_many().filter(step::Column::Account.eq(row.account));
            steps.exec(self.db.conn()).await.map_err(db::error)?;
            certificate::Entity::delete_by_id(row.account).exec(self.db.conn()).await.map_err(db::error)?;
            Entity::delete_by_id(row.account).exec(self.db.conn()).await.map_err(db::error)?;
        }
        Ok(())
    }
}
