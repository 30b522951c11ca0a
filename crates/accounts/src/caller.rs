//! Who asks: the account behind a request, how it came in, and what that allows.

use crate::{AccountId, HouseholdId, Label, SessionId, TokenId};
use base::{Error, Result, Time};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

/// What a person is in a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sets up cameras for a limited time, and sees no picture.
    Installer,
    /// Sees what was granted, and nothing else.
    Guest,
    /// Watches every camera.
    Member,
    /// Decides over cameras and people.
    Manager,
    /// The same, and over the household itself: who owns it, its keys, its end.
    Owner,
}

impl Role {
    /// Every role, from the least.
    pub const ALL: [Self; 5] = [Self::Installer, Self::Guest, Self::Member, Self::Manager, Self::Owner];

    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Installer => "installer",
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }

    pub(crate) fn stored(word: &str) -> Result<Self> {
        let unknown = || Error::internal("a member has a role that this program does not know");
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(unknown)
    }

    /// Whether somebody of this role decides over people of the other: managers over all but managers and owners.
    pub fn decides_over(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Manager => other < Self::Manager,
            _ => false,
        }
    }

    const fn scopes(self) -> Scopes {
        match self {
            Self::Owner | Self::Manager => Scopes::ALL,
            Self::Member | Self::Guest => Scopes(Scope::CamerasRead as u8 | Scope::MediaRead as u8),
            Self::Installer => Scopes(Scope::CamerasRead as u8 | Scope::CamerasWrite as u8),
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
    place: Option<(HouseholdId, Role)>,
    via: Via,
    scopes: Scopes,
    label: Label,
    confirmed: Option<Time>,
}

/// How long a person need not show again who they are.
const RECENT: Duration = Duration::from_secs(10 * 60);

impl Caller {
    /// A person with a session or token; `place` is the household in which they act, if they belong to one.
    pub(crate) fn person(
        account: AccountId,
        place: Option<(HouseholdId, Role)>,
        via: Via,
        granted: Scopes,
        label: Label,
    ) -> Self {
        let scopes = place.map_or(Scopes(0), |(_, role)| Scopes(role.scopes().0 & granted.0));
        Self { account: Some(account), place, via, scopes, label, confirmed: None }
    }

    /// A token that was made at the machine's own terminal.
    pub(crate) fn program(household: HouseholdId, via: Via, scopes: Scopes, label: Label) -> Self {
        Self { account: None, place: Some((household, Role::Owner)), via, scopes, label, confirmed: None }
    }

    /// The same, when the person last showed who they are.
    pub(crate) fn confirmed_at(self, confirmed: Time) -> Self {
        Self { confirmed: Some(confirmed), ..self }
    }

    /// The person at the machine's own terminal (or its control socket), or the program on its own behalf. It may do
    /// all that the owner may; never make one for a request that came over the network.
    pub fn system(household: HouseholdId) -> Self {
        Self::program(household, Via::System, Scopes::ALL, Label::terminal())
    }

    /// The account; none at the machine's own terminal.
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// The household whose things the caller may know of. For a person who belongs to none it is one that does not
    /// exist, by the id of the account: there is nothing in it, and no right.
    pub fn household(&self) -> HouseholdId {
        let nowhere = || HouseholdId::from_bytes(self.account.map_or([0; 16], AccountId::bytes));
        self.place.map_or_else(nowhere, |(household, _)| household)
    }

    /// The caller's role in the household; none for a person who belongs to no household.
    pub fn role(&self) -> Option<Role> {
        self.place.map(|(_, role)| role)
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

    /// An error of kind `Denied` unless the caller owns the household.
    pub fn require_owner(&self) -> Result<()> {
        match self.role() {
            Some(Role::Owner) if self.scopes.has(Scope::Admin) => Ok(()),
            _ => Err(Error::denied("only an owner of the household does this")),
        }
    }

    /// An error of kind `Denied` for an installer, who sets up cameras and destroys nothing that they saw.
    pub fn require_resident(&self) -> Result<()> {
        match self.role() {
            Some(Role::Installer) => Err(Error::denied("an installer deletes neither cameras nor footage")),
            _ => Ok(()),
        }
    }

    /// An error of kind `StepUp` unless the person showed within ten minutes who they are; a token never did. Whoever
    /// sits at the machine has.
    pub fn require_recent(&self, now: Time) -> Result<()> {
        match (self.via, self.confirmed) {
            (Via::System, _) => Ok(()),
            (Via::Session(_), Some(confirmed)) if now.since(confirmed) < RECENT => Ok(()),
            (Via::Session(_), _) => Err(Error::step_up("show again who you are: this needs a fresh confirmation")),
            (Via::Token(_), _) => Err(Error::denied("this needs a person who signed in")),
        }
    }

    /// The account, for what only a person can do.
    pub fn require_person(&self) -> Result<AccountId> {
        self.account.ok_or_else(|| Error::denied("this needs a person who signed in"))
    }

    /// An error unless the caller sits at the machine itself.
    pub fn require_system(&self) -> Result<()> {
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
    fn a_role_is_its_rights() {
        let may = |role: Role| role.scopes().to_string();
        assert_eq!(may(Role::Member), "cameras:read media:read");
        assert_eq!(may(Role::Guest), may(Role::Member), "for a guest devices ask for a grant besides");
        assert_eq!(may(Role::Installer), "cameras:read cameras:write", "and no picture");
        assert_eq!((Role::Owner.scopes(), Role::Manager.scopes()), (Scopes::ALL, Scopes::ALL));
        assert!(Role::Manager.decides_over(Role::Member) && !Role::Manager.decides_over(Role::Manager));
        assert!(Role::Owner.decides_over(Role::Owner) && !Role::Member.decides_over(Role::Guest));
        assert!(Role::ALL.iter().all(|role| Role::stored(role.as_str()).unwrap() == *role));
    }

    #[test]
    fn a_person_without_a_household_has_no_right_and_shares_nothing_with_another() {
        let alone = |byte| {
            let (via, label) = (Via::Session(SessionId::from_bytes([3; 16])), Label::terminal());
            Caller::person(AccountId::from_bytes([byte; 16]), None, via, Scopes::ALL, label)
        };
        assert!(alone(1).scopes().is_empty() && alone(1).role().is_none());
        assert_ne!(alone(1).household(), alone(2).household());
    }

    #[test]
    fn a_confirmation_lasts_ten_minutes_and_a_token_never_has_one() {
        let at = |minutes: u64| Time::from_micros(0) + Duration::from_secs(60 * minutes);
        let id = AccountId::from_bytes([1; 16]);
        let caller = |via| Caller::person(id, None, via, Scopes::ALL, Label::terminal()).confirmed_at(at(0));
        let session = caller(Via::Session(SessionId::from_bytes([3; 16])));
        assert!(session.require_recent(at(9)).is_ok());
        assert_eq!(session.require_recent(at(10)).unwrap_err().kind(), base::Kind::StepUp);
        assert!(caller(Via::Token(TokenId::from_bytes([3; 16]))).require_recent(at(0)).is_err());
    }
}
