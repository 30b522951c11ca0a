//! The vocabulary of the privacy policy: clauses, the data map, the marks that keep and prove.
