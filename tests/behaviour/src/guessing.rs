//! Whoever guesses at a password is put off; whoever knows it, or is signed in, is not.

use crate::{
    house::House,
    served::{Answer, Credential, Served, request},
};
use api::Connection;
use base::Secret;
use http::Method;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const PASSWORD: &str = "seven quiet nightjars sing";

/// Signs in from an address, perhaps as a browser that is known.
async fn sign_in(served: &Served, from: &str, password: &str, known: Option<&str>) -> Answer {
    let body = json!({ "login": "Ada", "password": password });
    let mut request = request(Method::POST, "/api/v1/session", &Credential::Nobody, Some(body));
    let connection = request.extensions_mut().get_mut::<Connection>().expect("a connection");
    connection.peer.set_ip(from.parse().expect("an address"));
    if let Some(known) = known {
        let cookie = format!("{}={known}", api::KNOWN).parse().expect("a header");
        request.headers_mut().insert("cookie", cookie);
    }
    served.send(request).await
}

/// The value of a cookie that the answer sets, and its attributes.
fn cookie<'a>(answer: &'a Answer, name: &str) -> Option<(&'a str, &'a str)> {
    let lines = answer.headers.get_all("set-cookie").into_iter().filter_map(|line| line.to_str().ok());
    lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.split_once(';')).next()
}

async fn inhabited() -> (Arc<Served>, Answer) {
    let served = Arc::new(Served::new(House::in_memory().await));
    let link = served.house.accounts.create_setup_link(&served.house.caller()).await.expect("a link").token;
    let choice = json!({ "token": link.expose(), "login": "Ada", "password": PASSWORD, "zone": "UTC", "policy": 1 });
    let made = served.ask(Method::POST, "/api/v1/setup", &Credential::Nobody, Some(choice)).await;
    assert_eq!(made.status, 201);
    (served, made)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_guesses_locks_out_neither_the_browser_that_is_known_nor_the_one_that_is_not() {
    let (served, made) = inhabited().await;
    let (session, attributes) = cookie(&made, api::COOKIE).expect("a session");
    assert!(attributes.contains("Secure; HttpOnly; SameSite=Strict"), "{attributes}");
    let (known, attributes) = cookie(&made, api::KNOWN).expect("a known browser");
    assert!(attributes.contains("Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=34560000"), "{attributes}");
    let begun = Instant::now();
    let flood = tokio::spawn({
        let served = served.clone();
        async move {
            let mut put_off = 0;
            while begun.elapsed() < Duration::from_secs(6) {
                let guesses = (0..8).map(|guess| {
                    let served = served.clone();
                    let from = format!("198.51.100.{guess}");
                    tokio::spawn(async move { sign_in(&served, &from, "a wrong guess that is long", None).await })
                });
                for guess in guesses.collect::<Vec<_>>() {
                    let answer = guess.await.expect("an answer");
                    match answer.status.as_u16() {
                        401 => {}
                        429 => {
                            put_off += 1;
                            assert!(answer.headers.contains_key("retry-after"));
                        }
                        other => panic!("a wrong password was answered with {other}"),
                    }
                }
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            put_off
        }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (from, known) in [("203.0.113.1", Some(known)), ("203.0.113.2", None)] {
        let asked = Instant::now();
        while sign_in(&served, from, PASSWORD, known).await.status != 200 {
            assert!(asked.elapsed() < Duration::from_secs(5), "{from} waits");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    let held = Credential::Session(session.into());
    assert_eq!(served.ask(Method::GET, "/api/v1/session", &held, None).await.status, 200);
    assert!(flood.await.expect("the flood ends") > 100);
}

#[tokio::test]
async fn nothing_that_a_visitor_sends_leads_a_browser_to_another_site() {
    let (served, made) = inhabited().await;
    let session = Credential::Session(cookie(&made, api::COOKIE).expect("a session").0.into());
    for next in ["//evil.example", "/\\evil.example", "https:evil.example", "https://a@evil.example", "/%2f%2fxn--evil"]
    {
        for path in
            [format!("/sign-in?next={next}"), format!("/sign-in/return?state=x&code=x&next={next}"), next.into()]
        {
            if path.parse::<http::Uri>().is_err() || !path.starts_with('/') {
                continue;
            }
            let answer = served.ask(Method::GET, &path, &session, None).await;
            assert!(!answer.status.is_redirection() && !answer.headers.contains_key("location"), "{path}");
        }
    }
    let evil = served.ask(Method::POST, "/api/v1/oidc/evil.example", &session, Some(json!({}))).await;
    assert_eq!(evil.status, 400);
    let accounts = &served.house.accounts;
    let used = accounts.session(&Secret::new(cookie(&made, api::COOKIE).expect("a session").0.into())).await;
    assert!(used.is_ok());
}
