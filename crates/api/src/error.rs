//! The one place where an error becomes an HTTP answer: problem details, RFC 9457.

use axum::{
    Json,
    extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection},
    response::{IntoResponse, Response},
};
use base::{Error, Kind};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// Problem details (RFC 9457), sent as `application/problem+json`.
#[derive(Serialize, ToSchema, Debug, Clone)]
pub struct Problem {
    /// What kind of problem it is, for programs: `/problems/no-footage` and so on. The list stands in docs/reference/problems.md.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The same in words, the same for each problem of the type.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// The input field at fault, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// Seconds to wait before asking again; goes into Retry-After.
    #[serde(skip)]
    pub wait: Option<u64>,
}

/// Result of a handler.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// Type, title and status of each kind of error.
fn describe(kind: Kind) -> (&'static str, &'static str, StatusCode) {
    match kind {
        Kind::Invalid => ("/problems/invalid", "Malformed request", StatusCode::BAD_REQUEST),
        Kind::OutOfRange => ("/problems/out-of-range", "More than is allowed", StatusCode::UNPROCESSABLE_ENTITY),
        Kind::Unauthenticated => ("/problems/unauthenticated", "Not signed in", StatusCode::UNAUTHORIZED),
        Kind::Denied => ("/problems/denied", "Not allowed", StatusCode::FORBIDDEN),
        Kind::StepUp => ("/problems/step-up", "Show again who you are", StatusCode::FORBIDDEN),
        Kind::Closed => ("/problems/closed", "The account is closed", StatusCode::FORBIDDEN),
        Kind::Unaccepted => ("/problems/policy-acceptance", "The policy has changed", StatusCode::FORBIDDEN),
        Kind::NotFound => ("/problems/not-found", "Not found", StatusCode::NOT_FOUND),
        Kind::NoFootage => ("/problems/no-footage", "No footage", StatusCode::NOT_FOUND),
        Kind::Conflict => ("/problems/conflict", "In conflict with what is there", StatusCode::CONFLICT),
        Kind::TooLarge => ("/problems/too-large", "Too large", StatusCode::PAYLOAD_TOO_LARGE),
        Kind::TooMany => ("/problems/too-many", "Too many requests", StatusCode::TOO_MANY_REQUESTS),
        Kind::Unavailable => ("/problems/unavailable", "Not available for now", StatusCode::SERVICE_UNAVAILABLE),
        Kind::Internal => ("/problems/internal", "A defect", StatusCode::INTERNAL_SERVER_ERROR),
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (kind, title, status) = describe(error.kind());
        let detail = match error.kind() {
            Kind::Internal => {
                tracing::error!(?error, "a request failed");
                "something broke here; the log has it under this request id".into()
            }
            Kind::Unavailable => {
                tracing::warn!(?error, "a request could not be served");
                error.message().into()
            }
            _ => error.message().into(),
        };
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail,
            field: error.at_field(),
            wait: error.wait().map(|wait| wait.as_secs()),
        }
    }
}

impl Problem {
    /// A request that came to the wrong host name (421, RFC 9110 §15.5.20).
    pub fn misdirected() -> Self {
        Self::of(
            "/problems/misdirected",
            "Unknown host",
            StatusCode::MISDIRECTED_REQUEST,
            "this server does not answer to that host name; add it to server.names",
        )
    }

    /// A method that the path does not have.
    pub fn method_not_allowed() -> Self {
        Self::of(
            "/problems/method",
            "Method not allowed",
            StatusCode::METHOD_NOT_ALLOWED,
            "the path exists, but not with this method",
        )
    }

    /// A byte range that the content does not have (RFC 9110 §15.5.17).
    pub fn range_not_satisfiable() -> Self {
        Self::of(
            "/problems/range",
            "Range not satisfiable",
            StatusCode::RANGE_NOT_SATISFIABLE,
            "the content has no such bytes",
        )
    }

    /// A request for a WebSocket that does not ask to become one (RFC 9110, 15.5.22).
    pub fn upgrade_required() -> Self {
        Self::of(
            "/problems/upgrade",
            "Upgrade required",
            StatusCode::UPGRADE_REQUIRED,
            "this path is a WebSocket (RFC 6455)",
        )
    }

    /// A body of another media type than JSON.
    fn unsupported_media_type() -> Self {
        Self::of(
            "/problems/media-type",
            "Unsupported media type",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send application/json",
        )
    }

    /// Why a camera gives no picture when it is tried.
    pub fn of_camera(error: cloud::CameraError, stream: devices::Stream) -> Self {
        use cloud::CameraError as E;
        let (kind, title) = match &error {
            E::NoRoute | E::UnknownHost => ("/problems/no-route", "No way to the camera"),
            E::Refused | E::Rejected { .. } => ("/problems/refused", "The camera refuses"),
            E::Unauthorized => ("/problems/unauthorized", "Wrong user name or password"),
            E::NoSuchPath(_) => ("/problems/no-such-path", "No such stream"),
            E::UnsupportedCodec(_) => ("/problems/unsupported-codec", "Unsupported codec"),
            E::Timeout { .. } => ("/problems/timeout", "No answer in time"),
            E::Forbidden(_) | E::Address(_) => ("/problems/forbidden-address", "No camera may be there"),
            E::Protocol { .. } | E::Closed | E::Io(_) => ("/problems/camera", "The camera gives no picture"),
        };
        let problem = Self::from(Error::from(error));
        let field = match (problem.field, stream) {
            (Some("url"), devices::Stream::Sub) => Some("sub_url"),
            (field, _) => field,
        };
        Self { kind, title, field, ..problem }
    }

    /// Why a device that has an API of its own tells nothing.
    pub fn of_device(error: cloud::reolink::Error) -> Self {
        match error {
            cloud::reolink::Error::Camera(error) => Self::of_camera(error, devices::Stream::Main),
            error => {
                let problem = Self::from(Error::from(error));
                Self { kind: "/problems/device", title: "The device tells nothing", ..problem }
            }
        }
    }

    fn of(kind: &'static str, title: &'static str, status: StatusCode, detail: &str) -> Self {
        Self { kind, title, status: status.as_u16(), detail: detail.into(), field: None, wait: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("statuses come from the table above");
        let wait = self.wait.unwrap_or(60);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
            }
            _ => {}
        }
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::too_large("the body is larger than is accepted").into(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::unsupported_media_type(),
            _ => Error::invalid(shape(&rejection)).into(),
        }
    }
}

/// What serde says of the shape, without what it quotes of the values: they may be secrets.
fn shape(rejection: &JsonRejection) -> String {
    let text = std::error::Error::source(rejection).map_or_else(|| rejection.to_string(), ToString::to_string);
    let quoting = ["invalid type: ", "invalid value: ", "unknown variant "];
    match quoting.iter().find_map(|quoting| text.split_once(quoting)) {
        Some((field, rest)) => {
            let expected = rest.rsplit_once("expected ").map_or("", |(_, expected)| expected);
            format!("the body does not fit: {field}expected {expected}")
        }
        None => format!("the body does not fit: {text}"),
    }
}

impl From<FormRejection> for Problem {
    fn from(rejection: FormRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::too_large("the form is larger than is accepted").into(),
            _ => Error::invalid("the form does not fit").into(),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        let text = std::error::Error::source(&rejection).map_or_else(|| rejection.to_string(), ToString::to_string);
        Error::invalid(format!("the query does not fit: {text}")).into()
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Error::not_found("no such id").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_tells_the_caller_nothing_of_its_causes() {
        let problem =
            Problem::from(Error::internal("row 7 of table x is broken").because(std::io::Error::other("secret")));
        assert_eq!(problem.status, 500);
        assert!(!problem.detail.contains("row 7") && !problem.detail.contains("secret"));
    }

    #[test]
    fn a_problem_says_its_type_status_and_field() {
        let problem = Problem::from(Error::invalid("end must be later than start").field("end"));
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "/problems/invalid");
        assert_eq!(json["status"], 400);
        assert_eq!(json["field"], "end");
        let response = problem.into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
