//! The rows of the keystore: how each key is bound, found, made, renewed and deleted.

use super::{
    Doomed, EpochId, EpochKey, Key, Owner, Source, damaged,
    wrap::{Binding, unwrap, wrap},
};
use crate::Error;
use base::{Id, Secret, Time, World};
use db::Db;
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, TryGetable, Value, prelude::Uuid};
use std::collections::BTreeSet;

/// The rank of a destroyed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Owner,
    Source,
    Epoch,
}

/// Why a key was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The last footage under it was past its retention.
    Expired,
    /// A person deleted footage.
    Deleted,
    /// The source was removed.
    Removed,
    /// The owner is being erased.
    Erased,
}

macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),* }) => {
        impl $name {
            /// The word that is stored.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
            fn from_word(word: &str) -> Result<Self, Error> {
                match word { $($word => Ok(Self::$variant),)* _ => Err(damaged("an unknown word")) }
            }
        }
    };
}
words!(Scope { Owner = "owner", Source = "source", Epoch = "epoch" });
words!(Reason { Expired = "expired", Deleted = "deleted", Removed = "removed", Erased = "erased" });

/// That a key is gone for good, and with it all that hung below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDestroyed {
    pub kid: Uuid,
    pub scope: Scope,
    pub reason: Reason,
    pub time: Time,
}

/// An epoch of a source, without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub id: EpochId,
    pub stream: u8,
    pub hour: Time,
}

/// A generation key, unwrapped.
pub struct Generation {
    id: Uuid,
    key: Key,
}

/// An owner key, unwrapped.
pub struct OwnerKey {
    id: Uuid,
    owner: Owner,
    version: i32,
    key: Key,
    pub column_key: Key,
}

/// A source key, unwrapped.
pub struct SourceKey {
    id: Uuid,
    source: Source,
    version: i32,
    key: Key,
}

fn generation_binding(id: Uuid) -> Binding {
    Binding::new("generation", id, Uuid::nil())
}

fn owner_binding(id: Uuid, owner: Owner, version: i32, generation: Uuid) -> Binding {
    Binding::new("owner", id, generation).and(&owner).and(&version.to_be_bytes())
}

impl OwnerKey {
    fn column_binding(&self) -> Binding {
        Binding::new("column", self.id, self.id).and(&self.owner).and(&self.version.to_be_bytes())
    }

    fn binding(&self, generation: &Generation) -> Binding {
        owner_binding(self.id, self.owner, self.version, generation.id)
    }
}

fn source_binding(id: Uuid, source: Source, version: i32, owner: &OwnerKey) -> Binding {
    Binding::new("source", id, owner.id).and(&source).and(&version.to_be_bytes()).and(&owner.version.to_be_bytes())
}

fn epoch_binding(id: Uuid, stream: i16, hour: i64, source: &SourceKey) -> Binding {
    Binding::new("epoch", id, source.id)
        .and(&source.version.to_be_bytes())
        .and(&stream.to_be_bytes())
        .and(&hour.to_be_bytes())
}

fn get<T: TryGetable>(row: &QueryResult, index: usize) -> Result<T, Error> {
    Ok(row.try_get_by_index(index)?)
}

fn get_id(row: &QueryResult, index: usize) -> Result<[u8; 16], Error> {
    Ok(get::<Uuid>(row, index)?.into_bytes())
}

fn id(bytes: [u8; 16]) -> Value {
    Uuid::from_bytes(bytes).into()
}

/// What a generation row (`id, wrapped`) holds. The first key that the root key must open: here a wrong one is told.
fn generation(row: &QueryResult, at: usize, root: &Key) -> Result<Generation, Error> {
    let id = get(row, at)?;
    let key = unwrap(root, &generation_binding(id), &get::<Vec<u8>>(row, at + 1)?).ok_or(Error::WrongRootKey)?;
    Ok(Generation { id, key })
}

const OWNER: &str = "o.id, o.owner, o.version, o.wrapped, o.column_key";

fn owner(row: &QueryResult, at: usize, generation: &Generation) -> Result<OwnerKey, Error> {
    let (id, owner, version) = (get(row, at)?, get_id(row, at + 1)?, get(row, at + 2)?);
    let binding = owner_binding(id, owner, version, generation.id);
    let key =
        unwrap(&generation.key, &binding, &get::<Vec<u8>>(row, at + 3)?).ok_or_else(|| damaged("an owner key"))?;
    let mut owner = OwnerKey { id, owner, version, column_key: key.clone(), key };
    owner.column_key = unwrap(&owner.key, &owner.column_binding(), &get::<Vec<u8>>(row, at + 4)?)
        .ok_or_else(|| damaged("a column key"))?;
    Ok(owner)
}

const SOURCE: &str = "s.id, s.source, s.version, s.wrapped";

fn source(row: &QueryResult, at: usize, owner: &OwnerKey) -> Result<SourceKey, Error> {
    let (id, source, version) = (get(row, at)?, get_id(row, at + 1)?, get(row, at + 2)?);
    let binding = source_binding(id, source, version, owner);
    let key = unwrap(&owner.key, &binding, &get::<Vec<u8>>(row, at + 3)?).ok_or_else(|| damaged("a source key"))?;
    Ok(SourceKey { id, source, version, key })
}

const EPOCH: &str = "e.id, e.stream, e.hour, e.wrapped";

fn epoch(row: &QueryResult, at: usize, owner: &OwnerKey, source: &SourceKey) -> Result<EpochKey, Error> {
    let (id, stream, hour) = (get::<Uuid>(row, at)?, get::<i16>(row, at + 1)?, get::<i64>(row, at + 2)?);
    let binding = epoch_binding(id, stream, hour, source);
    let key = unwrap(&source.key, &binding, &get::<Vec<u8>>(row, at + 3)?).ok_or_else(|| damaged("an epoch key"))?;
    Ok(EpochKey {
        id: id.into_bytes(),
        owner: owner.owner,
        source: source.source,
        stream: u8::try_from(stream).map_err(|_| damaged("a stream"))?,
        hour: Time::from_micros(hour),
        key,
    })
}

/// An epoch key with all above it, read by one statement and so of one moment.
pub struct Ladder(QueryResult);

impl Ladder {
    pub async fn load(db: &Db, epoch: EpochId) -> Result<Option<Self>, Error> {
        let sql = format!(
            "SELECT g.id, g.wrapped, {OWNER}, {SOURCE}, {EPOCH} FROM epoch_keys e \
             JOIN source_keys s ON s.id = e.source_key_id JOIN owner_keys o ON o.id = s.owner_key_id \
             JOIN generation_keys g ON g.id = o.generation_id WHERE e.id = ?"
        );
        Ok(db.conn().query_one_raw(db.statement(&sql, [id(epoch)])).await?.map(Self))
    }

    pub fn climb(&self, root: &Key) -> Result<EpochKey, Error> {
        let generation = generation(&self.0, 0, root)?;
        let owner = owner(&self.0, 2, &generation)?;
        let source = source(&self.0, 7, &owner)?;
        epoch(&self.0, 11, &owner, &source)
    }
}

/// The column key of an owner, if the owner has keys.
pub async fn column_key(db: &Db, of: Owner, root: &Key) -> Result<Option<Key>, Error> {
    let sql = format!(
        "SELECT g.id, g.wrapped, {OWNER} FROM owner_keys o JOIN generation_keys g ON g.id = o.generation_id \
         WHERE o.owner = ?"
    );
    let Some(row) = db.conn().query_one_raw(db.statement(&sql, [id(of)])).await? else { return Ok(None) };
    Ok(Some(owner(&row, 2, &generation(&row, 0, root)?)?.column_key))
}

pub async fn epochs(db: &Db, source: Source) -> Result<Vec<Epoch>, Error> {
    let sql = "SELECT e.id, e.stream, e.hour FROM epoch_keys e JOIN source_keys s ON s.id = e.source_key_id \
               WHERE s.source = ? ORDER BY e.hour, e.stream, e.id";
    let rows = db.conn().query_all_raw(db.statement(sql, [id(source)])).await?;
    rows.iter()
        .map(|row| {
            let stream = u8::try_from(get::<i16>(row, 1)?).map_err(|_| damaged("a stream"))?;
            Ok(Epoch { id: get_id(row, 0)?, stream, hour: Time::from_micros(get(row, 2)?) })
        })
        .collect()
}

/// The ids of the keys of an owner and of its sources.
pub async fn keys_of(db: &Db, owner: Owner) -> Result<Vec<[u8; 16]>, Error> {
    let sql = "SELECT id FROM owner_keys WHERE owner = ? UNION ALL \
               SELECT s.id FROM source_keys s JOIN owner_keys o ON o.id = s.owner_key_id WHERE o.owner = ?";
    let rows = db.conn().query_all_raw(db.statement(sql, [id(owner), id(owner)])).await?;
    rows.iter().map(|row| get_id(row, 0)).collect()
}

pub async fn destroyed(db: &Db, since: Time) -> Result<Vec<KeyDestroyed>, Error> {
    let sql = "SELECT kid, scope, reason, destroyed_at FROM destroyed_keys WHERE destroyed_at >= ? \
               ORDER BY destroyed_at, kid";
    let rows = db.conn().query_all_raw(db.statement(sql, [since.micros().into()])).await?;
    rows.iter()
        .map(|row| {
            Ok(KeyDestroyed {
                kid: get(row, 0)?,
                scope: Scope::from_word(&get::<String>(row, 1)?)?,
                reason: Reason::from_word(&get::<String>(row, 2)?)?,
                time: Time::from_micros(get(row, 3)?),
            })
        })
        .collect()
}

/// The keys that must be made anew because something below them was destroyed.
#[derive(Default)]
pub struct Renewed {
    owners: BTreeSet<Uuid>,
    sources: BTreeSet<Uuid>,
}

/// A transaction that changes keys.
pub struct Tx<'a> {
    pub tx: DatabaseTransaction,
    pub db: &'a Db,
    pub root: &'a Key,
    pub world: &'a World,
}

/// Values a statement may have, at most: below the limits of SQLite (32,766) and PostgreSQL (65,535).
const MAX_VALUES: usize = 30_000;

impl Tx<'_> {
    async fn all(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<QueryResult>, Error> {
        Ok(self.tx.query_all_raw(self.db.statement(sql, values)).await?)
    }

    async fn run(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<(), Error> {
        Ok(self.tx.execute_raw(self.db.statement(sql, values)).await.map(drop)?)
    }

    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.tx.commit().await?)
    }

    fn random_key(&self) -> Key {
        Secret::new(self.world.random())
    }

    fn now(&self) -> Value {
        self.world.clock.now().micros().into()
    }

    pub async fn generations(&self) -> Result<Vec<Generation>, Error> {
        let rows = self.all("SELECT id, wrapped FROM generation_keys", []).await?;
        rows.iter().map(|row| generation(row, 0, self.root)).collect()
    }

    async fn generation(&self) -> Result<Generation, Error> {
        self.generations().await?.pop().ok_or_else(|| damaged("it has no generation key"))
    }

    /// Keys without a generation key can never be opened again: a new one would only hide that.
    pub async fn refuse_orphans(&self) -> Result<(), Error> {
        match self.all("SELECT 1 FROM owner_keys LIMIT 1", []).await?.is_empty() {
            true => Ok(()),
            false => Err(damaged("its generation key is missing")),
        }
    }

    pub async fn new_generation(&self) -> Result<Generation, Error> {
        let generation = Generation { id: Id::generate(self.world), key: self.random_key() };
        let wrapped = wrap(self.root, &generation_binding(generation.id), &generation.key, self.world);
        let sql = "INSERT INTO generation_keys (id, wrapped, created_at) VALUES (?, ?, ?)";
        self.run(sql, [generation.id.into(), wrapped.into(), self.now()]).await?;
        Ok(generation)
    }

    /// The key of the owner, made if there is none.
    pub async fn owner(&self, of: Owner) -> Result<OwnerKey, Error> {
        let generation = self.generation().await?;
        let found = self.all(&format!("SELECT {OWNER} FROM owner_keys o WHERE o.owner = ?"), [id(of)]).await?;
        match found.first() {
            Some(row) => owner(row, 0, &generation),
            None => self.new_owner(of, &generation).await,
        }
    }

    async fn new_owner(&self, of: Owner, generation: &Generation) -> Result<OwnerKey, Error> {
        if !self.all("SELECT 1 FROM erased_owners WHERE owner = ?", [id(of)]).await?.is_empty() {
            return Err(Error::ErasedOwner);
        }
        let key = OwnerKey {
            id: Id::generate(self.world),
            owner: of,
            version: 1,
            key: self.random_key(),
            column_key: self.random_key(),
        };
        let wrapped = wrap(&generation.key, &key.binding(generation), &key.key, self.world);
        let column_key = wrap(&key.key, &key.column_binding(), &key.column_key, self.world);
        let sql = "INSERT INTO owner_keys (id, generation_id, owner, version, wrapped, column_key, created_at) \
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let ids = [key.id.into(), generation.id.into(), id(of), key.version.into()];
        self.run(sql, ids.into_iter().chain([wrapped.into(), column_key.into(), self.now()])).await?;
        Ok(key)
    }

    /// The key of the source, made if there is none. A source belongs to one owner for good.
    pub async fn source(&self, owner: &OwnerKey, of: Source) -> Result<SourceKey, Error> {
        let sql = format!("SELECT {SOURCE}, s.owner_key_id FROM source_keys s WHERE s.source = ?");
        let found = self.all(&sql, [id(of)]).await?;
        let Some(row) = found.first() else { return self.new_source(owner, of).await };
        if get::<Uuid>(row, 4)? != owner.id {
            return Err(Error::ForeignKey);
        }
        source(row, 0, owner)
    }

    async fn new_source(&self, owner: &OwnerKey, of: Source) -> Result<SourceKey, Error> {
        let key = SourceKey { id: Id::generate(self.world), source: of, version: 1, key: self.random_key() };
        let wrapped = wrap(&owner.key, &source_binding(key.id, of, key.version, owner), &key.key, self.world);
        let sql = "INSERT INTO source_keys (id, owner_key_id, source, version, wrapped, created_at) \
                   VALUES (?, ?, ?, ?, ?, ?)";
        let values = [key.id.into(), owner.id.into(), id(of), key.version.into(), wrapped.into(), self.now()];
        self.run(sql, values).await?;
        Ok(key)
    }

    pub async fn new_epoch(
        &self,
        owner: &OwnerKey,
        source: &SourceKey,
        stream: u8,
        hour: Time,
    ) -> Result<EpochKey, Error> {
        let (uuid, key, hour) = (Id::generate(self.world), self.random_key(), hour.hour());
        let binding = epoch_binding(uuid, stream.into(), hour.micros(), source);
        let wrapped = wrap(&source.key, &binding, &key, self.world);
        let sql = "INSERT INTO epoch_keys (id, source_key_id, stream, hour, wrapped) VALUES (?, ?, ?, ?, ?)";
        let stored = i16::from(stream);
        self.run(sql, [uuid.into(), source.id.into(), stored.into(), hour.micros().into(), wrapped.into()]).await?;
        Ok(EpochKey { id: uuid.into_bytes(), owner: owner.owner, source: source.source, stream, hour, key })
    }

    /// Deletes what is doomed. Tells the keys that are gone, and those above them that must be renewed.
    pub async fn delete(&self, doomed: &Doomed) -> Result<(Vec<(Scope, Uuid)>, Renewed), Error> {
        let (scope, sql, ids): (_, _, &[[u8; 16]]) = match doomed {
            Doomed::Epochs(ids) => (Scope::Epoch, DELETE_EPOCH, ids),
            Doomed::Source(source) => (Scope::Source, DELETE_SOURCE, std::slice::from_ref(source)),
            Doomed::Owner(owner) => (Scope::Owner, DELETE_OWNER, std::slice::from_ref(owner)),
        };
        let (mut gone, mut renewed) = (Vec::new(), Renewed::default());
        for one in ids {
            for row in self.all(sql, [id(*one)]).await? {
                gone.push((scope, get(&row, 0)?));
                match scope {
                    Scope::Epoch => renewed.sources.insert(get(&row, 1)?),
                    Scope::Source => renewed.owners.insert(get(&row, 1)?),
                    Scope::Owner => false, // the generation above it is always renewed
                };
            }
        }
        renewed.owners.extend(self.owners_of(&renewed.sources).await?);
        Ok((gone, renewed))
    }

    async fn owners_of(&self, sources: &BTreeSet<Uuid>) -> Result<BTreeSet<Uuid>, Error> {
        let mut owners = BTreeSet::new();
        for source in sources {
            let rows = self.all("SELECT owner_key_id FROM source_keys WHERE id = ?", [(*source).into()]).await?;
            owners.extend(rows.iter().map(|row| get(row, 0)).collect::<Result<Vec<Uuid>, _>>()?);
        }
        Ok(owners)
    }

    /// Makes a new generation key, new keys for what is `renewed`, re-wraps what hangs below each, and deletes the old
    /// generation key.
    pub async fn renew(&self, renewed: &Renewed) -> Result<(), Error> {
        let old = self.generation().await?;
        let new = self.new_generation().await?;
        for row in self.all(&format!("SELECT {OWNER} FROM owner_keys o"), []).await? {
            self.renew_owner(&owner(&row, 0, &old)?, &new, renewed).await?;
        }
        self.run("DELETE FROM generation_keys WHERE id = ?", [old.id.into()]).await
    }

    async fn renew_owner(&self, old: &OwnerKey, generation: &Generation, renewed: &Renewed) -> Result<(), Error> {
        let is_renewed = renewed.owners.contains(&old.id);
        let (version, key) = match is_renewed {
            true => (old.version + 1, self.random_key()),
            false => (old.version, old.key.clone()),
        };
        let new = OwnerKey { version, key, column_key: old.column_key.clone(), ..*old };
        let wrapped = wrap(&generation.key, &new.binding(generation), &new.key, self.world);
        let column_key = wrap(&new.key, &new.column_binding(), &new.column_key, self.world);
        let sql = "UPDATE owner_keys SET generation_id = ?, version = ?, wrapped = ?, column_key = ? WHERE id = ?";
        let values = [generation.id.into(), version.into(), wrapped.into(), column_key.into(), new.id.into()];
        self.run(sql, values).await?;
        if is_renewed {
            let sql = format!("SELECT {SOURCE} FROM source_keys s WHERE s.owner_key_id = ?");
            for row in self.all(&sql, [old.id.into()]).await? {
                self.renew_source(&source(&row, 0, old)?, old, &new, renewed).await?;
            }
        }
        Ok(())
    }

    async fn renew_source(
        &self,
        old: &SourceKey,
        old_owner: &OwnerKey,
        owner: &OwnerKey,
        renewed: &Renewed,
    ) -> Result<(), Error> {
        let is_renewed = renewed.sources.contains(&old.id);
        let (version, key) = match is_renewed {
            true => (old.version + 1, self.random_key()),
            false => (old.version, old.key.clone()),
        };
        let new = SourceKey { version, key, ..*old };
        let wrapped = wrap(&owner.key, &source_binding(new.id, new.source, version, owner), &new.key, self.world);
        let sql = "UPDATE source_keys SET version = ?, wrapped = ? WHERE id = ?";
        self.run(sql, [version.into(), wrapped.into(), new.id.into()]).await?;
        if is_renewed { self.rewrap_epochs(old, &new, old_owner).await } else { Ok(()) }
    }

    /// Re-wraps all epochs of a source in few statements: a month of two streams is 1,440 of them.
    async fn rewrap_epochs(&self, old: &SourceKey, new: &SourceKey, owner: &OwnerKey) -> Result<(), Error> {
        const COLUMNS: usize = 5;
        let sql = format!("SELECT {EPOCH} FROM epoch_keys e WHERE e.source_key_id = ?");
        let rows = self.all(&sql, [old.id.into()]).await?;
        for rows in rows.chunks(MAX_VALUES / COLUMNS) {
            let mut values = Vec::with_capacity(rows.len() * COLUMNS);
            for row in rows {
                let key = epoch(row, 0, owner, old)?;
                let (uuid, stream, hour) = (Uuid::from_bytes(key.id), i16::from(key.stream), key.hour.micros());
                let wrapped = wrap(&new.key, &epoch_binding(uuid, stream, hour, new), &key.key, self.world);
                values.extend::<[Value; COLUMNS]>([
                    uuid.into(),
                    new.id.into(),
                    stream.into(),
                    hour.into(),
                    wrapped.into(),
                ]);
            }
            let sql = format!(
                "INSERT INTO epoch_keys (id, source_key_id, stream, hour, wrapped) VALUES {} \
                 ON CONFLICT (id) DO UPDATE SET wrapped = excluded.wrapped",
                vec!["(?, ?, ?, ?, ?)"; rows.len()].join(", ")
            );
            self.run(&sql, values).await?;
        }
        Ok(())
    }

    /// From now on the owner gets no new keys: what is still under way for it can store nothing. Older fences go.
    pub async fn fence(&self, owner: Owner, forgotten: Time) -> Result<(), Error> {
        self.run("DELETE FROM erased_owners WHERE erased_at < ?", [forgotten.micros().into()]).await?;
        let sql = "INSERT INTO erased_owners (owner, erased_at) VALUES (?, ?) ON CONFLICT DO NOTHING";
        self.run(sql, [id(owner), self.now()]).await
    }

    /// Writes down what was destroyed, and forgets the records from before `forgotten`.
    pub async fn record(&self, records: &[KeyDestroyed], forgotten: Time) -> Result<(), Error> {
        self.run("DELETE FROM destroyed_keys WHERE destroyed_at < ?", [forgotten.micros().into()]).await?;
        let sql = "INSERT INTO destroyed_keys (kid, scope, reason, destroyed_at) VALUES (?, ?, ?, ?)";
        for KeyDestroyed { kid, scope, reason, time } in records {
            let words = [scope.word().into(), reason.word().into()];
            let values = [(*kid).into()].into_iter().chain(words).chain([time.micros().into()]);
            self.run(sql, values).await?;
        }
        Ok(())
    }
}

// Each returns the name of the deleted key and that of the key above it.
const DELETE_EPOCH: &str = "DELETE FROM epoch_keys WHERE id = ? RETURNING id, source_key_id";
const DELETE_SOURCE: &str = "DELETE FROM source_keys WHERE source = ? RETURNING id, owner_key_id";
const DELETE_OWNER: &str = "DELETE FROM owner_keys WHERE owner = ? RETURNING id, generation_id";
