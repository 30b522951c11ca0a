//! What a mail server says decides what becomes of a mail: taken, refused for good, no such address, not now; and without
//! encryption it hears nothing. The server is a small one that says what a test wants, over real sockets.

use super::*;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::sync::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// What a server does.
#[derive(Clone, Default)]
struct Manners {
    /// The answer to RCPT.
    rcpt: &'static str,
    /// Offers STARTTLS and speaks it.
    tls: Option<TlsAcceptor>,
    /// Every command that was heard, with whether it was encrypted.
    heard: Arc<Mutex<Vec<(String, bool)>>>,
}

impl Manners {
    fn answering(rcpt: &'static str) -> Self {
        Self { rcpt, ..Self::default() }
    }

    fn heard(&self, command: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|(line, _)| line.starts_with(command)).count()
    }

    /// Listens on a free port.
    async fn listen(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let manners = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let manners = manners.clone();
                tokio::spawn(async move {
                    stream.write_all(b"220 here\r\n").await.unwrap();
                    if manners.talk(&mut stream, false).await
                        && let Ok(mut stream) = manners.tls.clone().unwrap().accept(stream).await
                    {
                        manners.talk(&mut stream, true).await;
                    }
                });
            }
        });
        port
    }

    /// Answers until the end; true if the client wants to go on encrypted.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S, encrypted: bool) -> bool {
        while let Some(line) = line(stream).await {
            self.heard.lock().unwrap().push((line.clone(), encrypted));
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" if self.tls.is_some() && !encrypted => "250-here\r\n250 STARTTLS",
                "STARTTLS" => "220 go on",
                "RCPT" => self.rcpt,
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return false;
            }
            match line.as_str() {
                "STARTTLS" => return true,
                "DATA" => {
                    while self::line(stream).await.is_some_and(|line| line != ".") {}
                    let _ = stream.write_all(b"250 taken\r\n").await;
                }
                _ => {}
            }
        }
        false
    }
}

async fn line(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.ok()?);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).ok()
}

async fn memory() -> Db {
    let db = Db::memory().await.unwrap();
    db.migrate(migrations(), None).await.unwrap();
    db
}

async fn home(db: Db, port: u16, tls: Tls) -> Home {
    let smtp = Smtp::to("localhost".into(), port, tls, "Nightjar <cams@cams.example>").unwrap();
    Home::new(db, Post::Smtp(smtp)).await
}

/// What became of the mails, by state.
async fn states(home: &Home) -> Vec<String> {
    let rows = queue::Entity::find().all(home.db.conn()).await.unwrap();
    rows.into_iter().map(|row| row.state).collect()
}

async fn deliver_all(home: &Home) -> usize {
    let due = home.due().await;
    let count = due.len();
    for mail in due {
        home.connect.deliver(mail).await;
    }
    count
}

#[tokio::test]
async fn an_address_that_does_not_exist_is_told_not_tried_again_and_left_alone_for_a_month() {
    db::testing::each(migrations, |db| async move {
        for answer in ["550 5.1.1 no such user here", "550 unknown"] {
            for table in ["mails", "inbox", "suppressed", "accounts"] {
                db.conn().execute_unprepared(&format!("DELETE FROM {table}")).await.unwrap();
            }
            let server = Manners::answering(answer);
            let home = home(db.clone(), server.listen().await, Tls::None).await;
            let ada = home.person("ada@example.org").await;
            home.notify(ada, Notice::PasswordChanged).await;
            assert_eq!(deliver_all(&home).await, 1);
            assert_eq!((states(&home).await, server.heard("RCPT")), (vec!["refused".into()], 1), "{answer}");
            let inbox = home.connect.inbox(ada, None, 50).await.unwrap();
            assert_eq!(inbox.items[0].kind, "undelivered", "its person is told in the app");
            home.clock.advance(Duration::from_secs(7200));
            assert_eq!(deliver_all(&home).await, 0, "it is not tried again");

            home.notify(ada, Notice::PasswordChanged).await;
            let (typed, note) = (Pii::new("ADA@example.org".to_owned()), Note::ConfirmAddress { url: Link::default() });
            assert!(!home.connect.mail_to(&typed, Language::En, note).await.unwrap());
            assert_eq!(home.queued().await, 1, "nothing more is written to it");
            assert_eq!(home.unread(ada).await, 3, "the inbox has it all the same");
            home.clock.advance(31 * DAY);
            home.connect.expire_bounced(home.clock_now()).await.unwrap();
            home.notify(ada, Notice::PasswordChanged).await;
            assert_eq!(home.queued().await, 2, "mailboxes come back");
        }
    })
    .await;
}

#[tokio::test]
async fn who_asked_for_silence_keeps_it_also_when_the_address_bounced_before() {
    let home = Home::new(memory().await, Post::None).await;
    let address = Address::parse("eve@example.org").unwrap();
    home.connect.bounced(&address).await.unwrap();
    home.connect.suppress(&address).await.unwrap();
    home.connect.bounced(&address).await.unwrap();
    home.clock.advance(31 * DAY);
    home.connect.expire_bounced(home.clock_now()).await.unwrap();
    assert!(home.connect.is_suppressed(&address).await.unwrap());
    assert!(!home.connect.has_bounced(&address).await.unwrap());
}

#[tokio::test]
async fn a_refusal_of_the_mail_closes_no_address_and_one_for_now_is_tried_again() {
    for (answer, state) in [
        ("250 fine", "sent"),
        ("550 5.7.1 we think that this is spam", "refused"),
        ("552 5.2.2 the mailbox is full", "refused"),
        ("554 transaction failed", "refused"),
        ("450 4.2.1 greylisted", "waiting"),
        ("530 5.7.0 sign in first", "waiting"),
    ] {
        let server = Manners::answering(answer);
        let home = home(memory().await, server.listen().await, Tls::None).await;
        let ada = home.person("ada@example.org").await;
        home.notify(ada, Notice::PasswordChanged).await;
        deliver_all(&home).await;
        assert_eq!(states(&home).await, [state], "{answer}");
        let address = Address::parse("ada@example.org").unwrap();
        assert!(!home.connect.has_bounced(&address).await.unwrap(), "{answer}");
        home.clock.advance(Duration::from_secs(3600));
        assert_eq!(home.due().await.len(), usize::from(state == "waiting"), "{answer}");
    }
}

/// A certificate for `localhost` as a server has it and as a client trusts it.
fn certificate() -> (TlsAcceptor, Certificate) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(chain, key).unwrap();
    (TlsAcceptor::from(Arc::new(server)), Certificate::from_der(made.cert.der().to_vec()).unwrap())
}

#[tokio::test]
async fn nothing_is_said_to_a_server_before_it_speaks_tls_that_can_be_trusted() {
    let ((tls, trusted), (_, other)) = (certificate(), certificate());
    let encrypting = Manners { rcpt: "250 fine", tls: Some(tls), ..Manners::default() };
    for (server, trusted, state) in [
        (encrypting.clone(), &trusted, "sent"),
        (Manners { heard: Arc::default(), ..encrypting }, &other, "waiting"),
        (Manners::answering("250 fine"), &trusted, "waiting"),
    ] {
        let parameters =
            TlsParameters::builder("localhost".into()).add_root_certificate(trusted.clone()).build().unwrap();
        let home = home(memory().await, server.listen().await, Tls::Required(parameters)).await;
        let ada = home.person("ada@example.org").await;
        home.notify(ada, Notice::PasswordChanged).await;
        deliver_all(&home).await;
        assert_eq!(states(&home).await, [state]);
        let heard = server.heard.lock().unwrap();
        let open: Vec<_> = heard.iter().filter(|(_, encrypted)| !encrypted).map(|(line, _)| line.as_str()).collect();
        assert!(
            open.iter().all(|line| ["EHLO", "STARTTLS", "QUIT", "RSET"].iter().any(|word| line.starts_with(word))),
            "{open:?}"
        );
        let mails = heard.iter().filter(|(line, encrypted)| line.starts_with("MAIL") && *encrypted).count();
        assert_eq!(mails, usize::from(state == "sent"));
    }
}
