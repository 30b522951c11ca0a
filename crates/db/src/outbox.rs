//! Facts: what became true, written in the transaction that made it true, and told to whoever reacts.
//!
//! A fact is delivered at least once, in the order of its kind, so a reaction must bear being run twice. A rollback takes
//! the fact with it; a kill between commit and delivery only delays it. A reaction that fails is tried again, ever more
//! rarely, and holds up its own kind alone. The body names ids, never a personal value or a secret.

use crate::{Db, error, wake};
use base::{Error, Result, Shutdown, Time, World};
use sea_orm::{ActiveValue::Set, ExprTrait, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};
use tokio::task::JoinSet;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "facts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub kind: String,
    pub body: String,
    pub created: i64,
    pub done: Option<i64>,
    pub attempts: i32,
    pub next: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table facts {
        id: not_personal("counts up"),
        kind: not_personal("a word of the program"),
        body: {
            category: AccountId, subject: AccountHolder, purposes: [Account: Contract], source: Derived,
            retention: Days(7), protection: Clear, export: Omit("opaque ids; what came of it is included where it is kept"),
            erase: Keep(
                "it names opaque ids, and goes after seven days",
                "es nennt nur Kennungen und verfällt nach sieben Tagen",
            ), clauses: [C6_2],
        },
        created: not_personal("when the fact was written"),
        done: not_personal("when the reaction had run"),
        attempts: not_personal("a count"),
        next: not_personal("when the reaction runs next"),
    }
}

/// How long a fact stays after its reaction ran.
const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// The longest pause between two tries of a reaction.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often what is past its time is deleted.
const EXPIRE: Duration = Duration::from_secs(3600);

/// Something that became true.
#[derive(Clone, PartialEq, Eq)]
pub struct Fact {
    pub id: i64,
    pub kind: String,
    pub created: Time,
    body: String,
}

impl Fact {
    /// What it says, as the type that it was written as.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T> {
        let failed = |cause| Error::internal(format!("a fact {} does not read as it should", self.kind)).because(cause);
        serde_json::from_str(&self.body).map_err(failed)
    }
}

/// Writes a fact. Give the transaction that makes it true; the reaction runs once that is committed.
pub async fn emit(conn: &impl ConnectionTrait, world: &World, kind: &'static str, body: &impl Serialize) -> Result<()> {
    let failed = |cause| Error::internal(format!("a fact {kind} cannot be written")).because(cause);
    let now = world.clock.now().micros();
    let row = ActiveModel {
        kind: Set(kind.into()),
        body: Set(serde_json::to_string(body).map_err(failed)?),
        created: Set(now),
        attempts: Set(0),
        next: Set(now),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(conn).await.map_err(error)?;
    wake::written();
    Ok(())
}

type Reaction = Arc<dyn Fn(Fact) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// What is done about each kind of fact.
#[derive(Clone, Default)]
pub struct Reactions(BTreeMap<&'static str, Reaction>);

impl Reactions {
    /// No reactions yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the reaction to a kind; there is one for each.
    pub fn on<F, T>(mut self, kind: &'static str, react: F) -> Self
    where
        F: Fn(Fact) -> T + Send + Sync + 'static,
        T: Future<Output = Result<()>> + Send + 'static,
    {
        let before = self.0.insert(kind, Arc::new(move |fact| Box::pin(react(fact))));
        assert!(before.is_none(), "{kind} has two reactions");
        self
    }

    /// The kinds that have a reaction.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// Delivers facts. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    db: Db,
    world: World,
}

impl Outbox {
    /// The facts in `db`, which is migrated.
    pub fn new(db: Db, world: World) -> Self {
        Self { db, world }
    }

    /// Delivers facts until shutdown; reactions that run by then are waited for. Kinds run beside each other.
    pub async fn run(&self, reactions: Reactions, shutdown: Shutdown) {
        let (mut looks, mut expire) = (wake::Looks::new(), tokio::time::interval(EXPIRE));
        let (mut lanes, mut busy, mut unknown) = (JoinSet::new(), BTreeSet::new(), BTreeSet::new());
        while !shutdown.has_begun() {
            for kind in self.kinds_that_wait().await {
                match reactions.0.get_key_value(kind.as_str()) {
                    Some((kind, react)) if busy.insert(*kind) => {
                        lanes.spawn(self.clone().lane(kind, react.clone(), shutdown.clone()));
                    }
                    None if unknown.insert(kind.clone()) => {
                        tracing::error!(kind, "facts of this kind have no reaction and wait");
                    }
                    _ => {}
                }
            }
            tokio::select! {
                () = looks.again() => {}
                Some(kind) = lanes.join_next() => { kind.map(|kind| busy.remove(kind)).ok(); }
                _ = expire.tick() => self.expire().await,
                () = shutdown.begun() => break,
            }
        }
        lanes.join_all().await;
    }

    async fn kinds_that_wait(&self) -> Vec<String> {
        let kinds = Entity::find().select_only().column(Column::Kind).filter(Column::Done.is_null()).distinct();
        kinds.into_tuple().all(self.db.conn()).await.map_err(error).unwrap_or_else(|error| {
            tracing::warn!(?error, "the outbox could not be read");
            Vec::new()
        })
    }

    /// Delivers what is due of one kind, in order, until nothing is, or a reaction fails.
    async fn lane(self, kind: &'static str, react: Reaction, shutdown: Shutdown) -> &'static str {
        while !shutdown.has_begun() {
            match self.deliver(kind, &react).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(kind, ?error, "a fact could not be delivered yet");
                    break;
                }
            }
        }
        kind
    }

    /// Delivers the oldest waiting fact of the kind, if it is due.
    async fn deliver(&self, kind: &str, react: &Reaction) -> Result<bool> {
        let waiting = Entity::find().filter(Column::Kind.eq(kind)).filter(Column::Done.is_null());
        let head = waiting.order_by_asc(Column::Id).one(self.db.conn()).await.map_err(error)?;
        let now = self.world.clock.now();
        let Some(row) = head.filter(|row| wake::is_due(row.next, now, LONGEST_PAUSE)) else { return Ok(false) };
        let (id, attempts) = (row.id, row.attempts + 1);
        let fact = Fact { id, kind: row.kind, created: Time::from_micros(row.created), body: row.body };
        // A task of its own, so that a panic is a failure like any other.
        let outcome = tokio::spawn(react(fact)).await;
        match outcome.unwrap_or_else(|broke| Err(Error::internal("a reaction broke").because(broke))) {
            Ok(()) => self.note(id, Column::Done, self.world.clock.now()).await.map(|()| true),
            Err(failure) => {
                let next = self.world.clock.now() + wake::backoff(attempts, LONGEST_PAUSE);
                self.note(id, Column::Next, next).await?;
                Err(failure)
            }
        }
    }

    async fn note(&self, id: i64, column: Column, time: Time) -> Result<()> {
        Entity::update_many()
            .col_expr(column, Expr::value(time.micros()))
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .filter(Column::Id.eq(id))
            .exec(self.db.conn())
            .await
            .map(drop)
            .map_err(error)
    }

    async fn expire(&self) {
        let before = (self.world.clock.now() - KEPT).micros();
        if let Err(cause) = Entity::delete_many().filter(Column::Done.lt(before)).exec(self.db.conn()).await {
            tracing::warn!(error = ?error(cause), "old facts could not be deleted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{migrations, testing::each};
    use base::TestClock;
    use std::sync::Mutex;

    const MINUTE: Duration = Duration::from_secs(60);

    type Seen = Arc<Mutex<Vec<(String, i32)>>>;

    struct Post {
        outbox: Outbox,
        clock: Arc<TestClock>,
        seen: Seen,
    }

    impl Post {
        fn new(db: Db) -> Self {
            let (world, clock) = World::test(3);
            Self { outbox: Outbox::new(db, world), clock, seen: Seen::default() }
        }

        async fn emit(&self, kind: &'static str, body: i32) {
            emit(self.outbox.db.conn(), &self.outbox.world, kind, &body).await.unwrap();
        }

        /// A reaction that notes what it saw and fails while `fails` says so.
        fn noting(&self, reactions: Reactions, kind: &'static str, fails: fn(i32) -> bool) -> Reactions {
            let seen = self.seen.clone();
            reactions.on(kind, move |fact| {
                let seen = seen.clone();
                async move {
                    let body = fact.body()?;
                    seen.lock().unwrap().push((fact.kind, body));
                    if fails(body) { Err(Error::unavailable("not now")) } else { Ok(()) }
                }
            })
        }

        fn start(&self, reactions: Reactions) -> (Shutdown, tokio::task::JoinHandle<()>) {
            let (outbox, shutdown) = (self.outbox.clone(), Shutdown::new());
            let child = shutdown.child();
            (shutdown, tokio::spawn(async move { outbox.run(reactions, child).await }))
        }

        fn bodies(&self, kind: &str) -> Vec<i32> {
            self.seen.lock().unwrap().iter().filter(|(seen, _)| seen == kind).map(|(_, body)| *body).collect()
        }

        async fn until(&self, what: impl Fn() -> bool) {
            let waited = async {
                while !what() {
                    tokio::time::sleep(Duration::from_millis(5)).await
                }
            };
            tokio::time::timeout(MINUTE, waited).await.expect("it happens within a minute");
        }

        async fn waiting(&self) -> u64 {
            Entity::find().filter(Column::Done.is_null()).count(self.outbox.db.conn()).await.unwrap()
        }
    }

    #[tokio::test]
    async fn a_fact_of_a_rolled_back_transaction_never_was() {
        each(migrations, |db| async move {
            let post = Post::new(db.clone());
            let lost = db.begin().await.unwrap();
            emit(&lost, &post.outbox.world, "a", &1).await.unwrap();
            lost.rollback().await.unwrap();
            let kept = db.begin().await.unwrap();
            emit(&kept, &post.outbox.world, "a", &2).await.unwrap();
            kept.commit().await.unwrap();
            let (stop, run) = post.start(post.noting(Reactions::new(), "a", |_| false));
            post.until(|| !post.bodies("a").is_empty()).await;
            stop.begin();
            run.await.unwrap();
            assert_eq!(post.bodies("a"), [2]);
        })
        .await;
    }

    #[tokio::test]
    async fn a_fact_that_was_committed_before_a_kill_is_delivered_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("main.db").display());
        let before = Db::open(&url).await.unwrap();
        before.migrate(migrations(), None).await.unwrap();
        let post = Post::new(before);
        // Killed in the midst of the reaction: it began, and nothing was noted.
        let began = Arc::new(tokio::sync::Notify::new());
        let reactions = Reactions::new().on("a", {
            let began = began.clone();
            move |_| {
                began.notify_one();
                std::future::pending()
            }
        });
        post.emit("a", 7).await;
        let (_stop, run) = post.start(reactions);
        began.notified().await;
        run.abort();
        let after = Post::new(Db::open(&url).await.unwrap());
        let (stop, run) = after.start(after.noting(Reactions::new(), "a", |_| false));
        after.until(|| !after.bodies("a").is_empty()).await;
        stop.begin();
        run.await.unwrap();
        assert_eq!((after.bodies("a"), after.waiting().await), (vec![7], 0));
    }

    #[tokio::test]
    async fn a_failing_reaction_backs_off_keeps_its_order_and_holds_up_no_other_kind() {
        each(migrations, |db| async move {
            let post = Post::new(db);
            for body in 1..=3 {
                post.emit("broken", body).await;
                post.emit("sound", body).await;
            }
            let reactions = post.noting(Reactions::new(), "broken", |body| body == 1);
            let (stop, run) = post.start(post.noting(reactions, "sound", |_| false));
            post.until(|| post.bodies("sound").len() == 3 && !post.bodies("broken").is_empty()).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!((post.bodies("sound"), post.bodies("broken")), (vec![1, 2, 3], vec![1]), "no time has passed");
            for tries in 2..=4 {
                post.clock.advance(MINUTE);
                wake::written();
                post.until(|| post.bodies("broken").len() == tries).await;
            }
            stop.begin();
            run.await.unwrap();
            assert_eq!(post.bodies("broken"), [1, 1, 1, 1]);
            let (stop, run) = post.start(post.noting(Reactions::new(), "broken", |_| false));
            post.clock.advance(MINUTE);
            post.until(|| post.bodies("broken").ends_with(&[1, 2, 3])).await;
            stop.begin();
            run.await.unwrap();
            assert_eq!(post.waiting().await, 0);
        })
        .await;
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_and_a_kind_without_reaction_waits() {
        let db = Db::memory().await.unwrap();
        db.migrate(migrations(), None).await.unwrap();
        let post = Post::new(db);
        let panics = Reactions::new().on("a", |fact| async move { panic!("{}", fact.id) });
        post.emit("a", 1).await;
        post.emit("nobody's", 1).await;
        post.emit("b", 1).await;
        let (stop, run) = post.start(post.noting(panics, "b", |_| false));
        post.until(|| post.bodies("b") == [1]).await;
        stop.begin();
        run.await.unwrap();
        assert_eq!(post.waiting().await, 2);
    }

    #[tokio::test]
    async fn a_commit_of_this_process_is_delivered_at_once_and_done_facts_go_after_a_week() {
        let db = Db::memory().await.unwrap();
        db.migrate(migrations(), None).await.unwrap();
        let post = Post::new(db.clone());
        let (stop, run) = post.start(post.noting(Reactions::new(), "a", |_| false));
        // By now the outbox looks every two seconds.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let transaction = db.begin().await.unwrap();
        emit(&transaction, &post.outbox.world, "a", &1).await.unwrap();
        transaction.commit().await.unwrap();
        let delivered = post.until(|| post.bodies("a") == [1]);
        tokio::time::timeout(Duration::from_millis(500), delivered).await.expect("at once");
        stop.begin();
        run.await.unwrap();
        post.emit("a", 2).await;
        post.clock.advance(KEPT + MINUTE);
        post.outbox.expire().await;
        let left = Entity::find().all(db.conn()).await.unwrap();
        assert_eq!(left.iter().map(|row| row.body.as_str()).collect::<Vec<_>>(), ["2"], "what waits stays");
    }
}
