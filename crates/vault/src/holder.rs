//! The vault as a holder of personal data: the keys of a person and of the households that go with that person. Once they
//! are gone nothing opens what they sealed, wherever a copy of it lies.

use crate::{DATA_MAP, Reason, Vault};
use async_trait::async_trait;
use base::Result;
use policy::{Category, Held, Holder, Remaining, Retention, Sink, Subject, Table};

fn owners(subject: &Subject) -> impl Iterator<Item = [u8; 16]> {
    std::iter::once(subject.account).chain(subject.households.iter().copied())
}

#[async_trait]
impl Holder for Vault {
    fn name(&self) -> &'static str {
        "vault"
    }

    fn tables(&self) -> &'static [Table] {
        DATA_MAP
    }

    async fn describe(&self, subject: &Subject) -> Result<Vec<Held>> {
        let count = self.keys(subject).await?.len() as u64;
        let (category, retention) = (Category::Key, Retention::Account);
        let held = Held { place: "owner_keys", category, count, bytes: 0, oldest: None, retention };
        Ok(if count > 0 { vec![held] } else { Vec::new() })
    }

    /// Keys are not given out.
    async fn collect(&self, _: &Subject, _: &mut dyn Sink) -> Result<()> {
        Ok(())
    }

    async fn keys(&self, subject: &Subject) -> Result<Vec<[u8; 16]>> {
        let mut keys = Vec::new();
        for owner in owners(subject) {
            keys.extend(self.keys_of(owner).await?);
        }
        Ok(keys)
    }

    async fn erase(&self, subject: &Subject) -> Result<()> {
        for owner in owners(subject) {
            self.destroy_owner(owner, Reason::Erased).await?;
        }
        Ok(())
    }

    async fn remaining(&self, subject: &Subject) -> Result<Remaining> {
        let left = self.keys(subject).await?.len() as u64;
        Ok(if left > 0 { vec![("owner_keys", left)] } else { Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Error, Memory, Vault, migrations};
    use base::{Secret, World};
    use policy::{Holder, Subject};
    use std::sync::Arc;

    #[tokio::test]
    async fn the_keys_of_an_erased_person_are_gone_and_none_is_made_again() {
        db::testing::each(migrations, |db| async move {
            let (world, _) = World::test(3);
            let shelf = Arc::new(Memory::new(u64::MAX));
            let vault = Vault::open(db, Secret::new([1; 32]), shelf, world.clone()).await.unwrap();
            let subject = Subject { account: [1; 16], households: vec![[2; 16]] };
            let (hour, camera) = (world.clock.now(), [3; 16]);
            vault.column_key([1; 16]).await.unwrap();
            vault.new_epoch([2; 16], camera, 0, hour).await.unwrap();
            let neighbour = vault.new_epoch([9; 16], [4; 16], 0, hour).await.unwrap();
            assert_eq!(vault.keys(&subject).await.unwrap().len(), 3, "account, household, camera");
            for _ in 0..2 {
                vault.erase(&subject).await.unwrap();
                assert_eq!(vault.remaining(&subject).await.unwrap(), []);
            }
            assert!(matches!(vault.new_epoch([2; 16], camera, 0, hour).await, Err(Error::ErasedOwner)));
            assert!(matches!(vault.column_key([1; 16]).await, Err(Error::ErasedOwner)));
            assert_eq!(vault.remaining(&subject).await.unwrap(), [], "asking makes none");
            assert!(vault.new_epoch([9; 16], [4; 16], 0, hour).await.is_ok_and(|key| key.owner == neighbour.owner));
        })
        .await;
    }
}
