//! What a member may do with which camera, and when.
//!
//! A role gives rights over every camera (see [`of_role`]); a grant adds some for one camera or one group, between two
//! instants and inside weekly hours of the household's zone. A grant shows no footage from before it began. Grants go
//! with the membership.

use crate::{
    CameraId, Devices, camera,
    grant::Action,
    group::{self, GroupId},
};
use accounts::{AccountId, Caller, HouseholdId, Role, Scope};
use base::{Error, Range, Result, Time};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};
use std::collections::HashSet;

base::id!(
    /// A grant.
    GrantId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grants")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub household: Uuid,
    pub account: Uuid,
    /// One of these two says for which cameras.
    pub camera: Option<Uuid>,
    pub camera_group: Option<Uuid>,
    pub rights: i16,
    pub begins: Option<i64>,
    pub ends: Option<i64>,
    pub weekly: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table grants {
        id: not_personal("opaque id"),
        household: {
            category: Membership, subject: HouseholdMember, purposes: [Watch: Contract], source: Derived,
            retention: Account, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C9_3_4],
        },
        account: {
            category: AccountId, subject: HouseholdMember, purposes: [Watch: Contract], source: Derived,
            retention: Account, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C9_3_4],
        },
        camera: {
            category: Membership, subject: HouseholdMember, purposes: [Watch: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C9_3_4],
        },
        camera_group: {
            category: Membership, subject: HouseholdMember, purposes: [Watch: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C9_3_4],
        },
        rights: {
            category: Membership, subject: HouseholdMember, purposes: [Watch: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C9_3_4],
        },
        begins: {
            category: Membership, subject: HouseholdMember, purposes: [Watch: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C9_3_4],
        },
        ends: {
            category: Membership, subject: HouseholdMember, purposes: [Watch: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C9_3_4],
        },
        weekly: {
            category: Membership, subject: HouseholdMember, purposes: [Watch: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C9_3_4],
        },
    }
}

camera::words! {
    /// What can be allowed.
    Right {
        /// Seeing the present.
        Live => "live",
        /// Looking back.
        History => "history",
        /// Taking footage away.
        Export => "export",
        /// Moving the camera, its light, its siren.
        Control => "control",
        /// Changing its settings.
        Manage => "manage",
    }
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 5] = [Self::Live, Self::History, Self::Export, Self::Control, Self::Manage];

    const fn bit(self) -> i16 {
        1 << self as i16
    }

    /// The scope without which the right is of no use.
    const fn scope(self) -> Scope {
        match self {
            Self::Manage => Scope::CamerasWrite,
            Self::Live | Self::History | Self::Export | Self::Control => Scope::MediaRead,
        }
    }

    /// The right that an action with pictures needs. A snapshot of no instant is of the present.
    fn of(action: Action, past: bool) -> Self {
        match action {
            Action::Live => Self::Live,
            Action::Snapshot if !past => Self::Live,
            Action::Download | Action::Export => Self::Export,
            _ => Self::History,
        }
    }
}

/// Whether a role has the right over every camera of its household.
fn of_role(role: Role, right: Right) -> bool {
    match role {
        Role::Owner | Role::Manager => true,
        Role::Member => matches!(right, Right::Live | Right::History | Right::Export),
        Role::Installer => right == Right::Manage,
        Role::Guest => false,
    }
}

/// For which cameras a grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    Camera(CameraId),
    Group(GroupId),
}

/// Some hours of some days of each week, in the household's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Monday is the lowest bit.
    days: u8,
    /// Minutes from midnight; the end is the first minute outside, at most 1440.
    from: u16,
    to: u16,
}

impl Hours {
    /// From `from` to `to`, in minutes from midnight, on these days (0 is Monday).
    pub fn new(days: impl IntoIterator<Item = u8>, from: u16, to: u16) -> Result<Self> {
        let wrong = |message: &str| Error::invalid(message).field("weekly");
        let mut set = 0;
        for day in days {
            match day {
                0..=6 => set |= 1 << day,
                _ => return Err(wrong("a day of the week is 0 (Monday) to 6")),
            }
        }
        if set == 0 {
            return Err(wrong("name at least one day"));
        }
        if from >= to || to > 24 * 60 {
            return Err(wrong("hours end after they begin, on the same day; two entries reach over midnight"));
        }
        Ok(Self { days: set, from, to })
    }

    /// The days, 0 is Monday.
    pub fn days(&self) -> impl Iterator<Item = u8> + '_ {
        (0..7).filter(|day| self.days & (1 << day) != 0)
    }

    /// Minutes from midnight.
    pub fn from(&self) -> u16 {
        self.from
    }

    /// Minutes from midnight, the first one outside.
    pub fn to(&self) -> u16 {
        self.to
    }

    fn hold(&self, day: u8, minute: u16) -> bool {
        self.days & (1 << day) != 0 && (self.from..self.to).contains(&minute)
    }

    fn text(&self) -> String {
        format!("{}:{}-{}", self.days, self.from, self.to)
    }

    fn stored(text: &str) -> Option<Self> {
        let (days, hours) = text.split_once(':')?;
        let (from, to) = hours.split_once('-')?;
        Some(Self { days: days.parse().ok()?, from: from.parse().ok()?, to: to.parse().ok()? })
    }
}

/// What is allowed, for which cameras, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub which: Which,
    pub rights: Vec<Right>,
    pub start: Option<Time>,
    pub end: Option<Time>,
    /// Empty: at any hour.
    pub weekly: Vec<Hours>,
}

/// No member has more grants.
pub const MOST_GRANTS: usize = 100;

impl Grant {
    /// An error that names what is wrong with it.
    pub fn checked(self) -> Result<Self> {
        if self.rights.is_empty() {
            return Err(Error::invalid("a grant allows something").field("rights"));
        }
        if self.start.zip(self.end).is_some_and(|(start, end)| end <= start) {
            return Err(Error::invalid("a grant ends after it begins").field("end"));
        }
        if self.weekly.len() > 21 {
            return Err(Error::invalid("a grant has at most 21 weekly entries").field("weekly"));
        }
        Ok(self)
    }

    fn row(&self, id: GrantId, household: HouseholdId, account: AccountId) -> ActiveModel {
        let (camera, group) = match self.which {
            Which::Camera(id) => (Some(id.uuid()), None),
            Which::Group(id) => (None, Some(id.uuid())),
        };
        ActiveModel {
            id: Set(id.uuid()),
            household: Set(household.uuid()),
            account: Set(account.uuid()),
            camera: Set(camera),
            camera_group: Set(group),
            rights: Set(self.rights.iter().fold(0, |bits, right| bits | right.bit())),
            begins: Set(self.start.map(Time::micros)),
            ends: Set(self.end.map(Time::micros)),
            weekly: Set(self.weekly.iter().map(Hours::text).collect::<Vec<_>>().join(" ")),
        }
    }

    fn stored(row: &Model) -> Result<Self> {
        let broken = || Error::internal("a grant cannot be read");
        let which = match (row.camera, row.camera_group) {
            (Some(camera), None) => Which::Camera(camera.into()),
            (None, Some(group)) => Which::Group(group.into()),
            _ => return Err(broken()),
        };
        let weekly = row.weekly.split_whitespace().map(Hours::stored);
        Ok(Self {
            which,
            rights: Right::ALL.into_iter().filter(|right| row.rights & right.bit() != 0).collect(),
            start: row.begins.map(Time::from_micros),
            end: row.ends.map(Time::from_micros),
            weekly: weekly.collect::<Option<_>>().ok_or_else(broken)?,
        })
    }

    /// Whether it holds at this instant, by the instants alone.
    fn has_begun_and_not_ended(&self, now: Time) -> bool {
        self.start.is_none_or(|start| start <= now) && self.end.is_none_or(|end| now < end)
    }

    /// Whether it holds at this instant.
    fn holds(&self, now: Time, zone: &jiff::tz::TimeZone) -> bool {
        if !self.has_begun_and_not_ended(now) {
            return false;
        }
        let Ok(stamp) = jiff::Timestamp::from_microsecond(now.micros()) else { return false };
        let local = stamp.to_zoned_datetime(zone.clone());
        let day = local.weekday().to_monday_zero_offset() as u8;
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        self.weekly.is_empty() || self.weekly.iter().any(|hours| hours.hold(day, minute))
    }
}

impl Devices {
    /// What was granted to a member, besides what the role gives; a member may read the own grants.
    pub async fn grants(&self, caller: &Caller, account: AccountId) -> Result<Vec<Grant>> {
        if caller.account() != Some(account) {
            caller.require(Scope::Admin)?;
            self.member_role(caller, account).await?;
        }
        self.grants_of(caller.household(), account).await
    }

    /// Replaces what was granted to a member. Takes effect at once, within five seconds on what is being watched.
    pub async fn set_grants(&self, caller: &Caller, account: AccountId, grants: Vec<Grant>) -> Result<()> {
        caller.require(Scope::Admin)?;
        caller.require_recent(self.world.clock.now())?;
        let role = self.member_role(caller, account).await?;
        if !caller.role().is_some_and(|own| own.decides_over(role)) {
            return Err(Error::denied("your role does not decide over this person"));
        }
        self.check_grants(caller, &grants).await?;
        let tx = self.db.begin().await?;
        let theirs = Column::Household.eq(caller.household().uuid());
        let theirs = Entity::delete_many().filter(theirs).filter(Column::Account.eq(account.uuid()));
        theirs.exec(&tx).await.map_err(db::error)?;
        self.insert_grants(&tx, caller.household(), account, &grants).await?;
        tx.commit().await.map_err(db::error)
    }

    async fn member_role(&self, caller: &Caller, account: AccountId) -> Result<Role> {
        let people = self.accounts.people(caller).await?;
        let person = people.iter().find(|person| person.id == account);
        Ok(person.ok_or_else(|| Error::not_found("no such member"))?.role)
    }

    /// An error unless all are grants over cameras of the caller's household.
    pub(crate) async fn check_grants(&self, caller: &Caller, grants: &[Grant]) -> Result<()> {
        if grants.len() > MOST_GRANTS {
            return Err(Error::out_of_range(format!("a member has at most {MOST_GRANTS} grants")).field("grants"));
        }
        for grant in grants {
            match grant.which {
                Which::Camera(id) => drop(self.camera(caller, id).await?),
                Which::Group(id) => group::require(self.db.conn(), caller.household(), id).await?,
            }
        }
        Ok(())
    }

    pub(crate) async fn insert_grants(
        &self,
        conn: &impl ConnectionTrait,
        household: HouseholdId,
        account: AccountId,
        grants: &[Grant],
    ) -> Result<()> {
        let rows = grants.iter().map(|grant| grant.row(GrantId::generate(&self.world), household, account));
        match grants.is_empty() {
            true => Ok(()),
            false => Entity::insert_many(rows).exec_without_returning(conn).await.map(drop).map_err(db::error),
        }
    }

    async fn grants_of(&self, household: HouseholdId, account: AccountId) -> Result<Vec<Grant>> {
        let theirs = Entity::find().filter(Column::Household.eq(household.uuid()));
        let theirs = theirs.filter(Column::Account.eq(account.uuid())).order_by_asc(Column::Id);
        theirs.all(self.db.conn()).await.map_err(db::error)?.iter().map(Grant::stored).collect()
    }

    /// The cameras of which a caller may know; none: all of the household. A guest knows of those for which a grant
    /// has begun and not ended, at whatever hours.
    pub(crate) async fn known_to(&self, caller: &Caller) -> Result<Option<HashSet<CameraId>>> {
        let (Some(Role::Guest), Some(account)) = (caller.role(), caller.account()) else { return Ok(None) };
        let now = self.world.clock.now();
        let mut known = HashSet::new();
        for grant in self.grants_of(caller.household(), account).await? {
            if !grant.has_begun_and_not_ended(now) {
                continue;
            }
            match grant.which {
                Which::Camera(id) => drop(known.insert(id)),
                Which::Group(id) => known.extend(group::cameras(self.db.conn(), id).await?),
            }
        }
        Ok(Some(known))
    }

    /// An error unless the caller may do this with pictures of the camera now: `range` is of recordings, none is the
    /// present. To whom the camera is not known it does not exist.
    pub(crate) async fn check_right(
        &self,
        caller: &Caller,
        camera: CameraId,
        action: Action,
        range: Option<Range>,
    ) -> Result<()> {
        let right = Right::of(action, range.is_some());
        let Some(role) = caller.role() else { return Err(camera::unknown()) };
        if of_role(role, right) {
            return Ok(());
        }
        if self.known_to(caller).await?.is_some_and(|known| !known.contains(&camera)) {
            return Err(camera::unknown());
        }
        let since = self.allowed_since(caller, camera, right).await?;
        let reaches = |since: Time| right == Right::Live || range.is_none_or(|range| range.start >= since);
        match since {
            Some(since) if reaches(since) => Ok(()),
            Some(_) => Err(Error::denied("what was granted to you begins later").field("start")),
            None => Err(Error::denied(format!("the right to {} is not yours at this time", right.as_str()))),
        }
    }

    /// From when on a caller may look back; none: not at all.
    pub async fn history_since(&self, caller: &Caller, camera: CameraId) -> Result<Option<Time>> {
        match caller.role() {
            Some(role) if of_role(role, Right::History) => Ok(Some(Time::MIN)),
            _ => self.allowed_since(caller, camera, Right::History).await,
        }
    }

    /// Since when a right is granted to the caller that holds now.
    async fn allowed_since(&self, caller: &Caller, camera: CameraId, right: Right) -> Result<Option<Time>> {
        let grants = self.holding(caller, camera).await?;
        let theirs = grants.iter().filter(|grant| grant.rights.contains(&right));
        Ok(theirs.map(|grant| grant.start.unwrap_or(Time::MIN)).min())
    }

    /// The grants to the caller over the camera that hold now.
    async fn holding(&self, caller: &Caller, camera: CameraId) -> Result<Vec<Grant>> {
        let Some(account) = caller.account() else { return Ok(Vec::new()) };
        let zone = self.accounts.zone(caller).await?;
        let zone = jiff::tz::TimeZone::get(&zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let now = self.world.clock.now();
        let mut holding = Vec::new();
        for grant in self.grants_of(caller.household(), account).await? {
            let covers = match grant.which {
                Which::Camera(id) => id == camera,
                Which::Group(id) => group::cameras(self.db.conn(), id).await?.contains(&camera),
            };
            if covers && grant.holds(now, &zone) {
                holding.push(grant);
            }
        }
        Ok(holding)
    }

    /// What the caller may do with the camera at this instant, by role, grants and scopes.
    pub async fn rights(&self, caller: &Caller, camera: CameraId) -> Result<Vec<Right>> {
        let Some(role) = caller.role() else { return Ok(Vec::new()) };
        let granted = match Right::ALL.into_iter().all(|right| of_role(role, right)) {
            true => Vec::new(),
            false => self.holding(caller, camera).await?,
        };
        let has = |right| of_role(role, right) || granted.iter().any(|grant| grant.rights.contains(&right));
        let works = |right: Right| caller.scopes().has(right.scope());
        Ok(Right::ALL.into_iter().filter(|right| has(*right) && works(*right)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(weekly: Vec<Hours>) -> Grant {
        let which = Which::Camera(CameraId::from_bytes([1; 16]));
        Grant { which, rights: vec![Right::Live], start: None, end: None, weekly }
    }

    #[test]
    fn weekly_hours_are_those_of_the_households_clock() {
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        // Saturday and Sunday, 08:00 to 20:00.
        let weekend = grant(vec![Hours::new([5, 6], 480, 1200).unwrap()]);
        let holds = |at: &str| weekend.holds(at.parse().unwrap(), &zone);
        assert!(holds("2026-11-28T07:00:00Z") && !holds("2026-11-28T06:59:59Z"), "08:00 in winter is 07:00 UTC");
        assert!(holds("2026-07-04T06:00:00Z"), "and in summer 06:00 UTC");
        assert!(!holds("2026-11-28T19:00:00Z") && !holds("2026-11-27T12:00:00Z"), "neither the evening nor Friday");
        assert!(holds("2026-11-29T18:59:59Z"));
    }

    #[test]
    fn hours_survive_storing_and_impossible_ones_are_refused() {
        let hours = Hours::new([0, 6], 0, 1440).unwrap();
        assert_eq!(Hours::stored(&hours.text()), Some(hours));
        assert_eq!(hours.days().collect::<Vec<_>>(), [0, 6]);
        for (days, from, to) in [(vec![], 0, 60), (vec![7], 0, 60), (vec![1], 60, 60), (vec![1], 0, 1441)] {
            assert_eq!(Hours::new(days, from, to).unwrap_err().at_field(), Some("weekly"));
        }
    }

    #[test]
    fn a_role_gives_what_its_name_says() {
        let of = |role| Right::ALL.into_iter().filter(|right| of_role(role, *right)).collect::<Vec<_>>();
        assert_eq!(of(Role::Owner), Right::ALL);
        assert_eq!(of(Role::Member), [Right::Live, Right::History, Right::Export]);
        assert_eq!(of(Role::Installer), [Right::Manage], "no picture");
        assert!(of(Role::Guest).is_empty(), "nothing without a grant");
    }
}
