//! Signing in through another service: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636, S256).
//!
//! The service is asked for `openid email` and nothing else. From an answer only who it is about and, with the person's
//! yes, a verified e-mail address are kept. An address that the service does not vouch for is asked for and confirmed here;
//! an account that is there already is never joined to a service but by its own person. A way back is good for one answer,
//! in the browser that left. No redirect is followed, and only the addresses of a configured issuer are called.

use crate::{
    AccountId, Accounts, Browser, Caller, IdentityId, Language, NewAccount, SignIn, SignedUp, account, fact,
    history::Method, pending::Pending, secret,
};
use base::{Error, Result, Secret, Time, World};
use chrono::{Datelike, Months, NaiveDate};
use openidconnect::{
    AsyncHttpClient, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    TokenResponse, TokenUrl,
    core::{CoreClient, CoreProviderMetadata, CoreResponseType, CoreUserInfoClaims},
};
use sea_orm::{QueryOrder, entity::prelude::*, sea_query::Expr};
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};
use tokio::sync::Mutex;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identities")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account: Uuid,
    /// The configured name of the service.
    pub issuer: String,
    /// Keyed index of issuer and subject.
    pub subject_index: Vec<u8>,
    pub created: i64,
    pub last_used: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table identities {
        id: not_personal("opaque id"),
        account: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C1_1_6, C6_2],
        },
        issuer: {
            category: Activity, subject: AccountHolder, purposes: [SignIn: Contract], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C1_1_6, C6_2],
        },
        subject_index: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], retention: Account,
            protection: AccountKey, export: Omit("an index of an id that the other service knows"), erase: Delete,
            clauses: [C1_1_6, C6_2],
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

/// The path to which a service sends the person back.
pub const RETURN_PATH: &str = "/sign-in/return";
/// How long what a service says of itself is believed.
const FRESH: Duration = Duration::from_secs(600);
/// From which age on a person may have an account.
const ADULT: u32 = 18;

/// A service that is configured.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The word for it in addresses and lists.
    pub name: String,
    /// Its issuer identifier, under which it describes itself.
    pub url: String,
    pub client_id: String,
    pub client_secret: Option<Secret<String>>,
    /// Where a code is exchanged, for a service that does not say it.
    pub token_url: Option<String>,
}

/// Sends a request to an issuer and gives its answer; follows no redirect.
pub type Fetch = Arc<dyn Fn(HttpRequest) -> Answer + Send + Sync>;
/// The answer of an issuer, on its way.
pub type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse>> + Send>>;

/// The services, what they say of themselves, and who is on the way.
pub(crate) struct Issuers {
    all: Vec<Issuer>,
    fetch: Wire,
    described: Mutex<HashMap<String, (Duration, CoreProviderMetadata)>>,
    away: Pending<Away>,
    offers: Pending<Offered>,
}

/// [`Fetch`], as the library wants it.
struct Wire(Fetch);

impl AsyncHttpClient<'_> for Wire {
    type Error = Error;
    type Future = Answer;

    fn call(&self, request: HttpRequest) -> Answer {
        (self.0)(request)
    }
}

/// Somebody who has gone to a service.
struct Away {
    issuer: String,
    back: RedirectUrl,
    nonce: Nonce,
    verifier: String,
    /// SHA-256 of what the browser keeps.
    browser: [u8; 32],
    linking: Option<AccountId>,
}

/// What a service said of somebody who is not known here, kept in memory until the person agrees.
struct Offered {
    issuer: String,
    subject_index: [u8; 32],
    address: Option<String>,
    verified: bool,
    linking: Option<AccountId>,
}

/// The way to a service.
#[derive(Debug)]
pub struct WayOut {
    /// Where the browser goes.
    pub url: String,
    /// What the browser keeps until it is back.
    pub keep: Secret<String>,
}

/// What came of the way back.
#[derive(Debug)]
pub enum WayBack {
    /// The person is known here.
    SignIn(SignIn),
    /// The person is not, and sees first what would be kept.
    Offer(Offer),
}

/// What a service said of a person, to be agreed to.
#[derive(Debug)]
pub struct Offer {
    pub token: Secret<String>,
    pub issuer: String,
    pub address: Option<base::Pii<String>>,
    /// Whether the service vouches for the address.
    pub verified: bool,
    /// What else it said, none of which is kept.
    pub refused: Vec<&'static str>,
    /// Whether it is to be linked to the account that asked.
    pub linking: bool,
}

/// A person's yes to an offer.
#[derive(Debug)]
pub struct Agreement {
    /// Says to have seen what is kept.
    pub seen: bool,
    /// Says to be 18 or older.
    pub adult: bool,
    /// The version of the policy that is accepted with it, an act of its own.
    pub policy: u32,
    pub language: Language,
    /// An e-mail address, where the service vouches for none.
    pub login: Option<String>,
}

/// A link between an account and a service.
#[derive(Clone, Debug)]
pub struct Identity {
    pub id: IdentityId,
    pub issuer: String,
    pub created: Time,
    pub last_used: Option<Time>,
}

impl Issuers {
    pub(crate) fn new(all: Vec<Issuer>, fetch: Fetch) -> Self {
        Self { all, fetch: Wire(fetch), described: Mutex::default(), away: Pending::new(), offers: Pending::new() }
    }

    /// No services.
    pub(crate) fn none() -> Self {
        Self::new(Vec::new(), Arc::new(|_| Box::pin(async { Err(Error::unavailable("no service is configured")) })))
    }

    fn named(&self, name: &str) -> Result<&Issuer> {
        self.all.iter().find(|issuer| issuer.name == name).ok_or_else(|| Error::not_found("no such service"))
    }

    async fn describe(&self, issuer: &Issuer, world: &World) -> Result<CoreProviderMetadata> {
        let mut described = self.described.lock().await;
        let now = world.clock.monotonic();
        if let Some((until, metadata)) = described.get(&issuer.name)
            && now < *until
        {
            return Ok(metadata.clone());
        }
        let url = IssuerUrl::new(issuer.url.clone()).map_err(unreachable)?;
        let metadata = CoreProviderMetadata::discover_async(url, &self.fetch).await.map_err(unreachable)?;
        is_safe(issuer, &metadata)?;
        described.insert(issuer.name.clone(), (now + FRESH, metadata.clone()));
        Ok(metadata)
    }
}

/// An error unless what the service names is encrypted as the service itself is.
fn is_safe(issuer: &Issuer, metadata: &CoreProviderMetadata) -> Result<()> {
    let token = metadata.token_endpoint().map(|token| token.url());
    let user = metadata.userinfo_endpoint().map(|user| user.url());
    let named = [Some(metadata.authorization_endpoint().url()), token, Some(metadata.jwks_uri().url()), user];
    match !issuer.url.starts_with("https:") || named.into_iter().flatten().all(|url| url.scheme() == "https") {
        true => Ok(()),
        false => Err(Error::unavailable("the other service names an address that is not encrypted")),
    }
}

fn unreachable(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::unavailable("the other service cannot be reached or does not answer as it should").because(cause)
}

/// The answer to whatever is wrong with the way back, so that it tells nothing.
fn refused() -> Error {
    Error::invalid("the other service did not confirm who you are; try again")
}

fn failed<T: openidconnect::ErrorResponse>(error: openidconnect::RequestTokenError<Error, T>) -> Error {
    match error {
        openidconnect::RequestTokenError::Request(cause) => cause,
        _ => refused(),
    }
}

/// What a service said of a person.
struct Said {
    subject: String,
    address: Option<String>,
    verified: bool,
    born: Option<String>,
    /// What it said beyond what was asked.
    refused: Vec<&'static str>,
}

impl Said {
    /// The same after what the service said before.
    fn after(mut self, before: Self) -> Self {
        self.refused.extend(before.refused);
        self.refused.sort_unstable();
        self.refused.dedup();
        Self { born: before.born.or(self.born), ..self }
    }
}

/// [`Said`] of the claims of an ID token or of UserInfo, which have the same accessors and no trait in common.
macro_rules! said {
    ($claims:ident) => {{
        let refused = [
            ("name", $claims.name().is_some()),
            ("given_name", $claims.given_name().is_some()),
            ("family_name", $claims.family_name().is_some()),
            ("nickname", $claims.nickname().is_some()),
            ("picture", $claims.picture().is_some()),
            ("profile", $claims.profile().is_some()),
            ("website", $claims.website().is_some()),
            ("gender", $claims.gender().is_some()),
            ("birthdate", $claims.birthdate().is_some()),
            ("zoneinfo", $claims.zoneinfo().is_some()),
            ("locale", $claims.locale().is_some()),
            ("phone_number", $claims.phone_number().is_some()),
            ("address", $claims.address().is_some()),
        ];
        Said {
            subject: $claims.subject().as_str().into(),
            address: $claims.email().map(|email| email.as_str().to_owned()),
            verified: $claims.email_verified() == Some(true),
            born: $claims.birthdate().map(|date| date.as_str().to_owned()),
            refused: refused.iter().filter(|(_, said)| *said).map(|(name, _)| *name).collect(),
        }
    }};
}
fn client(issuer: &Issuer, metadata: CoreProviderMetadata, back: RedirectUrl) -> Result<Client> {
    let token = match (&issuer.token_url, metadata.token_endpoint()) {
        (Some(url), _) => TokenUrl::new(url.clone()).map_err(unreachable)?,
        (None, Some(url)) => url.clone(),
        (None, None) => return Err(Error::unavailable("the other service does not say where a code is exchanged")),
    };
    let secret = issuer.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().clone()));
    let id = ClientId::new(issuer.client_id.clone());
    Ok(CoreClient::from_provider_metadata(metadata, id, secret).set_token_uri(token).set_redirect_uri(back))
}

type Client = CoreClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointSet,
    openidconnect::EndpointMaybeSet,
>;

impl Accounts {
    /// The same accounts, to which these services can sign people in. `fetch` talks to them.
    pub fn with_issuers(self, issuers: Vec<Issuer>, fetch: Fetch) -> Self {
        Self { issuers: Issuers::new(issuers, fetch).into(), ..self }
    }

    /// The names of the services.
    pub fn issuers(&self) -> Vec<&str> {
        self.issuers.all.iter().map(|issuer| issuer.name.as_str()).collect()
    }

    /// Sends somebody to a service; `origin` is where the browser is, as in `https://nightjar.example`. With `linking` the
    /// service is to be linked to that person's account, which needs a fresh confirmation.
    pub async fn leave_for(
        &self,
        name: &str,
        origin: &str,
        linking: Option<&Caller>,
        browser: &Browser,
    ) -> Result<WayOut> {
        self.per_ceremony.spend(browser.network(), self.world.clock.monotonic())?;
        if let Some(caller) = linking {
            caller.require_recent(self.world.clock.now())?;
        }
        let issuer = self.issuers.named(name)?;
        let back = RedirectUrl::new(format!("{origin}{RETURN_PATH}"));
        let back = back.map_err(|_| Error::invalid("the browser does not say where it is"))?;
        let client = client(issuer, self.issuers.describe(issuer, &self.world).await?, back.clone())?;
        let (keep, browser) = secret::generate(&self.world);
        let (nonce, verifier) = (secret::generate(&self.world).0, secret::generate(&self.world).0);
        let away = Away {
            issuer: name.into(),
            back,
            nonce: Nonce::new(nonce.expose().clone()),
            verifier: verifier.expose().clone(),
            browser,
            linking: linking.map(Caller::require_person).transpose()?,
        };
        let (nonce, challenge) = (away.nonce.clone(), challenge(&away.verifier));
        let state = self.issuers.away.add(&self.world, away);
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let request = client.authorize_url(flow, move || CsrfToken::new(state.expose().clone()), || nonce);
        let (url, ..) = request.add_scope(Scope::new("email".into())).set_pkce_challenge(challenge).url();
        Ok(WayOut { url: url.into(), keep })
    }

    /// Takes back somebody who comes from a service with a code, into the browser that left.
    pub async fn come_back(
        &self,
        state: &Secret<String>,
        code: String,
        issuer: Option<&str>,
        kept: Option<&Secret<String>>,
        browser: &Browser,
    ) -> Result<WayBack> {
        self.per_ceremony.spend(browser.network(), self.world.clock.monotonic())?;
        let away = self.issuers.away.take(&self.world, state).ok_or_else(refused)?;
        if kept.map(secret::hash) != Some(away.browser) {
            return Err(refused());
        }
        let service = self.issuers.named(&away.issuer)?;
        // RFC 9207: an answer that names another service is a mix-up.
        if issuer.is_some_and(|issuer| issuer != service.url) {
            return Err(refused());
        }
        let said = self.said(service, &away, code).await?;
        self.known_or_offered(away, said, browser).await
    }

    /// Exchanges the code and checks the ID token: signature, issuer, audience, nonce and times. A service that keeps the
    /// address out of the token is asked for it (OpenID Connect Core 5.4).
    async fn said(&self, service: &Issuer, away: &Away, code: String) -> Result<Said> {
        let metadata = self.issuers.describe(service, &self.world).await?;
        let client = client(service, metadata, away.back.clone())?;
        let exchange = client.exchange_code(AuthorizationCode::new(code));
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(away.verifier.clone()));
        let tokens = exchange.request_async(&self.issuers.fetch).await.map_err(failed)?;
        let now = self.world.clock.now().micros();
        let verifier = client.id_token_verifier().set_time_fn(move || instant(now));
        let token = tokens.id_token().ok_or_else(refused)?;
        let claims = token.claims(&verifier, &away.nonce).map_err(|_| refused())?;
        let subject = claims.subject().clone();
        let said = said!(claims);
        match client.user_info(tokens.access_token().clone(), Some(subject)) {
            Ok(ask) if said.address.is_none() => {
                let claims: CoreUserInfoClaims = ask.request_async(&self.issuers.fetch).await.map_err(|_| refused())?;
                Ok(said!(claims).after(said))
            }
            _ => Ok(said),
        }
    }

    async fn known_or_offered(&self, away: Away, said: Said, browser: &Browser) -> Result<WayBack> {
        policy::enforce!(
            C11_3,
            !said.born.is_some_and(|born| self.is_minor(&born)),
            Error::denied("an account is for people of 18 or older; nothing was kept")
        );
        let subject_index = self.subject_index(&away.issuer, &said.subject).await?;
        let known = Entity::find().filter(Column::SubjectIndex.eq(subject_index.to_vec()));
        let known = known.one(self.db.conn()).await.map_err(db::error)?;
        if let Some(known) = known {
            return match away.linking {
                Some(_) => Err(Error::conflict("this service is linked to an account already")),
                None => self.sign_in_by(known, browser).await.map(WayBack::SignIn),
            };
        }
        let address = said.address.and_then(|address| account::address(&address).ok());
        let verified = address.is_some() && said.verified;
        let (issuer, linking) = (away.issuer.clone(), away.linking);
        let offered = Offered { issuer: issuer.clone(), subject_index, address: address.clone(), verified, linking };
        let token = self.issuers.offers.add(&self.world, offered);
        let address = address.map(base::Pii::new);
        Ok(WayBack::Offer(Offer {
            token,
            issuer,
            address,
            verified,
            refused: said.refused,
            linking: linking.is_some(),
        }))
    }

    async fn sign_in_by(&self, known: Model, browser: &Browser) -> Result<SignIn> {
        let account = self.account(self.db.conn(), known.account.into()).await?;
        let tx = self.db.begin().await?;
        let now = self.world.clock.now().micros();
        let used = Entity::update_many().col_expr(Column::LastUsed, Expr::value(now));
        used.filter(Column::Id.eq(known.id)).exec(&tx).await.map_err(db::error)?;
        let arrived = self.arrive(&tx, &account, Method::Issuer, browser).await?;
        tx.commit().await.map_err(db::error)?;
        self.admitted(arrived).await
    }

    /// Makes an account for who agrees to an offer. With an address that the service vouches for it is open at once; else
    /// the address that is given is confirmed by mail, and the service can be linked afterwards.
    pub async fn agree(
        &self,
        token: &Secret<String>,
        yes: Agreement,
        by_mail: bool,
        browser: &Browser,
    ) -> Result<SignedUp> {
        policy::enforce!(C1_1_6, yes.seen, Error::invalid("look first at what is kept").field("seen"));
        let (address, verified, linking) = self.offered(token, |offered| {
            // Whoever merely says to have an address does not open an account with it.
            let verified = offered.verified || !policy::enforce!(C1_1_7);
            (offered.address.clone(), verified, offered.linking)
        })?;
        if linking.is_some() {
            return Err(refused());
        }
        let (login, verified) = match (address, yes.login) {
            (Some(address), _) if verified => (address, true),
            (_, Some(typed)) => (account::address(&typed)?, false),
            (Some(address), None) => (address, false),
            (None, None) => return Err(Error::invalid("give an e-mail address").field("login")),
        };
        if !verified && !by_mail {
            return Err(Error::conflict("the address cannot be confirmed, because this server sends no mail"));
        }
        let new = NewAccount {
            login,
            password: None,
            display_name: None,
            phone: None,
            language: yes.language,
            adult: yes.adult,
            policy: yes.policy,
        };
        if !verified {
            self.issuers.offers.take(&self.world, token);
            return self.sign_up(new, by_mail, false, browser).await;
        }
        self.sign_up_by(token, new, browser).await
    }

    async fn sign_up_by(&self, token: &Secret<String>, new: NewAccount, browser: &Browser) -> Result<SignedUp> {
        self.spend(browser)?;
        new.require_adult()?;
        if self.by_index(self.login_index(&new.login).await?).await?.is_some() {
            return Err(Error::conflict("this address has an account; sign in to it, and link the service there"));
        }
        let offered = self.issuers.offers.take(&self.world, token).ok_or_else(refused)?;
        let tx = self.db.begin().await?;
        let account = self.insert_with(&tx, &new).await?;
        self.insert_identity(&tx, account.id.into(), &offered).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(SignedUp::SignedIn(self.enter(&account, &[Method::Issuer], browser).await?))
    }

    /// Links the service of an offer to the account that asked, after showing again who one is.
    pub async fn link_identity(&self, caller: &Caller, token: &Secret<String>) -> Result<IdentityId> {
        caller.require_recent(self.world.clock.now())?;
        let account = AccountId::from(self.signed_in(caller).await?.0.id);
        if self.offered(token, |offered| offered.linking)? != Some(account) {
            return Err(refused());
        }
        let offered = self.issuers.offers.take(&self.world, token).ok_or_else(refused)?;
        let tx = self.db.begin().await?;
        let id = self.insert_identity(&tx, account, &offered).await?;
        self.tell(&tx, fact::FACTORS_CHANGED, account).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(id)
    }

    /// The services that are linked to the caller's account.
    pub async fn identities(&self, caller: &Caller) -> Result<Vec<Identity>> {
        let mine = Entity::find().filter(Column::Account.eq(caller.require_person()?.uuid()));
        let rows = mine.order_by_asc(Column::Id).all(self.db.conn()).await.map_err(db::error)?;
        let listed = |row: Model| Identity {
            id: row.id.into(),
            issuer: row.issuer,
            created: Time::from_micros(row.created),
            last_used: row.last_used.map(Time::from_micros),
        };
        Ok(rows.into_iter().map(listed).collect())
    }

    /// Takes a link to a service away. Needs a fresh confirmation; the last way in stays.
    pub async fn unlink_identity(&self, caller: &Caller, id: IdentityId) -> Result<()> {
        caller.require_recent(self.world.clock.now())?;
        let account = AccountId::from(self.signed_in(caller).await?.0.id);
        let tx = self.db.begin().await?;
        account::lock(&tx, account).await?;
        let delete = Entity::delete_by_id(id.uuid()).filter(Column::Account.eq(account.uuid()));
        if delete.exec(&tx).await.map_err(db::error)?.rows_affected == 0 {
            return Err(Error::not_found("no such link to a service"));
        }
        self.may_lose_factor(&tx, account).await?;
        self.tell(&tx, fact::FACTORS_CHANGED, account).await?;
        tx.commit().await.map_err(db::error)
    }

    fn offered<R>(&self, token: &Secret<String>, look: impl FnOnce(&mut Offered) -> R) -> Result<R> {
        self.issuers.offers.visit(&self.world, token, look).ok_or_else(refused)
    }

    async fn insert_identity(
        &self,
        conn: &impl ConnectionTrait,
        account: AccountId,
        offered: &Offered,
    ) -> Result<IdentityId> {
        let id = IdentityId::generate(&self.world);
        let row = Model {
            id: id.uuid(),
            account: account.uuid(),
            issuer: offered.issuer.clone(),
            subject_index: offered.subject_index.to_vec(),
            created: self.world.clock.now().micros(),
            last_used: None,
        };
        Entity::insert(ActiveModel::from(row)).exec_without_returning(conn).await.map_err(db::error)?;
        Ok(id)
    }

    async fn subject_index(&self, issuer: &str, subject: &str) -> Result<[u8; 32]> {
        let service = &self.issuers.named(issuer)?.url;
        let key = self.keys.of_instance().await?;
        Ok(key.index("identities.subject", &[service.as_bytes(), &[0], subject.as_bytes()].concat()))
    }

    /// Whether somebody with this birthdate (`YYYY-MM-DD` or `YYYY`; a year of 0000 is withheld) is under 18.
    fn is_minor(&self, born: &str) -> bool {
        let today = instant(self.world.clock.now().micros()).date_naive();
        let year = born.get(..4).and_then(|year| year.parse::<i32>().ok()).unwrap_or_default();
        match born.parse::<NaiveDate>() {
            _ if year == 0 => false,
            Ok(date) => date.checked_add_months(Months::new(12 * ADULT)).is_some_and(|adult| today < adult),
            Err(_) => today.year() - year < ADULT.cast_signed(),
        }
    }
}

/// Those of the accounts that a service opens.
pub(crate) async fn holders(db: &db::Db, accounts: &[Uuid]) -> Result<HashSet<Uuid>> {
    let rows = Entity::find().filter(Column::Account.is_in(accounts.iter().copied())).all(db.conn()).await;
    Ok(rows.map_err(db::error)?.into_iter().map(|row| row.account).collect())
}

/// How many services open the account.
pub(crate) async fn count(conn: &impl ConnectionTrait, account: AccountId) -> Result<u64> {
    Entity::find().filter(Column::Account.eq(account.uuid())).count(conn).await.map_err(db::error)
}

/// The S256 challenge of a verifier.
fn challenge(verifier: &str) -> PkceCodeChallenge {
    PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.into()))
}

fn instant(micros: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
