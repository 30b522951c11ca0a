//! `nightjar request`: what people ask about their data, and the answers, from the machine's own terminal.

use crate::{
    config::Place,
    control::{self, Request},
};
use base::{Error, Result};
use clap::{Subcommand, ValueEnum};
use privacy::Refusal;
use serde_json::Value;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What the answer comes to.
#[derive(Clone, Copy, ValueEnum)]
enum Decision {
    Granted,
    /// Some items are refused
    Partly,
    Refused,
}

impl From<Decision> for privacy::Decision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Granted => Self::Granted,
            Decision::Partly => Self::Partly,
            Decision::Refused => Self::Refused,
        }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Print the requests, the most urgent first
    List {
        #[command(flatten)]
        place: Place,
        /// As JSON, as the API shows them
        #[arg(long)]
        json: bool,
    },
    /// Note that you know who asks, where no mail could show it
    Confirm {
        #[command(flatten)]
        place: Place,
        /// The id of the request
        id: String,
    },
    /// Take sixty days more, once; the person is told why
    Extend {
        #[command(flatten)]
        place: Place,
        /// The id of the request
        id: String,
        /// Why it takes longer
        #[arg(long)]
        reason: String,
    },
    /// Answer a request; the person is told
    Answer {
        #[command(flatten)]
        place: Place,
        /// The id of the request
        id: String,
        /// What the answer comes to
        #[arg(long)]
        decision: Decision,
        /// Why, in words for the person
        #[arg(long)]
        reasons: String,
        /// An item that is refused and why; may be given several times
        #[arg(long, value_name = "ITEM=REASON")]
        refuse: Vec<String>,
    },
}

/// `nightjar request …`
pub async fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::List { place, json } => list(&place, json).await?,
        Command::Confirm { place, id } => drop(control::ask(&place, Request::DeskConfirm { id }).await?),
        Command::Extend { place, id, reason } => {
            control::ask(&place, Request::DeskExtend { id, reason }).await?;
        }
        Command::Answer { place, id, decision, reasons, refuse } => {
            let refused = refuse.iter().map(|text| refusal(text)).collect::<Result<_>>()?;
            let decision = decision.into();
            control::ask(&place, Request::DeskAnswer { id, decision, reasons, refused }).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn refusal(text: &str) -> Result<Refusal> {
    let (item, reason) =
        text.split_once('=').ok_or_else(|| Error::invalid("an item is refused as in --refuse ITEM=REASON"))?;
    Ok(Refusal { item: item.into(), reason: reason.into() })
}

async fn list(place: &Place, json: bool) -> Result<()> {
    let requests = control::ask(place, Request::DeskList).await?;
    if json {
        println!("{requests:#}");
        return Ok(());
    }
    for request in requests.as_array().into_iter().flatten() {
        print(request);
    }
    Ok(())
}

/// A line with what matters, and the words below it.
fn print(request: &Value) {
    let text = |key: &str| request[key].as_str().unwrap_or_default();
    let state = match (&request["answer"], &request["confirmed"], request["overdue"] == true) {
        (Value::Object(_), ..) => "answered",
        (_, Value::Null, _) => "unconfirmed",
        (.., true) => "OVERDUE",
        _ => "open",
    };
    let who = [text("address"), text("account")].into_iter().find(|who| !who.is_empty()).unwrap_or_default();
    println!("{}  {state:<11}  {:<10}  {:<7}  {}  {who}", text("id"), text("kind"), text("clause"), text("due"));
    for line in text("text").lines() {
        println!("    {line}");
    }
}
