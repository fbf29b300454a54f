//! `explain-health`: one customer's health, every point with where it comes from, and what changed.

mod rows;
mod sentence;

pub use rows::{
    ChangeRow, ChangedInput, ContributionRow, Explanation, FreshnessRow, OverrideRow, RuleRow, ShadowRow,
};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use kunder_agent_core::agent::{GatherError, Work};
use kunder_agent_core::outcome::{Report, Status};
use kunder_agent_core::task::Locale;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::Effect;
use kunder_domain::exact::{Exact, print_rows};
use kunder_domain::health::{
    AppliedOverride, Change, CompiledModel, Contribution, HealthRecord, HealthResult, Kept, Reading, Row,
    Snapshot,
};
use kunder_domain::measuring::Measured;
use kunder_domain::metrics::day;
use schemars::JsonSchema;

use super::{CustomerHealth, Facts, HealthRow};
use crate::Reader;
use crate::asked::{Asked, asked, moment, unavailable};
use crate::evidence::{decided, sources};
use crate::health_models;
use crate::health_models::wording::{kept_key, kept_label, override_reason};
use crate::params::{Bad, Params};
use crate::present::earlier_health;

/// A customer is compared with its last record; where there is none, with itself so many days before.
const COMPARED_DAYS: i64 = 7;
/// Languages of an explanation: it is said to the customer's own people, too.
const LANGUAGES: [(&str, &str); 3] = [("sv", "sv"), ("en", "en"), ("nl", "nl")];

/// A customer now and before.
pub struct Explained {
    customer: Customer,
    as_of: Timestamp,
    since: Timestamp,
    before: Option<Customer>,
    /// What was recorded on the day compared with, or the last day before it that has a record.
    recorded: Option<HealthRecord>,
    /// What was recorded last before the day it is about: a band is left by it.
    last: Option<HealthRecord>,
    language: &'static str,
}

/// The block `health`: rows of a check, or one customer explained.
#[derive(JsonSchema)]
#[serde(untagged)]
pub enum HealthBlock {
    Check(Vec<HealthRow>),
    Explained(Box<Explanation>),
}

impl CustomerHealth {
    /// Reads the customer as it is, and as it was.
    pub(super) async fn explained(&self, work: &Work, reader: &Reader) -> Result<Facts, GatherError> {
        let as_of = moment(work, &self.zone);
        let view = reader.view(as_of).await.map_err(unavailable)?;
        let customer = match asked(work, view, reader).await? {
            Asked::Customer(customer) => *customer,
            Asked::Answer(report) => return Ok(Facts::Answer(report)),
        };
        let locale = work.task.locale();
        let params = Params::new(&work.task.instruction.params, locale);
        let read = params
            .date(&["since"])
            .and_then(|since| Ok((since, language(&params, locale)?)));
        let (since, language) = match read {
            Ok(read) => read,
            Err(bad) => return Ok(Facts::Answer(bad)),
        };
        let today = day(as_of, &self.zone);
        if since.is_some_and(|since| since > today) {
            let (sv, en) = (format!("ligger efter {today}"), format!("lies after {today}"));
            return Ok(Facts::Answer(params.bad("since", &sv, &en)));
        }
        let yesterday = today.yesterday().unwrap_or(today);
        let records = earlier_health(&customer.id, today, reader).await?;
        let last = records.last().cloned();
        let upto = since.unwrap_or(yesterday);
        let recorded = records.into_iter().rfind(|record| record.day <= upto);
        let since = since.or_else(|| today.checked_sub(COMPARED_DAYS.days()).ok());
        let since = since
            .and_then(|since| since.tomorrow().ok())
            .and_then(|next| next.to_zoned(self.zone.clone()).ok())
            .map_or(as_of, |end| {
                (end.timestamp() - SignedDuration::from_nanos(1)).min(as_of)
            });
        // A model that has no words of a language is not explained half in another one.
        let language = if self.models.active(&customer).speaks(language) {
            language
        } else {
            "en"
        };
        let then = reader.view(since).await.map_err(unavailable)?;
        let before = reader.customer(then, &customer.id).await.map_err(unavailable)?;
        Ok(Facts::Explained(Box::new(Explained {
            customer,
            as_of,
            since,
            before,
            recorded,
            last,
            language,
        })))
    }

    /// Says how the customer is, and why.
    pub(super) fn explain(&self, explained: &Explained) -> Report {
        let language = explained.language;
        let explanation = self.explanation(explained, language);
        let mut report = Report::new(Status::Complete, explanation.sentence.clone());
        report.text = Some(sentence::text(&explanation, language));
        for refused in &explanation.refused {
            report.block(refused.clone());
        }
        report.sources = sources([&explained.customer]);
        let shadows = self.models.shadows(&explained.customer);
        let models = std::iter::once(self.models.active(&explained.customer)).chain(shadows);
        report.definitions = models
            .map(|model| decided(self.models.definition(model)))
            .collect();
        report
            .definitions
            .extend(self.definitions.resolver.as_ref().map(decided));
        report.definitions.push(decided(&self.definitions.metrics));
        report.set("health", &explanation);
        report
    }

    fn explanation(&self, explained: &Explained, language: &str) -> Explanation {
        let customer = &explained.customer;
        let model = self.models.active(customer);
        let computed = self.previous(explained, model);
        let measured = self.models.measured(customer, explained.as_of);
        // As the check does it: without a record the band is that of the score.
        let previous = explained
            .last
            .as_ref()
            .map(|last| &last.snapshot)
            .filter(|last| last.model == model.id);
        let result = self
            .models
            .result(model, customer, &measured, explained.as_of, previous);
        let snapshot = Snapshot::of(&result);
        let recorded = explained
            .recorded
            .as_ref()
            .map(|record| (&record.snapshot, record.day));
        let compared = recorded.or(computed
            .as_ref()
            .map(|computed| (computed, day(explained.since, &self.zone))));
        let change = compared.map(|(before, since)| (before.change_to(&snapshot), since));
        let rules = result.rules.iter().map(|rule| RuleRow {
            rule: rule.id.clone(),
            because: health_models::because(model, rule, &measured, language),
        });
        let mut explanation = Explanation {
            customer: customer.name().to_owned(),
            customer_id: customer.id.clone(),
            as_of: explained.as_of,
            model: model.id.to_string(),
            version: model.version,
            hash: model.hash.to_string(),
            score: result.printed_score(),
            band: result.band().map(|band| band.key.clone()),
            state: match &snapshot.state {
                Kept::Band(_) => "band",
                other => kept_key(other),
            }
            .to_owned(),
            label: kept_label(model, &snapshot.state, language),
            contributions: self.contributions(&result, language),
            rules: rules.collect(),
            overrides: result
                .overrides
                .iter()
                .map(|one| override_row(one, language))
                .collect(),
            coverage: result.coverage.printed(),
            freshness: FreshnessRow {
                oldest: result.freshness.oldest,
                fresh: result.freshness.fresh.printed(),
                stale: result
                    .freshness
                    .stale
                    .iter()
                    .map(|&name| name.to_owned())
                    .collect(),
            },
            missing: result.missing.iter().map(|&name| name.to_owned()).collect(),
            refused: measured.refused.clone(),
            change: change.map(|(change, since)| self.change_row(model, &change, since, language)),
            shadows: self.shadow_rows(explained, &measured, language),
            sentence: String::new(),
        };
        explanation.sentence = sentence::sentence(&explanation, &result, language);
        explanation
    }

    /// The customer by this model at the moment compared with.
    fn previous(&self, explained: &Explained, model: &CompiledModel) -> Option<Snapshot> {
        let before = explained.before.as_ref()?;
        let measured = self.models.measured(before, explained.since);
        let result = self
            .models
            .result(model, before, &measured, explained.since, None);
        Some(Snapshot::of(&result))
    }

    /// What the models say that decide nothing here, each by its own earlier result.
    fn shadow_rows(&self, explained: &Explained, measured: &Measured<'_>, language: &str) -> Vec<ShadowRow> {
        let shadows = self.models.shadows(&explained.customer).into_iter();
        let row = |model: &CompiledModel| {
            let previous = self.previous(explained, model);
            let (customer, at) = (&explained.customer, explained.as_of);
            let result = self
                .models
                .result(model, customer, measured, at, previous.as_ref());
            let state = Snapshot::of(&result).state;
            ShadowRow {
                model: model.id.to_string(),
                version: model.version,
                score: result.printed_score(),
                band: result.band().map(|band| band.key.clone()),
                label: kept_label(model, &state, language),
            }
        };
        shadows.map(row).collect()
    }

    fn contributions(&self, result: &HealthResult<'_>, language: &str) -> Vec<ContributionRow> {
        let printed = result.printed_contributions();
        let rows = result.contributions.iter().zip(printed);
        rows.map(|(row, contribution)| self.contribution(row, contribution, language))
            .collect()
    }

    fn contribution(&self, row: &Contribution<'_>, contribution: String, language: &str) -> ContributionRow {
        let (input, group) = match row.row {
            Row::Input { metric, group, .. } => (metric, Some(group.to_owned())),
            Row::Override(id) => (id, None),
        };
        ContributionRow {
            input: input.to_owned(),
            label: self.models.metric_label(input, language),
            group,
            contribution,
            points: row.points.as_ref().map(Exact::printed),
            weight: row.weight.printed(),
            value: row.measure.map(|one| one.value.to_string()),
            as_of: row.measure.map(|one| one.as_of),
            day: row.measure.map(|one| day(one.as_of, &self.zone)),
            source: row.measure.map(|one| one.source.clone()),
            n: row.measure.map(|one| one.n),
            reading: reading(row.reading).to_owned(),
        }
    }

    fn change_row(&self, model: &CompiledModel, change: &Change, since: Date, language: &str) -> ChangeRow {
        let differences: Vec<Exact> = change.rows.iter().map(|row| row.difference.clone()).collect();
        let printed = print_rows(&differences, &Exact::sum(&differences));
        let rows = change.rows.iter().zip(printed);
        ChangeRow {
            since,
            model_changed: change.model_changed,
            from: kept_key(&change.from).to_owned(),
            from_label: kept_label(model, &change.from, language),
            to: kept_key(&change.to).to_owned(),
            difference: change
                .difference
                .as_ref()
                .filter(|_| !change.model_changed)
                .map(Exact::printed),
            rows: rows
                .filter(|_| !change.model_changed)
                .map(|(row, difference)| {
                    let input = row.name.rsplit('/').next().unwrap_or(&row.name);
                    ChangedInput {
                        input: input.to_owned(),
                        label: self.models.metric_label(input, language),
                        before: row.before.printed(),
                        after: row.after.printed(),
                        difference,
                    }
                })
                .collect(),
        }
    }
}

fn override_row(applied: &AppliedOverride<'_>, language: &str) -> OverrideRow {
    OverrideRow {
        id: applied.id.to_owned(),
        effect: match applied.effect {
            Effect::Cap(points) => format!("cap {points}"),
            Effect::Floor(points) => format!("floor {points}"),
            Effect::Band(key) => format!("band {key}"),
        },
        reason: override_reason(applied, language).to_owned(),
        author: applied.author.to_owned(),
        expires: applied.expires,
        changed: applied.changed,
    }
}

fn reading(reading: Reading) -> &'static str {
    match reading {
        Reading::Fresh => "fresh",
        Reading::StaleKept => "stale_kept",
        Reading::StalePoints => "stale_points",
        Reading::StaleExcluded => "stale_excluded",
        Reading::MissingPoints => "missing_points",
        Reading::MissingExcluded => "missing_excluded",
        Reading::MissingFails => "missing_fails",
        Reading::Override => "override",
    }
}

/// The language that the task asks for, else that of its locale.
fn language(params: &Params<'_>, locale: Locale) -> Result<&'static str, Bad> {
    let asked = params.word(&["language"], &LANGUAGES)?;
    Ok(asked.unwrap_or_else(|| locale.pick("sv", "en")))
}
