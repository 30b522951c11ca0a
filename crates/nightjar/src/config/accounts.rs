//! `[accounts]`: who may have one.

use accounts::SignUp;

crate::config::section! {
    /// Who may have an account.
    Accounts {
        /// Who may sign up: `open` (anybody; needs `[mail]`), `invitation` (whoever holds an invitation to a household), or
        /// `closed` (accounts are made by hand).
        sign_up: SignUp = SignUp::Invitation,
    }
}
