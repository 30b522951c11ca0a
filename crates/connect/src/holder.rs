//! This context as a holder of personal data: the inbox, the mails that wait, and what a person chose to be mailed about.

use crate::{Connect, DATA_MAP, choice, inbox, queue};
use accounts::AccountId;
use async_trait::async_trait;
use base::Result;
use db::holding::{self, Belongs, Rows};
use policy::{Held, Holder, Remaining, Sink, Subject, Table};

const OF_ACCOUNT: &[Belongs] = &[Belongs::Account("account = ?")];

const fn rows(map: Table, times: &'static [&'static str], sealed_by: Option<&'static str>) -> Rows {
    Rows { map, about: OF_ACCOUNT, erased: OF_ACCOUNT, times, sealed_by }
}

const ROWS: &[Rows] = &[
    rows(queue::MAP, &["created", "next", "done"], Some("account")),
    rows(inbox::MAP, &["created", "read"], Some("account")),
    rows(choice::MAP, &["changed"], None),
];

#[async_trait]
impl Holder for Connect {
    fn name(&self) -> &'static str {
        "connect"
    }

    fn tables(&self) -> &'static [Table] {
        DATA_MAP
    }

    async fn describe(&self, subject: &Subject) -> Result<Vec<Held>> {
        holding::describe(&self.db, ROWS, subject).await
    }

    async fn collect(&self, subject: &Subject, sink: &mut dyn Sink) -> Result<()> {
        let key = |owner| async move { self.keys.of_account(AccountId::from_bytes(owner)).await };
        holding::collect(&self.db, ROWS, subject, sink, key).await
    }

    async fn erase(&self, subject: &Subject) -> Result<()> {
        holding::erase(&self.db, ROWS, subject).await
    }

    async fn remaining(&self, subject: &Subject) -> Result<Remaining> {
        holding::remaining(&self.db, ROWS, subject).await
    }
}
