//! Envelopes from bytes: no panic; what is accepted comes back from its JSON; what is refused is told in one short line.
#![no_main]

use kunder_agent_core::envelope;
use kunder_agent_core::task::Task;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fuzz_target!(|payload: &[u8]| {
    match envelope::read(payload, LIMIT) {
        Ok(read) => {
            let stored = serde_json::to_vec(&read.task).expect("a task is plain data");
            let loaded: Task = serde_json::from_slice(&stored).expect("a stored task is read");
            assert_eq!(loaded, read.task);
            assert_eq!(loaded.body_hash(), read.task.body_hash());
            let again = envelope::read(&stored, 2 * LIMIT).expect("a stored task is an envelope");
            assert_eq!(again.task, read.task);
        }
        Err(refusal) => {
            let told = refusal.to_string();
            assert!(
                told.len() <= 1_000 && !told.contains(char::is_control),
                "{told:?}"
            );
        }
    }
});
