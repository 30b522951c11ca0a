//! Recovery codes: ten codes for who has lost the other factors, each of which works once.
//!
//! A code has 125 random bits, as five groups of five Crockford base-32 digits; so much chance needs no slow hash (ASVS
//! 6.5.2), and the table holds its SHA-256.

use crate::{AccountId, Accounts, Caller, fact, secret};
use base::{Result, Secret, World};
use sea_orm::{ActiveValue::Set, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub account: Uuid,
    pub created: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table recovery_codes {
        hash: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: Hash, export: Omit("a credential"), erase: Delete,
            clauses: [C6_2, C9_1_5],
        },
        account: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
    }
}

/// How many codes a person is given.
pub const CODES: usize = 10;
const GROUPS: usize = 5;
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A new code, as it is shown: `7x3kq-…`.
fn generate(world: &World) -> Secret<String> {
    let mut bits = u128::from_be_bytes(world.random());
    let mut group = || {
        let digit = |_| {
            let digit = DIGITS[(bits & 31) as usize];
            bits >>= 5;
            char::from(digit)
        };
        (0..5).map(digit).collect::<String>()
    };
    let groups: Vec<String> = (0..GROUPS).map(|_| group()).collect();
    Secret::new(groups.join("-"))
}

/// The hash of a code however it is typed: Crockford reads O as 0, I and L as 1, and skips hyphens and spaces.
fn hash(typed: &str) -> Vec<u8> {
    let digit = |c: char| match c.to_ascii_lowercase() {
        '-' | ' ' => None,
        'o' => Some('0'),
        'i' | 'l' => Some('1'),
        other => Some(other),
    };
    secret::hash(&Secret::new(typed.chars().take(64).filter_map(digit).collect())).to_vec()
}

/// How many codes the account has left.
pub(crate) async fn left(conn: &impl ConnectionTrait, account: AccountId) -> Result<u64> {
    Entity::find().filter(Column::Account.eq(account.uuid())).count(conn).await.map_err(db::error)
}

/// Takes away every code of the account.
pub(crate) async fn clear(conn: &impl ConnectionTrait, account: AccountId) -> Result<()> {
    let all = Entity::delete_many().filter(Column::Account.eq(account.uuid()));
    all.exec(conn).await.map(drop).map_err(db::error)
}

impl Accounts {
    /// Ten new codes, shown this once; the ones before are void. Needs a fresh confirmation, and a factor to stand in for.
    pub async fn renew_recovery_codes(&self, caller: &Caller) -> Result<Vec<Secret<String>>> {
        caller.require_recent(self.world.clock.now())?;
        let account = self.signed_in(caller).await?.0.id.into();
        self.factors_of(self.db.conn(), account).await?.require_second()?;
        let tx = self.db.begin().await?;
        let codes = self.new_codes(&tx, account).await?;
        self.tell(&tx, fact::FACTORS_CHANGED, account).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(codes)
    }

    /// The first codes of an account, given with its first factor; none if it has some.
    pub(crate) async fn first_codes(
        &self,
        conn: &impl ConnectionTrait,
        account: AccountId,
    ) -> Result<Vec<Secret<String>>> {
        match left(conn, account).await? {
            0 => self.new_codes(conn, account).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn new_codes(&self, conn: &impl ConnectionTrait, account: AccountId) -> Result<Vec<Secret<String>>> {
        clear(conn, account).await?;
        let codes: Vec<_> = (0..CODES).map(|_| generate(&self.world)).collect();
        let now = self.world.clock.now().micros();
        let row = |code: &Secret<String>| ActiveModel {
            hash: Set(hash(code.expose())),
            account: Set(account.uuid()),
            created: Set(now),
        };
        Entity::insert_many(codes.iter().map(row)).exec_without_returning(conn).await.map_err(db::error)?;
        Ok(codes)
    }

    /// Uses up a code and tells the person; false if it is none of the account's.
    pub(crate) async fn spend_code(
        &self,
        conn: &impl ConnectionTrait,
        account: AccountId,
        typed: &str,
    ) -> Result<bool> {
        let mine = Column::Account.eq(account.uuid());
        let used = Entity::delete_by_id(hash(typed)).filter(mine).exec(conn).await.map_err(db::error)?;
        if used.rows_affected > 0 {
            self.tell(conn, fact::RECOVERY_USED, account).await?;
        }
        Ok(used.rows_affected > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = generate(&World::test(1).0);
        let shown = code.expose();
        assert_eq!(shown.len(), 29);
        assert!(shown.split('-').all(|group| group.len() == 5 && group.bytes().all(|c| DIGITS.contains(&c))));
        assert_eq!(hash(shown), hash(&shown.to_uppercase().replace('-', " ")));
        assert_eq!(hash("01abc"), hash("oLabc"));
        assert_ne!(hash("01abc"), hash("01abd"));
    }
}
