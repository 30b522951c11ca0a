//! What people are told, as types. A notice goes to an account; a note goes to an address that has none.

use crate::Topic;
use base::{Secret, Time};
use serde::{Deserialize, Serialize};

/// A link that lets its bearer do something. It is in the mail alone: stored with a notice it is left out.
#[derive(Clone, Default)]
pub struct Link(Option<Secret<String>>);

impl Link {
    /// The link to that address.
    pub fn new(url: impl Into<String>) -> Self {
        Self(Some(Secret::new(url.into())))
    }

    pub(crate) fn url(&self) -> Option<&str> {
        self.0.as_ref().map(|url| url.expose().as_str())
    }
}

/// What happened to the ways in which somebody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// A passkey, an app, recovery codes or another service were added or taken away.
    Changed,
    /// The counter of a passkey went back.
    PasskeyCopied,
    /// Somebody knew the password and guessed at the second factor.
    Guessed,
}

/// Something that the person of an account is told.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// Goes to the address that is to be verified.
    VerifyAddress {
        #[serde(skip)]
        url: Link,
    },
    /// Somebody signed up with an address that has an account.
    SignedUpAgain {
        #[serde(skip)]
        url: Link,
    },
    ResetPassword {
        #[serde(skip)]
        url: Link,
    },
    /// `label` is as in `Firefox on Linux`, if it is known.
    SignedInFromNewBrowser {
        label: Option<String>,
        at: Time,
    },
    PasswordChanged,
    FactorChanged {
        what: Factor,
    },
    /// Goes to the address that is to be left; the new one gets [`Note::ConfirmAddress`].
    EmailChangeAsked {
        #[serde(skip)]
        url: Link,
    },
    EmailChanged,
    /// A household may have no name.
    JoinedHousehold {
        household: Option<String>,
    },
    RemovedFromHousehold {
        household: Option<String>,
    },
    FirstView {
        person: String,
        camera: String,
    },
    BulkDownload {
        person: String,
        camera: String,
    },
    ExportReady,
    ClosingBegan {
        until: Time,
        #[serde(skip)]
        undo: Link,
    },
    /// The account was closed, and is open again.
    Reopened,
    /// `url` is a page that everybody can open.
    PolicyChanged {
        version: String,
        effective: Time,
        url: String,
    },
    /// What the person asked arrived. Here and below `url` is the page that shows how requests stand.
    RequestReceived {
        due: Time,
        url: String,
    },
    RequestExtended {
        due: Time,
        url: String,
    },
    RequestAnswered {
        url: String,
    },
    /// To whoever answers: somebody asked.
    RequestWaiting {
        due: Time,
        url: String,
    },
    /// To whoever answers: the time for an answer is over.
    RequestOverdue {
        url: String,
    },
    /// A recovery code, or the link of the machine's own terminal, let somebody in.
    RecoveryUsed,
    /// A mail to the person was refused for good.
    Undelivered,
}

/// Something that is written to an address which has no account, or none any more.
#[derive(Clone)]
pub enum Note {
    /// A household may have no name; it may be the server's own terminal that invites.
    Invited {
        household: Option<String>,
        inviter: Option<String>,
        url: Link,
    },
    /// Goes to the new address of an account.
    ConfirmAddress {
        url: Link,
    },
    /// The account is erased; `certificate` is the number of the proof.
    Erased {
        certificate: String,
    },
    /// Somebody asked something about data with this address, and must show that it is theirs.
    ConfirmRequest {
        url: Link,
    },
    /// The request is to be answered by then. `url` shows how it stands, to whoever has it.
    RequestReceived {
        due: Time,
        url: Link,
    },
    RequestExtended {
        due: Time,
        url: Link,
    },
    RequestAnswered {
        url: Link,
    },
}

/// How much a notice is needed, which decides whether it may be mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// About the safety or the end of the account, or the rules: mailed whatever else was chosen.
    Critical,
    /// About the person's own doings and household: mailed until it is switched off.
    Service(Topic),
    /// Everything else: mailed only to who switched it on.
    Optional(Topic),
}

impl Class {
    /// What is switched off by the way out of such a mail.
    pub fn topic(self) -> Topic {
        match self {
            Self::Critical => Topic::Everything,
            Self::Service(topic) | Self::Optional(topic) => topic,
        }
    }
}

impl Notice {
    /// How much it is needed.
    pub fn class(&self) -> Class {
        match self {
            Self::VerifyAddress { .. }
            | Self::SignedUpAgain { .. }
            | Self::ResetPassword { .. }
            | Self::SignedInFromNewBrowser { .. }
            | Self::PasswordChanged
            | Self::FactorChanged { .. }
            | Self::EmailChangeAsked { .. }
            | Self::EmailChanged
            | Self::ClosingBegan { .. }
            | Self::Reopened
            | Self::PolicyChanged { .. }
            | Self::RequestReceived { .. }
            | Self::RequestExtended { .. }
            | Self::RequestAnswered { .. }
            | Self::RequestWaiting { .. }
            | Self::RequestOverdue { .. }
            | Self::RecoveryUsed
            | Self::Undelivered => Class::Critical,
            Self::JoinedHousehold { .. } | Self::RemovedFromHousehold { .. } | Self::ExportReady => {
                Class::Service(Topic::Household)
            }
            Self::FirstView { .. } | Self::BulkDownload { .. } => Class::Optional(Topic::Views),
        }
    }

    /// Whether it goes to an address that nobody has verified yet.
    pub(crate) fn verifies(&self) -> bool {
        matches!(self, Self::VerifyAddress { .. })
    }

    /// The word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::VerifyAddress { .. } => "verify_address",
            Self::SignedUpAgain { .. } => "signed_up_again",
            Self::ResetPassword { .. } => "reset_password",
            Self::SignedInFromNewBrowser { .. } => "signed_in_from_new_browser",
            Self::PasswordChanged => "password_changed",
            Self::FactorChanged { .. } => "factor_changed",
            Self::EmailChangeAsked { .. } => "email_change_asked",
            Self::EmailChanged => "email_changed",
            Self::JoinedHousehold { .. } => "joined_household",
            Self::RemovedFromHousehold { .. } => "removed_from_household",
            Self::FirstView { .. } => "first_view",
            Self::BulkDownload { .. } => "bulk_download",
            Self::ExportReady => "export_ready",
            Self::ClosingBegan { .. } => "closing_began",
            Self::Reopened => "reopened",
            Self::PolicyChanged { .. } => "policy_changed",
            Self::RequestReceived { .. } => "request_received",
            Self::RequestExtended { .. } => "request_extended",
            Self::RequestAnswered { .. } => "request_answered",
            Self::RequestWaiting { .. } => "request_waiting",
            Self::RequestOverdue { .. } => "request_overdue",
            Self::RecoveryUsed => "recovery_used",
            Self::Undelivered => "undelivered",
        }
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// One of each notice.
    pub fn notices() -> Vec<Notice> {
        let at = Time::from_micros(1_772_366_400_000_000);
        let url = || Link::new("https://cams.example/verify#token=SECRETLINK");
        let page = || "https://cams.example/privacy-centre".to_owned();
        let (person, camera) = (|| "Zoë <b>Canary</b>".to_owned(), || "Nursery & Hall".to_owned());
        let household = || Some("Elm Street 4".to_owned());
        vec![
            Notice::VerifyAddress { url: url() },
            Notice::SignedUpAgain { url: url() },
            Notice::ResetPassword { url: url() },
            Notice::SignedInFromNewBrowser { label: Some("Firefox on Linux".into()), at },
            Notice::PasswordChanged,
            Notice::FactorChanged { what: Factor::Changed },
            Notice::FactorChanged { what: Factor::PasskeyCopied },
            Notice::FactorChanged { what: Factor::Guessed },
            Notice::EmailChangeAsked { url: url() },
            Notice::EmailChanged,
            Notice::JoinedHousehold { household: household() },
            Notice::RemovedFromHousehold { household: household() },
            Notice::FirstView { person: person(), camera: camera() },
            Notice::BulkDownload { person: person(), camera: camera() },
            Notice::ExportReady,
            Notice::ClosingBegan { until: at, undo: url() },
            Notice::PolicyChanged {
                version: "2026-03".into(),
                effective: at,
                url: "https://cams.example/privacy".into(),
            },
            Notice::JoinedHousehold { household: None },
            Notice::RemovedFromHousehold { household: None },
            Notice::Reopened,
            Notice::RequestReceived { due: at, url: page() },
            Notice::RequestExtended { due: at, url: page() },
            Notice::RequestAnswered { url: page() },
            Notice::RequestWaiting { due: at, url: page() },
            Notice::RequestOverdue { url: page() },
            Notice::RecoveryUsed,
            Notice::Undelivered,
        ]
    }

    /// One of each note.
    pub fn notes() -> Vec<Note> {
        let url = || Link::new("https://cams.example/invite#token=SECRETLINK");
        let due = Time::from_micros(1_772_366_400_000_000);
        vec![
            Note::Invited {
                household: Some("Elm Street 4".into()),
                inviter: Some("Zoë <b>Canary</b>".into()),
                url: url(),
            },
            Note::Invited { household: None, inviter: None, url: url() },
            Note::ConfirmAddress { url: url() },
            Note::Erased { certificate: "5d1c-77ab".into() },
            Note::ConfirmRequest { url: url() },
            Note::RequestReceived { due, url: url() },
            Note::RequestExtended { due, url: url() },
            Note::RequestAnswered { url: url() },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_notice_keeps_its_kind_and_loses_its_link() {
        for notice in samples::notices() {
            let stored = serde_json::to_string(&notice).unwrap();
            assert!(!stored.contains("SECRETLINK"), "{stored}");
            let kind = serde_json::from_str::<serde_json::Value>(&stored).unwrap()["kind"].clone();
            assert_eq!(kind, notice.kind());
            assert_eq!(serde_json::from_str::<Notice>(&stored).unwrap().kind(), notice.kind());
        }
    }
}
