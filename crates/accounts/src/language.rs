//! The languages in which people are written to.

use base::{Error, Result};
use serde::{Deserialize, Serialize};

/// A language of pages and mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    De,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::En, Self::De];

    /// The code of ISO 639-1.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    pub(crate) fn stored(code: &str) -> Result<Self> {
        let unknown = || Error::internal("an account has a language that this program does not know");
        Self::ALL.into_iter().find(|language| language.as_str() == code).ok_or_else(unknown)
    }

    /// The first language of an Accept-Language header (RFC 9110, 12.5.4) that we speak; else English. Weights are not
    /// looked at: browsers list in order of preference.
    pub fn accepted(header: &str) -> Self {
        let codes = header.split(',').filter_map(|range| range.trim().get(..2));
        let known = |code: &str| Self::ALL.into_iter().find(|language| language.as_str().eq_ignore_ascii_case(code));
        codes.filter_map(known).next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_of_a_browser_is_taken() {
        assert_eq!(Language::accepted("de-AT,de;q=0.9,en;q=0.5"), Language::De);
        assert_eq!(Language::accepted("fr,DE;q=0.7"), Language::De);
        for other in ["", "fr", "*", "日本", "d"] {
            assert_eq!(Language::accepted(other), Language::En, "{other}");
        }
    }
}
