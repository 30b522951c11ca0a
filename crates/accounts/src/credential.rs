//! A password: what it must be, and how it is kept.
//!
//! Argon2id with 19 MiB, two passes, one lane (OWASP). The hash is sealed with the household's key besides, so that a
//! copied database gives nothing to guess against. At most two are computed at once and sixteen wait: hashing is the
//! dearest thing that a stranger can ask for.

use crate::{AccountId, account, limit};
use argon2::{Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier};
use base::{Error, Result, Secret, World};
use db::Db;
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};
use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Uuid,
    pub password: Vec<u8>,
    pub changed: i64,
    /// Whether the password is long enough to be the only factor.
    pub strong: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table credentials {
        account: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        password: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], retention: Account,
            protection: SlowHash, export: Omit("a credential"), erase: Delete, clauses: [C6_2],
        },
        changed: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        strong: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: Clear, export: Omit("says something of a credential"), erase: Delete,
            clauses: [C6_2, C9_1_5],
        },
    }
}

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const AT_ONCE: usize = 2;
const WAITING: usize = 16;

/// The shortest password, in characters: what NIST SP 800-63B-4 asks of a password that stands alone.
pub const SHORTEST_PASSWORD: usize = 15;
/// The shortest password of an account that has a second factor.
pub const SHORTEST_WITH_SECOND_FACTOR: usize = 8;
/// The longest password, in characters.
pub const LONGEST_PASSWORD: usize = 256;

/// What a guesser tries first. A password must be good without these.
const GUESSED: &[&str] = &[
    "nightjar",
    "password",
    "passwort",
    "passphrase",
    "camera",
    "admin",
    "owner",
    "welcome",
    "letmein",
    "iloveyou",
    "dragon",
    "monkey",
    "football",
    "1q2w3e4r5t6z",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv",
    "qwertyuiop",
    "qwertzuiop",
    "qwerty",
    "qwertz",
    "azerty",
    "asdfghjkl",
    "zxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
    "abc",
    "1234567890",
    "0123456789",
    "123456789",
    "12345",
    "123",
    "0987654321",
    "987654321",
];

/// The form in which a password is hashed: NFKC, so that keyboards agree.
fn normal(password: &Secret<String>) -> Secret<String> {
    Secret::new(password.expose().chars().take(4 * LONGEST_PASSWORD).nfkc().collect())
}

/// Whether the password is long enough to stand alone.
pub(crate) fn is_strong(password: &Secret<String>) -> bool {
    normal(password).expose().chars().count() >= SHORTEST_PASSWORD
}

/// An error unless the password may be chosen by somebody with this user name; it has `shortest` characters or more.
pub(crate) fn check(password: &Secret<String>, login: &str, shortest: usize) -> Result<()> {
    let refused = |message: String| Err(Error::invalid(message).field("password"));
    let password = normal(password);
    let length = password.expose().chars().count();
    if length < shortest {
        return refused(format!("a password has at least {shortest} characters; a few words make a good one"));
    }
    if is_common(password.expose()) {
        return refused("this is one of the ten thousand commonest passwords, which guessers try first".into());
    }
    if length > LONGEST_PASSWORD {
        return refused(format!("a password has at most {LONGEST_PASSWORD} characters"));
    }
    if is_guessed(password.expose(), login) {
        return refused(
            "this is one of the first passwords that a guesser tries; add words that nobody expects".into(),
        );
    }
    Ok(())
}

/// The ten thousand commonest passwords of eight characters or more, in order of bytes.
static COMMON: &str = include_str!("common.txt");

/// Whether the password is a common one, as it stands, or with digits and signs around it.
fn is_common(password: &str) -> bool {
    static SORTED: LazyLock<HashSet<&str>> =
        LazyLock::new(|| COMMON.lines().filter(|line| !line.starts_with('#')).collect());
    let password = password.to_lowercase();
    let word = password.trim_matches(|c: char| !c.is_alphabetic());
    SORTED.contains(password.as_str()) || SORTED.contains(word)
}

/// Whether too little is left without the words that guessers know.
fn is_guessed(password: &str, login: &str) -> bool {
    let mut rest = password.to_lowercase();
    let login = login.to_lowercase();
    let words = GUESSED.iter().copied().chain((login.chars().count() > 2).then_some(login.as_str()));
    for word in words {
        rest = rest.replace(word, "");
    }
    let distinct: HashSet<char> = rest.chars().collect();
    rest.chars().count() < 8 || distinct.len() < 5
}

/// A password as it is kept.
pub(crate) struct Chosen {
    /// In the PHC string format.
    hash: String,
    /// Whether it is long enough to stand alone.
    pub(crate) strong: bool,
}

/// Computes and compares password hashes, a few at a time.
pub(crate) struct Passwords {
    world: World,
    running: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Passwords {
    pub(crate) fn new(world: World) -> Self {
        Self { world, running: Arc::new(Semaphore::new(AT_ONCE)), waiting: Semaphore::new(AT_ONCE + WAITING) }
    }

    /// A password that was checked, as it is kept.
    pub(crate) async fn hash(&self, password: &Secret<String>) -> Result<Chosen> {
        let strong = is_strong(password);
        let (password, salt) = (normal(password), self.world.random::<16>());
        self.compute(move || {
            let hash = argon2().hash_password_with_salt(password.expose().as_bytes(), &salt);
            let failed = |cause: argon2::password_hash::Error| {
                Error::internal("a password cannot be hashed").because(cause.to_string())
            };
            Ok(Chosen { hash: hash.map_err(failed)?.to_string(), strong })
        })
        .await
    }

    /// Whether the password belongs to the hash. Without a hash the same work is done and the answer is no, so that
    /// the time tells nobody whether an account exists.
    pub(crate) async fn matches(&self, password: &Secret<String>, hash: Option<String>) -> Result<bool> {
        let password = normal(password);
        self.compute(move || {
            let stored = hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok());
            match stored {
                Some(hash) => Ok(argon2().verify_password(password.expose().as_bytes(), &hash).is_ok()),
                None => {
                    let _ = argon2().hash_password_with_salt(password.expose().as_bytes(), &[0; 16]);
                    Ok(false)
                }
            }
        })
        .await
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let _place = self.waiting.try_acquire().map_err(|_| limit::too_many(Duration::from_secs(1)))?;
        let running = self.running.clone().acquire_owned().await.expect("the semaphore is never closed");
        metrics::counter!("nightjar_password_hashes_total").increment(1);
        let done = tokio::task::spawn_blocking(move || {
            // The permit goes with the work: a caller who leaves does not make room for more of it.
            let _running = running;
            work()
        });
        done.await.map_err(|cause| Error::internal("password hashing was cut short").because(cause))?
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the numbers are inside the bounds of RFC 9106");
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
}

fn place(account: Uuid) -> String {
    format!("credentials.password/{account}")
}

/// Stores the hash of the account's password.
pub(crate) async fn set(
    conn: &impl ConnectionTrait,
    account: &account::Model,
    chosen: &Chosen,
    key: &db::ColumnKey,
    world: &World,
) -> Result<()> {
    let row = ActiveModel {
        strong: Set(chosen.strong),
        account: Set(account.id),
        password: Set(key.seal_text(&place(account.id), &chosen.hash, world)),
        changed: Set(world.clock.now().micros()),
    };
    let replace = OnConflict::column(Column::Account)
        .update_columns([Column::Password, Column::Changed, Column::Strong])
        .to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(conn).await.map(drop).map_err(db::error)
}

/// The hash of the account's password, if it has one.
pub(crate) async fn get(db: &Db, account: Uuid, key: &db::ColumnKey) -> Result<Option<String>> {
    let row = Entity::find_by_id(account).one(db.conn()).await.map_err(db::error)?;
    row.map(|row| key.open_text(&place(account), &row.password)).transpose()
}

/// Whether the account's password is long enough to stand alone; none if it has no password.
pub(crate) async fn strong(conn: &impl ConnectionTrait, account: AccountId) -> Result<Option<bool>> {
    Ok(Entity::find_by_id(account.uuid()).one(conn).await.map_err(db::error)?.map(|row| row.strong))
}

/// Those of the accounts that have a password.
pub(crate) async fn holders(db: &Db, accounts: &[Uuid]) -> Result<HashSet<Uuid>> {
    let rows = Entity::find().filter(Column::Account.is_in(accounts.iter().copied())).all(db.conn()).await;
    Ok(rows.map_err(db::error)?.into_iter().map(|row| row.account).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.into())
    }

    #[test]
    fn a_password_is_long_and_not_what_guessers_try_first() {
        for good in
            ["correct horse battery", "drei Igel im Garten", "ключ под ковриком лежит", "%xG7\u{1F512}kq!d82LmPz#"]
        {
            assert!(check(&secret(good), "ada", SHORTEST_PASSWORD).is_ok(), "{good}");
        }
        let long = "ab1 ".repeat(65);
        for bad in [
            "",
            "short",
            "fourteen chars",
            "passwordpassword",
            "123456789012345",
            "aaaaaaaaaaaaaaaaaaaa",
            &long,
            "qwertyuiopasdfghjkl",
            "abababababababababab",
            "nightjar-nightjar",
            "AdaLovelaceAdaLovelace1",
        ] {
            let refused = check(&secret(bad), "adalovelace", SHORTEST_PASSWORD).unwrap_err();
            assert_eq!((refused.kind(), refused.at_field()), (Kind::Invalid, Some("password")), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_the_documented_cost_and_matches_its_password_alone() {
        let passwords = Passwords::new(World::test(1).0);
        let hash = passwords.hash(&secret("Zoe\u{308} and the long winter")).await.unwrap();
        let hash = hash.hash;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.matches(&secret("Zo\u{eb} and the long winter"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.matches(&secret("zo\u{eb} and the long winter"), Some(hash)).await.unwrap());
        assert!(!passwords.matches(&secret(""), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_flood_of_guesses_is_refused_at_once_instead_of_queueing() {
        let passwords = Arc::new(Passwords::new(World::test(1).0));
        let guess = || {
            let passwords = passwords.clone();
            tokio::spawn(async move { passwords.matches(&Secret::new("a guess".into()), None).await })
        };
        let guesses: Vec<_> = (0..100).map(|_| guess()).collect();
        let mut refused = 0;
        for guess in guesses {
            match guess.await.unwrap() {
                Ok(matches) => assert!(!matches),
                Err(error) => {
                    assert_eq!((error.kind(), error.wait()), (Kind::TooMany, Some(Duration::from_secs(1))));
                    refused += 1;
                }
            }
        }
        assert_eq!(refused, 100 - AT_ONCE - WAITING);
    }
}
