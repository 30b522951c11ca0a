//! What a person recognises an open door by: "Firefox on Linux", "API token 9f3a", "terminal".

use crate::TokenId;

/// A short, coarse description of the program that was used. No version, no address: enough to recognise, too little
/// to track.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label(String);

impl Label {
    /// The browser and system family of a User-Agent header. Whatever it holds, the label is one of a few words.
    pub fn browser(user_agent: &str) -> Self {
        let find = |known: &[(&str, &'static str)], other| {
            known.iter().find(|(mark, _)| user_agent.contains(mark)).map_or(other, |(_, name)| *name)
        };
        Self(format!("{} on {}", find(BROWSERS, "Another browser"), find(SYSTEMS, "another system")))
    }

    /// An API token, by the end of its id.
    pub fn token(id: TokenId) -> Self {
        let [.., a, b] = id.bytes();
        Self(format!("API token {a:02x}{b:02x}"))
    }

    /// The machine's own terminal.
    pub fn terminal() -> Self {
        Self("terminal".into())
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn stored(words: String) -> Self {
        Self(words)
    }
}

/// In the order in which they must be looked for: Edge and Opera also say Chrome, and Chrome also says Safari.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// In the order in which they must be looked for: Android also says Linux, and iOS says "like Mac OS X".
const SYSTEMS: &[(&str, &str)] = &[
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_by_its_family_and_never_by_more() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 \
                    Safari/537.36 Edg/131.0.2903.86";
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/18.1 Mobile/15E148 Safari/604.1";
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
        assert_eq!(Label::browser(edge).as_str(), "Edge on Windows");
        assert_eq!(Label::browser(iphone).as_str(), "Safari on iPhone");
        assert_eq!(Label::browser(firefox).as_str(), "Firefox on Linux");
        assert_eq!(Label::browser("<script>\u{202e}").as_str(), "Another browser on another system");
    }
}
