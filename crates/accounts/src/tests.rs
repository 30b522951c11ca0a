//! Promises of the whole context, on every database.

use crate::*;
use base::{Kind, Secret, TestClock, Time};

mod authenticator;
mod factors;
mod oidc;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const PASSWORD: &str = "seven quiet nightjars sing";
const OTHER: &str = "eleven loud magpies argue";

fn all_migrations() -> Vec<Box<dyn sea_orm_migration::MigrationTrait>> {
    migrations().into_iter().chain(db::migrations()).collect()
}

/// An installation with one household.
struct Home {
    accounts: Accounts,
    clock: Arc<TestClock>,
    terminal: Caller,
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

fn firefox() -> Label {
    Label::browser("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0")
}

/// A browser at home in which nobody has signed in yet.
fn here() -> Browser {
    Browser { address: "192.168.1.7".parse().unwrap(), label: firefox(), known: None }
}

async fn home(db: Db) -> Home {
    let (world, clock) = World::test(1);
    let accounts = Accounts::new(db, world, keys());
    let household = accounts.ensure_household().await.unwrap();
    Home { accounts, clock, terminal: Caller::system(household) }
}

impl Home {
    async fn owner(&self) -> NewSession {
        let link = self.accounts.create_setup_link(&self.terminal).await.unwrap();
        self.redeem(&link.token, Some("Ada"), PASSWORD).await.unwrap()
    }

    async fn viewer(&self, owner: &Caller, login: &str) -> NewSession {
        let (_, link) = self.accounts.add_by_hand(owner, login, Role::Member).await.unwrap();
        self.redeem(&link.token, None, OTHER).await.unwrap()
    }

    async fn neighbours(&self) -> Caller {
        let household = self.accounts.insert_household(self.accounts.db.conn(), "UTC").await.unwrap();
        let owner = self.accounts.ensure_demo_owner(household, "Neighbour").await.unwrap();
        self.accounts.begin_demo_session(owner, firefox()).await.unwrap().caller
    }

    /// Whom the next fact of this kind is about; facts are told once here.
    async fn told(&self, kind: &str) -> AccountId {
        use sea_orm::{ConnectionTrait, Statement};
        let conn = self.accounts.db.conn();
        for _ in 0..500 {
            let sql = format!("SELECT id, body FROM facts WHERE kind = '{kind}' ORDER BY id LIMIT 1");
            if let Some(row) =
                conn.query_one_raw(Statement::from_string(self.accounts.db.backend(), sql)).await.unwrap()
            {
                let (id, body): (i64, String) = (row.try_get("", "id").unwrap(), row.try_get("", "body").unwrap());
                conn.execute_unprepared(&format!("DELETE FROM facts WHERE id = {id}")).await.unwrap();
                return serde_json::from_str::<fact::About>(&body).unwrap().account;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody was told of {kind}");
    }

    /// How many facts of this kind wait to be told.
    async fn facts(&self, kind: &str) -> i64 {
        use sea_orm::{ConnectionTrait, Statement};
        let sql = format!("SELECT COUNT(*) AS n FROM facts WHERE kind = '{kind}'");
        let counted = Statement::from_string(self.accounts.db.backend(), sql);
        self.accounts.db.conn().query_one_raw(counted).await.unwrap().unwrap().try_get("", "n").unwrap()
    }

    async fn call(&self, caller: &Caller, name: &str) {
        let change = ProfileChange { display_name: Some(Some(name.into())), ..ProfileChange::default() };
        self.accounts.change_profile(caller, change).await.unwrap();
    }

    async fn sign_in(&self, login: &str, password: &str) -> Result<NewSession> {
        self.accounts.sign_in(login, &secret(password), &here()).await?.session()
    }

    async fn redeem(&self, link: &Secret<String>, login: Option<&str>, password: &str) -> Result<NewSession> {
        self.accounts.redeem_setup(link, login, &secret(password), &here()).await?.session()
    }
}

fn kind<T>(result: Result<T>) -> Kind {
    result.err().expect("it must be refused").kind()
}

#[tokio::test]
async fn every_column_has_its_entry_in_the_data_map_and_every_entry_its_column() {
    db::testing::each(all_migrations, |db| async move {
        let columns = db::schema::columns(&db).await.unwrap();
        assert_eq!(db::schema::compare(DATA_MAP.iter().chain(db::DATA_MAP).chain(db::QUEUES), &columns), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn the_first_owner_comes_in_by_a_link_that_works_once_for_half_an_hour() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let accounts = &home.accounts;
        assert_eq!(accounts.ensure_household().await.unwrap(), home.terminal.household(), "it is made once");
        assert!(!accounts.is_set_up(home.terminal.household()).await.unwrap());
        let redeem = |link: &Secret<String>, login: Option<&'static str>, password: &'static str| {
            let (accounts, link) = (accounts.clone(), link.clone());
            async move { accounts.redeem_setup(&link, login, &secret(password), &here()).await?.session() }
        };

        let late = accounts.create_setup_link(&home.terminal).await.unwrap().token;
        home.clock.advance(30 * MINUTE);
        assert_eq!(kind(redeem(&late, Some("Ada"), PASSWORD).await), Kind::NotFound);

        let void = accounts.create_setup_link(&home.terminal).await.unwrap().token;
        let link = accounts.create_setup_link(&home.terminal).await.unwrap().token;
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
        assert_eq!((caller.role(), caller.scopes()), (Some(Role::Owner), Scopes::ALL));
        assert_eq!(caller.label().as_str(), "Firefox on Linux");
        assert!(accounts.is_set_up(caller.household()).await.unwrap());
        assert_eq!(kind(accounts.setup(&link).await), Kind::NotFound);
        assert_eq!(accounts.people(&home.terminal).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_link_resets_the_owners_sign_in_and_ends_every_session() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let before = home.owner().await;
        assert_eq!(kind(home.accounts.create_setup_link(&before.caller).await), Kind::Denied, "only at the terminal");
        let link = home.accounts.create_setup_link(&home.terminal).await.unwrap().token;
        assert_eq!(home.accounts.setup(&link).await.unwrap().login.unwrap().open(), "Ada");
        assert!(home.accounts.session(&before.token).await.is_ok(), "making a link ends nothing yet");
        let after = home.redeem(&link, None, OTHER).await.unwrap();
        assert_eq!(after.caller.account(), before.caller.account());
        assert_eq!(kind(home.accounts.session(&before.token).await), Kind::Unauthenticated);
        assert_eq!(kind(home.sign_in("Ada", PASSWORD).await), Kind::Unauthenticated);
        assert!(home.sign_in("ada", OTHER).await.is_ok());

        let link = home.accounts.create_setup_link(&home.terminal).await.unwrap().token;
        home.redeem(&link, Some("Lovelace"), OTHER).await.unwrap();
        assert_eq!(kind(home.sign_in("Ada", OTHER).await), Kind::Unauthenticated);
        assert!(home.sign_in("LOVELACE", OTHER).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn unknown_and_wrong_get_the_same_answer_and_guessing_is_slowed_down() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await;
        home.accounts.add_by_hand(&owner.caller, "Bob", Role::Member).await.unwrap();
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
        let browser = Browser { address: address.parse().unwrap(), ..here() };
        async move { accounts.sign_in(&login, &secret("guess"), &browser).await }
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
    db.migrate(all_migrations(), None).await.unwrap();
    db
}

#[tokio::test]
async fn a_session_ends_when_unused_for_thirty_days_and_after_ninety_in_any_case() {
    db::testing::each(all_migrations, |db| async move {
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
    policy::prove!(C1_2_12);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let (phone, desk) = (home.owner().await, home.sign_in("Ada", PASSWORD).await.unwrap());
        let viewer = home.viewer(&phone.caller, "Bob").await;
        let id = home.accounts.sessions(&phone.caller).await.unwrap()[0].id;
        assert_eq!(kind(home.accounts.end_session(&viewer.caller, id).await), Kind::NotFound);
        assert_eq!(kind(home.accounts.name_session(&viewer.caller, id, Some("Mine")).await), Kind::NotFound);
        home.accounts.name_session(&phone.caller, id, Some("Kitchen tablet")).await.unwrap();
        let open = home.accounts.sessions(&phone.caller).await.unwrap();
        assert_eq!(open[0].name.as_ref().unwrap().open(), "Kitchen tablet");
        assert_eq!(open[0].label.as_str(), "Firefox on Linux", "a kind and a system, and no more");
        assert_ne!(open[0].id, open[1].id);

        let change = |old: &'static str, new: &'static str| {
            let (accounts, caller) = (home.accounts.clone(), phone.caller.clone());
            async move { accounts.change_password(&caller, Some(&secret(old)), &secret(new)).await }
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
async fn a_member_watches_until_removed_and_changes_nothing() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let neighbour = home.neighbours().await;
        home.clock.advance(MINUTE);
        let taken = home.accounts.add_by_hand(&owner, "ADA", Role::Member).await.err().unwrap();
        assert_eq!((taken.kind(), taken.at_field()), (Kind::Conflict, Some("login")));

        let (id, link) = home.accounts.add_by_hand(&owner, "Bob", Role::Member).await.unwrap();
        let setup = home.accounts.setup(&link.token).await.unwrap();
        assert!(setup.role == Role::Member && setup.login.unwrap().open() == "Bob");
        let newer = home.accounts.renew_link(&owner, id).await.unwrap();
        assert_eq!(kind(home.accounts.setup(&link.token).await), Kind::NotFound);
        assert_eq!(kind(home.accounts.renew_link(&neighbour, id).await), Kind::NotFound);
        assert!(
            home.accounts.renew_link(&owner, owner.account().unwrap()).await.is_ok(),
            "an owner decides over owners"
        );

        let bob = home.redeem(&newer.token, None, OTHER).await.unwrap();
        assert_eq!(bob.caller.scopes().to_string(), "cameras:read media:read");
        assert_eq!(kind(home.accounts.add_by_hand(&bob.caller, "Eve", Role::Member).await), Kind::Denied);
        assert_eq!(kind(home.accounts.set_zone(&bob.caller, "Europe/Berlin").await), Kind::Denied);
        let ada = owner.account().unwrap();
        assert_eq!(kind(home.accounts.remove_member(&bob.caller, ada).await), Kind::Denied);
        home.call(&bob.caller, "Uncle Bob").await;
        let seen_by_bob = home.accounts.people(&bob.caller).await.unwrap();
        assert_eq!(seen_by_bob.len(), 1);
        assert_eq!(home.accounts.me(&bob.caller).await.unwrap().name().open(), "Uncle Bob");
        let people = home.accounts.people(&owner).await.unwrap();
        let names: Vec<_> = people.iter().map(|person| (person.login.open().as_str(), person.role)).collect();
        assert_eq!(names, [("Ada", Role::Owner), ("Bob", Role::Member)]);
        assert!(people.iter().all(|person| person.can_sign_in && person.last_seen.is_some()));
        assert_eq!(home.accounts.people(&neighbour).await.unwrap().len(), 1);

        assert_eq!(kind(home.accounts.remove_member(&neighbour, id).await), Kind::NotFound);
        assert_eq!(kind(home.accounts.remove_member(&owner, owner.account().unwrap()).await), Kind::Conflict);
        let token = home.accounts.create_token(&bob.caller, None, "media:read".parse().unwrap(), None).await.unwrap();
        home.accounts.remove_member(&owner, id).await.unwrap();
        let alone = home.accounts.refresh(&bob.caller).await.unwrap();
        assert!(alone.scopes().is_empty() && alone.role().is_none(), "the account stays, without any right here");
        assert_eq!(kind(home.accounts.api_token(&token.token).await), Kind::Unauthenticated);
        assert!(home.accounts.people(&alone).await.unwrap().is_empty());
        assert!(home.sign_in("Bob", OTHER).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_token_never_does_more_than_its_maker_and_never_longer_than_a_year() {
    db::testing::each(all_migrations, |db| async move {
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
        assert_eq!(
            kind(home.accounts.change_password(&caller, Some(&secret(PASSWORD)), &secret(OTHER)).await),
            Kind::Denied
        );

        home.clock.advance(MINUTE);
        let terminal = make(&home.terminal, "metrics:read admin", None).await.unwrap();
        let caller = home.accounts.api_token(&terminal.token).await.unwrap();
        assert_eq!((caller.account(), caller.role()), (None, Some(Role::Owner)));
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
    db::testing::each(all_migrations, |db| async move {
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
    db.migrate(all_migrations(), None).await.unwrap();
    let home = home(db.clone()).await;
    let owner = home.owner().await;
    let (_, link) = home.accounts.add_by_hand(&owner.caller, "Canary-Bob", Role::Member).await.unwrap();
    home.call(&owner.caller, "Canary-Countess").await;
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
async fn a_household_that_is_gone_leaves_its_people_their_accounts() {
    db::testing::each(all_migrations, |db| async move {
        use sea_orm::EntityTrait;
        let home = home(db).await;
        let (owner, neighbour) = (home.owner().await, home.neighbours().await);
        home.accounts.create_setup_link(&home.terminal).await.unwrap();
        let gone = household::Entity::delete_by_id(home.terminal.household().uuid());
        gone.exec(home.accounts.db.conn()).await.unwrap();
        let alone = home.accounts.session(&owner.token).await.unwrap();
        assert!(alone.role().is_none() && home.accounts.places(&alone).await.unwrap().is_empty());
        assert!(home.accounts.refresh(&neighbour).await.is_ok());
        assert!(link::Entity::find().all(home.accounts.db.conn()).await.unwrap().is_empty());
        let _: Time = home.accounts.me(&neighbour).await.unwrap().created;
    })
    .await;
}

#[tokio::test]
async fn a_person_acts_in_one_of_several_households_and_chooses_which() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await;
        home.clock.advance(MINUTE);
        let cottage = home.accounts.create_household(&owner.caller, Some("Cottage"), "europe/oslo").await.unwrap();
        let now = home.accounts.session(&owner.token).await.unwrap();
        assert_eq!(now.household(), home.terminal.household(), "nothing changes by itself");
        let token = home.accounts.create_token(&now, None, "media:read".parse().unwrap(), None).await.unwrap();

        home.accounts.select_household(&now, cottage).await.unwrap();
        let there = home.accounts.session(&owner.token).await.unwrap();
        assert_eq!((there.household(), there.role()), (cottage, Some(Role::Owner)));
        assert_eq!(home.accounts.household(&there).await.unwrap().name.unwrap().open(), "Cottage");
        assert_eq!(home.accounts.zone(&there).await.unwrap(), "Europe/Oslo");
        assert_eq!(home.accounts.api_token(&token.token).await.unwrap().household(), home.terminal.household());
        let places = home.accounts.places(&there).await.unwrap();
        assert_eq!(places.iter().map(|place| place.household.id).collect::<Vec<_>>(), [now.household(), cottage]);
        let neighbours = home.neighbours().await.household();
        assert_eq!(kind(home.accounts.select_household(&there, neighbours).await), Kind::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_household_keeps_an_owner_even_when_two_leave_at_once() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let bob = home.viewer(&owner, "Bob").await.caller;
        let (ada, ben) = (owner.account().unwrap(), bob.account().unwrap());
        assert_eq!(kind(home.accounts.remove_member(&owner, ada).await), Kind::Conflict, "the only one stays");
        assert_eq!(kind(home.accounts.set_role(&owner, ada, Role::Member, None).await), Kind::Conflict);
        assert_eq!(kind(home.accounts.set_role(&bob, ben, Role::Owner, None).await), Kind::Denied);

        home.clock.advance(11 * MINUTE);
        let stale = home.accounts.set_role(&owner, ben, Role::Owner, None).await;
        assert_eq!(kind(stale), Kind::StepUp, "a role is given by a person who is there");
        assert_eq!(kind(home.accounts.confirm(&owner, &secret(OTHER)).await), Kind::Denied);
        home.accounts.confirm(&owner, &secret(PASSWORD)).await.unwrap();
        let owner = home.accounts.refresh(&owner).await.unwrap();
        home.accounts.set_role(&owner, ben, Role::Owner, None).await.unwrap();
        let bob = home.accounts.refresh(&bob).await.unwrap();

        let leave = |caller: Caller| {
            let accounts = home.accounts.clone();
            async move { accounts.remove_member(&caller, caller.account().unwrap()).await }
        };
        let (first, second) = tokio::join!(leave(owner), leave(bob));
        assert_eq!([first.is_ok(), second.is_ok()].iter().filter(|ok| **ok).count(), 1);
        assert_eq!(home.accounts.owners(home.terminal.household()).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_manager_decides_over_members_and_an_installer_comes_for_a_while_and_sees_no_picture() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await.caller;
        let member = home.viewer(&owner, "Bob").await.caller;
        let manager = home.viewer(&owner, "Mona").await.caller;
        let (bob, mona) = (member.account().unwrap(), manager.account().unwrap());
        home.accounts.set_role(&owner, mona, Role::Manager, None).await.unwrap();
        let manager = home.accounts.refresh(&manager).await.unwrap();
        assert_eq!(kind(home.accounts.remove_member(&manager, owner.account().unwrap()).await), Kind::Denied);
        assert_eq!(kind(home.accounts.set_role(&manager, bob, Role::Manager, None).await), Kind::Denied);
        assert_eq!(kind(home.accounts.set_role(&manager, mona, Role::Owner, None).await), Kind::Denied);

        let now = home.accounts.world.clock.now();
        let install = |until| home.accounts.set_role(&manager, bob, Role::Installer, until);
        assert_eq!(kind(install(None).await), Kind::Invalid);
        assert_eq!(kind(install(Some(now)).await), Kind::Invalid);
        install(Some(now + DAY)).await.unwrap();
        let installer = home.accounts.refresh(&member).await.unwrap();
        assert_eq!(installer.scopes().to_string(), "cameras:read cameras:write");
        home.clock.advance(DAY);
        assert!(home.accounts.refresh(&member).await.unwrap().role().is_none(), "the time is over");
        assert_eq!(home.accounts.people(&owner).await.unwrap().len(), 2);
        assert_eq!(home.accounts.expire().await.unwrap(), 1);
    })
    .await;
}

fn newcomer(login: &str) -> NewAccount {
    NewAccount {
        login: login.into(),
        password: Some(secret(OTHER)),
        display_name: Some("Zoe".into()),
        phone: None,
        language: Language::De,
        adult: true,
        policy: 1,
    }
}

#[tokio::test]
async fn signing_up_tells_nobody_whether_an_address_has_an_account() {
    policy::prove!(C1_1_1, C11_1);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let accounts = &home.accounts;
        let browser = here();
        let sign_up = |new| accounts.sign_up(new, true, false, &browser);
        let minor = NewAccount { adult: false, ..newcomer("kid@example.org") };
        assert_eq!(sign_up(minor).await.err().unwrap().at_field(), Some("adult"));
        assert_eq!(sign_up(newcomer("a name")).await.err().unwrap().at_field(), Some("login"));

        assert!(matches!(sign_up(newcomer("zoe@example.org")).await.unwrap(), SignedUp::LookIntoMail));
        let id = home.told(fact::SIGNED_UP).await;
        assert_eq!(kind(home.sign_in("zoe@example.org", OTHER).await), Kind::Unauthenticated, "not before the mail");
        accounts.forgotten("zoe@example.org").await.unwrap();
        assert!(matches!(sign_up(newcomer("Zoe@Example.org")).await.unwrap(), SignedUp::LookIntoMail));
        assert_eq!(home.told(fact::SIGNED_UP).await, id, "the mail goes out again, and no second account is made");

        let link = accounts.verification_link(id).await.unwrap();
        let session = accounts.verify_address(&link.token, &here()).await.unwrap().session().unwrap();
        assert!(accounts.verify_address(&link.token, &here()).await.is_err(), "a link works once");
        let me = accounts.me(&session.caller).await.unwrap();
        assert!(me.verified && me.language == Language::De && me.name().open() == "Zoe");
        assert!(session.caller.role().is_none(), "the person belongs to no household yet");
        assert!(home.sign_in("ZOE@example.org", OTHER).await.is_ok());
        assert!(matches!(sign_up(newcomer("zoe@example.org")).await.unwrap(), SignedUp::LookIntoMail));
        assert_eq!(home.told(fact::SIGNED_UP_AGAIN).await, id, "the person is told");
        accounts.forgotten("nobody@example.org").await.unwrap();
        accounts.forgotten("zoe@example.org").await.unwrap();
        assert_eq!(home.told(fact::PASSWORD_FORGOTTEN).await, id);
        assert_eq!(accounts.contact(id).await.unwrap().address.unwrap().open(), "zoe@example.org");
    })
    .await;
}

#[tokio::test]
async fn an_address_that_nobody_verifies_is_forgotten_after_a_week() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        home.accounts.sign_up(newcomer("zoe@example.org"), true, false, &here()).await.unwrap();
        home.told(fact::SIGNED_UP).await;
        home.clock.advance(7 * DAY);
        assert_eq!(home.accounts.expire().await.unwrap(), 0);
        home.clock.advance(MINUTE);
        assert_eq!(home.accounts.expire().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn without_mail_an_invited_person_is_signed_in_at_once() {
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let browser = here();
        let sign_up = |name: &str| home.accounts.sign_up(newcomer(name), false, true, &browser);
        let SignedUp::SignedIn(session) = sign_up("Zoe").await.unwrap() else { panic!("no mail is waited for") };
        assert!(!home.accounts.me(&session.caller).await.unwrap().verified, "a user name proves nothing");
        assert_eq!(kind(sign_up("zoe").await), Kind::Conflict);
        assert!(home.sign_in("Zoe", OTHER).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn an_address_changes_when_both_ends_have_agreed() {
    policy::prove!(C3_1);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let accounts = &home.accounts;
        let SignedUp::SignedIn(session) =
            accounts.sign_up(newcomer("old@example.org"), true, true, &here()).await.unwrap()
        else {
            panic!("the invitation proved the address")
        };
        let me = session.caller.clone();
        assert_eq!(kind(accounts.ask_for_login(&me, "new@example", true).await), Kind::Invalid);
        assert!(accounts.ask_for_login(&me, "new@example.org", true).await.unwrap());
        let id = home.told(fact::ADDRESS_LEAVING).await;
        assert!(accounts.address_link(id, Step::Take).await.unwrap().is_none(), "the old address is asked first");
        let (first, address) = accounts.address_link(id, Step::Leave).await.unwrap().unwrap();
        assert_eq!((Some(id), address.open().as_str()), (me.account(), "new@example.org"));
        assert_eq!(kind(accounts.take_address(&first.token).await), Kind::NotFound);
        accounts.leave_address(&first.token).await.unwrap();
        assert_eq!(home.told(fact::ADDRESS_TAKING).await, id);
        let (second, address) = accounts.address_link(id, Step::Take).await.unwrap().unwrap();
        assert_eq!(address.open(), "new@example.org");
        assert_eq!(accounts.me(&me).await.unwrap().login.open(), "old@example.org", "nothing has changed yet");
        accounts.take_address(&second.token).await.unwrap();
        let now = accounts.me(&me).await.unwrap();
        assert_eq!((now.login.open().as_str(), now.verified), ("new@example.org", true));
        assert_eq!(kind(accounts.take_address(&second.token).await), Kind::NotFound);
        home.clock.advance(10 * MINUTE);
        let stale = accounts.refresh(&me).await.unwrap();
        assert_eq!(kind(accounts.ask_for_login(&stale, "third@example.org", true).await), Kind::StepUp);
    })
    .await;
}

#[tokio::test]
async fn each_detail_of_a_profile_can_be_corrected_and_taken_away() {
    policy::prove!(C3_1, C3_2);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let me = home.owner().await.caller;
        let set = |change| home.accounts.change_profile(&me, change);
        let text = |text: &str| Some(Some(text.to_owned()));
        set(ProfileChange { phone: text("+49 30 1234"), zone: text("asia/tokyo"), ..Default::default() })
            .await
            .unwrap();
        set(ProfileChange { display_name: text("Ada L."), language: Some(Language::De), ..Default::default() })
            .await
            .unwrap();
        let now = home.accounts.me(&me).await.unwrap();
        assert_eq!((now.phone.unwrap().open().as_str(), now.zone.as_deref()), ("+49 30 1234", Some("Asia/Tokyo")));
        assert_eq!((now.display_name.unwrap().open().as_str(), now.language), ("Ada L.", Language::De));
        let wrong = set(ProfileChange { phone: text("call me"), display_name: text("X"), ..Default::default() }).await;
        assert_eq!(wrong.err().unwrap().at_field(), Some("phone"));
        set(ProfileChange { display_name: Some(None), phone: Some(None), zone: Some(None), language: None })
            .await
            .unwrap();
        let now = home.accounts.me(&me).await.unwrap();
        assert!(now.phone.is_none() && now.zone.is_none() && now.name().open() == "Ada");
    })
    .await;
}

#[tokio::test]
async fn a_closed_account_is_dark_at_once_and_can_be_opened_again() {
    policy::prove!(C3_3);
    db::testing::each(all_migrations, |db| async move {
        let home = home(db).await;
        let owner = home.owner().await;
        let id = owner.caller.account().unwrap();
        let token = home.accounts.create_token(&owner.caller, None, Scopes::ALL, None).await.unwrap();
        home.accounts.close(home.accounts.db.conn(), id).await.unwrap();
        assert!(home.accounts.session(&owner.token).await.is_err());
        assert!(home.accounts.refresh(&owner.caller).await.is_err());
        assert_eq!(kind(home.accounts.api_token(&token.token).await), Kind::Closed);
        assert_eq!(kind(home.sign_in("Ada", PASSWORD).await), Kind::Closed, "who knows the password is told");
        assert_eq!(kind(home.sign_in("Ada", OTHER).await), Kind::Unauthenticated);

        home.accounts.reopen(id).await.unwrap();
        assert!(home.accounts.api_token(&token.token).await.is_ok() && home.sign_in("Ada", PASSWORD).await.is_ok());
    })
    .await;
}
