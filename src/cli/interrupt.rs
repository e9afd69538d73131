//! Ctrl-C: the first one asks the work to stop, the second one ends the program.

use std::io::IsTerminal;

use crate::CancelToken;

/// Listens for interrupts for the rest of the process.
pub(super) struct Interrupt {
    token: CancelToken,
}

/// The user ended the work; what became of it.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; {0}")]
pub(super) struct Interrupted(pub &'static str);

impl Default for Interrupted {
    fn default() -> Self {
        Interrupted("nothing was written")
    }
}

impl Interrupt {
    /// Starts to listen. Only for work that looks at the token all the time: nothing else ends it any more.
    ///
    /// # Errors
    /// If the system grants no signal handler.
    pub(super) fn listen() -> std::io::Result<Interrupt> {
        let token = CancelToken::new();
        let flag = token.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut signals = runtime.block_on(async { Signals::open() })?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                signals.next().await;
                flag.cancel();
                if std::io::stderr().is_terminal() {
                    eprintln!("overfit: stopping; Ctrl-C again ends it at once");
                }
                signals.next().await;
                std::process::exit(130);
            });
        });
        Ok(Interrupt { token })
    }

    /// Set at the first interrupt.
    pub(super) fn token(&self) -> &CancelToken {
        &self.token
    }

    /// What the user is told about `error`: work that was interrupted fails in many ways, for one reason.
    pub(super) fn explain(&self, error: impl Into<anyhow::Error>) -> anyhow::Error {
        if self.token.is_cancelled() {
            return Interrupted::default().into();
        }
        error.into()
    }
}

/// The signals that mean "stop": Ctrl-C everywhere, SIGTERM on Unix.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Signals {
    #[cfg(unix)]
    fn open() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(windows)]
    fn open() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: tokio::signal::windows::ctrl_c()?,
        })
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(windows)]
        self.interrupt.recv().await;
    }
}
