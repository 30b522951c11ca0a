//! The view log as a chain: a row that will not be extended any more is numbered and carries the SHA-256 of the row
//! before it and of itself. Whoever changes, removes or inserts a row afterwards breaks the chain from there on.
//!
//! Retention takes the oldest rows away, so a chain begins with whatever row is the oldest. A chain shows that rows were
//! not changed by somebody who cannot recompute all of it; it does not bind the operator.

use crate::{
    Devices,
    grant::{Column, Entity, GAP, Model, ViewId},
};
use accounts::{Caller, HouseholdId, Scope};
use aws_lc_rs::digest::{Context, SHA256};
use base::{Error, Result, Time};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use uuid::Uuid;

/// Rows sealed in one transaction.
const BATCH: u64 = 500;

/// What the chain of a household shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Rows in it.
    pub rows: u64,
    /// When its first row began.
    pub since: Option<Time>,
    /// The hash of its last row, which a person may write down to compare later.
    pub head: Option<[u8; 32]>,
    /// The first row that does not fit the one before it.
    pub broken_at: Option<ViewId>,
}

/// The hash of a row after `previous`. Each field is preceded by its length, so that no two rows look the same.
fn hash(previous: &[u8], row: &Model, number: i64) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let mut field = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    let id = |id: Option<Uuid>| id.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
    let time = |time: Option<i64>| time.map_or_else(Vec::new, |time| time.to_be_bytes().to_vec());
    field(b"nj/view-chain/v1");
    field(previous);
    field(&number.to_be_bytes());
    for part in [id(Some(row.id)), id(Some(row.household)), id(row.camera), id(row.account)] {
        field(&part);
    }
    field(row.label.as_bytes());
    field(row.deed.as_bytes());
    field(&[u8::from(row.allowed)]);
    for part in [time(row.media_start), time(row.media_end), time(Some(row.started)), time(Some(row.last))] {
        field(&part);
    }
    context.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

impl Devices {
    /// Numbers and chains the rows that will not be extended any more. The rows in memory are written out before.
    pub(crate) async fn seal_views(&self, now: Time) -> Result<()> {
        let over = Column::Number.is_null();
        let over = Entity::find().filter(over).filter(Column::Last.lt((now - 2 * GAP).micros()));
        let rows = over.order_by_asc(Column::Id).limit(BATCH).all(self.db.conn()).await.map_err(db::error)?;
        if rows.is_empty() {
            return Ok(());
        }
        let tx = self.db.begin().await?;
        for row in rows {
            let (number, chain) = match last(&tx, row.household.into()).await? {
                Some((number, chain)) => (number + 1, hash(&chain, &row, number + 1)),
                None => (1, hash(&[], &row, 1)),
            };
            Entity::update_many()
                .col_expr(Column::Number, Expr::value(number))
                .col_expr(Column::Chain, Expr::value(chain.to_vec()))
                .filter(Column::Id.eq(row.id))
                .exec(&tx)
                .await
                .map_err(db::error)?;
        }
        tx.commit().await.map_err(db::error)
    }

    /// Follows the household's chain from its oldest row to its newest.
    pub async fn view_chain(&self, caller: &Caller) -> Result<Chain> {
        caller.require(Scope::Admin)?;
        let mut chain = Chain { rows: 0, since: None, head: None, broken_at: None };
        let (mut before, mut previous) = (0, None::<(i64, Vec<u8>)>);
        loop {
            let page = Entity::find().filter(Column::Household.eq(caller.household().uuid()));
            let page = page.filter(Column::Number.gt(before)).order_by_asc(Column::Number).limit(BATCH);
            let rows = page.all(self.db.conn()).await.map_err(db::error)?;
            let Some(last) = rows.last().and_then(|row| row.number) else { return Ok(chain) };
            before = last;
            for row in rows {
                let number = row.number.unwrap_or_default();
                let stored = row.chain.clone().unwrap_or_default();
                let fits = match &previous {
                    Some((at, previous)) => number == at + 1 && hash(previous, &row, number)[..] == stored[..],
                    None => stored.len() == 32 && (number > 1 || hash(&[], &row, number)[..] == stored[..]),
                };
                if !fits && chain.broken_at.is_none() {
                    chain.broken_at = Some(row.id.into());
                }
                chain.rows += 1;
                chain.since.get_or_insert(Time::from_micros(row.started));
                previous = Some((number, stored));
            }
            chain.head = previous.as_ref().and_then(|(_, chain)| chain.as_slice().try_into().ok());
        }
    }
}

/// Number and hash of the household's newest chained row.
async fn last(conn: &impl ConnectionTrait, household: HouseholdId) -> Result<Option<(i64, Vec<u8>)>> {
    let rows = Entity::find().filter(Column::Household.eq(household.uuid())).filter(Column::Number.is_not_null());
    let row = rows.order_by_desc(Column::Number).one(conn).await.map_err(db::error)?;
    let broken = || Error::internal("a row of the view log has a number and no hash");
    row.map(|row| Ok((row.number.unwrap_or_default(), row.chain.ok_or_else(broken)?))).transpose()
}
