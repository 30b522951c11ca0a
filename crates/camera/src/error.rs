//! What can go wrong with a camera, said so precisely that a person knows what to do next.
//!
//! No variant carries an address, a URL or a credential: these errors are logged.

use std::{borrow::Cow, io, time::Duration};

/// Why a camera gives no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address itself cannot be used; says why.
    #[error("the address cannot be used: {0}")]
    Address(&'static str),
    /// The host name has no address.
    #[error("the host name of the camera has no address")]
    UnknownHost,
    /// Our rule on where cameras may be forbids the address; says which part of it.
    #[error("cameras may not be at this address: {0}")]
    Forbidden(&'static str),
    /// The network knows no way to the camera.
    #[error("no route to the camera")]
    NoRoute,
    /// The machine is there, but nothing listens on the port.
    #[error("the camera refuses connections on this port")]
    Refused,
    /// The camera did not answer in time; says what we waited for and how long.
    #[error("the camera did not answer in time: {step} took longer than {} s", .limit.as_secs())]
    Timeout { step: &'static str, limit: Duration },
    /// The camera wants a user name and password, or others than we have.
    #[error("the camera refuses the user name or password")]
    Unauthorized,
    /// The camera has no stream under the path of the address.
    #[error("the camera has no stream under this path (RTSP status {0})")]
    NoSuchPath(u16),
    /// The camera sends video in a codec that we cannot record; names it.
    #[error("the camera sends {0}, which cannot be recorded")]
    UnsupportedCodec(String),
    /// The camera understood the request and declined it.
    #[error("the camera declined {method}: RTSP status {status}")]
    Rejected { method: &'static str, status: u16 },
    /// The camera does not speak the protocol as we understand it. `cseq` is the number of the request in question.
    #[error("the camera breaks the protocol at {step} (message {cseq}): {what}")]
    Protocol { step: &'static str, cseq: u32, what: Cow<'static, str> },
    /// The camera ended the connection.
    #[error("the camera closed the connection")]
    Closed,
    /// A failure of a socket with no better name.
    #[error("the connection to the camera failed: {0}")]
    Io(io::ErrorKind),
}

impl Error {
    /// The cause of the gap that this error leaves, in the words of the timeline.
    pub fn cause(&self) -> &'static str {
        match self {
            Error::Forbidden(_) | Error::Refused | Error::Rejected { .. } => "refused",
            Error::Unauthorized => "unauthorized",
            Error::NoSuchPath(_) => "no_such_path",
            Error::UnsupportedCodec(_) => "unsupported_codec",
            _ => "offline",
        }
    }

    pub(crate) fn protocol(step: &'static str, cseq: u32, what: impl Into<Cow<'static, str>>) -> Self {
        Error::Protocol { step, cseq, what: what.into() }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::*;
        match error.kind() {
            ConnectionRefused => Error::Refused,
            HostUnreachable | NetworkUnreachable | AddrNotAvailable | NetworkDown => Error::NoRoute,
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof | NotConnected => Error::Closed,
            TimedOut => Error::Timeout { step: "the connection", limit: crate::connect::CONNECT },
            kind => Error::Io(kind),
        }
    }
}

/// For the person who types the address: the field at fault where one is.
impl From<Error> for base::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Address(_) | Error::UnknownHost | Error::Forbidden(_) | Error::NoSuchPath(_) => {
                base::Error::invalid(message).field("url")
            }
            Error::Unauthorized => base::Error::invalid(message).field("password"),
            Error::UnsupportedCodec(_) => base::Error::invalid(message),
            _ => base::Error::unavailable(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_cause_of_the_timeline() {
        let causes = [
            (Error::NoRoute, "offline"),
            (Error::Refused, "refused"),
            (Error::Unauthorized, "unauthorized"),
            (Error::NoSuchPath(404), "no_such_path"),
            (Error::UnsupportedCodec("JPEG".into()), "unsupported_codec"),
            (Error::Timeout { step: "DESCRIBE", limit: Duration::from_secs(5) }, "offline"),
        ];
        for (error, cause) in causes {
            assert_eq!(error.cause(), cause, "{error}");
        }
    }

    #[test]
    fn a_wrong_password_points_at_the_password_field() {
        assert_eq!(base::Error::from(Error::Unauthorized).at_field(), Some("password"));
        assert_eq!(base::Error::from(Error::NoSuchPath(404)).at_field(), Some("url"));
    }
}
