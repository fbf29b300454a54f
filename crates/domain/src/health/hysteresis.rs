//! Bands that are entered at their edge and left only above it, so that a score on the edge does not flap (D-23).

use super::compile::Rung;
use crate::exact::Exact;

/// The band of `score` for a customer that was in `before`, as places in the model. Downwards the edge decides. Upwards every
/// band on the way has to be left at its own exit, so that a leap ends where many small steps would.
pub(super) fn band(ladder: &[Rung], score: &Exact, before: Option<usize>) -> usize {
    let natural = ladder.iter().rposition(|rung| rung.from <= *score).unwrap_or(0);
    let Some(start) = before.and_then(|before| ladder.iter().position(|rung| rung.band == before)) else {
        return ladder[natural].band;
    };
    let held = (start..natural).find(|place| {
        let exit = ladder[*place].exit.as_ref();
        exit.is_some_and(|exit| score < exit)
    });
    ladder[held.unwrap_or(natural)].band
}
