//! Passkeys (WebAuthn Level 3): a key pair that a phone, computer or security key keeps for its person.
//!
//! Always with user verification, so that a passkey is two factors at once. Its challenge comes from webauthn-rs, waits on
//! the server for minutes and is used once. A signature counter that goes back means a copied key: refused, and the person
//! is told. What the server keeps is sealed under the account's key.

use crate::{
    AccountId, Accounts, Browser, Caller, NewSession, PasskeyId, SessionId, account, fact, history::Method,
    pending::Pending,
};
use base::{Error, Pii, Result, Secret, Time, World};
use db::Db;
use sea_orm::{QueryOrder, entity::prelude::*, sea_query::Expr};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::HashSet;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey as Key, PasskeyAuthentication, PasskeyRegistration,
    PublicKeyCredential, Url, Webauthn, WebauthnBuilder, WebauthnError,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkeys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account: Uuid,
    /// SHA-256 of the credential id.
    pub hash: Vec<u8>,
    /// Credential id, public key and counter, sealed.
    pub credential: Vec<u8>,
    pub name: Option<Vec<u8>>,
    pub created: i64,
    pub last_used: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table passkeys {
        id: not_personal("opaque id"),
        account: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        hash: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Device,
            retention: Account, protection: Hash, export: Omit("a credential"), erase: Delete,
            clauses: [C6_2, C9_1_5],
        },
        credential: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Device,
            retention: Account, protection: AccountKey, export: Omit("a credential"), erase: Delete,
            clauses: [C6_2, C9_1_5],
        },
        name: {
            category: Name, subject: AccountHolder, purposes: [SignIn: Contract], retention: Account,
            protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        last_used: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
    }
}

/// How many passkeys an account has at most.
const MOST: u64 = 32;

/// A passkey in the list of its person.
#[derive(Clone, Debug)]
pub struct Passkey {
    pub id: PasskeyId,
    pub name: Option<Pii<String>>,
    pub created: Time,
    pub last_used: Option<Time>,
}

/// A passkey that was just registered.
#[derive(Debug)]
pub struct NewPasskey {
    pub id: PasskeyId,
    /// The first recovery codes, if the account had none.
    pub recovery_codes: Vec<Secret<String>>,
}

/// What the browser is to do, and the token with which it answers.
#[derive(Debug)]
pub struct Ceremony {
    pub token: Secret<String>,
    /// What `navigator.credentials.create` or `.get` takes, with binary values in base64url.
    pub options: Value,
}

/// A ceremony that waits for the browser.
pub(crate) enum Waiting {
    Registration(AccountId, PasskeyRegistration),
    SignIn(DiscoverableAuthentication),
    Confirmation(SessionId, PasskeyAuthentication),
}

/// The server as authenticators know it, and the ceremonies under way.
pub(crate) struct Passkeys {
    site: Webauthn,
    waiting: Pending<Waiting>,
}

impl Passkeys {
    /// For a server that is reached under these host names: passkeys are made for the first that is a domain, and are
    /// good under it and the names below it. Without one they are made for `localhost`; an address has none.
    pub(crate) fn new(names: &[String]) -> Result<Self> {
        let wrong = |cause| Error::invalid("server.names: passkeys need a host name").because(cause);
        let origin = |scheme: &str, name: &str| Url::parse(&format!("{scheme}://{name}")).ok();
        let named: Vec<Url> = names.iter().filter_map(|name| origin("https", name)).collect();
        let first = named.iter().find_map(|origin| origin.domain().map(|domain| (domain.to_owned(), origin.clone())));
        let local = origin("http", "localhost").ok_or_else(|| wrong(WebauthnError::Configuration))?;
        let (id, first) = first.unwrap_or(("localhost".into(), local.clone()));
        let mut builder = WebauthnBuilder::new(&id, &first).map_err(wrong)?.rp_name("Nightjar").allow_any_port(true);
        let below = format!(".{id}");
        // On the machine itself browsers ask for no encryption.
        for origin in named.iter().chain(&origin("https", &id)).chain([&local]) {
            if origin.domain().is_some_and(|domain| domain == id || domain.ends_with(&below)) {
                builder = builder.append_allowed_origin(origin);
            }
        }
        Ok(Self { site: builder.build().map_err(wrong)?, waiting: Pending::new() })
    }

    fn begin(&self, world: &World, waiting: Waiting, options: &impl Serialize) -> Result<Ceremony> {
        Ok(Ceremony { token: self.waiting.add(world, waiting), options: value(options)? })
    }
}

pub(crate) fn value(options: &impl Serialize) -> Result<Value> {
    serde_json::to_value(options).map_err(|cause| Error::internal("a challenge is no JSON").because(cause))
}

pub(crate) fn parsed<T: DeserializeOwned>(credential: Value) -> Result<T> {
    serde_json::from_value(credential)
        .map_err(|_| Error::invalid("this is no answer of a browser to a passkey challenge").field("credential"))
}

fn place(column: &str, id: Uuid) -> String {
    format!("passkeys.{column}/{id}")
}

/// The answer to whatever is wrong with an assertion, so that it tells nothing.
fn refused() -> Error {
    Error::unauthenticated("the passkey was not accepted; try again")
}

fn too_late() -> Error {
    Error::unauthenticated("this took too long or was answered already; try again")
}

/// How many passkeys the account has.
pub(crate) async fn count(conn: &impl ConnectionTrait, account: AccountId) -> Result<u64> {
    Entity::find().filter(Column::Account.eq(account.uuid())).count(conn).await.map_err(db::error)
}

/// Those of the accounts that have a passkey.
pub(crate) async fn holders(db: &Db, accounts: &[Uuid]) -> Result<HashSet<Uuid>> {
    let rows = Entity::find().filter(Column::Account.is_in(accounts.iter().copied())).all(db.conn()).await;
    Ok(rows.map_err(db::error)?.into_iter().map(|row| row.account).collect())
}

/// Takes away every passkey of the account.
pub(crate) async fn clear(conn: &impl ConnectionTrait, account: AccountId) -> Result<()> {
    let all = Entity::delete_many().filter(Column::Account.eq(account.uuid()));
    all.exec(conn).await.map(drop).map_err(db::error)
}

impl Model {
    fn key(&self, key: &db::ColumnKey) -> Result<Key> {
        let text = key.open_text(&place("credential", self.id), &self.credential)?;
        serde_json::from_str(&text)
            .map_err(|cause| Error::internal("a passkey does not read as it should").because(cause))
    }
}

fn sealed(id: Uuid, passkey: &Key, key: &db::ColumnKey, world: &World) -> Result<Vec<u8>> {
    let text =
        serde_json::to_string(passkey).map_err(|cause| Error::internal("a passkey is no JSON").because(cause))?;
    Ok(key.seal_text(&place("credential", id), &text, world))
}

fn hash_of(passkey: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, passkey);
    digest.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

impl Accounts {
    /// The same accounts, for a server that is reached under these host names: passkeys are made for them.
    pub fn named(self, names: &[String]) -> Result<Self> {
        Ok(Self { passkeys: Passkeys::new(names)?.into(), ..self })
    }

    /// The caller's passkeys, the oldest first.
    pub async fn passkeys(&self, caller: &Caller) -> Result<Vec<Passkey>> {
        let account = caller.require_person()?;
        let key = self.keys.of_account(account).await?;
        let listed = |row: Model| {
            let name = row.name.as_ref().map(|name| key.open_text(&place("name", row.id), name).map(Pii::new));
            Ok(Passkey {
                id: row.id.into(),
                name: name.transpose()?,
                created: Time::from_micros(row.created),
                last_used: row.last_used.map(Time::from_micros),
            })
        };
        self.passkey_rows(account).await?.into_iter().map(listed).collect()
    }

    async fn passkey_rows(&self, account: AccountId) -> Result<Vec<Model>> {
        let mine = Entity::find().filter(Column::Account.eq(account.uuid())).order_by_asc(Column::Id);
        mine.all(self.db.conn()).await.map_err(db::error)
    }

    pub(crate) async fn keys_held(&self, account: AccountId) -> Result<Vec<Key>> {
        let key = self.keys.of_account(account).await?;
        self.passkey_rows(account).await?.iter().map(|row| row.key(&key)).collect()
    }

    /// Begins to register a passkey. Needs a fresh confirmation.
    pub async fn begin_passkey(&self, caller: &Caller) -> Result<Ceremony> {
        use webauthn_rs::prelude::CreationChallengeResponse as Options;
        caller.require_recent(self.world.clock.now())?;
        let (account, _) = self.signed_in(caller).await?;
        let login = self.login_of(&account).await?;
        let held = self.keys_held(account.id.into()).await?;
        let held = held.iter().map(|key| key.cred_id().clone()).collect();
        let begun = self.passkeys.site.start_passkey_registration(account.id, login.open(), login.open(), Some(held));
        let (options, state): (Options, _) =
            begun.map_err(|cause| Error::internal("a passkey cannot be begun").because(cause))?;
        let mut options = value(&options)?;
        // A discoverable passkey needs no user name at sign-in. webauthn-rs leaves it to the browser.
        options["publicKey"]["authenticatorSelection"]["residentKey"] = "preferred".into();
        self.passkeys.begin(&self.world, Waiting::Registration(account.id.into(), state), &options)
    }

    /// Completes the registration of a passkey.
    pub async fn add_passkey(
        &self,
        caller: &Caller,
        token: &Secret<String>,
        credential: Value,
        name: Option<&str>,
    ) -> Result<NewPasskey> {
        let (account, _) = self.signed_in(caller).await?;
        let name = name.map(|name| account::name(name, "name")).transpose()?;
        let credential = parsed(credential)?;
        let state = match self.passkeys.waiting.take(&self.world, token) {
            Some(Waiting::Registration(whose, state)) if whose.uuid() == account.id => state,
            _ => return Err(too_late()),
        };
        let made = self.passkeys.site.finish_passkey_registration(&credential, &state);
        let made = made.map_err(|_| Error::invalid("the passkey was not accepted").field("credential"))?;
        self.insert_passkey(account.id.into(), &made, name).await
    }

    async fn insert_passkey(&self, account: AccountId, made: &Key, name: Option<String>) -> Result<NewPasskey> {
        let id = PasskeyId::generate(&self.world);
        let key = self.keys.of_account(account).await?;
        let row = Model {
            id: id.uuid(),
            account: account.uuid(),
            hash: hash_of(made.cred_id()).to_vec(),
            credential: sealed(id.uuid(), made, &key, &self.world)?,
            name: name.map(|name| key.seal_text(&place("name", id.uuid()), &name, &self.world)),
            created: self.world.clock.now().micros(),
            last_used: None,
        };
        let tx = self.db.begin().await?;
        account::lock(&tx, account).await?;
        if count(&tx, account).await? >= MOST {
            return Err(Error::conflict(format!("an account has at most {MOST} passkeys")));
        }
        Entity::insert(ActiveModel::from(row)).exec_without_returning(&tx).await.map_err(db::error)?;
        let recovery_codes = self.first_codes(&tx, account).await?;
        self.tell(&tx, fact::FACTORS_CHANGED, account).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(NewPasskey { id, recovery_codes })
    }

    /// Gives one of the caller's passkeys a name, or takes it away.
    pub async fn name_passkey(&self, caller: &Caller, id: PasskeyId, name: Option<&str>) -> Result<()> {
        let account = caller.require_person()?;
        let name = name.map(|name| account::name(name, "name")).transpose()?;
        let key = self.keys.of_account(account).await?;
        let sealed = name.map(|name| key.seal_text(&place("name", id.uuid()), &name, &self.world));
        let change = Entity::update_many().col_expr(Column::Name, Expr::value(sealed));
        let change = change.filter(Column::Id.eq(id.uuid())).filter(Column::Account.eq(account.uuid()));
        match change.exec(self.db.conn()).await.map_err(db::error)?.rows_affected {
            0 => Err(Error::not_found("no such passkey")),
            _ => Ok(()),
        }
    }

    /// Takes a passkey away. Needs a fresh confirmation; the last way in stays.
    pub async fn remove_passkey(&self, caller: &Caller, id: PasskeyId) -> Result<()> {
        caller.require_recent(self.world.clock.now())?;
        let account = AccountId::from(self.signed_in(caller).await?.0.id);
        let tx = self.db.begin().await?;
        account::lock(&tx, account).await?;
        let delete = Entity::delete_by_id(id.uuid()).filter(Column::Account.eq(account.uuid()));
        if delete.exec(&tx).await.map_err(db::error)?.rows_affected == 0 {
            return Err(Error::not_found("no such passkey"));
        }
        self.may_lose_factor(&tx, account).await?;
        self.tell(&tx, fact::FACTORS_CHANGED, account).await?;
        tx.commit().await.map_err(db::error)
    }

    /// Begins to sign in with a passkey that the browser finds by itself.
    pub fn begin_passkey_sign_in(&self, browser: &Browser) -> Result<Ceremony> {
        self.per_ceremony.spend(browser.network(), self.world.clock.monotonic())?;
        let begun = self.passkeys.site.start_discoverable_authentication();
        let (options, state) = begun.map_err(|cause| Error::internal("no passkey challenge").because(cause))?;
        self.passkeys.begin(&self.world, Waiting::SignIn(state), &options)
    }

    /// Signs in with a passkey, which needs nothing besides.
    pub async fn sign_in_by_passkey(
        &self,
        token: &Secret<String>,
        credential: Value,
        browser: &Browser,
    ) -> Result<NewSession> {
        let credential: PublicKeyCredential = parsed(credential)?;
        let Some(Waiting::SignIn(state)) = self.passkeys.waiting.take(&self.world, token) else {
            return Err(too_late());
        };
        let named = self.passkeys.site.identify_discoverable_authentication(&credential);
        let (account, id) = named.map_err(|_| refused())?;
        let row = find(self.db.conn(), account.into(), id).await?.ok_or_else(refused)?;
        let key = row.key(&self.keys.of_account(account.into()).await?)?;
        let result = self.passkeys.site.finish_discoverable_authentication_v2(&credential, state, &key);
        self.used(row, key, result).await?;
        let account = self.account(self.db.conn(), account.into()).await?;
        self.enter(&account, &[Method::Passkey], browser).await
    }

    /// Begins to show again, with a passkey, who the caller is.
    pub async fn begin_passkey_confirmation(&self, caller: &Caller) -> Result<Ceremony> {
        let (account, session) = self.signed_in(caller).await?;
        let (options, state) = self.challenge_keys(account.id.into()).await?;
        self.passkeys.begin(&self.world, Waiting::Confirmation(session, state), &options)
    }

    /// Shows again, with a passkey, who the caller is: for ten minutes the session may do what needs that.
    pub async fn confirm_by_passkey(&self, caller: &Caller, token: &Secret<String>, credential: Value) -> Result<()> {
        let (account, session) = self.signed_in(caller).await?;
        let credential = parsed(credential)?;
        let state = match self.passkeys.waiting.take(&self.world, token) {
            Some(Waiting::Confirmation(whose, state)) if whose == session => state,
            _ => return Err(Error::denied("this took too long or was answered already; try again")),
        };
        let shown = self.check_key(account.id.into(), &credential, &state).await;
        shown.map_err(|_| Error::denied("the passkey was not accepted").field("credential"))?;
        self.confirm_session(session).await
    }

    /// A challenge for the passkeys of an account.
    pub(crate) async fn challenge_keys(&self, account: AccountId) -> Result<(Value, PasskeyAuthentication)> {
        let held = self.keys_held(account).await?;
        if held.is_empty() {
            return Err(Error::conflict("this account has no passkey"));
        }
        let begun = self.passkeys.site.start_passkey_authentication(&held);
        let (options, state) = begun.map_err(|cause| Error::internal("no passkey challenge").because(cause))?;
        Ok((value(&options)?, state))
    }

    /// Whether the browser's answer is of a passkey of this account.
    pub(crate) async fn check_key(
        &self,
        account: AccountId,
        credential: &PublicKeyCredential,
        state: &PasskeyAuthentication,
    ) -> Result<()> {
        let row = find(self.db.conn(), account, credential.get_credential_id()).await?.ok_or_else(refused)?;
        let key = row.key(&self.keys.of_account(account).await?)?;
        let result = self.passkeys.site.finish_passkey_authentication(credential, state);
        self.used(row, key, result).await
    }

    /// Notes the use of a passkey; an error, and a word to the person, if it seems copied.
    async fn used(&self, row: Model, mut key: Key, result: Result<AuthenticationResult, WebauthnError>) -> Result<()> {
        let account = row.account.into();
        // The challenge may know an older state of the key than is stored: a counter that moved nothing is an old one.
        let result = result.and_then(|result| match key.update_credential(&result) {
            Some(false) if result.counter() > 0 => Err(WebauthnError::CredentialPossibleCompromise),
            Some(_) => Ok(()),
            None => Err(WebauthnError::CredentialNotFound),
        });
        if let Err(cause) = result {
            if matches!(cause, WebauthnError::CredentialPossibleCompromise) {
                self.tell(self.db.conn(), fact::PASSKEY_COPIED, account).await?;
            }
            return Err(refused());
        }
        let credential = sealed(row.id, &key, &self.keys.of_account(account).await?, &self.world)?;
        let change = Entity::update_many().col_expr(Column::Credential, Expr::value(credential));
        let change = change.col_expr(Column::LastUsed, Expr::value(self.world.clock.now().micros()));
        // Of two answers that were made on the same state of the key, one finds it changed.
        let same = change.filter(Column::Id.eq(row.id)).filter(Column::Credential.eq(row.credential));
        match same.exec(self.db.conn()).await.map_err(db::error)?.rows_affected {
            0 => Err(refused()),
            _ => Ok(()),
        }
    }
}

async fn find(conn: &impl ConnectionTrait, account: AccountId, credential_id: &[u8]) -> Result<Option<Model>> {
    let found = Entity::find().filter(Column::Hash.eq(hash_of(credential_id).to_vec()));
    found.filter(Column::Account.eq(account.uuid())).one(conn).await.map_err(db::error)
}
