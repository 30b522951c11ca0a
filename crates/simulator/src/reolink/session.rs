//! Who is logged in to a device: tokens with a lease, a limit of sessions, and the lock after too many wrong passwords.

use super::Refusal;
use crate::{Credentials, auth::hex};
use base::World;
use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Wrong passwords in a row before the device locks (`GetSysCfg.allowedTimes`).
pub(super) const TRIES: u32 = 5;
/// How long it stays locked (`GetSysCfg.LockTime`).
pub(super) const LOCK: Duration = Duration::from_secs(300);

/// One session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub token: String,
    pub id: u32,
    pub peer: IpAddr,
    until: Duration,
}

#[derive(Default)]
struct Inner {
    open: Vec<Session>,
    ids: u32,
    wrong: u32,
    locked_until: Duration,
    logins: u64,
    refused: u64,
}

/// The sessions of a device.
pub(super) struct Sessions {
    credentials: Credentials,
    limit: usize,
    lease: Duration,
    world: World,
    inner: Mutex<Inner>,
}

impl Sessions {
    pub fn new(credentials: Credentials, limit: usize, lease: Duration, world: &World) -> Self {
        Self { credentials, limit, lease, world: world.clone(), inner: Mutex::default() }
    }

    pub fn lease(&self) -> Duration {
        self.lease
    }

    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Proves a name and a password; each failure counts towards the lock.
    pub fn prove(&self, username: &str, password: &str) -> Result<(), Refusal> {
        let now = self.world.clock.monotonic();
        let mut inner = self.lock();
        if now < inner.locked_until {
            inner.refused += 1;
            return Err(Refusal(-506, "Login has been locked"));
        }
        if username == self.credentials.username && password == self.credentials.password.expose() {
            inner.wrong = 0;
            return Ok(());
        }
        inner.refused += 1;
        inner.wrong += 1;
        if inner.wrong >= TRIES {
            (inner.wrong, inner.locked_until) = (0, now + LOCK);
        }
        match username == self.credentials.username {
            true => Err(Refusal(-7, "login failed")),
            false => Err(Refusal(-27, "invalid user")),
        }
    }

    /// Opens a session for who has proved the password; the token.
    pub fn open(&self, peer: IpAddr) -> Result<String, Refusal> {
        let now = self.world.clock.monotonic();
        let mut inner = self.lock();
        inner.open.retain(|session| session.until > now);
        if inner.open.len() >= self.limit {
            return Err(Refusal(-5, "max session"));
        }
        inner.logins += 1;
        inner.ids += 1;
        let (token, id) = (hex(&self.world.random::<6>()), 1000 + inner.ids);
        inner.open.push(Session { token: token.clone(), id, peer, until: now + self.lease });
        Ok(token)
    }

    /// Whether the token is that of an open session.
    pub fn check(&self, token: &str) -> Result<(), Refusal> {
        let now = self.world.clock.monotonic();
        let known = self.lock().open.iter().any(|session| session.token == token && session.until > now);
        if known { Ok(()) } else { Err(Refusal(-6, "please login first")) }
    }

    /// Ends the session of that token.
    pub fn close(&self, token: &str) {
        self.lock().open.retain(|session| session.token != token);
    }

    /// Ends the session with that number (`Disconnect`); whether there was one.
    pub fn disconnect(&self, id: u64) -> bool {
        let mut inner = self.lock();
        let before = inner.open.len();
        inner.open.retain(|session| u64::from(session.id) != id);
        inner.open.len() < before
    }

    /// Ends all sessions, as a restart does.
    pub fn expire(&self) {
        self.lock().open.clear();
    }

    /// Those that are open now.
    pub fn list(&self) -> Vec<Session> {
        let now = self.world.clock.monotonic();
        self.lock().open.iter().filter(|session| session.until > now).cloned().collect()
    }

    pub fn is_locked(&self) -> bool {
        self.world.clock.monotonic() < self.lock().locked_until
    }

    /// Logins that were let in and that were not.
    pub fn tally(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.logins, inner.refused)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Secret, TestClock};
    use std::{net::Ipv4Addr, sync::Arc};

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn sessions(limit: usize) -> (Sessions, Arc<TestClock>) {
        let (world, clock) = World::test(3);
        let credentials = Credentials { username: "admin".into(), password: Secret::new("right".into()) };
        (Sessions::new(credentials, limit, Duration::from_secs(3600), &world), clock)
    }

    #[test]
    fn five_wrong_passwords_lock_the_device_for_five_minutes_even_for_the_right_one() {
        let (sessions, clock) = sessions(3);
        for _ in 0..TRIES {
            assert_eq!(sessions.prove("admin", "wrong").unwrap_err().0, -7);
        }
        assert_eq!(sessions.prove("admin", "right").unwrap_err(), Refusal(-506, "Login has been locked"));
        clock.advance(LOCK);
        assert!(sessions.prove("admin", "right").is_ok());
    }

    #[test]
    fn a_right_password_between_wrong_ones_sets_the_count_back() {
        let (sessions, _) = sessions(3);
        for _ in 0..3 {
            for _ in 0..TRIES - 1 {
                assert!(sessions.prove("admin", "wrong").is_err());
            }
            assert!(sessions.prove("admin", "right").is_ok());
        }
    }

    #[test]
    fn one_session_too_many_is_refused_until_another_ends_or_its_lease_does() {
        let (sessions, clock) = sessions(2);
        let first = sessions.open(PEER).unwrap();
        let second = sessions.open(PEER).unwrap();
        assert_eq!(sessions.open(PEER).unwrap_err().0, -5);
        sessions.close(&first);
        assert!(sessions.check(&first).is_err() && sessions.check(&second).is_ok());
        let third = sessions.open(PEER).unwrap();
        clock.advance(Duration::from_secs(3600));
        assert_eq!(sessions.check(&third).unwrap_err().0, -6);
        assert!(sessions.open(PEER).is_ok());
    }
}
