//! The words of every notice and note, in each language. No subject holds a name: a locked screen shows subjects.

use crate::{Factor, Note, Notice};
use accounts::Language::{self, De, En};
use base::Time;

/// What is said, before it becomes a mail or an entry of the inbox.
pub struct Text {
    pub subject: String,
    pub paragraphs: Vec<String>,
    /// What there is to do, if anything.
    pub action: Option<Action>,
}

/// A page to go to.
pub struct Action {
    pub label: String,
    pub url: String,
}

impl Text {
    fn new<const N: usize>(subject: &str, paragraphs: [&str; N]) -> Self {
        Self { subject: subject.into(), paragraphs: paragraphs.map(String::from).into(), action: None }
    }

    /// A button; none if the link is not at hand, as in the inbox.
    fn to(mut self, label: &str, url: Option<&str>) -> Self {
        self.action = url.map(|url| Action { label: label.into(), url: url.into() });
        self
    }
}

/// The notice in words.
pub fn of_notice(notice: &Notice, language: Language) -> Text {
    match language {
        En => english(notice),
        De => german(notice),
    }
}

/// The note in words.
pub fn of_note(note: &Note, language: Language) -> Text {
    match language {
        En => note_in_english(note),
        De => note_in_german(note),
    }
}

fn english(notice: &Notice) -> Text {
    const NOT_YOU: &str = "If this was not you, change your password now and end the other sessions.";
    const NOT_ASKED: &str = "If you did not ask for this, you need not do anything.";
    match notice {
        Notice::VerifyAddress { url } => Text::new(
            "Confirm your e-mail address",
            ["Please confirm that this is your address. Until then nothing else is sent here.", NOT_ASKED],
        )
        .to("Confirm this address", url.url()),
        Notice::SignedUpAgain { url } => Text::new(
            "You have an account already",
            [
                "Somebody, perhaps you, signed up with this address. It has an account already, and nothing was changed.",
                "If you forgot your password, you can set a new one.",
            ],
        )
        .to("Set a new password", url.url()),
        Notice::ResetPassword { url } => Text::new(
            "Set a new password",
            [
                "A new password was asked for. The link in the mail works once and not for long.",
                "If you did not ask for this, you need not do anything: your password stays as it is.",
            ],
        )
        .to("Set a new password", url.url()),
        Notice::SignedInFromNewBrowser { label, at } => {
            let label = label.as_deref().unwrap_or("A browser that was not used before");
            let when = format!("{label}, {}.", moment(*at, En));
            Text::new("Somebody signed in from a new browser", [when.as_str(), NOT_YOU])
        }
        Notice::PasswordChanged => Text::new(
            "Your password was changed",
            ["Your password was changed, and all other sessions were ended.", NOT_YOU],
        ),
        Notice::FactorChanged { what } => {
            Text::new("The way you sign in was changed", [factor_in_english(*what), NOT_YOU])
        }
        Notice::EmailChangeAsked { url } => Text::new(
            "Confirm the change of your e-mail address",
            ["A new e-mail address was asked for. Confirm here that you want to leave this one.", NOT_YOU],
        )
        .to("Confirm the change", url.url()),
        Notice::EmailChanged => Text::new(
            "Your e-mail address was changed",
            ["From now on you are written to at the new address.", NOT_YOU],
        ),
        Notice::JoinedHousehold { household } => {
            let joined = format!("You are now a member of {}.", named(household, "a household", "“", "”"));
            Text::new("You joined a household", [joined.as_str()])
        }
        Notice::RemovedFromHousehold { household } => {
            let from = named(household, "a household", "“", "”");
            let left = format!("You no longer belong to {from}, and see its cameras no more.");
            Text::new("You are no longer a member of a household", [left.as_str()])
        }
        Notice::FirstView { person, camera } => Text::new(
            "Somebody looked at a camera for the first time",
            [format!("{person} looked at “{camera}” for the first time. The view log has the details.").as_str()],
        ),
        Notice::BulkDownload { person, camera } => Text::new(
            "A lot of footage was downloaded",
            [format!("{person} downloaded much footage of “{camera}”. The view log has the details.").as_str()],
        ),
        Notice::ExportReady => Text::new(
            "The copy of your data is ready",
            ["You can fetch it in the privacy centre within fourteen days. After that it is deleted."],
        ),
        Notice::ClosingBegan { until, undo } => {
            let until =
                format!("Everything is kept out of reach until {} and then erased for good.", moment(*until, En));
            let undo_hint = "Until then you can take this back with the link in the mail.";
            Text::new("Your account is being closed", [until.as_str(), undo_hint]).to("Keep my account", undo.url())
        }
        Notice::PolicyChanged { version, effective, url } => {
            let when = format!("Version {version} of the privacy policy holds from {}.", moment(*effective, En));
            Text::new(
                "The privacy policy changes",
                [when.as_str(), "The page shows what changes, word by word, and what you can do about it."],
            )
            .to("See what changes", Some(url))
        }
        Notice::Reopened => {
            Text::new("Your account is open again", ["The closing was taken back, and nothing was erased.", NOT_YOU])
        }
        Notice::RequestReceived { due, url } => request_received(*due, En).to("See your requests", Some(url)),
        Notice::RequestExtended { due, url } => request_extended(*due, En).to("See why", Some(url)),
        Notice::RequestAnswered { url } => request_answered(En).to("Read the answer", Some(url)),
        Notice::RequestWaiting { due, url } => {
            let due = format!("It is to be answered by {}, with reasons.", moment(*due, En));
            Text::new("Somebody asks about their data", ["A request came in.", due.as_str()])
                .to("See the requests", Some(url))
        }
        Notice::RequestOverdue { url } => Text::new(
            "A request about data is overdue",
            ["The time for an answer is over, and the person waits. Please answer it now."],
        )
        .to("See the requests", Some(url)),
        Notice::RecoveryUsed => Text::new(
            "Your account was opened by recovery",
            ["A recovery code, or a link from the server’s own terminal, was used to get in.", NOT_YOU],
        ),
        Notice::Undelivered => Text::new(
            "A mail to you was refused",
            ["Your mail provider refused a mail from here. Please check the address in your profile."],
        ),
    }
}

fn factor_in_english(what: Factor) -> &'static str {
    match what {
        Factor::Changed => {
            "A passkey, an authenticator app, recovery codes or another service was added to your account or taken away."
        }
        Factor::PasskeyCopied => {
            "A passkey counted backwards, so it was refused: somebody may have a copy. Remove it, and make a new one."
        }
        Factor::Guessed => {
            "Somebody knows your password and guessed at the second step, without getting in. Change the password."
        }
    }
}

fn note_in_english(note: &Note) -> Text {
    match note {
        Note::Invited { household, inviter, url } => {
            let inviter = inviter.as_deref().unwrap_or("The operator of this server");
            let household = named(household, "a household", "“", "”");
            let who = format!("{inviter} invites you to {household}, to see its cameras.");
            Text::new(
                "You are invited",
                [
                    who.as_str(),
                    "The link works once, for seven days. If you do not want this, you need not do anything: your address \
                     is then forgotten.",
                ],
            )
            .to("See the invitation", url.url())
        }
        Note::ConfirmAddress { url } => Text::new(
            "Confirm your new e-mail address",
            ["Please confirm that this is your address.", "If you did not ask for this, you need not do anything."],
        )
        .to("Confirm this address", url.url()),
        Note::Erased { certificate } => Text::new(
            "Your account was erased",
            [
                "Everything that was held about you is gone, but for what the law makes us keep.",
                format!("The number of the certificate is {certificate}. This is the last mail to this address.")
                    .as_str(),
            ],
        ),
        Note::ConfirmRequest { url } => Text::new(
            "Confirm your request",
            [
                "Somebody asked something about data with this address. Please confirm that it was you; then you get an answer \
                 within thirty days.",
                "If you did not ask for this, you need not do anything: the request is deleted after a week.",
            ],
        )
        .to("It was me", url.url()),
        Note::RequestReceived { due, url } => request_received(*due, En).to("See how it stands", url.url()),
        Note::RequestExtended { due, url } => request_extended(*due, En).to("See why", url.url()),
        Note::RequestAnswered { url } => request_answered(En).to("Read the answer", url.url()),
    }
}

fn request_received(due: Time, language: Language) -> Text {
    let due = moment(due, language);
    let [subject, text] = match language {
        En => ["Your request arrived", "You get an answer with reasons by"],
        De => ["Ihre Anfrage ist angekommen", "Sie erhalten eine begründete Antwort bis"],
    };
    Text::new(subject, [format!("{text} {due}.").as_str()])
}

fn request_extended(due: Time, language: Language) -> Text {
    let due = moment(due, language);
    let [subject, text] = match language {
        En => ["Your request takes longer", "The page says why. You get an answer by"],
        De => ["Ihre Anfrage dauert länger", "Die Seite nennt den Grund. Sie erhalten eine Antwort bis"],
    };
    Text::new(subject, [format!("{text} {due}.").as_str()])
}

fn request_answered(language: Language) -> Text {
    match language {
        En => Text::new("Your request has its answer", ["The page shows the decision and its reasons."]),
        De => Text::new("Ihre Anfrage ist beantwortet", ["Die Seite zeigt die Entscheidung und ihre Gründe."]),
    }
}

fn german(notice: &Notice) -> Text {
    const NOT_YOU: &str =
        "Waren Sie das nicht? Dann ändern Sie jetzt Ihr Passwort und beenden Sie die anderen Sitzungen.";
    const NOT_ASKED: &str = "Haben Sie nicht darum gebeten, müssen Sie nichts tun.";
    match notice {
        Notice::VerifyAddress { url } => Text::new(
            "Bestätigen Sie Ihre E-Mail-Adresse",
            ["Bitte bestätigen Sie, dass dies Ihre Adresse ist. Bis dahin geht nichts anderes dorthin.", NOT_ASKED],
        )
        .to("Adresse bestätigen", url.url()),
        Notice::SignedUpAgain { url } => Text::new(
            "Sie haben schon ein Konto",
            [
                "Jemand, vielleicht Sie, wollte mit dieser Adresse ein Konto anlegen. Es gibt schon eines; nichts wurde geändert.",
                "Haben Sie Ihr Passwort vergessen, können Sie ein neues setzen.",
            ],
        )
        .to("Neues Passwort setzen", url.url()),
        Notice::ResetPassword { url } => Text::new(
            "Neues Passwort setzen",
            [
                "Ein neues Passwort wurde angefordert. Der Link in der Mail gilt einmal und nicht lange.",
                "Haben Sie nicht darum gebeten, müssen Sie nichts tun: Ihr Passwort bleibt, wie es ist.",
            ],
        )
        .to("Neues Passwort setzen", url.url()),
        Notice::SignedInFromNewBrowser { label, at } => {
            let label = label.as_deref().unwrap_or("Ein bisher unbenutzter Browser");
            let when = format!("{label}, {}.", moment(*at, De));
            Text::new("Anmeldung mit einem neuen Browser", [when.as_str(), NOT_YOU])
        }
        Notice::PasswordChanged => Text::new(
            "Ihr Passwort wurde geändert",
            ["Ihr Passwort wurde geändert, und alle anderen Sitzungen wurden beendet.", NOT_YOU],
        ),
        Notice::FactorChanged { what } => {
            Text::new("Ihre Anmeldung wurde geändert", [factor_in_german(*what), NOT_YOU])
        }
        Notice::EmailChangeAsked { url } => Text::new(
            "Bestätigen Sie den Wechsel Ihrer E-Mail-Adresse",
            [
                "Eine neue E-Mail-Adresse wurde angegeben. Bestätigen Sie hier, dass Sie diese verlassen wollen.",
                NOT_YOU,
            ],
        )
        .to("Wechsel bestätigen", url.url()),
        Notice::EmailChanged => Text::new(
            "Ihre E-Mail-Adresse wurde geändert",
            ["Ab jetzt schreiben wir Ihnen an die neue Adresse.", NOT_YOU],
        ),
        Notice::JoinedHousehold { household } => {
            let joined = format!("Sie sind jetzt Mitglied von {}.", named(household, "einem Haushalt", "„", "“"));
            Text::new("Sie gehören jetzt zu einem Haushalt", [joined.as_str()])
        }
        Notice::RemovedFromHousehold { household } => {
            let from = named(household, "einem Haushalt", "„", "“");
            let left = format!("Sie gehören nicht mehr zu {from} und sehen dessen Kameras nicht mehr.");
            Text::new("Sie gehören nicht mehr zu einem Haushalt", [left.as_str()])
        }
        Notice::FirstView { person, camera } => Text::new(
            "Jemand hat zum ersten Mal eine Kamera angesehen",
            [format!("{person} hat „{camera}“ zum ersten Mal angesehen. Näheres steht im Protokoll.").as_str()],
        ),
        Notice::BulkDownload { person, camera } => Text::new(
            "Viele Aufnahmen wurden heruntergeladen",
            [format!("{person} hat viele Aufnahmen von „{camera}“ heruntergeladen. Näheres steht im Protokoll.")
                .as_str()],
        ),
        Notice::ExportReady => Text::new(
            "Die Kopie Ihrer Daten ist fertig",
            ["Sie können sie vierzehn Tage lang im Datenschutzbereich abholen. Danach wird sie gelöscht."],
        ),
        Notice::ClosingBegan { until, undo } => {
            let until =
                format!("Bis {} ist alles unzugänglich, danach wird es endgültig gelöscht.", moment(*until, De));
            let undo_hint = "Bis dahin können Sie das mit dem Link in der Mail zurücknehmen.";
            Text::new("Ihr Konto wird geschlossen", [until.as_str(), undo_hint]).to("Konto behalten", undo.url())
        }
        Notice::PolicyChanged { version, effective, url } => {
            let when = format!("Fassung {version} der Datenschutzerklärung gilt ab {}.", moment(*effective, De));
            Text::new(
                "Die Datenschutzerklärung ändert sich",
                [when.as_str(), "Die Seite zeigt Wort für Wort, was sich ändert und was Sie tun können."],
            )
            .to("Änderungen ansehen", Some(url))
        }
        Notice::Reopened => Text::new(
            "Ihr Konto ist wieder offen",
            ["Die Schließung wurde zurückgenommen, und nichts wurde gelöscht.", NOT_YOU],
        ),
        Notice::RequestReceived { due, url } => request_received(*due, De).to("Ihre Anfragen ansehen", Some(url)),
        Notice::RequestExtended { due, url } => request_extended(*due, De).to("Grund ansehen", Some(url)),
        Notice::RequestAnswered { url } => request_answered(De).to("Antwort lesen", Some(url)),
        Notice::RequestWaiting { due, url } => {
            let due = format!("Sie ist bis {} zu beantworten, mit Gründen.", moment(*due, De));
            Text::new("Jemand fragt nach seinen Daten", ["Eine Anfrage ist eingegangen.", due.as_str()])
                .to("Anfragen ansehen", Some(url))
        }
        Notice::RequestOverdue { url } => Text::new(
            "Eine Anfrage zu Daten ist überfällig",
            ["Die Zeit für eine Antwort ist abgelaufen, und jemand wartet darauf. Bitte antworten Sie jetzt."],
        )
        .to("Anfragen ansehen", Some(url)),
        Notice::RecoveryUsed => Text::new(
            "Ihr Konto wurde wiederhergestellt",
            ["Ein Wiederherstellungscode oder ein Link vom Server selbst wurde benutzt, um hineinzukommen.", NOT_YOU],
        ),
        Notice::Undelivered => Text::new(
            "Eine Mail an Sie wurde abgelehnt",
            ["Ihr Mailanbieter hat eine Mail von hier abgelehnt. Bitte prüfen Sie die Adresse in Ihrem Profil."],
        ),
    }
}

fn factor_in_german(what: Factor) -> &'static str {
    match what {
        Factor::Changed => {
            "Ein Passkey, eine Authenticator-App, Wiederherstellungscodes oder ein anderer Dienst kamen zu Ihrem Konto hinzu \
             oder wurden entfernt."
        }
        Factor::PasskeyCopied => {
            "Ein Passkey hat rückwärts gezählt und wurde abgewiesen: Vielleicht gibt es eine Kopie. Entfernen Sie ihn und \
             legen Sie einen neuen an."
        }
        Factor::Guessed => {
            "Jemand kennt Ihr Passwort und hat den zweiten Schritt zu erraten versucht, ohne hineinzukommen. Ändern Sie das \
             Passwort."
        }
    }
}

fn note_in_german(note: &Note) -> Text {
    match note {
        Note::Invited { household, inviter, url } => {
            let inviter = inviter.as_deref().unwrap_or("Der Betreiber dieses Servers");
            let household = named(household, "einem Haushalt", "„", "“");
            let who = format!("{inviter} lädt Sie zu {household} ein, um dessen Kameras zu sehen.");
            Text::new(
                "Sie sind eingeladen",
                [
                    who.as_str(),
                    "Der Link gilt einmal, sieben Tage lang. Möchten Sie das nicht, müssen Sie nichts tun: Ihre Adresse \
                     wird dann vergessen.",
                ],
            )
            .to("Einladung ansehen", url.url())
        }
        Note::ConfirmAddress { url } => Text::new(
            "Bestätigen Sie Ihre neue E-Mail-Adresse",
            [
                "Bitte bestätigen Sie, dass dies Ihre Adresse ist.",
                "Haben Sie nicht darum gebeten, müssen Sie nichts tun.",
            ],
        )
        .to("Adresse bestätigen", url.url()),
        Note::Erased { certificate } => Text::new(
            "Ihr Konto wurde gelöscht",
            [
                "Alles, was über Sie gespeichert war, ist fort, außer was das Gesetz aufzubewahren verlangt.",
                format!("Die Nummer der Bescheinigung ist {certificate}. Dies ist die letzte Mail an diese Adresse.")
                    .as_str(),
            ],
        ),
        Note::ConfirmRequest { url } => Text::new(
            "Bestätigen Sie Ihre Anfrage",
            [
                "Jemand hat mit dieser Adresse etwas zu Daten gefragt. Bitte bestätigen Sie, dass Sie es waren; dann erhalten \
                 Sie binnen dreißig Tagen eine Antwort.",
                "Haben Sie nicht darum gebeten, müssen Sie nichts tun: Die Anfrage wird nach einer Woche gelöscht.",
            ],
        )
        .to("Das war ich", url.url()),
        Note::RequestReceived { due, url } => request_received(*due, De).to("Stand ansehen", url.url()),
        Note::RequestExtended { due, url } => request_extended(*due, De).to("Grund ansehen", url.url()),
        Note::RequestAnswered { url } => request_answered(De).to("Antwort lesen", url.url()),
    }
}

/// A household by its name in quotation marks, or else as what it is.
fn named(household: &Option<String>, nameless: &str, open: &str, close: &str) -> String {
    household.as_ref().map_or(nameless.into(), |name| format!("{open}{name}{close}"))
}

/// Why a mail came, which decides what stands under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Necessary,
    Service,
    Chosen,
    /// Somebody asked for it with an address that nobody has verified: its way out closes the address to all mail.
    Asked,
}

/// What stands under every mail: why it came, and what its way out does.
pub fn footer(reason: Reason, language: Language) -> [&'static str; 2] {
    match (language, reason) {
        (En, Reason::Necessary) => [
            "This mail is about the safety of your account or its rules. Such mails come when they are needed.",
            "Stop all mail that is not necessary",
        ],
        (En, Reason::Service) => ["This mail is about your households or your data.", "Stop these mails"],
        (En, Reason::Chosen) => ["You switched these mails on.", "Stop these mails"],
        (En, Reason::Asked) => {
            ["Somebody, perhaps you, asked for this mail with your address.", "Never write to this address again"]
        }
        (De, Reason::Necessary) => [
            "In dieser Mail geht es um die Sicherheit Ihres Kontos oder seine Regeln. Solche Mails kommen, wenn sie nötig sind.",
            "Alle nicht nötigen Mails abbestellen",
        ],
        (De, Reason::Service) => {
            ["In dieser Mail geht es um Ihre Haushalte oder Ihre Daten.", "Diese Mails abbestellen"]
        }
        (De, Reason::Chosen) => ["Sie haben diese Mails eingeschaltet.", "Diese Mails abbestellen"],
        (De, Reason::Asked) => [
            "Jemand, vielleicht Sie, hat diese Mail mit Ihrer Adresse angefordert.",
            "Nie wieder an diese Adresse schreiben",
        ],
    }
}

/// An instant for people, in UTC: `1 March 2026, 12:00 UTC`.
fn moment(time: Time, language: Language) -> String {
    const EN: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const DE: [&str; 12] = [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ];
    let Ok(instant) = jiff::Timestamp::from_microsecond(time.micros()) else { return time.to_string() };
    let at = jiff::tz::TimeZone::UTC.to_datetime(instant);
    let (day, month, year) = (at.day(), at.month() as usize - 1, at.year());
    let clock = format!("{:02}:{:02} UTC", at.hour(), at.minute());
    match language {
        En => format!("{day} {} {year}, {clock}", EN[month]),
        De => format!("{day}. {} {year}, {clock}", DE[month]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::samples;

    #[test]
    fn every_notice_has_its_own_words_in_each_language_and_no_name_in_its_subject() {
        let both = |of: &dyn Fn(Language) -> Text| {
            let (english, german) = (of(En), of(De));
            assert_ne!(english.subject, german.subject);
            assert_eq!(english.paragraphs.len(), german.paragraphs.len());
            assert_eq!(english.action.is_some(), german.action.is_some());
            for text in [&english, &german] {
                assert!(!text.subject.contains("Canary") && !text.subject.contains("Elm"), "{}", text.subject);
                assert!(text.subject.chars().count() <= 60 && text.paragraphs.iter().all(|p| !p.trim().is_empty()));
            }
            for (en, de) in english.paragraphs.iter().zip(&german.paragraphs) {
                assert_ne!(en, de);
            }
        };
        samples::notices().iter().for_each(|notice| both(&|language| of_notice(notice, language)));
        samples::notes().iter().for_each(|note| both(&|language| of_note(note, language)));
    }

    #[test]
    fn an_instant_is_written_as_people_of_the_language_do() {
        let at = Time::from_micros(1_772_366_400_000_000);
        assert_eq!(moment(at, En), "1 March 2026, 12:00 UTC");
        assert_eq!(moment(at, De), "1. März 2026, 12:00 UTC");
    }
}
