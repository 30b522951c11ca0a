//! Leaving: a closed account is dark at once and everywhere, an erased one leaves nothing behind, and others are untouched.

use crate::{
    house::{House, file_db, map, scenes},
    process::places_of,
    served::{Answer, Credential, Served},
};
use accounts::{AccountId, Caller, Role};
use base::Secret;
use cloud::Stream;
use devices::{CameraId, Settings, grant::Action};
use http::Method;
use policy::{Holder, Label, Place, Subject};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// A word that must not be found anywhere once its person is gone.
const CANARY: &str = "Zaubernuss-7f3a";

/// A person with a camera that has recorded.
struct Home {
    served: Served,
    owner: AccountId,
    camera: CameraId,
    _simulator: simulator::Simulator,
}

impl Home {
    async fn set() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let db = file_db(&folder).await;
        let house = House::in_folder(db, folder, base::World::system()).await;
        let simulator = scenes(1).await;
        let camera = house.add(&format!("Porch {CANARY}"), &simulator.urls()[0], false).await;
        house.recorded(camera, Stream::Main, Duration::from_secs(3)).await;
        let owner = house.accounts.ensure_demo_owner(house.household, &format!("{CANARY}@example.org")).await.unwrap();
        Self { served: Served::new(house), owner, camera, _simulator: simulator }
    }

    fn house(&self) -> &House {
        &self.served.house
    }

    async fn ask(&self, method: Method, path: &str, as_whom: &Credential, body: serde_json::Value) -> Answer {
        self.served.ask(method, path, as_whom, Some(body)).await
    }

    async fn close(&self, session: &Credential, body: serde_json::Value) -> [Secret<String>; 2] {
        let closed = self.ask(Method::POST, "/api/v1/privacy/close", session, body).await;
        assert_eq!(closed.status, 200, "{:?}", String::from_utf8_lossy(&closed.body));
        ["undo", "certificate"].map(|name| Secret::new(closed.json()[name].as_str().unwrap().to_owned()))
    }

    fn subject(&self) -> Subject {
        Subject { account: self.owner.bytes(), households: vec![self.house().household.bytes()] }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_is_dark_everywhere_at_once_and_undoing_brings_all_of_it_back() {
    policy::prove!(C3_3);
    let home = Home::set().await;
    let house = home.house();
    let session = home.served.session(home.owner).await;
    let token = house.accounts.create_token(&Caller::system(house.household), None, accounts::Scopes::ALL, None).await;
    let token = Credential::Token(token.unwrap().token.expose().clone());
    let snapshot = format!("/api/v1/cameras/{}/snapshot.jpg", home.camera);
    assert_eq!(home.served.ask(Method::GET, &snapshot, &session, None).await.status, 200);
    let [undo, _] = home.close(&session, json!({})).await;
    assert_eq!(home.served.ask(Method::GET, &snapshot, &session, None).await.status, 401, "the session is over");
    assert_eq!(home.served.ask(Method::GET, &snapshot, &token, None).await.status, 404, "nobody sees the camera");
    let status = house.cloud.status(&house.caller(), home.camera).await.unwrap();
    assert_eq!(status.condition, cloud::Condition::Off, "nothing is recorded");
    // What was under way is stored; then nothing more is.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = house.cloud.status(&house.caller(), home.camera).await.unwrap().recorded_until;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(house.cloud.status(&house.caller(), home.camera).await.unwrap().recorded_until, before);

    let undone = home.ask(Method::POST, "/api/v1/privacy/undo", &Credential::Nobody, json!({ "token": undo.expose() }));
    assert_eq!(undone.await.status, 204);
    let session = home.served.session(home.owner).await;
    assert_eq!(home.served.ask(Method::GET, &snapshot, &session, None).await.status, 200, "all of it is back");
    let status = house.cloud.status(&house.caller(), home.camera).await.unwrap();
    assert_ne!(status.condition, cloud::Condition::Off);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_leaves_nothing_behind_and_the_neighbours_keep_everything() {
    policy::prove!(C3_5, C3_6);
    let home = Home::set().await;
    let house = home.house();
    let session = home.served.session(home.owner).await;
    for (path, body) in [
        ("/api/v1/privacy/acceptance", json!({ "version": 1, "language": "de" })),
        ("/api/v1/privacy/objections", json!({ "purpose": "view-log", "objected": true, "language": "de" })),
        ("/api/v1/privacy/export", json!({ "footage": true })),
    ] {
        assert!(home.ask(Method::POST, path, &session, body).await.status.is_success(), "{path}");
    }
    let profile = json!({ "display_name": CANARY, "phone": "+49 30 7777777" });
    assert!(home.ask(Method::PATCH, "/api/v1/profile", &session, profile).await.status.is_success());
    house.privacy.make_exports().await.unwrap();
    let neighbours = home.served.neighbours().await;
    let neighbour = Caller::system(neighbours);
    let other = house.devices.add(&neighbour, Settings::new("Yard", "rtsp://10.0.0.1/", devices::Mode::Off)).await;
    let other = other.unwrap().id;

    let held = home.served.ask(Method::GET, "/api/v1/privacy", &session, None).await.json();
    let categories: Vec<_> =
        held["held"].as_array().unwrap().iter().map(|held| held["category"].as_str().unwrap().to_owned()).collect();
    for category in ["user.contact.email", "user.content.home_video", "user.device.camera.name", "user.consent"] {
        assert!(categories.iter().any(|held| held == category), "{category} in {categories:?}");
    }
    let stays = held["stays"].as_array().unwrap();
    let stays = stays.iter().find(|stays| stays["place"] == "views").expect("what stays is told before");
    assert!(stays["reason"].as_str().unwrap().contains("who watched") && stays["until"] == "365 days", "{stays}");
    let [_, certificate] = home.close(&session, json!({ "now": true })).await;
    house.privacy.erase_due().await.unwrap();

    for holder in [&house.vault as &dyn Holder, &house.cloud, &house.connect, &house.devices, &house.accounts] {
        assert_eq!(holder.remaining(&home.subject()).await.unwrap(), [], "{}", holder.name());
    }
    let folder = house.folder.path();
    assert_eq!(std::fs::read_dir(folder.join("exports")).unwrap().count(), 0);
    let id = home.owner.to_string();
    let proof = format!("/api/v1/privacy/certificate?token={}", certificate.expose());
    let proof = home.served.ask(Method::GET, &proof, &Credential::Nobody, None).await.json();
    assert_eq!(proof["statement"]["account"], id.as_str());
    assert!(proof["statement"]["keys_destroyed"].as_array().unwrap().len() >= 3, "account, household, camera");
    assert!(proof["statement"]["erased"]["recording_files"].as_u64().unwrap() > 0);
    assert!(house.devices.camera(&neighbour, other).await.is_ok(), "the neighbours keep everything");
    assert_eq!(places_of(CANARY, folder), [""; 0], "in no file, no log of the database, no page that is free");
    assert_eq!(places_of("7777777", folder), [""; 0]);
    let mut objects = 0;
    house.vault.shelf().list(vault::ObjectName::from_bytes([0; 16]), &mut |_| objects += 1).unwrap();
    assert_eq!(objects, 0, "nothing is on the shelf");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_leaves_takes_nothing_of_the_household_along_and_can_come_back_as_somebody_new() {
    policy::prove!(C3_4);
    let home = Home::set().await;
    let house = home.house();
    let (ben, _) = house.accounts.add_by_hand(&house.caller(), "Ben", Role::Member).await.unwrap();
    let session = home.served.session(ben).await;
    let snapshot = format!("/api/v1/cameras/{}/snapshot.jpg", home.camera);
    assert_eq!(home.served.ask(Method::GET, &snapshot, &session, None).await.status, 200);
    let owner = home.served.session(home.owner).await;
    let alone = home.ask(Method::POST, "/api/v1/privacy/close", &owner, json!({})).await;
    assert_eq!((alone.status.as_u16(), &alone.json()["field"]), (409, &"with_households".into()));
    home.close(&session, json!({ "now": true })).await;
    house.privacy.erase_due().await.unwrap();
    assert_eq!(home.served.ask(Method::GET, &snapshot, &owner, None).await.status, 200, "the household goes on");
    let views = home.served.ask(Method::GET, "/api/v1/views", &owner, None).await.json();
    let seen = views["items"].as_array().unwrap().iter().find(|view| view["who"].is_null()).expect("his line");
    assert_eq!(seen["action"], Action::Snapshot.as_str(), "who watched stays known, without a name");
    let (again, _) = house.accounts.add_by_hand(&house.caller(), "Ben", Role::Member).await.expect("the name is free");
    assert_ne!(again, ben);
    let mine = home.served.ask(Method::GET, "/api/v1/views", &home.served.session(again).await, None).await.json();
    assert_eq!(mine["items"], json!([]), "nothing of the old account shows");
}

#[test]
fn every_place_with_personal_data_has_a_holder() {
    let own =
        [connect::DATA_MAP, vault::DATA_MAP, accounts::DATA_MAP, devices::DATA_MAP, cloud::DATA_MAP, privacy::DATA_MAP];
    let holders = own.concat();
    // What stands in queues names opaque ids and goes within days; what a browser keeps, it keeps.
    let elsewhere = [db::DATA_MAP, db::QUEUES, api::DATA_MAP].concat();
    for table in map() {
        let personal = table.columns.iter().any(|entry| matches!(entry.label, Label::Personal(_)));
        let known = |tables: &[policy::Table]| tables.iter().any(|known| known.name == table.name);
        assert!(!personal || known(&holders) || known(&elsewhere) || table.place != Place::Table, "{}", table.name);
    }
}

/// A measurement: `cargo test -p behaviour -- --ignored --nocapture million`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of a minute"]
async fn a_million_fragments_are_unreadable_within_a_second_and_gone_within_two_minutes() {
    use cloud::{
        index::{File, FileId, Index, ParamsId, RunId, Save},
        table::{Entry, Table},
    };
    const FILES: i64 = 33_334;
    let home = Home::set().await;
    let house = home.house();
    let index = Index::new(house.db.clone(), house.world.clone());
    let (run, params) = (RunId::generate(&house.world), ParamsId::generate(&house.world));
    let first = house.now() - Duration::from_secs(60 * FILES as u64);
    let epoch = house.vault.new_epoch(house.household.bytes(), home.camera.bytes(), 0, first).await.unwrap();
    let mut saves = Vec::new();
    for file in 0..FILES {
        let start = first + Duration::from_secs(60 * file as u64);
        let entry =
            |n: u64| Entry { time: start + Duration::from_secs(2 * n), duration: 2_000_000, len: 500_000, key: true };
        let table = Table { init_len: 700, entries: (0..30).map(entry).collect() };
        let range = base::Range { start, end: start + Duration::from_secs(60) };
        let (id, camera, stream, bytes) =
            (FileId::generate(&house.world), home.camera, Stream::Main, table.sealed_bytes());
        drop(house.vault.writer(vault::ObjectName::from_bytes(id.bytes())).unwrap());
        let file =
            File { id, camera, stream, run, params, epoch: epoch.id, range, origin: start, bytes, closed: true, table };
        saves.push(Save { grown: file.bytes, file });
    }
    for saves in saves.chunks(1000) {
        index.save(saves).await.unwrap();
    }
    let session = home.served.session(home.owner).await;
    home.close(&session, json!({ "now": true })).await;
    let began = std::time::Instant::now();
    let erasing = tokio::spawn({
        let privacy = house.privacy.clone();
        async move { privacy.erase_due().await }
    });
    while !house.vault.keys(&home.subject()).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let unreadable = began.elapsed();
    erasing.await.unwrap().unwrap();
    let gone = began.elapsed();
    println!("{} fragments: unreadable after {unreadable:?}, gone after {gone:?}", FILES * 30);
    assert!(unreadable <= Duration::from_secs(1) && gone <= Duration::from_secs(120));
}
