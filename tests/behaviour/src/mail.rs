//! Mail as it arrives: from a fact to a real mail server, with the way out that each mail carries.

use crate::{
    house::House,
    served::{Credential, Served, form},
};
use accounts::{AccountId, Label, NewAccount, SignedUp, fact};
use base::{Secret, Shutdown};
use connect::{Factor, Notice, Post, Smtp, Topic};
use db::outbox::Outbox;
use http::Method;
use policy::prove;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::task::JoinHandle;

#[path = "../../../crates/nightjar/src/reactions.rs"]
mod reactions;

/// A mail server of its own, which ends with the test.
struct Maildev {
    web: u16,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Maildev {
    /// Starts one that takes mail on `port`; `None`, and a line that says so, if it cannot be installed.
    async fn start(port: u16) -> Option<Self> {
        let found = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/maildev")).output();
        let Some(found) = found.ok().filter(|found| found.status.success()) else {
            eprintln!("skipped: maildev cannot be installed (npm)");
            return None;
        };
        let program = String::from_utf8(found.stdout).expect("a path");
        let (web, folder) = (free_port(), tempfile::tempdir().expect("a temporary folder"));
        let child = Command::new("node")
            .args([program.trim(), "--ip", "127.0.0.1", "--web-ip", "127.0.0.1"])
            .args(["--smtp", &port.to_string(), "--web", &web.to_string(), "--mail-directory"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let server = Self { web, child, _folder: folder };
        for _ in 0..300 {
            if server.get("").await.is_some() && tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("maildev does not answer");
    }

    async fn get(&self, path: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/api/email{path}", self.web);
        reqwest::get(url).await.ok()?.text().await.ok()
    }

    /// Everything that arrived.
    async fn mails(&self) -> Vec<Value> {
        serde_json::from_str(&self.get("").await.expect("maildev answers")).expect("a list")
    }

    /// Waits until so many mails arrived.
    async fn arrived(&self, count: usize) -> Vec<Value> {
        for _ in 0..600 {
            let mails = self.mails().await;
            if mails.len() >= count {
                return mails;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{count} mails did not arrive in a minute");
    }

    /// A mail as it came over the wire.
    async fn source(&self, mail: &Value) -> String {
        let id = mail["id"].as_str().expect("an id");
        self.get(&format!("/{id}/source")).await.expect("the source")
    }
}

impl Drop for Maildev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a local address").port()
}

fn smtp(port: u16) -> Post {
    let url = Secret::new(format!("smtp://127.0.0.1:{port}"));
    Post::Smtp(Smtp::new(&url, "Nightjar <cams@cams.example>").expect("a mail server"))
}

/// A household whose outbox and sender run.
struct Writing {
    house: House,
    shutdown: Shutdown,
    parts: Vec<JoinHandle<()>>,
}

impl Writing {
    async fn new(post: Post) -> Self {
        let (house, shutdown) = (House::writing(post).await, Shutdown::new());
        let mut writing = Self { house, shutdown, parts: Vec::new() };
        writing.start();
        writing
    }

    fn start(&mut self) {
        let house = &self.house;
        let outbox = Outbox::new(house.db.clone(), house.world.clone());
        let reactions = reactions::reactions(
            house.accounts.clone(),
            house.devices.clone(),
            house.connect.clone(),
            house.privacy.clone(),
        );
        let (connect, facts, mails) = (house.connect.clone(), self.shutdown.child(), self.shutdown.child());
        self.parts.push(tokio::spawn(async move { outbox.run(reactions, facts).await }));
        self.parts.push(tokio::spawn(async move { connect.run(mails).await }));
    }

    async fn stop(self) -> House {
        self.shutdown.begin();
        for part in self.parts {
            part.await.expect("it ends in order");
        }
        self.house
    }
}

/// Somebody whose address is verified.
async fn person(house: &House, login: &str) -> AccountId {
    match sign_up(house, login, false).await {
        SignedUp::SignedIn(session) => session.caller.account().expect("a person"),
        SignedUp::LookIntoMail => panic!("the address is proven"),
    }
}

async fn sign_up(house: &House, login: &str, by_mail: bool) -> SignedUp {
    let new = NewAccount {
        login: login.into(),
        password: Some(Secret::new("eleven loud magpies argue".into())),
        display_name: None,
        phone: None,
        language: accounts::Language::De,
        adult: true,
        policy: 1,
    };
    let address = "127.0.0.1".parse().expect("an address");
    let here = accounts::Browser { address, label: Label::browser(""), known: None };
    house.accounts.sign_up(new, by_mail, !by_mail, &here).await.expect("an account")
}

fn joined() -> Notice {
    Notice::JoinedHousehold { household: Some("Ulmenstraße 4 <b>".into()) }
}

fn headers(source: &str) -> Vec<&str> {
    source.split("\r\n\r\n").next().unwrap_or_default().lines().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_arrives_as_text_and_html_with_the_right_headers() {
    prove!(C2_2_1, C3_8);
    let port = free_port();
    let Some(maildev) = Maildev::start(port).await else { return };
    let writing = Writing::new(smtp(port)).await;
    let ada = person(&writing.house, "ada@müller.example").await;
    writing.house.connect.notify(ada, joined()).await.unwrap();
    let mail = maildev.arrived(1).await.remove(0);
    assert_eq!(mail["subject"], "Sie gehören jetzt zu einem Haushalt");
    assert_eq!(mail["from"][0]["address"], "cams@cams.example");
    assert_eq!(mail["to"].as_array().unwrap().len(), 1);
    assert_eq!(mail["envelope"]["to"].as_array().unwrap().len(), 1);
    assert!(mail["text"].as_str().unwrap().contains("Mitglied von „Ulmenstraße 4 <b>“"));
    assert!(mail["html"].as_str().unwrap().contains("„Ulmenstraße 4 &lt;b&gt;“"));
    let source = maildev.source(&mail).await;
    let one = |name: &str| -> String {
        let found: Vec<_> =
            headers(&source).into_iter().filter(|line| line.starts_with(&format!("{name}: "))).collect();
        assert_eq!(found.len(), 1, "{name} in {source}");
        found[0][name.len() + 2..].trim_end().to_owned()
    };
    let way_out = one("List-Unsubscribe");
    assert!(way_out.starts_with("<https://cams.example/unsubscribe?token=") && way_out.ends_with('>'), "{way_out}");
    assert_eq!(one("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert_eq!(one("To"), "ada@xn--mller-kva.example");
    assert_eq!(one("Auto-Submitted"), "auto-generated");
    assert!(one("Message-ID").ends_with("@cams.example>"));
    assert!(one("Content-Type").starts_with("multipart/alternative"));
    assert!(!source.to_lowercase().contains("bcc:"));

    writing.house.connect.notify(ada, Notice::FactorChanged { what: Factor::Changed }).await.unwrap();
    let mails = maildev.arrived(2).await;
    let necessary = mails.iter().find(|mail| mail["subject"] == "Ihre Anmeldung wurde geändert").unwrap();
    assert!(!maildev.source(necessary).await.contains("List-Unsubscribe:"), "what is necessary is no list");
    writing.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_down_loses_no_mail_and_gets_none_twice() {
    let port = free_port();
    let mut writing = Writing::new(smtp(port)).await;
    let ada = person(&writing.house, "ada@example.org").await;
    for _ in 0..5 {
        writing.house.connect.notify(ada, Notice::PasswordChanged).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The program ends and starts again while the mail server is away.
    writing.shutdown.begin();
    for part in writing.parts.drain(..) {
        part.await.unwrap();
    }
    writing.shutdown = Shutdown::new();
    writing.start();
    let Some(maildev) = Maildev::start(port).await else { return };
    maildev.arrived(5).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mails = maildev.mails().await;
    let ids: BTreeSet<_> = mails.iter().map(|mail| mail["headers"]["message-id"].to_string()).collect();
    assert_eq!((mails.len(), ids.len()), (5, 5));
    writing.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_without_cookies_stops_such_mails_and_looking_at_the_page_does_not() {
    prove!(C3_8, C3_9, C3_18);
    let port = free_port();
    let Some(maildev) = Maildev::start(port).await else { return };
    let writing = Writing::new(smtp(port)).await;
    let ada = person(&writing.house, "ada@example.org").await;
    let connect = writing.house.connect.clone();
    connect.notify(ada, joined()).await.unwrap();
    let mail = maildev.arrived(1).await.remove(0);
    let source = maildev.source(&mail).await;
    let line = headers(&source).into_iter().find(|line| line.starts_with("List-Unsubscribe:")).unwrap().to_owned();
    let path = line.split("https://cams.example").nth(1).unwrap().trim_end_matches('>').to_owned();

    let shutdown = writing.shutdown.clone();
    let served = Served::new(writing.house);
    let address = served.listen().await;
    let client = reqwest::Client::new();
    let ask = |method: Method, path: &str| {
        let request = client.request(method, format!("http://{address}{path}"));
        async move {
            let answer = request.body("List-Unsubscribe=One-Click").send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    let household = async || connect.topics(ada).await.unwrap().contains(&(Topic::Household, true));
    let (status, page) = ask(Method::GET, &path).await;
    assert!(status == 200 && page.contains("<form method=\"post\">") && household().await, "looking changes nothing");
    let forged = format!("{}AAAA", &path[..path.len() - 4]);
    let (status, refused) = ask(Method::POST, &forged).await;
    assert!(status == 200 && household().await, "a forged token changes nothing");
    let (status, done) = ask(Method::POST, &path).await;
    assert!(status == 200 && !household().await);
    assert_eq!(done, refused, "and nobody can tell the two apart");

    connect.notify(ada, joined()).await.unwrap();
    connect.notify(ada, Notice::PasswordChanged).await.unwrap();
    let mails = maildev.arrived(2).await;
    assert_eq!(mails.len(), 2, "what is necessary still comes, and nothing else");
    shutdown.begin();
    for part in writing.parts {
        part.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_the_mail_of_a_sign_up_and_its_link_opens_the_account() {
    let writing = Writing::new(Post::Shown).await;
    let (shutdown, parts) = (writing.shutdown.clone(), writing.parts);
    let served = Served::new(writing.house);
    let waits = sign_up(&served.house, "zoe@example.org", true).await;
    assert!(matches!(waits, SignedUp::LookIntoMail));
    let owner = served.house.accounts.ensure_demo_owner(served.house.household, "Ada").await.unwrap();
    let owner = served.session(owner).await;
    let mut mails = Vec::new();
    for _ in 0..300 {
        mails = served.ask(Method::GET, "/api/v1/demo/mails", &owner, None).await.json()["items"]
            .as_array()
            .unwrap()
            .clone();
        if !mails.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(mails[0]["to"], "zoe@example.org");
    assert_eq!(mails[0]["subject"], "Bestätigen Sie Ihre E-Mail-Adresse");
    let text = mails[0]["text"].as_str().unwrap();
    let token = text.split("https://cams.example/verify#token=").nth(1).unwrap().lines().next().unwrap();
    let body = serde_json::json!({ "token": token });
    let verified = served.ask(Method::POST, "/api/v1/sign-up/verify", &Credential::Nobody, Some(body)).await;
    assert_eq!(verified.status, 200, "{:?}", String::from_utf8_lossy(&verified.body));
    shutdown.begin();
    for part in parts {
        part.await.unwrap();
    }
}

/// Waits for something that a reaction brings about.
async fn until<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> T {
    for _ in 0..300 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not happen in fifteen seconds");
}

/// The newest mail to an address that would have gone out, once there are so many.
async fn shown(house: &House, to: &str, count: usize) -> connect::Letter {
    until(|| async {
        let mails = house.connect.shown().await.expect("the mails");
        let mails: Vec<_> = mails.into_iter().filter(|mail| mail.to == to).collect();
        (mails.len() >= count).then_some(mails)?.into_iter().next().map(|newest| newest.letter)
    })
    .await
}

/// The path of an address of ours that stands in a mail.
fn path_in(letter: &connect::Letter, beginning: &str) -> String {
    let address =
        letter.text.split_whitespace().find(|word| word.starts_with(&format!("https://cams.example/{beginning}")));
    address.expect("the address").strip_prefix("https://cams.example").expect("ours").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_by_the_way_out_of_a_mail_has_taken_the_consent_back_with_a_receipt() {
    let writing = Writing::new(Post::Shown).await;
    let (shutdown, parts) = (writing.shutdown.clone(), writing.parts);
    let served = Served::new(writing.house);
    let house = &served.house;
    let account = person(house, "ada@example.org").await;
    let ada = served.session(account).await;
    let wanted = serde_json::json!({ "household": true, "views": true });
    assert_eq!(served.ask(Method::PUT, "/api/v1/inbox/choices", &ada, Some(wanted)).await.status, 204);
    let consent = || async {
        let consents = served.ask(Method::GET, "/api/v1/privacy/consents", &ada, None).await.json();
        consents.as_array().unwrap().iter().find(|one| one["purpose"] == "activity-notices").unwrap().clone()
    };
    assert_eq!(consent().await["state"], "ConsentGiven", "a switch is a consent too");
    let seen = Notice::FirstView { person: "Ben".into(), camera: "Porch".into() };
    house.connect.notify(account, seen).await.unwrap();
    let letter = shown(house, "ada@example.org", 1).await;
    let way_out = letter.one_click.expect("a way out").strip_prefix("https://cams.example").unwrap().to_owned();
    assert_eq!(served.ask(Method::POST, &way_out, &Credential::Nobody, None).await.status, 200);
    let line = until(|| async { Some(consent().await).filter(|line| line["state"] == "ConsentWithdrawn") }).await;
    assert_eq!((&line["given"], &line["method"]), (&false.into(), &"mail".into()));
    let receipt = format!("/api/v1/privacy/consents/{}/receipt", line["receipt"].as_str().unwrap());
    let receipt = served.ask(Method::GET, &receipt, &ada, None).await.json();
    assert_eq!(receipt["dpv:hasConsentStatus"]["@type"], "dpv:ConsentWithdrawn");
    assert_eq!(receipt["dpv:hasNotice"]["dct:language"], "de");
    shutdown.begin();
    for part in parts {
        part.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_an_account_asks_by_a_page_confirms_by_mail_and_reads_the_answer() {
    prove!(C3_13, C3_14);
    let writing = Writing::new(Post::Shown).await;
    let (shutdown, parts) = (writing.shutdown.clone(), writing.parts);
    let served = Served::new(writing.house);
    let house = &served.house;
    let owner = house.accounts.ensure_demo_owner(house.household, "Ada").await.unwrap();
    let ada = served.session(owner).await;
    let fields = [
        ("kind", "access"),
        ("clause", "C3.15"),
        ("text", "Bin ich auf Ihren <Bildern>?"),
        ("address", "kim@example.org"),
        ("language", "de"),
    ];
    let page = served.send(form("/privacy/ask", &Credential::Nobody, &fields)).await;
    assert!(!String::from_utf8(page.body).unwrap().contains("token="), "only the mail has the link");
    let confirm = path_in(&shown(house, "kim@example.org", 1).await, "privacy/request/confirm?token=");
    let open = async |method, path: &str| {
        let answer = served.ask(method, path, &Credential::Nobody, None).await;
        (answer.status.as_u16(), String::from_utf8(answer.body).unwrap())
    };
    assert_eq!(open(Method::GET, &confirm).await.0, 200);
    let desk = async || served.ask(Method::GET, "/api/v1/privacy/desk", &ada, None).await.json()["items"][0].clone();
    assert_eq!(desk().await["confirmed"], Value::Null, "looking confirms nothing");
    assert_eq!(open(Method::POST, &confirm).await.0, 200);
    let follow = path_in(&shown(house, "kim@example.org", 2).await, "privacy/request?token=");
    let (_, state) = open(Method::GET, &format!("{follow}&lang=de")).await;
    assert!(state.contains("&lt;Bildern&gt;") && state.contains("Sie wird bearbeitet"), "{state}");
    let waiting = until(|| async {
        let inbox = served.ask(Method::GET, "/api/v1/inbox", &ada, None).await.json();
        inbox["items"].as_array().unwrap().iter().find(|item| item["kind"] == "request_waiting").cloned()
    });
    assert!(waiting.await["link"]["url"].as_str().unwrap().ends_with("/privacy-centre#desk"), "the owner is told");

    let filed = desk().await;
    let answer = format!("/api/v1/privacy/desk/{}/answer", filed["id"].as_str().unwrap());
    let refused = serde_json::json!([{ "item": "Die Einfahrt", "reason": "Darauf sind andere" }]);
    let words = serde_json::json!({ "decision": "partly", "reasons": "Auf der Haustür", "refused": refused });
    assert_eq!(served.ask(Method::POST, &answer, &ada, Some(words.clone())).await.status, 204);
    assert_eq!(served.ask(Method::POST, &answer, &ada, Some(words)).await.status, 409, "one answer");
    let told = path_in(&shown(house, "kim@example.org", 3).await, "privacy/request?token=");
    assert_eq!(told, follow);
    let (_, state) = open(Method::GET, &format!("{follow}&lang=de")).await;
    for said in ["zum Teil entsprochen", "Auf der Haustür", "Die Einfahrt", "Darauf sind andere"] {
        assert!(state.contains(said), "{said}");
    }
    shutdown.begin();
    for part in parts {
        part.await.unwrap();
    }
}

/// Every kind that a context writes down in its `fact.rs`.
fn kinds_in_the_sources() -> BTreeSet<String> {
    let crates = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates"));
    let files = std::fs::read_dir(crates).expect("the crates").map(|entry| entry.unwrap().path().join("src/fact.rs"));
    let texts = files.filter_map(|file| std::fs::read_to_string(file).ok());
    let quoted = |text: String| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    texts.flat_map(quoted).filter(|word| word.contains('.') && !word.contains(' ')).collect()
}

#[tokio::test]
async fn every_kind_of_fact_has_a_reaction_and_every_reaction_its_fact() {
    let house = House::writing(Post::None).await;
    let reactions = reactions::reactions(
        house.accounts.clone(),
        house.devices.clone(),
        house.connect.clone(),
        house.privacy.clone(),
    );
    let reacted: BTreeSet<_> = reactions.kinds().map(str::to_owned).collect();
    assert_eq!(reacted, kinds_in_the_sources());
    assert!(fact::KINDS.iter().all(|kind| reacted.contains(*kind)));
}
