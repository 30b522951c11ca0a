//! The keys of sealed columns, as the contexts are given them: one for each person, one for each household, and one for
//! the instance.

use crate::{AccountId, HouseholdId};
use base::Result;
use db::ColumnKey;
use std::{future::Future, pin::Pin, sync::Arc};

type Key = Pin<Box<dyn Future<Output = Result<ColumnKey>> + Send>>;

/// Finds the key of an owner's personal columns. Asked each time, so that a key that was destroyed is gone at once.
#[derive(Clone)]
pub struct ColumnKeys(Arc<dyn Fn([u8; 16]) -> Key + Send + Sync>);

impl ColumnKeys {
    /// Keys that are found by `find`, which is given the id of the owner and makes the key of one that has none yet.
    pub fn new<F, T>(find: F) -> Self
    where
        F: Fn([u8; 16]) -> T + Send + Sync + 'static,
        T: Future<Output = Result<ColumnKey>> + Send + 'static,
    {
        Self(Arc::new(move |owner| Box::pin(find(owner))))
    }

    /// The key of what the household shares.
    pub async fn of(&self, household: HouseholdId) -> Result<ColumnKey> {
        (self.0)(household.bytes()).await
    }

    /// The key of what is a person's own.
    pub async fn of_account(&self, account: AccountId) -> Result<ColumnKey> {
        (self.0)(account.bytes()).await
    }

    /// The key of what nobody owns alone: the index by which a user name is found at sign-in. It is kept under the nil
    /// id.
    pub async fn of_instance(&self) -> Result<ColumnKey> {
        (self.0)([0; 16]).await
    }
}
