//! A copy of the repository under `target/mutants`, with mutants in it: no tracked file is ever touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::command::{cargo, command, output};
use crate::mutants::list::Mutant;
use crate::mutants::weave::{self, Change};

/// The variable that tells what was built which mutant to be; none of them without it.
pub const NUMBER: &str = "KUNDER_MUTANT";

/// What every woven crate asks; it stands in the crate that all others see.
const ASKED: &str = "
/// The mutant to be.
#[doc(hidden)]
pub fn mutant() -> u32 {
    static NUMBER: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        std::env::var(\"KUNDER_MUTANT\").ok().and_then(|number| number.parse().ok()).unwrap_or(0)
    });
    *NUMBER
}
";
const ASKED_IN: &str = "crates/agent-core/src/lib.rs";

pub struct Tree {
    /// Where the copy stands.
    pub root: PathBuf,
    original: PathBuf,
    target: PathBuf,
}

impl Tree {
    /// Brings the copy to what the repository holds now, without mutants; files that are the same keep their age.
    pub fn copy(original: &Path, folder: &Path) -> Result<Self> {
        let tree = Self {
            root: folder.join("tree"),
            original: original.to_owned(),
            target: folder.join("build"),
        };
        let listed = output(command("git", original).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ]))?;
        ensure!(
            listed.status.success(),
            "git cannot list the files of the repository"
        );
        let listed = String::from_utf8(listed.stdout).context("a file has a name that is no UTF-8")?;
        let wanted: BTreeSet<&str> = listed
            .split('\0')
            .filter(|name| !name.is_empty() && original.join(name).is_file())
            .collect();
        for name in tree
            .files()?
            .iter()
            .filter(|name| !wanted.contains(name.as_str()))
        {
            fs::remove_file(tree.root.join(name)).with_context(|| format!("cannot remove {name}"))?;
        }
        for name in wanted {
            let content = fs::read(original.join(name)).with_context(|| format!("cannot read {name}"))?;
            // What will be woven is written then.
            if Path::new(name)
                .extension()
                .is_none_or(|extension| extension != "rs")
                || !tree.root.join(name).exists()
            {
                tree.write(name, &content)?;
            }
        }
        Ok(tree)
    }

    fn files(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries {
                let path = entry.context("cannot list the copy")?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(name) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) {
                    files.push(name.to_owned());
                }
            }
        }
        Ok(files)
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.root.join(name);
        if fs::read(&path).is_ok_and(|there| there == content) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The file as the repository has it.
    pub fn source(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.original.join(name)).with_context(|| format!("cannot read {name}"))
    }

    /// Cargo over the copy. Optimised a little, because the simulation runs in it.
    pub fn cargo(&self) -> Command {
        let mut cargo = cargo(&self.root);
        cargo
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .env("RUSTFLAGS", "--cap-lints allow");
        cargo
    }

    pub fn simulate(&self) -> PathBuf {
        self.target.join("debug/simulate")
    }

    /// Weaves all mutants in but those that are refused, and takes out again, and adds to these, what the compiler refuses. Those that
    /// are in it then can be asked for by their numbers.
    pub fn weave(
        &self,
        mutants: &BTreeMap<u32, &Mutant>,
        refused: &mut BTreeSet<u32>,
    ) -> Result<BTreeSet<u32>> {
        loop {
            let woven = self.write_all(mutants, refused)?;
            let blamed = self.blamed(mutants)?;
            if blamed.is_empty() {
                return Ok(woven);
            }
            eprintln!(
                "  {} mutants do not stand beside the others: {blamed:?}",
                blamed.len()
            );
            refused.extend(blamed);
        }
    }

    fn write_all(&self, mutants: &BTreeMap<u32, &Mutant>, refused: &BTreeSet<u32>) -> Result<BTreeSet<u32>> {
        let mut woven = BTreeSet::new();
        for name in self.files()?.iter().filter(|name| name.ends_with(".rs")) {
            let source = self.source(name)?;
            let changes: Vec<Change> = mutants
                .iter()
                .filter(|(number, mutant)| mutant.file == *name && !refused.contains(number))
                .map(|(number, mutant)| Change {
                    number: *number,
                    genre: mutant.genre,
                    range: mutant.range(&source),
                    replacement: mutant.replacement.clone(),
                })
                .collect();
            let mut text = source;
            if !changes.is_empty() {
                let made = weave::weave(&text, &changes, which(name)).with_context(|| name.clone())?;
                woven.extend(made.numbers);
                text = made.text;
            }
            if name == ASKED_IN {
                text += ASKED;
            }
            self.write(name, text.as_bytes())?;
        }
        Ok(woven)
    }

    /// The numbers in whose texts the compiler finds errors.
    fn blamed(&self, mutants: &BTreeMap<u32, &Mutant>) -> Result<BTreeSet<u32>> {
        let mut check = self.cargo();
        check.args([
            "check",
            "--quiet",
            "--message-format",
            "json",
            "--keep-going",
            "--lib",
        ]);
        for package in mutants
            .values()
            .map(|mutant| &mutant.package)
            .collect::<BTreeSet<_>>()
        {
            check.args(["--package", package]);
        }
        let said = output(&mut check)?;
        let mut blamed = BTreeSet::new();
        for line in said.stdout.split(|byte| *byte == b'\n') {
            let Ok(Said {
                message: Some(message),
                ..
            }) = serde_json::from_slice::<Said>(line)
            else {
                continue;
            };
            if message.level != "error" || message.all_spans().is_empty() {
                continue;
            }
            let found = self.regions_of(&message)?;
            ensure!(
                !found.is_empty(),
                "no mutant is to blame for: {}",
                message.rendered.as_deref().unwrap_or("an error")
            );
            blamed.extend(found);
        }
        ensure!(
            said.status.success() || !blamed.is_empty(),
            "the copy cannot be built: {}",
            String::from_utf8_lossy(&said.stderr)
        );
        Ok(blamed)
    }

    /// The innermost mutant where the error is; else those of other places it names.
    fn regions_of(&self, message: &Message) -> Result<BTreeSet<u32>> {
        let mut found = BTreeSet::new();
        let mut spans = message.all_spans();
        spans.sort_by_key(|span| !span.is_primary);
        for span in spans {
            if !found.is_empty() && !span.is_primary {
                break;
            }
            let Ok(text) = fs::read_to_string(self.root.join(&span.file_name)) else {
                continue;
            };
            let inside = weave::regions(&text)
                .into_iter()
                .filter(|(_, region)| region.start <= span.byte_start && span.byte_end <= region.end)
                .min_by_key(|(_, region)| region.len());
            found.extend(inside.map(|(number, _)| number));
        }
        Ok(found)
    }

    /// Puts one mutant into the copy alone in its file.
    pub fn put(&self, mutant: &Mutant) -> Result<()> {
        let mut text = self.source(&mutant.file)?;
        let range = mutant.range(&text);
        text.replace_range(range, &mutant.replacement);
        if mutant.file == ASKED_IN {
            text += ASKED;
        }
        self.write(&mutant.file, text.as_bytes())
    }

    /// Whether it compiles in its file, alone. The file is as it was afterwards, of the same age.
    pub fn is_viable(&self, mutant: &Mutant) -> Result<bool> {
        let path = self.root.join(&mutant.file);
        let before = fs::read(&path).context("cannot read the copy")?;
        let age = fs::metadata(&path).and_then(|file| file.modified());
        self.put(mutant)?;
        let checked = output(
            self.cargo()
                .args(["check", "--quiet", "--lib", "--package", &mutant.package]),
        )?;
        fs::write(&path, before).context("cannot write the copy")?;
        let file = fs::File::options()
            .write(true)
            .open(&path)
            .context("cannot write the copy")?;
        age.and_then(|age| file.set_modified(age))
            .context("cannot keep the age of a file")?;
        Ok(checked.status.success())
    }
}

fn which(file: &str) -> &'static str {
    if file.starts_with("crates/agent-core/") {
        "crate::mutant()"
    } else {
        "kunder_agent_core::mutant()"
    }
}

/// What cargo says in JSON, as far as it is read here.
#[derive(Deserialize)]
struct Said {
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    spans: Vec<Span>,
    #[serde(default)]
    children: Vec<Message>,
    #[serde(default)]
    rendered: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

#[derive(Clone, Deserialize)]
struct Expansion {
    span: Span,
}

impl Message {
    /// With those of its notes, and where macros were called.
    fn all_spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for span in &self.spans {
            let mut at = Some(span.clone());
            while let Some(span) = at {
                at = span.expansion.as_ref().map(|expansion| expansion.span.clone());
                spans.push(span);
            }
        }
        let notes = self.children.iter().flat_map(Message::all_spans);
        spans.extend(notes.map(|span| Span {
            is_primary: false,
            ..span
        }));
        spans
    }
}
