//! Promises about signing in through another service, against a service that lies in every way that it can.

use super::*;
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{HttpRequest, HttpResponse, url::Url};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Mutex};

const ISSUER: &str = "https://id.example";
const ORIGIN: &str = "https://nightjar.example";

/// A service. What it says of its person can be changed, and so can the way in which it says it.
struct Service {
    pair: EcdsaKeyPair,
    says: Mutex<Value>,
    algorithm: Mutex<&'static str>,
    challenge: Mutex<String>,
    asked: Mutex<Vec<String>>,
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Service {
    fn new() -> Arc<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let says = Mutex::new(json!({ "sub": "zoe-1", "email": "zoe@example.org", "email_verified": true }));
        Arc::new(Self {
            pair,
            says,
            algorithm: Mutex::new("ES256"),
            challenge: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    fn fetch(self: &Arc<Self>) -> Fetch {
        let service = self.clone();
        Arc::new(move |request| {
            let service = service.clone();
            Box::pin(async move { Ok(service.answer(&request)) })
        })
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        self.asked.lock().unwrap().push(request.uri().to_string());
        let body = match request.uri().path() {
            "/.well-known/openid-configuration" => json!({
                "issuer": ISSUER, "authorization_endpoint": format!("{ISSUER}/auth"),
                "token_endpoint": format!("{ISSUER}/token"), "jwks_uri": format!("{ISSUER}/jwks"),
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }),
            "/jwks" => {
                let point = self.pair.public_key().as_ref();
                json!({ "keys": [{
                    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1",
                    "x": base64(&point[1..33]), "y": base64(&point[33..]),
                }] })
            }
            "/token" => {
                let form = String::from_utf8(request.body().clone()).unwrap();
                let form: HashMap<_, _> = form.split('&').filter_map(|pair| pair.split_once('=')).collect();
                let proven = base64(digest(&SHA256, form["code_verifier"].as_bytes()));
                match proven == *self.challenge.lock().unwrap() {
                    true => json!({ "access_token": "x", "token_type": "Bearer", "id_token": self.token() }),
                    false => json!({ "error": "invalid_grant" }),
                }
            }
            path => panic!("{path}"),
        };
        let status = if body.get("error").is_some() { 400 } else { 200 };
        openidconnect::http::Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .unwrap()
    }

    fn token(&self) -> String {
        let algorithm = *self.algorithm.lock().unwrap();
        let head = base64(json!({ "alg": algorithm, "kid": "1" }).to_string());
        let signed = format!("{head}.{}", base64(self.says.lock().unwrap().to_string()));
        let signature = match algorithm {
            "none" => String::new(),
            _ => base64(self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap()),
        };
        format!("{signed}.{signature}")
    }

    fn say(&self, claims: Value) {
        let mut says = self.says.lock().unwrap();
        for (name, value) in claims.as_object().unwrap() {
            says[name] = value.clone();
        }
    }
}

/// A way that somebody has gone.
struct Way {
    state: Secret<String>,
    keep: Secret<String>,
}

/// A home that knows a service.
async fn served(db: Db) -> (Home, Arc<Service>) {
    let (home, service) = (home(db).await, Service::new());
    let client_secret = Some(secret("between us"));
    let issuer =
        Issuer { name: "id".into(), url: ISSUER.into(), client_id: "nightjar".into(), client_secret, token_url: None };
    let accounts = home.accounts.clone().with_issuers(vec![issuer], service.fetch());
    (Home { accounts, ..home }, service)
}

impl Home {
    /// Goes to the service, which will say what it says for this visit.
    async fn leave(&self, service: &Service, linking: Option<&Caller>) -> Way {
        let out = self.accounts.leave_for("id", ORIGIN, linking, &here()).await.unwrap();
        let url = Url::parse(&out.url).unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["scope"], "openid email");
        assert_eq!((query["code_challenge_method"].as_str(), query["response_type"].as_str()), ("S256", "code"));
        assert_eq!(query["redirect_uri"], "https://nightjar.example/sign-in/return");
        *service.challenge.lock().unwrap() = query["code_challenge"].clone();
        let now = self.accounts.world.clock.now().micros() / 1_000_000;
        let (issued, expires) = (now, now + 600);
        service
            .say(json!({ "iss": ISSUER, "aud": "nightjar", "nonce": query["nonce"], "iat": issued, "exp": expires }));
        Way { state: secret(&query["state"]), keep: out.keep }
    }

    async fn back(&self, way: &Way) -> Result<WayBack> {
        self.accounts.come_back(&way.state, "code".into(), None, Some(&way.keep), &here()).await
    }

    async fn offer(&self, service: &Service, linking: Option<&Caller>) -> Offer {
        let way = self.leave(service, linking).await;
        match self.back(&way).await.unwrap() {
            WayBack::Offer(offer) => offer,
            WayBack::SignIn(_) => panic!("somebody unknown came in"),
        }
    }

    async fn agree(&self, offer: &Offer, login: Option<&str>) -> Result<SignedUp> {
        let yes =
            Agreement { seen: true, adult: true, policy: 1, language: Language::En, login: login.map(Into::into) };
        self.accounts.agree(&offer.token, yes, true, &here()).await
    }

    async fn count(&self, table: &str) -> i64 {
        use sea_orm::{ConnectionTrait, Statement};
        let sql = format!("SELECT COUNT(*) AS n FROM {table}");
        let counted = Statement::from_string(self.accounts.db.backend(), sql);
        self.accounts.db.conn().query_one_raw(counted).await.unwrap().unwrap().try_get("", "n").unwrap()
    }
}

#[tokio::test]
async fn another_service_gives_a_verified_address_and_nothing_that_was_not_seen_first() {
    policy::prove!(C1_1_6);
    db::testing::each(all_migrations, |db| async move {
        let (home, service) = served(db).await;
        service.say(
            json!({ "gender": "female", "birthdate": "1990-05-05", "name": "Canary", "picture": "https://x.example" }),
        );
        let offer = home.offer(&service, None).await;
        assert_eq!(offer.address.as_ref().unwrap().open(), "zoe@example.org");
        assert!(offer.verified && !offer.linking);
        assert_eq!(offer.refused, ["name", "picture", "gender", "birthdate"]);
        assert_eq!((home.count("accounts").await, home.count("identities").await), (0, 0), "nothing is kept yet");
        let blind = Agreement { seen: false, adult: true, policy: 1, language: Language::En, login: None };
        let blind = home.accounts.agree(&offer.token, blind, true, &here()).await;
        assert_eq!(blind.err().unwrap().at_field(), Some("seen"));
        let minor = Agreement { seen: true, adult: false, policy: 1, language: Language::En, login: None };
        let minor = home.accounts.agree(&offer.token, minor, true, &here()).await;
        assert_eq!(minor.err().unwrap().at_field(), Some("adult"));

        let SignedUp::SignedIn(session) = home.agree(&offer, Some("eve@example.org")).await.unwrap() else {
            panic!("the address is verified")
        };
        let me = home.accounts.me(&session.caller).await.unwrap();
        assert_eq!((me.login.open().as_str(), me.verified, me.display_name), ("zoe@example.org", true, None));
        assert!(home.agree(&offer, None).await.is_err(), "an offer is taken once");

        service.say(json!({ "email": "other@example.org" }));
        let way = home.leave(&service, None).await;
        let WayBack::SignIn(SignIn::SignedIn(again)) = home.back(&way).await.unwrap() else { panic!("known by now") };
        assert_eq!(again.caller.account(), session.caller.account());
        let me = home.accounts.me(&again.caller).await.unwrap();
        assert_eq!(me.login.open(), "zoe@example.org", "an address that changes there changes nothing here");
        let linked = home.accounts.identities(&again.caller).await.unwrap();
        assert!(linked.len() == 1 && linked[0].issuer == "id" && linked[0].last_used.is_some());
        assert_eq!(kind(home.accounts.unlink_identity(&again.caller, linked[0].id).await), Kind::Conflict);
        assert_eq!(home.methods_of(&again.caller).await, ["issuer", "issuer"]);
    })
    .await;
}

#[tokio::test]
async fn an_address_that_nobody_verified_is_asked_for_here_and_takes_over_nothing() {
    policy::prove!(C1_1_7);
    db::testing::each(all_migrations, |db| async move {
        let (home, service) = served(db).await;
        let accounts = &home.accounts;
        let SignedUp::SignedIn(zoe) = accounts.sign_up(newcomer("zoe@example.org"), true, true, &here()).await.unwrap()
        else {
            panic!("the invitation proves the address")
        };
        for unverified in
            [json!({ "email_verified": false }), json!({ "email_verified": null }), json!({ "email": null })]
        {
            service.say(unverified.clone());
            let offer = home.offer(&service, None).await;
            assert!(!offer.verified, "{unverified}");
            let came = home.agree(&offer, Some("zoe@example.org")).await.unwrap();
            assert!(matches!(came, SignedUp::LookIntoMail), "{unverified}");
            assert_eq!(home.told(fact::SIGNED_UP_AGAIN).await, zoe.caller.account().unwrap());
        }
        assert_eq!((home.count("accounts").await, home.count("identities").await), (1, 0));
        let offer = home.offer(&service, None).await;
        assert_eq!(home.agree(&offer, None).await.err().unwrap().at_field(), Some("login"));

        service.say(json!({ "email": "new@example.org", "email_verified": false }));
        let offer = home.offer(&service, None).await;
        assert!(matches!(home.agree(&offer, None).await.unwrap(), SignedUp::LookIntoMail));
        home.told(fact::SIGNED_UP).await;
        assert_eq!(home.count("identities").await, 0, "it waits for its mail without a way in");

        service.say(json!({ "email": "zoe@example.org", "email_verified": true }));
        let offer = home.offer(&service, None).await;
        assert_eq!(kind(home.agree(&offer, None).await), Kind::Conflict, "not even a verified one is merged");
        let offer = home.offer(&service, Some(&zoe.caller)).await;
        assert!(offer.linking && home.agree(&offer, None).await.is_err());
        let owner = home.owner().await.caller;
        assert_eq!(kind(accounts.link_identity(&owner, &offer.token).await), Kind::Invalid, "another's offer");
        home.clock.advance(4 * MINUTE);
        accounts.link_identity(&zoe.caller, &offer.token).await.unwrap();
        home.clock.advance(7 * MINUTE);
        let stale = accounts.leave_for("id", ORIGIN, Some(&zoe.caller), &here()).await;
        assert_eq!(kind(stale), Kind::StepUp, "linking needs a person who is there");
    })
    .await;
}

#[tokio::test]
async fn a_minor_is_refused_and_leaves_no_trace() {
    policy::prove!(C11_3);
    let (home, service) = served(migrated().await).await;
    let year = 1970 + home.accounts.world.clock.now().micros() / 31_556_952_000_000;
    for (born, minor) in [
        (format!("{}-01-01", year - 17), true),
        (format!("{}", year - 17), true),
        (format!("{}-01-01", year - 19), false),
        ("0000-12-31".into(), false),
        ("not a date".into(), false),
    ] {
        service.say(json!({ "birthdate": born }));
        let way = home.leave(&service, None).await;
        let came = home.back(&way).await;
        match minor {
            true => assert_eq!(kind(came), Kind::Denied, "{born}"),
            false => assert!(came.is_ok(), "{born}"),
        }
    }
    assert_eq!((home.count("accounts").await, home.count("identities").await), (0, 0));
}

#[tokio::test]
async fn a_token_that_is_unsigned_foreign_old_or_for_somebody_else_lets_nobody_in() {
    let (home, service) = served(migrated().await).await;
    let now = home.accounts.world.clock.now().micros() / 1_000_000;
    for wrong in [
        json!({ "iss": "https://evil.example" }),
        json!({ "aud": "another" }),
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "exp": now - 1 }),
        json!({ "sub": null }),
    ] {
        let way = home.leave(&service, None).await;
        service.say(wrong.clone());
        assert!(home.back(&way).await.is_err(), "{wrong}");
        service.say(json!({ "sub": "zoe-1" }));
    }
    for algorithm in ["none", "HS256", "RS256"] {
        let way = home.leave(&service, None).await;
        *service.algorithm.lock().unwrap() = algorithm;
        assert_eq!(kind(home.back(&way).await), Kind::Invalid, "{algorithm}");
        *service.algorithm.lock().unwrap() = "ES256";
    }
    let way = home.leave(&service, None).await;
    *service.challenge.lock().unwrap() = "another".into();
    assert_eq!(kind(home.back(&way).await), Kind::Invalid, "a code that somebody else asked for");
    assert_eq!(home.count("sessions").await, 0);
}

#[tokio::test]
async fn a_way_back_is_for_the_browser_that_left_once_and_soon() {
    let (home, service) = served(migrated().await).await;
    let accounts = &home.accounts;
    let back = |way: Way, issuer: Option<&'static str>, keep: Option<Secret<String>>| async move {
        accounts.come_back(&way.state, "code".into(), issuer, keep.as_ref(), &here()).await
    };
    let way = home.leave(&service, None).await;
    assert_eq!(kind(back(way, None, None).await), Kind::Invalid, "another browser");
    let way = home.leave(&service, None).await;
    assert_eq!(kind(back(way, None, Some(secret("x"))).await), Kind::Invalid);
    let way = home.leave(&service, None).await;
    let keep = Some(way.keep.clone());
    assert_eq!(kind(back(way, Some("https://evil.example"), keep).await), Kind::Invalid, "a mix-up");
    let way = home.leave(&service, None).await;
    assert!(home.back(&way).await.is_ok());
    assert_eq!(kind(home.back(&way).await), Kind::Invalid, "twice");
    let way = home.leave(&service, None).await;
    home.clock.advance(5 * MINUTE);
    assert_eq!(kind(home.back(&way).await), Kind::Invalid, "after five minutes");
    assert_eq!(kind(accounts.leave_for("evil", ORIGIN, None, &here()).await), Kind::NotFound);
    for asked in service.asked.lock().unwrap().iter() {
        assert!(asked.starts_with("https://id.example/"), "{asked}");
    }
}
