//! Who may call a route: the kinds of lines in the table, and the gate that holds them.

use crate::{App, auth, error::Problem, guard, media::Viewing};
use accounts::Scope;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base::Error;
use http::header;
use std::sync::Arc;
use utoipa::openapi::PathItem;

/// Who may call a route. A role is no more than its scopes: an owner has all, a viewer sees cameras and pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, signed in or not.
    Anyone,
    /// Any valid session or token.
    Member,
    /// A session or token that has the scope.
    Needs(Scope),
    /// A program on this machine, or a session or token that has the scope and belongs to the household whose
    /// installation it is.
    LocalOr(Scope),
}

/// What a media route shows, which decides what the view log is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Live,
    Play,
    Download,
    Snapshot,
    Thumbnail,
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Method and path, as in `GET /api/v1/cameras/{id}`.
    pub operation: &'static str,
    /// Who may call it.
    pub access: Access,
    /// For a media route, what it shows.
    pub view: Option<View>,
}

impl Line {
    /// Whether the route serves who has not accepted a new policy yet: reading, one's rights, the way in and out.
    fn is_open_to_all_terms(&self) -> bool {
        let reads = self.operation.starts_with("GET ");
        let path = self.operation.split_once(' ').map_or("", |(_, path)| path);
        reads || ["/api/v1/privacy", "/api/v1/session"].iter().any(|open| path.starts_with(open))
    }
}

/// A route that shows no picture and no sound.
pub(crate) const fn open(operation: &'static str, access: Access) -> Line {
    Line { operation, access, view: None }
}

/// A route that shows pictures or sound: the view log is written before its handler runs.
pub(crate) const fn media(operation: &'static str, view: View) -> Line {
    Line { operation, access: Access::Needs(Scope::MediaRead), view: Some(view) }
}

/// Lets a request through to its handler: with the caller, and for a media route with the ticket, in its extensions.
pub(crate) async fn gate(
    State((app, line)): State<(Arc<App>, &'static Line)>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Err(refusal) = admit(&app, line, &mut request).await {
        return refusal.into_response();
    }
    let response = next.run(request).await;
    match line.view {
        None if shows_media(&response) => {
            Problem::from(Error::internal("a route without a view line answered with media")).into_response()
        }
        _ => response,
    }
}

async fn admit(app: &App, line: &Line, request: &mut Request) -> Result<(), Problem> {
    let caller = match line.access {
        Access::Anyone => return Ok(()),
        Access::LocalOr(_) if is_local(request)? => return Ok(()),
        Access::Member => auth::caller(app, request.headers()).await?,
        Access::Needs(_) | Access::LocalOr(_) => auth::caller(app, request.headers()).await?,
    };
    // Before the scope is looked at, so that the log also tells of who was refused.
    if let Some(view) = line.view {
        let viewing = Viewing::begin(app, &caller, view, request).await?;
        request.extensions_mut().insert(viewing);
    }
    if let Access::Needs(scope) | Access::LocalOr(scope) = line.access {
        caller.require(scope)?;
    }
    if matches!(line.access, Access::LocalOr(_)) && caller.household() != app.household {
        return Err(Error::denied("this is about the whole installation").into());
    }
    if !line.is_open_to_all_terms() {
        app.privacy.require_accepted(&caller).await?;
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

/// Whether a program on this machine asks, and no proxy on somebody else's behalf.
fn is_local(request: &Request) -> Result<bool, Problem> {
    let forwarded = ["forwarded", "x-forwarded-for", "via"].iter().any(|name| request.headers().contains_key(*name));
    Ok(!forwarded && guard::connection(request)?.peer.ip().to_canonical().is_loopback())
}

fn shows_media(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    [&b"video/"[..], b"audio/", b"image/"].iter().any(|media| kind.starts_with(media))
}

/// Adds to the description of a route who may call it.
pub(crate) fn describe(item: &mut PathItem, line: &Line) {
    let words = match line.access {
        Access::Anyone => "Anyone may call it.".into(),
        Access::Member => "Needs a session or a token.".into(),
        Access::Needs(scope) => format!("Needs the scope `{scope}`."),
        Access::LocalOr(scope) => format!("Needs the scope `{scope}`, except from this machine."),
    };
    let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
    for operation in operations.into_iter().flatten() {
        operation.operation_id = Some(operation_id(line.operation));
        operation.description = Some(match operation.description.take() {
            Some(before) => format!("{before}\n\n{words}"),
            None => words.clone(),
        });
        if line.access == Access::Anyone {
            operation.security = Some(Vec::new());
        }
    }
}

/// A name that no other operation has, as OpenAPI asks for: `get_cameras_id` of `GET /api/v1/cameras/{id}`.
fn operation_id(operation: &str) -> String {
    let short = operation.replacen("/api/v1", "", 1).to_lowercase();
    short.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_has_not_accepted_a_new_policy_can_read_leave_and_take_things_along_and_nothing_else() {
        let open_to_all: Vec<_> =
            crate::TABLE.iter().filter(|line| line.is_open_to_all_terms()).map(|line| line.operation).collect();
        for needed in [
            "GET /api/v1/cameras/{id}/live",
            "POST /api/v1/privacy/acceptance",
            "POST /api/v1/privacy/export",
            "POST /api/v1/privacy/close",
            "POST /api/v1/session/confirm",
            "DELETE /api/v1/session",
        ] {
            assert!(open_to_all.contains(&needed), "{needed}");
        }
        let writes = |operation: &&str| !operation.starts_with("GET ");
        let elsewhere = |operation: &&str| !operation.contains("/privacy") && !operation.contains("/session");
        assert_eq!(open_to_all.iter().filter(|o| writes(o) && elsewhere(o)).count(), 0);
    }
}
