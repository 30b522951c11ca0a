//! What became true here that others react to, mostly by a mail. Ids only; a reaction that needs a link asks for it when it
//! sends ([`crate::Privacy::closing_of`]).

use accounts::{AccountId, HouseholdId};
use serde::{Deserialize, Serialize};

/// A person whom a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub account: AccountId,
}

/// A person, and a household that goes with somebody else's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losing {
    pub account: AccountId,
    pub household: HouseholdId,
}

/// A person, and a version of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Informed {
    pub account: AccountId,
    pub version: u32,
}

/// A person, and a copy of their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    pub account: AccountId,
    pub export: crate::ExportId,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    pub request: crate::RequestId,
}

/// A person, and what they gave or took back consent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    pub account: AccountId,
    /// The word of the [`policy::consent::Choice`].
    pub choice: String,
    pub given: bool,
}

/// A consent was given or taken back, and something begins or ends with it. [`Chosen`].
pub const CHOSEN: &str = "privacy.chosen";
/// An account was closed, or reported for a minor. [`About`].
pub const CLOSING: &str = "privacy.closing";
/// A household goes with its owner's account. [`Losing`] to each other member.
pub const HOUSEHOLD_CLOSING: &str = "privacy.household_closing";
/// A copy of a person's data can be fetched. [`Copied`].
pub const EXPORT_READY: &str = "privacy.export_ready";
/// A new version of the policy was published. [`Informed`] to each person.
pub const POLICY_CHANGED: &str = "privacy.policy_changed";
/// Somebody without an account asked, and must show that the address is theirs. [`Requested`].
pub const REQUEST_ASKED: &str = "privacy.request_asked";
/// A request is to be answered: its clock runs. [`Requested`].
pub const REQUEST_OPENED: &str = "privacy.request_opened";
/// A request was given more time. [`Requested`].
pub const REQUEST_EXTENDED: &str = "privacy.request_extended";
/// A request was answered. [`Requested`].
pub const REQUEST_ANSWERED: &str = "privacy.request_answered";
/// A request was not answered in time. [`Requested`].
pub const REQUEST_OVERDUE: &str = "privacy.request_overdue";

/// Every kind.
pub const KINDS: [&str; 10] = [
    CHOSEN,
    CLOSING,
    HOUSEHOLD_CLOSING,
    EXPORT_READY,
    POLICY_CHANGED,
    REQUEST_ASKED,
    REQUEST_OPENED,
    REQUEST_EXTENDED,
    REQUEST_ANSWERED,
    REQUEST_OVERDUE,
];
