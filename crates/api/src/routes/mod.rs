//! The handlers, a file for each noun. Each says its path and answers in `#[utoipa::path]`; who may call it stands in
//! the table of the crate.

mod accounts;
pub mod cameras;
mod changes;
mod factors;
mod health;
mod identify;
mod inbox;
mod live;
mod oidc;
mod passkeys;
mod playback;
pub mod privacy;
mod profile;
mod program;
mod session;
mod setup;
mod sharing;
mod sign_up;
mod storage;
mod timeline;
mod tokens;
mod views;

use crate::App;
use axum::routing::MethodRouter;
use serde::Serialize;
use std::sync::Arc;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema, path::Paths},
};

/// A list. `next` is the cursor of the next page; null on the last.
#[derive(Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<T> List<T> {
    /// A list that is complete.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// A handler with its description.
pub struct Handler {
    /// Method and path, as the access line names them.
    pub operation: String,
    pub schemas: Vec<(String, RefOr<Schema>)>,
    pub paths: Paths,
    pub service: MethodRouter<Arc<App>>,
}

macro_rules! handlers {
    ($($handler:path),+ $(,)?) => {
        vec![$(Handler::new(utoipa_axum::routes!($handler))),+]
    };
}

impl Handler {
    fn new((schemas, paths, service): (Vec<(String, RefOr<Schema>)>, Paths, MethodRouter<Arc<App>>)) -> Self {
        let (path, item) = paths.paths.iter().next().expect("a handler describes one path");
        let methods = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        let method = methods.iter().find(|(_, operation)| operation.is_some()).map_or("", |(method, _)| method);
        Self { operation: format!("{method} {path}"), schemas, paths, service }
    }
}

/// Every handler there is.
pub fn handlers() -> Vec<Handler> {
    handlers![
        program::healthz,
        program::readyz,
        program::metrics,
        program::openapi,
        privacy::policy::show,
        privacy::policy::json,
        privacy::policy::versions,
        privacy::policy::version,
        privacy::policy::diff,
        privacy::policy::gpc,
        privacy::policy::dnt,
        privacy::policy::governed,
        privacy::ask::form,
        privacy::ask::ask,
        privacy::ask::offer_confirmation,
        privacy::ask::confirm,
        privacy::ask::show,
        privacy::centre::show,
        privacy::centre::accept,
        privacy::centre::consents,
        privacy::centre::choose,
        privacy::centre::receipt,
        privacy::centre::object,
        privacy::requests::ask,
        privacy::requests::list,
        privacy::requests::desk,
        privacy::requests::answer,
        privacy::requests::extend,
        privacy::requests::confirm,
        privacy::leaving::export,
        privacy::leaving::exports,
        privacy::leaving::delete_export,
        privacy::leaving::download,
        privacy::leaving::close,
        privacy::leaving::undo,
        privacy::leaving::erase,
        privacy::leaving::certificate,
        privacy::leaving::report,
        privacy::leaving::reports,
        privacy::leaving::decide,
        setup::look,
        setup::redeem,
        session::sign_in,
        session::second,
        passkeys::begin_second,
        passkeys::second,
        passkeys::begin_sign_in,
        passkeys::sign_in,
        session::show,
        session::select,
        session::confirm,
        passkeys::begin_confirmation,
        passkeys::confirm,
        session::history,
        session::change_password,
        session::sign_out,
        session::list,
        session::rename,
        session::end,
        sign_up::terms,
        sign_up::sign_up,
        sign_up::verify,
        sign_up::forgotten,
        profile::show,
        profile::change,
        profile::change_login,
        profile::leave_address,
        profile::take_address,
        factors::show,
        factors::set_up_totp,
        factors::turn_on_totp,
        factors::turn_off_totp,
        factors::renew_recovery_codes,
        passkeys::list,
        passkeys::begin,
        passkeys::add,
        passkeys::rename,
        passkeys::remove,
        oidc::services,
        oidc::begin,
        oidc::begin_link,
        oidc::come_back,
        oidc::agree,
        oidc::list,
        oidc::link,
        oidc::unlink,
        accounts::household,
        accounts::found,
        accounts::list,
        accounts::add,
        accounts::change,
        accounts::link,
        accounts::remove,
        sharing::grants,
        sharing::set_grants,
        sharing::groups,
        sharing::add_group,
        sharing::set_group,
        sharing::remove_group,
        sharing::invite,
        sharing::invitations,
        sharing::withdraw,
        sharing::look,
        sharing::accept,
        sharing::refuse,
        tokens::list,
        tokens::create,
        tokens::revoke,
        cameras::list,
        cameras::add,
        cameras::reorder,
        cameras::probe,
        identify::identify,
        cameras::get,
        cameras::edit,
        cameras::remove,
        health::show,
        timeline::show,
        timeline::delete,
        changes::follow,
        inbox::list,
        inbox::mark,
        inbox::delete,
        inbox::choices,
        inbox::choose,
        inbox::ask,
        inbox::unsubscribe,
        inbox::demo_mails,
        playback::playlist,
        live::watch,
        playback::recording,
        playback::init,
        playback::segment,
        playback::snapshot,
        playback::thumbnail,
        views::list,
        views::chain,
        storage::show,
        storage::export_key,
    ]
}
