//! The data map: what is stored, about whom, why, for how long, under which protection, and how it is given out
//! and erased. The words follow Fideslang's taxonomy where it has one.

use crate::Clause;

/// Where an entry is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A database table; its entries are the columns.
    Table,
    /// Objects on a shelf; its entries are name prefixes.
    Objects,
    /// Files beside the database; its entries are file names.
    Files,
    /// Cookies by name.
    Cookies,
    /// Local storage, IndexedDB and caches of the browser, by key.
    WebStorage,
    /// Fields of log lines and labels of metrics.
    Log,
}

/// One stored place and its entries.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub place: Place,
    pub name: &'static str,
    pub columns: &'static [Entry],
}

/// One stored thing: a column, a prefix, a key.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub name: &'static str,
    pub label: Label,
}

/// What an entry is to a person's privacy. Nothing may be silent.
#[derive(Clone, Copy, Debug)]
pub enum Label {
    /// Says nothing about a person, for this reason.
    NotPersonal(&'static str),
    /// Personal data.
    Personal(Personal),
}

/// All that the policy promises about one personal entry.
#[derive(Clone, Copy, Debug)]
pub struct Personal {
    pub category: Category,
    pub subject: SubjectKind,
    pub purposes: &'static [(Purpose, LawfulBasis)],
    pub source: Source,
    pub retention: Retention,
    pub recipients: &'static [Recipient],
    pub protection: Protection,
    pub export: Export,
    pub erase: Erase,
    pub clauses: &'static [Clause],
}

/// Declares an enum of the policy's words, each with the text by which references and files name it.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident => $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* #[doc = $text] $variant),*
        }

        impl $name {
            /// Each of them, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The words for people.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),*
                }
            }
        }
    };
}

pub(crate) use words;

words! {
    /// The kind of data; the text is its Fideslang key, extended where Fideslang has none.
    Category {
        AccountId => "user.unique_id",
        Name => "user.name",
        Email => "user.contact.email",
        Phone => "user.contact.phone_number",
        Credential => "user.authorization.credentials",
        Membership => "user.account.membership",
        Preference => "user.preferences",
        TimeZone => "user.location.timezone",
        Activity => "user.behavior",
        Viewing => "user.behavior.viewing",
        NetworkAddress => "user.device.ip_address",
        Browser => "user.device.browser",
        CameraName => "user.device.camera.name",
        CameraAddress => "user.device.camera.address",
        CameraCredential => "user.device.camera.credentials",
        CameraSetting => "user.device.camera.settings",
        CameraPlace => "user.device.camera.area",
        Telemetry => "user.device.telemetry",
        HomeVideo => "user.content.home_video",
        HomeAudio => "user.content.home_audio",
        RecordingTimes => "user.content.home_video.times",
        Key => "system.key",
        Choice => "user.consent",
        Copy => "user.content.copy",
        Request => "user.content.request",
        Face => "user.biometric.face",
    }
}

words! {
    /// Whom the data is about.
    SubjectKind {
        AccountHolder => "account holder",
        HouseholdMember => "member of the household",
        Viewer => "person who watches",
        ThirdPerson => "person whom somebody invited",
        PersonInView => "person in the camera's view",
        Addressee => "person who is written to",
    }
}

words! {
    /// What the data is used for.
    Purpose {
        SignIn => "letting you sign in and keeping others out",
        Record => "recording and keeping what your cameras see, as you set it",
        Watch => "showing you your cameras and recordings",
        Connect => "reaching your cameras",
        Account => "running your account and household",
        Health => "telling you how your cameras and your storage are doing",
        ViewLog => "telling you who watched what",
        Notify => "telling you what concerns your account",
        Security => "protecting the service and the people on it",
        Rights => "keeping to your choices and proving it",
    }
}

words! {
    /// Why the law allows it (GDPR Article 6 (1)).
    LawfulBasis {
        Consent => "consent, Art. 6 (1) (a)",
        Contract => "contract, Art. 6 (1) (b)",
        LegalObligation => "legal obligation, Art. 6 (1) (c)",
        LegitimateInterest => "legitimate interest, Art. 6 (1) (f)",
    }
}

words! {
    /// Where the data comes from.
    Source {
        Given => "you",
        Camera => "your camera",
        Device => "your browser",
        Derived => "made by this server",
    }
}

words! {
    /// Who else receives the data.
    Recipient {
        Household => "members of your household whom you gave the right",
        Camera => "your own camera",
        MailServer => "the mail server of this installation, and that of your address",
        #[doc = "Exists to be refused: [`Terms::ForGain`]."]
        Buyer => "somebody who gives something for it",
        #[doc = "Exists to be refused: [`Terms::ForTheirAdvertising`]."]
        Advertiser => "somebody who advertises with it",
    }
}

/// On what terms somebody else receives data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// The person gave the right, or it is the person's own thing.
    AtYourWord,
    /// To do what the purpose of the entry needs, and nothing of their own.
    OnOurBehalf,
    /// For something in return: money, a service, other data.
    ForGain,
    /// For advertising of their own.
    ForTheirAdvertising,
}

impl Recipient {
    /// On what terms it receives data.
    pub const fn terms(self) -> Terms {
        match self {
            Self::Household | Self::Camera => Terms::AtYourWord,
            Self::MailServer => Terms::OnOurBehalf,
            Self::Buyer => Terms::ForGain,
            Self::Advertiser => Terms::ForTheirAdvertising,
        }
    }
}

/// When the data goes. Every retention has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Gone after so many minutes.
    Minutes(u32),
    /// Gone after so many days.
    Days(u32),
    /// As many days, and as many bytes, as the owner set for the camera.
    CameraPlan,
    /// As long as the camera stays in the household.
    Camera,
    /// As long as the account or household exists.
    Account,
    /// Until sign-out or expiry of the session or token.
    Session,
    /// At most an hour after the last recording that needs it.
    LastUse,
    /// A year after the answer; what nobody confirmed goes after a week.
    Answer,
}

impl Retention {
    /// The words for people.
    pub fn text(self) -> String {
        match self {
            Self::Minutes(minutes) => format!("{minutes} minutes"),
            Self::Days(days) => format!("{days} days"),
            Self::CameraPlan => "the days and bytes that you set for the camera".into(),
            Self::Camera => "until you remove the camera".into(),
            Self::Account => "until the account is closed".into(),
            Self::Session => "until sign-out or expiry".into(),
            Self::LastUse => "at most an hour after the last recording that needs it".into(),
            Self::Answer => "until a year after the answer".into(),
        }
    }
}

words! {
    /// How the data is protected where it is stored.
    Protection {
        Clear => "readable to the server's operator",
        AccountKey => "encrypted under the account's key",
        InstanceKey => "encrypted under the installation's key",
        EpochKey => "encrypted under an hourly key of the camera",
        WrappedKey => "a key, encrypted under the key above it",
        Hash => "only a hash of a random secret",
        KeyedHash => "only a keyed hash",
        SlowHash => "only an Argon2id hash",
    }
}

/// What a copy of all data about a person holds of this entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    Include,
    /// Left out, for this reason.
    Omit(&'static str),
}

/// How the entry goes when its subject is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erase {
    /// The row or object is deleted.
    Delete,
    /// The key is destroyed first, then the bytes are deleted.
    Shred,
    /// The entry stays, for this reason in English and in German, until its retention ends.
    Keep(&'static str, &'static str),
}

impl Export {
    /// The words for people.
    pub fn text(self) -> String {
        match self {
            Self::Include => "included".into(),
            Self::Omit(reason) => format!("left out: {reason}"),
        }
    }
}

impl Erase {
    /// The words for people.
    pub fn text(self) -> String {
        match self {
            Self::Delete => "deleted".into(),
            Self::Shred => "its key destroyed, then deleted".into(),
            Self::Keep(reason, _) => format!("kept: {reason}"),
        }
    }
}

impl Table {
    /// The entry of that name.
    pub fn entry(&self, name: &str) -> Option<&'static Entry> {
        self.columns.iter().find(|entry| entry.name == name)
    }
}

/// Declares the data map of one place, as `pub const MAP: policy::Table`, or under the name that is given first.
///
/// ```
/// policy::personal! {
///     table cameras {
///         id: not_personal("opaque id"),
///         name: {
///             category: CameraName, subject: AccountHolder, purposes: [Watch: Contract],
///             retention: Camera, protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
///         },
///     }
/// }
/// policy::personal! {
///     COOKIES: cookies "browser" {
///         "__Host-session": {
///             category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
///             retention: Session, protection: Hash, export: Omit("a secret"), erase: Delete, clauses: [C6_2],
///         },
///     }
/// }
/// assert_eq!(MAP.columns[1].name, "name");
/// assert_eq!(COOKIES.place, policy::Place::Cookies);
/// ```
///
/// The fields stand in the order of [`Personal`]; `source` (else `Given`) and `recipients` (else none) may be left out.
/// The kinds of place are `table`, `objects`, `files`, `cookies`, `web_storage` and `log`.
#[macro_export]
macro_rules! personal {
    ($constant:ident: $place:ident $name:tt { $($entry:tt: $label:tt $(($reason:literal))?),* $(,)? }) => {
        #[doc = concat!("The data map of `", $crate::__name!($name), "`.")]
        pub const $constant: $crate::Table = $crate::Table {
            place: $crate::__place!($place),
            name: $crate::__name!($name),
            columns: &[$($crate::Entry { name: $crate::__name!($entry), label: $crate::__label!($label $(($reason))?) }),*],
        };
    };
    ($place:ident $name:tt { $($rest:tt)* }) => {
        $crate::personal! { MAP: $place $name { $($rest)* } }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __place {
    (table) => {
        $crate::Place::Table
    };
    (objects) => {
        $crate::Place::Objects
    };
    (files) => {
        $crate::Place::Files
    };
    (cookies) => {
        $crate::Place::Cookies
    };
    (web_storage) => {
        $crate::Place::WebStorage
    };
    (log) => {
        $crate::Place::Log
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __name {
    ($name:literal) => {
        $name
    };
    ($name:ident) => {
        stringify!($name)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __label {
    (not_personal($reason:literal)) => { $crate::Label::NotPersonal($reason) };
    ({
        category: $category:ident, subject: $subject:ident, purposes: [$($purpose:ident: $basis:ident),+ $(,)?],
        $(source: $source:ident,)? retention: $retention:expr, $(recipients: [$($recipient:ident),* $(,)?],)?
        protection: $protection:ident, export: $export:expr, erase: $erase:expr,
        clauses: [$($clause:ident),+ $(,)?] $(,)?
    }) => {
        $crate::Label::Personal($crate::Personal {
            category: $crate::Category::$category,
            subject: $crate::SubjectKind::$subject,
            purposes: &[$(($crate::Purpose::$purpose, $crate::LawfulBasis::$basis)),+],
            source: $crate::__source!($($source)?),
            retention: { #[allow(unused_imports)] use $crate::Retention::*; $retention },
            recipients: &[$($($crate::Recipient::$recipient),*)?],
            protection: $crate::Protection::$protection,
            export: { #[allow(unused_imports)] use $crate::Export::*; $export },
            erase: { #[allow(unused_imports)] use $crate::Erase::*; $erase },
            clauses: &[$($crate::clause::$clause),+],
        })
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __source {
    () => {
        $crate::Source::Given
    };
    ($source:ident) => {
        $crate::Source::$source
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    personal! {
        table sessions {
            id: not_personal("opaque id"),
            "type": not_personal("a word of the program"),
            address: {
                category: NetworkAddress, subject: AccountHolder,
                purposes: [SignIn: Contract, Security: LegitimateInterest], source: Device,
                retention: Days(90), recipients: [Household], protection: AccountKey,
                export: Include, erase: Delete, clauses: [C6_2, C9_3_4],
            },
        }
    }

    #[test]
    fn an_entry_carries_all_that_the_policy_promises() {
        assert_eq!((MAP.place, MAP.name, MAP.columns.len()), (Place::Table, "sessions", 3));
        assert_eq!(MAP.columns[1].name, "type");
        let Some(Entry { label: Label::Personal(address), .. }) = MAP.entry("address") else { panic!("no entry") };
        assert_eq!(address.purposes[1], (Purpose::Security, LawfulBasis::LegitimateInterest));
        assert_eq!(address.retention.text(), "90 days");
        assert_eq!(address.clauses[1].id(), "C9.3.4");
        assert_eq!((address.source, address.recipients), (Source::Device, &[Recipient::Household][..]));
    }
}
