//! Sharing: what members may do with which camera and when, groups of cameras, and invitations.

use crate::{
    App,
    auth::Who,
    error::Result,
    extract::{Json, Path},
    routes::{List, accounts::Made, session::RoleName, setup::Token},
};
use accounts::AccountId;
use axum::extract::State;
use base::{Error, Secret, Time};
use devices::{CameraId, GroupId, Hours, InvitationId, Offer, Which};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};
use utoipa::ToSchema;
use uuid::Uuid;

/// What is allowed, for one camera or one group of cameras, and when.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Either this,
    camera: Option<Uuid>,
    /// or this.
    group: Option<Uuid>,
    /// Some of `live`, `history`, `export`, `control`, `manage`.
    rights: Vec<Right>,
    /// From when, and back to when footage may be looked at; null: from always.
    #[schema(value_type = Option<String>, format = DateTime)]
    start: Option<Time>,
    /// Until when; null: for good.
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<Time>,
    /// The hours of the week, in the household's zone; empty: all of them.
    #[serde(default)]
    weekly: Vec<Weekly>,
}

/// Something that can be allowed.
#[derive(Serialize, Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    Live,
    History,
    Export,
    Control,
    Manage,
}

/// Some hours of some days of each week.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// 0 is Monday.
    days: Vec<u8>,
    /// As in `08:00`.
    from: String,
    /// As in `20:00`; `24:00` is the end of the day.
    to: String,
}

impl From<devices::Right> for Right {
    fn from(right: devices::Right) -> Self {
        match right {
            devices::Right::Live => Self::Live,
            devices::Right::History => Self::History,
            devices::Right::Export => Self::Export,
            devices::Right::Control => Self::Control,
            devices::Right::Manage => Self::Manage,
        }
    }
}

impl From<Right> for devices::Right {
    fn from(right: Right) -> Self {
        match right {
            Right::Live => Self::Live,
            Right::History => Self::History,
            Right::Export => Self::Export,
            Right::Control => Self::Control,
            Right::Manage => Self::Manage,
        }
    }
}

fn minutes(text: &str) -> base::Result<u16> {
    let wrong = || Error::invalid("hours are written like 08:00").field("weekly");
    let (hours, minutes) = text.split_once(':').filter(|_| text.len() == 5).ok_or_else(wrong)?;
    let (hours, minutes): (u16, u16) = (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
    match minutes < 60 && hours * 60 + minutes <= 24 * 60 {
        true => Ok(hours * 60 + minutes),
        false => Err(wrong()),
    }
}

fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

impl Grant {
    fn of(grant: devices::Grant) -> Self {
        let (camera, group) = match grant.which {
            Which::Camera(id) => (Some(id.uuid()), None),
            Which::Group(id) => (None, Some(id.uuid())),
        };
        let weekly =
            |hours: &Hours| Weekly { days: hours.days().collect(), from: clock(hours.from()), to: clock(hours.to()) };
        Self {
            camera,
            group,
            rights: grant.rights.into_iter().map(Into::into).collect(),
            start: grant.start,
            end: grant.end,
            weekly: grant.weekly.iter().map(weekly).collect(),
        }
    }

    fn read(self) -> base::Result<devices::Grant> {
        let which = match (self.camera, self.group) {
            (Some(id), None) => Which::Camera(id.into()),
            (None, Some(id)) => Which::Group(id.into()),
            _ => return Err(Error::invalid("a grant is for one camera or one group").field("camera")),
        };
        let hours =
            |weekly: &Weekly| Hours::new(weekly.days.iter().copied(), minutes(&weekly.from)?, minutes(&weekly.to)?);
        let grant = devices::Grant {
            which,
            rights: self.rights.into_iter().map(Into::into).collect(),
            start: self.start,
            end: self.end,
            weekly: self.weekly.iter().map(hours).collect::<base::Result<_>>()?,
        };
        grant.checked()
    }
}

fn read_all(grants: Vec<Grant>) -> base::Result<Vec<devices::Grant>> {
    grants.into_iter().map(Grant::read).collect()
}

/// What was granted to a member, besides what the role gives.
#[utoipa::path(get, path = "/api/v1/accounts/{id}/grants", tag = "people", params(("id" = Uuid, Path)), responses((status = 200, body = List<Grant>)))]
pub async fn grants(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<List<Grant>>> {
    let grants = app.devices.grants(&caller, AccountId::from(id)).await?;
    Ok(axum::Json(List::whole(grants.into_iter().map(Grant::of).collect())))
}

/// All that is granted to a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    grants: Vec<Grant>,
}

/// Replace what is granted to a member. It takes effect within five seconds, also on what is being watched. Needs a fresh
/// confirmation.
#[utoipa::path(put, path = "/api/v1/accounts/{id}/grants", tag = "people", params(("id" = Uuid, Path)), request_body = Grants, responses((status = 204)))]
pub async fn set_grants(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<Grants>,
) -> Result<StatusCode> {
    app.devices.set_grants(&caller, AccountId::from(id), read_all(body.grants)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A group of cameras.
#[derive(Serialize, ToSchema)]
pub struct Group {
    id: Uuid,
    name: String,
    cameras: Vec<Uuid>,
}

/// The groups of cameras; none for a guest.
#[utoipa::path(get, path = "/api/v1/groups", tag = "cameras", responses((status = 200, body = List<Group>)))]
pub async fn groups(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Group>>> {
    let item = |group: devices::Group| Group {
        id: group.id.uuid(),
        name: group.name.into_inner(),
        cameras: group.cameras.into_iter().map(CameraId::uuid).collect(),
    };
    Ok(axum::Json(List::whole(app.devices.groups(&caller).await?.into_iter().map(item).collect())))
}

/// What a group holds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupForm {
    name: String,
    cameras: Vec<Uuid>,
}

impl GroupForm {
    async fn put(&self, app: &App, caller: &accounts::Caller, id: Option<GroupId>) -> Result<GroupId> {
        let cameras: Vec<CameraId> = self.cameras.iter().map(|id| CameraId::from(*id)).collect();
        Ok(app.devices.put_group(caller, id, &self.name, &cameras).await?)
    }
}

/// Make a group of cameras.
#[utoipa::path(post, path = "/api/v1/groups", tag = "cameras", request_body = GroupForm, responses((status = 201, body = Made)))]
pub async fn add_group(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<GroupForm>,
) -> Result<(StatusCode, axum::Json<Made>)> {
    let id = body.put(&app, &caller, None).await?;
    Ok((StatusCode::CREATED, axum::Json(Made { id: id.uuid() })))
}

/// Change a group of cameras.
#[utoipa::path(put, path = "/api/v1/groups/{id}", tag = "cameras", params(("id" = Uuid, Path)), request_body = GroupForm, responses((status = 204)))]
pub async fn set_group(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<GroupForm>,
) -> Result<StatusCode> {
    body.put(&app, &caller, Some(GroupId::from(id))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a group of cameras, and what was granted for it. The cameras stay.
#[utoipa::path(delete, path = "/api/v1/groups/{id}", tag = "cameras", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn remove_group(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.devices.remove_group(&caller, GroupId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    role: RoleName,
    /// Until when the membership lasts; null or left out: for good.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
    #[serde(default)]
    grants: Vec<Grant>,
    /// Where to mail the link; null: it is handed over.
    email: Option<String>,
    /// Says that the person permitted the address to be given here.
    #[serde(default)]
    permitted: bool,
}

/// An invitation that was made. The link is shown once.
#[derive(Serialize, ToSchema)]
pub struct MadeInvitation {
    id: Uuid,
    /// Path and fragment, to follow this server's own address.
    link: String,
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
}

/// Invite somebody into the household, by a link that works once within seven days. Needs a fresh confirmation.
#[utoipa::path(post, path = "/api/v1/invitations", tag = "people", request_body = NewInvitation, responses((status = 201, body = MadeInvitation)))]
pub async fn invite(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<NewInvitation>,
) -> Result<(StatusCode, axum::Json<MadeInvitation>)> {
    let offer = Offer { role: body.role.into(), until: body.until, grants: read_all(body.grants)? };
    let made = app.devices.invite(&caller, offer, body.email.as_deref(), body.permitted).await?;
    let link = format!("/invitation#token={}", made.token.expose());
    if let Some(email) = body.email {
        mail_invitation(&app, &caller, email, &link).await?;
    }
    let made = MadeInvitation { id: made.id.uuid(), link, expires: made.expires };
    Ok((StatusCode::CREATED, axum::Json(made)))
}

/// Mails the link, where mail is sent and the person did not ask never to be written to. The link is shown in any case.
async fn mail_invitation(app: &App, caller: &accounts::Caller, email: String, link: &str) -> Result<()> {
    let inviter = match caller.account() {
        Some(_) => Some(app.accounts.me(caller).await?),
        None => None,
    };
    let language = inviter.as_ref().map_or_else(Default::default, |inviter| inviter.language);
    let inviter = inviter.map(|inviter| inviter.name().open().clone());
    let url = connect::Link::new(format!("{}{}", app.connect.site(), link.trim_start_matches('/')));
    let household = app.accounts.household(caller).await?.name.map(|name| name.into_inner());
    let note = connect::Note::Invited { household, inviter, url };
    app.connect.mail_to(&base::Pii::new(email), language, note).await?;
    Ok(())
}

/// An invitation that is open.
#[derive(Serialize, ToSchema)]
pub struct Invitation {
    id: Uuid,
    role: RoleName,
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
    grants: Vec<Grant>,
    /// Where the link was mailed; null: it was handed over.
    email: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
}

/// The open invitations, the newest first.
#[utoipa::path(get, path = "/api/v1/invitations", tag = "people", responses((status = 200, body = List<Invitation>)))]
pub async fn invitations(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Invitation>>> {
    let item = |open: devices::Invitation| Invitation {
        id: open.id.uuid(),
        role: open.offer.role.into(),
        until: open.offer.until,
        grants: open.offer.grants.into_iter().map(Grant::of).collect(),
        email: open.address.map(|address| address.into_inner()),
        created: open.created,
        expires: open.expires,
    };
    Ok(axum::Json(List::whole(app.devices.invitations(&caller).await?.into_iter().map(item).collect())))
}

/// Withdraw an invitation; its link works no more.
#[utoipa::path(delete, path = "/api/v1/invitations/{id}", tag = "people", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn withdraw(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.devices.withdraw_invitation(&caller, InvitationId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a link offers to whoever holds it.
#[derive(Serialize, ToSchema)]
pub struct Offered {
    /// The name of the household, if it has one.
    household: Option<String>,
    /// Who invites.
    inviter: Option<String>,
    role: RoleName,
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
    /// The cameras, by name, for which something is granted.
    cameras: Vec<String>,
    grants: Vec<Grant>,
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
}

/// What an invitation offers. It is not used up by this.
#[utoipa::path(post, path = "/api/v1/invitations/look", tag = "sign-up", request_body = Token, responses(
    (status = 200, body = Offered),
    (status = 404, description = "Unknown, used, withdrawn or expired", body = crate::error::Problem),
))]
pub async fn look(State(app): State<Arc<App>>, Json(body): Json<Token>) -> Result<axum::Json<Offered>> {
    let open = app.devices.invitation(&Secret::new(body.token)).await?;
    let host = accounts::Caller::system(open.household);
    let names: HashMap<CameraId, String> =
        app.devices.cameras(&host).await?.into_iter().map(|camera| (camera.id, camera.name.into_inner())).collect();
    let groups: HashMap<GroupId, Vec<CameraId>> =
        app.devices.groups(&host).await?.into_iter().map(|group| (group.id, group.cameras)).collect();
    let of = |grant: &devices::Grant| match grant.which {
        Which::Camera(id) => vec![id],
        Which::Group(id) => groups.get(&id).cloned().unwrap_or_default(),
    };
    let cameras = open.offer.grants.iter().flat_map(of).filter_map(|id| names.get(&id).cloned()).collect();
    let people = app.accounts.people(&host).await?;
    let inviter = people.iter().find(|person| Some(person.id) == open.inviter);
    Ok(axum::Json(Offered {
        household: app.accounts.household(&host).await?.name.map(|name| name.into_inner()),
        inviter: inviter.map(|person| person.name().open().clone()),
        role: open.offer.role.into(),
        until: open.offer.until,
        cameras,
        grants: open.offer.grants.into_iter().map(Grant::of).collect(),
        expires: open.expires,
    }))
}

/// Accept an invitation: one belongs to the household from now on, and acts in it.
#[utoipa::path(post, path = "/api/v1/invitations/accept", tag = "people", request_body = Token, responses((status = 200, body = Made)))]
pub async fn accept(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<Token>,
) -> Result<axum::Json<Made>> {
    let household = app.devices.accept_invitation(&caller, &Secret::new(body.token)).await?;
    if let accounts::Via::Session(_) = caller.via() {
        app.accounts.select_household(&caller, household).await?;
    }
    Ok(axum::Json(Made { id: household.uuid() }))
}

/// A refusal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    token: String,
    /// Never write to this address again.
    #[serde(default)]
    never: bool,
}

/// Decline an invitation. It is deleted, with the address in it.
#[utoipa::path(post, path = "/api/v1/invitations/refuse", tag = "sign-up", request_body = Refusal, responses((status = 204)))]
pub async fn refuse(State(app): State<Arc<App>>, Json(body): Json<Refusal>) -> Result<StatusCode> {
    let address = app.devices.refuse_invitation(&Secret::new(body.token)).await?;
    if let Some(address) = address
        && body.never
    {
        app.connect.suppress(&connect::Address::parse(address.open())?).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
