//! The vocabulary of the privacy policy: clauses, the data map, consent, holders, the marks that keep and prove.
//!
//! Each stored thing has an [`Entry`] beside the code that stores it ([`personal!`]); each clause that is kept has an
//! [`enforce!`] on the line that keeps it and a [`prove!`] in a test that fails without that line; each context that
//! stores is a [`Holder`] that can describe, give out and erase what it has of a person.

pub mod clause;
pub mod consent;
mod holder;
mod map;
mod mark;
mod plain;

pub use clause::Clause;
pub use holder::{Held, Holder, Remaining, Sink, Subject};
pub use map::{
    Category, Entry, Erase, Export, Label, LawfulBasis, Personal, Place, Protection, Purpose, Recipient, Retention,
    Source, SubjectKind, Table, Terms,
};
pub use mark::kept;
pub use plain::{Language, Plain};
