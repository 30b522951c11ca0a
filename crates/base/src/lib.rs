//! What everybody needs and that knows no domain: ids, time, chance, errors, wrapped secrets, shutdown.
//!
//! No I/O happens here and no word of the product appears here.

mod error;
mod id;
mod secret;
mod shutdown;
mod time;
mod world;

pub use error::{Error, Kind, Result};
pub use id::Id;
pub use secret::{Pii, Secret};
pub use shutdown::Shutdown;
pub use time::{Range, Time};
pub use world::{Clock, Rng, SeededRng, SystemClock, SystemRng, TestClock, World};

#[doc(hidden)]
pub use serde as __serde;
#[doc(hidden)]
pub use uuid;
