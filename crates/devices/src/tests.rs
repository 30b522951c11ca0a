//! Promises of the whole context, on every database.

use crate::grant::{Action, View, ViewId};
use crate::*;
use accounts::{Browser, Caller, Label, NewSession, Role, Scopes};
use base::{Kind, Pii, Range, Secret, TestClock, Time};
use sea_orm::ConnectionTrait;
use sea_orm_migration::MigrationTrait;

const SECOND: Duration = Duration::from_secs(1);

/// An installation with a household of two.
struct Home {
    devices: Devices,
    accounts: Accounts,
    db: Db,
    clock: Arc<TestClock>,
    terminal: Caller,
    owner: Caller,
    viewer: NewSession,
}

fn all_migrations() -> Vec<Box<dyn MigrationTrait>> {
    accounts::migrations().into_iter().chain(db::migrations()).chain(migrations()).collect()
}

fn keys() -> ColumnKeys {
    ColumnKeys::new(|owner| async move {
        let mut key = [1; 32];
        key[..16].copy_from_slice(&owner);
        Ok(db::ColumnKey::new(key))
    })
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.into())
}

async fn home(db: Db) -> Home {
    let (world, clock) = World::test(1);
    let accounts = Accounts::new(db.clone(), world.clone(), keys());
    let devices = Devices::new(db.clone(), world, keys(), accounts.clone());
    let household = accounts.ensure_household().await.unwrap();
    let owner = accounts.ensure_demo_owner(household, "Ada").await.unwrap();
    let owner = accounts.begin_demo_session(owner, firefox()).await.unwrap().caller;
    let (_, link) = accounts.add_by_hand(&owner, "Bob", Role::Member).await.unwrap();
    let password = secret("seven quiet nightjars sing");
    let browser = Browser { address: [127, 0, 0, 1].into(), label: firefox(), known: None };
    let viewer = accounts.redeem_setup(&link.token, None, &password, &browser).await.unwrap().session().unwrap();
    Home { devices, accounts, db, clock, terminal: Caller::system(household), owner, viewer }
}

fn firefox() -> Label {
    Label::browser("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0")
}

impl Home {
    async fn camera(&self, name: &str) -> CameraId {
        let settings = Settings::new(name, "rtsp://ada:s3cret@10.0.0.9/main", Mode::Continuous);
        self.devices.add(&self.owner, settings).await.unwrap().id
    }

    /// A caller to whom nothing here belongs, who may do everything at home.
    fn stranger(&self) -> Caller {
        Caller::system(accounts::HouseholdId::from_bytes([9; 16]))
    }

    fn now(&self) -> Time {
        self.devices.world.clock.now()
    }

    /// The view log as the table holds it, the newest first.
    async fn rows(&self) -> Vec<View> {
        let other = Devices::new(self.db.clone(), self.devices.world.clone(), keys(), self.accounts.clone());
        other.view_log(&self.owner, None, None, 500).await.unwrap().items
    }

    /// `seconds` of recordings that begin `at` seconds after the epoch of the test.
    fn media(&self, at: u64, seconds: u64) -> Option<Range> {
        let start = Time::from_micros(1_772_000_000_000_000) + at as u32 * SECOND;
        Some(Range { start, end: start + seconds as u32 * SECOND })
    }
}

fn kind<T>(result: Result<T>) -> Kind {
    result.err().expect("it must be refused").kind()
}

#[tokio::test]
async fn every_column_has_its_entry_in_the_data_map_and_every_entry_its_column() {
    db::testing::each(all_migrations, |db| async move {
        let columns = db::schema::columns(&db).await.unwrap();
        assert_eq!(
            db::schema::compare(
                DATA_MAP.iter().chain(accounts::DATA_MAP).chain(db::DATA_MAP).chain(db::QUEUES),
                &columns
            ),
            [""; 0]
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_can_be_recorded_before_the_owner_chose_so_nor_after_it_was_switched_off() {
    policy::prove!(C1_2_7);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let mut settings = Settings::new("Nursery", "rtsp://ada:s3cret@10.0.0.9/main", Mode::Off);
        settings.purpose = Some(Pii::new("to hear whether the child sleeps".into()));
        settings.area = Area::OwnHome;
        settings.audio = false;
        let camera = home.devices.add(&home.owner, settings).await.unwrap();
        assert_eq!((camera.mode, camera.audio, camera.area), (Mode::Off, false, Area::OwnHome));
        assert_eq!(camera.purpose.unwrap().open(), "to hear whether the child sleeps");
        let target = || home.devices.target(camera.id, Stream::Main);
        assert_eq!(kind(target().await), Kind::Conflict, "a new camera that nobody switched on");
        home.devices.set_mode(&home.owner, camera.id, Mode::Continuous).await.unwrap();
        let open = target().await.unwrap();
        assert_eq!(open.url.expose(), "rtsp://10.0.0.9/main");
        assert_eq!(open.password.unwrap().expose(), "s3cret");
        assert!(!open.audio);
        home.devices.set_mode(&home.owner, camera.id, Mode::Off).await.unwrap();
        assert_eq!(kind(target().await), Kind::Conflict);
        assert_eq!(kind(home.devices.set_mode(&home.viewer.caller, camera.id, Mode::Continuous).await), Kind::Denied);
        assert_eq!(kind(home.devices.target(CameraId::from_bytes([1; 16]), Stream::Main).await), Kind::NotFound);
    })
    .await;
}

#[tokio::test]
async fn recorders_hear_of_each_change_before_the_owner_gets_an_answer() {
    policy::prove!(C1_2_8);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let mut changes = home.devices.changes();
        let id = home.camera("Porch").await;
        let mut heard = |what: &str| {
            assert!(changes.has_changed().unwrap(), "{what}");
            changes.mark_unchanged();
        };
        heard("added");
        home.devices.set_mode(&home.owner, id, Mode::Off).await.unwrap();
        heard("switched off");
        assert_eq!(home.devices.all().await.unwrap()[0].mode, Mode::Off);
        let sound_off = Edit { audio: Some(false), ..Edit::default() };
        home.devices.edit(&home.owner, id, sound_off.clone()).await.unwrap();
        heard("sound off");
        home.devices.edit(&home.owner, id, sound_off).await.unwrap();
        assert!(!home.devices.changes().has_changed().unwrap(), "an edit that changes nothing tells nobody");
        home.devices.remove(&home.owner, id).await.unwrap();
        let mut changes = home.devices.changes();
        assert_eq!(*changes.borrow_and_update(), 4);
        assert!(home.devices.all().await.unwrap().is_empty());
    })
    .await;
}

#[test]
fn settings_are_checked_and_an_error_names_the_field() {
    let base = || Settings::new("Porch", "rtsp://10.0.0.9/main", Mode::Off);
    let field = |settings: Settings| settings.checked().expect_err("it is refused").at_field();
    assert_eq!(field(Settings { name: Pii::new("a\u{202e}b".into()), ..base() }), Some("name"));
    assert_eq!(field(Settings { name: Pii::new("x".repeat(65)), ..base() }), Some("name"));
    assert_eq!(field(Settings { url: secret("http://10.0.0.9/"), ..base() }), Some("url"));
    assert_eq!(field(Settings { sub_url: Some(secret("exec:sh")), ..base() }), Some("sub_url"));
    assert_eq!(field(Settings { username: Some(secret("a\r\nb")), ..base() }), Some("username"));
    assert_eq!(field(Settings { password: Some(secret(&"x".repeat(257))), ..base() }), Some("password"));
    assert_eq!(field(Settings { purpose: Some(Pii::new("x".repeat(501))), ..base() }), Some("purpose"));
    assert_eq!(field(Settings { purpose: Some(Pii::new("a\u{2066}".into())), ..base() }), Some("purpose"));
    assert_eq!(field(Settings { retention_days: 0, ..base() }), Some("retention_days"));
    assert_eq!(field(Settings { retention_days: MOST_DAYS + 1, ..base() }), Some("retention_days"));
    assert_eq!(field(Settings { max_bytes: u64::MAX, ..base() }), Some("max_bytes"));

    let empty = Settings {
        sub_url: Some(secret(" ")),
        username: Some(secret("")),
        purpose: Some(Pii::new("  ".into())),
        ..base()
    };
    let empty = empty.checked().unwrap();
    assert!(empty.sub_url.is_none() && empty.username.is_none() && empty.purpose.is_none());
    let in_sub = Settings { sub_url: Some(secret("rtsp://bob:pw@10.0.0.9/sub")), ..base() }.checked().unwrap();
    assert_eq!(in_sub.sub_url.unwrap().expose(), "rtsp://10.0.0.9/sub");
    assert_eq!(in_sub.username.unwrap().expose(), "bob");
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_the_log_tells_who_and_what_but_no_secret() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let id = home.camera("Porch").await;
        home.clock.advance(SECOND);
        let edit = Edit {
            name: Some(Pii::new(" Front porch ".into())),
            sub_url: Some(Some(secret("rtsp://10.0.0.9/sub"))),
            retention_days: Some(30),
            transport: Some(Transport::Udp),
            ..Edit::default()
        };
        let camera = home.devices.edit(&home.owner, id, edit).await.unwrap();
        assert_eq!(camera.name.open(), "Front porch");
        assert_eq!((camera.retention_days, camera.transport), (30, Transport::Udp));
        assert_eq!(camera.streams(), [Stream::Main, Stream::Sub]);
        assert_eq!((*camera.host().open(), camera.has_password), ("10.0.0.9", true));
        assert_eq!(camera.changed, home.now());
        assert!(camera.created < camera.changed);
        assert_eq!(home.devices.camera(&home.owner, id).await.unwrap().username.unwrap().open(), "ada");
        let seen = home.devices.camera(&home.viewer.caller, id).await.unwrap();
        assert_eq!((seen.name.open(), seen.streams(), seen.has_password), (camera.name.open(), camera.streams(), true));
        assert_eq!(seen.url.open(), "rtsp://10.0.0.9", "a path can hold a secret");
        assert!(seen.username.is_none() && seen.sub_url.unwrap().open() == "rtsp://10.0.0.9");
        assert_eq!(home.devices.target(id, Stream::Sub).await.unwrap().url.expose(), "rtsp://10.0.0.9/sub");

        home.clock.advance(SECOND);
        let moved = Edit { url: Some(secret("rtsp://bob:h1dden@10.0.0.10/x")), ..Edit::default() };
        let probe = home.devices.probe_target(&home.owner, id, moved.clone(), Stream::Main).await.unwrap();
        assert_eq!(probe.password.unwrap().expose(), "h1dden", "a probe tries what is not saved");
        assert_eq!(*home.devices.camera(&home.owner, id).await.unwrap().host().open(), "10.0.0.9");
        home.devices.edit(&home.owner, id, moved).await.unwrap();
        let target = home.devices.target(id, Stream::Main).await.unwrap();
        assert_eq!(
            (target.username.unwrap().expose().as_str(), target.url.expose().as_str()),
            ("bob", "rtsp://10.0.0.10/x")
        );

        let both =
            Edit { username: Some(Some(secret("eve"))), url: Some(secret("rtsp://bob:new@cam/")), ..Edit::default() };
        let probe = home.devices.probe_target(&home.owner, id, both, Stream::Main).await.unwrap();
        assert_eq!(
            (probe.username.unwrap().expose().as_str(), probe.password.unwrap().expose().as_str()),
            ("eve", "new")
        );

        home.clock.advance(SECOND);
        let bare = Edit { sub_url: Some(None), username: Some(None), password: Some(None), ..Edit::default() };
        home.devices.edit(&home.owner, id, bare).await.unwrap();
        assert!(home.devices.target(id, Stream::Main).await.unwrap().password.is_none());
        assert_eq!(kind(home.devices.target(id, Stream::Sub).await), Kind::NotFound);
        let wrong = Edit { retention_days: Some(0), ..Edit::default() };
        assert_eq!(kind(home.devices.edit(&home.owner, id, wrong).await), Kind::Invalid);

        let log = home.devices.change_log(&home.owner, Some(id), 10).await.unwrap();
        let what: Vec<_> = log.iter().map(|change| change.what.join(" ")).collect();
        assert_eq!(
            what,
            [
                "sub_url username password",
                "url username password",
                "name sub_url transport=udp retention_days=30",
                "added mode=continuous",
            ]
        );
        assert!(log.iter().all(|change| change.account == home.owner.account() && change.label == "Firefox on Linux"));
        assert_eq!(kind(home.devices.change_log(&home.viewer.caller, None, 10).await), Kind::Denied);
        assert!(home.devices.change_log(&home.stranger(), Some(id), 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn cameras_stand_in_the_order_that_people_gave_them() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let (a, b, c) = (home.camera("A").await, home.camera("B").await, home.camera("C").await);
        let order = || async {
            home.devices
                .cameras(&home.viewer.caller)
                .await
                .unwrap()
                .into_iter()
                .map(|camera| camera.id)
                .collect::<Vec<_>>()
        };
        assert_eq!(order().await, [a, b, c]);
        home.devices.reorder(&home.owner, &[c, a, b]).await.unwrap();
        assert_eq!(order().await, [c, a, b]);
        for wrong in [&[a, b][..], &[a, b, c, c], &[a, b, b], &[a, b, CameraId::from_bytes([1; 16])]] {
            assert_eq!(kind(home.devices.reorder(&home.owner, wrong).await), Kind::Invalid);
        }
        assert_eq!(kind(home.devices.reorder(&home.viewer.caller, &[a, b, c]).await), Kind::Denied);
        home.devices.remove(&home.owner, c).await.unwrap();
        let d = home.camera("D").await;
        assert_eq!(order().await, [a, b, d]);
    })
    .await;
}

#[tokio::test]
async fn to_a_stranger_no_camera_exists_and_a_viewer_changes_none() {
    policy::prove!(C9_3_4);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let id = home.camera("Porch").await;
        let (stranger, viewer, devices) = (home.stranger(), &home.viewer.caller, &home.devices);
        assert!(devices.cameras(&stranger).await.unwrap().is_empty());
        assert_eq!(kind(devices.camera(&stranger, id).await), Kind::NotFound);
        assert_eq!(kind(devices.set_mode(&stranger, id, Mode::Off).await), Kind::NotFound);
        assert_eq!(kind(devices.remove(&stranger, id).await), Kind::NotFound);
        assert_eq!(kind(devices.probe_target(&stranger, id, Edit::default(), Stream::Main).await), Kind::NotFound);
        assert_eq!(kind(devices.ticket(&stranger, id, Action::Live, None).await), Kind::NotFound);
        assert_eq!(kind(devices.may_still_view(&stranger, id).await), Kind::NotFound);

        assert_eq!(kind(devices.remove(viewer, id).await), Kind::Denied);
        assert_eq!(kind(devices.probe_target(viewer, id, Edit::default(), Stream::Main).await), Kind::Denied);
        let settings = Settings::new("Mine", "rtsp://10.0.0.9/", Mode::Continuous);
        assert_eq!(kind(devices.add(viewer, settings).await), Kind::Denied);
        assert_eq!(devices.all().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn many_cameras_are_added_together_or_not_at_all() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let camera = |url: &str| Settings::new("Cam", url, Mode::Continuous);
        let good: Vec<_> = (0..50).map(|at| camera(&format!("rtsp://10.0.0.{at}/"))).collect();
        let mut bad = good.clone();
        bad.push(camera("rtsp://"));
        assert_eq!(kind(home.devices.add_all(&home.owner, bad).await), Kind::Invalid);
        assert!(home.devices.all().await.unwrap().is_empty());
        assert_eq!(home.devices.add_all(&home.terminal, good).await.unwrap().len(), 50);
        let hosts: Vec<_> = home.devices.cameras(&home.owner).await.unwrap();
        assert_eq!(*hosts[49].host().open(), "10.0.0.49");
    })
    .await;
}

#[tokio::test]
async fn a_ticket_exists_only_once_the_view_log_tells_who_watches_what() {
    policy::prove!(C9_3_4);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let id = home.camera("Porch").await;
        let range = home.media(0, 60);
        let ticket = home.devices.ticket(&home.viewer.caller, id, Action::Play, range).await.unwrap();
        assert_eq!((ticket.camera(), ticket.action(), Some(ticket.range())), (id, Action::Play, range));
        assert_eq!(ticket.household(), home.owner.household());
        let rows = home.rows().await;
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!((row.camera, row.account, row.action), (Some(id), home.viewer.caller.account(), Action::Play));
        assert_eq!((row.allowed, row.media, row.label.as_str()), (true, range, "Firefox on Linux"));
        assert_eq!((row.started, row.last), (home.now(), home.now()));

        home.clock.advance(SECOND);
        let blind = home.accounts.create_token(&home.owner, None, "cameras:read".parse().unwrap(), None).await.unwrap();
        let blind = home.accounts.api_token(&blind.token).await.unwrap();
        assert_eq!(kind(home.devices.ticket(&blind, id, Action::Snapshot, None).await), Kind::Denied);
        let row = &home.rows().await[0];
        assert_eq!((row.camera, row.allowed, row.action), (Some(id), false, Action::Snapshot));
        assert!(row.label.starts_with("API token "));

        home.clock.advance(SECOND);
        for at in 0..20 {
            let made_up = CameraId::from_bytes([at; 16]);
            assert_eq!(kind(home.devices.ticket(&home.owner, made_up, Action::Live, None).await), Kind::NotFound);
        }
        let rows = home.rows().await;
        assert_eq!((rows.len(), rows[0].camera, rows[0].allowed), (3, None, false), "guessing fills no table");
    })
    .await;
}

#[tokio::test]
async fn when_the_log_cannot_be_written_nothing_is_shown() {
    policy::prove!(C9_3_4);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let id = home.camera("Porch").await;
        let live = || home.devices.ticket(&home.owner, id, Action::Live, None);
        live().await.unwrap().action();
        home.db.conn().execute_unprepared("ALTER TABLE views RENAME TO away").await.unwrap();
        let play = || home.devices.ticket(&home.owner, id, Action::Play, home.media(0, 60));
        assert_eq!(kind(play().await), Kind::Unavailable);
        home.clock.advance(11 * SECOND);
        assert_eq!(kind(live().await), Kind::Unavailable, "nor goes on");
        home.db.conn().execute_unprepared("ALTER TABLE away RENAME TO views").await.unwrap();
        assert!(play().await.is_ok());
        assert!(live().await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_burst_of_thumbnails_costs_one_row_and_one_write_in_ten_seconds() {
    db::testing::each(all_migrations, |db| async move {
        let home = Arc::new(home(db).await);
        let id = home.camera("Porch").await;
        let thumbnail = |at: u64| {
            let home = home.clone();
            tokio::spawn(async move {
                let ticket = home.devices.ticket(&home.owner, id, Action::Thumbnail, home.media(at * 300, 1)).await;
                ticket.unwrap().action();
            })
        };
        let burst: Vec<_> = (10..210).rev().map(thumbnail).collect();
        for one in burst {
            one.await.unwrap();
        }
        let rows = home.rows().await;
        assert_eq!(rows.len(), 1);
        let first_media = rows[0].media.unwrap();
        assert_eq!(first_media.duration(), SECOND, "only the first was written");

        home.clock.advance(10 * SECOND);
        thumbnail(0).await.unwrap();
        let media = home.rows().await[0].media.unwrap();
        assert_eq!(
            (Some(media.start), Some(media.end)),
            (home.media(0, 1).map(|range| range.start), home.media(209 * 300, 1).map(|range| range.end),),
            "the row covers all that was shown"
        );
        home.clock.advance(31 * SECOND);
        thumbnail(5).await.unwrap();
        assert_eq!(home.rows().await.len(), 2, "after half a minute it is another visit");
    })
    .await;
}

#[tokio::test]
async fn playing_on_extends_the_row_and_a_jump_begins_another() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let id = home.camera("Porch").await;
        let play = |at: u64| {
            let (devices, owner, range) = (home.devices.clone(), home.owner.clone(), home.media(at, 4));
            async move { devices.ticket(&owner, id, Action::Play, range).await.unwrap() }
        };
        for at in 0..5 {
            let _ = play(at * 4).await;
            home.clock.advance(4 * SECOND);
        }
        for at in 0..5 {
            let _ = play(7200 + at * 4).await;
            home.clock.advance(4 * SECOND);
        }
        let _ = play(20).await;
        let log = home.devices.view_log(&home.owner, Some(id), None, 10).await.unwrap();
        let mut media: Vec<_> = log.items.iter().map(|view| view.media).collect();
        media.sort_by_key(|range| range.map(|range| range.start));
        assert_eq!(media, [home.media(0, 24), home.media(7200, 20)], "each row says what was played, no hour between");
        assert_eq!(log.items.iter().map(|view| view.last).max(), Some(home.now()));

        for at in 0..20 {
            let _ = play(100_000 + at * 1000).await;
        }
        assert_eq!(home.devices.view_log(&home.owner, Some(id), None, 100).await.unwrap().items.len(), 22);
        home.devices.ticket(&home.viewer.caller, id, Action::Play, home.media(0, 4)).await.unwrap().action();
        home.devices.ticket(&home.owner, id, Action::Download, home.media(0, 4)).await.unwrap().action();
        let log = home.devices.view_log(&home.owner, Some(id), None, 100).await.unwrap();
        assert_eq!(log.items.len(), 24, "another person or another deed is another row");
    })
    .await;
}

#[tokio::test]
async fn a_live_view_is_logged_to_its_end_and_stops_when_the_right_ends() {
    policy::prove!(C9_3_4);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let (porch, drive) = (home.camera("Porch").await, home.camera("Drive").await);
        let viewer = &home.viewer.caller;
        let started = home.now();
        let goes_on = |caller: &Caller, camera: CameraId, since: Time| {
            let (devices, caller, until) = (home.devices.clone(), caller.clone(), home.now());
            async move {
                devices.may_still_view(&caller, camera).await?;
                devices.ticket(&caller, camera, Action::Live, Some(Range::new(since, until)?)).await.map(drop)
            }
        };
        home.devices.ticket(viewer, porch, Action::Live, None).await.unwrap().action();
        home.devices.ticket(&home.owner, drive, Action::Live, None).await.unwrap().action();
        for _ in 0..24 {
            let since = home.now();
            home.clock.advance(5 * SECOND);
            goes_on(viewer, porch, since).await.unwrap();
            goes_on(&home.owner, drive, since).await.unwrap();
        }
        let page = home.devices.view_log(viewer, None, None, 10).await.unwrap();
        assert_eq!(page.items.len(), 1, "a viewer sees only what that person watched");
        assert_eq!(page.items[0].media, Some(Range { start: started, end: home.now() }));

        home.devices.remove(&home.owner, drive).await.unwrap();
        assert_eq!(kind(goes_on(&home.owner, drive, started).await), Kind::NotFound);
        home.accounts.remove_member(&home.owner, viewer.account().unwrap()).await.unwrap();
        assert_eq!(kind(goes_on(viewer, porch, started).await), Kind::Denied);
        let log = home.devices.view_log(&home.owner, None, None, 10).await.unwrap();
        assert_eq!(log.items.len(), 2, "the log outlives the camera and the person");
        assert_eq!(viewer.role(), Some(Role::Member));
    })
    .await;
}

#[tokio::test]
async fn the_log_is_read_in_pages_and_tells_of_links_for_the_owner() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let id = home.camera("Porch").await;
        home.devices.log_setup_link(&home.terminal).await.unwrap();
        for _ in 0..24 {
            home.clock.advance(60 * SECOND);
            home.devices.ticket(&home.owner, id, Action::Snapshot, None).await.unwrap().action();
        }
        let (mut seen, mut before) = (Vec::<View>::new(), None::<ViewId>);
        loop {
            let page = home.devices.view_log(&home.owner, None, before, 10).await.unwrap();
            assert!(page.items.len() <= 10);
            seen.extend(page.items);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 25);
        assert!(seen.is_sorted_by(|a, b| a.started > b.started));
        let link = &seen[24];
        assert_eq!((link.action, link.camera, link.account), (Action::SetupLink, None, None));
        assert_eq!(link.label, "terminal");
        assert!(home.devices.view_log(&home.stranger(), None, None, 10).await.unwrap().items.is_empty());

        home.clock.advance(Duration::from_secs(365 * 86_400));
        assert_eq!(home.devices.expire().await.unwrap(), 24 + 1, "all but the last view, and the change");
        home.clock.advance(SECOND);
        assert_eq!(home.devices.expire().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_the_log_holds_in_memory_is_written_before_the_program_ends() {
    let db = Db::memory().await.unwrap();
    db.migrate(all_migrations(), None).await.unwrap();
    let home = home(db).await;
    let id = home.camera("Porch").await;
    let shutdown = Shutdown::new();
    let keeper = tokio::spawn({
        let (devices, shutdown) = (home.devices.clone(), shutdown.clone());
        async move { devices.keep_logs(shutdown).await }
    });
    tokio::task::yield_now().await;
    for at in 0..3 {
        home.devices.ticket(&home.owner, id, Action::Play, home.media(at * 4, 4)).await.unwrap().action();
    }
    shutdown.begin();
    keeper.await.unwrap();
    assert_eq!(home.rows().await[0].media, home.media(0, 12));
    home.clock.advance(31 * SECOND);
    home.devices.flush_views().await.unwrap();
    assert_eq!(format!("{:?}", home.devices.open_views), "0 open", "nothing is remembered for ever");
}

#[tokio::test]
async fn a_copied_database_shows_neither_names_nor_addresses_nor_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}/main.db", folder.path().display())).await.unwrap();
    db.migrate(all_migrations(), None).await.unwrap();
    let home = home(db.clone()).await;
    let mut settings =
        Settings::new("Canary-name", "rtsp://canary-user:canary-word@10.99.88.77/canary-path", Mode::Off);
    settings.sub_url = Some(secret("rtsp://10.99.88.77/canary-sub"));
    settings.purpose = Some(Pii::new("canary-purpose".into()));
    let camera = home.devices.add(&home.owner, settings).await.unwrap();
    let moved = Edit { url: Some(secret("rtsp://10.99.88.66/canary")), ..Edit::default() };
    home.devices.edit(&home.owner, camera.id, moved).await.unwrap();
    assert!(!format!("{camera:?}").contains("canary"), "nor does a log line");
    db.close().await.unwrap();
    for text in ["anary", "10.99.88"] {
        assert!(!holds(folder.path(), text), "{text}");
    }
    assert!(holds(folder.path(), "mode=off"), "the search finds what is there");
    assert_eq!(Scopes::ALL, home.owner.scopes());
}

fn holds(folder: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// Somebody with an account of their own and no household.
async fn sister(home: &Home) -> NewSession {
    let (id, _) = home.accounts.add_by_hand(&home.owner, "Sister", Role::Member).await.unwrap();
    let session = home.accounts.begin_demo_session(id, firefox()).await.unwrap();
    home.accounts.remove_member(&home.owner, id).await.unwrap();
    NewSession { caller: home.accounts.refresh(&session.caller).await.unwrap(), ..session }
}

fn weekend(camera: CameraId, start: Time, end: Time) -> Offer {
    let rights = vec![Right::Live, Right::History];
    let grant = Grant { which: Which::Camera(camera), rights, start: Some(start), end: Some(end), weekly: Vec::new() };
    Offer { role: Role::Guest, until: None, grants: vec![grant] }
}

#[tokio::test]
async fn a_guest_sees_what_was_granted_while_it_was_granted_and_nothing_from_before() {
    policy::prove!(C9_3_4);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let (porch, nursery) = (home.camera("Porch").await, home.camera("Nursery").await);
        let sister = sister(&home).await.caller;
        let day = Duration::from_secs(86_400);
        let (begins, ends) = (home.now() + day, home.now() + 3 * day);
        let made = home.devices.invite(&home.owner, weekend(porch, begins, ends), None, false).await.unwrap();
        let open = home.devices.invitation(&made.token).await.unwrap();
        assert_eq!((open.offer.role, open.inviter), (Role::Guest, home.owner.account()));
        home.devices.accept_invitation(&sister, &made.token).await.unwrap();
        assert_eq!(
            kind(home.devices.accept_invitation(&sister, &made.token).await),
            Kind::NotFound,
            "a link works once"
        );

        let guest = home.accounts.refresh(&sister).await.unwrap();
        assert_eq!(guest.role(), Some(Role::Guest));
        let watch = |camera, action, range| home.devices.ticket(&guest, camera, action, range);
        assert!(home.devices.cameras(&guest).await.unwrap().is_empty(), "not before it begins");
        assert_eq!(kind(watch(porch, Action::Live, None).await), Kind::NotFound);

        home.clock.advance(day + 3600 * SECOND);
        let seen = home.devices.cameras(&guest).await.unwrap();
        assert_eq!(seen.iter().map(|camera| camera.id).collect::<Vec<_>>(), [porch]);
        assert!(watch(porch, Action::Live, None).await.is_ok());
        let minute = |start: Time| Some(Range { start, end: start + 60 * SECOND });
        assert!(watch(porch, Action::Play, minute(begins)).await.is_ok());
        assert_eq!(kind(watch(porch, Action::Play, minute(begins - SECOND)).await), Kind::Denied, "from before");
        assert_eq!(kind(watch(porch, Action::Download, minute(begins)).await), Kind::Denied, "no right to export");
        assert_eq!(kind(watch(nursery, Action::Live, None).await), Kind::NotFound);
        assert_eq!(kind(home.devices.camera(&guest, nursery).await), Kind::NotFound);
        assert_eq!(home.devices.history_since(&guest, porch).await.unwrap(), Some(begins));
        assert_eq!(home.devices.rights(&guest, porch).await.unwrap(), [Right::Live, Right::History]);
        assert!(home.devices.rights(&guest, nursery).await.unwrap().is_empty());
        assert_eq!(home.devices.rights(&home.owner, nursery).await.unwrap(), Right::ALL);
        assert_eq!(home.devices.grants(&guest, guest.account().unwrap()).await.unwrap().len(), 1);
        assert_eq!(kind(home.devices.grants(&guest, home.owner.account().unwrap()).await), Kind::Denied);

        home.clock.advance(2 * day);
        assert!(home.devices.may_still_view(&guest, porch).await.is_err(), "the weekend is over");
        assert!(home.devices.rights(&guest, porch).await.unwrap().is_empty());
        assert!(home.devices.cameras(&guest).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_is_removed_loses_every_grant_and_regains_none_by_coming_back() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let porch = home.camera("Porch").await;
        let sister = sister(&home).await.caller;
        let id = sister.account().unwrap();
        let offer = || weekend(porch, home.now(), home.now() + 3600 * SECOND);
        let made = home.devices.invite(&home.owner, offer(), None, false).await.unwrap();
        home.devices.accept_invitation(&sister, &made.token).await.unwrap();
        assert!(home.devices.may_still_view(&sister, porch).await.is_ok());
        home.accounts.remove_member(&home.owner, id).await.unwrap();
        assert_eq!(kind(home.devices.may_still_view(&sister, porch).await), Kind::Denied);

        let group = home.devices.put_group(&home.owner, None, "Empty", &[]).await.unwrap();
        let mut offer = offer();
        offer.grants[0].which = Which::Group(group);
        let made = home.devices.invite(&home.owner, offer, None, false).await.unwrap();
        home.devices.accept_invitation(&sister, &made.token).await.unwrap();
        assert_eq!(kind(home.devices.may_still_view(&sister, porch).await), Kind::NotFound);
        home.devices.put_group(&home.owner, Some(group), "Outside", &[porch]).await.unwrap();
        assert!(home.devices.may_still_view(&sister, porch).await.is_ok(), "the group has the camera now");
        home.devices.remove_group(&home.owner, group).await.unwrap();
        assert!(home.devices.may_still_view(&sister, porch).await.is_err(), "a grant goes with its group");
    })
    .await;
}

#[tokio::test]
async fn an_address_is_taken_only_with_permission_and_goes_with_the_invitation() {
    policy::prove!(C1_1_8);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let porch = home.camera("Porch").await;
        let offer = || weekend(porch, home.now(), home.now() + 3600 * SECOND);
        let invite = |address, permitted| home.devices.invite(&home.owner, offer(), Some(address), permitted);
        assert_eq!(invite("zoe@example.org", false).await.err().unwrap().at_field(), Some("permitted"));
        assert_eq!(kind(invite("zoe@example.org, eve@example.org", true).await), Kind::Invalid);
        let made = invite("zoe@example.org", true).await.unwrap();
        let listed = home.devices.invitations(&home.owner).await.unwrap();
        assert_eq!(listed[0].address.as_ref().unwrap().open(), "zoe@example.org");
        let refused = home.devices.refuse_invitation(&made.token).await.unwrap();
        assert_eq!(refused.unwrap().open(), "zoe@example.org", "for who never wants to be asked again");
        assert!(home.devices.invitations(&home.owner).await.unwrap().is_empty());

        let late = invite("zoe@example.org", true).await.unwrap();
        home.clock.advance(Duration::from_secs(7 * 86_400));
        assert_eq!(kind(home.devices.invitation(&late.token).await), Kind::NotFound);
        assert_eq!(home.devices.expire().await.unwrap(), 1);
        assert_eq!(kind(home.devices.invite(&home.viewer.caller, offer(), None, false).await), Kind::Denied);
        let stale = home.devices.invite(&home.owner, offer(), None, false).await;
        assert_eq!(kind(stale), Kind::StepUp, "sharing needs a fresh confirmation");
        let mut wrong = offer();
        wrong.role = Role::Owner;
        assert_eq!(kind(home.devices.invite(&home.terminal, wrong, None, false).await), Kind::Invalid);
        let elsewhere = weekend(CameraId::from_bytes([7; 16]), home.now(), home.now() + SECOND);
        assert_eq!(kind(home.devices.invite(&home.terminal, elsewhere, None, false).await), Kind::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_changed_removed_or_forged_row_breaks_the_chain_of_the_view_log() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let porch = home.camera("Porch").await;
        for _ in 0..5 {
            home.devices.ticket(&home.owner, porch, Action::Live, None).await.unwrap().action();
            home.clock.advance(120 * SECOND);
        }
        assert_eq!(home.devices.view_chain(&home.owner).await.unwrap().rows, 0, "a row that may go on is not chained");
        home.devices.flush_views().await.unwrap();
        let whole = home.devices.view_chain(&home.owner).await.unwrap();
        assert!(whole.rows == 5 && whole.broken_at.is_none() && whole.head.is_some(), "{whole:?}");
        assert_eq!(kind(home.devices.view_chain(&home.viewer.caller).await), Kind::Denied);

        let breaks = async |sql: &str, back: &str| {
            home.db.conn().execute_unprepared(sql).await.unwrap();
            let broken = home.devices.view_chain(&home.owner).await.unwrap().broken_at;
            home.db.conn().execute_unprepared(back).await.unwrap();
            assert!(home.devices.view_chain(&home.owner).await.unwrap().broken_at.is_none());
            broken.is_some()
        };
        let label = |label: &str| format!("UPDATE views SET label = '{label}' WHERE number = 3");
        assert!(breaks(&label("nobody"), &label("Firefox on Linux")).await);
        let number = |from: i64, to: i64| format!("UPDATE views SET number = {to} WHERE number = {from}");
        assert!(breaks(&number(3, 30), &number(30, 3)).await);
        assert!(
            breaks(
                "UPDATE views SET last = last + 1 WHERE number = 5",
                "UPDATE views SET last = last - 1 WHERE number = 5"
            )
            .await
        );
        home.db.conn().execute_unprepared("DELETE FROM views WHERE number = 1").await.unwrap();
        assert!(home.devices.view_chain(&home.owner).await.unwrap().broken_at.is_none(), "retention takes the oldest");
        home.db.conn().execute_unprepared("DELETE FROM views WHERE number = 3").await.unwrap();
        assert!(home.devices.view_chain(&home.owner).await.unwrap().broken_at.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_first_view_and_an_hour_taken_away_are_told_of_once() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let porch = home.camera("Porch").await;
        let told = async || {
            use sea_orm::{ConnectionTrait, Statement};
            let rows = Statement::from_string(
                home.db.backend(),
                "SELECT kind FROM facts WHERE kind LIKE 'devices.%' ORDER BY id",
            );
            let rows = home.db.conn().query_all_raw(rows).await.unwrap();
            rows.iter().map(|row| row.try_get::<String>("", "kind").unwrap()).collect::<Vec<_>>()
        };
        let viewer = &home.viewer.caller;
        home.devices.ticket(viewer, porch, Action::Live, None).await.unwrap().action();
        home.clock.advance(120 * SECOND);
        home.devices.ticket(viewer, porch, Action::Live, None).await.unwrap().action();
        assert_eq!(told().await, [fact::FIRST_VIEW]);

        let minutes = |from: u64, to: u64| {
            let at = |minute| Time::from_micros(0) + Duration::from_secs(60 * minute);
            Some(Range { start: at(from), end: at(to) })
        };
        home.devices.ticket(viewer, porch, Action::Download, minutes(0, 59)).await.unwrap().action();
        assert_eq!(told().await.len(), 1);
        for part in [minutes(59, 61), minutes(61, 90)] {
            home.devices.ticket(viewer, porch, Action::Download, part).await.unwrap().action();
        }
        assert_eq!(told().await, [fact::FIRST_VIEW, fact::BULK_DOWNLOAD], "in pieces it is as much");
        home.devices.ticket(&home.terminal, porch, Action::Download, minutes(0, 90)).await.unwrap().action();
        assert_eq!(told().await.len(), 2, "at the terminal sits the owner");
    })
    .await;
}
