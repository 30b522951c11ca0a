//! The inbox, what one is mailed about, the way out of a mail, and the mails of the demo.

use crate::{
    App,
    auth::Who,
    error::Result,
    extract::{Json, Path, Query},
    routes::{
        List,
        privacy::{centre::method, language},
    },
};
use ::privacy::ledger::Said;
use accounts::Language;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use base::{Error, Time};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which notices.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The `next` of the page before.
    before: Option<Uuid>,
    /// How many, 100 at most; 30 unless said.
    limit: Option<u64>,
}

/// A page of the inbox.
#[derive(Serialize, ToSchema)]
pub struct Inbox {
    /// The newest first.
    items: Vec<InboxItem>,
    /// How many of the whole inbox are unread.
    unread: u64,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// A notice, in the language of the account.
#[derive(Serialize, ToSchema)]
pub struct InboxItem {
    id: Uuid,
    /// What kind of notice it is, as in `password_changed`.
    kind: &'static str,
    title: String,
    paragraphs: Vec<String>,
    /// A page to go to.
    link: Option<InboxLink>,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    read: bool,
}

/// A page to go to.
#[derive(Serialize, ToSchema)]
pub struct InboxLink {
    label: String,
    url: String,
}

impl InboxItem {
    fn of(item: connect::Item) -> Self {
        Self {
            id: item.id.uuid(),
            kind: item.kind,
            title: item.title,
            paragraphs: item.paragraphs,
            link: item.link.map(|(label, url)| InboxLink { label, url }),
            created: item.created,
            read: item.read,
        }
    }
}

/// One's notices.
#[utoipa::path(get, path = "/api/v1/inbox", tag = "inbox", params(Page), responses((status = 200, body = Inbox)))]
pub async fn list(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Query(page): Query<Page>,
) -> Result<axum::Json<Inbox>> {
    let (before, limit) = (page.before.map(Into::into), page.limit.unwrap_or(30));
    let inbox = app.connect.inbox(caller.require_person()?, before, limit).await?;
    let last = inbox.items.last().map(|item| item.id.to_string());
    Ok(axum::Json(Inbox {
        next: last.filter(|_| inbox.more),
        unread: inbox.unread,
        items: inbox.items.into_iter().map(InboxItem::of).collect(),
    }))
}

/// What can be changed of a notice.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    read: bool,
}

/// Mark a notice as read, or as unread.
#[utoipa::path(patch, path = "/api/v1/inbox/{id}", tag = "inbox", params(("id" = Uuid, Path)), request_body = Mark, responses((status = 204)))]
pub async fn mark(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<Mark>,
) -> Result<StatusCode> {
    app.connect.mark(caller.require_person()?, id.into(), body.read).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a notice.
#[utoipa::path(delete, path = "/api/v1/inbox/{id}", tag = "inbox", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn delete(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.connect.delete(caller.require_person()?, id.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What one is mailed about beside what is necessary.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailChoices {
    /// Joining and leaving households, copies that are ready.
    household: bool,
    /// Somebody's first look at a camera, and large downloads. Off until it is switched on.
    views: bool,
}

/// What one is mailed about beside what is necessary.
#[utoipa::path(get, path = "/api/v1/inbox/choices", tag = "inbox", responses((status = 200, body = MailChoices)))]
pub async fn choices(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<MailChoices>> {
    let topics = app.connect.topics(caller.require_person()?).await?;
    let on = |topic| topics.contains(&(topic, true));
    Ok(axum::Json(MailChoices { household: on(connect::Topic::Household), views: on(connect::Topic::Views) }))
}

/// Choose what one is mailed about. The inbox has everything in any case.
#[utoipa::path(put, path = "/api/v1/inbox/choices", tag = "inbox", request_body = MailChoices, responses((status = 204)))]
pub async fn choose(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    headers: HeaderMap,
    Json(body): Json<MailChoices>,
) -> Result<StatusCode> {
    let account = caller.require_person()?;
    app.connect.choose(account, connect::Topic::Household, body.household).await?;
    if app.connect.topics(account).await?.contains(&(connect::Topic::Views, !body.views)) {
        let language = language(None, &headers);
        let said = Said { language, method: method(&caller) };
        app.privacy.choose(&caller, ::policy::consent::Choice::ActivityNotices, body.views, said).await?;
        app.connect.choose(account, connect::Topic::Views, body.views).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The way out of a mail.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WayOut {
    /// What the mail said.
    #[serde(default)]
    token: String,
}

/// The page behind the way out of a mail. It changes nothing: programs that look for dangerous links open it too.
#[utoipa::path(get, path = "/unsubscribe", tag = "inbox", params(WayOut), responses((status = 200, description = "A page with a button")))]
pub async fn ask(headers: HeaderMap) -> Response {
    page(&headers, false)
}

/// Stop mails with one click (RFC 8058): no cookie, no sign-in. The answer is the same for every token.
#[utoipa::path(post, path = "/unsubscribe", tag = "inbox", params(WayOut), responses((status = 200, description = "A page that says so")))]
pub async fn unsubscribe(
    State(app): State<Arc<App>>,
    Query(way_out): Query<WayOut>,
    headers: HeaderMap,
) -> Result<Response> {
    app.connect.unsubscribe(&connect::Token::claimed(way_out.token)).await?;
    Ok(page(&headers, true))
}

const STYLE: &str = "body{margin:0;padding:12vh 16px;background:#f4f5f7;color:#1c2127;font:16px/1.5 system-ui,sans-serif}\
main{max-width:30rem;margin:0 auto}h1{font-size:24px;line-height:1.3}\
button{font:inherit;font-weight:600;padding:12px 20px;border:0;border-radius:8px;background:#0b5cad;color:#fff}\
button:focus-visible{outline:3px solid #1c2127;outline-offset:2px}\
@media (prefers-color-scheme:dark){body{background:#14171b;color:#e6e9ed}button{background:#7db8f5;color:#10151a}\
button:focus-visible{outline-color:#e6e9ed}}";

/// A page without scripts. The form posts to its own address, token and all; the page says so in its referrer policy,
/// since without one browsers hide from us that the form is our own.
fn page(headers: &HeaderMap, done: bool) -> Response {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let language = Language::accepted(accepted);
    let (title, text, button) = match (language, done) {
        (Language::En, false) => (
            "Stop these mails",
            "One click stops the mails that you came from. What the safety of an account of yours needs still comes.",
            "Stop these mails",
        ),
        (Language::En, true) => ("Done", "The mails are stopped. You can close this page.", ""),
        (Language::De, false) => (
            "Diese Mails abbestellen",
            "Ein Klick bestellt die Mails ab, von denen Sie kommen. Was die Sicherheit Ihres Kontos verlangt, kommt weiterhin.",
            "Diese Mails abbestellen",
        ),
        (Language::De, true) => ("Erledigt", "Die Mails sind abbestellt. Sie können die Seite schließen.", ""),
    };
    let form = match done {
        true => String::new(),
        false => format!("<form method=\"post\"><button>{button}</button></form>"),
    };
    let body = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"same-origin\">\
         <title>{title} – Nightjar</title><style>{STYLE}</style></head>\n\
         <body><main><h1>{title}</h1><p>{text}</p>{form}</main></body>\n</html>\n",
        language.as_str()
    );
    let hash = STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(body)).into_response()
}

/// A mail that the demo would have sent.
#[derive(Serialize, ToSchema)]
pub struct DemoMail {
    id: Uuid,
    to: String,
    subject: String,
    text: String,
    html: String,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
}

/// The mails that the demo would have sent, the newest first. Anywhere else there is no such thing.
#[utoipa::path(get, path = "/api/v1/demo/mails", tag = "inbox", responses((status = 200, body = List<DemoMail>), (status = 404)))]
pub async fn demo_mails(State(app): State<Arc<App>>) -> Result<axum::Json<List<DemoMail>>> {
    if !app.connect.shows_mails() {
        return Err(Error::not_found("no such path").into());
    }
    let item = |mail: connect::Shown| DemoMail {
        id: mail.id.uuid(),
        to: mail.to,
        subject: mail.letter.subject,
        text: mail.letter.text,
        html: mail.letter.html,
        created: mail.created,
    };
    Ok(axum::Json(List::whole(app.connect.shown().await?.into_iter().map(item).collect())))
}
