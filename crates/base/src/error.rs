//! One error for the contexts: a kind that decides what the caller is told, a message, and its cause.
//!
//! Engines keep richer errors of their own and convert at their boundary. The HTTP status is chosen from [`Kind`]
//! in one function of `api`.

use std::{fmt, time::Duration};

/// What went wrong, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request itself is malformed or impossible (HTTP 400).
    Invalid,
    /// The request is well-formed but asks for more than is allowed (HTTP 422).
    OutOfRange,
    /// No valid credential (HTTP 401).
    Unauthenticated,
    /// A valid credential without the right (HTTP 403).
    Denied,
    /// The right is there, but the person must show again who they are (HTTP 403, its own problem type).
    StepUp,
    /// The account is closed; it can be reopened for a while (HTTP 403, its own problem type).
    Closed,
    /// The policy has a new version that the person has not accepted (HTTP 403, its own problem type).
    Unaccepted,
    /// No such thing, or one that the caller may not know of (HTTP 404).
    NotFound,
    /// The thing exists, but no footage does for the time asked (HTTP 404, its own problem type).
    NoFootage,
    /// The state of the thing forbids it (HTTP 409).
    Conflict,
    /// The body is larger than is accepted (HTTP 413).
    TooLarge,
    /// Asked too often (HTTP 429).
    TooMany,
    /// A part is missing for now: disk full, shutting down, camera away (HTTP 503).
    Unavailable,
    /// A defect or a failing machine (HTTP 500).
    Internal,
}

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a context. The message is lower case, names the thing, and holds nothing personal.
pub struct Error {
    kind: Kind,
    message: String,
    field: Option<&'static str>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), field: None, retry_after: None, source: None }
    }

    /// Names the input field that is at fault, for the form that sent it.
    pub fn field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    /// Says how long to wait before asking again (HTTP Retry-After).
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Keeps what caused this error, for the log.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a caller can act on.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence for the caller, without its causes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The input field at fault, if one is.
    pub fn at_field(&self) -> Option<&'static str> {
        self.field
    }

    /// How long to wait before asking again, where that is known.
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),* $(,)?) => {
        impl Error {
            $(#[doc = concat!("An error of [`Kind::", stringify!($kind), "`].")]
            pub fn $name(message: impl Into<String>) -> Self {
                Self::new(Kind::$kind, message)
            })*
        }
    };
}

constructors! {
    invalid => Invalid, out_of_range => OutOfRange, unauthenticated => Unauthenticated, denied => Denied,
    step_up => StepUp, closed => Closed, unaccepted => Unaccepted, not_found => NotFound, no_footage => NoFootage, conflict => Conflict, too_large => TooLarge,
    too_many => TooMany, unavailable => Unavailable, internal => Internal,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Prints the whole chain on one line, which is what a log wants.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)?;
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_the_chain_and_display_only_the_message() {
        let error = Error::unavailable("disk is full").because(std::io::Error::other("ENOSPC"));
        assert_eq!(error.to_string(), "disk is full");
        assert_eq!(format!("{error:?}"), "Unavailable: disk is full: ENOSPC");
    }
}
