//! Who asks: the account behind a request, how it came in, and what that allows.

use crate::{AccountId, HouseholdId, Label, SessionId, TokenId};
use base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What an account is in its household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Decides over cameras, people and settings.
    Owner,
    /// Watches.
    Viewer,
}

impl Role {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Viewer => "viewer",
        }
    }

    pub(crate) fn stored(word: &str) -> Result<Self> {
        match word {
            "owner" => Ok(Self::Owner),
            "viewer" => Ok(Self::Viewer),
            _ => Err(Error::internal("an account has a role that this program does not know")),
        }
    }

    const fn scopes(self) -> Scopes {
        match self {
            Self::Owner => Scopes::ALL,
            Self::Viewer => Scopes(Scope::CamerasRead as u8 | Scope::MediaRead as u8),
        }
    }
}

/// A right that a request can need. None includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    CamerasRead = 1,
    CamerasWrite = 2,
    MediaRead = 4,
    MetricsRead = 8,
    Admin = 16,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::CamerasRead, Self::CamerasWrite, Self::MediaRead, Self::MetricsRead, Self::Admin];

    /// The word that scripts use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CamerasRead => "cameras:read",
            Self::CamerasWrite => "cameras:write",
            Self::MediaRead => "media:read",
            Self::MetricsRead => "metrics:read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Error;
    fn from_str(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word).ok_or_else(|| {
            let known = Scopes::ALL.to_string().replace(' ', ", ");
            Error::invalid(format!("no such scope; the scopes are {known}")).field("scope")
        })
    }
}

/// A set of scopes; written as their words with a space between.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope.
    pub const ALL: Self = Self(31);

    /// Whether the scope is in the set.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope as u8 != 0
    }

    /// Whether all scopes of `other` are in the set.
    pub const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no scope is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in the set.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | scope as u8))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().enumerate().try_for_each(|(at, scope)| write!(f, "{}{scope}", if at > 0 { " " } else { "" }))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Scopes {
    type Err = Error;
    fn from_str(words: &str) -> Result<Self> {
        words.split_whitespace().map(Scope::from_str).collect()
    }
}

/// How a caller came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// A browser that signed in.
    Session(SessionId),
    /// A program with an API token.
    Token(TokenId),
    /// The terminal of the machine, or the program itself.
    System,
}

/// Who asks. Made by [`crate::Accounts`] from a credential, or by [`Caller::system`].
#[derive(Clone, Debug)]
pub struct Caller {
    account: Option<AccountId>,
    household: HouseholdId,
    role: Role,
    via: Via,
    scopes: Scopes,
    label: Label,
}

impl Caller {
    pub(crate) fn member(account: &crate::account::Model, via: Via, granted: Scopes, label: Label) -> Result<Self> {
        let role = Role::stored(&account.role)?;
        let scopes = Scopes(role.scopes().0 & granted.0);
        Ok(Self::new(Some(account.id.into()), account.household.into(), role, via, scopes, label))
    }

    pub(crate) fn new(
        account: Option<AccountId>,
        household: HouseholdId,
        role: Role,
        via: Via,
        scopes: Scopes,
        label: Label,
    ) -> Self {
        Self { account, household, role, via, scopes, label }
    }

    /// The person at the machine's own terminal (or its control socket), or the program on its own behalf. It may do
    /// all that the owner may; never make one for a request that came over the network.
    pub fn system(household: HouseholdId) -> Self {
        Self::new(None, household, Role::Owner, Via::System, Scopes::ALL, Label::terminal())
    }

    /// The account; none at the machine's own terminal.
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// The household whose things the caller may know of.
    pub fn household(&self) -> HouseholdId {
        self.household
    }

    /// The caller's role in the household.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How the caller came in.
    pub fn via(&self) -> Via {
        self.via
    }

    /// What the caller may do: the rights of the role, and of the token if one was used.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// The browser family, token or terminal, as logs for people show it.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// An error of kind `Denied` unless the caller has the scope.
    pub fn require(&self, scope: Scope) -> Result<()> {
        match self.scopes.has(scope) {
            true => Ok(()),
            false => Err(Error::denied(format!("this needs the right {scope}"))),
        }
    }

    /// The account, for what only a person can do.
    pub(crate) fn person(&self) -> Result<AccountId> {
        self.account.ok_or_else(|| Error::denied("this needs a person who signed in"))
    }

    /// An error unless the caller sits at the machine itself.
    pub(crate) fn require_system(&self) -> Result<()> {
        match self.via {
            Via::System => Ok(()),
            _ => Err(Error::denied("this is done at the machine's own terminal")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_survive_text_and_unknown_words_are_refused() {
        let scopes: Scopes = "media:read cameras:read".parse().unwrap();
        assert_eq!(scopes.to_string(), "cameras:read media:read");
        assert!(scopes.has(Scope::MediaRead) && !scopes.has(Scope::Admin));
        assert!(Scopes::ALL.includes(scopes) && !scopes.includes(Scopes::ALL));
        assert_eq!(Scopes::ALL.iter().count(), 5);
        assert_eq!("media:write".parse::<Scope>().unwrap_err().at_field(), Some("scope"));
    }

    #[test]
    fn a_viewer_may_look_and_nothing_else() {
        let may: Vec<_> = Role::Viewer.scopes().iter().map(Scope::as_str).collect();
        assert_eq!(may, ["cameras:read", "media:read"]);
        assert_eq!(Role::Owner.scopes(), Scopes::ALL);
    }
}
