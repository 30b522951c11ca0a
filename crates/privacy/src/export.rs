//! The copy of all that is held of a person, made beside everything else and kept sealed under the person's own key.
//!
//! `waiting`, then `running`, then `ready` for fourteen days, or `failed`. What a crash left running is begun anew. Each
//! file has a key of its own, sealed with the account's: when that is destroyed, no copy opens.

use crate::{Privacy, archive::Archive, fact, sealed};
use accounts::{AccountId, Caller};
use base::{Error, Result, Secret, Shutdown, Time};
use policy::{Subject, enforce};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

base::id!(
    /// A copy of a person's data.
    ExportId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "exports")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account: Uuid,
    pub state: String,
    /// Whether footage is in it.
    pub footage: bool,
    /// Of a thousand.
    pub progress: i16,
    pub bytes: i64,
    /// The key of the file, sealed with the account's.
    pub key: Vec<u8>,
    pub created: i64,
    pub ready: Option<i64>,
    pub error: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table exports {
        id: not_personal("opaque id"),
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Days(14), protection: Clear, export: Include, erase: Delete, clauses: [C3_15],
        },
        state: not_personal("a word of the program"),
        footage: not_personal("whether footage is in it"),
        progress: not_personal("a count"),
        bytes: not_personal("a count"),
        key: {
            category: Key, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Days(14), protection: AccountKey, export: Omit("a key"), erase: Delete, clauses: [C3_15, C6_2],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Days(14), protection: Clear, export: Include, erase: Delete, clauses: [C3_15],
        },
        ready: not_personal("when it was made"),
        error: not_personal("errors hold nothing personal"),
    }
}

policy::personal! {
    FILES: files "exports" {
        "exports/": {
            category: Copy, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Days(14), protection: AccountKey, export: Omit("it is the copy"), erase: Shred,
            clauses: [C3_15, C6_2],
        },
    }
}

/// How long a copy can be fetched.
pub const KEPT: Duration = Duration::from_secs(14 * 86_400);
/// How often one person can ask for a copy of everything.
const AT_ONCE: u64 = 3;
const EVERY: Duration = Duration::from_secs(60);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

const WAITING: &str = "waiting";
const RUNNING: &str = "running";
const READY: &str = "ready";
const FAILED: &str = "failed";

/// A copy, as its person sees it.
#[derive(Clone, Debug)]
pub struct Export {
    pub id: ExportId,
    /// `waiting`, `running`, `ready`, `failed`.
    pub state: String,
    pub footage: bool,
    /// Of a thousand.
    pub progress: u16,
    pub bytes: u64,
    pub created: Time,
    pub ready: Option<Time>,
    /// Until when it can be fetched.
    pub until: Option<Time>,
    pub error: Option<String>,
}

/// A copy that is being fetched. Blocks on the file: for a thread that may.
pub struct Download {
    pub created: Time,
    reader: sealed::Reader,
}

impl Download {
    /// Bytes of the archive.
    #[expect(clippy::len_without_is_empty, reason = "an archive is never empty")]
    pub fn len(&self) -> u64 {
        self.reader.len()
    }

    /// Some bytes from `offset` on; none at the end.
    pub fn at(&mut self, offset: u64) -> Result<Vec<u8>> {
        self.reader.at(offset)
    }
}

fn place(id: Uuid) -> String {
    format!("exports.key/{id}")
}

impl Model {
    fn shown(&self) -> Export {
        let ready = self.ready.map(Time::from_micros);
        Export {
            id: self.id.into(),
            state: self.state.clone(),
            footage: self.footage,
            progress: self.progress.clamp(0, 1000) as u16,
            bytes: self.bytes.max(0) as u64,
            created: Time::from_micros(self.created),
            ready,
            until: ready.map(|ready| ready + KEPT),
            error: self.error.clone(),
        }
    }
}

impl Privacy {
    /// Asks for a copy of everything, with or without the footage. The person has just shown who they are.
    pub async fn export(&self, caller: &Caller, footage: bool) -> Result<Export> {
        caller.require_recent(self.world.clock.now())?;
        let account = caller.require_person()?;
        let mine = Entity::find().filter(Column::Account.eq(account.uuid())).filter(Column::State.ne(FAILED));
        if mine.count(self.db.conn()).await.map_err(db::error)? >= AT_ONCE {
            return Err(Error::too_many("there are copies already: fetch one, or delete one").retry_after(EVERY));
        }
        let id = ExportId::generate(&self.world).uuid();
        let key = self.own_key(account).await?.seal(&place(id), &self.world.random::<32>(), &self.world);
        let row = Model {
            id,
            account: account.uuid(),
            state: WAITING.into(),
            footage,
            progress: 0,
            bytes: 0,
            key,
            created: self.world.clock.now().micros(),
            ready: None,
            error: None,
        };
        let insert = Entity::insert(ActiveModel::from(row.clone())).exec_without_returning(self.db.conn());
        insert.await.map_err(db::error)?;
        self.wake_exports.notify_one();
        Ok(row.shown())
    }

    /// The copies of the caller, the newest first.
    pub async fn exports(&self, caller: &Caller) -> Result<Vec<Export>> {
        let mine = Entity::find().filter(Column::Account.eq(caller.require_person()?.uuid())).order_by_desc(Column::Id);
        Ok(mine.all(self.db.conn()).await.map_err(db::error)?.iter().map(Model::shown).collect())
    }

    async fn own(&self, caller: &Caller, id: ExportId) -> Result<Model> {
        let row = Entity::find_by_id(id.uuid()).one(self.db.conn()).await.map_err(db::error)?;
        let mine = caller.require_person()?.uuid();
        let unknown = || Error::not_found("there is no such copy");
        let row = row.ok_or_else(unknown)?;
        enforce!(C3_15, row.account == mine, unknown());
        Ok(row)
    }

    /// Opens a copy of one's own. The person has just shown who they are.
    pub async fn download(&self, caller: &Caller, id: ExportId) -> Result<Download> {
        caller.require_recent(self.world.clock.now())?;
        let row = self.own(caller, id).await?;
        if row.state != READY {
            return Err(Error::conflict("the copy is not ready"));
        }
        let key = self.file_key(&row).await?;
        let reader = sealed::Reader::open(&path(&self.exports, row.id), &key)?;
        Ok(Download { created: Time::from_micros(row.created), reader })
    }

    /// Deletes a copy of one's own before its time.
    pub async fn delete_export(&self, caller: &Caller, id: ExportId) -> Result<()> {
        let row = self.own(caller, id).await?;
        self.forget_export(row.id).await
    }

    async fn file_key(&self, row: &Model) -> Result<sealed::Key> {
        let key = self.own_key(row.account.into()).await?.open(&place(row.id), &row.key)?;
        let key = <[u8; 32]>::try_from(key).map_err(|_| Error::internal("the key of a copy has the wrong length"))?;
        Ok(Secret::new(key))
    }

    /// The file first: a row without a file is found again, a file without a row is not.
    pub(crate) async fn forget_export(&self, id: Uuid) -> Result<()> {
        remove(&path(&self.exports, id))?;
        Entity::delete_by_id(id).exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// Makes the copies that were asked for until the shutdown begins. Call it once.
    pub async fn run_exports(&self, shutdown: Shutdown) {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = shutdown.begun() => return,
                () = self.wake_exports.notified() => {}
                _ = tick.tick() => {}
            }
            tokio::select! {
                () = shutdown.begun() => return,
                done = self.make_exports() => if let Err(error) = done {
                    tracing::error!(?error, "copies of people's data could not be made");
                },
            }
        }
    }

    /// Makes every copy that was asked for, one after the other, and deletes those whose time is over.
    pub async fn make_exports(&self) -> Result<()> {
        let over = (self.world.clock.now() - KEPT).micros();
        let over = Entity::find().filter(Column::Created.lt(over)).all(self.db.conn()).await.map_err(db::error)?;
        for row in over {
            self.forget_export(row.id).await?;
        }
        loop {
            let open = Entity::find().filter(Column::State.is_in([WAITING, RUNNING])).order_by_asc(Column::Id);
            let Some(row) = open.one(self.db.conn()).await.map_err(db::error)? else { return Ok(()) };
            let made = self.make(&row).await;
            self.note_export(&row, made).await?;
        }
    }

    /// Notes how it went. A copy whose person was erased meanwhile goes at once.
    async fn note_export(&self, row: &Model, made: Result<u64>) -> Result<()> {
        let tx = self.db.begin().await?;
        let ready = made.is_ok();
        let mut change = ActiveModel { id: Set(row.id), ..Default::default() };
        match made {
            Ok(bytes) => {
                change.state = Set(READY.into());
                change.bytes = Set(bytes as i64);
                change.progress = Set(1000);
                change.ready = Set(Some(self.world.clock.now().micros()));
            }
            Err(error) => {
                tracing::error!(?error, "a copy of a person's data could not be made");
                remove(&path(&self.exports, row.id))?;
                change.state = Set(FAILED.into());
                change.error = Set(Some(error.to_string()));
            }
        }
        match Entity::update(change).exec(&tx).await {
            Err(sea_orm::DbErr::RecordNotUpdated) => return remove(&path(&self.exports, row.id)),
            done => done.map(drop).map_err(db::error)?,
        }
        if ready {
            let copied = fact::Copied { account: row.account.into(), export: row.id.into() };
            db::outbox::emit(&tx, &self.world, fact::EXPORT_READY, &copied).await?;
        }
        tx.commit().await.map_err(db::error)
    }

    async fn make(&self, row: &Model) -> Result<u64> {
        let change = ActiveModel { id: Set(row.id), state: Set(RUNNING.into()), ..Default::default() };
        Entity::update(change).exec(self.db.conn()).await.map_err(db::error)?;
        let failed = |error: std::io::Error| Error::unavailable("the copy cannot be written").because(error);
        std::fs::create_dir_all(&self.exports).map_err(failed)?;
        let path = path(&self.exports, row.id);
        let file = sealed::Writer::create(&path, &self.file_key(row).await?).map_err(failed)?;
        let written = Arc::new(AtomicU64::new(0));
        let mut archive = Archive::new(file, row.footage, written.clone());
        let subject = self.subject(row.account.into()).await?;
        self.collect(row, &subject, &mut archive, &written).await?;
        let held = self.held(&subject).await?;
        let held: Vec<_> = held
            .iter()
            .map(|held| {
                json!({
                    "place": held.place, "category": held.category.text(), "count": held.count, "bytes": held.bytes,
                    "oldest": held.oldest, "until": held.retention.text(),
                })
            })
            .collect();
        let about = json!({
            "account": row.account.to_string(), "footage": row.footage, "held": held,
            "policy_version": self.book.current(self.world.clock.now()).number,
            "automated_decisions": "none",
        });
        archive.finish(self.world.clock.now(), &about)?;
        Ok(std::fs::metadata(&path).map_err(failed)?.len())
    }

    /// What every holder gives, while the row tells how far it is.
    async fn collect(&self, row: &Model, subject: &Subject, to: &mut Archive, written: &AtomicU64) -> Result<()> {
        let held = self.held(subject).await?;
        let expected: u64 = held.iter().filter(|_| row.footage).map(|held| held.bytes).sum::<u64>().max(1);
        let collecting = async {
            for holder in self.holders.iter() {
                holder.collect(subject, to).await?;
            }
            Ok(())
        };
        tokio::pin!(collecting);
        let mut tick = tokio::time::interval(PROGRESS_EVERY);
        loop {
            tokio::select! {
                done = &mut collecting => return done,
                _ = tick.tick() => {
                    let progress = (written.load(Relaxed).saturating_mul(999) / expected).min(999) as i16;
                    let change = ActiveModel { id: Set(row.id), progress: Set(progress), ..Default::default() };
                    Entity::update(change).exec(self.db.conn()).await.map_err(db::error)?;
                }
            }
        }
    }

    /// The person, with every household that the person owns: whose data that person may see and take along.
    pub async fn subject(&self, account: AccountId) -> Result<Subject> {
        let owned = self.accounts.owned_by(account).await?;
        Ok(Subject {
            account: account.bytes(),
            households: owned.iter().map(|owned| owned.household.bytes()).collect(),
        })
    }
}

/// Where a copy lies.
pub(crate) fn path(folder: &Path, id: Uuid) -> PathBuf {
    folder.join(format!("{id}.zip.sealed"))
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::unavailable("a copy cannot be deleted").because(error))
        }
        _ => Ok(()),
    }
}
