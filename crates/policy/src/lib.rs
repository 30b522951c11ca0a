//! The vocabulary of the privacy policy: clauses, the data map, the marks that keep and prove.
//!
//! Each stored thing has an [`Entry`] beside the code that stores it ([`personal!`]); each clause that is kept has an
//! [`enforce!`] on the line that keeps it and a [`prove!`] in a test that fails without that line.

pub mod clause;
mod map;
mod mark;

pub use clause::Clause;
pub use map::{
    Category, Entry, Erase, Export, Label, LawfulBasis, Personal, Place, Protection, Purpose, Recipient, Retention,
    Source, Subject, Table,
};
pub use mark::kept;
