//! One signal that everything long-running listens to.

use tokio_util::sync::CancellationToken;

/// Asks every part to finish its work and stop. Cheap to clone; children stop with their parent.
#[derive(Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A signal that has not been given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal. Giving it twice is harmless.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether the signal was given.
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves when the signal is given.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }

    /// A signal that is given with this one, and may be given earlier by itself.
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }
}
