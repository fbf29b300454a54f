//! Quick commands: from what a person typed to an agent and a command (S0-15 to S0-19, D-40). Pure; never a guess.

mod words;

use kunder_agent_core::task::Locale;

pub(crate) use words::folded;
use words::{Word, closeness, fits, raw_slot, same, words};

/// A quick command: what it does, and how people write it.
#[derive(Debug, PartialEq, Eq)]
pub struct QuickCommand {
    /// The token of the agent, `customer-health`.
    pub agent: &'static str,
    /// The agent's own command, `health-check`.
    pub command: &'static str,
    usage_sv: &'static str,
    usage_en: &'static str,
    forms: &'static [Form],
}

impl QuickCommand {
    /// How to write it, `Hämta kundinfo [kund]`.
    #[must_use]
    pub fn usage(&self, locale: Locale) -> &'static str {
        locale.pick(self.usage_sv, self.usage_en)
    }

    /// Whether a customer belongs to it.
    #[must_use]
    pub fn takes_customer(&self) -> bool {
        self.forms.iter().any(|form| form.slot)
    }
}

/// One way to write a command, folded: small letters without diacritics. A slot follows the words.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    words: &'static [&'static str],
    slot: bool,
    /// `None` where the words are the same in both languages.
    locale: Option<Locale>,
}

const fn plain(locale: Locale, words: &'static [&'static str]) -> Form {
    Form {
        words,
        slot: false,
        locale: Some(locale),
    }
}

const fn with_customer(locale: Option<Locale>, words: &'static [&'static str]) -> Form {
    Form {
        words,
        slot: true,
        locale,
    }
}

/// The four quick commands, in the order of the process overview.
pub const QUICK_COMMANDS: &[QuickCommand] = &[
    QuickCommand {
        agent: "customer-health",
        command: "health-check",
        usage_sv: "Kör kundhälsokoll",
        usage_en: "Run health check",
        forms: &[
            plain(Locale::Sv, &["kor", "kundhalsokoll"]),
            plain(Locale::Sv, &["kundhalsokoll"]),
            plain(Locale::En, &["run", "health", "check"]),
            plain(Locale::En, &["run", "customer", "health", "check"]),
            plain(Locale::En, &["health", "check"]),
            plain(Locale::En, &["customer", "health", "check"]),
        ],
    },
    QuickCommand {
        agent: "onboarding",
        command: "onboard",
        usage_sv: "Onboarding för [kund]",
        usage_en: "Onboarding for [customer]",
        forms: &[
            with_customer(None, &["onboarding", "for"]),
            with_customer(Some(Locale::Sv), &["starta", "onboarding", "for"]),
            with_customer(Some(Locale::En), &["start", "onboarding", "for"]),
            with_customer(Some(Locale::En), &["onboard"]),
        ],
    },
    QuickCommand {
        agent: "pipeline",
        command: "pipeline-analysis",
        usage_sv: "Pipeline-analys",
        usage_en: "Pipeline analysis",
        forms: &[
            plain(Locale::Sv, &["pipeline", "analys"]),
            plain(Locale::Sv, &["kor", "pipeline", "analys"]),
            plain(Locale::En, &["pipeline", "analysis"]),
            plain(Locale::En, &["run", "pipeline", "analysis"]),
        ],
    },
    QuickCommand {
        agent: "customer-fetching",
        command: "brief",
        usage_sv: "Hämta kundinfo [kund]",
        usage_en: "Get customer info [customer]",
        forms: &[
            with_customer(Some(Locale::Sv), &["hamta", "kundinfo"]),
            with_customer(Some(Locale::En), &["get", "customer", "info"]),
            with_customer(Some(Locale::En), &["fetch", "customer", "info"]),
        ],
    },
];

/// What a text came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    Command(Command),
    /// No command is written like this; those that come closest, best first, else all. Never empty.
    Unknown {
        suggestions: Vec<&'static QuickCommand>,
    },
}

/// A quick command that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub agent: &'static str,
    pub command: &'static str,
    /// As the person wrote it, without quotes around; `None` where it was left out, so that the agent asks.
    pub customer: Option<String>,
    /// The language of the words that were used, where they tell.
    pub locale_hint: Option<Locale>,
}

/// How to write every command, for help.
#[must_use]
pub fn usages(locale: Locale) -> Vec<&'static str> {
    QUICK_COMMANDS
        .iter()
        .map(|command| command.usage(locale))
        .collect()
}

/// Understands what a person typed: case, diacritics, composed or decomposed letters, quotes, end marks, spaces and
/// hyphens do not matter, and one typo in the command's own words is forgiven.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let words = words(text);
    let mut best: Option<(usize, Command)> = None;
    for quick in QUICK_COMMANDS {
        for form in quick.forms {
            let Some((typos, customer)) = read(form, text, &words) else {
                continue;
            };
            if best.as_ref().is_none_or(|(fewest, _)| typos < *fewest) {
                let command = Command {
                    agent: quick.agent,
                    command: quick.command,
                    customer,
                    locale_hint: form.locale,
                };
                best = Some((typos, command));
            }
        }
    }
    match best {
        Some((_, command)) => Parsed::Command(command),
        None => Parsed::Unknown {
            suggestions: suggestions(&words),
        },
    }
}

/// Reads a text as one form: how many typos it took, and what stands in the slot.
fn read(form: &Form, text: &str, words: &[Word]) -> Option<(usize, Option<String>)> {
    if !form.slot {
        return Some((same(form.words, words)?, None));
    }
    let (typos, used) = fits(form.words, words)?;
    Some((typos, raw_slot(text, words, used)))
}

/// The commands that come closest, best first; all of them where none comes close.
fn suggestions(words: &[Word]) -> Vec<&'static QuickCommand> {
    let mut close: Vec<(u32, &QuickCommand)> = QUICK_COMMANDS
        .iter()
        .filter_map(|quick| {
            let best = quick
                .forms
                .iter()
                .map(|form| closeness(form.words, words))
                .max()?;
            (best > 0).then_some((best, quick))
        })
        .collect();
    close.sort_by_key(|(closeness, _)| std::cmp::Reverse(*closeness));
    match close.first() {
        Some((best, _)) => close
            .iter()
            .filter(|(closeness, _)| closeness == best)
            .map(|(_, quick)| *quick)
            .collect(),
        None => QUICK_COMMANDS.iter().collect(),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
