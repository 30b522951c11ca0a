//! Requests about other data: asking and following them as a person, and the desk of whoever runs the installation.

use super::centre::spoken;
use crate::{
    App,
    auth::Who,
    error::{Problem, Result},
    extract::{Json, Path},
    routes::List,
};
use ::privacy::{Decision, Privacy, Question, RequestKind};
use accounts::{AccountId, Caller};
use axum::extract::State;
use base::{Error, Time};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// A request, as the person who asked sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = DataRequest)]
pub struct Request {
    id: Uuid,
    /// `access`, `correction`, `deletion`, `objection` or `question`.
    kind: &'static str,
    /// The clause of the policy that it is about.
    clause: Option<String>,
    text: String,
    /// `en` or `de`.
    language: &'static str,
    #[schema(value_type = String, format = DateTime)]
    asked: Time,
    /// Since when the clock runs; null until it is known who asks.
    #[schema(value_type = Option<String>, format = DateTime)]
    confirmed: Option<Time>,
    /// Until when it is answered.
    #[schema(value_type = String, format = DateTime)]
    due: Time,
    overdue: bool,
    extension: Option<Extension>,
    answer: Option<Answer>,
}

/// Why an answer takes longer.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestExtension)]
pub struct Extension {
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    reason: String,
}

/// The answer.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestAnswer)]
pub struct Answer {
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    /// `granted`, `partly` or `refused`.
    decision: &'static str,
    reasons: String,
    refused: Vec<Refusal>,
}

/// An item that is refused.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RequestRefusal)]
pub struct Refusal {
    item: String,
    reason: String,
}

/// A request with who asked.
#[derive(Serialize, ToSchema)]
#[schema(as = FiledRequest)]
pub struct Filed {
    #[serde(flatten)]
    request: Request,
    /// Null for somebody without an account.
    account: Option<Uuid>,
    /// Where they are written to.
    address: Option<String>,
}

impl From<::privacy::Request> for Request {
    fn from(request: ::privacy::Request) -> Self {
        Self {
            id: request.id.uuid(),
            kind: request.kind.as_str(),
            clause: request.clause,
            text: request.text,
            language: request.language.code(),
            asked: request.asked,
            confirmed: request.confirmed,
            due: request.due,
            overdue: request.overdue,
            extension: request.extension.map(|extension| Extension { at: extension.at, reason: extension.reason }),
            answer: request.answer.map(Answer::from),
        }
    }
}

impl From<::privacy::Answer> for Answer {
    fn from(answer: ::privacy::Answer) -> Self {
        let refused = answer.refused.into_iter().map(|refusal| Refusal { item: refusal.item, reason: refusal.reason });
        Self { at: answer.at, decision: answer.decision.as_str(), reasons: answer.reasons, refused: refused.collect() }
    }
}

impl From<::privacy::Filed> for Filed {
    fn from(filed: ::privacy::Filed) -> Self {
        Self {
            account: filed.asker.account.map(AccountId::uuid),
            address: filed.asker.address.map(|address| address.into_inner()),
            request: filed.request.into(),
        }
    }
}

/// What one asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DataQuestion)]
pub struct Asked {
    /// `access`, `correction`, `deletion`, `objection` or `question`.
    pub(super) kind: String,
    /// The clause of the policy that it is about, as in `C3.13`.
    pub(super) clause: Option<String>,
    /// At most 10 kB.
    pub(super) text: String,
    /// `en` or `de`.
    pub(super) language: String,
}

impl Asked {
    pub(super) fn question(self) -> Result<Question> {
        let kind = RequestKind::parse(&self.kind);
        let kind = kind.ok_or_else(|| Error::invalid("no such kind of request").field("kind"))?;
        Ok(Question::new(kind, self.clause, &self.text, spoken(&self.language)?)?)
    }
}

/// Ask about other data: what no button of the privacy centre does. It is answered within thirty days, with reasons.
#[utoipa::path(post, path = "/api/v1/privacy/requests", tag = "privacy", request_body = Asked, responses(
    (status = 201, body = Request),
    (status = 422, description = "The text is empty or longer than 10 kB", body = Problem),
))]
pub async fn ask(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<Asked>,
) -> Result<(StatusCode, axum::Json<Request>)> {
    let request = app.privacy.ask(&caller, body.question()?).await?;
    Ok((StatusCode::CREATED, axum::Json(request.into())))
}

/// One's requests, the newest first.
#[utoipa::path(get, path = "/api/v1/privacy/requests", tag = "privacy", responses((status = 200, body = List<Request>)))]
pub async fn list(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Request>>> {
    let requests = app.privacy.requests(&caller).await?;
    Ok(axum::Json(List::whole(requests.into_iter().map(Request::from).collect())))
}

/// Every request, as whoever answers them sees it.
pub async fn shown(privacy: &Privacy, caller: &Caller) -> base::Result<Vec<Filed>> {
    Ok(privacy.desk(caller).await?.into_iter().map(Filed::from).collect())
}

/// Every request, the most urgent first. For an owner of the household whose installation this is, in person.
#[utoipa::path(get, path = "/api/v1/privacy/desk", tag = "privacy", responses((status = 200, body = List<Filed>)))]
pub async fn desk(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Filed>>> {
    Ok(axum::Json(List::whole(shown(&app.privacy, &caller).await?)))
}

/// What is answered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RequestAnswered)]
pub struct Answered {
    /// `granted`, `partly` or `refused`.
    decision: String,
    /// Why, in words for the person.
    reasons: String,
    /// What is refused, item by item; must not be empty for `partly`.
    #[serde(default)]
    refused: Vec<Refusal>,
}

/// Answer a request. The person is told.
#[utoipa::path(post, path = "/api/v1/privacy/desk/{id}/answer", tag = "privacy", params(("id" = Uuid, Path)), request_body = Answered, responses(
    (status = 204),
    (status = 409, description = "It has its answer, or nobody knows yet who asks", body = Problem),
    (status = 422, description = "No reasons, or no items", body = Problem),
))]
pub async fn answer(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<Answered>,
) -> Result<StatusCode> {
    let decision = Decision::parse(&body.decision);
    let decision = decision.ok_or_else(|| Error::invalid("no such decision").field("decision"))?;
    let refusal = |refusal: Refusal| ::privacy::Refusal { item: refusal.item, reason: refusal.reason };
    let refused = body.refused.into_iter().map(refusal).collect();
    app.privacy.answer_request(&caller, id.into(), decision, &body.reasons, refused).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why an answer takes longer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RequestExtended)]
pub struct Extended {
    reason: String,
}

/// Take sixty days more for a request, once. The person is told why.
#[utoipa::path(post, path = "/api/v1/privacy/desk/{id}/extend", tag = "privacy", params(("id" = Uuid, Path)), request_body = Extended, responses(
    (status = 204),
    (status = 409, description = "It was extended, answered, or is overdue", body = Problem),
))]
pub async fn extend(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<Extended>,
) -> Result<StatusCode> {
    app.privacy.extend_request(&caller, id.into(), &body.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Note that one knows who asks, where no mail could show it: from now on the clock runs.
#[utoipa::path(post, path = "/api/v1/privacy/desk/{id}/confirm", tag = "privacy", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn confirm(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.privacy.confirm_for(&caller, id.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}
