//! A mail as it is written: subject, plain text and HTML. The HTML holds no picture, no script and nothing from elsewhere.

use crate::{
    Class, Note, Notice,
    text::{self, Reason, Text},
};
use accounts::Language;
use policy::enforce;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// A mail without its address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The way out, for the header of RFC 8058; none for what is necessary.
    pub one_click: Option<String>,
}

/// Where a mail leads: to the first page, and out.
pub(crate) struct Ways<'a> {
    pub site: &'a str,
    pub out: &'a str,
    /// Whether the way out is of the address, which nobody has verified, and not of an account.
    pub of_address: bool,
}

/// The letter of a notice.
pub(crate) fn of_notice(notice: &Notice, language: Language, ways: &Ways<'_>) -> Letter {
    let reason = match notice.class() {
        _ if ways.of_address => Reason::Asked,
        Class::Critical => Reason::Necessary,
        Class::Service(_) => Reason::Service,
        Class::Optional(_) => Reason::Chosen,
    };
    write(text::of_notice(notice, language), language, ways, reason)
}

/// The letter of a note.
pub(crate) fn of_note(note: &Note, language: Language, ways: &Ways<'_>) -> Letter {
    write(text::of_note(note, language), language, ways, Reason::Asked)
}

fn write(text: Text, language: Language, ways: &Ways<'_>, reason: Reason) -> Letter {
    let [because, stop] = text::footer(reason, language);
    let foot = Foot { site: ways.site, because, stop, way_out: ways.out };
    let list = matches!(reason, Reason::Service | Reason::Chosen);
    Letter {
        text: plain(&text, &foot),
        html: html(&text, &foot, language),
        subject: text.subject,
        one_click: (list && enforce!(C3_8)).then(|| ways.out.into()),
    }
}

/// What stands under a mail.
struct Foot<'a> {
    site: &'a str,
    because: &'a str,
    stop: &'a str,
    way_out: &'a str,
}

fn plain(text: &Text, foot: &Foot<'_>) -> String {
    let mut out = format!("{}\n", text.subject);
    for paragraph in &text.paragraphs {
        let _ = write!(out, "\n{paragraph}\n");
    }
    if let Some(action) = &text.action {
        let _ = write!(out, "\n{}:\n{}\n", action.label, action.url);
    }
    let _ = write!(out, "\n-- \nNightjar, {}\n{}\n{}: {}\n", foot.site, foot.because, foot.stop, foot.way_out);
    out
}

/// Colours of a light mail; a client that knows better shows the dark ones of the style sheet.
const STYLE: &str = "\
body{margin:0;padding:24px 16px;background:#f4f5f7;color:#1c2127;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}\
main{max-width:34rem;margin:0 auto;padding:24px;background:#ffffff;border:1px solid #d9dde3;border-radius:12px}\
h1{margin:0 0 16px;font-size:20px;line-height:1.3}\
p{margin:0 0 16px;overflow-wrap:anywhere}\
a{color:#0b5cad}\
.button{display:inline-block;padding:12px 20px;background:#0b5cad;color:#ffffff;text-decoration:none;border-radius:8px;font-weight:600}\
.small{font-size:14px;color:#545d68}\
footer{max-width:34rem;margin:16px auto 0;padding:0 24px;font-size:14px;color:#545d68}\
@media (prefers-color-scheme:dark){\
body{background:#14171b;color:#e6e9ed}main{background:#1d2126;border-color:#343a42}a{color:#7db8f5}\
.button{background:#7db8f5;color:#10151a}.small,footer{color:#a9b1bb}}";

fn html(text: &Text, foot: &Foot<'_>, language: Language) -> String {
    let subject = escaped(&text.subject);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{subject}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<main>\n<h1>{subject}</h1>\n",
        language.as_str()
    );
    for paragraph in &text.paragraphs {
        let _ = writeln!(out, "<p>{}</p>", escaped(paragraph));
    }
    if let Some(action) = &text.action {
        let (label, url) = (escaped(&action.label), escaped(&action.url));
        let _ = write!(out, "<p><a class=\"button\" href=\"{url}\">{label}</a></p>\n<p class=\"small\">{url}</p>\n");
    }
    let (site, way_out) = (escaped(foot.site), escaped(foot.way_out));
    let _ = write!(
        out,
        "</main>\n<footer>\n<p>Nightjar, <a href=\"{site}\">{site}</a><br>{}</p>\n<p><a href=\"{way_out}\">{}</a></p>\n\
         </footer>\n</body>\n</html>\n",
        escaped(foot.because),
        escaped(foot.stop)
    );
    out
}

/// Text as HTML shows it, in an element or in a quoted attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::samples;

    const WAY_OUT: &str = "https://cams.example/unsubscribe?token=WAYOUT";
    const SITE: &str = "https://cams.example/";
    const WAYS: Ways<'_> = Ways { site: SITE, out: WAY_OUT, of_address: false };

    fn all() -> Vec<(String, bool, Letter)> {
        let mut letters = Vec::new();
        for language in Language::ALL {
            for (at, notice) in samples::notices().iter().enumerate() {
                let name = format!("{at:02}-{}-{}", notice.kind(), language.as_str());
                let necessary = notice.class() == Class::Critical;
                letters.push((name, necessary, of_notice(notice, language, &WAYS)));
            }
            for (at, note) in samples::notes().iter().enumerate() {
                letters.push((format!("note-{at}-{}", language.as_str()), true, of_note(note, language, &WAYS)));
            }
        }
        letters
    }

    #[test]
    fn every_mail_says_the_same_in_text_and_html_and_carries_its_way_out() {
        policy::prove!(C3_8);
        for (name, necessary, letter) in all() {
            for body in [&letter.text, &letter.html] {
                assert!(body.contains(WAY_OUT) && body.contains(SITE), "{name}");
            }
            assert!(letter.text.starts_with(&letter.subject), "{name}");
            assert!(letter.html.contains(&escaped(&letter.subject)), "{name}");
            assert_eq!(letter.text.contains("SECRETLINK"), letter.html.contains("SECRETLINK"), "{name}");
            assert_eq!(letter.one_click.as_deref(), (!necessary).then_some(WAY_OUT), "{name}");
        }
    }

    #[test]
    fn names_are_text_in_html_and_nothing_is_loaded_from_elsewhere() {
        for (name, _, letter) in all() {
            assert!(!letter.html.contains("<b>"), "{name}");
            for foreign in ["<img", "<script", "<link", "url(", "@import", "<iframe", "src="] {
                assert!(!letter.html.contains(foreign), "{name} has {foreign}");
            }
        }
        assert_eq!(escaped("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
    }

    /// Writes every mail as a page, for whoever wants to look at them: `NIGHTJAR_MAIL_PAGES=folder`.
    #[test]
    fn every_mail_can_be_looked_at() {
        let Ok(folder) = std::env::var("NIGHTJAR_MAIL_PAGES") else { return };
        for (name, _, letter) in all() {
            std::fs::write(format!("{folder}/{name}.html"), letter.html).unwrap();
            std::fs::write(format!("{folder}/{name}.txt"), letter.text).unwrap();
        }
    }
}
