//! Talking to the services that sign people in: the description of a configured issuer, its keys, and the exchange of a
//! code. What is sent names no person. No redirect is followed, no proxy of the environment is used, and an answer that is
//! slow or long is given up.

use accounts::Fetch;
use base::{Error, Result};
use std::{sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const LONGEST: usize = 1 << 20;

/// Sends requests to issuers.
pub fn fetch() -> Result<Fetch> {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(PATIENCE);
    let client = builder.build().map_err(|cause| Error::internal("no client for other services").because(cause))?;
    Ok(Arc::new(move |request| {
        let client = client.clone();
        Box::pin(async move { ask(&client, request).await })
    }))
}

async fn ask(client: &reqwest::Client, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>> {
    let request = reqwest::Request::try_from(request).map_err(unreachable)?;
    let mut answer = client.execute(request).await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LONGEST {
            return Err(Error::unavailable("the answer of the other service is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = http::Response::new(body);
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    Ok(response)
}

/// The cause is left without its URL, which can hold a code.
fn unreachable(cause: reqwest::Error) -> Error {
    Error::unavailable("the other service cannot be reached").because(cause.without_url())
}
