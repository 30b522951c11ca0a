//! One address to which mail can go, checked before any library sees it.

use base::{Error, Result};

/// An e-mail address: an ASCII local part without quoting, and a domain by name, in the form of the DNS.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

/// The longest address (RFC 5321, 4.5.3.1).
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;

impl Address {
    /// Reads exactly one address: nothing around it, no line break, no second address, no comment, no display name. A
    /// domain in another script is taken in its ASCII form (RFC 5891); a local part in another script is refused.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = || Error::invalid("an e-mail address is like ada@example.org").field("address");
        let (local, domain) = text.split_once('@').ok_or_else(malformed)?;
        // Before the domain is folded: full-width dots, soft hyphens and the like would vanish there.
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
        if !domain.chars().all(plain) || text.len() > 4 * LONGEST {
            return Err(malformed());
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| malformed())?;
        let address = format!("{local}@{domain}");
        let good = address.len() <= LONGEST && is_local(local) && is_domain(&domain);
        if good { Ok(Self(address)) } else { Err(malformed()) }
    }

    /// The address. Only for the envelope and the header of its own mail.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which it is remembered: providers tell local parts apart by case only in theory.
    pub(crate) fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The address in the type of the mail library.
    pub(crate) fn mailbox(&self) -> Result<lettre::message::Mailbox> {
        let refused = |_| Error::invalid("this address cannot be written to").field("address");
        Ok(lettre::message::Mailbox::new(None, self.0.parse().map_err(refused)?))
    }
}

/// A dot-atom (RFC 5322, 3.2.3) of at most 64 characters.
fn is_local(local: &str) -> bool {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.len() <= LONGEST_LOCAL && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

/// At least two labels of letters, digits and inner hyphens; not an address in digits.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.') && domain.split('.').all(label) && !top.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        Address::parse(text).ok().map(|address| address.0)
    }

    #[test]
    fn one_plain_address_is_taken_and_its_domain_is_written_as_the_dns_does() {
        assert_eq!(parsed("Ada.Lovelace+cam@Example.ORG").as_deref(), Some("Ada.Lovelace+cam@example.org"));
        assert_eq!(parsed("ada@müller.de").as_deref(), Some("ada@xn--mller-kva.de"));
        assert_eq!(Address::parse("Ada@Example.org").unwrap().folded(), "ada@example.org");
        assert!(Address::parse("o'neil@example.org").unwrap().mailbox().is_ok());
    }

    #[test]
    fn line_breaks_second_addresses_and_unicode_tricks_are_refused() {
        for trick in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "ada@example.org\r\nBcc: eve@example.org",
            "ada@example.org\nBcc: eve@example.org",
            "ada\r\n@example.org",
            "ada@example.org\r",
            "ada@example.org\0",
            "ada@example.org,eve@example.org",
            "ada@example.org;eve@example.org",
            "ada@example.org eve@example.org",
            "ada@example.org>,<eve@example.org",
            "ada@eve@example.org",
            "Ada <ada@example.org>",
            "<ada@example.org>",
            "ada(comment)@example.org",
            "\"ada\"@example.org",
            "ada@[192.0.2.1]",
            "ada@192.0.2.1",
            "ada@example..org",
            ".ada@example.org",
            "ada@-example.org",
            " ada@example.org",
            "ada@example.org ",
            "ada＠example.org",
            "ada@example。org",
            "аda@example.org",
            "ada\u{202e}@example.org",
            "ada\u{200b}@example.org",
            "ada@exam\u{ad}ple.org",
            "ada@exam\u{200d}ple.org",
            "ada@example.org\u{2028}",
            "ada@ｅxample.org@x.org",
            "ada%\u{d}\u{a}@example.org",
        ] {
            assert_eq!(parsed(trick), None, "{trick:?}");
        }
        assert_eq!(parsed(&format!("{}@example.org", "a".repeat(65))), None);
        assert_eq!(parsed(&format!("a@{}org", "example.".repeat(40))), None);
    }
}
