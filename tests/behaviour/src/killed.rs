//! A real server on a real disk, killed in the middle of erasing and of telling, and searched for an erased person.

use crate::{
    house::scenes,
    process::{Program, places_of},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use http::Method;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// A word that must not be found anywhere once its person is gone.
const CANARY: &str = "Zaubernuss-7f3a";

/// A span that chance chooses.
fn some(chance: &base::World, most: Duration) -> Duration {
    let [a, b] = chance.random();
    most * u32::from(u16::from_be_bytes([a, b])) / 65_536
}

async fn rows(db: &db::Db, sql: &str) -> Vec<(String, i64)> {
    let rows = db.conn().query_all_raw(db.statement(sql, [])).await.expect("rows");
    rows.iter()
        .map(|row| (row.try_get_by_index(0).expect("a word"), row.try_get_by_index(1).expect("a number")))
        .collect()
}

async fn certificate(program: &Program, token: &str) -> Value {
    let path = format!("/api/v1/privacy/certificate?token={token}");
    for _ in 0..1200 {
        let answer = program.ask(Method::GET, &path, None, None).await;
        match answer.status {
            200 => return answer.body["statement"].clone(),
            503 => tokio::time::sleep(Duration::from_millis(50)).await,
            other => panic!("{other}: {}", answer.body),
        }
    }
    panic!("the erasure did not end in a minute");
}

/// Somebody in the owner's household; gives the account and the session.
async fn member(program: &Program, owner: &str, login: &str) -> (String, String) {
    let made = program.done(Method::POST, "/api/v1/accounts", owner, Some(json!({ "login": login }))).await;
    let session = program.set_up(made["link"].as_str().expect("a link"), login).await;
    (made["id"].as_str().expect("an id").to_owned(), session)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_killed_anywhere_ends_after_the_next_start_with_a_true_certificate() {
    policy::prove!(C3_5);
    const ROUNDS: usize = 12;
    let Some(program) = Program::new("") else { return };
    let (chance, _) = base::World::test(31);
    let mut server = program.served().await;
    let owner = program.set_up(&program.say(&["setup-url"]), "ada").await;
    let (mut tokens, mut middles) = (BTreeMap::new(), Vec::new());
    for round in 0..ROUNDS {
        let (id, session) = member(&program, &owner, &format!("{CANARY}-{round}")).await;
        let name = json!({ "display_name": format!("{CANARY} {round}"), "phone": "+49 30 7777777" });
        program.done(Method::PATCH, "/api/v1/profile", &session, Some(name)).await;
        let question = json!({ "kind": "question", "text": CANARY, "language": "en" });
        program.done(Method::POST, "/api/v1/privacy/requests", &session, Some(question)).await;
        let closed = program.done(Method::POST, "/api/v1/privacy/close", &session, Some(json!({ "now": true }))).await;
        tokens.insert(id.clone(), closed["certificate"].as_str().expect("a token").to_owned());
        tokio::time::sleep(some(&chance, Duration::from_millis(450))).await;
        server.kill().expect("it was running");
        server.wait().expect("it ended");
        let db = program.db().await;
        let steps = "SELECT 'open', count(*) FROM erasure_steps WHERE done IS NULL";
        middles.extend(rows(&db, steps).await.into_iter().map(|(_, open)| open).filter(|open| *open > 0));
        db.close().await.expect("it closes");
        server = program.served().await;
    }
    for (id, token) in &tokens {
        let statement = certificate(&program, token).await;
        assert_eq!(statement["account"], id.as_str());
        assert_eq!(statement["reason"], "asked");
        assert!(statement["erased"]["accounts"] == 1 && statement["erased"]["requests"] == 1, "{statement}");
        assert!(!statement["keys_destroyed"].as_array().expect("keys").is_empty(), "{statement}");
    }
    program.done(Method::GET, "/api/v1/privacy", &owner, None).await;
    program.stop(server);
    eprintln!("killed {ROUNDS} times, {} of them between two steps: {middles:?} steps were open", middles.len());
    assert!(middles.len() >= 2, "the kills came in the middle");
    let db = program.db().await;
    assert_eq!(
        rows(&db, "SELECT state, count(*) FROM erasures GROUP BY state").await,
        [("erased".into(), ROUNDS as i64)]
    );
    assert_eq!(
        rows(&db, "SELECT 'certificates', count(*) FROM certificates").await[0].1,
        ROUNDS as i64,
        "one for each"
    );
    assert_eq!(rows(&db, "SELECT 'accounts', count(*) FROM accounts").await[0].1, 1, "the owner stays");
    db.close().await.expect("it closes");
    let record = std::fs::read_to_string(program.folder.path().join("data.erasures")).expect("the record");
    assert!(tokens.keys().all(|id| record.matches(id.as_str()).count() == 1), "each is recorded once");
    assert_eq!(places_of(CANARY, program.folder.path()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fact_is_lost_when_the_server_is_killed_and_none_is_told_more_often_than_it_was_tried() {
    const ROUNDS: i64 = 8;
    const ASKED: i64 = 12;
    let Some(program) = Program::new("") else { return };
    let mut server = program.served().await;
    let owner = program.set_up(&program.say(&["setup-url"]), "ada").await;
    let (mut people, mut waiting) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (id, session) = member(&program, &owner, &format!("member {round}")).await;
        let question = || Some(json!({ "kind": "question", "text": "Who?", "language": "en" }));
        let ask = || program.done(Method::POST, "/api/v1/privacy/requests", &session, question());
        // Killed when so many have their answer: the others may be kept or not, and what is kept may be told or not.
        let mut asked: FuturesUnordered<_> = (0..ASKED).map(|_| ask()).collect();
        for _ in 0..=round {
            asked.next().await.expect("an answer");
        }
        drop(asked);
        people.push(id);
        server.kill().expect("it was running");
        server.wait().expect("it ended");
        let db = program.db().await;
        waiting.push(rows(&db, "SELECT 'open', count(*) FROM facts WHERE done IS NULL").await[0].1);
        db.close().await.expect("it closes");
        server = program.served().await;
    }
    // Until nothing more is told for a while.
    let (mut told, mut quiet) = (0, 0);
    while quiet < 40 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let inbox = program.done(Method::GET, "/api/v1/inbox?limit=1", &owner, None).await;
        let unread = inbox["unread"].as_i64().expect("a number");
        quiet = if unread == told { quiet + 1 } else { 0 };
        told = unread;
    }
    program.stop(server);
    eprintln!("facts that waited at the {ROUNDS} kills: {waiting:?}");
    assert!(waiting.iter().any(|open| *open > 0), "a kill came in the middle");
    let db = program.db().await;
    assert_eq!(rows(&db, "SELECT 'open', count(*) FROM facts WHERE done IS NULL").await[0].1, 0, "all is told");
    let kept = "SELECT lower(hex(account)), count(*) FROM requests GROUP BY account";
    let kept: BTreeMap<String, i64> = rows(&db, kept).await.into_iter().collect();
    let facts = "SELECT kind, count(*) FROM facts WHERE kind = 'privacy.request_opened' GROUP BY kind";
    assert_eq!(rows(&db, facts).await[0].1, kept.values().sum::<i64>(), "a fact for each request");
    let told = "SELECT lower(hex(account)), count(*) FROM inbox GROUP BY account";
    let told: BTreeMap<String, i64> = rows(&db, told).await.into_iter().collect();
    for (round, id) in (0..).zip(&people) {
        let id = id.replace('-', "");
        let (kept, told) = (kept.get(&id).copied().unwrap_or_default(), told.get(&id).copied().unwrap_or_default());
        assert!(kept > round, "what was answered is kept: {kept}");
        // A kill may come between the notice and the mark that it was told; of each kind one is told at a time.
        assert!((kept..=kept + 2).contains(&told), "{told} notices of {kept}");
    }
    db.close().await.expect("it closes");
}

/// Takes the newest migration back, so that the program makes a restore point before it runs it again; and shows the owner's
/// address to be theirs, since no mail arrives.
async fn prepare(program: &Program) {
    let db = program.db().await;
    for change in [
        "DROP TABLE requests",
        "DELETE FROM schema_migrations WHERE name = 'm20261124_1600_requests'",
        "UPDATE accounts SET verified = created",
    ] {
        let changed = db.conn().execute_unprepared(change).await.expect("it is changed");
        assert!(change.starts_with("DROP") || changed.rows_affected() == 1, "{change}");
    }
    db.close().await.expect("it closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_erased_person_is_in_the_folder_the_logs_the_mail_spool_or_a_restore_point() {
    policy::prove!(C3_5, C3_6);
    // A mail server that never answers, so that every mail waits.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let mail = format!("[mail]\nsmtp = \"smtp://127.0.0.1:{port}\"\nfrom = \"Nightjar <cams@cams.example>\"\n");
    let Some(program) = Program::new(&mail) else { return };
    let simulator = scenes(1).await;
    let login = format!("{CANARY}@example.org").to_lowercase();
    let canaries = [CANARY, &CANARY.to_lowercase(), "7777777", "hunter2-9c1e", "Moorhuhn-5b2d"];

    let server = program.served().await;
    let session = program.set_up(&program.say(&["setup-url"]), &login).await;
    program.stop(server);
    prepare(&program).await;
    let mut server = program.served().await;
    assert_eq!(std::fs::read_dir(program.data().join("restore-points")).expect("a folder").count(), 1);
    let post = async |path: &str, body| program.done(Method::POST, path, &session, Some(body)).await;
    let profile = json!({ "display_name": CANARY, "phone": "+49 30 7777777" });
    program.done(Method::PATCH, "/api/v1/profile", &session, Some(profile)).await;
    let household = json!({ "name": CANARY });
    program.done(Method::PATCH, "/api/v1/household", &session, Some(household)).await;
    let url = simulator.urls()[0].main.clone();
    let camera = json!({
        "name": format!("{CANARY} porch"), "url": url, "mode": "continuous", "username": CANARY, "password": "hunter2-9c1e",
    });
    let camera = post("/api/v1/cameras", camera).await["id"].as_str().expect("an id").to_owned();
    post("/api/v1/privacy/requests", json!({ "kind": "question", "text": "Moorhuhn-5b2d", "language": "de" })).await;
    post("/api/v1/privacy/objections", json!({ "purpose": "view-log", "objected": true, "language": "de" })).await;
    post("/api/v1/privacy/export", json!({ "footage": true })).await;
    let wrong = json!({ "login": login, "password": "hunter2-9c1e" });
    assert_eq!(program.ask(Method::POST, "/api/v1/session", None, Some(wrong)).await.status, 401);
    let snapshot = format!("/api/v1/cameras/{camera}/snapshot.jpg");
    for _ in 0..200 {
        if program.ask(Method::GET, &snapshot, Some(&session), None).await.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    program.done(Method::GET, &snapshot, &session, None).await;
    let account = program.done(Method::GET, "/api/v1/profile", &session, None).await["id"].clone();
    let account = account.as_str().expect("an id").to_owned();
    // What a kill leaves in the database's log is searched too.
    server.kill().expect("it was running");
    server.wait().expect("it ended");
    let waiting = {
        let db = program.db().await;
        let waiting = rows(&db, "SELECT state, count(*) FROM mails GROUP BY state").await;
        db.close().await.expect("it closes");
        waiting
    };
    assert!(waiting.iter().any(|(state, count)| state == "waiting" && *count > 0), "mails wait: {waiting:?}");

    let server = program.served().await;
    let closed = post("/api/v1/privacy/close", json!({ "now": true })).await;
    let statement = certificate(&program, closed["certificate"].as_str().expect("a token")).await;
    assert_eq!(statement["account"], account.as_str());
    let look = || canaries.iter().flat_map(|word| places_of(word, program.folder.path())).collect::<Vec<_>>();
    assert_eq!(look(), [""; 0], "while the server runs");
    let places = places_of(&account, program.folder.path());
    assert!(places.iter().any(|place| place.ends_with("data.erasures")), "the search finds what there is: {places:?}");
    program.stop(server);
    assert_eq!(look(), [""; 0], "once it is stopped");
    let log = std::fs::read_to_string(program.folder.path().join("log")).expect("a log");
    assert!(log.lines().count() > 3, "the log was searched");
    simulator.stop().await;
}
