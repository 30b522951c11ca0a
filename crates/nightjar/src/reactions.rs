//! What follows from each kind of fact: a line each.
//!
//! A reaction may run twice. What it was about may be gone by then, and then there is nothing left to do.

use accounts::{
    AccountId, Accounts, Caller, HouseholdId, Language, NewLink, Step,
    fact::{self, About, Accepted, Belonging},
};
use base::{Error, Kind, Result};
use connect::{
    Connect, Factor, Link, Note, Notice, Topic,
    fact::{UNSUBSCRIBED, Unsubscribed},
};
use db::outbox::{Fact, Reactions};
use devices::{
    Devices,
    fact::{BULK_DOWNLOAD, FIRST_VIEW, Watched},
};
use policy::consent::Choice;
use privacy::{
    Filed, Privacy,
    fact::{self as rights, Chosen, Informed, Requested},
};
use serde::Deserialize;
use std::{future::Future, pin::Pin};

/// All reactions.
pub fn reactions(accounts: Accounts, devices: Devices, connect: Connect, privacy: Privacy) -> Reactions {
    let desk = Desk { accounts, devices, connect, privacy };
    Reactions::new()
        .on(fact::SIGNED_UP, desk.react(Desk::verify_address))
        .on(fact::SIGNED_UP_AGAIN, desk.react(Desk::signed_up_again))
        .on(fact::PASSWORD_FORGOTTEN, desk.react(Desk::reset_password))
        .on(fact::PASSWORD_CHANGED, desk.tell(Notice::PasswordChanged))
        .on(fact::NEW_BROWSER, desk.react(Desk::new_browser))
        .on(fact::ADDRESS_LEAVING, desk.react(Desk::leave_address))
        .on(fact::ADDRESS_TAKING, desk.react(Desk::take_address))
        .on(fact::ADDRESS_CHANGED, desk.tell(Notice::EmailChanged))
        .on(fact::JOINED, desk.react(Desk::joined))
        .on(fact::LEFT, desk.react(Desk::left))
        .on(fact::REOPENED, desk.tell(Notice::Reopened))
        .on(fact::FACTORS_CHANGED, desk.tell(Notice::FactorChanged { what: Factor::Changed }))
        .on(fact::PASSKEY_COPIED, desk.tell(Notice::FactorChanged { what: Factor::PasskeyCopied }))
        .on(fact::SECOND_FACTOR_GUESSED, desk.tell(Notice::FactorChanged { what: Factor::Guessed }))
        .on(fact::RECOVERY_USED, desk.tell(Notice::RecoveryUsed))
        .on(fact::POLICY_ACCEPTED, desk.react(Desk::accepted))
        .on(UNSUBSCRIBED, desk.react(Desk::unsubscribed))
        .on(rights::CHOSEN, desk.react(Desk::chosen))
        .on(rights::CLOSING, desk.react(Desk::closing))
        .on(rights::HOUSEHOLD_CLOSING, desk.react(Desk::left))
        .on(rights::EXPORT_READY, desk.tell(Notice::ExportReady))
        .on(rights::POLICY_CHANGED, desk.react(Desk::policy_changed))
        .on(rights::REQUEST_ASKED, desk.react(Desk::request_asked))
        .on(rights::REQUEST_OPENED, desk.react(Desk::request_opened))
        .on(rights::REQUEST_EXTENDED, desk.react(Desk::request_extended))
        .on(rights::REQUEST_ANSWERED, desk.react(Desk::request_answered))
        .on(rights::REQUEST_OVERDUE, desk.react(Desk::request_overdue))
        .on(
            FIRST_VIEW,
            desk.react(|desk, fact| desk.watched(fact, |person, camera| Notice::FirstView { person, camera })),
        )
        .on(
            BULK_DOWNLOAD,
            desk.react(|desk, fact| desk.watched(fact, |person, camera| Notice::BulkDownload { person, camera })),
        )
}

/// Who writes to people when something became true.
#[derive(Clone)]
struct Desk {
    accounts: Accounts,
    devices: Devices,
    connect: Connect,
    privacy: Privacy,
}

/// A sign-in from a browser of a new kind.
#[derive(Deserialize)]
struct NewBrowser {
    account: AccountId,
    label: Option<String>,
}

type Acted = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl Desk {
    /// A reaction that has nothing to do once the account, household or link that it is about is gone.
    fn react<F, T>(&self, act: F) -> impl Fn(Fact) -> Acted + use<F, T>
    where
        F: Fn(Self, Fact) -> T,
        T: Future<Output = Result<()>> + Send + 'static,
    {
        let desk = self.clone();
        move |fact| {
            let acted = act(desk.clone(), fact);
            Box::pin(async move {
                match acted.await {
                    Err(error) if error.kind() == Kind::NotFound => Ok(()),
                    outcome => outcome,
                }
            })
        }
    }

    /// A reaction that tells a person one and the same.
    fn tell(&self, notice: Notice) -> impl Fn(Fact) -> Acted + use<> {
        self.react(move |desk, fact| {
            let notice = notice.clone();
            async move { desk.connect.notify(fact.body::<About>()?.account, notice).await }
        })
    }

    fn link(&self, page: &str, link: &NewLink) -> Link {
        Link::new(format!("{}{page}#token={}", self.connect.site(), link.token.expose()))
    }

    async fn verify_address(self, fact: Fact) -> Result<()> {
        let About { account } = fact.body()?;
        let url = self.link("verify", &self.accounts.verification_link(account).await?);
        self.connect.notify(account, Notice::VerifyAddress { url }).await
    }

    async fn signed_up_again(self, fact: Fact) -> Result<()> {
        let About { account } = fact.body()?;
        let url = self.link("setup", &self.accounts.reset_link(account).await?);
        self.connect.notify(account, Notice::SignedUpAgain { url }).await
    }

    async fn reset_password(self, fact: Fact) -> Result<()> {
        let About { account } = fact.body()?;
        let url = self.link("setup", &self.accounts.reset_link(account).await?);
        self.connect.notify(account, Notice::ResetPassword { url }).await
    }

    async fn new_browser(self, fact: Fact) -> Result<()> {
        let NewBrowser { account, label } = fact.body()?;
        self.connect.notify(account, Notice::SignedInFromNewBrowser { label, at: fact.created }).await
    }

    async fn leave_address(self, fact: Fact) -> Result<()> {
        let About { account } = fact.body()?;
        let (link, _) = self.accounts.address_link(account, Step::Leave).await?.ok_or_else(over)?;
        self.connect.notify(account, Notice::EmailChangeAsked { url: self.link("address/leave", &link) }).await
    }

    async fn take_address(self, fact: Fact) -> Result<()> {
        let About { account } = fact.body()?;
        let (link, address) = self.accounts.address_link(account, Step::Take).await?.ok_or_else(over)?;
        let language = self.accounts.contact(account).await?.language;
        let note = Note::ConfirmAddress { url: self.link("address/take", &link) };
        self.connect.mail_to(&address, language, note).await.map(drop)
    }

    async fn joined(self, fact: Fact) -> Result<()> {
        let Belonging { account, household } = fact.body()?;
        let household = self.name_of(household).await?;
        self.connect.notify(account, Notice::JoinedHousehold { household }).await
    }

    async fn left(self, fact: Fact) -> Result<()> {
        let Belonging { account, household } = fact.body()?;
        let household = self.name_of(household).await?;
        self.connect.notify(account, Notice::RemovedFromHousehold { household }).await
    }

    /// Tells the owners what somebody else did with pictures.
    async fn watched(self, fact: Fact, notice: fn(String, String) -> Notice) -> Result<()> {
        let Watched { household, account, camera } = fact.body()?;
        let host = Caller::system(household);
        let people = self.accounts.people(&host).await?;
        let person = people.iter().find(|person| person.id == account).ok_or_else(over)?.name().open().clone();
        let camera = self.devices.camera(&host, camera).await?.name.into_inner();
        for owner in self.accounts.owners(household).await?.into_iter().filter(|owner| *owner != account) {
            self.connect.notify(owner, notice(person.clone(), camera.clone())).await?;
        }
        Ok(())
    }

    async fn accepted(self, fact: Fact) -> Result<()> {
        let Accepted { account, version, language } = fact.body()?;
        self.privacy.note_sign_up(account, version, language.as_str()).await
    }

    async fn chosen(self, fact: Fact) -> Result<()> {
        let Chosen { account, choice, given } = fact.body()?;
        match Choice::parse(&choice) {
            Some(Choice::ActivityNotices) => self.connect.choose(account, Topic::Views, given).await,
            Some(Choice::Analytics) | None => Ok(()),
        }
    }

    async fn unsubscribed(self, fact: Fact) -> Result<()> {
        let Unsubscribed { account, topic } = fact.body()?;
        match topic {
            Topic::Views | Topic::Everything => self.privacy.withdraw_by_mail(account, Choice::ActivityNotices).await,
            // These are sent without consent, until they are switched off.
            Topic::Household => Ok(()),
        }
    }

    async fn closing(self, fact: Fact) -> Result<()> {
        let About { account } = fact.body()?;
        let closing = self.privacy.closing_of(account).await?.ok_or_else(over)?;
        let undo = Link::new(format!("{}reopen#token={}", self.connect.site(), closing.undo.expose()));
        self.connect.notify(account, Notice::ClosingBegan { until: closing.until, undo }).await
    }

    async fn policy_changed(self, fact: Fact) -> Result<()> {
        let Informed { account, version } = fact.body()?;
        let effective = self.privacy.book().version(version)?.effective;
        let url = format!("{}privacy/diff?from={}&to={version}", self.connect.site(), version.saturating_sub(1).max(1));
        self.connect.notify(account, Notice::PolicyChanged { version: version.to_string(), effective, url }).await
    }

    async fn request_asked(self, fact: Fact) -> Result<()> {
        let Requested { request } = fact.body()?;
        let filed = self.privacy.request(request).await?;
        let token = self.privacy.confirmation_of(request).await?;
        let url = Link::new(format!("{}privacy/request/confirm?token={}", self.connect.site(), token.expose()));
        self.write_to(&filed, Note::ConfirmRequest { url }).await
    }

    async fn request_opened(self, fact: Fact) -> Result<()> {
        let filed = self.privacy.request(fact.body::<Requested>()?.request).await?;
        let due = filed.request.due;
        let (notice, note) = (|url| Notice::RequestReceived { due, url }, |url| Note::RequestReceived { due, url });
        self.tell_asker(&filed, notice, note).await?;
        self.tell_operators(&filed, |url| Notice::RequestWaiting { due, url }).await
    }

    async fn request_extended(self, fact: Fact) -> Result<()> {
        let filed = self.privacy.request(fact.body::<Requested>()?.request).await?;
        let due = filed.request.due;
        let (notice, note) = (|url| Notice::RequestExtended { due, url }, |url| Note::RequestExtended { due, url });
        self.tell_asker(&filed, notice, note).await
    }

    async fn request_answered(self, fact: Fact) -> Result<()> {
        let filed = self.privacy.request(fact.body::<Requested>()?.request).await?;
        self.tell_asker(&filed, |url| Notice::RequestAnswered { url }, |url| Note::RequestAnswered { url }).await
    }

    async fn request_overdue(self, fact: Fact) -> Result<()> {
        let filed = self.privacy.request(fact.body::<Requested>()?.request).await?;
        match filed.request.overdue {
            true => self.tell_operators(&filed, |url| Notice::RequestOverdue { url }).await,
            false => Ok(()),
        }
    }

    /// Writes to who asked without an account.
    async fn write_to(&self, filed: &Filed, note: Note) -> Result<()> {
        let Some(address) = filed.asker.address.as_ref().filter(|_| filed.asker.account.is_none()) else {
            return Ok(());
        };
        let language = if filed.request.language == policy::Language::German { Language::De } else { Language::En };
        self.connect.mail_to(address, language, note).await.map(drop)
    }

    async fn tell_asker(
        &self,
        filed: &Filed,
        notice: impl Fn(String) -> Notice,
        note: impl Fn(Link) -> Note,
    ) -> Result<()> {
        let site = self.connect.site();
        if let Some(account) = filed.asker.account {
            return self.connect.notify(account, notice(format!("{site}privacy-centre#requests"))).await;
        }
        let token = self.privacy.follow_up_of(filed.request.id).await?;
        self.write_to(filed, note(Link::new(format!("{site}privacy/request?token={}", token.expose())))).await
    }

    /// Tells the owners of the household whose installation this is, but for who asked.
    async fn tell_operators(&self, filed: &Filed, notice: impl Fn(String) -> Notice) -> Result<()> {
        let household = self.accounts.ensure_household().await?;
        for owner in self.accounts.owners(household).await?.into_iter().filter(|one| Some(*one) != filed.asker.account)
        {
            self.connect.notify(owner, notice(format!("{}privacy-centre#desk", self.connect.site()))).await?;
        }
        Ok(())
    }

    async fn name_of(&self, household: HouseholdId) -> Result<Option<String>> {
        let household = self.accounts.household(&Caller::system(household)).await?;
        Ok(household.name.map(|name| name.into_inner()))
    }
}

/// What was asked for is no longer under way.
fn over() -> Error {
    Error::not_found("nothing is under way")
}
