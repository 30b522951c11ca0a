//! What became true here that others react to.

use crate::Topic;
use accounts::AccountId;
use serde::{Deserialize, Serialize};

/// An account, and what it is mailed about no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsubscribed {
    pub account: AccountId,
    pub topic: Topic,
}

/// Somebody took a way out of mails to an account. [`Unsubscribed`].
pub const UNSUBSCRIBED: &str = "connect.unsubscribed";
