//! A browser in which the person has signed in before. It keeps a random token for 400 days, of which the table holds the
//! SHA-256: guesses from elsewhere do not use up its attempts, so that nobody is locked out by strangers.

use crate::{Accounts, Label, secret};
use base::{Result, Secret, Time};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict};
use std::{net::IpAddr, time::Duration};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_browsers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Uuid,
    pub last_used: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table known_browsers {
        hash: {
            category: Credential, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(400), protection: Hash, export: Omit("a secret of the browser"), erase: Delete,
            clauses: [C6_2, C9_1_5],
        },
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(400), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        last_used: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(400), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
    }
}

/// How long a browser is known after the last sign-in: as long as browsers keep a cookie.
pub const KNOWN_FOR: Duration = Duration::from_secs(400 * 86_400);
/// How many browsers of one account are known; the one that signed in longest ago is forgotten first.
const MOST: u64 = 32;

/// Where somebody signs in.
#[derive(Clone, Debug)]
pub struct Browser {
    /// The other end of the connection.
    pub address: IpAddr,
    /// What people recognise it by.
    pub label: Label,
    /// What it keeps from an earlier sign-in.
    pub known: Option<Secret<String>>,
}

impl Browser {
    /// The part of the address that one customer of a provider holds: a whole /64 of IPv6.
    pub(crate) fn network(&self) -> IpAddr {
        match self.address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
            v4 => v4,
        }
    }
}

impl Accounts {
    /// The hash of what the browser keeps, if this account signed in there.
    pub(crate) async fn known(&self, browser: &Browser, account: Uuid) -> Result<Option<[u8; 32]>> {
        let Some(token) = &browser.known else { return Ok(None) };
        let hash = secret::hash(token);
        let since = Column::LastUsed.gt((self.world.clock.now() - KNOWN_FOR).micros());
        let row = Entity::find_by_id((hash.to_vec(), account)).filter(since).one(self.db.conn()).await;
        Ok(row.map_err(db::error)?.map(|_| hash))
    }

    /// Notes that the account signed in here; the token that the browser keeps from now on. One that nobody ever signed in
    /// with is replaced: it may have been planted.
    pub(crate) async fn remember(
        &self,
        conn: &impl ConnectionTrait,
        browser: &Browser,
        account: Uuid,
    ) -> Result<Secret<String>> {
        let kept = match &browser.known {
            Some(token) => is_kept(conn, token).await?.then(|| token.clone()),
            None => None,
        };
        let token = kept.unwrap_or_else(|| secret::generate(&self.world).0);
        let row = ActiveModel {
            hash: Set(secret::hash(&token).to_vec()),
            account: Set(account),
            last_used: Set(self.world.clock.now().micros()),
        };
        let again = OnConflict::columns([Column::Hash, Column::Account]).update_column(Column::LastUsed).to_owned();
        Entity::insert(row).on_conflict(again).exec_without_returning(conn).await.map_err(db::error)?;
        forget_beyond(conn, account).await?;
        Ok(token)
    }

    pub(crate) async fn expire_known(&self, now: Time) -> Result<u64> {
        let over = Column::LastUsed.lte((now - KNOWN_FOR).micros());
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

async fn is_kept(conn: &impl ConnectionTrait, token: &Secret<String>) -> Result<bool> {
    let rows = Entity::find().filter(Column::Hash.eq(secret::hash(token).to_vec()));
    Ok(rows.count(conn).await.map_err(db::error)? > 0)
}

async fn forget_beyond(conn: &impl ConnectionTrait, account: Uuid) -> Result<()> {
    let mine = Entity::find().filter(Column::Account.eq(account)).order_by_desc(Column::LastUsed);
    let oldest = mine.offset(MOST).limit(1).one(conn).await.map_err(db::error)?;
    let Some(oldest) = oldest else { return Ok(()) };
    let over = Entity::delete_many().filter(Column::Account.eq(account));
    let over = over.filter(Column::LastUsed.lte(oldest.last_used));
    over.exec(conn).await.map(drop).map_err(db::error)
}
