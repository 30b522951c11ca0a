//! The privacy centre: what is held, which policy was accepted, consents and objections.

use super::{language, signal};
use crate::{
    App,
    auth::Who,
    error::Result,
    extract::{Json, Path, Query},
    routes::privacy::policy::Wanted,
};
use ::policy::{Language, Plain, consent::Choice, consent::Method};
use ::privacy::ledger::{self, LineId, Said};
use accounts::Caller;
use axum::extract::State;
use base::{Error, Time};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is held about the person, and how things stand.
#[derive(Serialize, ToSchema)]
#[schema(as = PrivacyCentre)]
pub struct Centre {
    policy: Acceptance,
    held: Vec<Held>,
    /// What stays when the account is erased, why, and until when.
    stays: Vec<Stays>,
    consents: Vec<Consent>,
    objections: Vec<Objection>,
    households: Vec<Owned>,
    /// What the browser refuses by itself: `gpc`, `dnt` or null.
    signal: Option<&'static str>,
}

/// Which version was accepted, and which must be.
#[derive(Serialize, ToSchema)]
pub struct Acceptance {
    accepted: Option<u32>,
    #[schema(value_type = Option<String>, format = DateTime)]
    accepted_at: Option<Time>,
    /// The version that holds now.
    current: u32,
    /// The oldest version that does: one that is accepted must not be older.
    required: u32,
    /// The newest version, which may hold later.
    newest: u32,
    #[schema(value_type = String, format = DateTime)]
    newest_effective: Time,
}

/// What one place holds.
#[derive(Serialize, ToSchema)]
pub struct Held {
    /// The table or shelf, as the data map names it.
    place: &'static str,
    /// The kind of data, by its key.
    category: &'static str,
    /// The same in words.
    what: &'static str,
    count: u64,
    bytes: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Time>,
    /// When it goes, in words.
    until: String,
}

/// What stays.
#[derive(Serialize, ToSchema)]
pub struct Stays {
    place: String,
    what: String,
    reason: String,
    until: String,
}

/// How things stand with one choice.
#[derive(Serialize, ToSchema)]
pub struct Consent {
    /// The choice, by its key.
    purpose: &'static str,
    /// The same in words.
    what: &'static str,
    given: bool,
    /// The state by the Data Privacy Vocabulary, as in `ConsentGiven`.
    state: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Time>,
    version: Option<u32>,
    method: Option<String>,
    /// The id of its receipt.
    receipt: Option<Uuid>,
}

/// A use that can be objected to.
#[derive(Serialize, ToSchema)]
pub struct Objection {
    purpose: &'static str,
    what: &'static str,
    objected: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Time>,
    /// What becomes of an objection.
    answer: &'static str,
    /// Whether the use ends.
    stops: bool,
}

/// A household that the person owns.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnedHousehold)]
pub struct Owned {
    id: Uuid,
    /// Others who own it: it stays when the person goes.
    other_owners: usize,
    /// Who else belongs to it.
    other_members: usize,
}

/// All that is held of the caller, and the caller's choices.
#[utoipa::path(get, path = "/api/v1/privacy", tag = "privacy", params(Wanted), responses((status = 200, body = Centre)))]
pub async fn show(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<axum::Json<Centre>> {
    let language = language(wanted.lang.as_deref(), &headers);
    let account = caller.require_person()?;
    heed(&app, &caller, &headers, language).await?;
    let subject = app.privacy.subject(account).await?;
    let held = app.privacy.held(&subject).await?;
    let owned = app.accounts.owned_by(account).await?;
    Ok(axum::Json(Centre {
        policy: acceptance(&app, &caller).await?,
        stays: app.privacy.stays(&subject, language).await?.into_iter().map(Stays::from).collect(),
        held: held.iter().map(|held| Held::new(held, language)).collect(),
        consents: standing(&app, &caller, language).await?,
        objections: objections(&app, &caller, language).await?,
        households: owned.iter().map(Owned::new).collect(),
        signal: signal(&headers).map(Method::text),
    }))
}

impl Held {
    fn new(held: &::policy::Held, language: Language) -> Self {
        Self {
            place: held.place,
            category: held.category.text(),
            what: held.category.says(language),
            count: held.count,
            bytes: held.bytes,
            oldest: held.oldest,
            until: held.retention.says(language),
        }
    }
}

impl From<::privacy::Stays> for Stays {
    fn from(stays: ::privacy::Stays) -> Self {
        let ::privacy::Stays { place, what, reason, until } = stays;
        Self { place, what, reason, until }
    }
}

impl Owned {
    fn new(owned: &accounts::Owned) -> Self {
        let accounts::Owned { household, owners, others } = owned;
        Self { id: household.uuid(), other_owners: owners.len(), other_members: others.len() }
    }
}

async fn acceptance(app: &App, caller: &Caller) -> Result<Acceptance> {
    let (book, now) = (app.privacy.book(), app.world.clock.now());
    let accepted = app.privacy.accepted(caller.require_person()?).await?;
    Ok(Acceptance {
        accepted: accepted.as_ref().map(|accepted| accepted.version),
        accepted_at: accepted.map(|accepted| accepted.at),
        current: book.current(now).number,
        required: book.required(now),
        newest: book.newest().number,
        newest_effective: book.newest().effective,
    })
}

/// Obeys what the browser refuses by itself.
async fn heed(app: &App, caller: &Caller, headers: &HeaderMap, language: Language) -> Result<()> {
    match signal(headers) {
        Some(method) => Ok(app.privacy.heed(caller, method, language).await?),
        None => Ok(()),
    }
}

async fn standing(app: &App, caller: &Caller, language: Language) -> Result<Vec<Consent>> {
    let consents = app.privacy.consents(caller).await?;
    Ok(consents
        .into_iter()
        .map(|consent| Consent {
            purpose: consent.choice.text(),
            what: consent.choice.says(language),
            given: consent.state.allows(),
            state: consent.state.text(),
            at: consent.at,
            version: consent.version,
            method: consent.method,
            receipt: consent.line.map(LineId::uuid),
        })
        .collect())
}

async fn objections(app: &App, caller: &Caller, language: Language) -> Result<Vec<Objection>> {
    let made = app.privacy.objections(caller).await?;
    let all = ledger::objectionable().into_iter().filter_map(|(word, purpose)| {
        let answer = ledger::answer(purpose)?;
        let made = made.iter().find(|made| made.purpose == purpose);
        Some(Objection {
            purpose: word,
            what: purpose.says(language),
            objected: made.is_some(),
            at: made.map(|made| made.at),
            answer: answer.says(language),
            stops: answer.stops,
        })
    });
    Ok(all.collect())
}

/// The version that one accepts, and in which language it was shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    version: u32,
    /// `en` or `de`.
    language: String,
}

pub(super) fn spoken(code: &str) -> Result<Language> {
    Ok(Language::parse(code).ok_or_else(|| Error::invalid("the policy is there in en and de").field("language"))?)
}

/// Accept a version of the policy.
#[utoipa::path(post, path = "/api/v1/privacy/acceptance", tag = "privacy", request_body = Accepted, responses((status = 204)))]
pub async fn accept(State(app): State<Arc<App>>, Who(caller): Who, Json(body): Json<Accepted>) -> Result<StatusCode> {
    app.privacy.accept(&caller, body.version, spoken(&body.language)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's consents.
#[utoipa::path(get, path = "/api/v1/privacy/consents", tag = "privacy", params(Wanted), responses((status = 200, body = [Consent])))]
pub async fn consents(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<axum::Json<Vec<Consent>>> {
    let language = language(wanted.lang.as_deref(), &headers);
    heed(&app, &caller, &headers, language).await?;
    Ok(axum::Json(standing(&app, &caller, language).await?))
}

/// A consent that is given or taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// The choice, by its key.
    purpose: String,
    given: bool,
    /// The language in which it was asked, `en` or `de`.
    language: String,
    /// Given although the browser's own signal refuses it: the person was asked.
    #[serde(default)]
    despite_signal: bool,
}

/// Give a consent, or take it back. The same call does both, and it holds at once.
#[utoipa::path(put, path = "/api/v1/privacy/consents", tag = "privacy", request_body = Chosen, responses(
    (status = 204),
    (status = 409, description = "The browser's own signal refuses this; ask, and say `despite_signal`", body = crate::error::Problem),
))]
pub async fn choose(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    headers: HeaderMap,
    Json(body): Json<Chosen>,
) -> Result<StatusCode> {
    let choice = Choice::parse(&body.purpose).ok_or_else(|| Error::invalid("no such choice").field("purpose"))?;
    let refused = choice == Choice::Analytics && body.given && !body.despite_signal && signal(&headers).is_some();
    ::policy::enforce!(
        C10_1,
        !refused,
        Error::conflict("your browser asks not to be tracked; say that you want this all the same")
            .field("given")
            .into()
    );
    let said = Said { language: spoken(&body.language)?, method: method(&caller) };
    app.privacy.choose(&caller, choice, body.given, said).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub fn method(caller: &Caller) -> Method {
    match caller.via() {
        accounts::Via::Session(_) => Method::Click,
        _ => Method::Api,
    }
}

/// The receipt of a consent (JSON-LD, ISO/IEC TS 27560:2023).
#[utoipa::path(get, path = "/api/v1/privacy/consents/{id}/receipt", tag = "privacy", params(("id" = Uuid, Path)), responses((status = 200, description = "JSON-LD", body = Value)))]
pub async fn receipt(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<axum::Json<Value>> {
    Ok(axum::Json(app.privacy.receipt(&caller, id.into()).await?))
}

/// An objection that is made or taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectionMade)]
pub struct Objected {
    /// The use, by its key.
    purpose: String,
    /// False: it is taken back.
    objected: bool,
    /// `en` or `de`.
    language: String,
}

/// What becomes of an objection.
#[derive(Serialize, ToSchema)]
#[schema(as = ObjectionAnswer)]
pub struct Answer {
    stops: bool,
    answer: &'static str,
}

/// Object to a use that rests on a legitimate interest (GDPR Art. 21), or take the objection back. It counts at once, and the
/// answer says what becomes of it.
#[utoipa::path(post, path = "/api/v1/privacy/objections", tag = "privacy", request_body = Objected, responses((status = 200, body = Answer)))]
pub async fn object(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<Objected>,
) -> Result<axum::Json<Answer>> {
    let language = spoken(&body.language)?;
    let purpose = ::policy::Purpose::ALL.iter().copied().find(|purpose| ledger::word(*purpose) == body.purpose);
    let purpose = purpose.ok_or_else(|| Error::invalid("no such use").field("purpose"))?;
    let said = Said { language, method: method(&caller) };
    if !body.objected {
        app.privacy.withdraw_objection(&caller, purpose, said).await?;
        return Ok(axum::Json(Answer { stops: false, answer: "" }));
    }
    let answer = app.privacy.object(&caller, purpose, said).await?;
    Ok(axum::Json(Answer { stops: answer.stops, answer: answer.says(language) }))
}
