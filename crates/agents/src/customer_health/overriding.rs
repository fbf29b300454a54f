//! `override-health` and `withdraw-override`: an exception that a person makes for one customer's health, with its reason,
//! author and last day (A7.2 point 5).

use jiff::ToSpan;
use jiff::civil::Date;
use kunder_agent_core::agent::Work;
use kunder_agent_core::outcome::Report;
use kunder_agent_core::task::Locale;
use kunder_domain::customer::Customer;
use kunder_domain::definitions::{Amount, Effect};
use kunder_domain::fact::FactBody;
use kunder_domain::health::{CompiledModel, Override};
use kunder_domain::metrics::day;
use rust_decimal::Decimal;

use super::CustomerHealth;
use super::logbook::{Entry, fact_id, new_fact, short_key};
use super::reading::Past;
use crate::health_models::wording;
use crate::params::{Bad, Params};

/// Exceptions that count for one customer at a time.
const OVERRIDES_MAX: usize = 20;
/// Longest reason, and longest name, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// The three effects; a task names one of them.
const EFFECTS: [&str; 3] = ["cap", "floor", "band"];

impl CustomerHealth {
    /// `override-health`.
    pub(super) fn make_exception(&self, work: &Work, customer: &Customer, past: &Past) -> Result<Entry, Bad> {
        let locale = work.task.locale();
        let params = Params::new(&work.task.instruction.params, locale);
        let today = day(work.now, &self.zone);
        let effect = effect(&params, self.models.active(customer))?;
        let reason = sentence(&params, "reason", params.text(&["reason"])?)?;
        let author = author(work, &params)?;
        let expires = last_day(&params, today)?;
        let in_force = customer.overrides.iter().filter(|one| today <= one.value.expires);
        if in_force.count() >= OVERRIDES_MAX {
            return Err(params.bad(
                "customer",
                &format!("har redan {OVERRIDES_MAX} undantag: ta bort ett först"),
                &format!("has {OVERRIDES_MAX} exceptions already: withdraw one first"),
            ));
        }
        let source = params.text(&["source"])?.unwrap_or("manual");
        let fact_id = fact_id(work, customer, source, params.text(&["id"])?, 0);
        let id = short_key(&fact_id);
        let words = wording::effect(&effect, locale.pick("sv", "en"));
        let made = match locale {
            Locale::Sv => format!(
                "Undantag {id} för {} till och med {expires}: {words} ({reason}).",
                customer.name()
            ),
            Locale::En => format!(
                "Exception {id} for {} until {expires}: {words} ({reason}).",
                customer.name()
            ),
        };
        let body = FactBody::Override(Override {
            id,
            effect,
            reason,
            author: author.clone(),
            expires,
        });
        let mut fact = new_fact(work, customer, fact_id, work.now, source, body);
        fact.actor = author;
        Ok(self.entered(work, customer, past, made, fact))
    }

    /// `withdraw-override`; one that was withdrawn before stays so.
    pub(super) fn withdraw_exception(
        &self,
        work: &Work,
        customer: &Customer,
        past: &Past,
    ) -> Result<Entry, Bad> {
        let locale = work.task.locale();
        let params = Params::new(&work.task.instruction.params, locale);
        let id = params.needed_text(&["override", "id"])?;
        let author = author(work, &params)?;
        if let Some(before) = customer.withdrawn.get(id) {
            let (on, by) = (day(before.observed, &self.zone), &before.actor);
            let summary = match locale {
                Locale::Sv => format!("Undantaget {id} togs bort redan {on} av {by}."),
                Locale::En => format!("The exception {id} was withdrawn on {on} already, by {by}."),
            };
            return Ok(Entry {
                facts: Vec::new(),
                summary,
            });
        }
        if !customer.overrides.iter().any(|one| one.value.id == id) {
            return Err(unknown(id, customer, locale));
        }
        let fact_id = fact_id(work, customer, "manual", None, 0);
        let body = FactBody::OverrideWithdrawn { id: id.to_owned() };
        let mut fact = new_fact(work, customer, fact_id, work.now, "manual", body);
        fact.actor = author;
        let name = customer.name();
        let withdrawn = match locale {
            Locale::Sv => format!("Undantaget {id} för {name} är borttaget."),
            Locale::En => format!("The exception {id} for {name} is withdrawn."),
        };
        Ok(self.entered(work, customer, past, withdrawn, fact))
    }

    /// What was done, and how the customer is by it.
    fn entered(
        &self,
        work: &Work,
        customer: &Customer,
        past: &Past,
        done: String,
        fact: kunder_domain::fact::Fact,
    ) -> Entry {
        let locale = work.task.locale();
        let mut after = customer.clone();
        after.learn(fact.clone());
        let (before, now) = (
            self.told(work, customer, past, locale),
            self.told(work, &after, past, locale),
        );
        let told = match (before == now, locale) {
            (true, Locale::Sv) => format!("Hälsan är som förut: {now}."),
            (true, Locale::En) => format!("Health is as before: {now}."),
            (false, Locale::Sv) => format!("Hälsa: {now} (var {before})."),
            (false, Locale::En) => format!("Health: {now} (was {before})."),
        };
        Entry {
            facts: vec![fact],
            summary: format!("{done} {told}"),
        }
    }

    fn told(&self, work: &Work, customer: &Customer, past: &Past, locale: Locale) -> String {
        let measured = self.models.measured(customer, work.now);
        let previous = past.last(&customer.id).map(|last| &last.snapshot);
        self.models
            .judged_by(customer, &measured, work.now, previous, locale)
            .told(locale)
    }
}

/// The one effect that is named.
fn effect(params: &Params<'_>, model: &CompiledModel) -> Result<Effect, Bad> {
    let named = |name: &&str| params.names().any(|known| known == *name);
    let named: Vec<&str> = EFFECTS.into_iter().filter(named).collect();
    let [name] = named.as_slice() else {
        return Err(params.bad(
            named.first().unwrap_or(&EFFECTS[0]),
            "ska anges ensamt: ett av `cap`, `floor` och `band`",
            "must be given alone: one of `cap`, `floor` and `band`",
        ));
    };
    if *name == "band" {
        let key = params.needed_text(&["band"])?;
        let keys: Vec<&str> = model.bands.iter().map(|band| band.key.as_str()).collect();
        if !keys.contains(&key) {
            let all = keys.join(", ");
            return Err(params.bad(
                "band",
                &format!("ska vara ett av banden i {}: {all}", model.id),
                &format!("must be one of the bands of {}: {all}", model.id),
            ));
        }
        return Ok(Effect::Band(key.to_owned()));
    }
    let number = params.plain(name)?;
    let number = number.and_then(|text| Decimal::from_str_exact(&text).ok());
    let number = number.filter(|number| (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(number));
    let Some(number) = number.filter(|number| number.scale() <= Amount::DECIMALS_MAX) else {
        return Err(params.bad(
            name,
            "ska vara ett tal från 0 till 100",
            "must be a number from 0 to 100",
        ));
    };
    if !model.is_weighted() {
        return Err(params.bad(
            name,
            &format!("har ingen verkan: {} ger inga poäng, ange `band`", model.id),
            &format!("has no effect: {} gives no score, name a `band`", model.id),
        ));
    }
    let amount = Amount(number.normalize());
    Ok(match *name {
        "cap" => Effect::Cap(amount),
        _ => Effect::Floor(amount),
    })
}

/// A text of one line, and there.
fn sentence(params: &Params<'_>, name: &str, text: Option<&str>) -> Result<String, Bad> {
    let text = text.unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return Err(params.bad(name, "saknas", "is missing"));
    }
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(params.bad(
            name,
            &format!("är längre än {TEXT_CHARS_MAX} tecken"),
            &format!("is longer than {TEXT_CHARS_MAX} characters"),
        ));
    }
    Ok(text)
}

/// Who answers for it: whom the task names, else who sent it.
fn author(work: &Work, params: &Params<'_>) -> Result<String, Bad> {
    let named = params.text(&["author"])?;
    sentence(params, "author", named.or(work.task.requested_by.as_deref()))
}

fn last_day(params: &Params<'_>, today: Date) -> Result<Date, Bad> {
    let Some(expires) = params.date(&["expires"])? else {
        return Err(params.bad("expires", "saknas", "is missing"));
    };
    if expires < today {
        let (sv, en) = (format!("ligger före {today}"), format!("lies before {today}"));
        return Err(params.bad("expires", &sv, &en));
    }
    let latest = today.checked_add(1.year()).unwrap_or(Date::MAX);
    if expires > latest {
        let (sv, en) = (
            format!("ligger mer än ett år bort: senast {latest}"),
            format!("is more than a year away: {latest} at the latest"),
        );
        return Err(params.bad("expires", &sv, &en));
    }
    Ok(expires)
}

fn unknown(id: &str, customer: &Customer, locale: Locale) -> Bad {
    let name = customer.name();
    let summary = match locale {
        Locale::Sv => format!("{name} har inget undantag {id}."),
        Locale::En => format!("{name} has no exception {id}."),
    };
    let mut report = Report::failed(summary.clone(), summary);
    let language = locale.pick("sv", "en");
    report.recommendations = customer
        .overrides
        .iter()
        .map(|one| {
            let Override {
                id,
                effect,
                reason,
                expires,
                ..
            } = &one.value;
            format!(
                "{id}: {}, {reason} – {expires}",
                wording::effect(effect, language)
            )
        })
        .collect();
    Box::new(report)
}
