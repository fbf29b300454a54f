//! Keeps one actor alive: restarts it with backoff when it panics or shows no sign of life, and gives up when that happens too often.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::{Core, actor};
use crate::id::AgentName;

/// Runs the actor until the runtime drains.
pub(super) async fn supervise<P: Send + Sync + 'static, C: Send + 'static>(
    core: Arc<Core<P, C>>,
    name: AgentName,
) {
    let mut restarts: VecDeque<Timestamp> = VecDeque::new();
    loop {
        let (actor_core, actor_name) = (Arc::clone(&core), name.clone());
        let hung = Arc::new(OnceLock::new());
        let told = Arc::clone(&hung);
        let ended = core
            .clock
            .spawn(Box::pin(async move {
                if let Err(hang) = actor::run(actor_core, &actor_name).await {
                    let _ = told.set(hang);
                }
            }))
            .await;
        let cause = match (ended, hung.get()) {
            (Err(panic), _) => panic,
            (Ok(()), Some(actor::Hang(what))) => format!("{what} in {:?}", core.config.heartbeat_limit),
            (Ok(()), None) => return,
        };
        core.counters.restarts.fetch_add(1, Ordering::AcqRel);
        let now = core.now();
        restarts.push_back(now);
        while restarts
            .front()
            .is_some_and(|first| now.duration_since(*first).unsigned_abs() > core.config.restart_window)
        {
            restarts.pop_front();
        }
        if restarts.len() > core.config.restarts_max {
            core.give_up(format!(
                "agent {name} was restarted {} times in {:?}, last because: {cause}",
                restarts.len() - 1,
                core.config.restart_window
            ));
            return;
        }
        tracing::warn!(agent = %name, cause, restarts = restarts.len(), "actor restarts");
        core.pause(core.backoff(u32::try_from(restarts.len()).unwrap_or(u32::MAX)))
            .await;
    }
}
