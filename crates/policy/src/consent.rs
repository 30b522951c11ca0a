//! The words of consent: what is done with consent alone, in which state a consent is, and how it was given.
//!
//! The states are those of the W3C Data Privacy Vocabulary (guide to ISO/IEC TS 27560:2023); exactly two of them allow.

use crate::map::words;

words! {
    /// What is done only with consent. Each is off until the person switches it on.
    Choice {
        ActivityNotices => "activity-notices",
        Analytics => "analytics",
    }
}

words! {
    /// The state of a consent, by its name in the vocabulary.
    State {
        Unknown => "ConsentUnknown",
        Requested => "ConsentRequested",
        RequestDeferred => "ConsentRequestDeferred",
        Refused => "ConsentRefused",
        Given => "ConsentGiven",
        Renewed => "RenewedConsentGiven",
        Withdrawn => "ConsentWithdrawn",
        Expired => "ConsentExpired",
        Terminated => "ConsentTerminated",
        Invalidated => "ConsentInvalidated",
    }
}

impl State {
    /// Whether the data may be used for the purpose.
    pub const fn allows(self) -> bool {
        matches!(self, Self::Given | Self::Renewed)
    }
}

words! {
    /// How a person said it.
    Method {
        Click => "click",
        Gpc => "gpc",
        Dnt => "dnt",
        Api => "api",
        Mail => "mail",
    }
}

/// The word's value, if it is one of `all`.
fn find<T: Copy>(all: &[T], text: fn(T) -> &'static str, word: &str) -> Option<T> {
    all.iter().copied().find(|one| text(*one) == word)
}

impl Choice {
    /// The choice that the word names.
    pub fn parse(word: &str) -> Option<Self> {
        find(Self::ALL, Self::text, word)
    }
}

impl State {
    /// The state that the word names.
    pub fn parse(word: &str) -> Option<Self> {
        find(Self::ALL, Self::text, word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_states_allow_and_every_other_forbids() {
        let allowing: Vec<_> = State::ALL.iter().filter(|state| state.allows()).map(|state| state.text()).collect();
        assert_eq!(allowing, ["ConsentGiven", "RenewedConsentGiven"]);
        assert!(State::ALL.iter().all(|state| State::parse(state.text()) == Some(*state)));
        assert_eq!(Choice::parse("everything"), None);
    }
}
