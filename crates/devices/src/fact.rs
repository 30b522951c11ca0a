//! What became true here that others react to. Ids only.

use crate::CameraId;
use accounts::{AccountId, HouseholdId};
use serde::{Deserialize, Serialize};

/// Somebody and a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    pub household: HouseholdId,
    pub account: AccountId,
    pub camera: CameraId,
}

/// Somebody saw a camera for the first time. [`Watched`].
pub const FIRST_VIEW: &str = "devices.first_view";
/// Somebody took an hour of footage or more away at once. [`Watched`].
pub const BULK_DOWNLOAD: &str = "devices.bulk_download";

/// Every kind.
pub const KINDS: [&str; 2] = [FIRST_VIEW, BULK_DOWNLOAD];
