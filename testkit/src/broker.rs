//! A simulated broker: what JetStream does for the runtime, with faults.
