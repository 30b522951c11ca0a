//! Who holds personal data: each context, by one trait, so that telling, taking along and erasing know no context.

use crate::{Category, Retention, Table};
use async_trait::async_trait;
use base::{Result, Time};

/// A person, and the households that go with that person because nobody else would own them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The account, by its opaque id.
    pub account: [u8; 16],
    /// The households, by their opaque ids.
    pub households: Vec<[u8; 16]>,
}

/// What a holder has of one person in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The table or shelf, as the data map names it.
    pub place: &'static str,
    pub category: Category,
    /// Rows or objects.
    pub count: u64,
    pub bytes: u64,
    /// Since when, where that is known.
    pub oldest: Option<Time>,
    /// When it goes.
    pub retention: Retention,
}

/// What an erasure has to take away: the place and how many rows or objects.
pub type Remaining = Vec<(&'static str, u64)>;

/// Takes the copy of all that is held of a person.
#[async_trait]
pub trait Sink: Send {
    /// A row of a table: its columns as the data map names them, with what a person can read.
    async fn row(&mut self, table: &str, row: serde_json::Map<String, serde_json::Value>) -> Result<()>;

    /// Whether it takes files: opening footage for nobody is a waste.
    fn wants_files(&self) -> bool;

    /// Begins a file, such as `footage/porch/2026-03-01T12.mp4`; what was begun before is complete.
    async fn file(&mut self, path: &str) -> Result<()>;

    /// The next bytes of the file.
    async fn bytes(&mut self, bytes: &[u8]) -> Result<()>;
}

/// A context that holds personal data. Every method may be called again after a crash.
#[async_trait]
pub trait Holder: Send + Sync {
    /// The context, as the data map names it.
    fn name(&self) -> &'static str;

    /// The places whose entries it answers for.
    fn tables(&self) -> &'static [Table];

    /// What it has of the person.
    async fn describe(&self, subject: &Subject) -> Result<Vec<Held>>;

    /// Gives out a copy of all that the data map marks as included.
    async fn collect(&self, subject: &Subject, sink: &mut dyn Sink) -> Result<()>;

    /// Makes all that belongs to the person stand still, or lets it go on: nobody gets in, nothing is shown, nothing new
    /// is stored. A holder in which nothing moves by itself has nothing to do.
    async fn darken(&self, _subject: &Subject, _dark: bool) -> Result<()> {
        Ok(())
    }

    /// Ids of the keys that [`Holder::erase`] will destroy.
    async fn keys(&self, _subject: &Subject) -> Result<Vec<[u8; 16]>> {
        Ok(Vec::new())
    }

    /// Erases all but what the data map marks as kept.
    async fn erase(&self, subject: &Subject) -> Result<()>;

    /// Looks for what [`Holder::erase`] takes; nothing, once all is erased.
    async fn remaining(&self, subject: &Subject) -> Result<Remaining>;
}
