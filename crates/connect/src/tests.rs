//! Promises of the whole context, on every database.

mod smtp;

use crate::*;
use accounts::{Label, NewAccount, SignedUp};
use base::{Kind, Secret, TestClock, Time};
use db::ColumnKey;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const SITE: &str = "https://cams.example/";

fn migrations() -> Vec<Box<dyn sea_orm_migration::MigrationTrait>> {
    [accounts::migrations(), db::migrations(), crate::migrations()].into_iter().flatten().collect()
}

fn keys() -> ColumnKeys {
    ColumnKeys::new(|owner: [u8; 16]| async move {
        let mut key = [1; 32];
        key[..16].copy_from_slice(&owner);
        Ok(ColumnKey::new(key))
    })
}

/// A mail server that is never asked: the tests of sending speak to a real one.
fn server() -> Post {
    let url = Secret::new("smtp://127.0.0.1:1".to_owned());
    Post::Smtp(Smtp::new(&url, "Nightjar <cams@cams.example>").unwrap())
}

struct Home {
    connect: Connect,
    db: Db,
    clock: Arc<TestClock>,
}

impl Home {
    async fn new(db: Db, post: Post) -> Self {
        let (world, clock) = World::test(1);
        let accounts = Accounts::new(db.clone(), world.clone(), keys());
        let config = Config { post, site: SITE.into() };
        Self { connect: Connect::new(db.clone(), world, keys(), accounts, config), db, clock }
    }

    async fn person(&self, login: &str) -> AccountId {
        let here = here();
        let made = self.connect.accounts.sign_up(newcomer(login), false, login.contains('@'), &here).await;
        let SignedUp::SignedIn(session) = made.unwrap() else { panic!("nothing waits for a mail") };
        session.caller.account().unwrap()
    }

    async fn notify(&self, account: AccountId, notice: Notice) {
        self.connect.notify(account, notice).await.unwrap();
    }

    /// Takes everything that is due out of the queue.
    async fn due(&self) -> Vec<queue::Due> {
        let mut mails = Vec::new();
        while let Some(mail) = self.connect.take_due().await.unwrap() {
            mails.push(mail);
        }
        mails
    }

    async fn queued(&self) -> u64 {
        queue::Entity::find().count(self.db.conn()).await.unwrap()
    }

    async fn unread(&self, account: AccountId) -> u64 {
        self.connect.inbox(account, None, 50).await.unwrap().unread
    }
}

fn joined() -> Notice {
    Notice::JoinedHousehold { household: Some("Elm Street 4".into()) }
}

fn first_view() -> Notice {
    Notice::FirstView { person: "Zoe".into(), camera: "Nursery".into() }
}

#[tokio::test]
async fn every_column_has_its_entry_in_the_data_map_and_every_entry_its_column() {
    db::testing::each(migrations, |db| async move {
        let columns = db::schema::columns(&db).await.unwrap();
        let map = [DATA_MAP, accounts::DATA_MAP, db::QUEUES, db::DATA_MAP].concat();
        assert_eq!(db::schema::compare(&map, &columns), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_notice_comes_into_the_inbox_and_as_a_mail_where_there_is_an_address_and_a_server() {
    db::testing::each(migrations, |db| async move {
        policy::prove!(C2_2_1);
        let home = Home::new(db, server()).await;
        let (ada, ben) = (home.person("ada@example.org").await, home.person("Ben").await);
        home.notify(ada, Notice::PasswordChanged).await;
        home.notify(ben, Notice::PasswordChanged).await;
        let mails = home.due().await;
        assert_eq!(mails.len(), 1, "Ben has no address");
        assert_eq!((mails[0].address.as_str(), mails[0].account), ("ada@example.org", Some(ada)));
        for account in [ada, ben] {
            let inbox = home.connect.inbox(account, None, 50).await.unwrap();
            assert_eq!((inbox.items.len(), inbox.unread), (1, 1));
            assert_eq!(inbox.items[0].kind, "password_changed");
        }
        let nobody = AccountId::generate(&home.connect.world);
        assert_eq!(home.connect.notify(nobody, Notice::PasswordChanged).await.unwrap_err().kind(), Kind::NotFound);
    })
    .await;
}

#[tokio::test]
async fn without_a_mail_server_nothing_waits_for_one() {
    let db = Db::memory().await.unwrap();
    db.migrate(migrations(), None).await.unwrap();
    let home = Home::new(db, Post::None).await;
    let ada = home.person("ada@example.org").await;
    home.notify(ada, Notice::ResetPassword { url: Link::new("https://cams.example/x") }).await;
    let address = Pii::new("zoe@example.org".to_owned());
    assert!(
        !home.connect.mail_to(&address, Language::En, Note::ConfirmAddress { url: Link::default() }).await.unwrap()
    );
    assert_eq!((home.queued().await, home.unread(ada).await, home.connect.can_mail()), (0, 1, false));
}

#[tokio::test]
async fn what_nobody_asked_for_is_not_mailed_and_what_was_withdrawn_while_it_waited_neither() {
    db::testing::each(migrations, |db| async move {
        policy::prove!(C2_0_2);
        let home = Home::new(db, server()).await;
        let (ada, ben) = (home.person("ada@example.org").await, home.person("ben@example.org").await);
        home.notify(ada, first_view()).await;
        assert_eq!((home.queued().await, home.unread(ada).await), (0, 1), "the inbox alone has it");
        home.connect.choose(ada, Topic::Views, true).await.unwrap();
        home.notify(ada, first_view()).await;
        home.notify(ben, first_view()).await;
        let mails = home.due().await;
        assert_eq!(mails.iter().map(|mail| mail.account).collect::<Vec<_>>(), [Some(ada)], "Ben chose nothing");
        assert!(home.connect.still_wanted(&mails[0]).await.unwrap());
        home.connect.choose(ada, Topic::Views, false).await.unwrap();
        assert!(!home.connect.still_wanted(&mails[0]).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn of_all_histories_of_choices_only_the_last_choice_counts() {
    policy::prove!(C2_0_2, C3_18);
    let db = Db::memory().await.unwrap();
    db.migrate(migrations(), None).await.unwrap();
    let home = Home::new(db, server()).await;
    let ada = home.person("ada@example.org").await;
    let (mut household, mut views) = (true, false);
    for step in home.connect.world.random::<60>() {
        let wanted = step & 1 == 1;
        match step >> 1 & 3 {
            0 => (home.connect.choose(ada, Topic::Household, wanted).await.unwrap(), household = wanted).1,
            1 => (home.connect.choose(ada, Topic::Views, wanted).await.unwrap(), views = wanted).1,
            2 => {
                home.connect.choose(ada, Topic::Everything, false).await.unwrap();
                (household, views) = (false, false);
            }
            _ => assert!(home.connect.choose(ada, Topic::Everything, true).await.is_err()),
        }
        for (notice, expected) in [(joined(), household), (first_view(), views), (Notice::PasswordChanged, true)] {
            let basis = Basis::of(&home.db, ada, notice.class()).await.unwrap();
            assert_eq!(basis.is_some(), expected, "{}", notice.kind());
        }
        let topics = home.connect.topics(ada).await.unwrap();
        assert_eq!(topics, [(Topic::Household, household), (Topic::Views, views)]);
    }
}

#[tokio::test]
async fn after_everything_was_stopped_what_is_necessary_still_comes_and_nothing_else() {
    db::testing::each(migrations, |db| async move {
        policy::prove!(C3_9, C3_18);
        let home = Home::new(db, server()).await;
        let ada = home.person("ada@example.org").await;
        home.notify(ada, Notice::PasswordChanged).await;
        let mail = home.due().await.pop().unwrap();
        assert_eq!(mail.letter.one_click, None, "what is necessary has no such header");
        let token = mail.letter.text.rsplit("token=").next().unwrap().trim();
        assert_eq!(home.connect.unsubscribe(&Token::claimed(token)).await.unwrap(), Outcome::Stopped);
        for notice in notice::samples::notices() {
            let necessary = notice.class() == Class::Critical;
            let before = home.queued().await;
            home.notify(ada, notice).await;
            assert_eq!(home.queued().await - before, u64::from(necessary));
        }
    })
    .await;
}

#[tokio::test]
async fn the_way_out_of_a_mail_stops_its_topic_for_its_account_alone() {
    db::testing::each(migrations, |db| async move {
        policy::prove!(C3_8);
        let home = Home::new(db, server()).await;
        let (ada, ben) = (home.person("ada@example.org").await, home.person("ben@example.org").await);
        home.notify(ada, joined()).await;
        let url = home.due().await.pop().unwrap().letter.one_click.unwrap();
        let token = Token::claimed(url.strip_prefix("https://cams.example/unsubscribe?token=").unwrap());
        // Five years later, and twice.
        home.clock.advance(5 * 365 * DAY);
        for _ in 0..2 {
            assert_eq!(home.connect.unsubscribe(&token).await.unwrap(), Outcome::Stopped);
        }
        let household = |topics: Vec<(Topic, bool)>| topics[0].1;
        assert!(!household(home.connect.topics(ada).await.unwrap()));
        assert!(household(home.connect.topics(ben).await.unwrap()));
        assert_eq!(home.connect.unsubscribe(&Token::claimed("forged")).await.unwrap(), Outcome::Nothing);
        home.db.conn().execute_unprepared("DELETE FROM accounts").await.unwrap();
        assert_eq!(home.connect.unsubscribe(&token).await.unwrap(), Outcome::Nothing, "the account is gone");
    })
    .await;
}

#[tokio::test]
async fn an_address_that_asked_never_to_be_written_to_is_not_and_the_table_does_not_tell_it() {
    db::testing::each(migrations, |db| async move {
        let home = Home::new(db, server()).await;
        let zoe = Pii::new("Zoe@Example.org".to_owned());
        let invited = || Note::Invited { household: None, inviter: Some("Ada".into()), url: Link::default() };
        assert!(home.connect.mail_to(&zoe, Language::De, invited()).await.unwrap());
        let mail = home.due().await.pop().unwrap();
        assert_eq!(mail.letter.subject, "Sie sind eingeladen");
        let token = mail.letter.text.rsplit("token=").next().unwrap().trim().to_owned();
        assert_eq!(home.connect.unsubscribe(&Token::claimed(token)).await.unwrap(), Outcome::Stopped);
        assert!(!home.connect.still_wanted(&mail).await.unwrap(), "the one that waits is not sent either");
        let again = Pii::new("zoe@example.org".to_owned());
        assert!(!home.connect.mail_to(&again, Language::En, invited()).await.unwrap());
        let other = Pii::new("zoe@example.com".to_owned());
        assert!(home.connect.mail_to(&other, Language::En, invited()).await.unwrap());
        let rows = suppression::Entity::find().all(home.db.conn()).await.unwrap();
        assert_eq!((rows.len(), rows[0].address_index.len()), (1, 32));
        for bad in ["zoe@example.org\r\nBcc: eve@example.org", "zoe@example.org, eve@example.org", "zoe"] {
            let refused = home.connect.mail_to(&Pii::new(bad.into()), Language::En, invited()).await.unwrap_err();
            assert_eq!((refused.kind(), refused.at_field()), (Kind::Invalid, Some("address")));
        }
    })
    .await;
}

#[tokio::test]
async fn no_address_and_no_word_lies_open_in_the_database_while_a_mail_waits() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("main.db").display());
    let db = Db::open(&url).await.unwrap();
    db.migrate(migrations(), None).await.unwrap();
    let home = Home::new(db, server()).await;
    let ada = home.person("canary.ada@example.org").await;
    home.connect.choose(ada, Topic::Views, true).await.unwrap();
    home.notify(ada, Notice::FirstView { person: "Canary Zoe".into(), camera: "Canary Nursery".into() }).await;
    home.notify(ada, Notice::ResetPassword { url: Link::new("https://cams.example/reset#CANARYTOKEN") }).await;
    let zoe = Pii::new("canary.zoe@example.org".to_owned());
    home.connect
        .mail_to(&zoe, Language::En, Note::ConfirmAddress { url: Link::new("https://x/CANARY") })
        .await
        .unwrap();
    home.connect.suppress(&Address::parse("canary.eve@example.org").unwrap()).await.unwrap();
    assert_eq!(home.queued().await, 3);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap().to_ascii_lowercase();
        assert!(!bytes.windows(6).any(|window| window == b"canary"));
    }
    assert_eq!(home.due().await.len(), 3, "and each opens again");
}

#[tokio::test]
async fn a_mail_is_put_off_ever_longer_for_three_days_and_is_gone_a_week_after_its_end() {
    db::testing::each(migrations, |db| async move {
        let home = Home::new(db, server()).await;
        let ada = home.person("ada@example.org").await;
        home.notify(ada, Notice::PasswordChanged).await;
        let (mut tries, began) = (0, home.clock_now());
        let last = loop {
            let Some(mail) = home.connect.take_due().await.unwrap() else {
                assert!(home.clock_now().since(began) < 5 * DAY, "the mail is tried again");
                home.clock.advance(Duration::from_secs(60));
                continue;
            };
            assert!(home.connect.take_due().await.unwrap().is_none(), "one sender has it");
            tries += 1;
            if !home.connect.put_off(&mail).await.unwrap() {
                break mail;
            }
        };
        let lasted = home.clock_now().since(began);
        assert!((3 * DAY..4 * DAY).contains(&lasted), "{lasted:?}");
        assert!((70..100).contains(&tries), "{tries}: a minute at first, an hour in the end");
        home.connect.refused(&last).await.unwrap();
        home.connect.expire_mails(home.clock_now() - queue::KEPT).await.unwrap();
        assert_eq!(home.queued().await, 1);
        home.clock.advance(queue::KEPT + DAY);
        home.connect.expire_mails(home.clock_now() - queue::KEPT).await.unwrap();
        assert_eq!(home.queued().await, 0);
    })
    .await;
}

impl Home {
    fn clock_now(&self) -> Time {
        self.connect.world.clock.now()
    }
}

#[tokio::test]
async fn an_inbox_is_paged_marked_and_deleted_by_its_owner_alone() {
    db::testing::each(migrations, |db| async move {
        let home = Home::new(db, Post::None).await;
        let (ada, ben) = (home.person("Ada").await, home.person("Ben").await);
        for number in 0..5 {
            home.notify(
                ada,
                Notice::PolicyChanged {
                    version: number.to_string(),
                    effective: home.clock_now(),
                    url: "https://cams.example/privacy".into(),
                },
            )
            .await;
            home.clock.advance(Duration::from_millis(10));
        }
        let first = home.connect.inbox(ada, None, 3).await.unwrap();
        assert_eq!((first.items.len(), first.unread, first.more), (3, 5, true));
        assert!(first.items[0].paragraphs[0].contains("Version 4"), "the newest first");
        assert_eq!(first.items[0].link.as_ref().unwrap().1, "https://cams.example/privacy");
        let second = home.connect.inbox(ada, Some(first.items[2].id), 3).await.unwrap();
        assert_eq!((second.items.len(), second.more), (2, false));
        assert!(second.items[1].paragraphs[0].contains("Version 0"));
        let id = first.items[0].id;
        home.connect.mark(ada, id, true).await.unwrap();
        assert_eq!(home.unread(ada).await, 4);
        home.connect.mark(ada, id, false).await.unwrap();
        assert_eq!(home.unread(ada).await, 5);
        for refused in [home.connect.mark(ben, id, true).await, home.connect.delete(ben, id).await] {
            assert_eq!(refused.unwrap_err().kind(), Kind::NotFound);
        }
        home.connect.delete(ada, id).await.unwrap();
        assert_eq!(home.unread(ada).await, 4);
        home.clock.advance(366 * DAY);
        home.connect.expire_inbox(home.clock_now() - 365 * DAY).await.unwrap();
        assert_eq!(home.connect.inbox(ada, None, 50).await.unwrap().items.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_demo_shows_its_mails_and_sends_none() {
    let db = Db::memory().await.unwrap();
    db.migrate(migrations(), None).await.unwrap();
    let home = Home::new(db, Post::Shown).await;
    let ada = home.person("ada@example.org").await;
    home.notify(ada, Notice::PasswordChanged).await;
    assert!(home.due().await.is_empty());
    let shown = home.connect.shown().await.unwrap();
    assert_eq!((shown.len(), shown[0].to.as_str()), (1, "ada@example.org"));
    assert_eq!(shown[0].letter.subject, "Your password was changed");
}

#[tokio::test]
async fn a_mail_server_is_given_by_a_url_and_a_sender_by_one_address() {
    let smtp = |url: &str, from: &str| Smtp::new(&Secret::new(url.to_owned()), from);
    assert!(smtp("smtps://me:p%40ss@mail.example.org", "Nightjar <cams@example.org>").is_ok());
    assert!(smtp("smtp://mail.example.org:2525", "cams@example.org").is_ok());
    for url in ["", "mail.example.org", "http://mail.example.org", "smtp://"] {
        assert!(smtp(url, "cams@example.org").is_err(), "{url}");
    }
    for from in ["", "Nightjar", "Night\r\njar <cams@example.org>", "a@example.org, b@example.org", "<a@b@c.org>"] {
        assert!(smtp("smtps://mail.example.org", from).is_err(), "{from:?}");
    }
}

#[tokio::test]
async fn whose_address_is_not_verified_gets_the_one_mail_that_verifies_it_and_can_close_it_for_good() {
    db::testing::each(migrations, |db| async move {
        let home = Home::new(db, server()).await;
        let here = here();
        let made = home.connect.accounts.sign_up(newcomer("zoe@example.org"), false, false, &here);
        made.await.unwrap();
        let zoe = db_account(&home.db).await;
        home.notify(zoe, Notice::PasswordChanged).await;
        assert_eq!(home.queued().await, 0, "nothing but the verification goes there");
        home.notify(zoe, Notice::VerifyAddress { url: Link::new("https://cams.example/verify#token=x") }).await;
        let mail = home.due().await.pop().unwrap();
        assert!(mail.letter.text.contains("Never write to this address again"));
        let token = mail.letter.text.rsplit("token=").next().unwrap().trim().to_owned();
        assert_eq!(home.connect.unsubscribe(&Token::claimed(token)).await.unwrap(), Outcome::Stopped);
        home.notify(zoe, Notice::VerifyAddress { url: Link::default() }).await;
        assert_eq!(home.queued().await, 1, "whoever signs up with it again and again reaches it no more");
    })
    .await;
}

fn here() -> accounts::Browser {
    accounts::Browser { address: "127.0.0.1".parse().unwrap(), label: Label::browser(""), known: None }
}

/// The only account there is.
async fn db_account(db: &Db) -> AccountId {
    let row = db.conn().query_one_raw(db.statement("SELECT id FROM accounts", [])).await.unwrap().unwrap();
    row.try_get_by_index::<base::uuid::Uuid>(0).unwrap().into()
}

fn newcomer(login: &str) -> NewAccount {
    NewAccount {
        login: login.into(),
        password: Some(Secret::new("eleven loud magpies argue".into())),
        display_name: None,
        phone: None,
        language: Language::En,
        adult: true,
        policy: 1,
    }
}
