//! People who may sign in: households, accounts, credentials, sessions, tokens.
