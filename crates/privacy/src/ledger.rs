//! The ledger of consents and objections: lines are only ever added, each bound to the one before of the same person by
//! its hash, so that what a person said when, to which text, can be proven and not be rewritten.
//!
//! Invariants, kept by triggers on both databases: no line is changed; lines go only while their person is being erased.

use crate::{Privacy, fact};
use accounts::{AccountId, Caller};
use aws_lc_rs::digest::{Context, SHA256};
use base::{Error, Kind, Result, Time};
use policy::{
    Language, Purpose,
    consent::{Choice, Method, State},
    enforce,
};
use sea_orm::{QueryOrder, entity::prelude::*};
use serde_json::{Value, json};
use std::collections::BTreeMap;

base::id!(
    /// A line of the ledger.
    LineId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account: Uuid,
    /// Counts the lines of the person from 1.
    pub position: i32,
    /// `consent` or `objection`.
    pub kind: String,
    pub purpose: String,
    pub state: String,
    /// The version of the policy that was shown, the hash of its text and its language.
    pub version: i32,
    pub sha256: String,
    pub language: String,
    pub method: String,
    pub at: i64,
    /// The hash of the line before; zeros for the first.
    pub previous: Vec<u8>,
    pub hash: Vec<u8>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table consents {
        id: not_personal("opaque id"),
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C0_5],
        },
        position: not_personal("counts the lines"),
        kind: not_personal("consent or objection"),
        purpose: {
            category: Choice, subject: AccountHolder, purposes: [Rights: LegalObligation], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C0_5, C3_17],
        },
        state: {
            category: Choice, subject: AccountHolder, purposes: [Rights: LegalObligation], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C0_5, C3_17],
        },
        version: not_personal("a version of the policy"),
        sha256: not_personal("the hash of a version of the policy"),
        language: {
            category: Preference, subject: AccountHolder, purposes: [Rights: LegalObligation], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C0_5],
        },
        method: {
            category: Choice, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C0_5, C10_1],
        },
        at: {
            category: Choice, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C0_5, C3_17],
        },
        previous: not_personal("a hash"),
        hash: not_personal("a hash"),
    }
}

/// What a person says, and how.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    pub language: Language,
    pub method: Method,
}

/// How things stand with one choice.
#[derive(Clone, Debug)]
pub struct Consent {
    pub choice: Choice,
    pub state: State,
    /// The line that says so; none if nothing was ever said.
    pub line: Option<LineId>,
    pub at: Option<Time>,
    pub version: Option<u32>,
    pub method: Option<String>,
}

/// What becomes of an objection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the use ends.
    pub stops: bool,
    english: &'static str,
    german: &'static str,
}

impl Answer {
    /// Why, in words for people.
    pub fn says(self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::German => self.german,
        }
    }
}

/// An objection that was made.
#[derive(Clone, Debug)]
pub struct Objection {
    pub purpose: Purpose,
    pub at: Time,
    pub answer: Answer,
}

/// What an objection to a purpose brings (GDPR Art. 21 (1)). `None`: the purpose rests on no legitimate interest, so there is
/// nothing to object to. A purpose that is missing here does not compile.
pub fn answer(purpose: Purpose) -> Option<Answer> {
    match purpose {
        Purpose::ViewLog => Some(Answer {
            stops: false,
            english: "The log goes on. The others of your household have an interest that weighs more: to know who watched \
                      their home, and when. It names no content and goes after a year.",
            german: "Das Protokoll wird weitergeführt. Das Interesse der anderen in Ihrem Haushalt wiegt schwerer: zu wissen, \
                     wer ihr Zuhause wann angesehen hat. Es nennt keine Inhalte und verfällt nach einem Jahr.",
        }),
        Purpose::Security => Some(Answer {
            stops: false,
            english: "This goes on. Without it nobody could tell who changed a camera or tried to get in, which endangers \
                      you and the others. It holds no content and goes after its time.",
            german: "Dies wird fortgesetzt. Sonst könnte niemand feststellen, wer eine Kamera verstellt oder einzudringen \
                     versucht hat, was Sie und andere gefährdet. Es enthält keine Inhalte und verfällt nach seiner Frist.",
        }),
        Purpose::SignIn
        | Purpose::Record
        | Purpose::Watch
        | Purpose::Connect
        | Purpose::Account
        | Purpose::Health
        | Purpose::Rights => None,
        Purpose::Notify => Some(Answer {
            stops: false,
            english: "What concerns your account and dangers goes on, and so does the list of addresses that are never written \
                      to: it holds no address, only a keyed hash. All other mail you can switch off in your settings.",
            german: "Was Ihr Konto und Gefahren betrifft, wird weiter mitgeteilt, und die Liste der Adressen, an die nie \
                     geschrieben wird, bleibt: Sie enthält keine Adresse, nur einen Hash mit Schlüssel. Alle anderen E-Mails \
                     können Sie in Ihren Einstellungen abschalten.",
        }),
    }
}

/// The name of a purpose in the ledger and in requests.
pub fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SignIn => "sign-in",
        Purpose::Record => "record",
        Purpose::Watch => "watch",
        Purpose::Connect => "connect",
        Purpose::Account => "account",
        Purpose::Health => "health",
        Purpose::ViewLog => "view-log",
        Purpose::Notify => "notify",
        Purpose::Security => "security",
        Purpose::Rights => "rights",
    }
}

const OBJECTED: &str = "Objected";
const OBJECTION_WITHDRAWN: &str = "ObjectionWithdrawn";

/// A line to add.
struct Line<'a> {
    kind: &'a str,
    purpose: &'a str,
    state: &'a str,
}

impl Model {
    fn sealed(mut self) -> Self {
        self.hash = self.digest();
        self
    }

    /// SHA-256 over all that the line says, each part with its length before it.
    fn digest(&self) -> Vec<u8> {
        let mut hash = Context::new(&SHA256);
        let numbers = [i64::from(self.position), i64::from(self.version), self.at].map(i64::to_be_bytes);
        let words = [&self.kind, &self.purpose, &self.state, &self.sha256, &self.language, &self.method];
        let parts = [&self.previous[..], self.id.as_bytes(), self.account.as_bytes()];
        let parts = parts.into_iter().chain(words.into_iter().map(|word| word.as_bytes()));
        for part in parts.chain(numbers.iter().map(|number| &number[..])) {
            hash.update(&(part.len() as u32).to_be_bytes());
            hash.update(part);
        }
        hash.finish().as_ref().to_vec()
    }
}

/// Whether the lines of a person follow one another without a gap, and none was altered.
fn is_whole(lines: &[Model]) -> bool {
    let mut before = vec![0; 32];
    (1..).zip(lines).all(|(position, line)| {
        let whole = line.position == position && line.previous == before && line.hash == line.digest();
        before = line.hash.clone();
        whole
    })
}

impl Privacy {
    /// How things stand with each choice of the caller.
    pub async fn consents(&self, caller: &Caller) -> Result<Vec<Consent>> {
        let lines = self.lines(caller.require_person()?).await?;
        Ok(Choice::ALL.iter().map(|choice| standing(&lines, *choice)).collect())
    }

    /// Whether a person's data may be used for what is done with consent only.
    pub async fn permits(&self, account: AccountId, choice: Choice) -> Result<bool> {
        let state = standing(&self.lines(account).await?, choice).state;
        // Without this line an optional use would be on until somebody objects.
        Ok(!enforce!(C0_5) || state.allows())
    }

    /// Gives or takes back a consent, with effect at once. Saying again what holds already adds no line.
    pub async fn choose(&self, caller: &Caller, choice: Choice, given: bool, said: Said) -> Result<()> {
        self.write_choice(caller.require_person()?, choice, given, said).await
    }

    /// Notes that a person took a consent back by the way out of a mail, which needs no signing in. `NotFound` once the account
    /// is gone.
    pub async fn withdraw_by_mail(&self, account: AccountId, choice: Choice) -> Result<()> {
        let language = self.accounts.contact(account).await?.language;
        let language = Language::parse(language.as_str()).unwrap_or(Language::English);
        self.write_choice(account, choice, false, Said { language, method: Method::Mail }).await
    }

    async fn write_choice(&self, account: AccountId, choice: Choice, given: bool, said: Said) -> Result<()> {
        let before = standing(&self.lines(account).await?, choice).state;
        let state = match (given, before) {
            (true, State::Given | State::Renewed) => return Ok(()),
            (true, State::Unknown | State::Requested | State::RequestDeferred) => State::Given,
            (true, _) => State::Renewed,
            (false, before) if before.allows() => State::Withdrawn,
            (false, State::Refused | State::Withdrawn) => return Ok(()),
            (false, _) => State::Refused,
        };
        self.add(account, Line { kind: "consent", purpose: choice.text(), state: state.text() }, said).await.map(drop)
    }

    /// The browser's own signal refuses analytics, unless the person has said otherwise here (GPC, section 3; DNT).
    pub async fn heed(&self, caller: &Caller, method: Method, language: Language) -> Result<()> {
        let account = caller.require_person()?;
        let silent = standing(&self.lines(account).await?, Choice::Analytics).line.is_none();
        if silent && enforce!(C10_1) {
            let line = Line { kind: "consent", purpose: Choice::Analytics.text(), state: State::Refused.text() };
            self.add(account, line, Said { language, method }).await?;
        }
        Ok(())
    }

    /// Objects to a use that rests on a legitimate interest, and says what becomes of it. Making it twice is making it once.
    pub async fn object(&self, caller: &Caller, purpose: Purpose, said: Said) -> Result<Answer> {
        let account = caller.require_person()?;
        let answer = answer(purpose).ok_or_else(|| {
            Error::conflict("this use rests on the contract or the law: it ends when you close the account")
                .field("purpose")
        })?;
        let made = self.objections(caller).await?.iter().any(|objection| objection.purpose == purpose);
        if !made && enforce!(C3_17) {
            self.add(account, Line { kind: "objection", purpose: word(purpose), state: OBJECTED }, said).await?;
        }
        Ok(answer)
    }

    /// Takes an objection back.
    pub async fn withdraw_objection(&self, caller: &Caller, purpose: Purpose, said: Said) -> Result<()> {
        let account = caller.require_person()?;
        if self.objections(caller).await?.iter().all(|objection| objection.purpose != purpose) {
            return Ok(());
        }
        let line = Line { kind: "objection", purpose: word(purpose), state: OBJECTION_WITHDRAWN };
        self.add(account, line, said).await.map(drop)
    }

    /// The objections that stand.
    pub async fn objections(&self, caller: &Caller) -> Result<Vec<Objection>> {
        let lines = self.lines(caller.require_person()?).await?;
        let objection = |purpose: &Purpose| {
            let line = last(&lines, "objection", word(*purpose)).filter(|line| line.state == OBJECTED)?;
            Some(Objection { purpose: *purpose, at: Time::from_micros(line.at), answer: answer(*purpose)? })
        };
        Ok(Purpose::ALL.iter().filter_map(objection).collect())
    }

    /// All lines of a person; an error if they do not follow one another.
    async fn lines(&self, account: AccountId) -> Result<Vec<Model>> {
        let mine = Entity::find().filter(Column::Account.eq(account.uuid())).order_by_asc(Column::Position);
        let lines = mine.all(self.db.conn()).await.map_err(db::error)?;
        match is_whole(&lines) {
            true => Ok(lines),
            false => Err(Error::internal("the ledger of consents was altered")),
        }
    }

    /// Two lines at once have the same position: one of them is refused by the index, and comes after the other.
    async fn add(&self, account: AccountId, line: Line<'_>, said: Said) -> Result<Model> {
        for _ in 0..8 {
            match self.add_once(account, &line, said).await {
                Err(error) if error.kind() == Kind::Conflict => {}
                done => return done,
            }
        }
        Err(Error::unavailable("too much is said at once"))
    }

    async fn add_once(&self, account: AccountId, line: &Line<'_>, said: Said) -> Result<Model> {
        let before = self.lines(account).await?;
        let now = self.world.clock.now();
        let version = self.book.current(now);
        let row = Model {
            id: LineId::generate(&self.world).uuid(),
            account: account.uuid(),
            position: before.len() as i32 + 1,
            kind: line.kind.into(),
            purpose: line.purpose.into(),
            state: line.state.into(),
            version: version.number as i32,
            sha256: version.sha256(said.language),
            language: said.language.code().into(),
            method: said.method.text().into(),
            at: now.micros(),
            previous: before.last().map_or(vec![0; 32], |line| line.hash.clone()),
            hash: Vec::new(),
        }
        .sealed();
        let tx = self.db.begin().await?;
        Entity::insert(ActiveModel::from(row.clone())).exec_without_returning(&tx).await.map_err(db::error)?;
        if let Some(chosen) = follows(&row) {
            db::outbox::emit(&tx, &self.world, fact::CHOSEN, &chosen).await?;
        }
        tx.commit().await.map_err(db::error)?;
        Ok(row)
    }

    /// The receipt of a line of one's own: ISO/IEC TS 27560:2023 by the vocabulary of the W3C.
    pub async fn receipt(&self, caller: &Caller, id: LineId) -> Result<Value> {
        let lines = self.lines(caller.require_person()?).await?;
        let line = lines.iter().find(|line| line.id == id.uuid() && line.kind == "consent");
        let line = line.ok_or_else(|| Error::not_found("no such consent"))?;
        let choice = Choice::parse(&line.purpose).ok_or_else(|| Error::not_found("no such consent"))?;
        let language = Language::parse(&line.language).unwrap_or(Language::English);
        Ok(self.receipt_of(line, choice, language))
    }

    fn receipt_of(&self, line: &Model, choice: Choice, language: Language) -> Value {
        use policy::Plain;
        let at = Time::from_micros(line.at);
        json!({
            "@context": { "dpv": "https://w3id.org/dpv#", "dct": "http://purl.org/dc/terms/" },
            "@type": "dpv:ConsentReceipt",
            "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr",
            "dct:identifier": line.id.to_string(),
            "dpv:hasDataSubject": line.account.to_string(),
            "dpv:hasNotice": {
                "@type": "dpv:PrivacyNotice",
                "@id": format!("/privacy/versions/{}", line.version),
                "dct:language": line.language,
                "sha256": line.sha256,
            },
            "dpv:hasProcess": {
                "dpv:hasPurpose": { "dct:identifier": line.purpose, "dct:description": choice.says(language) },
                "dpv:hasLegalBasis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a",
                "dpv:hasPersonalData": self.data_of(choice),
                "dpv:hasRecipient": [],
                "dpv:hasStorageCondition": { "dpv:hasDuration": policy::Retention::Account.says(language) },
                "dpv:hasProcessingCondition": { "dpv:hasLocation": "where this server stands" },
                "dpv:isOptional": true,
            },
            "dpv:hasDataController": { "dct:title": self.operator.name, "dpv:hasContact": self.operator.contact },
            "dpv:hasRight": "/privacy#s3",
            "dpv:hasConsentStatus": {
                "@type": format!("dpv:{}", line.state),
                "dct:date": at,
                "dpv:isIndicatedAtTime": at,
                "dpv:hasIndicationMethod": line.method,
                "dpv:isWithdrawnBy": "/api/v1/privacy/consents",
            },
            "integrity": { "previous": crate::book::hex(&line.previous), "hash": crate::book::hex(&line.hash) },
        })
    }

    /// The kinds of data that the map allows for a choice. Nothing is used for analytics.
    fn data_of(&self, choice: Choice) -> Vec<&'static str> {
        match choice {
            Choice::ActivityNotices => {
                vec![
                    policy::Category::Email.text(),
                    policy::Category::Viewing.text(),
                    policy::Category::CameraName.text(),
                ]
            }
            Choice::Analytics => Vec::new(),
        }
    }
}

/// What follows from a line elsewhere, with the line and not after it. A choice without its effect does not compile.
fn follows(line: &Model) -> Option<fact::Chosen> {
    let choice = Choice::parse(&line.purpose).filter(|_| line.kind == "consent")?;
    match choice {
        // Who sends the mails begins, or sends no more.
        Choice::ActivityNotices => {}
        // Nothing counts, so nothing ends.
        Choice::Analytics => return None,
    }
    let given = State::parse(&line.state).is_some_and(State::allows);
    Some(fact::Chosen { account: line.account.into(), choice: choice.text().into(), given })
}

fn last<'a>(lines: &'a [Model], kind: &str, purpose: &str) -> Option<&'a Model> {
    lines.iter().rev().find(|line| line.kind == kind && line.purpose == purpose)
}

fn standing(lines: &[Model], choice: Choice) -> Consent {
    let line = last(lines, "consent", choice.text());
    Consent {
        choice,
        state: line.and_then(|line| State::parse(&line.state)).unwrap_or(State::Unknown),
        line: line.map(|line| line.id.into()),
        at: line.map(|line| Time::from_micros(line.at)),
        version: line.map(|line| line.version.max(0) as u32),
        method: line.map(|line| line.method.clone()),
    }
}

/// Every purpose of the map that may be objected to.
pub fn objectionable() -> BTreeMap<&'static str, Purpose> {
    Purpose::ALL
        .iter()
        .filter(|purpose| answer(**purpose).is_some())
        .map(|purpose| (word(*purpose), *purpose))
        .collect()
}
