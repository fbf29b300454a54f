//! What goes wrong between the runtime and the broker, and how often.

use jiff::SignedDuration;

/// Chances in a thousand, each drawn anew for every message, and how long things take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// A message is lost before it is stored; its sender hears nothing.
    pub publish_lost: u32,
    /// It is stored, and its sender hears nothing.
    pub answer_lost: u32,
    /// Its sender hears nothing, and it is stored after that.
    pub publish_late: u32,
    /// A message, an answer or a delivery takes up to `delay_max`, and others pass it.
    pub delayed: u32,
    /// A delivery is lost; the message comes again after the acknowledgement time.
    pub delivery_lost: u32,
    /// A message is handed out twice.
    pub delivered_twice: u32,
    /// Another message of the queue is handed out first.
    pub reordered: u32,
    /// An acknowledgement, or what else is said of a delivery, is lost.
    pub ack_lost: u32,
    /// The connection breaks, for up to `away_max`; what is on its way is lost, or arrives with the next connection.
    pub disconnected: u32,
    /// The broker dies and comes back within `away_max` with what it had stored.
    pub restarted: u32,
    /// An acknowledgement of the last second before a restart was not on disk: the message comes again.
    pub ack_forgotten: u32,
    pub delay_max: SignedDuration,
    pub away_max: SignedDuration,
}

impl Faults {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::each(0)
    }

    /// Everything goes wrong equally often; connections break and brokers die a tenth as often.
    #[must_use]
    pub fn each(permille: u32) -> Self {
        Self {
            publish_lost: permille,
            answer_lost: permille,
            publish_late: permille,
            delayed: permille,
            delivery_lost: permille,
            delivered_twice: permille,
            reordered: permille,
            ack_lost: permille,
            disconnected: permille.div_ceil(10),
            restarted: permille.div_ceil(10),
            ack_forgotten: permille,
            delay_max: SignedDuration::from_secs(2),
            away_max: SignedDuration::from_secs(20),
        }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}
