//! Promises of the whole context, on every database.

use crate::*;
use base::{Kind, Secret, TestClock, Time};
use std::net::IpAddr;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const PASSWORD: &str = "seven quiet nightjars sing";
const OTHER: &str = "eleven loud magpies argue";

/// An installation with one household.
struct Home {
    accounts: Accounts,
    clock: Arc<TestClock>,
    terminal: Caller,
}

fn keys() -> ColumnKeys {
    ColumnKeys::new(|household| async move {
        let mut key = [1; 32];
        key[..16].copy_from_slice(&household.bytes());
        Ok(db::ColumnKey::new(key))
    })
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.into())
}

fn firefox() -> Label {
    Label::browser("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0")
}

fn home_address() -> IpAddr {
    "192.168.1.7".parse().unwrap()
}

async fn home(db: Db) -> Home {
    let (world, clock) = World::test(1);
    let accounts = Accounts::new(db, world, keys());
    let household = accounts.ensure_household().await.unwrap();
    Home { accounts, clock, terminal: Caller::system(household) }
}

impl Home {
    async fn owner(&self) -> NewSession {
        let link = self.accounts.create_setup_token(&self.terminal).await.unwrap();
        self.accounts.redeem_setup(&link.token, Some("Ada"), &secret(PASSWORD), firefox()).await.unwrap()
    }

    async fn viewer(&self, owner: &Caller, login: &str) -> NewSession {
        let (_, link) = self.accounts.invite_viewer(owner, login).await.unwrap();
        self.accounts.redeem_setup(&link.token, None, &secret(OTHER), firefox()).await.unwrap()
    }

    async fn neighbours(&self) -> Caller {
        let household = self.accounts.insert_household(self.accounts.db.conn()).await.unwrap();
        let owner = self.accounts.ensure_demo_owner(household, "Neighbour").await.unwrap();
        self.accounts.begin_demo_session(owner, firefox()).await.unwrap().caller
    }

    async fn sign_in(&self, login: &str, password: &str) -> Result<NewSession> {
        self.accounts.sign_in(login, &secret(password), home_address(), firefox()).await
    }
}

fn kind<T>(result: Result<T>) -> Kind {
    result.err().expect("it must be refused").kind()
}

#[tokio::test]
async fn every_column_has_its_entry_in_the_data_map_and_every_entry_its_column() {
    db::testing::each(migrations, |db| async move {
        let columns = db::schema::columns(&db).await.unwrap();
        assert_eq!(db::schema::compare(DATA_MAP.iter().chain(db::DATA_MAP), &columns), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn the_first_owner_comes_in_by_a_link_that_works_once_for_half_an_hour() {
    db::testing::each(migrations, |db| async move {
        let home = home(db).await;
        let accounts = &home.accounts;
        assert_eq!(accounts.ensure_household().await.unwrap(), home.terminal.household(), "it is made once");
        assert!(!accounts.is_set_up(home.terminal.household()).await.unwrap());
        let redeem = |link: &Secret<String>, login: Option<&'static str>, password: &'static str| {
            let (accounts, link) = (accounts.clone(), link.clone());
            async move { accounts.redeem_setup(&link, login, &secret(password), firefox()).await }
        };

        let late = accounts.create_setup_token(&home.terminal).await.unwrap().token;
        home.clock.advance(30 * MINUTE);
        assert_eq!(kind(redeem(&late, Some("Ada"), PASSWORD).await), Kind::NotFound);

        let void = accounts.create_setup_token(&home.terminal).await.unwrap().token;
        let link = accounts.create_setup_token(&home.terminal).await.unwrap().token;
        assert_eq!(link.expose().len(), 43, "256 bits in base64url");
        assert_eq!(kind(redeem(&void, Some("Ada"), PASSWORD).await), Kind::NotFound);
        assert_eq!(kind(redeem(&link, None, PASSWORD).await), Kind::Invalid);
        assert_eq!(kind(redeem(&link, Some("Ada"), "short").await), Kind::Invalid);
        let setup = accounts.setup(&link).await.unwrap();
        assert!(setup.role == Role::Owner && setup.login.is_none(), "a mistake does not use the link up");

        let (first, second) = tokio::join!(redeem(&link, Some("Ada"), PASSWORD), redeem(&link, Some("Eve"), OTHER));
        assert_eq!([first.is_ok(), second.is_ok()].iter().filter(|ok| **ok).count(), 1, "it works once");
        let session = first.or(second).unwrap();
        let caller = accounts.session(&session.token).await.unwrap();
        assert_eq!((caller.role(), caller.scopes()), (Role::Owner, Scopes::ALL));
        assert_eq!(caller.label().as_str(), "Firefox on Linux");
        assert!(accounts.is_set_up(caller.household()).await.unwrap());
        assert_eq!(kind(accounts.setup(&link).await), Kind::NotFound);
        assert_eq!(accounts.people(&home.terminal).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_link_resets_the_owners_sign_in_and_ends_every_session() {
    db::testing::each(migrations, |db| async move {
        let home = home(db).await;
        let before = home.owner().await;
        assert_eq!(kind(home.accounts.create_setup_token(&before.caller).await), Kind::Denied, "only at the terminal");
        let link = home.accounts.create_setup_token(&home.terminal).await.unwrap().token;
        assert_eq!(home.accounts.setup(&link).await.unwrap().login.unwrap().open(), "Ada");
        assert!(home.accounts.session(&before.token).await.is_ok(), "making a link ends nothing yet");
        let after = home.accounts.redeem_setup(&link, None, &secret(OTHER), firefox()).await.unwrap();
        assert_eq!(after.caller.account(), before.caller.account());
        assert_eq!(kind(home.accounts.session(&before.token).await), Kind::Unauthenticated);
        assert_eq!(kind(home.sign_in("Ada", PASSWORD).await), Kind::Unauthenticated);
        assert!(home.sign_in("ada", OTHER).await.is_ok());

        let link = home.accounts.create_setup_token(&home.terminal).await.unwrap().token;
        home.accounts.redeem_setup(&link, Some("Lovelace"), &secret(OTHER), firefox()).await.unwrap();
        assert_eq!(kind(home.sign_in("Ada", OTHER).await), Kind::Unauthenticated);
        assert!(home.sign_in("LOVELACE", OTHER).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn unknown_and_wrong_get_the_same_answer_and_guessing_is_slowed_down() {
    db::testing::each(migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await;
        home.accounts.invite_viewer(&owner.caller, "Bob").await.unwrap();
        let answers = [
            home.sign_in("Ada", OTHER).await,
            home.sign_in("Nobody", PASSWORD).await,
            home.sign_in("Bob", PASSWORD).await,
            home.sign_in("\u{202e}", PASSWORD).await,
            home.sign_in("", "").await,
            home.sign_in(&"x".repeat(100_000), &"y".repeat(100_000)).await,
        ];
        for answer in answers {
            let error = answer.err().unwrap();
            assert_eq!((error.kind(), error.message()), (Kind::Unauthenticated, "wrong user name or password"));
        }

        for guess in 0..9 {
            assert_eq!(kind(home.sign_in("ada", "a wrong guess").await), Kind::Unauthenticated, "guess {guess}");
        }
        let refused = home.sign_in("Ada", PASSWORD).await.err().unwrap();
        assert_eq!((refused.kind(), refused.wait()), (Kind::TooMany, Some(MINUTE)), "even the right one");
        home.clock.advance(MINUTE);
        assert!(home.sign_in("Ada", PASSWORD).await.is_ok());
        assert!(home.sign_in("Ada", PASSWORD).await.is_ok(), "who has signed in owes nothing");
    })
    .await;
}

#[tokio::test]
async fn one_network_cannot_try_many_accounts() {
    let home = home(migrated().await).await;
    let guess = |address: String, login: String| {
        let accounts = home.accounts.clone();
        async move { accounts.sign_in(&login, &secret("guess"), address.parse().unwrap(), firefox()).await }
    };
    for at in 0..30 {
        let refused = guess(format!("2001:db8::{at:x}"), format!("user {at}")).await;
        assert_eq!(kind(refused), Kind::Unauthenticated, "{at}");
    }
    assert_eq!(kind(guess("2001:db8::ffff".into(), "somebody".into()).await), Kind::TooMany);
    assert_eq!(kind(guess("2001:db8:0:1::1".into(), "somebody".into()).await), Kind::Unauthenticated);
}

async fn migrated() -> Db {
    let db = Db::memory().await.unwrap();
    db.migrate(migrations(), None).await.unwrap();
    db
}

#[tokio::test]
async fn a_session_ends_when_unused_for_thirty_days_and_after_ninety_in_any_case() {
    db::testing::each(migrations, |db| async move {
        let home = home(db).await;
        let (used, unused) = (home.owner().await, home.sign_in("Ada", PASSWORD).await.unwrap());
        for _ in 0..4 {
            home.clock.advance(20 * DAY);
            home.accounts.session(&used.token).await.unwrap();
        }
        assert_eq!(kind(home.accounts.session(&unused.token).await), Kind::Unauthenticated);
        assert_eq!(kind(home.accounts.refresh(&unused.caller).await), Kind::Unauthenticated);
        let open = home.accounts.sessions(&used.caller).await.unwrap();
        assert_eq!(open.len(), 1);
        assert!(open[0].current && open[0].last_used == home.accounts.world.clock.now());
        assert_eq!(open[0].expires, used.expires, "use does not prolong it beyond ninety days");
        assert_eq!(home.accounts.expire().await.unwrap(), 1);
        home.clock.advance(10 * DAY);
        assert_eq!(kind(home.accounts.session(&used.token).await), Kind::Unauthenticated);
        assert_eq!(kind(home.accounts.session(&secret("made up")).await), Kind::Unauthenticated);
    })
    .await;
}

#[tokio::test]
async fn sessions_are_ended_by_their_person_and_by_a_new_password() {
    db::testing::each(migrations, |db| async move {
        let home = home(db).await;
        let (phone, desk) = (home.owner().await, home.sign_in("Ada", PASSWORD).await.unwrap());
        let viewer = home.viewer(&phone.caller, "Bob").await;
        let id = home.accounts.sessions(&phone.caller).await.unwrap()[0].id;
        assert_eq!(kind(home.accounts.end_session(&viewer.caller, id).await), Kind::NotFound);

        let change = |old: &'static str, new: &'static str| {
            let (accounts, caller) = (home.accounts.clone(), phone.caller.clone());
            async move { accounts.change_password(&caller, &secret(old), &secret(new)).await }
        };
        assert_eq!(kind(change(OTHER, OTHER).await), Kind::Denied);
        assert_eq!(kind(change(PASSWORD, "short").await), Kind::Invalid);
        assert!(home.accounts.session(&desk.token).await.is_ok());
        change(PASSWORD, OTHER).await.unwrap();
        assert!(home.accounts.session(&phone.token).await.is_ok());
        assert_eq!(kind(home.accounts.session(&desk.token).await), Kind::Unauthenticated);
        assert!(home.accounts.session(&viewer.token).await.is_ok());
        assert!(home.sign_in("Ada", OTHER).await.is_ok());

        home.accounts.sign_out(&phone.caller).await.unwrap();
        assert_eq!(kind(home.accounts.session(&phone.token).await), Kind::Unauthenticated);
        assert_eq!(kind(home.accounts.sign_out(&home.terminal).await), Kind::Invalid);
    })
    .await;
}

#[tokio::test]
async fn a_viewer_watches_until_removed_and_changes_nothing() {
    db::testing::each(migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let neighbour = home.neighbours().await;
        home.clock.advance(MINUTE);
        let taken = home.accounts.invite_viewer(&owner, "ADA").await.err().unwrap();
        assert_eq!((taken.kind(), taken.at_field()), (Kind::Conflict, Some("login")));

        let (id, link) = home.accounts.invite_viewer(&owner, "Bob").await.unwrap();
        let setup = home.accounts.setup(&link.token).await.unwrap();
        assert!(setup.role == Role::Viewer && setup.login.unwrap().open() == "Bob");
        let newer = home.accounts.renew_viewer_link(&owner, id).await.unwrap();
        assert_eq!(kind(home.accounts.setup(&link.token).await), Kind::NotFound);
        assert_eq!(kind(home.accounts.renew_viewer_link(&neighbour, id).await), Kind::NotFound);
        assert_eq!(kind(home.accounts.renew_viewer_link(&owner, owner.account().unwrap()).await), Kind::Conflict);

        let bob = home.accounts.redeem_setup(&newer.token, None, &secret(OTHER), firefox()).await.unwrap();
        assert_eq!(bob.caller.scopes().to_string(), "cameras:read media:read");
        assert_eq!(kind(home.accounts.invite_viewer(&bob.caller, "Eve").await), Kind::Denied);
        assert_eq!(kind(home.accounts.set_zone(&bob.caller, "Europe/Berlin").await), Kind::Denied);
        assert_eq!(kind(home.accounts.remove_viewer(&bob.caller, id).await), Kind::Denied);
        home.accounts.set_display_name(&bob.caller, Some("Uncle Bob")).await.unwrap();
        let seen_by_bob = home.accounts.people(&bob.caller).await.unwrap();
        assert_eq!(seen_by_bob.len(), 1);
        assert_eq!(home.accounts.me(&bob.caller).await.unwrap().name().open(), "Uncle Bob");
        let people = home.accounts.people(&owner).await.unwrap();
        let names: Vec<_> = people.iter().map(|person| (person.login.open().as_str(), person.role)).collect();
        assert_eq!(names, [("Ada", Role::Owner), ("Bob", Role::Viewer)]);
        assert!(people.iter().all(|person| person.can_sign_in && person.last_seen.is_some()));
        assert_eq!(home.accounts.people(&neighbour).await.unwrap().len(), 1);

        assert_eq!(kind(home.accounts.remove_viewer(&neighbour, id).await), Kind::NotFound);
        assert_eq!(kind(home.accounts.remove_viewer(&owner, owner.account().unwrap()).await), Kind::Conflict);
        let token = home.accounts.create_token(&bob.caller, None, "media:read".parse().unwrap(), None).await.unwrap();
        home.accounts.remove_viewer(&owner, id).await.unwrap();
        assert_eq!(kind(home.accounts.refresh(&bob.caller).await), Kind::Unauthenticated);
        assert_eq!(kind(home.accounts.api_token(&token.token).await), Kind::Unauthenticated);
        assert_eq!(kind(home.sign_in("Bob", OTHER).await), Kind::Unauthenticated);
    })
    .await;
}

#[tokio::test]
async fn a_token_never_does_more_than_its_maker_and_never_longer_than_a_year() {
    db::testing::each(migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let bob = home.viewer(&owner, "Bob").await.caller;
        let make = |caller: &Caller, scopes: &str, days| {
            let (accounts, caller, scopes) = (home.accounts.clone(), caller.clone(), scopes.parse().unwrap());
            async move { accounts.create_token(&caller, Some("Home Assistant"), scopes, days).await }
        };
        assert_eq!(kind(make(&bob, "media:read cameras:write", None).await), Kind::Denied);
        assert_eq!(kind(make(&owner, "", None).await), Kind::Invalid);
        assert_eq!(kind(make(&owner, "admin", Some(0)).await), Kind::Invalid);
        assert_eq!(kind(make(&owner, "admin", Some(366)).await), Kind::Invalid);

        let plain = make(&owner, "media:read", Some(7)).await.unwrap();
        assert!(plain.token.expose().starts_with("njp_") && plain.token.expose().len() == 47);
        let caller = home.accounts.api_token(&plain.token).await.unwrap();
        assert_eq!((caller.account(), caller.scopes().to_string()), (owner.account(), "media:read".into()));
        assert_eq!(kind(make(&caller, "media:read", None).await), Kind::Denied, "a token makes no token");
        assert_eq!(kind(home.accounts.change_password(&caller, &secret(PASSWORD), &secret(OTHER)).await), Kind::Denied);

        home.clock.advance(MINUTE);
        let terminal = make(&home.terminal, "metrics:read admin", None).await.unwrap();
        let caller = home.accounts.api_token(&terminal.token).await.unwrap();
        assert_eq!((caller.account(), caller.role()), (None, Role::Owner));
        assert_eq!(kind(make(&caller, "media:read", None).await), Kind::Denied, "admin is not media");
        let nobody = make(&home.terminal, "cameras:read", Some(1)).await.unwrap();
        let nobody = home.accounts.api_token(&nobody.token).await.unwrap();
        assert!(home.accounts.people(&nobody).await.unwrap().is_empty());
        home.accounts
            .revoke_token(
                &home.terminal,
                match nobody.via() {
                    Via::Token(id) => id,
                    other => panic!("{other:?}"),
                },
            )
            .await
            .unwrap();
        let listed = home.accounts.tokens(&owner).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[1].name.as_ref().unwrap().open(), "Home Assistant");
        assert_eq!(listed[1].last_used, Some(home.accounts.world.clock.now() - MINUTE));
        assert!(home.accounts.tokens(&bob).await.unwrap().is_empty());
        assert_eq!(kind(home.accounts.revoke_token(&bob, plain.id).await), Kind::NotFound);
        assert_eq!(kind(home.accounts.revoke_token(&home.neighbours().await, plain.id).await), Kind::NotFound);

        home.accounts.revoke_token(&owner, plain.id).await.unwrap();
        assert_eq!(kind(home.accounts.api_token(&plain.token).await), Kind::Unauthenticated);
        home.clock.advance(90 * DAY);
        assert_eq!(kind(home.accounts.api_token(&terminal.token).await), Kind::Unauthenticated);
        for wrong in ["", "njp_", "njp_x", "Bearer", &PASSWORD[..4]] {
            assert_eq!(kind(home.accounts.api_token(&secret(wrong)).await), Kind::Unauthenticated);
        }
    })
    .await;
}

#[tokio::test]
async fn the_household_has_a_zone_of_the_iana_database() {
    db::testing::each(migrations, |db| async move {
        let home = home(db).await;
        assert_eq!(home.accounts.zone(&home.terminal).await.unwrap(), "UTC");
        assert_eq!(home.accounts.set_zone(&home.terminal, "europe/berlin").await.unwrap(), "Europe/Berlin");
        for wrong in ["", "Mars/Olympus", "../../etc/passwd", "+01:00", "EST5EDT4"] {
            let error = home.accounts.set_zone(&home.terminal, wrong).await.err().unwrap();
            assert_eq!((error.kind(), error.at_field()), (Kind::Invalid, Some("zone")), "{wrong}");
        }
        assert_eq!(home.accounts.zone(&home.terminal).await.unwrap(), "Europe/Berlin");
        assert_eq!(home.accounts.zone(&home.neighbours().await).await.unwrap(), "UTC");
    })
    .await;
}

#[tokio::test]
async fn a_copied_database_shows_neither_names_nor_anything_that_opens_a_door() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}/main.db", folder.path().display())).await.unwrap();
    db.migrate(migrations(), None).await.unwrap();
    let home = home(db.clone()).await;
    let owner = home.owner().await;
    let (_, link) = home.accounts.invite_viewer(&owner.caller, "Canary-Bob").await.unwrap();
    home.accounts.set_display_name(&owner.caller, Some("Canary-Countess")).await.unwrap();
    let token = home.accounts.create_token(&owner.caller, Some("Canary-Token"), Scopes::ALL, None).await.unwrap();
    db.close().await.unwrap();
    let secrets = [&owner.token, &link.token, &token.token].map(|secret| secret.expose().as_str());
    for text in ["Canary", "canary", "Ada", "$argon2id", PASSWORD].into_iter().chain(secrets) {
        assert!(!holds(folder.path(), text), "{text}");
    }
    assert!(holds(folder.path(), "Firefox on Linux"), "the search finds what is there");
}

fn holds(folder: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn a_household_that_is_gone_takes_its_people_with_it() {
    db::testing::each(migrations, |db| async move {
        use sea_orm::EntityTrait;
        let home = home(db).await;
        let (owner, neighbour) = (home.owner().await, home.neighbours().await);
        home.accounts.create_setup_token(&home.terminal).await.unwrap();
        let gone = household::Entity::delete_by_id(home.terminal.household().uuid());
        gone.exec(home.accounts.db.conn()).await.unwrap();
        assert_eq!(kind(home.accounts.session(&owner.token).await), Kind::Unauthenticated);
        assert!(home.accounts.refresh(&neighbour).await.is_ok());
        assert_eq!(account::Entity::find().all(home.accounts.db.conn()).await.unwrap().len(), 1);
        assert!(setup::Entity::find().all(home.accounts.db.conn()).await.unwrap().is_empty());
        let _: Time = home.accounts.me(&neighbour).await.unwrap().created;
    })
    .await;
}
