//! Values that must not leak by accident: no `Debug`, no `Display`, no `Serialize`.

use zeroize::{Zeroize, Zeroizing};

/// A credential or key. Wiped from memory when dropped; shown by nobody.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value that must not be shown.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one place that needs it (a handshake, a cipher).
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// A personal value: a name, an address, the URL of somebody's camera.
///
/// It has no `Display` and no `Serialize`, so a log line or an answer that holds one does not compile unless the
/// author opens it on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Wraps a personal value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, to show it to its subject or to use it for what it was given for. Never for a log.
    pub fn open(&self) -> &T {
        &self.0
    }

    /// The value itself; the wrapper is gone.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[personal]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_secrets_nor_personal_values() {
        assert_eq!(format!("{:?}", Secret::new(String::from("hunter2"))), "[secret]");
        assert_eq!(format!("{:?}", Pii::new("Ada")), "[personal]");
    }
}
