//! The policy as pages that work without scripts, and as JSON for programs: the text, the state of each clause, and the
//! tables that the data map makes.

use crate::{
    Book, Privacy,
    book::{ClauseState, Version},
    ledger,
    markup::{escaped, html},
    terms,
};
use base::{Result, Time};
use policy::{Category, Label, Language, Personal, Place, Plain, Table, consent::Choice, enforce};
use serde_json::{Value, json};
use std::fmt::Write;

/// The style of the pages. It stands inside them; whoever serves one allows it by its hash.
pub const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#55606e;--page:#fff;--line:#d5dbe3;--accent:#0a5fb4;--kept:#0b6b3a;--fault:#b3261e;--add:#d9f2e1;--del:#fbdcdc}\
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#a3aebc;--page:#12161c;--line:#313a46;--accent:#7cb8ff;--kept:#6bd39b;--fault:#ffb4ab;--add:#123d27;--del:#4d1d1f}}\
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.6 system-ui,sans-serif}\
main,header,footer{max-width:46rem;margin:0 auto;padding:0 1rem}header{padding-top:1.5rem}main{padding-bottom:2rem}\
nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem}a{color:var(--accent)}h1{font-size:1.7rem;line-height:1.25}h2{font-size:1.25rem;margin-top:2rem}\
.clause{font-size:.75rem;text-decoration:none;white-space:nowrap;border:1px solid var(--line);border-radius:.3rem;padding:0 .25rem}\
.kept{color:var(--kept)}.planned{color:var(--soft);border-style:dashed}:target{outline:2px solid var(--accent)}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.875rem;min-width:40rem}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--line)}\
.facts{color:var(--soft);font-size:.875rem;overflow-wrap:anywhere}ins{background:var(--add)}del{background:var(--del)}pre{white-space:pre-wrap;font:inherit}\
.ask{font-size:.75rem;text-decoration:none;border-radius:50%;padding:0 .3rem}dt{font-weight:600}dd{margin:0 0 .6rem}\
form{display:grid;gap:1rem;max-width:34rem}label{display:grid;gap:.25rem}\
input,select,textarea,button{font:inherit;color:inherit;background:var(--page);border:1px solid var(--soft);border-radius:.4rem;padding:.6rem}\
button{background:var(--accent);border-color:var(--accent);color:var(--page);font-weight:600;justify-self:start;padding:.6rem 1.2rem}\
.fault{margin:0;color:var(--fault)}blockquote{margin:1rem 0;padding-left:1rem;border-left:3px solid var(--line)}\
ul{padding-left:1.2rem}:focus-visible{outline:2px solid var(--accent);outline-offset:2px}";

/// The words of the pages.
struct Words {
    title: &'static str,
    history: &'static str,
    json: &'static str,
    other: &'static str,
    operator: &'static str,
    nobody: &'static str,
    effective: &'static str,
    hash: &'static str,
    kept: &'static str,
    planned: &'static str,
    stored: &'static str,
    columns: [&'static str; 6],
    none: &'static str,
    kept_title: &'static str,
    kept_columns: [&'static str; 3],
    browser: &'static str,
    cookie_columns: [&'static str; 3],
    no_others: &'static str,
    choices: &'static str,
    choices_off: &'static str,
    objections: &'static str,
    versions: &'static str,
    material: &'static str,
    compare: &'static str,
    from_to: &'static str,
    ask: &'static str,
    terms: &'static str,
}

const ENGLISH: Words = Words {
    title: "Privacy policy",
    history: "All versions",
    json: "For programs (JSON)",
    other: "Deutsch",
    operator: "This installation is run by",
    nobody: "whoever set up this server; no name was given",
    effective: "in force from",
    hash: "SHA-256 of the text",
    kept: "kept by this version of the program",
    planned: "planned: the feature that it governs does not exist yet",
    stored: "What is stored",
    columns: [
        "What",
        "What for, and why the law allows it",
        "From",
        "How long",
        "Who else receives it",
        "How it is protected",
    ],
    none: "nobody",
    kept_title: "What stays when an account is erased",
    kept_columns: ["What", "Why", "How long"],
    browser: "What your browser keeps",
    cookie_columns: ["Name", "What it is", "How long"],
    no_others: "These and no others: there is no counting, no advertising, and nothing of another company.",
    choices: "What is done only with your consent",
    choices_off: "Each is off until you switch it on in the privacy centre, and off again as easily.",
    objections: "What you can object to",
    versions: "Versions of the privacy policy",
    material: "asked for again",
    compare: "compare with the version before",
    from_to: "What changed",
    ask: "Ask about this",
    terms: "What the words mean",
};

const GERMAN: Words = Words {
    title: "Datenschutzerklärung",
    history: "Alle Fassungen",
    json: "Für Programme (JSON)",
    other: "English",
    operator: "Diese Installation betreibt",
    nobody: "wer diesen Server eingerichtet hat; ein Name wurde nicht angegeben",
    effective: "in Kraft ab",
    hash: "SHA-256 des Textes",
    kept: "wird von dieser Version des Programms eingehalten",
    planned: "geplant: die Funktion, die sie regelt, gibt es noch nicht",
    stored: "Was gespeichert wird",
    columns: [
        "Was",
        "Wozu, und weshalb das Gesetz es erlaubt",
        "Woher",
        "Wie lange",
        "Wer es noch erhält",
        "Wie es geschützt ist",
    ],
    none: "niemand",
    kept_title: "Was bleibt, wenn ein Konto gelöscht wird",
    kept_columns: ["Was", "Warum", "Wie lange"],
    browser: "Was Ihr Browser behält",
    cookie_columns: ["Name", "Was es ist", "Wie lange"],
    no_others: "Diese und keine anderen: Es gibt keine Zählung, keine Werbung und nichts von einem anderen Unternehmen.",
    choices: "Was nur mit Ihrer Einwilligung geschieht",
    choices_off: "Alles ist aus, bis Sie es im Datenschutz-Bereich einschalten, und ebenso leicht wieder aus.",
    objections: "Wogegen Sie Widerspruch einlegen können",
    versions: "Fassungen der Datenschutzerklärung",
    material: "wird erneut vorgelegt",
    compare: "mit der Fassung davor vergleichen",
    from_to: "Was sich geändert hat",
    ask: "Dazu fragen",
    terms: "Was die Wörter bedeuten",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

/// A row of the table of what is stored: a kind of data with all that the map says of it.
struct Stored {
    category: Category,
    purposes: Vec<String>,
    sources: Vec<String>,
    retentions: Vec<String>,
    recipients: Vec<String>,
    protections: Vec<String>,
}

fn note(list: &mut Vec<String>, text: impl Into<String>) {
    let text = text.into();
    if !list.contains(&text) {
        list.push(text);
    }
}

impl Stored {
    fn new(category: Category) -> Self {
        let none = Vec::new;
        Self {
            category,
            purposes: none(),
            sources: none(),
            retentions: none(),
            recipients: none(),
            protections: none(),
        }
    }

    fn add(&mut self, personal: &Personal, language: Language) {
        for (purpose, basis) in personal.purposes {
            note(&mut self.purposes, format!("{} – {}", purpose.says(language), basis.says(language)));
        }
        note(&mut self.sources, personal.source.says(language));
        note(&mut self.retentions, personal.retention.says(language));
        note(&mut self.protections, personal.protection.says(language));
        personal.recipients.iter().for_each(|recipient| note(&mut self.recipients, recipient.says(language)));
    }
}

/// What the map says of each kind of data, in the order of the kinds.
fn stored(map: &[Table], language: Language) -> Vec<Stored> {
    let mut rows: Vec<Stored> = Category::ALL.iter().map(|category| Stored::new(*category)).collect();
    for entry in map.iter().flat_map(|table| table.columns) {
        let Label::Personal(personal) = &entry.label else { continue };
        // Without this line the page would say what somebody typed, and not what the program does.
        if enforce!(C0_2) {
            rows.iter_mut().filter(|row| row.category == personal.category).for_each(|row| row.add(personal, language));
        }
    }
    rows.retain(|row| !row.purposes.is_empty());
    rows
}

/// What stays when its subject is erased, why, and for how long.
fn kept(map: &[Table], language: Language) -> Vec<[String; 3]> {
    let mut rows = Vec::new();
    for entry in map.iter().flat_map(|table| table.columns) {
        let Label::Personal(personal) = &entry.label else { continue };
        let Some(reason) = personal.erase.kept(language) else { continue };
        let row = [personal.category.says(language).into(), reason.into(), personal.retention.says(language)];
        if enforce!(C3_6) && !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

/// Names, meaning and duration of what the browser keeps.
fn browser(map: &[Table], language: Language) -> Vec<[String; 3]> {
    let kept = map.iter().filter(|table| matches!(table.place, Place::Cookies | Place::WebStorage));
    let row = |name: &str, label: &Label| match label {
        Label::Personal(personal) => {
            [name.to_owned(), personal.category.says(language).into(), personal.retention.says(language)]
        }
        Label::NotPersonal(what) => [name.to_owned(), (*what).into(), "–".into()],
    };
    kept.flat_map(|table| table.columns).map(|entry| row(entry.name, &entry.label)).collect()
}

/// A page around its content. `path` is where it stands, escaped.
pub fn frame(language: Language, path: &str, title: &str, content: &str) -> String {
    let words = words(language);
    let other = match language {
        Language::English => Language::German,
        Language::German => Language::English,
    };
    let join = if path.contains('?') { '&' } else { '?' };
    format!(
        "<!doctype html>\n<html lang=\"{code}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"referrer\" content=\"same-origin\"><title>{title} – Nightjar</title>\
         <style>{STYLE}</style></head><body><header><nav aria-label=\"{title}\"><a href=\"/\">Nightjar</a>\
         <a href=\"/privacy?lang={code}\">{}</a><a href=\"/privacy/versions?lang={code}\">{}</a>\
         <a href=\"/privacy.json\">{}</a>\
         <a href=\"{path}{join}lang={}\" hreflang=\"{}\" lang=\"{}\">{}</a></nav></header><main>{content}</main></body></html>\n",
        words.title,
        words.history,
        words.json,
        other.code(),
        other.code(),
        other.code(),
        words.other,
        code = language.code(),
    )
}

fn table(out: &mut String, id: &str, title: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = write!(
        out,
        "<h2 id=\"{id}\">{title}</h2><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{id}\"><table><thead><tr>"
    );
    for head in heads {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{cell}</td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
}

/// A list inside a cell.
fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br>")
}

impl Privacy {
    /// The page of a version; the newest one that holds, with the tables of what this program does, is `/privacy`.
    pub fn page(&self, version: &Version, language: Language, path: &str) -> String {
        let words = words(language);
        let mut out = String::new();
        self.facts(&mut out, version, language);
        out.push_str(&html(version.text(language), |id| clause(&self.book, id, language)));
        if version.number == self.book.current(self.world.clock.now()).number {
            self.tables(&mut out, language);
        }
        frame(language, path, words.title, &out)
    }

    fn facts(&self, out: &mut String, version: &Version, language: Language) {
        let words = words(language);
        let operator = &self.operator;
        let who = match (operator.name.is_empty(), operator.contact.is_empty()) {
            (true, _) => words.nobody.to_owned(),
            (false, true) => escaped(&operator.name),
            (false, false) => format!("{}, {}", escaped(&operator.name), escaped(&operator.contact)),
        };
        let _ = write!(
            out,
            "<p class=\"facts\">{} {who}.<br>{} {}, {} {}.<br>{}: <code>{}</code></p>",
            words.operator,
            version_word(language),
            version.number,
            words.effective,
            date(version.effective),
            words.hash,
            version.sha256(language),
        );
    }

    fn tables(&self, out: &mut String, language: Language) {
        let words = words(language);
        let rows = stored(&self.map, language).into_iter().map(|row| {
            let recipients = if row.recipients.is_empty() { words.none.into() } else { lines(&row.recipients) };
            let first = escaped(row.category.says(language));
            let [purposes, sources, retentions, protections] =
                [&row.purposes, &row.sources, &row.retentions, &row.protections].map(|list| lines(list));
            vec![first, purposes, sources, retentions, recipients, protections]
        });
        table(out, "stored", words.stored, &words.columns, rows);
        let rows = kept(&self.map, language).into_iter().map(|row| row.iter().map(|cell| escaped(cell)).collect());
        table(out, "kept", words.kept_title, &words.kept_columns, rows);
        let rows = browser(&self.map, language).into_iter().map(|row| row.iter().map(|cell| escaped(cell)).collect());
        table(out, "browser", words.browser, &words.cookie_columns, rows);
        let _ = write!(out, "<p>{}</p><h2 id=\"choices\">{}</h2><ul>", words.no_others, words.choices);
        for choice in Choice::ALL {
            let _ = write!(out, "<li>{}</li>", escaped(choice.says(language)));
        }
        let _ = write!(out, "</ul><p>{}</p><h2 id=\"objections\">{}</h2><ul>", words.choices_off, words.objections);
        for purpose in ledger::objectionable().into_values() {
            let _ = write!(out, "<li>{}</li>", escaped(purpose.says(language)));
        }
        out.push_str("</ul>");
        if enforce!(C0_3) {
            explained(out, language);
        }
    }

    /// The page that lists all versions.
    pub fn versions_page(&self, language: Language) -> String {
        let words = words(language);
        let mut out = format!("<h1>{}</h1><ul>", words.versions);
        for version in self.book.versions().iter().rev() {
            let (number, code) = (version.number, language.code());
            let _ = write!(
                out,
                "<li><a href=\"/privacy/versions/{number}?lang={code}\">{} {number}</a>, {} {}",
                version_word(language),
                words.effective,
                date(version.effective),
            );
            if version.material && number > 1 {
                let _ = write!(out, ", {}", words.material);
            }
            if number > 1 {
                let from = number - 1;
                let _ = write!(
                    out,
                    " – <a href=\"/privacy/diff?from={from}&amp;to={number}&amp;lang={code}\">{}</a>",
                    words.compare
                );
            }
            let _ = write!(
                out,
                "<br><span class=\"facts\">{}: <code>{}</code></span></li>",
                words.hash,
                version.sha256(language)
            );
        }
        frame(language, "/privacy/versions", words.versions, &(out + "</ul>"))
    }

    /// The page that shows how one version becomes another.
    pub fn diff_page(&self, from: u32, to: u32, language: Language) -> Result<String> {
        let words = words(language);
        let mut out = format!("<h1>{}: {from} → {to}</h1><pre>", words.from_to);
        for change in self.book.diff(from, to, language)? {
            let text = escaped(&change.text);
            let _ = match change.kind {
                "removed" => write!(out, "<del>{text}</del>"),
                "added" => write!(out, "<ins>{text}</ins>"),
                _ => write!(out, "{text}"),
            };
        }
        Ok(frame(language, &format!("/privacy/diff?from={from}&amp;to={to}"), words.from_to, &(out + "</pre>")))
    }

    /// The policy for programs, by the Data Privacy Vocabulary of the W3C.
    pub async fn json(&self, version: &Version) -> Result<Value> {
        let language = Language::English;
        let processing: Vec<Value> = stored(&self.map, language)
            .into_iter()
            .map(|row| {
                json!({
                    "dpv:hasPersonalData": row.category.text(),
                    "dpv:hasPurpose": row.purposes,
                    "dpv:hasDataSource": row.sources,
                    "dpv:hasStorageCondition": row.retentions,
                    "dpv:hasRecipient": row.recipients,
                    "dpv:hasTechnicalMeasure": row.protections,
                })
            })
            .collect();
        let clauses: Vec<Value> = self
            .book
            .clauses()
            .map(|(id, clause)| json!({ "id": id, "state": clause.state, "says": clause.says }))
            .collect();
        Ok(json!({
            "@context": { "dpv": "https://w3id.org/dpv#", "dct": "http://purl.org/dc/terms/" },
            "@type": "dpv:PrivacyNotice",
            "version": version.number,
            "date": date(version.date),
            "effective": date(version.effective),
            "material": version.material,
            "sha256": { "en": version.sha256(Language::English), "de": version.sha256(Language::German) },
            "text": { "en": "/privacy?lang=en", "de": "/privacy?lang=de" },
            "dpv:hasDataController": { "dct:title": self.operator.name, "dpv:hasContact": self.operator.contact },
            "clauses": clauses,
            "dpv:hasProcess": processing,
            "browser": browser(&self.map, language),
            "choices": Choice::ALL.iter().map(|choice| choice.text()).collect::<Vec<_>>(),
            "objections": ledger::objectionable().into_keys().collect::<Vec<_>>(),
            "certificate_key": { "algorithm": "Ed25519", "public_key": self.public_key().await? },
        }))
    }
}

fn version_word(language: Language) -> &'static str {
    match language {
        Language::English => "Version",
        Language::German => "Fassung",
    }
}

/// The day of an instant, in UTC.
pub fn date(time: Time) -> String {
    time.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// The mark of a clause: an anchor that says whether the clause is kept.
fn clause(book: &Book, id: &str, language: Language) -> String {
    let words = words(language);
    let (class, state) = match book.clause(id).map(|clause| clause.state) {
        Some(ClauseState::Kept) => ("kept", words.kept),
        _ => ("planned", words.planned),
    };
    let mark = format!("<a class=\"clause {class}\" id=\"{id}\" href=\"#{id}\" title=\"{state}\">{id}</a>");
    match enforce!(C0_3) {
        true => mark + &question(id, language),
        false => mark,
    }
}

/// The way from a clause to the form in which one asks about it.
fn question(id: &str, language: Language) -> String {
    let (ask, code) = (words(language).ask, language.code());
    format!(
        " <a class=\"ask\" href=\"/privacy/ask?clause={id}&amp;lang={code}\" title=\"{ask}\" aria-label=\"{ask}: {id}\">?</a>"
    )
}

/// What the words of the page mean.
fn explained(out: &mut String, language: Language) {
    let _ = write!(out, "<h2 id=\"words\">{}</h2><dl>", words(language).terms);
    for (term, meaning) in terms::of(language) {
        let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", escaped(term), escaped(meaning));
    }
    out.push_str("</dl>");
}

#[cfg(test)]
mod tests {
    use super::*;

    policy::personal! {
        COOKIES: cookies "browser" {
            "__Host-test<": {
                category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
                retention: Session, protection: Hash, export: Omit("a secret"), erase: Delete, clauses: [C4_2],
            },
        }
    }

    #[test]
    fn the_tables_say_what_the_map_says_and_change_with_it() {
        policy::prove!(C0_2);
        for language in Language::ALL {
            assert!(stored(&[], language).is_empty());
            let rows = stored(crate::DATA_MAP, language);
            let row = rows.iter().find(|row| row.category == Category::Choice).unwrap();
            assert!(row.purposes[0].starts_with(policy::Purpose::Rights.says(language)), "{:?}", row.purposes);
            assert!(row.retentions.contains(&policy::Retention::Account.says(language)));
        }
    }

    #[test]
    fn what_stays_of_an_erased_person_is_on_the_page_with_its_reason_in_each_language() {
        policy::prove!(C3_6);
        let [english, german] = Language::ALL.map(|language| kept(crate::DATA_MAP, language));
        assert!(!english.is_empty() && english.len() == german.len());
        for (english, german) in english.iter().zip(&german) {
            assert!(english[1] != german[1] && german[1].len() > 20, "{german:?}");
        }
        assert!(german.iter().any(|row| row[1].contains("damit feststeht, dass gelöscht wurde")));
    }

    #[test]
    fn each_cookie_that_the_map_knows_is_on_the_page() {
        let rows = browser(&[COOKIES], Language::German);
        assert_eq!(
            rows,
            [["__Host-test<", "womit Sie sich anmelden", "bis zur Abmeldung oder zum Ablauf"].map(String::from)]
        );
    }
}
