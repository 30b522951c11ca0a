//! Writing to people: notices into the inbox of the app and, where there is a mail server, as mail.
//!
//! [`Connect`] is the door, and the only place that sends personal data out of the house. A notice always comes into
//! the inbox; nothing waits for a mail. What a mail may be sent on is a [`Basis`], which only the person's own choice, or
//! the need to know, can give.

mod address;
mod choice;
mod dkim;
pub mod fact;
mod holder;
mod inbox;
mod letter;
mod notice;
mod queue;
mod schema;
mod sender;
mod suppression;
mod text;
mod unsubscribe;

pub use address::Address;
pub use choice::{Basis, Topic};
pub use dkim::Dkim;
pub use inbox::{Inbox, Item, ItemId};
pub use letter::Letter;
pub use notice::{Class, Factor, Link, Note, Notice};
pub use queue::{MailId, Shown};
pub use schema::migrations;
pub use sender::Smtp;
pub use unsubscribe::{Outcome, Token};

use accounts::{AccountId, Accounts, ColumnKeys, Language};
use base::{Pii, Result, World};
use db::Db;
use policy::enforce;
use std::sync::Arc;

/// The data map of this context's tables.
pub const DATA_MAP: &[policy::Table] = &[queue::MAP, inbox::MAP, suppression::MAP, choice::MAP];

/// Where mail goes.
#[derive(Default)]
pub enum Post {
    /// Nowhere: notices come into the inbox alone.
    #[default]
    None,
    /// Nowhere, but the demo shows what would have gone out.
    Shown,
    /// To a mail server.
    Smtp(Smtp),
}

/// What the composition root decides.
pub struct Config {
    pub post: Post,
    /// The address of the first page, with a slash at its end.
    pub site: String,
}

/// The way to people. Cheap to clone.
#[derive(Clone)]
pub struct Connect {
    db: Db,
    world: World,
    keys: ColumnKeys,
    accounts: Accounts,
    config: Arc<Config>,
}

impl Connect {
    /// The inbox and the queue of mails in `db`, which is migrated.
    pub fn new(db: Db, world: World, keys: ColumnKeys, accounts: Accounts, config: Config) -> Self {
        Self { db, world, keys, accounts, config: config.into() }
    }

    /// The address of the first page, with a slash at its end.
    pub fn site(&self) -> &str {
        &self.config.site
    }

    /// Whether a mail would go out, or be shown. Where not, links are handed over in person, and pages say so.
    pub fn can_mail(&self) -> bool {
        !matches!(self.config.post, Post::None)
    }

    /// Whether this is the demo, which shows its mails.
    pub fn shows_mails(&self) -> bool {
        matches!(self.config.post, Post::Shown)
    }

    /// Tells a person something: in the inbox, and by mail if there is a way, an address, and a basis for it. `NotFound`
    /// once the account is gone.
    pub async fn notify(&self, account: AccountId, notice: Notice) -> Result<()> {
        let contact = self.accounts.contact(account).await?;
        if !enforce!(C2_2_1) {
            return Ok(());
        }
        let mail = match contact.address {
            Some(address) if self.can_mail() && (contact.verified || notice.verifies()) => {
                self.written(account, &address, contact.verified, contact.language, &notice).await?
            }
            _ => None,
        };
        let tx = self.db.begin().await?;
        self.put_into_inbox(&tx, account, &notice).await?;
        if let Some(mail) = mail {
            self.enqueue(&tx, mail).await?;
        }
        tx.commit().await.map_err(db::error)
    }

    /// The notice as a mail; none if there is no basis for it, or the address cannot or must not be written to.
    async fn written(
        &self,
        account: AccountId,
        address: &Pii<String>,
        verified: bool,
        language: Language,
        notice: &Notice,
    ) -> Result<Option<queue::Mail>> {
        let Ok(address) = Address::parse(address.open()) else { return Ok(None) };
        let Some(basis) = Basis::of(&self.db, account, notice.class()).await? else { return Ok(None) };
        // Who did not say that the address is theirs may be somebody else, and can shut the door for good.
        let shut = match verified {
            true => self.has_bounced(&address).await?,
            false => self.is_suppressed(&address).await?,
        };
        if shut {
            return Ok(None);
        }
        let out = match verified {
            true => self.way_out_of_topic(account, notice.class().topic()).await?,
            false => self.way_out_of_everything(&address).await?,
        };
        let letter = letter::of_notice(notice, language, &self.ways(&out, !verified));
        Ok(Some(queue::Mail { account: Some(account), address, letter, basis }))
    }

    fn ways<'a>(&'a self, out: &'a str, of_address: bool) -> letter::Ways<'a> {
        letter::Ways { site: &self.config.site, out, of_address }
    }

    /// Writes to somebody who has no account here; says whether it goes out. Whoever asked never to be written to is not.
    pub async fn mail_to(&self, address: &Pii<String>, language: Language, note: Note) -> Result<bool> {
        let address = Address::parse(address.open())?;
        if !self.can_mail() || self.is_suppressed(&address).await? {
            return Ok(false);
        }
        let out = self.way_out_of_everything(&address).await?;
        let letter = letter::of_note(&note, language, &self.ways(&out, true));
        let mail = queue::Mail { account: None, address, letter, basis: Basis::asked_by_a_person(&note) };
        self.enqueue(self.db.conn(), mail).await.map(|()| true)
    }
}

#[cfg(test)]
mod tests;
