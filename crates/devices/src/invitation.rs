//! Invitations: a link with which somebody joins a household, with the role and the grants that were offered.
//!
//! Whoever holds the link can accept it, once, within seven days. The address of a third person is taken only with that
//! person's permission, serves the mail alone, and goes with the invitation.

use crate::{
    Devices,
    right::{Grant, Hours, Right, Which},
};
use accounts::{AccountId, Caller, HouseholdId, Role, Scope, secret};
use base::{Error, Pii, Result, Secret, Time};
use sea_orm::{QueryOrder, entity::prelude::*};
use serde::{Deserialize, Serialize};
use std::time::Duration;

base::id!(
    /// An invitation.
    InvitationId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub household: Uuid,
    /// None: somebody at the machine's own terminal.
    pub inviter: Option<Uuid>,
    pub hash: Vec<u8>,
    pub offer: String,
    /// Where the link was mailed, sealed; none: it is handed over.
    pub address: Option<Vec<u8>>,
    pub created: i64,
    pub expires: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table invitations {
        id: not_personal("opaque id"),
        household: {
            category: Membership, subject: HouseholdMember, purposes: [Account: Contract], source: Derived,
            retention: Days(7), recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C1_1_8],
        },
        inviter: {
            category: AccountId, subject: HouseholdMember, purposes: [Account: Contract], source: Derived,
            retention: Days(7), recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C1_1_8],
        },
        hash: {
            category: Credential, subject: ThirdPerson, purposes: [Account: Contract], source: Derived,
            retention: Days(7), protection: Hash, export: Omit("a credential"), erase: Delete, clauses: [C1_1_8],
        },
        offer: {
            category: Membership, subject: ThirdPerson, purposes: [Account: Contract], retention: Days(7),
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C1_1_8],
        },
        address: {
            category: Email, subject: ThirdPerson, purposes: [Account: Consent], retention: Days(7),
            recipients: [Household], protection: AccountKey, export: Include, erase: Delete, clauses: [C1_1_8],
        },
        created: {
            category: Activity, subject: HouseholdMember, purposes: [Account: Contract], source: Derived,
            retention: Days(7), recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C1_1_8],
        },
        expires: not_personal("when the link ends"),
    }
}

const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// No household has more open invitations, which bounds how often strangers can be written to in a week.
const MOST_OPEN: u64 = 50;

/// What is offered.
#[derive(Clone, Debug)]
pub struct Offer {
    pub role: Role,
    /// Until when the membership lasts.
    pub until: Option<Time>,
    pub grants: Vec<Grant>,
}

/// An invitation that was just made. Its token goes into the fragment of a URL.
#[derive(Debug)]
pub struct NewInvitation {
    pub id: InvitationId,
    pub token: Secret<String>,
    pub expires: Time,
}

/// An invitation that is still open.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub id: InvitationId,
    pub household: HouseholdId,
    pub inviter: Option<AccountId>,
    pub address: Option<Pii<String>>,
    pub offer: Offer,
    pub created: Time,
    pub expires: Time,
}

/// The offer as the table keeps it.
#[derive(Serialize, Deserialize)]
struct Stored {
    role: Role,
    until: Option<i64>,
    grants: Vec<StoredGrant>,
}

#[derive(Serialize, Deserialize)]
struct StoredGrant {
    camera: Option<Uuid>,
    group: Option<Uuid>,
    rights: Vec<Right>,
    start: Option<i64>,
    end: Option<i64>,
    weekly: Vec<(Vec<u8>, u16, u16)>,
}

impl Offer {
    fn text(&self) -> String {
        let grant = |grant: &Grant| {
            let (camera, group) = match grant.which {
                Which::Camera(id) => (Some(id.uuid()), None),
                Which::Group(id) => (None, Some(id.uuid())),
            };
            StoredGrant {
                camera,
                group,
                rights: grant.rights.clone(),
                start: grant.start.map(Time::micros),
                end: grant.end.map(Time::micros),
                weekly: grant.weekly.iter().map(|hours| (hours.days().collect(), hours.from(), hours.to())).collect(),
            }
        };
        let until = self.until.map(Time::micros);
        let stored = Stored { role: self.role, until, grants: self.grants.iter().map(grant).collect() };
        serde_json::to_string(&stored).expect("ids, words and numbers")
    }

    fn stored(text: &str) -> Result<Self> {
        let broken = || Error::internal("an invitation cannot be read");
        let stored: Stored = serde_json::from_str(text).map_err(|_| broken())?;
        let grant = |grant: StoredGrant| {
            let which = match (grant.camera, grant.group) {
                (Some(id), None) => Which::Camera(id.into()),
                (None, Some(id)) => Which::Group(id.into()),
                _ => return Err(broken()),
            };
            let hours = grant.weekly.into_iter().map(|(days, from, to)| Hours::new(days, from, to));
            Ok(Grant {
                which,
                rights: grant.rights,
                start: grant.start.map(Time::from_micros),
                end: grant.end.map(Time::from_micros),
                weekly: hours.collect::<Result<_>>()?,
            })
        };
        let grants = stored.grants.into_iter().map(grant).collect::<Result<_>>()?;
        Ok(Self { role: stored.role, until: stored.until.map(Time::from_micros), grants })
    }
}

/// The authenticated place of the sealed address.
fn place(id: Uuid) -> String {
    format!("invitations.address/{id}")
}

impl Devices {
    /// Offers somebody a place in the caller's household. With an `address` to mail the link to, the caller says that
    /// this person permitted it.
    pub async fn invite(
        &self,
        caller: &Caller,
        offer: Offer,
        address: Option<&str>,
        permitted: bool,
    ) -> Result<NewInvitation> {
        caller.require(Scope::Admin)?;
        let now = self.world.clock.now();
        caller.require_recent(now)?;
        self.check_offer(caller, &offer, now).await?;
        let address = address.map(accounts::address).transpose()?;
        policy::enforce!(
            C1_1_8,
            address.is_none() || permitted,
            Error::invalid("say that this person permitted you to give the address").field("permitted")
        );
        let mine = Entity::find().filter(Column::Household.eq(caller.household().uuid()));
        if mine.count(self.db.conn()).await.map_err(db::error)? >= MOST_OPEN {
            return Err(Error::too_many(format!("{MOST_OPEN} invitations are open; withdraw some, or wait")));
        }
        let (token, hash) = secret::generate(&self.world);
        let (id, expires) = (InvitationId::generate(&self.world), now + LIFETIME);
        let key = self.keys.of(caller.household()).await?;
        let row = Model {
            id: id.uuid(),
            household: caller.household().uuid(),
            inviter: caller.account().map(AccountId::uuid),
            hash: hash.to_vec(),
            offer: offer.text(),
            address: address.map(|address| key.seal_text(&place(id.uuid()), &address, &self.world)),
            created: now.micros(),
            expires: expires.micros(),
        };
        Entity::insert(ActiveModel::from(row)).exec_without_returning(self.db.conn()).await.map_err(db::error)?;
        Ok(NewInvitation { id, token, expires })
    }

    async fn check_offer(&self, caller: &Caller, offer: &Offer, now: Time) -> Result<()> {
        let refused = |message: &str, field| Err(Error::invalid(message).field(field));
        if offer.role == Role::Owner {
            return refused("nobody is invited as an owner: invite them, then make them one", "role");
        }
        if !caller.role().is_some_and(|own| own.decides_over(offer.role)) {
            return Err(Error::denied("nobody gives a role that their own does not decide over").field("role"));
        }
        if offer.role == Role::Guest && offer.grants.is_empty() {
            return refused("a guest sees nothing without a grant", "grants");
        }
        if offer.role == Role::Installer && offer.until.is_none() {
            return refused("say until when an installer may come in", "until");
        }
        if offer.until.is_some_and(|until| until <= now) {
            return refused("this time has passed", "until");
        }
        self.check_grants(caller, &offer.grants).await
    }

    /// The open invitations of the household, the newest first.
    pub async fn invitations(&self, caller: &Caller) -> Result<Vec<Invitation>> {
        caller.require(Scope::Admin)?;
        let mine = Entity::find().filter(Column::Household.eq(caller.household().uuid()));
        let mine = mine.filter(Column::Expires.gt(self.world.clock.now().micros()));
        let rows = mine.order_by_desc(Column::Id).all(self.db.conn()).await.map_err(db::error)?;
        let mut invitations = Vec::with_capacity(rows.len());
        for row in rows {
            invitations.push(self.opened_invitation(row).await?);
        }
        Ok(invitations)
    }

    async fn opened_invitation(&self, row: Model) -> Result<Invitation> {
        let household = HouseholdId::from(row.household);
        let key = self.keys.of(household).await?;
        let address = row.address.as_ref().map(|sealed| key.open_text(&place(row.id), sealed).map(Pii::new));
        Ok(Invitation {
            id: row.id.into(),
            household,
            inviter: row.inviter.map(Into::into),
            address: address.transpose()?,
            offer: Offer::stored(&row.offer)?,
            created: Time::from_micros(row.created),
            expires: Time::from_micros(row.expires),
        })
    }

    /// Takes an invitation back; its link works no more.
    pub async fn withdraw_invitation(&self, caller: &Caller, id: InvitationId) -> Result<()> {
        caller.require(Scope::Admin)?;
        let mine = Column::Household.eq(caller.household().uuid());
        let deleted = Entity::delete_by_id(id.uuid()).filter(mine).exec(self.db.conn()).await.map_err(db::error)?;
        match deleted.rows_affected {
            0 => Err(Error::not_found("no such invitation")),
            _ => Ok(()),
        }
    }

    /// What a link offers; `NotFound` if it is unknown, used, withdrawn or expired.
    pub async fn invitation(&self, token: &Secret<String>) -> Result<Invitation> {
        let row = self.find_invitation(token).await?;
        self.opened_invitation(row).await
    }

    /// Joins the household, with the role and the grants that were offered. The link is used up.
    pub async fn accept_invitation(&self, caller: &Caller, token: &Secret<String>) -> Result<HouseholdId> {
        let account = caller.require_person()?;
        let invitation = self.invitation(token).await?;
        let (household, offer) = (invitation.household, invitation.offer);
        let tx = self.db.begin().await?;
        use_up(&tx, invitation.id).await?;
        self.accounts.join(&tx, household, account, offer.role, offer.until).await?;
        self.insert_grants(&tx, household, account, &offer.grants).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(household)
    }

    /// Declines; the invitation and the address in it are deleted. Gives the address, for who wants never to be asked
    /// again.
    pub async fn refuse_invitation(&self, token: &Secret<String>) -> Result<Option<Pii<String>>> {
        let invitation = self.invitation(token).await?;
        use_up(self.db.conn(), invitation.id).await?;
        Ok(invitation.address)
    }

    async fn find_invitation(&self, token: &Secret<String>) -> Result<Model> {
        let found = Entity::find().filter(Column::Hash.eq(secret::hash(token).to_vec()));
        let found = found.one(self.db.conn()).await.map_err(db::error)?;
        found.filter(|row| self.world.clock.now().micros() < row.expires).ok_or_else(unknown)
    }

    pub(crate) async fn expire_invitations(&self, now: Time) -> Result<u64> {
        let over = Column::Expires.lte(now.micros());
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

/// Deletes the invitation; of two who use it at the same time one is refused.
async fn use_up(conn: &impl ConnectionTrait, id: InvitationId) -> Result<()> {
    match Entity::delete_by_id(id.uuid()).exec(conn).await.map_err(db::error)?.rows_affected {
        0 => Err(unknown()),
        _ => Ok(()),
    }
}

fn unknown() -> Error {
    Error::not_found("this invitation was used, withdrawn or has expired; ask for a new one")
}
