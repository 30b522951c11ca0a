//! Why there is no footage: the causes that a person is told.

/// The cause of a gap. The words are those of the API and of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    Offline,
    Refused,
    Unauthorized,
    NoSuchPath,
    UnsupportedCodec,
    DiskFull,
    Stopped,
    SwitchedOff,
    ClockJump,
    Corrupt,
    Crash,
    NoRecord,
}

impl Cause {
    const WORDS: [(Cause, &str); 12] = [
        (Cause::Offline, "offline"),
        (Cause::Refused, "refused"),
        (Cause::Unauthorized, "unauthorized"),
        (Cause::NoSuchPath, "no_such_path"),
        (Cause::UnsupportedCodec, "unsupported_codec"),
        (Cause::DiskFull, "disk_full"),
        (Cause::Stopped, "stopped"),
        (Cause::SwitchedOff, "switched_off"),
        (Cause::ClockJump, "clock_jump"),
        (Cause::Corrupt, "corrupt"),
        (Cause::Crash, "crash"),
        (Cause::NoRecord, "no_record"),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(cause, _)| *cause == self).map_or("no_record", |(_, word)| word)
    }

    /// The cause that a word names; an unknown word is a time without a record.
    pub fn from_word(word: &str) -> Self {
        Self::WORDS.iter().find(|(_, known)| *known == word).map_or(Cause::NoRecord, |(cause, _)| *cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_word() {
        for (cause, word) in Cause::WORDS {
            assert_eq!(cause.word(), word);
            assert_eq!(Cause::from_word(word), cause);
        }
    }
}
