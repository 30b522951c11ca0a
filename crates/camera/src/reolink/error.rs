//! What can go wrong with a Reolink camera's API, and the names of its error codes.
//!
//! No variant carries an address, a credential or a word of the camera: these errors are logged.

use std::time::Duration;

/// Why the API gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The camera could not be reached, or refuses the user name or password ([`crate::Error::Unauthorized`]).
    #[error(transparent)]
    Camera(#[from] crate::Error),
    /// The camera's certificate is not the one that it was known by: another camera, or somebody between.
    #[error("the camera shows another certificate than the one it is known by")]
    Certificate,
    /// The camera does not speak TLS as we understand it.
    #[error("the camera's encryption could not be set up")]
    Tls,
    /// The camera has locked logins after too many wrong passwords; nothing is tried before that time is over.
    #[error("the camera has locked logins after too many wrong passwords, for up to {} s", .0.as_secs())]
    Locked(Duration),
    /// All sessions of the camera are taken.
    #[error("the camera has no session left: too many programs are signed in to it")]
    Sessions,
    /// The camera sends us elsewhere; redirects are not followed.
    #[error("the camera sends us to another address (HTTP status {0}), which is not followed")]
    Redirected(u16),
    /// The camera speaks HTTPS where we spoke HTTP.
    #[error("the camera wants HTTPS on this port")]
    WantsHttps,
    /// An HTTP status that is no answer.
    #[error("the camera answers with HTTP status {0}")]
    Status(u16),
    /// An answer that is longer than any real one.
    #[error("the camera's answer is longer than {limit} bytes")]
    TooLong { limit: usize },
    /// An answer that is not what was asked for; says what it is instead.
    #[error("the camera's answer to {command} makes no sense: {what}")]
    Garbled { command: &'static str, what: &'static str },
    /// The camera answered with an error code.
    #[error("the camera refuses {command}: {code}")]
    Refused { command: &'static str, code: Code },
    /// The command would wake a battery camera, and nobody said that it may.
    #[error("{0} would wake the camera and drain its battery")]
    Waking(&'static str),
    /// What we were asked to send is not possible; says why.
    #[error("the camera cannot take this: {0}")]
    Invalid(&'static str),
}

impl Error {
    /// The code of a refusal.
    pub fn code(&self) -> Option<Code> {
        match self {
            Error::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the camera lacks what it was asked for.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.code(), Some(Code::NotSupported | Code::AbilityError | Code::CommandError))
    }
}

/// For the person who asked: the field at fault where one is.
impl From<Error> for base::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Camera(error) => error.into(),
            Error::Waking(_) | Error::Invalid(_) => base::Error::invalid(message),
            Error::Refused { .. } if error.is_unsupported() => base::Error::invalid(message),
            _ => base::Error::unavailable(message),
        }
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal $text:literal,)*) => {
        /// The `rspCode` of an error (the vendor's guide, version 8, 4.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $text] $name,)*
            /// A code that the guide does not name.
            Other(i32),
        }

        impl Code {
            /// The name of a number.
            pub fn new(code: i64) -> Self {
                match code {
                    $($code => Code::$name,)*
                    other => Code::Other(i32::try_from(other).unwrap_or(i32::MIN)),
                }
            }
        }

        impl std::fmt::Display for Code {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Code::$name => write!(f, "{} ({})", $text, $code),)*
                    Code::Other(code) => write!(f, "error {code}"),
                }
            }
        }
    };
}

codes! {
    Missing = -1 "it does not exist",
    ParameterError = -4 "parameter error",
    MaxSessions = -5 "no session left",
    LoginFirst = -6 "please log in first",
    LoginFailed = -7 "login failed",
    Timeout = -8 "time-out in the camera",
    NotSupported = -9 "not supported",
    ProtocolError = -10 "protocol error",
    ReadFailed = -11 "reading failed",
    GetFailed = -12 "getting the configuration failed",
    SetFailed = -13 "setting the configuration failed",
    SendFailed = -16 "sending failed",
    ReceiveFailed = -17 "receiving failed",
    TokenError = -21 "wrong token",
    TooLong = -22 "a text is too long",
    MissingParameter = -23 "a parameter is missing",
    CommandError = -24 "no such command",
    AbilityError = -26 "the account or model may not",
    InvalidUser = -27 "no such user",
    UserExists = -28 "the user exists already",
    MaxUsers = -29 "too many users",
    SameVersion = -30 "the version is the same",
    Busy = -31 "busy",
    AddressConflict = -32 "address conflict",
    SnapFailed = -48 "no snapshot",
    ChannelInvalid = -49 "no such channel",
    Offline = -99 "the channel is offline",
    TestFailed = -100 "the test failed",
    FirmwareCheckFailed = -101 "looking for firmware failed",
    FirmwareDownloadFailed = -102 "downloading firmware failed",
    FirmwareStatusFailed = -103 "the state of the firmware is not known",
    FrequentLogins = -105 "too many logins",
    DownloadFailed = -220 "downloading the video failed",
    DownloadBusy = -221 "another video is being downloaded",
    VideoMissing = -222 "there is no such video",
    WrongPassword = -502 "wrong password",
    LoginDenied = -503 "login denied",
    Locked = -506 "login is locked",
    MaxLogins = -507 "too many logins at a time",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_and_unknown_ones_keep_their_number() {
        assert_eq!(Code::new(-9), Code::NotSupported);
        assert_eq!(Code::NotSupported.to_string(), "not supported (-9)");
        assert_eq!(Code::new(-4711), Code::Other(-4711));
        assert_eq!(Code::new(i64::MAX), Code::Other(i32::MIN));
    }

    #[test]
    fn a_wrong_password_points_at_the_password_field() {
        let error = Error::from(crate::Error::Unauthorized);
        assert_eq!(base::Error::from(error).at_field(), Some("password"));
    }
}
