//! Signing in through a real OpenID Connect provider (oidc-provider), in a process of its own: discovery, PKCE, the code, the
//! ID token, and UserInfo, where it keeps the address. Skipped, with a line that says so, where npm is missing.

use crate::house::House;
use accounts::{Agreement, Browser, Fetch, Issuer, Label, Language, Offer, SignIn, SignedUp, WayBack};
use base::{Error, Secret};
use std::{
    collections::HashMap,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

const ORIGIN: &str = "http://127.0.0.1:8480";

/// A provider that runs until it is dropped.
struct Provider {
    port: u16,
    child: Child,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Provider {
    async fn start() -> Option<Self> {
        let found = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/oidc-provider")).output();
        let Some(found) = found.ok().filter(|found| found.status.success()) else {
            eprintln!("skipped: oidc-provider cannot be installed (npm)");
            return None;
        };
        let modules = String::from_utf8(found.stdout).expect("a path");
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let child = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/oidc-provider/server.mjs"))
            .args([modules.trim(), &port.to_string(), &format!("{ORIGIN}/sign-in/return")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let provider = Self { port, child };
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(provider);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("oidc-provider does not answer");
    }

    fn issuer(&self) -> Issuer {
        Issuer {
            name: "id".into(),
            url: format!("http://127.0.0.1:{}", self.port),
            client_id: "nightjar".into(),
            client_secret: Some(Secret::new("between us".into())),
            token_url: None,
        }
    }
}

fn visitor() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

fn fetch() -> Fetch {
    let client = visitor();
    Arc::new(move |request| {
        let client = client.clone();
        Box::pin(async move {
            let failed = |cause| Error::unavailable("no answer").because(cause);
            let request = reqwest::Request::try_from(request).map_err(failed)?;
            let answer = client.execute(request).await.map_err(failed)?;
            let mut response = http::Response::builder().status(answer.status());
            response.headers_mut().expect("headers").clone_from(answer.headers());
            Ok(response.body(answer.bytes().await.map_err(failed)?.to_vec()).expect("a response"))
        })
    })
}

/// Signs in at the provider as a person would, on its own pages; the query of the page to which it leads back.
async fn sign_in_there(url: &str, login: &str) -> HashMap<String, String> {
    let (client, mut cookies) = (visitor(), HashMap::<String, String>::new());
    let (mut url, mut form) = (reqwest::Url::parse(url).expect("a URL"), None::<String>);
    for _ in 0..12 {
        let jar = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let request = match form.take() {
            Some(form) => {
                client.post(url.clone()).header("content-type", "application/x-www-form-urlencoded").body(form)
            }
            None => client.get(url.clone()),
        };
        let answer = request.header("cookie", jar).send().await.expect("an answer");
        for line in answer.headers().get_all("set-cookie") {
            let pair = line.to_str().expect("text").split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a cookie");
            cookies.insert(name.into(), value.into());
        }
        if let Some(location) = answer.headers().get("location") {
            url = url.join(location.to_str().expect("text")).expect("a URL");
            if url.as_str().starts_with(ORIGIN) {
                return url.query_pairs().into_owned().collect();
            }
            continue;
        }
        let page = answer.text().await.expect("a page");
        let action = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
        let prompt = if page.contains("value=\"login\"") { "login" } else { "consent" };
        url = url.join(action.unwrap_or_else(|| panic!("no form: {page}"))).expect("a URL");
        form = Some(format!("prompt={prompt}&login={login}&password=x"));
    }
    panic!("the provider leads nowhere");
}

fn browser() -> Browser {
    Browser { address: [192, 0, 2, 7].into(), label: Label::browser("Firefox/ Linux"), known: None }
}

async fn through(accounts: &accounts::Accounts, login: &str) -> WayBack {
    let out = accounts.leave_for("id", ORIGIN, None, &browser()).await.expect("a way out");
    let back = sign_in_there(&out.url, login).await;
    let state = Secret::new(back["state"].clone());
    let issuer = back.get("iss").map(String::as_str);
    assert!(issuer.is_some(), "this provider says who it is (RFC 9207)");
    accounts.come_back(&state, back["code"].clone(), issuer, Some(&out.keep), &browser()).await.expect("a way back")
}

async fn offered(accounts: &accounts::Accounts, login: &str) -> Offer {
    match through(accounts, login).await {
        WayBack::Offer(offer) => offer,
        WayBack::SignIn(_) => panic!("somebody unknown came in"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_through_a_real_provider() {
    policy::prove!(C1_1_6, C1_1_7);
    let Some(provider) = Provider::start().await else { return };
    let house = House::in_memory().await;
    let accounts = house.accounts.clone().with_issuers(vec![provider.issuer()], fetch());
    let yes = || Agreement { seen: true, adult: true, policy: 1, language: Language::En, login: None };

    let offer = offered(&accounts, "zoe").await;
    assert_eq!(
        (offer.address.as_ref().expect("an address").open().as_str(), offer.verified),
        ("zoe@example.org", true)
    );
    assert_eq!(offer.refused, [""; 0], "what was not asked for did not come");
    let SignedUp::SignedIn(made) = accounts.agree(&offer.token, yes(), false, &browser()).await.expect("an account")
    else {
        panic!("the provider vouches for the address")
    };
    let WayBack::SignIn(SignIn::SignedIn(again)) = through(&accounts, "zoe").await else { panic!("known by now") };
    assert_eq!(again.caller.account(), made.caller.account());

    let offer = offered(&accounts, "unverified").await;
    assert!(!offer.verified);
    let unsent = accounts.agree(&offer.token, yes(), false, &browser()).await.expect_err("no mail is sent here");
    assert_eq!(unsent.kind(), base::Kind::Conflict);
    let later = accounts.agree(&offer.token, yes(), true, &browser()).await.expect("a mail");
    assert!(matches!(later, SignedUp::LookIntoMail));
}
