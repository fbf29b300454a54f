//! Progress on anything over a second, when a person is watching; nothing otherwise.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on stderr, hidden where nobody watches.
#[must_use]
pub fn bar(total: u64, template: &str, message: &str) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(10)
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(message.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar over parts: pages of a task.
pub const PARTS: &str = "{msg} {wide_bar} {pos}/{len} {elapsed}";
/// A bar over bytes of a file.
pub const BYTES: &str = "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {elapsed}";
