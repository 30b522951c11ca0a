//! `[operator]`: who runs the installation.

crate::config::section! {
    /// Who runs the installation. The privacy policy and receipts of consent name them.
    Operator {
        /// A name, as in `The Lovelace household` or `Example Cameras GmbH, Berlin`.
        name: String = String::new(),
        /// How to reach them: an e-mail address, a postal address, the address of a page.
        contact: String = String::new(),
    }
}
