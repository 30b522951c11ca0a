//! From the table and the handlers to a running service; and the description of both.

use crate::{
    App, TABLE,
    access::{Line, gate},
    assets,
    error::Problem,
    guard::guard,
    routes::{self, Handler},
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    middleware,
    response::IntoResponse,
};
use base::{Error, Id, Result, World};
use http::{HeaderValue, StatusCode, header};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, CompressionLevel, predicate::Predicate},
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};
use utoipa::openapi::{
    Components, InfoBuilder, OpenApi, OpenApiBuilder,
    path::Paths,
    security::{ApiKey, ApiKeyValue, Http as HttpScheme, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

/// No body that the API takes is longer.
const BODY: usize = 64 * 1024;
/// No answer takes longer to begin; a probe of a camera is the slowest.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The whole service. An error names the routes that have no access line, and the lines that have no route.
pub fn router(app: Arc<App>) -> Result<Router> {
    let mut router = Router::new();
    for (handler, line) in joined(TABLE, routes::handlers())? {
        let gated = handler.service.layer(middleware::from_fn_with_state((app.clone(), line), gate));
        router = router.route(path_of(line), gated);
    }
    let id = SetRequestIdLayer::x_request_id(Ids(app.world.clone()));
    Ok(router
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .fallback(fallback)
        .layer(
            ServiceBuilder::new()
                .layer(id)
                .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_failure(()))
                .layer(PropagateRequestIdLayer::x_request_id())
                .layer(CatchPanicLayer::custom(panicked))
                .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_json.and(is_long)))
                .layer(middleware::from_fn_with_state(app.clone(), guard))
                .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
                .layer(DefaultBodyLimit::max(BODY)),
        )
        .with_state(app))
}

/// Each handler with its line.
fn joined(table: &'static [Line], handlers: Vec<Handler>) -> Result<Vec<(Handler, &'static Line)>> {
    let mut lines: BTreeMap<&str, &Line> = table.iter().map(|line| (line.operation, line)).collect();
    let (mut joined, mut faults) = (Vec::new(), Vec::new());
    if lines.len() != table.len() {
        faults.push("an operation has two lines".into());
    }
    for handler in handlers {
        match lines.remove(handler.operation.as_str()) {
            Some(line) => joined.push((handler, line)),
            None => faults.push(format!("{} has no access line", handler.operation)),
        }
    }
    faults.extend(lines.keys().map(|operation| format!("{operation} has no handler")));
    match faults.is_empty() {
        true => Ok(joined),
        false => Err(Error::internal(format!("the table of routes does not fit: {}", faults.join("; ")))),
    }
}

fn path_of(line: &Line) -> &'static str {
    line.operation.split_once(' ').map_or("/", |(_, path)| path)
}

async fn fallback(state: axum::extract::State<Arc<App>>, request: Request) -> axum::response::Response {
    match crate::guard::is_program_path(request.uri().path()) {
        true => Problem::from(Error::not_found("no such path")).into_response(),
        false => assets::serve(state, request).await,
    }
}

/// The log names the route, never the path: a query can hold a time, and a path an id of somebody's camera.
fn span(request: &Request) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    let route = request.extensions().get::<MatchedPath>().map_or("page", MatchedPath::as_str);
    tracing::info_span!("request", request_id = id, method = %request.method(), route)
}

/// Request ids are ours; one that a client sends is replaced.
#[derive(Clone)]
struct Ids(World);

impl MakeRequestId for Ids {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&Id::generate(&self.0).to_string()).ok().map(RequestId::new)
    }
}

fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> axum::response::Response {
    Problem::from(Error::internal("a handler panicked")).into_response()
}

fn is_json(_: StatusCode, _: http::Version, headers: &http::HeaderMap, _: &http::Extensions) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"application/json")
}

/// Whether compressing pays.
fn is_long(_: StatusCode, _: http::Version, headers: &http::HeaderMap, _: &http::Extensions) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_none_or(|length| length > 1024)
}

/// The description of the API (OpenAPI 3.1) as it is committed in docs/reference/openapi.json.
pub fn openapi() -> String {
    let mut text = described().to_pretty_json().expect("the description is plain values");
    text.push('\n');
    text
}

fn described() -> OpenApi {
    let (mut paths, mut components) = (Paths::new(), Components::new());
    let handlers = joined(TABLE, routes::handlers()).expect("the test of this file builds the table");
    for (handler, line) in handlers {
        components.schemas.extend(handler.schemas);
        for (path, mut item) in handler.paths.paths {
            crate::access::describe(&mut item, line);
            paths.paths.entry(path).or_default().merge_operations(item);
        }
    }
    components.add_security_scheme("token", SecurityScheme::Http(HttpScheme::new(HttpAuthScheme::Bearer)));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(crate::COOKIE))));
    let any = [SecurityRequirement::new("token", [""; 0]), SecurityRequirement::new("session", [""; 0])];
    let info = InfoBuilder::new().title("Nightjar").version("1").description(Some(
        "Cameras, footage and people of one household. Errors are problem details (RFC 9457). Instants are RFC 3339 in UTC.",
    ));
    OpenApiBuilder::new().info(info.build()).paths(paths).components(Some(components)).security(Some(any)).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Access, open};

    static SHORT: [Line; 1] = [open("GET /healthz", Access::Anyone)];

    #[test]
    fn the_table_and_the_handlers_fit() {
        joined(TABLE, routes::handlers()).map(drop).unwrap();
    }

    #[test]
    fn a_route_without_an_access_line_keeps_the_server_from_starting() {
        let error = joined(&SHORT, routes::handlers()).map(drop).unwrap_err().to_string();
        assert!(error.contains("GET /api/v1/cameras has no access line"), "{error}");
        let error = joined(TABLE, Vec::new()).map(drop).unwrap_err().to_string();
        assert!(error.contains("GET /healthz has no handler"), "{error}");
    }

    #[test]
    fn everything_under_a_camera_that_shows_pictures_is_a_media_route() {
        for line in TABLE {
            let shows = [".mp4", ".m4s", ".jpg", "/live"].iter().any(|end| line.operation.ends_with(end));
            assert_eq!(line.view.is_some(), shows, "{}", line.operation);
        }
    }

    #[test]
    fn the_committed_description_is_fresh() {
        let committed = include_str!("../../../docs/reference/openapi.json");
        assert!(committed == openapi(), "docs/reference/openapi.json is stale: run cargo xtask codegen");
    }
}
