//! `[vault]`: where the key is that opens everything.

use super::section;
use std::path::PathBuf;

section! {
    /// Where the key is that opens everything.
    Vault {
        /// The file with the root key, 32 bytes, readable by its owner alone. `--root-key` overrides it. Unset: the systemd
        /// credential `root-key` if there is one, else the file beside the data folder (`DIR.root-key`), made at first
        /// start. Keep a recovery copy (`nightjar key export`): without the key no recording can be opened again.
        root_key: Option<PathBuf> = None,
    }
}
