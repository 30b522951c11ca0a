//! The pages on which anybody asks about data, without scripts: the form, which a clause of the policy leads to; the
//! confirmation of an address; and how a request stands.
//!
//! Opening a page changes nothing: programs that look for dangerous links open them too.

use super::{language, policy::page, requests::Asked};
use crate::{
    App,
    auth::{self, At},
    error::{Problem, Result},
    extract::{Form, Query},
};
use ::policy::Language;
use ::privacy::{
    Decision, Request, RequestKind,
    markup::escaped,
    page::{date, frame},
};
use accounts::{Browser, Caller};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use base::Secret;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::{fmt::Write, sync::Arc};
use utoipa::{IntoParams, ToSchema};

/// The words of the pages.
struct Words {
    title: &'static str,
    lead: &'static str,
    operator: &'static str,
    kind: &'static str,
    kinds: [&'static str; 5],
    clause: &'static str,
    text: &'static str,
    address: &'static str,
    address_hint: &'static str,
    send: &'static str,
    bad_text: &'static str,
    bad_address: &'static str,
    asked: &'static str,
    asked_signed_in: &'static str,
    asked_by_mail: &'static str,
    asked_by_hand: &'static str,
    follow: &'static str,
    confirm: &'static str,
    confirm_lead: &'static str,
    confirmed: &'static str,
    state: &'static str,
    unconfirmed: &'static str,
    open: &'static str,
    extended: &'static str,
    decisions: [&'static str; 3],
    refused: &'static str,
}

const ENGLISH: Words = Words {
    title: "Ask about your data",
    lead: "For what no button does: data that you want to see, corrected or deleted, a use that you object to, or a clause \
           that is not clear. You get an answer with reasons within thirty days, wherever you live.",
    operator: "The answer comes from",
    kind: "What do you want?",
    kinds: ["See data", "Correct data", "Delete data", "Object to a use", "Ask a question"],
    clause: "About clause",
    text: "In your own words (at most 10 kB)",
    address: "Your e-mail address",
    address_hint: "You are written to about this request alone.",
    send: "Send",
    bad_text: "Please write something, at most 10 kB of plain text.",
    bad_address: "This is no e-mail address that can be written to.",
    asked: "Your request is on its way",
    asked_signed_in: "The privacy centre shows how it stands.",
    asked_by_mail: "A mail is on its way to the address. Open the link in it to confirm that it was you; then the thirty \
                    days begin.",
    asked_by_hand: "This server sends no mail. Whoever runs it confirms that it was you; then the thirty days begin. Keep this \
                    link: it shows how your request stands, and the answer.",
    follow: "How my request stands",
    confirm: "It was me",
    confirm_lead: "Somebody asked something about data with your address. Confirm that it was you; otherwise close this page, \
                   and the request is deleted after a week.",
    confirmed: "Thank you. You get an answer within thirty days.",
    state: "How your request stands",
    unconfirmed: "It is not known yet that it was you who asked.",
    open: "It is being worked on. You get an answer by",
    extended: "It takes longer than thirty days, because:",
    decisions: ["It is granted.", "It is granted in part.", "It is refused."],
    refused: "Not granted:",
};

const GERMAN: Words = Words {
    title: "Fragen zu Ihren Daten",
    lead: "Für alles, was kein Knopf erledigt: Daten, die Sie sehen, berichtigen oder löschen lassen möchten, eine Nutzung, der \
           Sie widersprechen, oder eine Klausel, die unklar ist. Sie erhalten binnen dreißig Tagen eine begründete Antwort, wo \
           immer Sie leben.",
    operator: "Es antwortet",
    kind: "Worum geht es?",
    kinds: ["Daten sehen", "Daten berichtigen", "Daten löschen", "Einer Nutzung widersprechen", "Eine Frage stellen"],
    clause: "Zu Klausel",
    text: "In Ihren eigenen Worten (höchstens 10 kB)",
    address: "Ihre E-Mail-Adresse",
    address_hint: "Wir schreiben Ihnen nur zu dieser Anfrage.",
    send: "Absenden",
    bad_text: "Bitte schreiben Sie etwas, höchstens 10 kB reinen Text.",
    bad_address: "Das ist keine E-Mail-Adresse, an die man schreiben kann.",
    asked: "Ihre Anfrage ist unterwegs",
    asked_signed_in: "Der Datenschutz-Bereich zeigt, wie es um sie steht.",
    asked_by_mail: "Eine E-Mail an diese Adresse ist unterwegs. Öffnen Sie den Link darin und bestätigen Sie, dass Sie es waren; \
                    dann beginnen die dreißig Tage.",
    asked_by_hand: "Dieser Server verschickt keine E-Mails. Wer ihn betreibt, bestätigt, dass Sie es waren; dann beginnen die \
                    dreißig Tage. Bewahren Sie diesen Link auf: Er zeigt den Stand Ihrer Anfrage und die Antwort.",
    follow: "Stand meiner Anfrage",
    confirm: "Das war ich",
    confirm_lead: "Jemand hat mit Ihrer Adresse etwas zu Daten gefragt. Bestätigen Sie, dass Sie es waren; sonst schließen Sie \
                   diese Seite, und die Anfrage wird nach einer Woche gelöscht.",
    confirmed: "Danke. Sie erhalten binnen dreißig Tagen eine Antwort.",
    state: "Stand Ihrer Anfrage",
    unconfirmed: "Es ist noch nicht bekannt, dass Sie gefragt haben.",
    open: "Sie wird bearbeitet. Sie erhalten eine Antwort bis",
    extended: "Es dauert länger als dreißig Tage, weil:",
    decisions: ["Ihr wird entsprochen.", "Ihr wird zum Teil entsprochen.", "Sie wird abgelehnt."],
    refused: "Nicht entsprochen wird:",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

/// A page that no cache keeps.
fn own(language: Language, path: &str, title: &str, content: &str) -> Response {
    let mut response = page(frame(language, path, title, &format!("<h1>{title}</h1>{content}")));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What leads to the form.
#[derive(Deserialize, IntoParams)]
pub struct About {
    /// The clause that is asked about.
    clause: Option<String>,
    /// `en` or `de`; else what the browser prefers.
    lang: Option<String>,
}

/// What the form sends.
#[derive(Deserialize, ToSchema)]
#[schema(as = AskForm)]
pub struct Filled {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    clause: String,
    #[serde(default)]
    text: String,
    /// Of whoever is not signed in.
    #[serde(default)]
    address: String,
    #[serde(default)]
    language: String,
}

/// A form as it stands.
struct Draft<'a> {
    language: Language,
    filled: &'a Filled,
    signed_in: bool,
    /// The field at fault, with what to do about it.
    fault: Option<(&'static str, &'static str)>,
}

/// The person who asks, if somebody is signed in.
async fn person(app: &App, headers: &HeaderMap) -> Option<Caller> {
    auth::caller(app, headers).await.ok().filter(|caller| caller.account().is_some())
}

/// The form.
#[utoipa::path(get, path = "/privacy/ask", tag = "policy", params(About), responses((status = 200, description = "A page with a form")))]
pub async fn form(State(app): State<Arc<App>>, Query(about): Query<About>, headers: HeaderMap) -> Response {
    let language = language(about.lang.as_deref(), &headers);
    let known = about.clause.filter(|clause| app.privacy.book().clause(clause).is_some());
    let filled = Filled {
        kind: RequestKind::Question.as_str().into(),
        clause: known.unwrap_or_default(),
        text: String::new(),
        address: String::new(),
        language: language.code().into(),
    };
    let signed_in = person(&app, &headers).await.is_some();
    drawn(&app, &Draft { language, filled: &filled, signed_in, fault: None })
}

fn drawn(app: &App, draft: &Draft<'_>) -> Response {
    let (words, filled) = (words(draft.language), draft.filled);
    let mut out = format!("<p>{}</p>", words.lead);
    let operator = app.privacy.operator();
    if !operator.name.is_empty() {
        let _ = write!(
            out,
            "<p class=\"facts\">{} {} {}</p>",
            words.operator,
            escaped(&operator.name),
            escaped(&operator.contact)
        );
    }
    let _ = write!(out, "<form method=\"post\" action=\"/privacy/ask\"><label>{}<select name=\"kind\">", words.kind);
    for (kind, name) in RequestKind::ALL.iter().zip(words.kinds) {
        let selected = if kind.as_str() == filled.kind { " selected" } else { "" };
        let _ = write!(out, "<option value=\"{}\"{selected}>{name}</option>", kind.as_str());
    }
    out.push_str("</select></label>");
    if let Some(clause) = app.privacy.book().clause(&filled.clause) {
        let (id, says) = (escaped(&filled.clause), escaped(&clause.says));
        let _ = write!(
            out,
            "<p>{} <a href=\"/privacy#{id}\">{id}</a>: <q lang=\"en\">{says}</q></p><input type=\"hidden\" name=\"clause\" value=\"{id}\">",
            words.clause
        );
    }
    let text = escaped(&filled.text);
    let textarea = format!("<textarea name=\"text\" rows=\"8\" required{}>{text}</textarea>", draft.marks("text"));
    draft.field(&mut out, "text", words.text, &textarea);
    if !draft.signed_in {
        let input = format!(
            "<input name=\"address\" type=\"email\" autocomplete=\"email\" required value=\"{}\"{}><span class=\"facts\">{}</span>",
            escaped(&filled.address),
            draft.marks("address"),
            words.address_hint
        );
        draft.field(&mut out, "address", words.address, &input);
    }
    let code = draft.language.code();
    let _ =
        write!(out, "<input type=\"hidden\" name=\"language\" value=\"{code}\"><button>{}</button></form>", words.send);
    let clause = escaped(&filled.clause);
    own(draft.language, &format!("/privacy/ask?clause={clause}"), words.title, &out)
}

impl Draft<'_> {
    fn fault_of(&self, name: &str) -> Option<&'static str> {
        self.fault.filter(|(field, _)| *field == name).map(|(_, message)| message)
    }

    /// What tells a screen reader that a field is at fault.
    fn marks(&self, name: &str) -> String {
        let fault = self.fault_of(name);
        fault
            .map_or_else(String::new, |_| format!(" aria-invalid=\"true\" aria-describedby=\"{name}-fault\" autofocus"))
    }

    fn field(&self, out: &mut String, name: &str, label: &str, input: &str) {
        let _ = write!(out, "<label>{label}{input}</label>");
        if let Some(message) = self.fault_of(name) {
            let _ = write!(out, "<p class=\"fault\" id=\"{name}-fault\" role=\"alert\">{message}</p>");
        }
    }
}

/// Ask about data: as the person who is signed in, or with an address that is then confirmed by a link. Nobody is asked where
/// they live.
#[utoipa::path(post, path = "/privacy/ask", tag = "policy", request_body(content = Filled, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "A page that says what happens next"),
    (status = 422, description = "The form, with what is wrong"),
))]
pub async fn ask(
    State(app): State<Arc<App>>,
    At(browser): At,
    headers: HeaderMap,
    Form(filled): Form<Filled>,
) -> Result<Response> {
    let language = language(Some(&filled.language), &headers);
    let person = person(&app, &headers).await;
    let asked = Asked {
        kind: filled.kind.clone(),
        clause: Some(filled.clause.clone()).filter(|clause| !clause.is_empty()),
        text: filled.text.clone(),
        language: language.code().into(),
    };
    let from = match &person {
        Some(caller) => From::Person(caller),
        None => From::Address(&filled.address, &browser),
    };
    match sent(&app, from, asked, language).await {
        Ok(content) => Ok(own(language, "/privacy/ask", words(language).asked, &content)),
        Err(problem) => refused(&app, problem, language, &filled, person.is_some()),
    }
}

/// Who asks.
enum From<'a> {
    Person(&'a Caller),
    Address(&'a str, &'a Browser),
}

/// Files the request; gives what to tell.
async fn sent(app: &App, from: From<'_>, asked: Asked, language: Language) -> Result<String> {
    let (words, question) = (words(language), asked.question()?);
    let id = match from {
        From::Person(caller) => {
            app.privacy.ask(caller, question).await?;
            return Ok(format!("<p><a href=\"/privacy-centre#requests\">{}</a></p>", words.asked_signed_in));
        }
        From::Address(address, browser) => {
            app.accounts.spend(browser)?;
            app.privacy.ask_without_account(address, question).await?
        }
    };
    if app.can_mail {
        return Ok(format!("<p>{}</p>", words.asked_by_mail));
    }
    let token = app.privacy.follow_up_of(id).await?;
    let link = format!("<a href=\"/privacy/request?token={}\">{}</a>", token.expose(), words.follow);
    Ok(format!("<p>{}</p><p>{link}</p>", words.asked_by_hand))
}

/// The form again, if what was filled in is at fault.
fn refused(app: &App, problem: Problem, language: Language, filled: &Filled, signed_in: bool) -> Result<Response> {
    let words = words(language);
    let fault = match problem.field {
        Some("text") => ("text", words.bad_text),
        Some("address") => ("address", words.bad_address),
        _ => return Err(problem),
    };
    let form = drawn(app, &Draft { language, filled, signed_in, fault: Some(fault) });
    Ok((StatusCode::UNPROCESSABLE_ENTITY, form).into_response())
}

/// The token of a mail.
#[derive(Deserialize, IntoParams)]
pub struct Link {
    token: String,
    /// `en` or `de`; else what the browser prefers.
    lang: Option<String>,
}

/// The page behind the link that confirms a request. It changes nothing.
#[utoipa::path(get, path = "/privacy/request/confirm", tag = "policy", params(Link), responses((status = 200, description = "A page with a button")))]
pub async fn offer_confirmation(Query(link): Query<Link>, headers: HeaderMap) -> Response {
    let language = language(link.lang.as_deref(), &headers);
    let (words, token) = (words(language), escaped(&link.token));
    let content =
        format!("<p>{}</p><form method=\"post\"><button>{}</button></form>", words.confirm_lead, words.confirm);
    own(language, &format!("/privacy/request/confirm?token={token}"), words.title, &content)
}

/// Confirm that one asked: the thirty days begin.
#[utoipa::path(post, path = "/privacy/request/confirm", tag = "policy", params(Link), responses((status = 200, description = "A page that says so"), (status = 404, body = Problem)))]
pub async fn confirm(State(app): State<Arc<App>>, Query(link): Query<Link>, headers: HeaderMap) -> Result<Response> {
    let id = app.privacy.confirm_request(&Secret::new(link.token)).await?;
    let follow = app.privacy.follow_up_of(id).await?;
    let language = language(link.lang.as_deref(), &headers);
    let (words, follow) = (words(language), follow.expose());
    let content =
        format!("<p>{}</p><p><a href=\"/privacy/request?token={follow}\">{}</a></p>", words.confirmed, words.follow);
    Ok(own(language, &format!("/privacy/request?token={follow}"), words.title, &content))
}

/// How a request of somebody without an account stands.
#[utoipa::path(get, path = "/privacy/request", tag = "policy", params(Link), responses((status = 200, description = "A page"), (status = 404, body = Problem)))]
pub async fn show(State(app): State<Arc<App>>, Query(link): Query<Link>, headers: HeaderMap) -> Result<Response> {
    let token = escaped(&link.token);
    let request = app.privacy.follow_up(&Secret::new(link.token)).await?;
    let language = language(link.lang.as_deref(), &headers);
    let content = standing(&request, words(language));
    Ok(own(language, &format!("/privacy/request?token={token}"), words(language).state, &content))
}

fn standing(request: &Request, words: &Words) -> String {
    let prose = |text: &str| format!("<blockquote><pre>{}</pre></blockquote>", escaped(text));
    let mut out = prose(&request.text);
    if let Some(extension) = &request.extension {
        let _ = write!(out, "<p>{}</p>{}", words.extended, prose(&extension.reason));
    }
    let Some(answer) = &request.answer else {
        let _ = match request.confirmed {
            Some(_) => write!(out, "<p>{} {}.</p>", words.open, date(request.due)),
            None => write!(out, "<p>{}</p>", words.unconfirmed),
        };
        return out;
    };
    let decided = match answer.decision {
        Decision::Granted => 0,
        Decision::Partly => 1,
        Decision::Refused => 2,
    };
    let _ = write!(out, "<p><strong>{}</strong></p>{}", words.decisions[decided], prose(&answer.reasons));
    if !answer.refused.is_empty() {
        let _ = write!(out, "<p>{}</p><ul>", words.refused);
        for refusal in &answer.refused {
            let _ = write!(out, "<li><strong>{}</strong>: {}</li>", escaped(&refusal.item), escaped(&refusal.reason));
        }
        out.push_str("</ul>");
    }
    out
}
