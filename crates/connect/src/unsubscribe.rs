//! The way out of a mail: a link that works for ever, without signing in, and for nobody else (RFC 8058).
//!
//! A token names an account and a topic, or the index of an address, and carries an HMAC of that under the key of the
//! instance. It is no secret worth stealing: all that it can do is stop mail.

use crate::{
    Address, Connect, Topic,
    fact::{UNSUBSCRIBED, Unsubscribed},
};
use accounts::AccountId;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base::{Error, Kind, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use db::ColumnKey;
use policy::enforce;

/// How many bytes of the HMAC a token carries.
const MAC: usize = 16;
const CONTEXT: &str = "connect.unsubscribe";

/// What a token stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Topic(AccountId, Topic),
    Address([u8; 32]),
}

/// The token of a way out, as it stands in the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token as it came from outside.
    pub fn claimed(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn sign(key: &ColumnKey, stop: Stop) -> Self {
        let mut bytes = stop.bytes();
        let mac = key.index(CONTEXT, &bytes);
        bytes.extend_from_slice(&mac[..MAC]);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn verify(&self, key: &ColumnKey) -> Option<Stop> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).ok()?;
        let (stop, mac) = bytes.split_last_chunk::<MAC>()?;
        verify_slices_are_equal(&key.index(CONTEXT, stop)[..MAC], mac).ok()?;
        Stop::read(stop)
    }
}

impl Stop {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Topic(account, topic) => [&[1], &account.bytes()[..], &[topic as u8]].concat(),
            Self::Address(index) => [&[2], &index[..]].concat(),
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [1, account @ .., topic] => {
                let topic =
                    [Topic::Household, Topic::Views, Topic::Everything].into_iter().find(|t| *t as u8 == *topic);
                Some(Self::Topic(AccountId::from_bytes(account.try_into().ok()?), topic?))
            }
            [2, index @ ..] => Some(Self::Address(index.try_into().ok()?)),
            _ => None,
        }
    }
}

/// What a use of a way out came to. A page shows the same for both, so that nobody can find out who has an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Stopped,
    /// The token is not one of ours, or its account is gone. Nothing changed.
    Nothing,
}

impl Connect {
    pub(crate) async fn way_out_of_topic(&self, account: AccountId, topic: Topic) -> Result<String> {
        self.way_out(Stop::Topic(account, topic)).await
    }

    pub(crate) async fn way_out_of_everything(&self, address: &Address) -> Result<String> {
        self.way_out(Stop::Address(self.address_index(address).await?)).await
    }

    async fn way_out(&self, stop: Stop) -> Result<String> {
        let Token(token) = Token::sign(&self.keys.of_instance().await?, stop);
        Ok(format!("{}unsubscribe?token={token}", self.config.site))
    }

    /// Stops what the token names.
    pub async fn unsubscribe(&self, token: &Token) -> Result<Outcome> {
        let Some(stop) = token.verify(&self.keys.of_instance().await?) else { return Ok(Outcome::Nothing) };
        if !enforce!(C3_8) {
            return Ok(Outcome::Nothing);
        }
        let stopped = match stop {
            Stop::Topic(account, topic) => self.stop(Unsubscribed { account, topic }).await,
            Stop::Address(index) => self.suppress_index(index).await,
        };
        match stopped {
            Ok(()) => Ok(Outcome::Stopped),
            // The table refers to the account, which is gone.
            Err(error) if error.kind() == Kind::Conflict => Ok(Outcome::Nothing),
            Err(error) => Err(Error::unavailable("this could not be noted; try again").because(error)),
        }
    }

    /// With effect at once; that it was said is told on, to where consents are written down.
    async fn stop(&self, stopped: Unsubscribed) -> Result<()> {
        let tx = self.db.begin().await?;
        self.write_choice(&tx, stopped.account, stopped.topic, false).await?;
        db::outbox::emit(&tx, &self.world, UNSUBSCRIBED, &stopped).await?;
        tx.commit().await.map_err(db::error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::World;

    #[test]
    fn a_token_opens_as_what_it_was_made_for_and_no_changed_byte_passes() {
        let (world, _) = World::test(1);
        let key = ColumnKey::new([7; 32]);
        let account = AccountId::generate(&world);
        for stop in [
            Stop::Topic(account, Topic::Household),
            Stop::Topic(account, Topic::Views),
            Stop::Topic(account, Topic::Everything),
            Stop::Address([9; 32]),
        ] {
            let token = Token::sign(&key, stop);
            assert_eq!(token.verify(&key), Some(stop));
            assert_eq!(token.verify(&ColumnKey::new([8; 32])), None);
            let bytes = URL_SAFE_NO_PAD.decode(&token.0).unwrap();
            for at in 0..bytes.len() {
                let mut forged = bytes.clone();
                forged[at] ^= 1;
                assert_eq!(Token(URL_SAFE_NO_PAD.encode(forged)).verify(&key), None, "byte {at}");
                assert_eq!(Token(URL_SAFE_NO_PAD.encode(&bytes[..at])).verify(&key), None, "cut at {at}");
            }
        }
        for nonsense in ["", "x", "====", "AAAA", &"A".repeat(10_000)] {
            assert_eq!(Token::claimed(nonsense).verify(&key), None);
        }
    }
}
