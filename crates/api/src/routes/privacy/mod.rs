//! A person's rights: the policy as pages, the privacy centre, and what people ask beyond it.

pub mod ask;
pub mod centre;
pub mod leaving;
pub mod policy;
pub mod requests;

use ::policy::{Language, consent::Method};
use http::{HeaderMap, header};

/// The language that is asked for: in the query, else by the browser.
pub fn language(asked: Option<&str>, headers: &HeaderMap) -> Language {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    asked.and_then(Language::parse).unwrap_or_else(|| Language::accepted(wanted))
}

/// What the browser refuses by itself: `Sec-GPC: 1` (Global Privacy Control), `DNT: 1`. Any other value is none.
fn signal(headers: &HeaderMap) -> Option<Method> {
    let says = |name: &str| headers.get_all(name).iter().any(|value| value == "1");
    match (says("sec-gpc"), says("dnt")) {
        (true, _) => Some(Method::Gpc),
        (false, true) => Some(Method::Dnt),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_one_is_a_signal() {
        let signal = |values: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in values {
                headers.append(*name, value.parse().unwrap());
            }
            signal(&headers)
        };
        assert_eq!(signal(&[("sec-gpc", "1")]), Some(Method::Gpc));
        assert_eq!(signal(&[("sec-gpc", "0"), ("sec-gpc", "1")]), Some(Method::Gpc));
        assert_eq!(signal(&[("dnt", "1"), ("sec-gpc", "yes")]), Some(Method::Dnt));
        for none in ["0", "yes", "true", "1.0", "11", "", "2"] {
            assert_eq!(signal(&[("sec-gpc", none), ("dnt", none)]), None, "{none}");
        }
        assert_eq!(signal(&[]), None);
    }
}
