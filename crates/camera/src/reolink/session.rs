//! The one session that we have with a camera: signed in when first needed, renewed before its lease ends, given back.
//!
//! It never guesses: after a refused password it asks no more until it is told to, since a camera locks after five.

use super::{
    Code, Error,
    answer::{self, Answers, Command, Outcome},
    link::{Link, Query},
};
use crate::Credentials;
use base::{Secret, World};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// Commands of one request at most, as `reolink_aio` found it.
const BATCH: usize = 35;
/// Bytes of a user name or password at most.
const CREDENTIAL: usize = 31;
/// A session is renewed when its lease ends within that time, or within a quarter of the lease if that is shorter.
const RENEW: Duration = Duration::from_secs(300);
/// How long a camera stays locked (`GetSysCfg.LockTime` at the factory).
const LOCK: Duration = Duration::from_secs(300);
/// How long nothing is tried with a camera that has no session left.
const FULL: Duration = Duration::from_secs(60);
/// After that time a battery camera that was woken has its answers.
const WAKE: Duration = Duration::from_secs(1);

/// Everything that requests to one camera share. Commands go out one batch at a time, as the camera likes it.
pub(super) struct Session {
    pub link: Arc<Link>,
    world: World,
    state: Mutex<State>,
}

struct State {
    credentials: Credentials,
    token: Option<Token>,
    barred: Option<Barred>,
    /// Commands over which this firmware stumbles.
    broken: BTreeSet<&'static str>,
}

struct Token {
    name: Secret<String>,
    renew_at: Duration,
}

/// Why no login is tried.
struct Barred {
    why: Error,
    /// None until we are told of another password.
    until: Option<Duration>,
}

impl Session {
    pub fn new(link: Link, credentials: Credentials, world: World) -> Self {
        let state = State { credentials, token: None, barred: None, broken: BTreeSet::new() };
        Self { link: Arc::new(link), world, state: Mutex::new(state) }
    }

    /// Uses other credentials from now on, and tries again even if a login was refused.
    pub async fn renew_credentials(&self, credentials: Credentials) {
        let mut state = self.state.lock().await;
        log_out(&self.link, &mut state).await;
        (state.credentials, state.barred) = (credentials, None);
    }

    /// A question without a token, which every device refuses in its own words.
    pub async fn knock(&self) -> Result<(), Error> {
        let command = Command::host("GetDevInfo");
        let bytes =
            self.link.post(&Query::new(command.name, None), answer::batch(std::slice::from_ref(&command))).await?;
        answer::read(&bytes, &[command.name]).map(drop)
    }

    pub async fn username(&self) -> Secret<String> {
        self.state.lock().await.credentials.username.clone()
    }

    /// The outcome of each command.
    pub async fn ask(&self, commands: &[Command]) -> Result<Vec<Outcome>, Error> {
        let mut state = self.state.lock().await;
        let mut outcomes = Vec::with_capacity(commands.len());
        for batch in commands.chunks(BATCH) {
            outcomes.extend(self.batch(&mut state, batch).await?);
        }
        let waking: Vec<usize> = (0..outcomes.len()).filter(|&at| is_waking(&outcomes[at])).collect();
        if !waking.is_empty() {
            tokio::time::sleep(WAKE).await;
            let again: Vec<Command> = waking.iter().map(|&at| commands[at].clone()).collect();
            for (places, batch) in waking.chunks(BATCH).zip(again.chunks(BATCH)) {
                let answered = self.batch(&mut state, batch).await?;
                places.iter().zip(answered).for_each(|(&at, outcome)| outcomes[at] = outcome);
            }
        }
        Ok(outcomes)
    }

    /// The value of one command.
    pub async fn one(&self, command: Command) -> Result<Value, Error> {
        let name = command.name;
        let mut outcomes = self.ask(&[command]).await?;
        outcomes.pop().unwrap_or(Err(Code::Missing)).map_err(|code| Error::Refused { command: name, code })
    }

    /// The query of a request that is no JSON, for who is signed in.
    pub async fn query(&self, command: &str) -> Result<Query, Error> {
        let mut state = self.state.lock().await;
        self.log_in(&mut state).await?;
        Ok(Query::new(command, state.token.as_ref().map(|token| &token.name)))
    }

    /// Signs in again for the next request: the camera has forgotten us.
    pub async fn forget(&self) {
        self.state.lock().await.token = None;
    }

    /// Gives the session back.
    pub async fn log_out(&self) {
        log_out(&self.link, &mut *self.state.lock().await).await;
    }

    /// A batch, with each command alone where the firmware lets it collapse into one error. What it stumbles over alone too
    /// is not sent again in this session.
    async fn batch(&self, state: &mut State, commands: &[Command]) -> Result<Vec<Outcome>, Error> {
        let broken: Vec<bool> = commands.iter().map(|command| state.broken.contains(command.name)).collect();
        let sound = commands.iter().zip(&broken).filter(|(_, broken)| !**broken);
        let sound: Vec<Command> = sound.map(|(command, _)| command.clone()).collect();
        let outcomes = match self.send(state, &sound).await? {
            Answers::Each(outcomes) => outcomes,
            Answers::Collapsed(_) => self.each_alone(state, &sound).await?,
        };
        let mut outcomes = outcomes.into_iter();
        let mut next = || outcomes.next().unwrap_or(Err(Code::Timeout));
        Ok(broken.into_iter().map(|broken| if broken { Err(Code::Timeout) } else { next() }).collect())
    }

    async fn each_alone(&self, state: &mut State, commands: &[Command]) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Vec::with_capacity(commands.len());
        for command in commands {
            outcomes.push(self.alone(state, command).await?);
        }
        Ok(outcomes)
    }

    async fn alone(&self, state: &mut State, command: &Command) -> Result<Outcome, Error> {
        let outcome = match self.send(state, std::slice::from_ref(command)).await? {
            Answers::Each(mut outcomes) => outcomes.pop().unwrap_or(Err(Code::Timeout)),
            Answers::Collapsed(code) => Err(code),
        };
        if matches!(outcome, Err(Code::Timeout | Code::ProtocolError)) {
            state.broken.insert(command.name);
        }
        Ok(outcome)
    }

    /// Sends a batch, and once more with a new session where the camera has forgotten the old one.
    async fn send(&self, state: &mut State, commands: &[Command]) -> Result<Answers, Error> {
        if commands.is_empty() {
            return Ok(Answers::Each(Vec::new()));
        }
        self.log_in(state).await?;
        match self.post(state, commands).await {
            Ok(answers) if !is_forgotten(&answers) => return Ok(answers),
            Ok(_) | Err(Error::Status(404 | 502)) => {}
            Err(error) => return Err(error),
        }
        state.token = None;
        self.log_in(state).await?;
        let answers = self.post(state, commands).await?;
        match is_forgotten(&answers) {
            true => Err(Error::Refused { command: commands[0].name, code: Code::LoginFirst }),
            false => Ok(answers),
        }
    }

    async fn post(&self, state: &State, commands: &[Command]) -> Result<Answers, Error> {
        let names: Vec<&'static str> = commands.iter().map(|command| command.name).collect();
        let query = Query::new(names[0], state.token.as_ref().map(|token| &token.name));
        answer::read(&self.link.post(&query, answer::batch(commands)).await?, &names)
    }

    /// Signs in, unless we are and stay so for a while.
    async fn log_in(&self, state: &mut State) -> Result<(), Error> {
        let now = self.world.clock.monotonic();
        if state.token.as_ref().is_some_and(|token| now < token.renew_at) {
            return Ok(());
        }
        match &state.barred {
            Some(Barred { why, until }) if until.is_none_or(|until| now < until) => {
                let left = until.map(|until| until.saturating_sub(now));
                return Err(match (why, left) {
                    (Error::Locked(_), Some(left)) => Error::Locked(left),
                    (why, _) => why.clone(),
                });
            }
            _ => state.barred = None,
        }
        // The old one first, so that two never count against the camera's limit.
        log_out(&self.link, state).await;
        match self.open(state).await {
            Ok(token) => {
                state.token = Some(token);
                state.broken.clear();
            }
            Err(why) => {
                state.barred = bar(&why, now);
                return Err(why);
            }
        }
        Ok(())
    }

    async fn open(&self, state: &State) -> Result<Token, Error> {
        let Credentials { username, password } = &state.credentials;
        let (username, password) = (username.expose(), password.expose());
        if username.len() > CREDENTIAL || password.len() > CREDENTIAL {
            return Err(Error::Invalid("its user names and passwords have 31 characters at most"));
        }
        let user = json!({"User": {"Version": "0", "userName": username, "password": password}});
        let began = self.world.clock.monotonic();
        let sent = self.link.post(&Query::new("Login", None), answer::batch(&[Command::new("Login", user)])).await?;
        let value = match answer::read(&sent, &["Login"])? {
            Answers::Each(mut outcomes) => outcomes.pop().unwrap_or(Err(Code::LoginFailed)).map_err(refused)?,
            Answers::Collapsed(code) => return Err(refused(code)),
        };
        let garbled = Error::Garbled { command: "Login", what: "no token" };
        let token = value.get("Token").ok_or(garbled.clone())?;
        let name = answer::text(token, "name").ok_or(garbled)?;
        let lease = Duration::from_secs(answer::fits::<u32>(token, "leaseTime").unwrap_or(600).into());
        Ok(Token { name: Secret::new(name), renew_at: began + lease - RENEW.min(lease / 4) })
    }

    /// What is left to give back when the session is dropped.
    pub fn parting(&mut self) -> Option<Parting> {
        let token = self.state.get_mut().token.take()?;
        Some(Parting { link: self.link.clone(), token })
    }
}

/// A session that is given back by who has dropped it.
pub(super) struct Parting {
    link: Arc<Link>,
    token: Token,
}

impl Parting {
    pub async fn log_out(self) {
        farewell(&self.link, &self.token).await;
    }
}

async fn log_out(link: &Link, state: &mut State) {
    if let Some(token) = state.token.take() {
        farewell(link, &token).await;
    }
}

/// What the camera answers does not matter: its lease ends by itself.
async fn farewell(link: &Link, token: &Token) {
    let query = Query::new("Logout", Some(&token.name));
    let _ = tokio::time::timeout(Duration::from_secs(3), link.post(&query, answer::batch(&[Command::host("Logout")])))
        .await;
}

/// Whether the camera does not know our token any more.
fn is_forgotten(answers: &Answers) -> bool {
    let forgotten = |code: &Code| matches!(code, Code::LoginFirst | Code::TokenError);
    match answers {
        Answers::Collapsed(code) => forgotten(code),
        Answers::Each(outcomes) => outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(forgotten)),
    }
}

/// Whether a battery camera that is waking up may have answered so.
fn is_waking(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Code::GetFailed | Code::SetFailed | Code::ReceiveFailed))
}

/// The code of a refused login as an error.
fn refused(code: Code) -> Error {
    match code {
        Code::LoginFailed | Code::InvalidUser | Code::WrongPassword | Code::LoginDenied => {
            crate::Error::Unauthorized.into()
        }
        Code::Locked | Code::FrequentLogins => Error::Locked(LOCK),
        Code::MaxSessions | Code::MaxLogins => Error::Sessions,
        code => Error::Refused { command: "Login", code },
    }
}

fn bar(why: &Error, now: Duration) -> Option<Barred> {
    let until = match why {
        Error::Camera(crate::Error::Unauthorized) | Error::Invalid(_) => None,
        Error::Locked(time) => Some(now + *time),
        Error::Sessions => Some(now + FULL),
        _ => return None,
    };
    Some(Barred { why: why.clone(), until })
}
