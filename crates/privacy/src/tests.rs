//! Promises of the whole context, on every database.

use crate::{
    erasure::{GRACE, State},
    ledger::Said,
    *,
};
use accounts::{Caller, Label};
use async_trait::async_trait;
use base::{Error, Kind, Secret, TestClock, Time};
use policy::{
    Category, Language, Purpose, Remaining, Retention, Sink,
    consent::{Choice, Method, State as Consent},
};
use sea_orm::ConnectionTrait;
use sea_orm_migration::MigrationTrait;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

fn all_migrations() -> Vec<Box<dyn MigrationTrait>> {
    accounts::migrations().into_iter().chain(db::migrations()).chain(migrations()).collect()
}

/// A cupboard with things of people, which breaks when it is told to.
#[derive(Default)]
struct Cupboard {
    name: &'static str,
    things: Mutex<BTreeMap<[u8; 16], u64>>,
    dark: AtomicBool,
    /// Fails so many calls from now on.
    failures: AtomicU32,
    /// Something that is written after its step.
    late: AtomicU32,
    /// The call that never returns: there the process is killed.
    fatal: AtomicU32,
    killed: tokio::sync::Notify,
}

impl Cupboard {
    fn new(name: &'static str) -> Arc<Self> {
        let cupboard = Self { name, ..Self::default() };
        cupboard.things.lock().unwrap().extend([([1; 16], 3), ([2; 16], 5), ([7; 16], 4)]);
        Arc::new(cupboard)
    }

    fn things(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 16], u64>> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn falter(&self) -> Result<()> {
        if self.fatal.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) == Ok(1) {
            self.killed.notify_one();
            std::future::pending::<()>().await;
        }
        let failing = self.failures.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        if failing { Err(Error::unavailable("the cupboard is jammed")) } else { Ok(()) }
    }
}

fn owners(subject: &Subject) -> impl Iterator<Item = &[u8; 16]> {
    std::iter::once(&subject.account).chain(&subject.households)
}

#[async_trait]
impl Holder for Cupboard {
    fn name(&self) -> &'static str {
        self.name
    }
    fn tables(&self) -> &'static [Table] {
        &[]
    }
    async fn describe(&self, subject: &Subject) -> Result<Vec<Held>> {
        let count = owners(subject).filter_map(|owner| self.things().get(owner).copied()).sum();
        let (category, retention) = (Category::Activity, Retention::Account);
        let held = Held { place: self.name, category, count, bytes: 0, oldest: None, retention };
        Ok(if count > 0 { vec![held] } else { Vec::new() })
    }
    async fn collect(&self, subject: &Subject, sink: &mut dyn Sink) -> Result<()> {
        self.falter().await?;
        let row = serde_json::json!({ "name": "=cmd|' /C calc'!A0", "of": subject.account.len(), "note": null });
        sink.row(self.name, row.as_object().unwrap().clone()).await?;
        if sink.wants_files() {
            sink.file(&format!("footage/../{}/2026-03-01T12.mp4", self.name)).await?;
            for _ in 0..40 {
                sink.bytes(&[7; 50_000]).await?;
            }
        }
        Ok(())
    }
    async fn darken(&self, _: &Subject, dark: bool) -> Result<()> {
        self.falter().await?;
        self.dark.store(dark, SeqCst);
        Ok(())
    }
    async fn keys(&self, _: &Subject) -> Result<Vec<[u8; 16]>> {
        Ok(if self.name == "keys" { vec![[42; 16]] } else { Vec::new() })
    }
    async fn erase(&self, subject: &Subject) -> Result<()> {
        for owner in owners(subject) {
            self.things().remove(owner);
            // Between two owners, so that a failure leaves the work half done.
            self.falter().await?;
        }
        if self.late.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            self.things().insert(subject.account, 1);
        }
        Ok(())
    }
    async fn remaining(&self, subject: &Subject) -> Result<Remaining> {
        self.falter().await?;
        let left = owners(subject).filter_map(|owner| self.things().get(owner).copied()).sum();
        Ok(if left > 0 { vec![(self.name, left)] } else { Vec::new() })
    }
}

struct Office {
    privacy: Privacy,
    clock: Arc<TestClock>,
    keys: Arc<Cupboard>,
    things: Arc<Cupboard>,
    ada: Caller,
    db: Db,
    world: World,
    folder: tempfile::TempDir,
}

fn subject() -> Subject {
    Subject { account: [1; 16], households: vec![[7; 16]] }
}

fn said(method: Method) -> Said {
    Said { language: Language::German, method }
}

fn column_keys() -> ColumnKeys {
    ColumnKeys::new(|_| async { Ok(ColumnKey::new([9; 32])) })
}

impl Office {
    async fn open(db: Db) -> Self {
        let (world, clock) = World::test(5);
        let accounts = accounts::Accounts::new(db.clone(), world.clone(), column_keys());
        let household = accounts.ensure_household().await.unwrap();
        let ada = accounts.ensure_demo_owner(household, "Ada").await.unwrap();
        let ada = accounts.begin_demo_session(ada, Label::browser("Firefox/1 Linux")).await.unwrap().caller;
        let folder = tempfile::tempdir().unwrap();
        let (keys, things) = (Cupboard::new("keys"), Cupboard::new("things"));
        let privacy = office(&db, &world, &folder, [keys.clone(), things.clone()]);
        Self { privacy, clock, keys, things, ada, db, world, folder }
    }

    /// The same installation after a crash.
    fn again(&self) -> Privacy {
        office(&self.db, &self.world, &self.folder, [self.keys.clone(), self.things.clone()])
    }

    async fn state(&self) -> Option<State> {
        self.privacy.plan(uuid::Uuid::from_bytes([1; 16])).await.unwrap().map(|plan| plan.state)
    }
}

fn office(db: &Db, world: &World, folder: &tempfile::TempDir, holders: [Arc<Cupboard>; 2]) -> Privacy {
    let accounts = Arc::new(Cupboard { name: "accounts", ..Cupboard::default() }) as Arc<dyn Holder>;
    let holders = holders.into_iter().map(|holder| holder as Arc<dyn Holder>).chain([accounts]).collect();
    let parts = Parts {
        db: db.clone(),
        world: world.clone(),
        keys: column_keys(),
        accounts: accounts::Accounts::new(db.clone(), world.clone(), column_keys()),
        holders,
        map: DATA_MAP.to_vec(),
        record: folder.path().join("data.erasures"),
        exports: folder.path().join("exports"),
        operator: Operator { name: "Ada's house".into(), contact: "ada@example.org".into() },
    };
    Privacy::with_book(parts, book::tests::three())
}

#[tokio::test]
async fn nothing_optional_is_on_until_the_person_says_so_and_taking_back_is_as_easy() {
    policy::prove!(C0_5);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada) = (&office.privacy, &office.ada);
        let account = ada.account().unwrap();
        for choice in Choice::ALL {
            assert!(!privacy.permits(account, *choice).await.unwrap(), "{choice:?}");
        }
        assert!(privacy.consents(ada).await.unwrap().iter().all(|consent| consent.state == Consent::Unknown));
        let choice = Choice::ActivityNotices;
        for (given, state) in [
            (true, Consent::Given),
            (true, Consent::Given),
            (false, Consent::Withdrawn),
            (false, Consent::Withdrawn),
            (true, Consent::Renewed),
        ] {
            privacy.choose(ada, choice, given, said(Method::Click)).await.unwrap();
            let standing = &privacy.consents(ada).await.unwrap()[0];
            assert_eq!((standing.choice, standing.state), (choice, state));
            assert_eq!(privacy.permits(account, choice).await.unwrap(), given);
        }
        let facts = "SELECT body FROM facts WHERE kind = 'privacy.chosen' ORDER BY id";
        let facts = office.db.conn().query_all_raw(office.db.statement(facts, [])).await.unwrap();
        let given: Vec<bool> =
            facts.iter().map(|row| row.try_get_by_index::<String>(0).unwrap().contains("\"given\":true")).collect();
        assert_eq!(given, [true, false, true], "each has its effect, and saying it again has none");
        let line = privacy.consents(ada).await.unwrap()[0].line.unwrap();
        let receipt = privacy.receipt(ada, line).await.unwrap();
        assert_eq!(receipt["dpv:hasConsentStatus"]["@type"], "dpv:RenewedConsentGiven");
        assert_eq!(receipt["dpv:hasNotice"]["sha256"], privacy.book().version(1).unwrap().sha256(Language::German));
        assert_eq!(receipt["dpv:hasDataController"]["dct:title"], "Ada's house");
        let foreign = ledger::LineId::generate(&office.world);
        assert_eq!(privacy.receipt(ada, foreign).await.unwrap_err().kind(), Kind::NotFound);
    })
    .await;
}

#[tokio::test]
async fn the_ledger_is_only_ever_added_to_and_notices_what_went_around_that() {
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada) = (&office.privacy, &office.ada);
        for given in [true, false, true] {
            privacy.choose(ada, Choice::ActivityNotices, given, said(Method::Click)).await.unwrap();
        }
        let run = async |sql: &str| office.db.conn().execute_unprepared(sql).await;
        for forbidden in [
            "UPDATE consents SET state = 'ConsentGiven'",
            "DELETE FROM consents",
            "DELETE FROM consents WHERE position = 3",
        ] {
            assert!(run(forbidden).await.is_err(), "{forbidden}");
        }
        assert_eq!(privacy.consents(ada).await.unwrap()[0].state, Consent::Renewed);
        match office.db.backend() {
            sea_orm::DbBackend::Postgres => drop(run("ALTER TABLE consents DISABLE TRIGGER ALL").await.unwrap()),
            _ => drop(run("DROP TRIGGER consents_stay").await.unwrap()),
        }
        run("UPDATE consents SET method = 'api' WHERE position = 2").await.unwrap();
        assert_eq!(privacy.consents(ada).await.unwrap_err().kind(), Kind::Internal);
    })
    .await;
}

#[tokio::test]
async fn the_signal_of_the_browser_refuses_analytics_until_the_person_says_otherwise_here() {
    policy::prove!(C10_1);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada) = (&office.privacy, &office.ada);
        let analytics = async || privacy.consents(ada).await.unwrap().pop().unwrap();
        privacy.heed(ada, Method::Gpc, Language::English).await.unwrap();
        privacy.heed(ada, Method::Dnt, Language::English).await.unwrap();
        let refused = analytics().await;
        assert_eq!((refused.state, refused.method.as_deref()), (Consent::Refused, Some("gpc")));
        privacy.choose(ada, Choice::Analytics, true, said(Method::Click)).await.unwrap();
        privacy.heed(ada, Method::Gpc, Language::English).await.unwrap();
        assert_eq!(analytics().await.state, Consent::Renewed, "what the person said here is newer");
    })
    .await;
}

#[tokio::test]
async fn an_objection_counts_at_once_is_answered_with_reasons_and_can_be_taken_back() {
    policy::prove!(C3_17);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada) = (&office.privacy, &office.ada);
        let answer = privacy.object(ada, Purpose::ViewLog, said(Method::Click)).await.unwrap();
        assert!(!answer.stops && answer.says(Language::English).contains("household"));
        privacy.object(ada, Purpose::ViewLog, said(Method::Click)).await.unwrap();
        let standing = privacy.objections(ada).await.unwrap();
        assert_eq!((standing.len(), standing[0].purpose), (1, Purpose::ViewLog));
        let necessary = privacy.object(ada, Purpose::SignIn, said(Method::Click)).await.unwrap_err();
        assert_eq!(necessary.kind(), Kind::Conflict);
        privacy.withdraw_objection(ada, Purpose::ViewLog, said(Method::Click)).await.unwrap();
        assert!(privacy.objections(ada).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_material_version_holds_for_a_person_once_it_is_accepted_and_an_old_one_cannot_be() {
    policy::prove!(C13_2);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada) = (&office.privacy, &office.ada);
        privacy.accept(ada, 1, Language::English).await.unwrap();
        privacy.accept(ada, 1, Language::English).await.unwrap();
        privacy.require_accepted(ada).await.unwrap();
        office.clock.set("2026-06-01T00:00:00Z".parse().unwrap());
        let refused = privacy.require_accepted(ada).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unaccepted);
        let old = privacy.accept(ada, 2, Language::English).await.unwrap_err();
        assert_eq!(old.kind(), Kind::Conflict);
        assert_eq!(privacy.accept(ada, 9, Language::English).await.unwrap_err().kind(), Kind::NotFound);
        privacy.accept(ada, 3, Language::German).await.unwrap();
        privacy.require_accepted(ada).await.unwrap();
        assert_eq!(privacy.accepted(ada.account().unwrap()).await.unwrap().unwrap().version, 3);
        privacy.require_accepted(&Caller::system(ada.household())).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_closed_account_is_dark_at_once_and_comes_back_whole_within_the_time() {
    policy::prove!(C3_3);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let privacy = &office.privacy;
        let closing = privacy.close(&subject(), Reason::Asked, GRACE).await.unwrap();
        assert!(office.things.dark.load(SeqCst) && office.keys.dark.load(SeqCst));
        assert_eq!(closing.until, office.world.clock.now() + GRACE);
        let again = privacy.close(&subject(), Reason::Asked, GRACE).await.unwrap();
        assert_eq!(again.undo.expose(), closing.undo.expose(), "closing it twice is closing it once");
        office.clock.advance(GRACE - Duration::from_secs(1));
        privacy.erase_due().await.unwrap();
        for forged in ["", "x", &closing.certificate.expose()[..], &closing.undo.expose()[1..]] {
            let refused = privacy.undo(&Secret::new(forged.into())).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::NotFound, "{forged}");
        }
        assert_eq!(privacy.undo(&closing.undo).await.unwrap().bytes(), [1; 16]);
        assert!(!office.things.dark.load(SeqCst));
        assert_eq!(office.things.things().len(), 3);
        assert_eq!(privacy.undo(&closing.undo).await.unwrap_err().kind(), Kind::NotFound, "it works once");
    })
    .await;
}

#[tokio::test]
async fn an_erasure_survives_a_failure_at_each_of_its_steps_and_takes_nothing_of_others() {
    policy::prove!(C3_5);
    db::testing::each(all_migrations, |db| async move {
        // Each number of failures stops the work at another place; a new office goes on from there.
        let office = Office::open(db.clone()).await;
        for failures in 0..9 {
            for holder in [&office.keys, &office.things] {
                holder.things().extend([([1; 16], 3), ([7; 16], 4)]);
            }
            let closing = office.privacy.close(&subject(), Reason::Asked, GRACE).await.unwrap();
            office.clock.advance(GRACE);
            let (mut stops, mut privacy) = (0, office.privacy.clone());
            for holder in [&office.keys, &office.things] {
                holder.failures.store(failures, SeqCst);
            }
            while privacy.erase_due().await.is_err() {
                assert_ne!(office.state().await, Some(State::Erased));
                let early = privacy.certificate(&closing.certificate).await.unwrap_err();
                assert_eq!(early.kind(), Kind::Unavailable, "no certificate before it is done");
                (stops, privacy) = (stops + 1, office.again());
                assert!(stops < 50);
            }
            assert_eq!(office.state().await, Some(State::Erased));
            assert_eq!(privacy.undo(&closing.undo).await.unwrap_err().kind(), Kind::Conflict);
            for holder in [&office.keys, &office.things] {
                assert_eq!(*holder.things(), BTreeMap::from([([2; 16], 5)]), "{failures}");
            }
            assert_eq!(office.privacy.record.read().unwrap(), [subject()]);
            let told = privacy.certificate(&closing.certificate).await.unwrap();
            assert_eq!(told["statement"]["erased"]["things"], 7, "what was found before, however often it stopped");
            for table in ["erasures", "erasure_steps", "certificates"] {
                db.conn().execute_unprepared(&format!("DELETE FROM {table}")).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_erasure_that_is_killed_at_any_call_goes_on_where_it_was() {
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db.clone()).await;
        for call in 1..=9 {
            for holder in [&office.keys, &office.things] {
                holder.things().extend([([1; 16], 3), ([7; 16], 4)]);
            }
            let closing = office.privacy.close(&subject(), Reason::Asked, Duration::ZERO).await.unwrap();
            office.things.fatal.store(call, SeqCst);
            let privacy = office.again();
            let killed = tokio::select! {
                done = privacy.erase_due() => done.map(|()| false).unwrap(),
                () = office.things.killed.notified() => true,
            };
            let survived = office.things.fatal.swap(0, SeqCst);
            assert_eq!(killed, survived == 0, "call {call}");
            assert!(!killed || office.state().await != Some(State::Erased));
            // As a start does: first what the record names, then what is due.
            office.again().replay().await.unwrap();
            office.again().erase_due().await.unwrap();
            assert_eq!(office.state().await, Some(State::Erased), "call {call}");
            for holder in [&office.keys, &office.things] {
                assert_eq!(*holder.things(), BTreeMap::from([([2; 16], 5)]), "call {call}");
            }
            let certificate = office.privacy.certificate(&closing.certificate).await.expect("its link is still good");
            let erased = &certificate["statement"]["erased"];
            assert_eq!(
                (&erased["keys"], &erased["things"]),
                (&7.into(), &7.into()),
                "all of it is counted, call {call}"
            );
            assert_eq!(certificate["statement"]["keys_destroyed"].as_array().unwrap().len(), 1, "call {call}");
            for table in ["erasures", "erasure_steps", "certificates"] {
                db.conn().execute_unprepared(&format!("DELETE FROM {table}")).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_erasure_is_not_done_while_a_look_finds_something() {
    policy::prove!(C3_5);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        office.privacy.close(&subject(), Reason::Asked, Duration::ZERO).await.unwrap();
        office.things.late.store(2, SeqCst);
        let error = office.privacy.erase_due().await.unwrap_err();
        assert!(error.message().contains("1 in things"), "{error}");
        assert_eq!(office.state().await, Some(State::Erasing));
        assert!(office.privacy.erase_due().await.is_err(), "its second look found what the first had left");
        office.privacy.erase_due().await.unwrap();
        assert_eq!(office.state().await, Some(State::Erased));
    })
    .await;
}

#[tokio::test]
async fn what_a_person_said_goes_with_the_person_and_the_certificate_says_so_under_our_signature() {
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada) = (&office.privacy, &office.ada);
        privacy.choose(ada, Choice::ActivityNotices, true, said(Method::Click)).await.unwrap();
        privacy.accept(ada, 1, Language::English).await.unwrap();
        let ada = Subject { account: ada.account().unwrap().bytes(), households: vec![] };
        let closing = privacy.close(&ada, Reason::Asked, Duration::ZERO).await.unwrap();
        privacy.erase_due().await.unwrap();
        let certificate = privacy.certificate(&closing.certificate).await.unwrap();
        let statement = &certificate["statement"];
        assert_eq!((&statement["erased"]["consents"], &statement["erased"]["acceptances"]), (&1.into(), &1.into()));
        assert_eq!(statement["keys_destroyed"], serde_json::json!([uuid::Uuid::from_bytes([42; 16])]));
        use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        let part = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(certificate[name].as_str().unwrap()).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, part("public_key"));
        key.verify(statement.to_string().as_bytes(), &part("signature")).unwrap();
        assert!(key.verify(statement.to_string().replace('1', "2").as_bytes(), &part("signature")).is_err());
        assert_eq!(privacy.public_key().await.unwrap(), certificate["public_key"]);
        office.clock.advance(certificate::KEPT + Duration::from_secs(1));
        privacy.erase_due().await.unwrap();
        assert_eq!(privacy.certificate(&closing.certificate).await.unwrap_err().kind(), Kind::NotFound);
    })
    .await;
}

#[tokio::test]
async fn who_was_erased_is_erased_again_when_an_old_backup_comes_back() {
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db.clone()).await;
        office.privacy.close(&subject(), Reason::Asked, Duration::ZERO).await.unwrap();
        office.privacy.erase_due().await.unwrap();
        // The backup is from before: everything is there, and no table knows of an erasure.
        for table in ["erasures", "erasure_steps", "certificates"] {
            db.conn().execute_unprepared(&format!("DELETE FROM {table}")).await.unwrap();
        }
        office.keys.things().insert([1; 16], 3);
        office.things.things().extend([([1; 16], 3), ([7; 16], 4)]);
        let restored = office.again();
        restored.replay().await.unwrap();
        for holder in [&office.keys, &office.things] {
            assert_eq!(*holder.things(), BTreeMap::from([([2; 16], 5)]));
        }
        let plan = restored.plan(uuid::Uuid::from_bytes([1; 16])).await.unwrap().unwrap();
        assert_eq!((plan.state, plan.reason), (State::Erased, Reason::Restored));
        let before: Time = plan.asked;
        office.clock.advance(Duration::from_secs(5));
        restored.replay().await.unwrap();
        let plan = restored.plan(uuid::Uuid::from_bytes([1; 16])).await.unwrap().unwrap();
        assert_eq!(plan.asked, before, "nothing is left to erase");
    })
    .await;
}

#[tokio::test]
async fn the_account_of_a_minor_is_frozen_at_once_and_gone_within_three_days_unless_the_report_was_wrong() {
    policy::prove!(C11_4);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let privacy = &office.privacy;
        let wrong = privacy.report_minor(&subject()).await.unwrap();
        assert!(office.things.dark.load(SeqCst));
        assert_eq!(privacy.undo(&wrong.undo).await.unwrap_err().kind(), Kind::Conflict, "not by its own link");
        privacy.decide_minor([1; 16].into_account(), false).await.unwrap();
        assert!(!office.things.dark.load(SeqCst));
        assert_eq!(privacy.decide_minor([1; 16].into_account(), true).await.unwrap_err().kind(), Kind::NotFound);
        privacy.report_minor(&subject()).await.unwrap();
        office.clock.advance(Duration::from_secs(3 * 86_400 - 60));
        privacy.erase_due().await.unwrap();
        assert_eq!(office.state().await, Some(State::Erased));
    })
    .await;
}

trait IntoAccount {
    fn into_account(self) -> AccountId;
}

impl IntoAccount for [u8; 16] {
    fn into_account(self) -> AccountId {
        AccountId::from_bytes(self)
    }
}

/// The archive as its person gets it.
async fn fetched(office: &Office, id: ExportId) -> std::path::PathBuf {
    let mut download = office.privacy.download(&office.ada, id).await.unwrap();
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < download.len() {
        bytes.extend(download.at(bytes.len() as u64).unwrap());
    }
    let path = office.folder.path().join(format!("{id}.zip"));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// What another program finds in the archive: the paths, and whether each is whole.
fn listed(path: &std::path::Path) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    (0..zip.len())
        .map(|at| {
            let mut file = zip.by_index(at).unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
            (file.name().unwrap().into_owned(), book::hex(hash.as_ref()))
        })
        .collect()
}

#[tokio::test]
async fn a_person_gets_a_copy_of_everything_that_no_other_person_can_open() {
    policy::prove!(C3_15);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada) = (&office.privacy, &office.ada);
        let asked = privacy.export(ada, true).await.unwrap();
        assert_eq!((asked.state.as_str(), asked.progress), ("waiting", 0));
        assert_eq!(privacy.download(ada, asked.id).await.err().unwrap().kind(), Kind::Conflict);
        // A crash in the middle: what was begun is begun anew.
        office.things.failures.store(1, SeqCst);
        privacy.make_exports().await.unwrap();
        assert_eq!(privacy.exports(ada).await.unwrap()[0].state, "failed");
        let set_back = "UPDATE exports SET state = 'running', error = NULL";
        office.db.conn().execute_unprepared(set_back).await.unwrap();
        office.again().make_exports().await.unwrap();
        let ready = &privacy.exports(ada).await.unwrap()[0];
        assert_eq!((ready.state.as_str(), ready.progress), ("ready", 1000));
        let folder = office.folder.path().join("exports");
        for file in std::fs::read_dir(&folder).unwrap() {
            let sealed = std::fs::read(file.unwrap().path()).unwrap();
            assert!(
                !sealed.windows(16).any(|window| window == [7; 16] || window == b"data/things.json"),
                "it is sealed"
            );
        }
        let path = fetched(&office, asked.id).await;
        let files = listed(&path);
        let manifest: serde_json::Value = {
            let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
            serde_json::from_reader(zip.by_name("manifest.json").unwrap()).unwrap()
        };
        for file in manifest["files"].as_array().unwrap() {
            let found = files.iter().find(|(path, _)| file["path"] == path.as_str()).unwrap();
            assert_eq!(file["sha256"], found.1.as_str(), "{}", found.0);
        }
        assert_eq!(files.len(), manifest["files"].as_array().unwrap().len() + 1, "the manifest names all but itself");
        let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        let csv = std::io::read_to_string(zip.by_name("data/things.csv").unwrap()).unwrap();
        assert!(csv.contains("\r\n'=cmd|"), "a spreadsheet takes it for text: {csv}");
        assert!(zip.by_name("footage/-/things/2026-03-01T12.mp4").is_ok());
        let page = std::io::read_to_string(zip.by_name("index.html").unwrap()).unwrap();
        assert!(page.contains("data/things.json") && !page.contains("http"));
        office.clock.advance(export::KEPT + Duration::from_secs(1));
        privacy.make_exports().await.unwrap();
        assert!(privacy.exports(ada).await.unwrap().is_empty());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the file goes with it");
    })
    .await;
}

#[tokio::test]
async fn a_copy_is_nothing_to_others_and_goes_with_its_person() {
    policy::prove!(C3_15);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada) = (&office.privacy, &office.ada);
        let copy = privacy.export(ada, false).await.unwrap();
        privacy.make_exports().await.unwrap();
        let files = listed(&fetched(&office, copy.id).await);
        assert!(files.iter().all(|(path, _)| !path.starts_with("footage")), "without footage, as asked");
        let accounts = accounts::Accounts::new(office.db.clone(), office.world.clone(), column_keys());
        let (eve, _) =
            accounts.add_by_hand(&Caller::system(ada.household()), "Eve", accounts::Role::Member).await.unwrap();
        let eve = accounts.begin_demo_session(eve, Label::browser("")).await.unwrap().caller;
        for error in [
            privacy.download(&eve, copy.id).await.err().unwrap(),
            privacy.delete_export(&eve, copy.id).await.unwrap_err(),
            privacy.download(&eve, ExportId::generate(&office.world)).await.err().unwrap(),
        ] {
            assert_eq!((error.kind(), error.message()), (Kind::NotFound, "there is no such copy"));
        }
        for _ in 0..2 {
            privacy.export(ada, false).await.unwrap();
        }
        assert_eq!(privacy.export(ada, false).await.unwrap_err().kind(), Kind::TooMany);
        let ada = Subject { account: ada.account().unwrap().bytes(), households: vec![] };
        privacy.close(&ada, Reason::Asked, Duration::ZERO).await.unwrap();
        privacy.erase_due().await.unwrap();
        privacy.make_exports().await.unwrap();
        assert_eq!(std::fs::read_dir(office.folder.path().join("exports")).unwrap().count(), 0);
    })
    .await;
}

#[tokio::test]
async fn everybody_is_told_of_a_new_version_once_and_none_is_altered_behind_their_backs() {
    policy::prove!(C0_1, C2_2_2);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db.clone()).await;
        let told = async || {
            let sql = "SELECT body FROM facts WHERE kind = 'privacy.policy_changed' ORDER BY id";
            let rows = db.conn().query_all_raw(db.statement(sql, [])).await.unwrap();
            rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>()
        };
        office.privacy.publish().await.unwrap();
        assert!(told().await.is_empty(), "nobody is told of what was there from the beginning");
        db.conn().execute_unprepared("DELETE FROM policy_versions WHERE number = 3").await.unwrap();
        for _ in 0..2 {
            office.privacy.publish().await.unwrap();
        }
        let ada = office.ada.account().unwrap();
        assert_eq!(told().await, [format!("{{\"account\":\"{ada}\",\"version\":3}}")]);
        let alter = "UPDATE policy_versions SET sha256_de = 'another' WHERE number = 2";
        db.conn().execute_unprepared(alter).await.unwrap();
        assert_eq!(office.privacy.publish().await.unwrap_err().kind(), Kind::Internal);
    })
    .await;
}

/// Gives two gigabytes of footage, hour by hour.
struct Film;

#[async_trait]
impl Holder for Film {
    fn name(&self) -> &'static str {
        "film"
    }
    fn tables(&self) -> &'static [Table] {
        &[]
    }
    async fn describe(&self, _: &Subject) -> Result<Vec<Held>> {
        Ok(Vec::new())
    }
    async fn collect(&self, _: &Subject, sink: &mut dyn Sink) -> Result<()> {
        let fragment = vec![7; 1 << 20];
        for hour in 0..8 {
            sink.file(&format!("footage/porch/{hour}.mp4")).await?;
            for _ in 0..256 {
                sink.bytes(&fragment).await?;
            }
        }
        for at in 0..500_000 {
            let row =
                serde_json::json!({ "id": at, "what": "watched something for a while", "at": "2026-03-01T12:00:00Z" });
            sink.row("views", row.as_object().unwrap().clone()).await?;
        }
        Ok(())
    }
    async fn erase(&self, _: &Subject) -> Result<()> {
        Ok(())
    }
    async fn remaining(&self, _: &Subject) -> Result<Remaining> {
        Ok(Vec::new())
    }
}

/// A measurement: `cargo test -p privacy -- --ignored --nocapture memory`.
#[tokio::test]
#[ignore = "a measurement of a minute"]
async fn a_copy_of_any_size_takes_little_memory() {
    let db = Db::memory().await.unwrap();
    db.migrate(all_migrations(), None).await.unwrap();
    let office = Office::open(db).await;
    let parts = Parts {
        db: office.db.clone(),
        world: office.world.clone(),
        keys: column_keys(),
        accounts: accounts::Accounts::new(office.db.clone(), office.world.clone(), column_keys()),
        holders: vec![Arc::new(Film), office.things.clone()],
        map: Vec::new(),
        record: office.folder.path().join("data.erasures"),
        exports: office.folder.path().join("exports"),
        operator: Operator::default(),
    };
    let privacy = Privacy::with_book(parts, book::tests::three());
    privacy.export(&office.ada, true).await.unwrap();
    let began = std::time::Instant::now();
    privacy.make_exports().await.unwrap();
    let export = &privacy.exports(&office.ada).await.unwrap()[0];
    assert_eq!(export.state, "ready", "{:?}", export.error);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned();
    println!("{} bytes in {:?}, peak memory of the whole process {peak}", export.bytes, began.elapsed());
    let kilobytes: u64 = peak.split(' ').next().unwrap().parse().unwrap();
    assert!(kilobytes <= 256 * 1024);
}

fn question(text: &str) -> Question {
    Question::new(RequestKind::Access, Some("C3.13".to_owned()), text, Language::German).unwrap()
}

const DAY: Duration = Duration::from_secs(86_400);

impl Office {
    fn terminal(&self) -> Caller {
        Caller::system(self.ada.household())
    }

    /// The facts of that kind, oldest first.
    async fn facts(&self, kind: &str) -> usize {
        let sql = "SELECT body FROM facts WHERE kind = ?";
        self.db.conn().query_all_raw(self.db.statement(sql, [kind.into()])).await.unwrap().len()
    }
}

#[tokio::test]
async fn a_request_is_answered_within_thirty_days_once_extended_with_reasons_and_an_alarm_where_it_is_not() {
    policy::prove!(C3_13);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada, terminal) = (&office.privacy, &office.ada, office.terminal());
        let asked = office.world.clock.now();
        let request = privacy.ask(ada, question(" What else is there of me?\r\nZoë ")).await.unwrap();
        assert_eq!((request.due, request.overdue), (asked + 30 * DAY, false));
        assert_eq!(
            (request.text.as_str(), request.clause.as_deref()),
            ("What else is there of me?\nZoë", Some("C3.13"))
        );
        let open = |all, overdue| Open { all, overdue };
        assert_eq!(privacy.open_requests().await.unwrap(), open(1, 0));

        office.clock.advance(29 * DAY);
        let none = privacy.answer_request(&terminal, request.id, Decision::Granted, " \n", vec![]).await.unwrap_err();
        assert_eq!((none.kind(), none.at_field()), (Kind::OutOfRange, Some("reasons")), "no answer without reasons");
        assert_eq!(privacy.extend_request(&terminal, request.id, "").await.unwrap_err().kind(), Kind::OutOfRange);
        privacy.extend_request(&terminal, request.id, "An archive must be searched").await.unwrap();
        let again = privacy.extend_request(&terminal, request.id, "And another").await.unwrap_err();
        assert_eq!(again.kind(), Kind::Conflict, "once");
        let mine = privacy.requests(ada).await.unwrap().remove(0);
        assert_eq!(mine.due, asked + 90 * DAY);
        assert_eq!(mine.extension.unwrap().reason, "An archive must be searched");

        office.clock.advance(61 * DAY + Duration::from_secs(1));
        for _ in 0..2 {
            privacy.look_after_requests().await.unwrap();
        }
        assert_eq!(privacy.open_requests().await.unwrap(), open(1, 1));
        assert_eq!(office.facts(fact::REQUEST_OVERDUE).await, 1, "the alarm is raised once");
        assert!(privacy.desk(&terminal).await.unwrap()[0].request.overdue);

        let refusal = Refusal { item: "the letters".into(), reason: "they are somebody else's".into() };
        let answer = |decision, refused: Vec<Refusal>| {
            privacy.answer_request(&terminal, request.id, decision, "Found in the cellar", refused)
        };
        for (decision, refused) in [(Decision::Partly, vec![]), (Decision::Granted, vec![refusal.clone()])] {
            assert_eq!(answer(decision, refused).await.unwrap_err().at_field(), Some("refused"), "{decision:?}");
        }
        answer(Decision::Partly, vec![refusal.clone()]).await.unwrap();
        assert_eq!(answer(Decision::Granted, vec![]).await.unwrap_err().kind(), Kind::Conflict, "one answer");
        let given = privacy.requests(ada).await.unwrap().remove(0).answer.unwrap();
        assert_eq!((given.decision, given.reasons.as_str()), (Decision::Partly, "Found in the cellar"));
        assert_eq!(given.refused, [refusal]);
        assert_eq!(privacy.open_requests().await.unwrap(), open(0, 0));
        let told = [fact::REQUEST_OPENED, fact::REQUEST_EXTENDED, fact::REQUEST_ANSWERED];
        for kind in told {
            assert_eq!(office.facts(kind).await, 1, "{kind}");
        }
        office.clock.advance(366 * DAY);
        privacy.look_after_requests().await.unwrap();
        assert!(privacy.requests(ada).await.unwrap().is_empty(), "a year after the answer it goes");
    })
    .await;
}

#[tokio::test]
async fn what_is_asked_is_bounded_sealed_seen_by_its_person_and_the_operator_and_goes_with_the_person() {
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, ada, terminal) = (&office.privacy, &office.ada, office.terminal());
        for wrong in ["", " \n\t ", &"x".repeat(10_001), "\u{1b}[2J"] {
            let refused = Question::new(RequestKind::Deletion, None, wrong, Language::English).unwrap_err();
            assert_eq!((refused.kind(), refused.at_field()), (Kind::OutOfRange, Some("text")), "{wrong:?}");
        }
        let unknown = Question { clause: Some("C99".into()), ..question("x") };
        assert_eq!(privacy.ask(ada, unknown).await.unwrap_err().at_field(), Some("clause"));
        assert_eq!(privacy.ask(&terminal, question("x")).await.unwrap_err().kind(), Kind::Denied, "a person asks");
        privacy.ask(ada, question(&"ü".repeat(5000))).await.unwrap();
        for _ in 1..20 {
            privacy.ask(ada, question("Zaubernuss")).await.unwrap();
        }
        assert_eq!(privacy.ask(ada, question("one more")).await.unwrap_err().kind(), Kind::TooMany);

        let accounts = accounts::Accounts::new(office.db.clone(), office.world.clone(), column_keys());
        let (ben, _) = accounts.add_by_hand(&terminal, "Ben", accounts::Role::Member).await.unwrap();
        let ben = accounts.begin_demo_session(ben, Label::browser("")).await.unwrap().caller;
        assert!(privacy.requests(&ben).await.unwrap().is_empty());
        assert_eq!(privacy.desk(&ben).await.unwrap_err().kind(), Kind::Denied);
        let id = privacy.requests(ada).await.unwrap()[0].id;
        let meddled = privacy.answer_request(&ben, id, Decision::Refused, "no", vec![]).await.unwrap_err();
        assert_eq!(meddled.kind(), Kind::Denied);
        assert_eq!(privacy.desk(ada).await.unwrap().len(), 20, "the owner of the installation answers");

        let stored =
            office.db.conn().query_all_raw(office.db.statement("SELECT text FROM requests", [])).await.unwrap();
        for row in stored {
            let sealed: Vec<u8> = row.try_get_by_index(0).unwrap();
            assert!(!sealed.windows(10).any(|window| window == b"Zaubernuss"));
        }
        let own =
            holder::Own { db: office.db.clone(), keys: column_keys(), exports: office.folder.path().join("exports") };
        let subject = Subject { account: ada.account().unwrap().bytes(), households: vec![] };
        assert_eq!(own.remaining(&subject).await.unwrap(), [("requests", 20)]);
        own.erase(&subject).await.unwrap();
        assert_eq!(own.remaining(&subject).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn everybody_can_ask_and_nobody_is_asked_where_they_live() {
    policy::prove!(C3_14);
    db::testing::each(all_migrations, |db| async move {
        let office = Office::open(db).await;
        let (privacy, terminal) = (&office.privacy, office.terminal());
        let ask = |address: &'static str| privacy.ask_without_account(address, question("Am I in your pictures?"));
        for address in ["zoe@example.org", "li@例え.jp", "sam@example.us"] {
            let id = ask(address).await.unwrap();
            privacy.confirm_for(&office.ada, id).await.expect(address);
            office.clock.advance(DAY);
        }
        assert_eq!(privacy.open_requests().await.unwrap(), Open { all: 3, overdue: 0 });
        for wrong in ["", "zoe", "zoe@example.org\r\nBcc: eve@example.org", "a@b@example.org"] {
            let refused = privacy.ask_without_account(wrong, question("x")).await.unwrap_err();
            assert_eq!(refused.at_field(), Some("address"), "{wrong:?}");
        }

        let id = ask("kim@example.org").await.unwrap();
        office.clock.advance(2 * DAY);
        let early = privacy.answer_request(&terminal, id, Decision::Refused, "x", vec![]).await.unwrap_err();
        assert_eq!(early.kind(), Kind::Conflict, "nothing is told before it is known who asks");
        let follow = privacy.follow_up_of(id).await.unwrap();
        assert_eq!(privacy.follow_up(&follow).await.unwrap().confirmed, None);
        assert_eq!(privacy.confirm_request(&follow).await.unwrap_err().kind(), Kind::NotFound, "another link confirms");
        let confirm = privacy.confirmation_of(id).await.unwrap();
        let now = office.world.clock.now();
        for _ in 0..2 {
            assert_eq!(privacy.confirm_request(&confirm).await.unwrap(), id);
            office.clock.advance(DAY);
        }
        assert_eq!(privacy.follow_up(&follow).await.unwrap().due, now + 30 * DAY, "the clock begins once");
        assert_eq!(office.facts(fact::REQUEST_OPENED).await, 4);
        let filed = privacy.request(id).await.unwrap();
        assert_eq!(filed.asker.address.unwrap().open(), "kim@example.org");
        assert_eq!(filed.asker.account, None);
        privacy.answer_request(&terminal, id, Decision::Granted, "You are not", vec![]).await.unwrap();
        assert_eq!(privacy.follow_up(&follow).await.unwrap().answer.unwrap().reasons, "You are not");
        for forged in ["", "AAAA", &follow.expose()[1..], &"A".repeat(64)] {
            assert_eq!(privacy.follow_up(&Secret::new(forged.into())).await.unwrap_err().kind(), Kind::NotFound);
        }

        for _ in 0..9 {
            ask("flooded@example.org").await.unwrap();
        }
        assert_eq!(office.facts(fact::REQUEST_ASKED).await, 4 + 3, "nobody is flooded with mails");
        office.clock.advance(8 * DAY);
        privacy.look_after_requests().await.unwrap();
        assert_eq!(privacy.desk(&terminal).await.unwrap().len(), 4, "what nobody confirms goes after a week");
    })
    .await;
}
