//! Progress bars on standard error; nothing where that is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that disappears when it is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    started: bool,
}

/// Ticks of a full bar.
const FULL: u64 = 1000;

impl Bar {
    /// A spinner beside `what`, which becomes a bar with the first share that is [`set`](Self::set).
    pub(super) fn new(what: impl Into<String>) -> Bar {
        // indicatif hides it by itself where standard error is no terminal.
        let bar = ProgressBar::new(FULL);
        bar.set_style(style("{spinner} {wide_msg}"));
        bar.set_message(what.into());
        bar.enable_steady_tick(Duration::from_millis(100));
        Bar {
            bar,
            started: false,
        }
    }

    /// Shows the share done, 0 to 1.
    pub(super) fn set(&mut self, share: f64) {
        if !self.started {
            self.started = true;
            self.bar
                .set_style(style("{bar:32} {percent:>3} %  {wide_msg}"));
        }
        self.bar
            .set_position((share.clamp(0.0, 1.0) * FULL as f64) as u64);
    }

    /// Replaces the text beside the bar.
    pub(super) fn say(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is one of two literals above")
}
