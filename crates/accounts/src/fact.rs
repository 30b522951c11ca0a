//! What became true here that others react to: by a mail, or by forgetting. Ids only; a reaction that needs a link makes
//! it when it sends.

use crate::{AccountId, Accounts, HouseholdId};
use base::Result;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};

/// A person whom a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub account: AccountId,
}

/// A person and a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belonging {
    pub account: AccountId,
    pub household: HouseholdId,
}

/// A person, and the version of the policy that they accepted when they signed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub account: AccountId,
    pub version: u32,
    pub language: crate::Language,
}

/// Somebody signed up, and must show that the address is theirs. [`About`].
pub const SIGNED_UP: &str = "accounts.signed_up";
/// Somebody signed up with an address that has an account. [`About`] that account.
pub const SIGNED_UP_AGAIN: &str = "accounts.signed_up_again";
/// Somebody asked for a new password. [`About`].
pub const PASSWORD_FORGOTTEN: &str = "accounts.password_forgotten";
/// The password was changed. [`About`].
pub const PASSWORD_CHANGED: &str = "accounts.password_changed";
/// A sign-in from a browser of a kind that the account had not. [`About`].
pub const NEW_BROWSER: &str = "accounts.new_browser";
/// Another address was asked for: the verified old one must agree. [`About`].
pub const ADDRESS_LEAVING: &str = "accounts.address_leaving";
/// Another address was asked for, and nothing stands in the way but showing that it is the person's. [`About`].
pub const ADDRESS_TAKING: &str = "accounts.address_taking";
/// The address was changed. [`About`].
pub const ADDRESS_CHANGED: &str = "accounts.address_changed";
/// Somebody joined a household. [`Belonging`].
pub const JOINED: &str = "accounts.joined";
/// Somebody was removed from a household, or left. [`Belonging`].
pub const LEFT: &str = "accounts.left";
/// A closed account was opened again. [`About`].
pub const REOPENED: &str = "accounts.reopened";
/// Somebody added or took away a passkey, an authenticator app or recovery codes, or linked another service. [`About`].
pub const FACTORS_CHANGED: &str = "accounts.factors_changed";
/// A recovery code was used. [`About`].
pub const RECOVERY_USED: &str = "accounts.recovery_used";
/// The counter of a passkey went back: there may be two of it. [`About`].
pub const PASSKEY_COPIED: &str = "accounts.passkey_copied";
/// Somebody knew the password and guessed at the second factor. [`About`].
pub const SECOND_FACTOR_GUESSED: &str = "accounts.second_factor_guessed";

/// Somebody signed up by mail and accepted the policy. [`Accepted`].
pub const POLICY_ACCEPTED: &str = "accounts.policy_accepted";

/// Every kind.
pub const KINDS: [&str; 16] = [
    SIGNED_UP,
    SIGNED_UP_AGAIN,
    PASSWORD_FORGOTTEN,
    PASSWORD_CHANGED,
    NEW_BROWSER,
    ADDRESS_LEAVING,
    ADDRESS_TAKING,
    ADDRESS_CHANGED,
    JOINED,
    LEFT,
    REOPENED,
    POLICY_ACCEPTED,
    FACTORS_CHANGED,
    RECOVERY_USED,
    PASSKEY_COPIED,
    SECOND_FACTOR_GUESSED,
];

impl Accounts {
    /// Writes a fact about a person, in the transaction that makes it true.
    pub(crate) async fn tell(&self, conn: &impl ConnectionTrait, kind: &'static str, account: AccountId) -> Result<()> {
        db::outbox::emit(conn, &self.world, kind, &About { account }).await
    }

    pub(crate) async fn tell_of_member(
        &self,
        conn: &impl ConnectionTrait,
        kind: &'static str,
        household: HouseholdId,
        account: AccountId,
    ) -> Result<()> {
        db::outbox::emit(conn, &self.world, kind, &Belonging { account, household }).await
    }
}
