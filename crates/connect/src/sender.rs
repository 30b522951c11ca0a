//! Sending: from the queue to the mail server, over few connections, again and again until it is taken or refused.

use crate::{Address, Connect, Dkim, Notice, Post, inbox, queue};
use base::{Error, Result, Secret, Shutdown};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    address::Envelope,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        AsyncSmtpTransportBuilder, Error as SmtpError, PoolConfig,
        authentication::Credentials,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};
use std::{
    net::IpAddr,
    sync::OnceLock,
    time::{Duration, UNIX_EPOCH},
};
use tokio::task::JoinSet;
use url::Url;

/// How many connections to the mail server are open at once.
const CONNECTIONS: usize = 2;
/// How long the mail server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often what is past its time is deleted.
const EXPIRE: Duration = Duration::from_secs(3600);

/// A mail server, and as whom it is spoken to.
pub struct Smtp {
    server: AsyncSmtpTransportBuilder,
    /// Made when the first mail goes out, which needs the runtime.
    pool: OnceLock<AsyncSmtpTransport<Tokio1Executor>>,
    from: Mailbox,
    dkim: Option<Dkim>,
}

impl Smtp {
    /// The server at `smtp://user:password@host:587` (TLS by STARTTLS, required unless the host is this machine) or
    /// `smtps://…` (TLS from the start). `from` is `Name <address>`.
    pub fn new(url: &Secret<String>, from: &str) -> Result<Self> {
        let malformed = || Error::invalid("a mail server is smtp://user:password@host:587 or smtps://…");
        let url = Url::parse(url.expose()).map_err(|_| malformed())?;
        let host = host(&url).ok_or_else(malformed)?;
        let tls = || TlsParameters::new(host.clone()).map_err(|_| malformed());
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::Wrapper(tls()?), 465),
            "smtp" if is_this_machine(&host) => (Tls::None, 25),
            "smtp" => (Tls::Required(tls()?), 587),
            _ => return Err(malformed()),
        };
        let mut smtp = Self::to(host, url.port().unwrap_or(port), tls, from)?;
        if !url.username().is_empty() {
            let plain = |text: &str| percent_decoded(text).ok_or_else(malformed);
            let password = plain(url.password().unwrap_or_default())?;
            smtp.server = smtp.server.credentials(Credentials::new(plain(url.username())?, password));
        }
        Ok(smtp)
    }

    pub(crate) fn to(host: String, port: u16, tls: Tls, from: &str) -> Result<Self> {
        let from = mailbox(from)?;
        let server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .hello_name(ClientId::Domain(from.email.domain().into()))
            .timeout(Some(PATIENCE))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS as u32));
        Ok(Self { server, pool: OnceLock::new(), from, dkim: None })
    }

    /// Signs what goes out, for the domain of the sender.
    pub fn signed(mut self, selector: &str, pem: &Secret<String>) -> Result<Self> {
        self.dkim = Some(Dkim::new(self.from.email.domain(), selector, pem)?);
        Ok(self)
    }

    async fn send(&self, mail: &queue::Due, connect: &Connect) -> Result<(), Failure> {
        let (envelope, bytes) = self.message(mail, connect).map_err(Failure::Broken)?;
        let pool = self.pool.get_or_init(|| self.server.clone().build());
        pool.send_raw(&envelope, &bytes).await.map(drop).map_err(Failure::from)
    }

    /// The message, to one recipient.
    fn message(&self, mail: &queue::Due, connect: &Connect) -> Result<(Envelope, Vec<u8>)> {
        let to = mail.address.mailbox()?;
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()])
            .map_err(|_| Error::internal("a mail has no recipient"))?;
        let now = connect.world.clock.now();
        let id = format!("<{}@{}>", mail.id, self.from.email.domain());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&mail.letter.subject)
            // The same each time, so that a mail which went out twice is recognised.
            .message_id(Some(id))
            .date(UNIX_EPOCH + Duration::from_micros(now.micros().max(0) as u64))
            .raw_header(header("Auto-Submitted", "auto-generated"));
        if let Some(url) = &mail.letter.one_click {
            message = message
                .raw_header(header("List-Unsubscribe", &format!("<{url}>")))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        let boundary = connect.world.random::<12>().map(|byte| format!("{byte:02x}")).concat();
        let body = MultiPart::alternative()
            .boundary(boundary)
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(mail.letter.text.clone()))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(mail.letter.html.clone()));
        let message = message.multipart(body).map_err(|cause| Error::internal("a mail is malformed").because(cause))?;
        let bytes = message.formatted();
        Ok((
            envelope,
            match &self.dkim {
                Some(dkim) => dkim.sign(&bytes, now)?,
                None => bytes,
            },
        ))
    }
}

/// A header field of our own words on one line: a relay that folds a long one differently would break its signature.
fn header(name: &'static str, value: &str) -> HeaderValue {
    let line: String = value.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), line.clone(), line)
}

/// `Name <address>`, or an address alone.
fn mailbox(text: &str) -> Result<Mailbox> {
    let malformed = || Error::invalid("a sender is like Nightjar <cams@example.org>");
    let (name, address) = match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => (Some(name.trim().to_owned()).filter(|name| !name.is_empty()), address),
        None => (None, text.trim()),
    };
    if name.as_ref().is_some_and(|name| name.chars().any(accounts::is_deceptive)) {
        return Err(malformed());
    }
    let Mailbox { email, .. } = Address::parse(address).map_err(|_| malformed())?.mailbox()?;
    Ok(Mailbox::new(name, email))
}

/// The host as a name or an address without brackets. URLs of schemes that are not the web's keep even addresses as names.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    (!bare.is_empty()).then(|| bare.to_owned())
}

fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>().map(|ip| ip.to_canonical().is_loopback());
    address.unwrap_or_else(|_| host.eq_ignore_ascii_case("localhost"))
}

fn percent_decoded(text: &str) -> Option<String> {
    // A form's decoding, but for `+`, which stands for itself in a URL's user information.
    let form = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
}

/// Why a mail did not go out.
enum Failure {
    /// The server refused this mail for good.
    Refused,
    /// The server says that there is no such address.
    NoSuchAddress,
    /// It may go another time.
    Later(SmtpError),
    /// The mail itself cannot be made.
    Broken(Error),
}

impl From<SmtpError> for Failure {
    /// RFC 5321, 4.2.3: 550 to 554 are about the recipient or the content. Other permanent answers are about us (a wrong
    /// password, a missing STARTTLS), which the operator mends, and the mail then goes out.
    fn from(error: SmtpError) -> Self {
        let code = error.status().map(|code| code.to_string()).and_then(|code| code.parse::<u16>().ok());
        match code {
            Some(550 | 551 | 553) if is_about_the_address(&error) => Self::NoSuchAddress,
            Some(550..=554) => Self::Refused,
            _ => Self::Later(error),
        }
    }
}

/// Whether a permanent answer blames the address: RFC 3463 gives 5.1 to it and 5.7 to rules of the server; without such a code
/// the answer to RCPT is about the address as RFC 5321 has it.
fn is_about_the_address(error: &SmtpError) -> bool {
    let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let subject = said.trim_start().split_once('.').and_then(|(class, rest)| {
        class.chars().all(|c| c.is_ascii_digit()).then(|| rest.split('.').next().unwrap_or_default().to_owned())
    });
    subject.is_none_or(|subject| subject == "1")
}

impl Connect {
    /// Sends mails until shutdown, and deletes what is past its time; what is being sent by then is waited for.
    pub async fn run(&self, shutdown: Shutdown) {
        let (mut looks, mut expire) = (db::wake::Looks::new(), tokio::time::interval(EXPIRE));
        let mut sending = JoinSet::new();
        while !shutdown.has_begun() {
            while matches!(self.config.post, Post::Smtp(_))
                && sending.len() < CONNECTIONS
                && let Some(mail) = self.next_mail().await
            {
                let connect = self.clone();
                sending.spawn(async move { connect.deliver(mail).await });
            }
            tokio::select! {
                () = looks.again() => {}
                Some(_) = sending.join_next() => {}
                _ = expire.tick() => self.expire().await,
                () = shutdown.begun() => break,
            }
        }
        sending.join_all().await;
    }

    async fn next_mail(&self) -> Option<queue::Due> {
        self.take_due().await.unwrap_or_else(|error| {
            tracing::warn!(?error, "a mail could not be taken from the queue");
            None
        })
    }

    pub(crate) async fn deliver(&self, mail: queue::Due) {
        if let Err(error) = self.try_to_deliver(mail).await {
            tracing::warn!(?error, "how a mail stands could not be noted");
        }
    }

    async fn try_to_deliver(&self, mail: queue::Due) -> Result<()> {
        let Post::Smtp(smtp) = &self.config.post else { return Ok(()) };
        if !self.still_wanted(&mail).await? {
            return self.drop_mail(&mail).await;
        }
        match smtp.send(&mail, self).await {
            Ok(()) => self.sent(&mail).await,
            Err(Failure::Refused) => self.give_up(&mail).await,
            Err(Failure::NoSuchAddress) => {
                self.bounced(&mail.address).await?;
                self.give_up(&mail).await
            }
            Err(Failure::Broken(error)) => {
                tracing::error!(?error, "a mail could not be made");
                self.give_up(&mail).await
            }
            Err(Failure::Later(cause)) => {
                // The answer of a server may repeat an address, so that only its kind is told.
                let error = match &cause {
                    cause if cause.status().is_some() => "it refused for now",
                    cause if cause.is_client() || cause.is_tls() => "it offers no TLS, or none that can be trusted",
                    _ => "it did not answer",
                };
                tracing::warn!(error, "the mail server did not take a mail");
                match self.put_off(&mail).await? {
                    true => Ok(()),
                    false => self.give_up(&mail).await,
                }
            }
        }
    }

    /// Tells the person in the inbox, since mail does not arrive.
    async fn give_up(&self, mail: &queue::Due) -> Result<()> {
        self.refused(mail).await?;
        match mail.account {
            Some(account) => self.put_into_inbox(self.db.conn(), account, &Notice::Undelivered).await,
            None => Ok(()),
        }
    }

    async fn expire(&self) {
        let now = self.world.clock.now();
        let inbox = now - Duration::from_secs(inbox::KEPT_DAYS * 86_400);
        let (mails, inbox) = (self.expire_mails(now - queue::KEPT).await, self.expire_inbox(inbox).await);
        for outcome in [mails, inbox, self.expire_bounced(now).await] {
            if let Err(error) = outcome {
                tracing::warn!(?error, "old mails and notices could not be deleted");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_on_this_machine_is_spoken_to_without_tls() {
        let host = |url: &str| host(&Url::parse(url).unwrap()).unwrap();
        for here in ["smtp://127.0.0.1:25", "smtp://[::1]", "smtp://localhost", "smtp://[::ffff:127.0.0.1]:25"] {
            assert!(is_this_machine(&host(here)), "{here}");
        }
        for away in
            ["smtp://192.168.1.2", "smtp://127.0.0.1.example.org", "smtp://localhost.example.org", "smtp://[fd00::1]"]
        {
            assert!(!is_this_machine(&host(away)), "{away}");
        }
        assert_eq!(host("smtp://me:p%40ss@[fd00::1]:25"), "fd00::1");
        assert_eq!(percent_decoded("p%40s+s").as_deref(), Some("p@s+s"));
    }
}
