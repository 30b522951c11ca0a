//! Who may watch, and who did: the view log and the tickets that only it gives out.
//!
//! No picture and no sound leaves without a [`ViewTicket`], and a ticket is built only once the log holds a row that
//! covers it. If the row cannot be written there is no ticket. A row tells of one person who does one thing with one
//! camera; it is extended while that goes on, in memory at once and on disk every ten seconds, so that a burst of
//! thumbnails costs one write. Rows stay for a year, also after the camera or the person is gone.
//!
//! Invariants: the rows on disk lag behind what was shown by at most ten seconds; a row's media interval reaches no
//! further than half a minute beyond what was shown, except for thumbnails, whose row spans the whole burst.

use crate::{CameraId, Devices, camera, fact};
use accounts::{AccountId, Caller, HouseholdId, Scope};
use base::{Error, Kind, Range, Result, Time};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

base::id!(
    /// A row of the view log.
    ViewId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "views")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub household: Uuid,
    /// None: a camera that the household does not have, or no camera at all.
    pub camera: Option<Uuid>,
    /// None: somebody at the machine's own terminal, or with a token made there.
    pub account: Option<Uuid>,
    pub label: String,
    pub deed: String,
    pub allowed: bool,
    pub media_start: Option<i64>,
    pub media_end: Option<i64>,
    pub started: i64,
    pub last: i64,
    /// Place in the household's chain; none while the row may be extended.
    pub number: Option<i64>,
    pub chain: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table views {
        id: not_personal("opaque id"),
        household: {
            category: Membership, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C9_3_4],
        },
        camera: {
            category: Viewing, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include,
            erase: Keep(
                "the others of the household may know who watched; it names an opaque id",
                "die anderen im Haushalt dürfen wissen, wer zugesehen hat; es nennt nur eine Kennung",
            ),
            clauses: [C9_3_4],
        },
        account: {
            category: AccountId, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include,
            erase: Keep(
                "the others of the household may know who watched; it names an opaque id",
                "die anderen im Haushalt dürfen wissen, wer zugesehen hat; es nennt nur eine Kennung",
            ),
            clauses: [C9_3_4],
        },
        label: {
            category: Browser, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Device,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include,
            erase: Keep(
                "it names a family of browsers and nobody",
                "es nennt eine Art von Browser und niemanden",
            ),
            clauses: [C9_3_4],
        },
        deed: {
            category: Viewing, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include,
            erase: Keep(
                "the others of the household may know what was watched",
                "die anderen im Haushalt dürfen wissen, was angesehen wurde",
            ),
            clauses: [C9_3_4],
        },
        allowed: {
            category: Viewing, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include,
            erase: Keep(
                "the others of the household may know of attempts",
                "die anderen im Haushalt dürfen von Versuchen wissen",
            ),
            clauses: [C9_3_4],
        },
        media_start: {
            category: Viewing, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include,
            erase: Keep(
                "the others of the household may know what was watched",
                "die anderen im Haushalt dürfen wissen, was angesehen wurde",
            ),
            clauses: [C9_3_4],
        },
        media_end: {
            category: Viewing, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include,
            erase: Keep(
                "the others of the household may know what was watched",
                "die anderen im Haushalt dürfen wissen, was angesehen wurde",
            ),
            clauses: [C9_3_4],
        },
        started: {
            category: Viewing, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include,
            erase: Keep(
                "the others of the household may know when somebody watched",
                "die anderen im Haushalt dürfen wissen, wann jemand zugesehen hat",
            ),
            clauses: [C9_3_4],
        },
        last: {
            category: Viewing, subject: Viewer, purposes: [ViewLog: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include,
            erase: Keep(
                "the others of the household may know when somebody watched",
                "die anderen im Haushalt dürfen wissen, wann jemand zugesehen hat",
            ),
            clauses: [C9_3_4],
        },
        number: not_personal("counts the rows"),
        chain: not_personal("a hash of the row and the one before it"),
    }
}

/// How long the logs are kept.
pub(crate) const KEPT: Duration = Duration::from_secs(365 * 86_400);
/// A row is extended if no more than this lies between, in time of day and in time of the pictures.
pub(crate) const GAP: Duration = Duration::from_secs(30);
/// Whoever takes this much away at once, the owners are told of.
const BULK: Duration = Duration::from_secs(3600);
/// How far the row on disk may lag behind.
const LAG: Duration = Duration::from_secs(10);
/// How many places of one camera's recordings one person can watch at once before the log splits into more rows.
const AT_ONCE: usize = 8;
/// The most rows of one page.
const MOST_ROWS: u64 = 500;

camera::words! {
    /// What is done with the pictures.
    Action {
        Live => "live",
        Play => "play",
        Thumbnail => "thumbnail",
        Snapshot => "snapshot",
        Download => "download",
        /// Taken along in the copy of one's data.
        Export => "export",
        /// No picture: a link was made with which somebody can become the owner.
        SetupLink => "setup-link",
    }
}

/// The right to see or hear one stretch of one camera, already written to the view log.
///
/// It cannot be copied or built elsewhere: whoever holds one has been logged.
#[derive(Debug)]
#[must_use = "the view log now says that this was shown"]
pub struct ViewTicket {
    caller: Caller,
    camera: CameraId,
    action: Action,
    range: Range,
}

impl ViewTicket {
    /// The camera that may be watched.
    pub fn camera(&self) -> CameraId {
        self.camera
    }

    /// Whose camera it is.
    pub fn household(&self) -> HouseholdId {
        self.caller.household()
    }

    /// Which recordings may be shown. For [`Action::Live`] it is the moment of the ticket: a live view goes on as long
    /// as [`Devices::may_still_view`], and extends the log with further tickets.
    pub fn range(&self) -> Range {
        self.range
    }

    /// What may be done.
    pub fn action(&self) -> Action {
        self.action
    }
}

/// One row of the view log.
#[derive(Clone, Debug)]
pub struct View {
    pub id: ViewId,
    /// None: a camera that the household does not have, or no camera at all.
    pub camera: Option<CameraId>,
    /// None: somebody at the machine's own terminal, or with a token made there.
    pub account: Option<AccountId>,
    /// The browser family, token or terminal.
    pub label: String,
    pub action: Action,
    /// False: it was tried and refused.
    pub allowed: bool,
    /// Which recordings, by their own time.
    pub media: Option<Range>,
    pub started: Time,
    pub last: Time,
}

/// Some rows, the newest first.
#[derive(Clone, Debug)]
pub struct Page {
    pub items: Vec<View>,
    /// What to ask for the rows after these.
    pub next: Option<ViewId>,
}

/// Who does what: rows that agree in this are extended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    household: HouseholdId,
    camera: Option<CameraId>,
    account: Option<AccountId>,
    label: String,
    action: Action,
    allowed: bool,
}

impl Key {
    fn new(caller: &Caller, camera: Option<CameraId>, action: Action, allowed: bool) -> Self {
        let (household, account) = (caller.household(), caller.account());
        Self { household, camera, account, label: caller.label().as_str().into(), action, allowed }
    }

    /// Who saw which camera, where somebody did.
    fn watched(&self) -> Option<fact::Watched> {
        let (account, camera) = self.account.zip(self.camera).filter(|_| self.allowed)?;
        Some(fact::Watched { household: self.household, account, camera })
    }

    fn row(&self, open: &Open, started: Time) -> Model {
        Model {
            id: open.id.uuid(),
            household: self.household.uuid(),
            camera: self.camera.map(CameraId::uuid),
            account: self.account.map(AccountId::uuid),
            label: self.label.clone(),
            deed: self.action.as_str().into(),
            allowed: self.allowed,
            media_start: open.media.map(|media| media.start.micros()),
            media_end: open.media.map(|media| media.end.micros()),
            started: started.micros(),
            last: open.last.micros(),
            number: None,
            chain: None,
        }
    }
}

/// A row that may still be extended.
#[derive(Debug)]
struct Open {
    id: ViewId,
    media: Option<Range>,
    last: Time,
    written: Time,
    dirty: bool,
}

impl Open {
    fn is_current(&self, now: Time) -> bool {
        now.since(self.last) <= GAP
    }

    /// Whether the row may be stretched over `media`.
    fn reaches(&self, media: Option<Range>, action: Action) -> bool {
        match (self.media, media) {
            (Some(mine), Some(other)) => {
                action == Action::Thumbnail || (other.start <= mine.end + GAP && mine.start <= other.end + GAP)
            }
            (mine, other) => mine == other,
        }
    }

    fn is_bulk(&self) -> bool {
        self.media.is_some_and(|media| media.duration() >= BULK)
    }

    fn stretch(&mut self, media: Option<Range>, now: Time) {
        if let (Some(mine), Some(other)) = (&mut self.media, media) {
            mine.start = mine.start.min(other.start);
            mine.end = mine.end.max(other.end);
        }
        self.last = self.last.max(now);
        self.dirty = true;
    }
}

type Slot = Arc<tokio::sync::Mutex<Vec<Open>>>;

/// The rows that may still be extended, by who does what. A slot is locked while its row is written, so that a burst
/// waits for one insert instead of making one each.
#[derive(Default)]
pub(crate) struct OpenViews(Mutex<HashMap<Key, Slot>>);

impl std::fmt::Debug for OpenViews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} open", self.slots().len())
    }
}

impl OpenViews {
    fn slot(&self, key: &Key) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.get(key) {
            Some(slot) => slot.clone(),
            None => slots.entry(key.clone()).or_default().clone(),
        }
    }

    fn slots(&self) -> Vec<Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Drops the slots that hold nothing and that nobody is about to use.
    fn prune(&self) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|open| !open.is_empty()));
    }
}

impl Devices {
    /// A ticket to watch `range` of a camera, or the present moment. It takes the scope `media:read`, and the right from
    /// the role or a grant; to whom the camera is not known it does not exist. Refusals are logged too.
    pub async fn ticket(
        &self,
        caller: &Caller,
        camera: CameraId,
        action: Action,
        range: Option<Range>,
    ) -> Result<ViewTicket> {
        let now = self.world.clock.now();
        if let Err(refusal) = self.may_view(caller, camera, action, range).await {
            self.log_refusal(caller, camera, action, &refusal, now).await;
            return Err(refusal);
        }
        let range = range.unwrap_or(Range { start: now, end: now + Duration::from_micros(1) });
        if policy::enforce!(C9_3_4) {
            self.log_view(&Key::new(caller, Some(camera), action, true), Some(range), now).await?;
        }
        Ok(ViewTicket { caller: caller.clone(), camera, action, range })
    }

    /// An error once the caller may not watch the camera live any more: the session or token ended, the person or the
    /// camera was removed, the grant is over.
    pub async fn may_still_view(&self, caller: &Caller, camera: CameraId) -> Result<()> {
        let caller = self.accounts.refresh(caller).await?;
        self.may_view(&caller, camera, Action::Live, None).await
    }

    /// An error unless the caller may do this with pictures of the camera; `range` is of recordings, none is the present.
    pub async fn may_view(
        &self,
        caller: &Caller,
        camera: CameraId,
        action: Action,
        range: Option<Range>,
    ) -> Result<()> {
        caller.require(Scope::MediaRead)?;
        let household = self.household_of(camera).await?;
        policy::enforce!(C9_3_4, household == Some(caller.household()), camera::unknown());
        policy::enforce!(C3_3, !self.is_closed(camera).await?, camera::unknown());
        self.check_right(caller, camera, action, range).await
    }

    /// A refusal stands even if it cannot be logged.
    async fn log_refusal(&self, caller: &Caller, camera: CameraId, action: Action, refusal: &Error, now: Time) {
        let camera = match refusal.kind() {
            Kind::NotFound => None,
            Kind::Denied => {
                let household = self.household_of(camera).await.ok().flatten();
                household.filter(|household| *household == caller.household()).map(|_| camera)
            }
            _ => return,
        };
        if let Err(error) = self.log_view(&Key::new(caller, camera, action, false), None, now).await {
            tracing::warn!(?error, "a refused view was not logged");
        }
    }

    /// Writes to the view log that a link was made with which somebody can become the owner.
    pub async fn log_setup_link(&self, caller: &Caller) -> Result<()> {
        self.log_view(&Key::new(caller, None, Action::SetupLink, true), None, self.world.clock.now()).await
    }

    /// Makes sure that a row covers this, or fails with `Unavailable`.
    async fn log_view(&self, key: &Key, media: Option<Range>, now: Time) -> Result<()> {
        let slot = self.open_views.slot(key);
        let mut open = slot.lock().await;
        let found = open.iter().position(|open| open.is_current(now) && open.reaches(media, key.action));
        let logged = match found {
            Some(at) => self.extend_row(key, &mut open[at], media, now).await,
            None => self.insert_row(key, &mut open, media, now).await,
        };
        logged.map_err(|cause| Error::unavailable("the view log cannot be written, so nothing is shown").because(cause))
    }

    async fn extend_row(&self, key: &Key, open: &mut Open, media: Option<Range>, now: Time) -> Result<()> {
        let before = open.is_bulk();
        open.stretch(media, now);
        if !before && open.is_bulk() {
            self.tell_of_bulk(self.db.conn(), key).await?;
        }
        if now.since(open.written) < LAG {
            return Ok(());
        }
        self.write_row(open, now).await
    }

    async fn insert_row(&self, key: &Key, slot: &mut Vec<Open>, media: Option<Range>, now: Time) -> Result<()> {
        if slot.len() >= AT_ONCE {
            self.write_row(&mut slot[0], now).await?;
            slot.remove(0);
        }
        let open = Open { id: ViewId::generate(&self.world), media, last: now, written: now, dirty: false };
        let row = ActiveModel::from(key.row(&open, now));
        let tx = self.db.begin().await?;
        if let Some(watched) = key.watched()
            && !self.has_watched(&tx, watched).await?
        {
            db::outbox::emit(&tx, &self.world, fact::FIRST_VIEW, &watched).await?;
        }
        if open.is_bulk() {
            self.tell_of_bulk(&tx, key).await?;
        }
        Entity::insert(row).exec_without_returning(&tx).await.map_err(db::error)?;
        tx.commit().await.map_err(db::error)?;
        slot.push(open);
        Ok(())
    }

    async fn has_watched(&self, conn: &impl ConnectionTrait, who: fact::Watched) -> Result<bool> {
        let rows = Entity::find().filter(Column::Household.eq(who.household.uuid()));
        let rows = rows.filter(Column::Account.eq(who.account.uuid())).filter(Column::Camera.eq(who.camera.uuid()));
        let found = rows.filter(Column::Allowed.eq(true)).one(conn).await.map_err(db::error)?;
        Ok(found.is_some())
    }

    async fn tell_of_bulk(&self, conn: &impl ConnectionTrait, key: &Key) -> Result<()> {
        match key.watched() {
            Some(watched) if key.action == Action::Download => {
                db::outbox::emit(conn, &self.world, fact::BULK_DOWNLOAD, &watched).await
            }
            _ => Ok(()),
        }
    }

    async fn write_row(&self, open: &mut Open, now: Time) -> Result<()> {
        if !open.dirty {
            return Ok(());
        }
        let mut update = Entity::update_many().col_expr(Column::Last, Expr::value(open.last.micros()));
        if let Some(media) = open.media {
            update = update
                .col_expr(Column::MediaStart, Expr::value(media.start.micros()))
                .col_expr(Column::MediaEnd, Expr::value(media.end.micros()));
        }
        update
            .filter(Column::Id.eq(open.id.uuid()))
            .filter(Column::Number.is_null())
            .exec(self.db.conn())
            .await
            .map_err(db::error)?;
        (open.written, open.dirty) = (now, false);
        Ok(())
    }

    /// Writes the extensions that are only in memory, forgets the rows that will not be extended any more, and chains
    /// them.
    pub async fn flush_views(&self) -> Result<()> {
        let now = self.world.clock.now();
        for slot in self.open_views.slots() {
            let mut slot = slot.lock().await;
            for open in slot.iter_mut() {
                self.write_row(open, now).await?;
            }
            slot.retain(|open| open.is_current(now));
        }
        self.open_views.prune();
        self.seal_views(now).await
    }

    /// Who watched, the newest first: for the owner all of the household, for a viewer what that person watched.
    /// `before` is the `next` of the page before.
    pub async fn view_log(
        &self,
        caller: &Caller,
        camera: Option<CameraId>,
        before: Option<ViewId>,
        limit: u64,
    ) -> Result<Page> {
        caller.require(Scope::CamerasRead)?;
        if let Err(error) = self.flush_views().await {
            tracing::warn!(?error, "the view log is shown as it was some seconds ago");
        }
        let mut query = Entity::find().filter(Column::Household.eq(caller.household().uuid()));
        if !caller.scopes().has(Scope::Admin) {
            query = query.filter(Column::Account.is_in(caller.account().map(AccountId::uuid)));
        }
        if let Some(camera) = camera {
            query = query.filter(Column::Camera.eq(camera.uuid()));
        }
        if let Some(before) = before {
            query = query.filter(Column::Id.lt(before.uuid()));
        }
        let limit = limit.clamp(1, MOST_ROWS);
        let mut rows = query.order_by_desc(Column::Id).limit(limit + 1).all(self.db.conn()).await.map_err(db::error)?;
        let more = rows.len() as u64 > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| row.id.into());
        Ok(Page { items: rows.into_iter().map(view).collect::<Result<_>>()?, next })
    }

    pub(crate) async fn expire_views(&self, now: Time) -> Result<u64> {
        let over = Column::Last.lt((now - KEPT).micros());
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

fn view(row: Model) -> Result<View> {
    let time = Time::from_micros;
    let media = row.media_start.zip(row.media_end);
    Ok(View {
        id: row.id.into(),
        camera: row.camera.map(Into::into),
        account: row.account.map(Into::into),
        label: row.label,
        action: row.deed.parse().map_err(|cause| Error::internal("the view log has an unknown deed").because(cause))?,
        allowed: row.allowed,
        media: media.map(|(start, end)| Range { start: time(start), end: time(end) }),
        started: time(row.started),
        last: time(row.last),
    })
}
