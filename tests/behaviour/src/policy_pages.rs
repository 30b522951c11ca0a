//! The policy is there for everybody, in each language, without scripts, and says what the program does.

use crate::{
    house::House,
    served::{Answer, Credential, Served, form, request},
};
use http::Method;

async fn get(served: &Served, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = request(Method::GET, path, &Credential::Nobody, None);
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    served.send(request).await
}

fn text(answer: &Answer) -> String {
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body.clone()).unwrap()
}

#[tokio::test]
async fn the_policy_is_one_dated_document_and_each_version_stays_readable_as_it_was() {
    policy::prove!(C0_1);
    let served = Served::new(House::in_memory().await);
    let page = text(&get(&served, "/privacy", &[]).await);
    let listed = get(&served, "/privacy/versions", &[("accept", "application/json")]).await.json();
    let version = get(&served, "/privacy/versions/1", &[("accept", "application/json")]).await.json();
    let digest = {
        let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        hash.update(version["text"].as_str().unwrap().as_bytes());
        hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert_eq!(version["sha256"], digest.as_str(), "the text is what its hash says");
    assert_eq!(listed[0]["sha256"], digest.as_str());
    assert!(page.contains(&digest) && page.contains("Version 1, in force from 2026-11-24"));
    assert!(page.contains("The Test &amp; Sons, privacy@example.org"));
    assert_eq!(get(&served, "/privacy.json", &[]).await.json()["sha256"]["en"], digest.as_str());
    for unknown in ["/privacy/versions/2", "/privacy/versions/0", "/privacy/versions/..%2f1", "/privacy/versions/-1"] {
        assert_eq!(get(&served, unknown, &[]).await.status, 404, "{unknown}");
    }
    assert_eq!(get(&served, "/privacy/diff?from=1&to=9", &[]).await.status, 404);
    assert_eq!(get(&served, "/privacy/diff?from=x", &[]).await.status, 400);
}

#[tokio::test]
async fn the_page_speaks_the_readers_language_and_names_each_clause_and_each_cookie() {
    let served = Served::new(House::in_memory().await);
    let german = text(&get(&served, "/privacy", &[("accept-language", "de-DE,de;q=0.9,en;q=0.5")]).await);
    assert!(german.contains("<html lang=\"de\">") && german.contains("Die Datenschutzerklärung von Nightjar"));
    assert_eq!(text(&get(&served, "/privacy?lang=de", &[]).await), german);
    let english = text(&get(&served, "/privacy?lang=en", &[("accept-language", "de")]).await);
    assert!(english.contains("<html lang=\"en\">"));
    for (id, _) in served.house.privacy.book().clauses() {
        for page in [&german, &english] {
            assert!(page.contains(&format!("id=\"{id}\" href=\"#{id}\"")), "{id}");
        }
    }
    assert!(english.contains("id=\"C6.2\"") && english.contains("class=\"clause kept\" id=\"C6.2\""));
    for page in [&german, &english] {
        assert!(page.contains(api::COOKIE) && page.contains("nightjar.theme"));
        assert!(
            !page.contains("<script") && !page.contains("http://") && !page.contains("src="),
            "it needs nothing else"
        );
    }
}

#[tokio::test]
async fn nothing_follows_anybody_and_the_browsers_signals_are_answered() {
    policy::prove!(C10_2);
    let served = Served::new(House::in_memory().await);
    let page = get(&served, "/privacy", &[("dnt", "1"), ("sec-gpc", "1")]).await;
    assert_eq!(page.headers["tk"], "N");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    assert!(page.headers.get("set-cookie").is_none(), "nobody is marked");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(get(&served, "/privacy", &[]).await.headers.get("tk").is_none());
    let gpc = get(&served, "/.well-known/gpc.json", &[]).await;
    assert_eq!(
        (&gpc.json()["gpc"], &gpc.headers["content-type"]),
        (&true.into(), &"application/json".parse().unwrap())
    );
    let since: base::Time = gpc.json()["lastUpdate"].as_str().unwrap().parse().unwrap();
    assert!(since <= served.house.now());
    let dnt = get(&served, "/.well-known/dnt/", &[]).await;
    assert_eq!(
        (&dnt.json()["tracking"], &dnt.headers["content-type"]),
        (&"N".into(), &"application/tracking-status+json".parse().unwrap())
    );
    let home = get(&served, "/", &[("accept", "text/html")]).await;
    let policy = home.headers["content-security-policy"].to_str().unwrap();
    assert!(!policy.contains("http") && !policy.contains('*'), "no page may load anything of another site: {policy}");
}

#[tokio::test]
async fn no_account_is_made_unless_the_policy_was_accepted_by_itself() {
    policy::prove!(C0_5);
    let served = Served::new(House::in_memory().await);
    let house = &served.house;
    let offer = devices::Offer { role: accounts::Role::Member, until: None, grants: Vec::new() };
    let invitation = house.devices.invite(&house.caller(), offer, None, false).await.unwrap();
    let sign_up = async |policy: serde_json::Value| {
        let form = serde_json::json!({
            "login": "ada@example.org", "password": "seven quiet nightjars sing", "language": "de", "adult": true,
            "policy": policy, "invitation": invitation.token.expose(),
        });
        let mut request = request(Method::POST, "/api/v1/sign-up", &Credential::Nobody, Some(form));
        request.headers_mut().insert("user-agent", "Firefox/1 Linux".parse().unwrap());
        served.send(request).await
    };
    for missing in [serde_json::Value::Null, 0.into(), 9.into()] {
        let refused = sign_up(missing.clone()).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (422, &"policy".into()), "{missing}");
    }
    let made = sign_up(1.into()).await;
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let cookie = made.headers["set-cookie"].to_str().unwrap().split([';', '=']).nth(1).unwrap().to_owned();
    let centre = served.ask(Method::GET, "/api/v1/privacy", &Credential::Session(cookie), None).await.json();
    assert_eq!((&centre["policy"]["accepted"], &centre["policy"]["required"]), (&1.into(), &1.into()));
    let given: Vec<_> =
        centre["consents"].as_array().unwrap().iter().filter(|consent| consent["given"] == true).collect();
    assert!(given.is_empty(), "a new account has agreed to nothing else");
}

/// The mail-less house of these tests with its names.
async fn named(names: &[&str]) -> Served {
    let names = names.iter().map(ToString::to_string).collect();
    Served::with(House::in_memory().await, api::Http { names, ..api::Http::default() })
}

#[tokio::test]
async fn one_policy_governs_every_name_of_an_installation_and_no_other_name_is_answered() {
    policy::prove!(C0_4);
    let served = named(&["cams.example", "app.cams.example", "eu.cams.example"]).await;
    let at = async |host: &str, path: &str| get(&served, path, &[("host", host)]).await;
    let here = at("127.0.0.1", "/.well-known/nightjar.json").await.json();
    let version = at("127.0.0.1", "/privacy/versions/1?lang=de").await;
    assert_eq!((&here["product"], &here["policy"]["version"]), (&"nightjar".into(), &1.into()));
    assert_eq!(version.status, 200);
    assert!(text(&version).contains(here["policy"]["sha256"]["de"].as_str().unwrap()));
    for host in ["cams.example", "APP.cams.example", "eu.cams.example:8480", "localhost"] {
        assert_eq!(at(host, "/.well-known/nightjar.json").await.json(), here, "{host}");
        let json = at(host, "/privacy.json").await.json();
        assert_eq!(
            (&json["version"], &json["sha256"]),
            (&here["policy"]["version"], &here["policy"]["sha256"]),
            "{host}"
        );
        assert_eq!(
            text(&at(host, "/privacy?lang=en").await),
            text(&at("localhost", "/privacy?lang=en").await),
            "{host}"
        );
    }
    for unknown in ["us.cams.example", "cams.example.evil.example", "example"] {
        for path in ["/.well-known/nightjar.json", "/privacy", "/", "/api/v1/session"] {
            assert_eq!(at(unknown, path).await.status, 421, "{unknown} {path}");
        }
    }
}

#[tokio::test]
async fn each_word_is_explained_and_from_each_clause_one_comes_to_a_question_about_it() {
    policy::prove!(C0_3);
    let served = Served::new(House::in_memory().await);
    let house = &served.house;
    for language in ["en", "de"] {
        let page = text(&get(&served, &format!("/privacy?lang={language}"), &[]).await);
        for (id, _) in house.privacy.book().clauses() {
            assert!(page.contains(&format!("href=\"/privacy/ask?clause={id}&amp;lang={language}\"")), "{id}");
        }
        let (policy, words) = page.split_once("<h2 id=\"words\">").expect("the words are explained");
        for (term, meaning) in privacy::terms::of(policy::Language::parse(language).unwrap()) {
            assert!(words.contains(&format!("<dt>{term}</dt>")) && meaning.len() > 20);
            let root = term.to_lowercase().chars().take(9).collect::<String>();
            assert!(policy.to_lowercase().contains(&root), "{term} stands in the policy");
        }
    }
    let member = house.accounts.ensure_demo_owner(house.household, "Ada").await.unwrap();
    let session = served.session(member).await;
    let long = "x".repeat(10_001);
    for as_whom in [Credential::Nobody, session.clone()] {
        let ask = served.ask(Method::GET, "/privacy/ask?clause=C6.2&lang=de", &as_whom, None).await;
        let ask = text(&ask);
        assert!(ask.contains("<html lang=\"de\">") && ask.contains("name=\"clause\" value=\"C6.2\""));
        let stranger = matches!(as_whom, Credential::Nobody);
        assert_eq!(ask.contains("name=\"address\""), stranger, "whoever signed in is known");
        let filled = |text| [("kind", "question"), ("clause", "C6.2"), ("text", text), ("address", "zoe@example.org")];
        for wrong in ["", " ", &long] {
            let again = served.send(form("/privacy/ask", &as_whom, &filled(wrong))).await;
            assert_eq!(again.status, 422);
            let again = String::from_utf8(again.body).unwrap();
            assert!(again.contains("role=\"alert\"") && again.contains("value=\"C6.2\""), "nothing is lost");
        }
        let sent = served.send(form("/privacy/ask", &as_whom, &filled("Who holds the <key>?"))).await;
        assert_eq!((sent.status.as_u16(), &sent.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    }
    let mine = served.ask(Method::GET, "/api/v1/privacy/requests", &session, None).await.json();
    assert_eq!((&mine["items"][0]["clause"], &mine["items"][0]["kind"]), (&"C6.2".into(), &"question".into()));
    let desk = served.ask(Method::GET, "/api/v1/privacy/desk", &session, None).await.json();
    let strangers = desk["items"].as_array().unwrap().iter().find(|filed| filed["account"].is_null()).unwrap();
    assert_eq!((&strangers["clause"], &strangers["address"]), (&"C6.2".into(), &"zoe@example.org".into()));
    assert_eq!(strangers["confirmed"], serde_json::Value::Null);
    assert_eq!(get(&served, "/privacy/ask?clause=C99%22%3E%3Cscript%3E", &[]).await.status, 200);
}

#[tokio::test]
async fn the_form_asks_nobody_where_they_live_and_treats_all_alike() {
    policy::prove!(C3_14);
    let served = Served::new(House::in_memory().await);
    let forms = async |headers: &[(&'static str, &str)]| text(&get(&served, "/privacy/ask?lang=en", headers).await);
    let here = forms(&[("accept-language", "de-DE")]).await;
    assert!(!here.contains("country") && !here.contains("residen"), "there is no field for it");
    for from in ["en-US", "ja-JP", "pt-BR", "xx"] {
        let headers = [("accept-language", from), ("cf-ipcountry", "US"), ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(forms(&headers).await, here, "{from}");
        let fields = [("kind", "deletion"), ("text", "All of it"), ("address", "sam@example.us")];
        let mut request = form("/privacy/ask", &Credential::Nobody, &fields);
        request.headers_mut().insert("accept-language", from.parse().unwrap());
        let sent = served.send(request).await;
        assert_eq!(sent.status, 200, "{from}");
        assert!(text(&sent).contains("thirty days") && text(&sent).contains("/privacy/request?token="), "{from}");
    }
}

#[tokio::test]
async fn whoever_sets_up_by_a_link_accepts_the_policy_by_itself_and_is_asked_once() {
    policy::prove!(C0_5);
    let served = Served::new(House::in_memory().await);
    let house = &served.house;
    let owners = house.accounts.create_setup_link(&house.caller()).await.unwrap().token;
    let post = async |path: &str, body| served.ask(Method::POST, path, &Credential::Nobody, Some(body)).await;
    let look = async |token: &str| post("/api/v1/setup/link", serde_json::json!({ "token": token })).await.json();
    assert_eq!(look(owners.expose()).await["policy"], 1);
    let choice = |token: &str, policy: serde_json::Value| {
        serde_json::json!({
            "token": token, "login": "ada", "password": "seven quiet nightjars sing", "policy": policy, "language": "de",
        })
    };
    for missing in [serde_json::Value::Null, 0.into(), 9.into()] {
        let refused = post("/api/v1/setup", choice(owners.expose(), missing.clone())).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (422, &"policy".into()), "{missing}");
    }
    let made = post("/api/v1/setup", choice(owners.expose(), 1.into())).await;
    assert_eq!(made.status, 201, "the link was not used up by a refusal");
    let cookie = made.headers["set-cookie"].to_str().unwrap().split([';', '=']).nth(1).unwrap().to_owned();
    let centre = served.ask(Method::GET, "/api/v1/privacy", &Credential::Session(cookie), None).await.json();
    assert_eq!((&centre["policy"]["accepted"], centre["policy"]["accepted_at"].is_string()), (&1.into(), true));

    let (ben, link) = house.accounts.add_by_hand(&house.caller(), "Ben", accounts::Role::Member).await.unwrap();
    assert_eq!(look(link.token.expose()).await["policy"], 1, "nobody accepts for somebody else");
    let ben_sets_up = |token: &str, policy: serde_json::Value| serde_json::json!({ "token": token, "password": "seven quiet nightjars sing", "policy": policy });
    let made = post("/api/v1/setup", ben_sets_up(link.token.expose(), 1.into())).await;
    assert_eq!(made.status, 201);
    assert_eq!(house.privacy.accepted(ben).await.unwrap().map(|accepted| accepted.version), Some(1));
    let again = house.accounts.renew_link(&house.caller(), ben).await.unwrap().token;
    assert_eq!(look(again.expose()).await["policy"], serde_json::Value::Null, "asked once");
    assert_eq!(post("/api/v1/setup", ben_sets_up(again.expose(), serde_json::Value::Null)).await.status, 201);
}
