//! Which model applies to which customer (D-27): ordered rules over a segment, exactly one active model, others beside it as shadows.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::check::{self, Faults};
use super::{Amount, Definition, DefinitionErrors, file};
use crate::measure::Value;

/// The file `resolver.yaml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolver {
    pub rules: Vec<ResolverRule>,
    /// For customers of no rule.
    #[serde(rename = "else")]
    pub otherwise: Models,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolverRule {
    pub id: String,
    /// Of two rules that may match one customer both have an order, and the lower one decides.
    #[serde(default)]
    pub order: Option<u32>,
    /// All of these hold.
    pub when: Vec<Clause>,
    pub models: Models,
}

/// Models by the ids of their files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// The one that decides and alerts.
    pub active: String,
    /// Only looked at.
    #[serde(default)]
    pub shadow: Vec<String>,
}

/// A field has a word, or a number from `from` up to, and without, `to`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    pub field: String,
    #[serde(default)]
    pub is: Option<String>,
    #[serde(default)]
    pub from: Option<Amount>,
    #[serde(default)]
    pub to: Option<Amount>,
}

/// What was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// `None` where no rule matched.
    pub rule: Option<&'a str>,
    pub models: &'a Models,
}

impl Resolver {
    /// Reads `resolver.yaml`; `known` are the ids of the models there are.
    ///
    /// # Errors
    /// Everything that is wrong, two rules that may match one customer without an order among it.
    pub fn parse(text: &str, known: &[&str]) -> Result<Definition<Self>, DefinitionErrors> {
        let name = "resolver.yaml";
        let read = file::read::<Self>(name, text);
        let definition = read.map_err(|error| DefinitionErrors(vec![error]))?;
        let mut faults = Faults::new(name, text);
        check::header(&definition.header, &mut faults);
        check_rules(&definition.body, known, &mut faults);
        if faults.errors.is_empty() {
            Ok(definition)
        } else {
            Err(DefinitionErrors(faults.errors))
        }
    }

    /// The models for a customer with these fields. A clause over a field that is not known does not hold.
    #[must_use]
    pub fn resolve(&self, fields: &BTreeMap<&str, Value>) -> Resolved<'_> {
        let matching = self.rules.iter().filter(|rule| rule.matches(fields));
        let rule = matching.min_by_key(|rule| rule.order);
        Resolved {
            rule: rule.map(|rule| rule.id.as_str()),
            models: rule.map_or(&self.otherwise, |rule| &rule.models),
        }
    }
}

impl ResolverRule {
    fn matches(&self, fields: &BTreeMap<&str, Value>) -> bool {
        let holds = |clause: &Clause| {
            fields
                .get(clause.field.as_str())
                .is_some_and(|value| clause.holds(value))
        };
        self.when.iter().all(holds)
    }

    /// Whether one customer may match both: unless two clauses over one field exclude each other.
    fn may_meet(&self, other: &Self) -> bool {
        let excluded = |clause: &Clause| other.when.iter().any(|others| clause.excludes(others));
        !self.when.iter().any(excluded)
    }
}

impl Clause {
    fn holds(&self, value: &Value) -> bool {
        match (&self.is, value) {
            (Some(word), Value::Text(text)) => word == text,
            (None, Value::Number(number)) => {
                self.from.is_none_or(|from| from.0 <= *number) && self.to.is_none_or(|to| *number < to.0)
            }
            _ => false,
        }
    }

    fn excludes(&self, other: &Self) -> bool {
        let ends_before =
            |left: &Self, right: &Self| matches!((left.to, right.from), (Some(to), Some(from)) if to <= from);
        self.field == other.field
            && match (&self.is, &other.is) {
                (Some(one), Some(another)) => one != another,
                (None, None) => ends_before(self, other) || ends_before(other, self),
                // A field is a word or a number, never both.
                _ => true,
            }
    }

    fn is_sound(&self) -> bool {
        let numbers = self.from.is_some() || self.to.is_some();
        let empty = matches!((self.from, self.to), (Some(from), Some(to)) if to <= from);
        self.is.is_some() != numbers && !empty && !self.field.trim().is_empty()
    }
}

fn check_rules(body: &Resolver, known: &[&str], faults: &mut Faults<'_>) {
    faults.unique("rules:", "rule", body.rules.iter().map(|rule| rule.id.as_str()));
    for (place, rule) in body.rules.iter().enumerate() {
        let path = ["rules:", rule.id.as_str()];
        if !rule.when.iter().all(Clause::is_sound) {
            let what = format!("a clause of rule {:?} is no condition", rule.id);
            faults.add(
                &path,
                what,
                "write a field with `is`, or with `from`, `to` or both",
            );
        }
        for other in &body.rules[place + 1..] {
            let ordered = rule.order.is_some() && other.order.is_some() && rule.order != other.order;
            if !ordered && rule.may_meet(other) {
                let what = format!(
                    "the rules {:?} and {:?} may match one customer",
                    rule.id, other.id
                );
                faults.add(&["rules:", &other.id], what, "give each an `order` of its own");
            }
        }
        check_models(&rule.models, known, &path, faults);
    }
    check_models(&body.otherwise, known, &["else:"], faults);
}

fn check_models(models: &Models, known: &[&str], path: &[&str], faults: &mut Faults<'_>) {
    for model in models.shadow.iter().chain([&models.active]) {
        if !known.contains(&model.as_str()) {
            let mend = format!("use one of {}", known.join(", "));
            faults.add(path, format!("there is no model {model:?}"), &mend);
        }
    }
    if models.shadow.contains(&models.active) {
        let what = format!("the model {:?} is active and a shadow", models.active);
        faults.add(path, what, "name it once");
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const FILE: &str = "id: test/resolver
version: 1
updated: 2026-11-26
source: D-27
rules:
  - id: unions
    when: [{ field: sector, is: union }, { field: employees, from: 30, to: 100 }]
    models: { active: a, shadow: [b] }
  - id: large
    when: [{ field: employees, from: 100 }]
    models: { active: b }
  - id: sports
    when: [{ field: sector, is: sport }, { field: employees, to: 100 }]
    models: { active: c }
else: { active: a }
";

    #[track_caller]
    fn check(from: &str, to: &str, expected: Expect) {
        assert!(FILE.contains(from));
        let said = Resolver::parse(&FILE.replace(from, to), &["a", "b", "c"]).map(|_| "loads".to_owned());
        expected.assert_eq(&said.unwrap_or_else(|errors| errors.to_string()));
    }

    #[test]
    fn each_customer_has_exactly_one_active_model() {
        let resolver = Resolver::parse(FILE, &["a", "b", "c"]).unwrap().body;
        let resolve = |sector: &str, employees: i64| {
            let fields = BTreeMap::from([
                ("sector", Value::Text(sector.to_owned())),
                ("employees", employees.into()),
            ]);
            let resolved = resolver.resolve(&fields);
            format!("{:?} {}", resolved.rule, resolved.models.active)
        };
        assert_eq!(resolve("union", 30), "Some(\"unions\") a");
        assert_eq!(resolve("union", 100), "Some(\"large\") b");
        assert_eq!(resolve("sport", 99), "Some(\"sports\") c");
        assert_eq!(resolve("union", 29), "None a");
        assert_eq!(resolver.resolve(&BTreeMap::new()).rule, None);
    }

    #[test]
    fn rules_that_may_meet_need_an_order() {
        check(
            "from: 30, to: 100",
            "from: 30, to: 101",
            expect![[
                r#"resolver.yaml:9: the rules "unions" and "large" may match one customer; give each an `order` of its own"#
            ]],
        );
        check(
            ", { field: employees, to: 100 }",
            "",
            expect![[
                r#"resolver.yaml:12: the rules "large" and "sports" may match one customer; give each an `order` of its own"#
            ]],
        );
        check("is: union", "from: 3", expect!["loads"]);
        check(
            "    when: [{ field: employees, from: 100 }]",
            "    order: 2\n    when: []",
            expect![[r#"
                resolver.yaml:9: the rules "unions" and "large" may match one customer; give each an `order` of its own
                resolver.yaml:13: the rules "large" and "sports" may match one customer; give each an `order` of its own"#]],
        );
        check(
            "shadow: [b]",
            "shadow: [a, d]",
            expect![[r#"
            resolver.yaml:6: there is no model "d"; use one of a, b, c
            resolver.yaml:6: the model "a" is active and a shadow; name it once"#]],
        );
        check(
            "from: 30, to: 100",
            "from: 100, to: 30",
            expect![[
                r#"resolver.yaml:6: a clause of rule "unions" is no condition; write a field with `is`, or with `from`, `to` or both"#
            ]],
        );
    }

    #[test]
    fn the_lower_order_decides() {
        let text = FILE
            .replace("  - id: unions\n", "  - id: unions\n    order: 2\n")
            .replace("  - id: large\n", "  - id: large\n    order: 1\n")
            .replace("from: 30, to: 100", "from: 30");
        let resolver = Resolver::parse(&text, &["a", "b", "c"]).unwrap().body;
        let fields = BTreeMap::from([
            ("sector", Value::Text("union".to_owned())),
            ("employees", 200.into()),
        ]);
        assert_eq!(resolver.resolve(&fields).rule, Some("large"));
    }
}
