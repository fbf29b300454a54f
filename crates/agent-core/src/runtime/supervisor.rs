//! Keeps one actor alive: restarts it with backoff when it ends by a panic, and gives up when that happens too often.

use std::collections::VecDeque;
use std::sync::Arc;

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
        let ended = core
            .clock
            .spawn(Box::pin(async move { actor::run(actor_core, &actor_name).await }))
            .await;
        let Err(panic) = ended else { return };
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
                "agent {name} was restarted {} times in {:?}, last because: {panic}",
                restarts.len() - 1,
                core.config.restart_window
            ));
            return;
        }
        tracing::warn!(agent = %name, panic, restarts = restarts.len(), "actor restarts");
        core.pause(core.backoff(u32::try_from(restarts.len()).unwrap_or(u32::MAX)))
            .await;
    }
}
