//! Slow work that survives a kill: a job is leased by one runner at a time, tells how far it is, and is taken up again.
//!
//! A handler must bear being run again from the start, or from what it saved. A failure is tried again, ever more rarely
//! and for ever; only an error of kind `Invalid` ends the job as failed. Body and error name ids, never a personal value.

use crate::{Db, error, wake};
use base::{Error, Kind, Result, Shutdown, Time, World};
use sea_orm::{
    ActiveValue::Set, Condition, ExprTrait, QueryOrder, QuerySelect, UpdateMany, entity::prelude::*, sea_query::Expr,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::task::{JoinHandle, JoinSet};

base::id!(
    /// A job.
    JobId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    pub subject: Option<Uuid>,
    pub body: String,
    pub state: String,
    pub progress: i32,
    /// Counts the leases; who holds an older one has lost the job.
    pub attempts: i32,
    /// Counts the failures since something was last saved.
    pub failures: i32,
    pub next: i64,
    pub lease_until: Option<i64>,
    pub error: Option<String>,
    pub created: i64,
    pub finished: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table jobs {
        id: not_personal("opaque id"),
        kind: not_personal("a word of the program"),
        subject: {
            category: AccountId, subject: AccountHolder, purposes: [Account: Contract], source: Derived,
            retention: Days(30), protection: Clear, export: Include,
            erase: Keep(
                "it names an opaque id, and goes thirty days after the work is done",
                "es nennt nur eine Kennung und verfällt dreißig Tage, nachdem die Arbeit getan ist",
            ), clauses: [C6_2],
        },
        body: {
            category: AccountId, subject: AccountHolder, purposes: [Account: Contract], source: Derived,
            retention: Days(30), protection: Clear, export: Omit("opaque ids; what came of it is included where it is kept"),
            erase: Keep(
                "it names opaque ids, and goes thirty days after the work is done",
                "es nennt nur Kennungen und verfällt dreißig Tage, nachdem die Arbeit getan ist",
            ), clauses: [C6_2],
        },
        state: not_personal("how the work stands"),
        progress: not_personal("how far the work is, in thousandths"),
        attempts: not_personal("a count"),
        failures: not_personal("a count"),
        next: not_personal("when the work is taken up next"),
        lease_until: not_personal("until when a runner has the work"),
        error: not_personal("errors hold nothing personal"),
        created: not_personal("when the work was asked for"),
        finished: not_personal("when the work was done"),
    }
}

/// How long a runner has a job without saying that it is still at it.
const LEASE: Duration = Duration::from_secs(60);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How long a finished job stays.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How many jobs one process runs beside each other.
const AT_ONCE: usize = 2;
/// How often what is past its time is deleted.
const EXPIRE: Duration = Duration::from_secs(3600);

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It will be taken up.
    Waiting,
    /// A runner has it.
    Running,
    Done,
    /// It cannot be done and is not tried again.
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Done, Self::Failed];

    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// A job, as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub kind: String,
    pub subject: Option<Uuid>,
    pub state: State,
    /// In thousandths.
    pub progress: u16,
    /// What went wrong the last time, if it has not gone well since.
    pub error: Option<String>,
    pub created: Time,
    pub finished: Option<Time>,
    body: String,
}

impl Job {
    /// What is to be done, or what was saved of it last.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T> {
        let failed = |cause| Error::internal(format!("a job {} does not read as it should", self.kind)).because(cause);
        serde_json::from_str(&self.body).map_err(failed)
    }

    fn of(row: Model) -> Result<Self> {
        let unknown = || Error::internal("a job is in a state that this program does not know");
        Ok(Self {
            id: row.id.into(),
            state: State::ALL.into_iter().find(|state| state.as_str() == row.state).ok_or_else(unknown)?,
            kind: row.kind,
            subject: row.subject,
            progress: row.progress.clamp(0, 1000) as u16,
            error: row.error,
            created: Time::from_micros(row.created),
            finished: row.finished.map(Time::from_micros),
            body: row.body,
        })
    }
}

/// A job in the hands of its handler.
pub struct Work {
    pub job: Job,
    jobs: Jobs,
    attempt: i32,
}

impl Work {
    /// Notes how far the work is, in thousandths. `Conflict` if another runner has the job by now: then stop.
    pub async fn progress(&self, thousandths: u16) -> Result<()> {
        let progress = Expr::value(i32::from(Ord::min(thousandths, 1000)));
        self.jobs.held(self.job.id, self.attempt, |update| update.col_expr(Column::Progress, progress)).await
    }

    /// Replaces the body, for who takes the job up again. `Conflict` as for [`Work::progress`].
    pub async fn save(&self, body: &impl Serialize) -> Result<()> {
        let body = Expr::value(text(body)?);
        let save =
            |update: UpdateMany<Entity>| update.col_expr(Column::Body, body).col_expr(Column::Failures, Expr::value(0));
        self.jobs.held(self.job.id, self.attempt, save).await
    }
}

type Handler = Arc<dyn Fn(Work) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// Who does each kind of job.
#[derive(Clone, Default)]
pub struct Handlers(BTreeMap<&'static str, Handler>);

impl Handlers {
    /// No handlers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the handler of a kind; there is one for each.
    pub fn on<F, T>(mut self, kind: &'static str, handle: F) -> Self
    where
        F: Fn(Work) -> T + Send + Sync + 'static,
        T: Future<Output = Result<()>> + Send + 'static,
    {
        let before = self.0.insert(kind, Arc::new(move |work| Box::pin(handle(work))));
        assert!(before.is_none(), "{kind} has two handlers");
        self
    }
}

/// The jobs of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    db: Db,
    world: World,
}

impl Jobs {
    /// The jobs in `db`, which is migrated.
    pub fn new(db: Db, world: World) -> Self {
        Self { db, world }
    }

    /// Asks for work. Give the transaction that makes it necessary; a runner takes it up once that is committed.
    pub async fn start(
        &self,
        conn: &impl ConnectionTrait,
        kind: &'static str,
        subject: Option<Uuid>,
        body: &impl Serialize,
    ) -> Result<JobId> {
        let (id, now) = (JobId::generate(&self.world), self.world.clock.now().micros());
        let row = ActiveModel {
            id: Set(id.uuid()),
            kind: Set(kind.into()),
            subject: Set(subject),
            body: Set(text(body)?),
            state: Set(State::Waiting.as_str().into()),
            progress: Set(0),
            attempts: Set(0),
            failures: Set(0),
            next: Set(now),
            created: Set(now),
            ..Default::default()
        };
        Entity::insert(row).exec_without_returning(conn).await.map_err(error)?;
        wake::written();
        Ok(id)
    }

    /// The job of that id.
    pub async fn find(&self, id: JobId) -> Result<Job> {
        let row = Entity::find_by_id(id.uuid()).one(self.db.conn()).await.map_err(error)?;
        Job::of(row.ok_or_else(|| Error::not_found("no such job"))?)
    }

    /// The jobs of a kind about a subject, the newest first.
    pub async fn about(&self, kind: &str, subject: Uuid) -> Result<Vec<Job>> {
        let jobs = Entity::find().filter(Column::Kind.eq(kind)).filter(Column::Subject.eq(subject));
        let rows = jobs.order_by_desc(Column::Id).all(self.db.conn()).await.map_err(error)?;
        rows.into_iter().map(Job::of).collect()
    }

    /// Does jobs until shutdown. What is under way by then is broken off, and taken up again at the next start.
    pub async fn run(&self, handlers: Handlers, shutdown: Shutdown) {
        let (mut looks, mut expire) = (wake::Looks::new(), tokio::time::interval(EXPIRE));
        let mut running = JoinSet::new();
        while !shutdown.has_begun() {
            while running.len() < AT_ONCE
                && let Some((work, handler)) = self.take(&handlers).await
            {
                running.spawn(self.clone().supervise(work, handler, shutdown.clone()));
            }
            tokio::select! {
                () = looks.again() => {}
                Some(_) = running.join_next() => {}
                _ = expire.tick() => self.expire().await,
                () = shutdown.begun() => break,
            }
        }
        running.join_all().await;
    }

    /// Leases a job that is due, if there is one.
    async fn take(&self, handlers: &Handlers) -> Option<(Work, Handler)> {
        let taken = self.lease(handlers).await.unwrap_or_else(|error| {
            tracing::warn!(?error, "the jobs could not be read");
            None
        });
        taken.and_then(|work| Some((handlers.0.get(work.job.kind.as_str())?.clone(), work))).map(|(h, work)| (work, h))
    }

    async fn lease(&self, handlers: &Handlers) -> Result<Option<Work>> {
        let now = self.world.clock.now();
        let free = Condition::any()
            .add(Column::State.eq(State::Waiting.as_str()).and(due(Column::Next, now, LONGEST_PAUSE)))
            .add(Column::State.eq(State::Running.as_str()).and(due(Column::LeaseUntil, now, LEASE)));
        let mine = Column::Kind.is_in(handlers.0.keys().copied());
        let first = Entity::find().filter(mine).filter(free.clone()).order_by_asc(Column::Next).limit(1);
        let Some(row) = first.one(self.db.conn()).await.map_err(error)? else { return Ok(None) };
        let attempt = row.attempts + 1;
        let taken = Entity::update_many()
            .col_expr(Column::State, Expr::value(State::Running.as_str()))
            .col_expr(Column::Attempts, Expr::value(attempt))
            .col_expr(Column::LeaseUntil, Expr::value((now + LEASE).micros()))
            .filter(Column::Id.eq(row.id))
            .filter(Column::Attempts.eq(row.attempts))
            .filter(free)
            .exec(self.db.conn())
            .await
            .map_err(error)?;
        let job = Job { state: State::Running, ..Job::of(row)? };
        Ok((taken.rows_affected == 1).then(|| Work { job, jobs: self.clone(), attempt }))
    }

    /// Runs one job, and keeps its lease while it runs.
    async fn supervise(self, work: Work, handler: Handler, shutdown: Shutdown) {
        let (id, kind, attempt) = (work.job.id, work.job.kind.clone(), work.attempt);
        let mut task = Aborted(tokio::spawn(handler(work)));
        let mut renew = tokio::time::interval(LEASE / 3);
        let outcome = loop {
            tokio::select! {
                outcome = &mut task.0 => break Some(outcome),
                _ = renew.tick() => if self.renew(id, attempt).await.is_err_and(|error| error.kind() == Kind::Conflict) {
                    return;
                },
                () = shutdown.begun() => break None,
            }
        };
        drop(task);
        let noted = match outcome {
            None => self.put_back(id, attempt).await,
            Some(Ok(Ok(()))) => self.finish(id, attempt, State::Done, None).await,
            Some(Ok(Err(error))) => self.fail(id, attempt, &kind, error).await,
            Some(Err(broke)) => self.fail(id, attempt, &kind, Error::internal("a handler broke").because(broke)).await,
        };
        if let Err(error) = noted {
            tracing::warn!(kind, ?error, "the end of a job could not be noted");
        }
    }

    async fn renew(&self, id: JobId, attempt: i32) -> Result<()> {
        let until = (self.world.clock.now() + LEASE).micros();
        self.held(id, attempt, |update| update.col_expr(Column::LeaseUntil, Expr::value(until))).await
    }

    async fn put_back(&self, id: JobId, attempt: i32) -> Result<()> {
        self.held(id, attempt, |update| update.col_expr(Column::State, Expr::value(State::Waiting.as_str()))).await
    }

    async fn finish(&self, id: JobId, attempt: i32, state: State, error: Option<String>) -> Result<()> {
        let now = self.world.clock.now().micros();
        let progress = if state == State::Done { Expr::value(1000) } else { Expr::col(Column::Progress) };
        let finish = |update: UpdateMany<Entity>| {
            update
                .col_expr(Column::State, Expr::value(state.as_str()))
                .col_expr(Column::Progress, progress)
                .col_expr(Column::Finished, Expr::value(now))
                .col_expr(Column::Error, Expr::value(error))
        };
        self.held(id, attempt, finish).await
    }

    async fn fail(&self, id: JobId, attempt: i32, kind: &str, failure: Error) -> Result<()> {
        tracing::warn!(kind, error = ?failure, "a job failed");
        if failure.kind() == Kind::Invalid {
            return self.finish(id, attempt, State::Failed, Some(failure.message().into())).await;
        }
        let row = Entity::find_by_id(id.uuid()).one(self.db.conn()).await.map_err(error)?;
        let failures = row.map_or(1, |row| row.failures + 1);
        let next = self.world.clock.now() + wake::backoff(failures, LONGEST_PAUSE);
        let again = |update: UpdateMany<Entity>| {
            update
                .col_expr(Column::State, Expr::value(State::Waiting.as_str()))
                .col_expr(Column::Failures, Expr::value(failures))
                .col_expr(Column::Next, Expr::value(next.micros()))
                .col_expr(Column::Error, Expr::value(Some(failure.message().to_owned())))
        };
        self.held(id, attempt, again).await
    }

    /// Changes a job that this runner holds; `Conflict` if it holds it no more.
    async fn held(
        &self,
        id: JobId,
        attempt: i32,
        change: impl FnOnce(UpdateMany<Entity>) -> UpdateMany<Entity>,
    ) -> Result<()> {
        let changed = change(Entity::update_many())
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::Attempts.eq(attempt))
            .filter(Column::State.eq(State::Running.as_str()))
            .exec(self.db.conn())
            .await
            .map_err(error)?;
        match changed.rows_affected {
            0 => Err(Error::conflict("another runner has taken up this job")),
            _ => Ok(()),
        }
    }

    async fn expire(&self) {
        let before = (self.world.clock.now() - KEPT).micros();
        if let Err(cause) = Entity::delete_many().filter(Column::Finished.lt(before)).exec(self.db.conn()).await {
            tracing::warn!(error = ?error(cause), "old jobs could not be deleted");
        }
    }
}

/// A task that ends with its handle.
struct Aborted<T>(JoinHandle<T>);

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// [`wake::is_due`] as a condition.
fn due(column: Column, now: Time, longest: Duration) -> Expr {
    column.lte(now.micros()).or(column.gt((now + longest).micros()))
}

fn text(body: &impl Serialize) -> Result<String> {
    serde_json::to_string(body).map_err(|cause| Error::internal("a job cannot be written").because(cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{migrations, testing::each};
    use base::TestClock;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    const SECOND: Duration = Duration::from_secs(1);

    fn jobs(db: Db) -> (Jobs, Arc<TestClock>) {
        let (world, clock) = World::test(5);
        (Jobs::new(db, world), clock)
    }

    async fn memory() -> Db {
        let db = Db::memory().await.unwrap();
        db.migrate(migrations(), None).await.unwrap();
        db
    }

    fn run(jobs: &Jobs, handlers: Handlers) -> (Shutdown, JoinHandle<()>) {
        let (jobs, shutdown) = (jobs.clone(), Shutdown::new());
        let child = shutdown.child();
        (shutdown, tokio::spawn(async move { jobs.run(handlers, child).await }))
    }

    async fn until(jobs: &Jobs, id: JobId, what: impl Fn(&Job) -> bool) -> Job {
        for _ in 0..1000 {
            let job = jobs.find(id).await.unwrap();
            if what(&job) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not happen in ten seconds");
    }

    #[tokio::test]
    async fn a_job_tells_how_far_it_is_and_ends_as_done() {
        each(migrations, |db| async move {
            let (jobs, _) = jobs(db.clone());
            let subject = JobId::generate(&jobs.world).uuid();
            let go = Arc::new(tokio::sync::Notify::new());
            let handlers = Handlers::new().on("export", {
                let go = go.clone();
                move |work: Work| {
                    let go = go.clone();
                    async move {
                        work.progress(250).await?;
                        go.notified().await;
                        assert_eq!(work.job.body::<u32>()?, 42);
                        Ok(())
                    }
                }
            });
            let rolled_back = db.begin().await.unwrap();
            let never = jobs.start(&rolled_back, "export", None, &1).await.unwrap();
            rolled_back.rollback().await.unwrap();
            let id = jobs.start(db.conn(), "export", Some(subject), &42).await.unwrap();
            let (stop, running) = run(&jobs, handlers);
            let half = until(&jobs, id, |job| job.progress == 250).await;
            assert_eq!((half.state, half.finished), (State::Running, None));
            go.notify_one();
            let done = until(&jobs, id, |job| job.state == State::Done).await;
            assert_eq!((done.progress, done.error.clone()), (1000, None));
            assert_eq!(jobs.about("export", subject).await.unwrap(), [done]);
            assert_eq!(jobs.find(never).await.unwrap_err().kind(), Kind::NotFound);
            stop.begin();
            running.await.unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn after_a_kill_the_job_resumes_from_what_was_saved_and_the_dead_runner_can_write_no_more() {
        each(migrations, |db| async move {
            let (jobs, clock) = jobs(db.clone());
            let (sent, mut saved) = tokio::sync::mpsc::channel(1);
            let stuck = Handlers::new().on("count", move |work: Work| {
                let sent = sent.clone();
                async move {
                    work.save(&3).await?;
                    let _ = sent.send(work).await;
                    std::future::pending().await
                }
            });
            let id = jobs.start(db.conn(), "count", None, &0).await.unwrap();
            let (_stop, killed) = run(&jobs, stuck);
            let lost = saved.recv().await.unwrap();
            killed.abort();
            let handlers = || {
                Handlers::new().on("count", |work: Work| async move {
                    assert_eq!(work.job.body::<i32>()?, 3);
                    work.save(&10).await
                })
            };
            assert!(jobs.lease(&handlers()).await.unwrap().is_none(), "the lease holds");
            clock.advance(LEASE + SECOND);
            let (stop, running) = run(&jobs, handlers());
            let done = until(&jobs, id, |job| job.state == State::Done).await;
            assert_eq!(done.body::<i32>().unwrap(), 10);
            assert_eq!(lost.progress(500).await.unwrap_err().kind(), Kind::Conflict);
            assert_eq!(lost.save(&0).await.unwrap_err().kind(), Kind::Conflict);
            stop.begin();
            running.await.unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn of_many_runners_one_has_the_job() {
        each(migrations, |db| async move {
            let (jobs, _) = jobs(db.clone());
            let handlers = Handlers::new().on("once", |_| async { Ok(()) });
            jobs.start(db.conn(), "once", None, &()).await.unwrap();
            let mut tries = JoinSet::new();
            for _ in 0..8 {
                let (jobs, handlers) = (jobs.clone(), handlers.clone());
                tries.spawn(async move { jobs.lease(&handlers).await.unwrap().is_some() });
            }
            assert_eq!(tries.join_all().await.into_iter().filter(|taken| *taken).count(), 1);
        })
        .await;
    }

    #[tokio::test]
    async fn a_failure_is_tried_again_later_and_an_impossible_job_is_not() {
        let (jobs, clock) = jobs(memory().await);
        let tries = Arc::new(AtomicUsize::new(0));
        let handlers = Handlers::new()
            .on("flaky", {
                let tries = tries.clone();
                move |_| {
                    let first = tries.fetch_add(1, SeqCst) == 0;
                    async move { if first { Err(Error::unavailable("the disk is full")) } else { Ok(()) } }
                }
            })
            .on("broken", |_| async { panic!("a defect") })
            .on("impossible", |_| async { Err(Error::invalid("there is no such camera")) });
        let conn = jobs.db.conn();
        let flaky = jobs.start(conn, "flaky", None, &()).await.unwrap();
        let broken = jobs.start(conn, "broken", None, &()).await.unwrap();
        let impossible = jobs.start(conn, "impossible", None, &()).await.unwrap();
        let (stop, running) = run(&jobs, handlers);
        let failed = until(&jobs, impossible, |job| job.state == State::Failed).await;
        assert_eq!(failed.error.as_deref(), Some("there is no such camera"));
        until(&jobs, broken, |job| job.error.is_some() && job.state == State::Waiting).await;
        let waiting = until(&jobs, flaky, |job| job.error.is_some()).await;
        assert_eq!((waiting.state, tries.load(SeqCst)), (State::Waiting, 1));
        clock.advance(2 * SECOND);
        let done = until(&jobs, flaky, |job| job.state == State::Done).await;
        assert_eq!((done.error, tries.load(SeqCst)), (None, 2));
        stop.begin();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn a_shutdown_puts_the_job_back_at_once_and_finished_jobs_go_after_a_month() {
        let (jobs, clock) = jobs(memory().await);
        let id = jobs.start(jobs.db.conn(), "slow", None, &()).await.unwrap();
        let (stop, running) = run(&jobs, Handlers::new().on("slow", |_| std::future::pending()));
        until(&jobs, id, |job| job.state == State::Running).await;
        stop.begin();
        running.await.unwrap();
        assert_eq!(jobs.find(id).await.unwrap().state, State::Waiting);
        let (stop, running) = run(&jobs, Handlers::new().on("slow", |_| async { Ok(()) }));
        until(&jobs, id, |job| job.state == State::Done).await;
        stop.begin();
        running.await.unwrap();
        clock.advance(KEPT + SECOND);
        jobs.expire().await;
        assert!(jobs.find(id).await.is_err());
    }
}
