//! The keys of sealed columns, as the contexts are given them: one for each household, and one for the instance.

use crate::HouseholdId;
use base::Result;
use db::ColumnKey;
use std::{future::Future, pin::Pin, sync::Arc};

type Key = Pin<Box<dyn Future<Output = Result<ColumnKey>> + Send>>;

/// Finds the key of a household's personal columns. Asked each time, so that a key that was destroyed is gone at once.
#[derive(Clone)]
pub struct ColumnKeys(Arc<dyn Fn(HouseholdId) -> Key + Send + Sync>);

impl ColumnKeys {
    /// Keys that are found by `find`, which makes the key of a household that has none yet.
    pub fn new<F, T>(find: F) -> Self
    where
        F: Fn(HouseholdId) -> T + Send + Sync + 'static,
        T: Future<Output = Result<ColumnKey>> + Send + 'static,
    {
        Self(Arc::new(move |household| Box::pin(find(household))))
    }

    /// The key of the household.
    pub async fn of(&self, household: HouseholdId) -> Result<ColumnKey> {
        (self.0)(household).await
    }

    /// The key of what no household owns alone: the index by which a user name is found at sign-in. It is kept under
    /// the nil id.
    pub(crate) async fn of_instance(&self) -> Result<ColumnKey> {
        self.of(HouseholdId::from_bytes([0; 16])).await
    }
}
