//! The words of the data map as a page says them to people, in each language that the policy speaks.

use crate::{
    Category, Erase, LawfulBasis, Protection, Purpose, Recipient, Retention, Source, SubjectKind, consent::Choice,
};

/// A language of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    English,
    German,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its code (RFC 5646).
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language of a code, whatever region stands behind it.
    pub fn parse(code: &str) -> Option<Self> {
        let primary = code.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| primary.eq_ignore_ascii_case(language.code()))
    }

    /// The first of ours that an `Accept-Language` header (RFC 9110, 12.5.4) wants most; English if it wants none.
    pub fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::English);
        for wanted in header.split(',').take(32) {
            let (code, weight) = wanted.split_once(";q=").unwrap_or((wanted, "1"));
            let weight = weight.trim().parse::<f32>().unwrap_or(0.0);
            if let Some(language) = Self::parse(code.trim())
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }

    const fn pick<T: Copy>(self, english: T, german: T) -> T {
        match self {
            Self::English => english,
            Self::German => german,
        }
    }
}

/// A word of the policy that can be said to people.
pub trait Plain {
    /// The words for people.
    fn says(self, language: Language) -> &'static str;
}

/// Gives each word its English and its German; one without both does not compile.
macro_rules! plain {
    ($name:ident { $($variant:ident => $english:literal, $german:literal;)* }) => {
        impl Plain for $name {
            fn says(self, language: Language) -> &'static str {
                match self {
                    $(Self::$variant => language.pick($english, $german)),*
                }
            }
        }
    };
}

plain! {
    Category {
        AccountId => "a random number for your account", "eine Zufallsnummer für Ihr Konto";
        Name => "name or user name", "Name oder Benutzername";
        Email => "e-mail address", "E-Mail-Adresse";
        Phone => "phone number", "Telefonnummer";
        Credential => "what you sign in with", "womit Sie sich anmelden";
        Membership => "household and role", "Haushalt und Rolle";
        Preference => "your settings", "Ihre Einstellungen";
        TimeZone => "time zone", "Zeitzone";
        Activity => "what you did in the app, and when", "was Sie in der Anwendung taten und wann";
        Viewing => "who watched which camera, and when", "wer welche Kamera wann ansah";
        NetworkAddress => "network address", "Netzwerkadresse";
        Browser => "family of your browser or app", "Art Ihres Browsers oder Ihrer App";
        CameraName => "name of a camera", "Name einer Kamera";
        CameraAddress => "address of a camera in your network", "Adresse einer Kamera in Ihrem Netz";
        CameraCredential => "a camera's own password", "Zugangsdaten einer Kamera";
        CameraSetting => "settings of a camera", "Einstellungen einer Kamera";
        CameraPlace => "what a camera may look at", "was eine Kamera sehen darf";
        Telemetry => "state of cameras and recordings", "Zustand von Kameras und Aufzeichnungen";
        HomeVideo => "pictures from your cameras", "Bilder Ihrer Kameras";
        HomeAudio => "sound from your cameras", "Ton Ihrer Kameras";
        RecordingTimes => "times and sizes of recordings", "Zeiten und Größen von Aufzeichnungen";
        Key => "keys that open the above", "Schlüssel, die das Obige öffnen";
        Choice => "what you agreed or objected to, and when", "worin Sie eingewilligt oder wem Sie widersprochen haben und wann";
        Copy => "the copy of your data that you asked for", "die Kopie Ihrer Daten, die Sie angefordert haben";
        Request => "what you asked about your data, and the answer", "was Sie zu Ihren Daten gefragt haben, und die Antwort";
        Face => "features of a face by which a person is recognised", "Gesichtsmerkmale, an denen ein Mensch erkannt wird";
    }
}

plain! {
    SubjectKind {
        AccountHolder => "account holder", "Kontoinhaberin oder Kontoinhaber";
        HouseholdMember => "member of the household", "Mitglied des Haushalts";
        Viewer => "person who watches", "wer zusieht";
        ThirdPerson => "person whom somebody invited", "wer von jemandem eingeladen wurde";
        Addressee => "person who is written to", "wer angeschrieben wird";
        PersonInView => "person in a camera's view", "wer von einer Kamera gesehen wird";
    }
}

plain! {
    Purpose {
        SignIn => "letting you sign in and keeping others out", "Sie anmelden und andere fernhalten";
        Record => "recording and keeping what your cameras see, as you set it",
            "aufzeichnen und aufbewahren, was Ihre Kameras sehen, wie Sie es eingestellt haben";
        Watch => "showing you your cameras and recordings", "Ihnen Ihre Kameras und Aufzeichnungen zeigen";
        Connect => "reaching your cameras", "Ihre Kameras erreichen";
        Account => "running your account and household", "Ihr Konto und Ihren Haushalt führen";
        Health => "telling you how your cameras and your storage are doing",
            "Ihnen sagen, wie es Ihren Kameras und Ihrem Speicher geht";
        ViewLog => "telling you who watched what", "Ihnen sagen, wer was angesehen hat";
        Notify => "telling you what concerns your account", "Ihnen mitteilen, was Ihr Konto betrifft";
        Security => "protecting the service and the people on it", "den Dienst und die Menschen darauf schützen";
        Rights => "keeping to your choices and proving it", "Ihre Entscheidungen befolgen und das belegen";
    }
}

plain! {
    LawfulBasis {
        Consent => "your consent (GDPR Art. 6 (1) (a))", "Ihre Einwilligung (Art. 6 Abs. 1 lit. a DSGVO)";
        Contract => "the contract with you (GDPR Art. 6 (1) (b))", "der Vertrag mit Ihnen (Art. 6 Abs. 1 lit. b DSGVO)";
        LegalObligation => "a legal obligation (GDPR Art. 6 (1) (c))",
            "eine rechtliche Verpflichtung (Art. 6 Abs. 1 lit. c DSGVO)";
        LegitimateInterest => "a legitimate interest (GDPR Art. 6 (1) (f))",
            "ein berechtigtes Interesse (Art. 6 Abs. 1 lit. f DSGVO)";
    }
}

plain! {
    Source {
        Given => "you", "Sie";
        Camera => "your camera", "Ihre Kamera";
        Device => "your browser", "Ihr Browser";
        Derived => "made by this server", "von diesem Server erzeugt";
    }
}

plain! {
    Recipient {
        Household => "members of your household whom you gave the right",
            "Mitglieder Ihres Haushalts, denen Sie das Recht gaben";
        MailServer => "the mail server of this installation, and that of your address",
            "der Mailserver dieser Installation und der Ihrer Adresse";
        Camera => "your own camera", "Ihre eigene Kamera";
        Buyer => "somebody who gives something for it", "jemand, der etwas dafür gibt";
        Advertiser => "somebody who advertises with it", "jemand, der damit wirbt";
    }
}

plain! {
    Protection {
        Clear => "readable to the server's operator", "für den Betreiber des Servers lesbar";
        AccountKey => "encrypted under your own key", "mit Ihrem eigenen Schlüssel verschlüsselt";
        InstanceKey => "encrypted under the key of this installation", "mit dem Schlüssel dieser Installation verschlüsselt";
        EpochKey => "encrypted under an hourly key of the camera", "mit einem stündlichen Schlüssel der Kamera verschlüsselt";
        WrappedKey => "a key, encrypted under the key above it", "ein Schlüssel, mit dem Schlüssel darüber verschlüsselt";
        Hash => "only a hash of a random secret", "nur ein Hash eines zufälligen Geheimnisses";
        KeyedHash => "only a keyed hash", "nur ein Hash mit Schlüssel";
        SlowHash => "only an Argon2id hash", "nur ein Argon2id-Hash";
    }
}

plain! {
    Choice {
        ActivityNotices => "a mail when somebody watches for the first time, or takes much footage along",
            "eine E-Mail, wenn jemand zum ersten Mal zusieht oder viele Aufnahmen mitnimmt";
        Analytics => "counting how the app is used, beyond what this server needs (nothing does so today)",
            "Zählen, wie die Anwendung benutzt wird, über das hinaus, was dieser Server braucht (heute tut das nichts)";
    }
}

impl Retention {
    /// The words for people.
    pub fn says(self, language: Language) -> String {
        if language == Language::English {
            return self.text();
        }
        match self {
            Self::Minutes(minutes) => format!("{minutes} Minuten"),
            Self::Days(days) => format!("{days} Tage"),
            Self::CameraPlan => "so viele Tage und Bytes, wie Sie für die Kamera einstellen".into(),
            Self::Camera => "bis Sie die Kamera entfernen".into(),
            Self::Account => "bis das Konto geschlossen wird".into(),
            Self::Session => "bis zur Abmeldung oder zum Ablauf".into(),
            Self::LastUse => "höchstens eine Stunde nach der letzten Aufzeichnung, die es braucht".into(),
            Self::Answer => "bis ein Jahr nach der Antwort".into(),
        }
    }
}

impl Erase {
    /// Why the entry stays when its subject is erased, if it does.
    pub const fn kept(self, language: Language) -> Option<&'static str> {
        match self {
            Self::Keep(english, german) => Some(language.pick(english, german)),
            Self::Delete | Self::Shred => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_a_browser_wants_most_is_taken() {
        assert_eq!(Language::accepted("de-AT,de;q=0.9,en;q=0.8"), Language::German);
        assert_eq!(Language::accepted("fr, en;q=0.7, de;q=0.8"), Language::German);
        assert_eq!(Language::accepted("en-GB"), Language::English);
        for odd in ["", "fr", "de;q=0", "de;q=x", "*", ";;;,,,", "\u{0}"] {
            assert_eq!(Language::accepted(odd), Language::English, "{odd}");
        }
        assert_eq!(Language::parse("DE_ch"), Some(Language::German));
    }
}
