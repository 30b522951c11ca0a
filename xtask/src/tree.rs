//! The files of the checkout: what git tracks, and what is new and not ignored.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A file that is text.
pub struct Source {
    /// Its path from the root, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The line (from 1) of a byte of the text.
    pub fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }
}

/// The root of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").into()
}

/// All text files, in the order of their paths.
pub fn sources() -> Result<Vec<Source>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    if !listed.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr)));
    }
    let paths = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut sources: Vec<_> = paths.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// The file, unless it is gone or no text.
fn read(path: &str) -> Option<Source> {
    let text = std::fs::read_to_string(root().join(path)).ok()?;
    (!text.contains('\0')).then(|| Source { path: path.into(), text })
}
