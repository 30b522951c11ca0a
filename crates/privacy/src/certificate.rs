//! The certificate of an erasure: what went, which keys were destroyed, what stays and why; signed by the installation
//! with Ed25519 (RFC 8032) and readable by a secret link alone, for whoever had the account has none any more.

use crate::{Privacy, erasure::Plan};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base::{Error, Result, Secret, Time};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use policy::{Held, Label, Language, Table, enforce};
use sea_orm::{entity::prelude::*, sea_query::OnConflict};
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Uuid,
    pub body: String,
    pub created: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table certificates {
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Days(366), protection: Clear, export: Omit("it is made when all else is gone"),
            erase: Keep(
                "proof of the erasure; it names an opaque id that belongs to nobody any more",
                "als Beleg der Löschung; es nennt eine Kennung, die niemandem mehr gehört",
            ),
            clauses: [C3_5],
        },
        body: not_personal("counts, ids of destroyed keys, a signature"),
        created: not_personal("when it was made"),
    }
}

/// How long a certificate can be fetched.
pub const KEPT: Duration = Duration::from_secs(366 * 86_400);

/// What stays after an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stays {
    pub place: String,
    pub what: String,
    pub reason: String,
    /// When it goes, in words.
    pub until: String,
}

/// What the map keeps of the places in which something is held, in the words of a language.
pub fn stays(map: &[Table], held: &[Held], language: Language) -> Vec<Stays> {
    let mut stays = Vec::new();
    for table in map {
        for entry in table.columns {
            let Label::Personal(personal) = &entry.label else { continue };
            let Some(reason) = personal.erase.kept(language) else { continue };
            if enforce!(C3_6) && held.iter().any(|held| held.place == table.name) {
                stays.push(Stays {
                    place: table.name.into(),
                    what: personal.category.text().into(),
                    reason: reason.into(),
                    until: personal.retention.says(language),
                });
            }
        }
    }
    stays.dedup();
    stays
}

impl Privacy {
    /// What will stay when the person is erased, with its reason and its end.
    pub async fn stays(&self, subject: &policy::Subject, language: Language) -> Result<Vec<Stays>> {
        Ok(stays(&self.map, &self.held(subject).await?, language))
    }

    pub(crate) async fn certify(&self, plan: &Plan, counts: BTreeMap<String, u64>, left: &[Held]) -> Result<()> {
        let now = self.world.clock.now();
        let statement = json!({
            "certificate": "erasure",
            "account": plan.account.to_string(),
            "households": plan.households.iter().map(Uuid::to_string).collect::<Vec<_>>(),
            "asked": plan.asked,
            "done": now,
            "reason": plan.reason.as_str(),
            "policy_version": self.book.current(now).number,
            "erased": counts,
            "keys_destroyed": plan.keys,
            "verified": "each place was looked at again and held nothing",
            "stays": stays(&self.map, left, Language::English),
        });
        let body = self.signed(&statement).await?.to_string();
        let row = Model { account: plan.account, body, created: now.micros() };
        let again = OnConflict::column(Column::Account).do_nothing().to_owned();
        let insert = Entity::insert(ActiveModel::from(row)).on_conflict(again);
        insert.exec_without_returning(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// The statement with its signature. What is signed are the bytes of the statement as compact JSON with sorted keys.
    async fn signed(&self, statement: &Value) -> Result<Value> {
        let key = self.signing_key().await?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(statement.to_string().as_bytes()).as_ref());
        let public = BASE64_URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
        Ok(json!({ "statement": statement, "algorithm": "Ed25519", "public_key": public, "signature": signature }))
    }

    /// The key of the installation; it is derived, so that it is nowhere.
    async fn signing_key(&self) -> Result<Ed25519KeyPair> {
        let seed = self.instance().await?.index("privacy.certificates", b"Ed25519");
        Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|_| Error::internal("no key for certificates could be derived"))
    }

    /// The public key, in URL-safe base64.
    pub async fn public_key(&self) -> Result<String> {
        Ok(BASE64_URL_SAFE_NO_PAD.encode(self.signing_key().await?.public_key().as_ref()))
    }

    /// The secret that lets its bearer fetch the certificate, or undo the closing while that is possible.
    pub(crate) async fn token(&self, purpose: &str, account: Uuid, asked: Time) -> Result<Secret<String>> {
        let mac = self.mac(purpose, account, asked).await?;
        Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode([&account.as_bytes()[..], &mac].concat())))
    }

    async fn mac(&self, purpose: &str, account: Uuid, asked: Time) -> Result<[u8; 32]> {
        let bound = [&account.as_bytes()[..], &asked.micros().to_be_bytes()].concat();
        Ok(self.instance().await?.index(&format!("privacy.{purpose}"), &bound))
    }

    /// The account of a token, if it is one of ours.
    pub(crate) async fn account_of(&self, purpose: &str, token: &Secret<String>) -> Result<Plan> {
        let unknown = || Error::not_found("this link is not valid, or not any more");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.expose()).map_err(|_| unknown())?;
        let (account, mac) = bytes.split_first_chunk::<16>().ok_or_else(unknown)?;
        let plan = self.plan(Uuid::from_bytes(*account)).await?.ok_or_else(unknown)?;
        let right = self.mac(purpose, plan.account, plan.asked).await?;
        aws_lc_rs::constant_time::verify_slices_are_equal(mac, &right).map_err(|_| unknown())?;
        Ok(plan)
    }

    /// The certificate, for who has its link; `Unavailable` while the erasure goes on.
    pub async fn certificate(&self, token: &Secret<String>) -> Result<Value> {
        let plan = self.account_of("certificate", token).await?;
        let row = Entity::find_by_id(plan.account).one(self.db.conn()).await.map_err(db::error)?;
        let row = row.ok_or_else(|| {
            Error::unavailable("the erasure is not complete yet").retry_after(Duration::from_secs(10))
        })?;
        serde_json::from_str(&row.body).map_err(|error| Error::internal("a certificate is unreadable").because(error))
    }
}
