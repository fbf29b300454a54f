//! The allowed directions of dependencies between crates, and the one home of each outside library (design, section 3).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command::{cargo, output};
use crate::complaint::Complaint;

const CORE: &str = "kunder-agent-core";
const DOMAIN: &str = "kunder-domain";
const AGENTS: &str = "kunder-agents";
const BUS: &str = "kunder-bus";
const STORE: &str = "kunder-store";
const CONNECT: &str = "kunder-connect";
const GATEWAY: &str = "kunder-gateway";
const RUNNER: &str = "kunder";
const TESTKIT: &str = "kunder-testkit";
const TESTS: &str = "kunder-tests";
const XTASK: &str = "xtask";

/// Crates that never see each other, not even in their tests.
const SIBLINGS: [&str; 5] = [AGENTS, BUS, STORE, CONNECT, GATEWAY];

/// Which crates of the workspace each crate may depend on. A crate that is not here has no place yet.
const LAYERS: [(&str, &[&str]); 11] = [
    (CORE, &[]),
    (DOMAIN, &[]),
    (AGENTS, &[CORE, DOMAIN]),
    (BUS, &[CORE]),
    (STORE, &[CORE, DOMAIN]),
    (CONNECT, &[CORE, DOMAIN]),
    (GATEWAY, &[CORE, DOMAIN]),
    (RUNNER, &[CORE, DOMAIN, AGENTS, BUS, STORE, CONNECT, GATEWAY]),
    // Not the store: it simulates one.
    (TESTKIT, &[CORE, DOMAIN, AGENTS, BUS, RUNNER]),
    (
        TESTS,
        &[
            CORE, DOMAIN, AGENTS, BUS, STORE, CONNECT, GATEWAY, RUNNER, TESTKIT,
        ],
    ),
    (XTASK, &[]),
];

/// The only crates that may use an outside library.
const HOMES: [(&str, &[&str]); 8] = [
    ("async-nats", &[BUS]),
    ("rusqlite", &[STORE]),
    ("tokio-postgres", &[STORE]),
    ("sqlx", &[STORE]),
    ("reqwest", &[CONNECT]),
    ("axum", &[GATEWAY]),
    ("clap", &[RUNNER, XTASK]),
    ("anyhow", &[RUNNER, XTASK]),
];

/// Libraries a crate must never use, and why.
const BANNED: [(&str, &str, &str); 1] = [(DOMAIN, "tokio", "the domain knows no runtime")];

/// The part of `cargo metadata` that we read.
#[derive(Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
    pub target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    /// The package's own name, also where the manifest gives it another.
    name: String,
    kind: Option<Kind>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Dev,
    Build,
}

pub fn check(root: &Path) -> Result<String> {
    let metadata = metadata(root)?;
    Complaint::unless_empty(
        violations(&metadata),
        "move the code to the layer it belongs to (design, section 3); the rules stand in xtask/src/layers.rs",
    )?;
    Ok(format!("layers: {} crates in order", metadata.packages.len()))
}

pub fn metadata(root: &Path) -> Result<Metadata> {
    let metadata = output(cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
    if !metadata.status.success() {
        let said = String::from_utf8_lossy(&metadata.stderr).trim().to_owned();
        return Err(Complaint::new(
            format!("cannot read the workspace: {said}"),
            "`cargo metadata` must work here",
        )
        .into());
    }
    serde_json::from_slice(&metadata.stdout).context("cannot parse what `cargo metadata` prints")
}

/// Every dependency that breaks a rule: crate, dependency, rule.
fn violations(metadata: &Metadata) -> Vec<String> {
    let is_ours = |name: &str| metadata.packages.iter().any(|package| package.name == name);
    let mut violations = Vec::new();
    for Package {
        name: package,
        dependencies,
    } in &metadata.packages
    {
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| layer == package) else {
            violations.push(format!(
                "{package} has no place in the layers: give it one in xtask/src/layers.rs"
            ));
            continue;
        };
        for dependency in dependencies {
            let rule = if is_ours(&dependency.name) {
                broken_direction(package, dependency, allowed)
            } else {
                broken_home(package, dependency)
            };
            violations.extend(rule.map(|rule| format!("{package} depends on {}: {rule}", dependency.name)));
        }
    }
    violations
}

fn broken_direction(package: &str, dependency: &Dependency, allowed: &[&str]) -> Option<String> {
    let name = dependency.name.as_str();
    if package != name && SIBLINGS.contains(&package) && SIBLINGS.contains(&name) {
        return Some("siblings never see each other, not even in tests".to_owned());
    }
    if dependency.kind == Some(Kind::Dev) || allowed.contains(&name) {
        return None;
    }
    Some(match allowed {
        [] => format!("{package} depends on no crate of the workspace"),
        allowed => format!("of the workspace it may see only {}", allowed.join(", ")),
    })
}

/// The end-to-end tests and dev-dependencies are free.
fn broken_home(package: &str, dependency: &Dependency) -> Option<String> {
    if package == TESTS || dependency.kind == Some(Kind::Dev) {
        return None;
    }
    let banned = BANNED
        .iter()
        .find(|(crate_, library, _)| *crate_ == package && *library == dependency.name);
    if let Some((_, _, why)) = banned {
        return Some((*why).to_owned());
    }
    let (_, homes) = HOMES.iter().find(|(library, _)| *library == dependency.name)?;
    (!homes.contains(&package)).then(|| format!("its only home is {}", homes.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One crate a line, `crate: dependency dev:dependency build:dependency`; what is expected, one violation a line.
    #[track_caller]
    fn check(graph: &str, expected: &str) {
        let packages = graph.lines().map(|line| {
            let (package, dependencies) = line.trim().split_once(':').unwrap();
            let dependencies =
                dependencies
                    .split_whitespace()
                    .map(|dependency| match dependency.split_once(':') {
                        Some((kind, name)) => serde_json::json!({ "name": name, "kind": kind }),
                        None => serde_json::json!({ "name": dependency, "kind": null }),
                    });
            serde_json::json!({ "name": package, "dependencies": dependencies.collect::<Vec<_>>() })
        });
        let metadata =
            serde_json::json!({ "packages": packages.collect::<Vec<_>>(), "target_directory": "target" });
        let expected: Vec<&str> = expected.lines().map(str::trim).collect();
        assert_eq!(violations(&serde_json::from_value(metadata).unwrap()), expected);
    }

    #[test]
    fn the_designed_workspace_is_in_order() {
        check(
            "kunder-agent-core: serde tokio
             kunder-domain: serde jiff
             kunder-agents: kunder-agent-core kunder-domain
             kunder-bus: kunder-agent-core async-nats
             kunder-store: kunder-agent-core kunder-domain rusqlite tokio-postgres
             kunder-connect: kunder-agent-core kunder-domain reqwest
             kunder-gateway: kunder-agent-core kunder-domain axum
             kunder: kunder-agent-core kunder-domain kunder-agents kunder-bus kunder-store kunder-connect \
                     kunder-gateway clap anyhow
             kunder-testkit: kunder kunder-agent-core kunder-domain kunder-agents kunder-bus
             kunder-tests: kunder kunder-bus kunder-store kunder-testkit async-nats anyhow
             xtask: clap anyhow",
            "",
        );
    }

    #[test]
    fn core_and_domain_depend_on_no_crate_of_the_workspace() {
        check(
            "kunder-agent-core: kunder-domain
             kunder-domain: build:kunder-agent-core",
            "kunder-agent-core depends on kunder-domain: kunder-agent-core depends on no crate of the workspace
             kunder-domain depends on kunder-agent-core: kunder-domain depends on no crate of the workspace",
        );
    }

    #[test]
    fn the_bus_knows_no_customer() {
        check(
            "kunder-domain:
             kunder-bus: kunder-domain",
            "kunder-bus depends on kunder-domain: of the workspace it may see only kunder-agent-core",
        );
    }

    #[test]
    fn nothing_depends_on_the_runner_or_the_tests() {
        check(
            "kunder:
             kunder-tests: kunder
             kunder-store: kunder kunder-tests
             xtask: kunder",
            "kunder-store depends on kunder: of the workspace it may see only kunder-agent-core, kunder-domain
             kunder-store depends on kunder-tests: of the workspace it may see only kunder-agent-core, kunder-domain
             xtask depends on kunder: xtask depends on no crate of the workspace",
        );
    }

    #[test]
    fn siblings_never_see_each_other_not_even_in_tests() {
        check(
            "kunder-agents: kunder-store
             kunder-bus:
             kunder-store: dev:kunder-bus",
            "kunder-agents depends on kunder-store: siblings never see each other, not even in tests
             kunder-store depends on kunder-bus: siblings never see each other, not even in tests",
        );
    }

    #[test]
    fn dev_dependencies_are_otherwise_free() {
        check(
            "kunder-testkit:
             kunder-agent-core: dev:kunder-testkit
             kunder-domain: dev:tokio dev:anyhow
             kunder-bus: dev:rusqlite",
            "",
        );
    }

    #[test]
    fn the_testkit_stays_in_tests() {
        check(
            "kunder-testkit:
             kunder-bus: kunder-testkit",
            "kunder-bus depends on kunder-testkit: of the workspace it may see only kunder-agent-core",
        );
    }

    #[test]
    fn each_library_has_one_home() {
        check(
            "kunder: async-nats
             kunder-agents: rusqlite
             kunder-connect: tokio-postgres
             kunder-agent-core: reqwest sqlx
             kunder-bus: axum
             kunder-store: clap
             kunder-domain: build:anyhow",
            "kunder depends on async-nats: its only home is kunder-bus
             kunder-agents depends on rusqlite: its only home is kunder-store
             kunder-connect depends on tokio-postgres: its only home is kunder-store
             kunder-agent-core depends on reqwest: its only home is kunder-connect
             kunder-agent-core depends on sqlx: its only home is kunder-store
             kunder-bus depends on axum: its only home is kunder-gateway
             kunder-store depends on clap: its only home is kunder and xtask
             kunder-domain depends on anyhow: its only home is kunder and xtask",
        );
    }

    #[test]
    fn the_domain_knows_no_runtime() {
        check(
            "kunder-domain: tokio
             kunder-agents: tokio",
            "kunder-domain depends on tokio: the domain knows no runtime",
        );
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        check(
            "kunder-extras: serde",
            "kunder-extras has no place in the layers: give it one in xtask/src/layers.rs",
        );
    }
}
