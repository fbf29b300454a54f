//! Customers, facts and rules as data and pure functions. No IO, no runtime.
#![forbid(unsafe_code)]

pub mod alerts;
pub mod anonymous;
pub mod backtest;
pub mod change;
pub mod checklist;
pub mod condition;
pub mod customer;
pub mod definitions;
pub mod demo;
mod dice;
pub mod exact;
pub mod fact;
pub mod health;
pub mod icp;
pub mod kpis;
pub mod measure;
pub mod measuring;
pub mod metrics;
pub mod money;
pub mod money_flow;
pub mod names;
pub mod portfolio;
pub mod process;
