//! Promises about passkeys, authenticator apps, recovery codes, the history of sign-ins, and guessing.

use super::{authenticator::Authenticator, *};
use totp_rs::{Builder, Totp};

const SHORT: &str = "nine owls";

impl Home {
    async fn passkey(&self, caller: &Caller, id: u8) -> (Authenticator, NewPasskey) {
        let mut key = Authenticator::new(id);
        let begun = self.accounts.begin_passkey(caller).await.unwrap();
        let credential = key.create(&begun.options);
        let made = self.accounts.add_passkey(caller, &begun.token, credential, Some("Phone")).await.unwrap();
        (key, made)
    }

    async fn by_passkey(&self, key: &mut Authenticator) -> Result<NewSession> {
        let begun = self.accounts.begin_passkey_sign_in(&here()).unwrap();
        let credential = key.get(&begun.options);
        self.accounts.sign_in_by_passkey(&begun.token, credential, &here()).await
    }

    /// An authenticator app that is set up, and the recovery codes.
    async fn app(&self, caller: &Caller) -> (Totp, Vec<Secret<String>>) {
        let setup = self.accounts.set_up_totp(caller).await.unwrap();
        let secret = totp_rs::Secret::try_from_base32(setup.secret.expose()).unwrap();
        let app = Builder::new().with_secret(secret).with_account_name("x").build().unwrap();
        let codes = self.accounts.turn_on_totp(caller, &self.code(&app)).await.unwrap();
        self.clock.advance(MINUTE);
        (app, codes)
    }

    fn code(&self, app: &Totp) -> String {
        app.generate(u64::try_from(self.accounts.world.clock.now().micros()).unwrap() / 1_000_000).to_string()
    }

    async fn challenge(&self, password: &str) -> Challenge {
        match self.accounts.sign_in("Ada", &secret(password), &here()).await.unwrap() {
            SignIn::SecondFactor(challenge) => challenge,
            SignIn::SignedIn(_) => panic!("a password alone opened the account"),
        }
    }

    async fn second(&self, challenge: &Challenge, code: &str) -> Result<NewSession> {
        self.accounts.second_by_code(&challenge.token, code, &here()).await
    }

    async fn fresh(&self, caller: &Caller) -> Caller {
        self.accounts.refresh(caller).await.unwrap()
    }

    pub async fn methods_of(&self, caller: &Caller) -> Vec<String> {
        self.methods(caller).await.into_iter().map(|(method, _)| method).collect()
    }

    async fn methods(&self, caller: &Caller) -> Vec<(String, Outcome)> {
        let history = self.accounts.history(caller).await.unwrap();
        history.into_iter().map(|line| (line.method, line.outcome)).collect()
    }
}

#[tokio::test]
async fn a_passkey_signs_in_without_a_name_and_without_a_password() {
    policy::prove!(C9_1_5);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let (mut key, made) = home.passkey(&owner, 1).await;
        assert_eq!(made.recovery_codes.len(), CODES, "with the first factor come the recovery codes");
        let session = home.by_passkey(&mut key).await.unwrap();
        assert_eq!(session.caller.account(), owner.account());
        assert_eq!(home.methods(&owner).await[0], ("passkey".into(), Outcome::SignedIn));

        let listed = &home.accounts.passkeys(&owner).await.unwrap()[0];
        assert_eq!((listed.name.as_ref().unwrap().open().as_str(), listed.last_used.is_some()), ("Phone", true));
        home.accounts.name_passkey(&owner, made.id, None).await.unwrap();
        let bob = home.viewer(&owner, "Bob").await.caller;
        assert_eq!(kind(home.accounts.name_passkey(&bob, made.id, Some("Mine")).await), Kind::NotFound);
        assert_eq!(kind(home.accounts.remove_passkey(&bob, made.id).await), Kind::NotFound);

        home.clock.advance(11 * MINUTE);
        assert_eq!(kind(home.accounts.begin_passkey(&owner).await), Kind::StepUp);
        assert_eq!(kind(home.accounts.remove_passkey(&owner, made.id).await), Kind::StepUp);
        let begun = home.accounts.begin_passkey_confirmation(&owner).await.unwrap();
        let credential = key.get(&begun.options);
        assert_eq!(kind(home.accounts.confirm_by_passkey(&bob, &begun.token, credential.clone()).await), Kind::Denied);
        let begun = home.accounts.begin_passkey_confirmation(&owner).await.unwrap();
        home.accounts.confirm_by_passkey(&owner, &begun.token, key.get(&begun.options)).await.unwrap();
        let owner = home.fresh(&owner).await;
        home.accounts.remove_passkey(&owner, made.id).await.unwrap();
        assert_eq!(kind(home.by_passkey(&mut key).await), Kind::Unauthenticated);
        assert_eq!(home.accounts.factors(&owner).await.unwrap().recovery_codes, 0, "they stood in for it");
    })
    .await;
}

#[tokio::test]
async fn a_passkey_that_is_replayed_copied_led_astray_or_unverified_is_refused() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let (mut key, _) = home.passkey(&owner, 1).await;
        let accounts = &home.accounts;

        let begun = accounts.begin_passkey_sign_in(&here()).unwrap();
        let credential = key.get(&begun.options);
        accounts.sign_in_by_passkey(&begun.token, credential.clone(), &here()).await.unwrap();
        let again = accounts.sign_in_by_passkey(&begun.token, credential.clone(), &here()).await;
        assert_eq!(kind(again), Kind::Unauthenticated, "a challenge is answered once");
        let other = accounts.begin_passkey_sign_in(&here()).unwrap();
        let replayed = accounts.sign_in_by_passkey(&other.token, credential, &here()).await;
        assert_eq!(kind(replayed), Kind::Unauthenticated, "an answer is for its challenge");
        let late = accounts.begin_passkey_sign_in(&here()).unwrap();
        home.clock.advance(5 * MINUTE);
        let answer = key.get(&late.options);
        assert_eq!(kind(accounts.sign_in_by_passkey(&late.token, answer, &here()).await), Kind::Unauthenticated);

        for origin in ["https://evil.example", "https://localhost.evil.example", "http://127.0.0.1:8480"] {
            key.origin = origin;
            assert_eq!(kind(home.by_passkey(&mut key).await), Kind::Unauthenticated, "{origin}");
        }
        key.origin = "http://localhost:1";
        key.verifies = false;
        assert_eq!(kind(home.by_passkey(&mut key).await), Kind::Unauthenticated, "nobody showed a finger");
        key.verifies = true;
        home.by_passkey(&mut key).await.unwrap();

        let begun = accounts.begin_passkey_confirmation(&owner).await.unwrap();
        let old = key.get(&begun.options);
        home.by_passkey(&mut key).await.unwrap();
        assert_eq!(kind(accounts.confirm_by_passkey(&owner, &begun.token, old).await), Kind::Denied);
        assert_eq!(home.told(fact::PASSKEY_COPIED).await, owner.account().unwrap());
        key.counter = 1;
        assert_eq!(kind(home.by_passkey(&mut key).await), Kind::Unauthenticated, "the counter goes back");
        assert_eq!(home.told(fact::PASSKEY_COPIED).await, owner.account().unwrap());

        let begun = accounts.begin_passkey(&home.fresh(&owner).await).await;
        let begun = begun.unwrap();
        let malformed = accounts.add_passkey(&owner, &begun.token, serde_json::json!({ "id": 1 }), None).await;
        assert_eq!(malformed.err().unwrap().at_field(), Some("credential"));
    })
    .await;
}

#[tokio::test]
async fn only_on_the_machine_itself_is_a_passkey_good_without_encryption() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        for (name, origin, good) in [
            ("localhost", "http://localhost:8480", true),
            ("localhost", "https://localhost", true),
            ("cams.example", "https://cams.example", true),
            ("cams.example", "http://cams.example", false),
            ("cams.example", "http://localhost:8480", false),
        ] {
            let accounts = home.accounts.clone().named(&[name.into()]).unwrap();
            let mut key = Authenticator::new(7);
            key.origin = origin;
            let begun = accounts.begin_passkey(&owner).await.unwrap();
            let made = accounts.add_passkey(&owner, &begun.token, key.create(&begun.options), None).await;
            assert_eq!(made.is_ok(), good, "{origin} under {name}");
            if let Ok(made) = made {
                accounts.remove_passkey(&owner, made.id).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_of_the_app_is_asked_for_after_the_password_and_works_once() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let setup = home.accounts.set_up_totp(&owner).await.unwrap();
        assert!(setup.uri.expose().starts_with("otpauth://totp/Nightjar:Ada?secret="), "{}", setup.uri.expose());
        assert!(setup.qr.expose().contains("<svg"));
        assert!(home.sign_in("Ada", PASSWORD).await.is_ok(), "it is not on before a right code");
        assert_eq!(kind(home.accounts.turn_on_totp(&owner, "000000").await), Kind::Denied);
        let (app, codes) = home.app(&owner).await;
        assert_eq!(codes.len(), CODES);
        assert_eq!(kind(home.accounts.set_up_totp(&owner).await), Kind::Conflict);

        let challenge = home.challenge(PASSWORD).await;
        assert_eq!(challenge.methods, [Method::Totp, Method::Recovery]);
        assert_eq!(kind(home.second(&challenge, "123").await), Kind::Unauthenticated);
        let code = home.code(&app);
        home.clock.advance(Duration::from_secs(30));
        let session = home.second(&challenge, &format!(" {} {}", &code[..3], &code[3..])).await.unwrap();
        assert_eq!(session.caller.account(), owner.account());
        let replayed = home.challenge(PASSWORD).await;
        assert_eq!(kind(home.second(&replayed, &code).await), Kind::Unauthenticated, "a code works once");
        assert_eq!(kind(home.second(&challenge, &home.code(&app)).await), Kind::Unauthenticated, "so does a challenge");

        home.clock.advance(MINUTE);
        let code = home.code(&app);
        home.clock.advance(MINUTE);
        let challenge = home.challenge(PASSWORD).await;
        assert_eq!(kind(home.second(&challenge, &code).await), Kind::Unauthenticated, "two steps late");
        let elsewhere = Browser { address: "192.0.2.9".parse().unwrap(), ..here() };
        let stolen = home.accounts.second_by_code(&challenge.token, &home.code(&app), &elsewhere).await;
        assert_eq!(kind(stolen), Kind::Unauthenticated, "a challenge stays in its network");
        home.clock.advance(5 * MINUTE);
        assert_eq!(kind(home.second(&challenge, &home.code(&app)).await), Kind::Unauthenticated, "after five minutes");

        home.clock.advance(10 * MINUTE);
        let code = home.code(&app);
        assert_eq!(kind(home.accounts.confirm_by_code(&owner, "000000").await), Kind::Denied);
        home.accounts.confirm_by_code(&owner, &code).await.unwrap();
        assert_eq!(kind(home.accounts.confirm_by_code(&owner, &code).await), Kind::Denied, "nor twice here");
        home.accounts.turn_off_totp(&home.fresh(&owner).await).await.unwrap();
        assert!(home.sign_in("Ada", PASSWORD).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn two_who_come_with_the_same_code_at_once_are_one() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let (app, _) = home.app(&owner).await;
        let (first, second) = (home.challenge(PASSWORD).await, home.challenge(PASSWORD).await);
        let code = home.code(&app);
        let (one, two) = tokio::join!(home.second(&first, &code), home.second(&second, &code));
        assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_knows_the_password_guesses_five_times_and_the_person_hears_of_it() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await;
        let (app, codes) = home.app(&owner.caller).await;
        for _ in 0..2 {
            let challenge = home.challenge(PASSWORD).await;
            for _ in 0..5 {
                assert_eq!(kind(home.second(&challenge, "000000").await), Kind::Unauthenticated);
            }
            assert_eq!(home.told(fact::SECOND_FACTOR_GUESSED).await, owner.caller.account().unwrap());
            let over = home.second(&challenge, codes[0].expose()).await;
            assert_eq!(kind(over), Kind::Unauthenticated, "the challenge is gone");
        }
        let challenge = home.challenge(PASSWORD).await;
        assert_eq!(kind(home.second(&challenge, &home.code(&app)).await), Kind::TooMany, "a new one is no way around");
        let known = Browser { known: owner.known, ..here() };
        let SignIn::SecondFactor(challenge) = home.accounts.sign_in("Ada", &secret(PASSWORD), &known).await.unwrap()
        else {
            panic!("a password alone opened the account")
        };
        home.accounts.second_by_code(&challenge.token, &home.code(&app), &known).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_recovery_code_works_once_and_its_person_hears_of_it() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        assert_eq!(
            kind(home.accounts.renew_recovery_codes(&owner).await),
            Kind::Conflict,
            "for nothing to stand in for"
        );
        let (_, codes) = home.app(&owner).await;
        let challenge = home.challenge(PASSWORD).await;
        home.second(&challenge, &codes[3].expose().to_uppercase()).await.unwrap();
        assert_eq!(home.told(fact::RECOVERY_USED).await, owner.account().unwrap());
        assert_eq!(home.accounts.factors(&owner).await.unwrap().recovery_codes, 9);
        assert_eq!(home.methods(&owner).await[0], ("password+recovery".into(), Outcome::SignedIn));
        let challenge = home.challenge(PASSWORD).await;
        assert_eq!(kind(home.second(&challenge, codes[3].expose()).await), Kind::Unauthenticated);

        let newer = home.accounts.renew_recovery_codes(&owner).await.unwrap();
        assert_eq!(kind(home.second(&challenge, codes[4].expose()).await), Kind::Unauthenticated, "they are void");
        home.second(&challenge, newer[4].expose()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_short_password_never_stands_alone_and_the_last_way_in_stays() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let accounts = &home.accounts;
        let change = |old: &'static str, new: &'static str| {
            let (accounts, caller) = (accounts.clone(), owner.clone());
            async move { accounts.change_password(&caller, Some(&secret(old)), &secret(new)).await }
        };
        assert_eq!(change(PASSWORD, SHORT).await.err().unwrap().at_field(), Some("password"));
        home.app(&owner).await;
        assert_eq!(kind(change(PASSWORD, "princess").await), Kind::Invalid, "short and common");
        assert_eq!(kind(change(PASSWORD, "7 owls!").await), Kind::Invalid, "too short with anything");
        change(PASSWORD, SHORT).await.unwrap();
        let refused = accounts.turn_off_totp(&owner).await.err().unwrap();
        assert_eq!(refused.kind(), Kind::Conflict);
        assert!(refused.message().contains("15 or more characters"), "{}", refused.message());
        let (_, passkey) = home.passkey(&owner, 1).await;
        accounts.turn_off_totp(&owner).await.unwrap();
        assert_eq!(kind(accounts.remove_passkey(&owner, passkey.id).await), Kind::Conflict);
        change(SHORT, PASSWORD).await.unwrap();
        accounts.remove_passkey(&owner, passkey.id).await.unwrap();
        assert_eq!(
            accounts.factors(&owner).await.unwrap(),
            Factors { password: true, strong: true, ..Factors::default() }
        );
    })
    .await;
}

#[tokio::test]
async fn a_person_with_a_passkey_needs_no_password() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let accounts = &home.accounts;
        let new = |login| NewAccount { password: None, ..newcomer(login) };
        let refused = accounts.sign_up(new("zoe@example.org"), false, false, &here()).await;
        assert_eq!(refused.err().unwrap().at_field(), Some("password"), "without mail there is no other way in");
        accounts.sign_up(new("zoe@example.org"), true, false, &here()).await.unwrap();
        let id = home.told(fact::SIGNED_UP).await;
        let link = accounts.verification_link(id).await.unwrap().token;
        let zoe = accounts.verify_address(&link, &here()).await.unwrap().session().unwrap().caller;
        let (mut key, made) = home.passkey(&zoe, 9).await;
        home.by_passkey(&mut key).await.unwrap();
        assert_eq!(kind(home.sign_in("zoe@example.org", "").await), Kind::Unauthenticated);
        assert_eq!(kind(accounts.remove_passkey(&zoe, made.id).await), Kind::Conflict, "the last way in");
        accounts.change_password(&zoe, None, &secret(PASSWORD)).await.unwrap();
        let wrong = accounts.change_password(&zoe, None, &secret(OTHER)).await.err().unwrap();
        assert_eq!(wrong.at_field(), Some("old_password"), "now there is one to show");
    })
    .await;
}

#[tokio::test]
async fn a_mailed_link_does_not_go_around_the_second_factor_and_one_that_is_handed_over_does() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        home.app(&owner).await;
        let mailed = home.accounts.reset_link(owner.account().unwrap()).await.unwrap().token;
        let came = home.accounts.redeem_setup(&mailed, None, &secret(OTHER), &here()).await.unwrap();
        assert!(matches!(came, SignIn::SecondFactor(_)));
        home.challenge(OTHER).await;
        let handed = home.accounts.create_setup_link(&home.terminal).await.unwrap().token;
        assert_eq!(kind(home.redeem(&handed, None, SHORT).await), Kind::Invalid, "it will stand alone");
        let session = home.redeem(&handed, None, PASSWORD).await.unwrap();
        assert!(!home.accounts.factors(&session.caller).await.unwrap().second());
    })
    .await;
}

#[tokio::test]
async fn a_person_sees_each_sign_in_for_ninety_days_and_hears_of_a_new_browser() {
    policy::prove!(C9_1_5);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        assert_eq!(kind(home.sign_in("Ada", OTHER).await), Kind::Unauthenticated);
        home.sign_in("Ada", PASSWORD).await.unwrap();
        let phone = Browser { label: Label::browser("Safari/ iPhone"), ..here() };
        home.clock.advance(MINUTE);
        home.accounts.sign_in("Ada", &secret(PASSWORD), &phone).await.unwrap();
        assert_eq!(home.told(fact::NEW_BROWSER).await, owner.account().unwrap());
        home.clock.advance(MINUTE);
        home.accounts.sign_in("Ada", &secret(PASSWORD), &phone).await.unwrap();
        home.clock.advance(MINUTE);
        home.sign_in("Ada", PASSWORD).await.unwrap();
        assert_eq!(home.facts(fact::NEW_BROWSER).await, 0, "each is told once");

        let history = home.accounts.history(&owner).await.unwrap();
        assert_eq!(history[1].label.as_str(), "Safari on iPhone");
        let methods = home.methods(&owner).await;
        assert_eq!(methods.len(), 6);
        assert!(methods.contains(&("link".into(), Outcome::SignedIn)));
        assert!(methods.contains(&("password".into(), Outcome::WrongPassword)));

        home.clock.advance(90 * DAY);
        let back = home.sign_in("Ada", PASSWORD).await.unwrap().caller;
        assert_eq!(home.methods(&back).await.len(), 1);
        assert!(home.accounts.expire().await.unwrap() >= 6);
    })
    .await;
}

#[tokio::test]
async fn strangers_who_guess_lock_nobody_out() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await;
        assert_eq!(owner.known.as_ref().unwrap().expose().len(), 43);
        let sign_in = |browser: Browser, password: &'static str| {
            let accounts = home.accounts.clone();
            async move { accounts.sign_in("Ada", &secret(password), &browser).await }
        };
        let at = |address: String| Browser { address: address.parse().unwrap(), ..here() };
        for guess in 0..200 {
            let refused = sign_in(at(format!("198.51.100.{}", guess % 16)), "a wrong guess").await;
            assert!(matches!(kind(refused), Kind::Unauthenticated | Kind::TooMany), "{guess}");
        }
        assert_eq!(kind(sign_in(here(), PASSWORD).await), Kind::TooMany, "who is unknown waits for a moment");
        let known = Browser { known: owner.known.clone(), ..at("203.0.113.1".into()) };
        let session = sign_in(known.clone(), PASSWORD).await.unwrap().session().unwrap();
        assert_eq!(session.known.unwrap().expose(), owner.known.unwrap().expose(), "it stays known");
        home.clock.advance(Duration::from_secs(1));
        assert!(sign_in(here(), PASSWORD).await.is_ok(), "and not for long");

        let planted = Browser { known: Some(secret("planted")), ..here() };
        let session = sign_in(planted, PASSWORD).await.unwrap().session().unwrap();
        assert_ne!(session.known.unwrap().expose(), "planted");
        for _ in 0..10 {
            assert_eq!(kind(sign_in(known.clone(), "a wrong guess").await), Kind::Unauthenticated);
        }
        assert_eq!(kind(sign_in(known.clone(), PASSWORD).await), Kind::TooMany, "a thief of the browser has ten tries");
    })
    .await;
}
