//! Which model applies to which customer (D-27): ordered rules over a segment, exactly one active model, others beside it as shadows.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::Amount;
use super::check::Faults;

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

/// A field of the profile has a word, whatever its case, or is a number from `from` up to, and without, `to`.
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
    /// The models for a customer with these fields. A clause over a field that is not known does not hold.
    #[must_use]
    pub fn resolve<'f>(&self, field: &dyn Fn(&str) -> Option<&'f str>) -> Resolved<'_> {
        let matching = self.rules.iter().filter(|rule| rule.matches(field));
        let rule = matching.min_by_key(|rule| rule.order);
        Resolved {
            rule: rule.map(|rule| rule.id.as_str()),
            models: rule.map_or(&self.otherwise, |rule| &rule.models),
        }
    }

    /// Whether this model decides on somebody.
    #[must_use]
    pub fn is_active(&self, model: &str) -> bool {
        let rules = self.rules.iter().map(|rule| &rule.models);
        rules
            .chain([&self.otherwise])
            .any(|models| models.active == model)
    }

    /// Every model that it names, a model of several rules several times.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        let models = self
            .rules
            .iter()
            .map(|rule| &rule.models)
            .chain([&self.otherwise]);
        models.flat_map(|models| models.shadow.iter().chain([&models.active]).map(String::as_str))
    }
}

impl ResolverRule {
    fn matches<'f>(&self, field: &dyn Fn(&str) -> Option<&'f str>) -> bool {
        let holds = |clause: &Clause| field(&clause.field).is_some_and(|text| clause.holds(text));
        self.when.iter().all(holds)
    }

    /// Whether one customer may match both: unless two clauses over one field exclude each other.
    fn may_meet(&self, other: &Self) -> bool {
        let excluded = |clause: &Clause| other.when.iter().any(|others| clause.excludes(others));
        !self.when.iter().any(excluded)
    }
}

impl Clause {
    fn holds(&self, text: &str) -> bool {
        match &self.is {
            Some(word) => folded(word) == folded(text),
            None => Decimal::from_str_exact(text.trim()).is_ok_and(|number| self.contains(number)),
        }
    }

    fn contains(&self, number: Decimal) -> bool {
        self.from.is_none_or(|from| from.0 <= number) && self.to.is_none_or(|to| number < to.0)
    }

    fn excludes(&self, other: &Self) -> bool {
        let ends_before =
            |left: &Self, right: &Self| matches!((left.to, right.from), (Some(to), Some(from)) if to <= from);
        self.field == other.field
            && match (&self.is, &other.is) {
                (Some(one), Some(another)) => folded(one) != folded(another),
                (None, None) => ends_before(self, other) || ends_before(other, self),
                (Some(word), None) => !other.holds(word),
                (None, Some(word)) => !self.holds(word),
            }
    }

    fn is_sound(&self) -> bool {
        let numbers = self.from.is_some() || self.to.is_some();
        let empty = matches!((self.from, self.to), (Some(from), Some(to)) if to <= from);
        self.is.is_some() != numbers && !empty && !self.field.trim().is_empty()
    }
}

/// Words are alike whatever their case.
fn folded(word: &str) -> String {
    word.trim().to_lowercase()
}

/// Everything that is wrong, two rules that may match one customer without an order among it; `known` are the ids of the models
/// there are.
pub(super) fn check(body: &Resolver, known: &[&str], faults: &mut Faults<'_>) {
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

    use super::super::{DefinitionErrors, file};
    use super::*;

    fn parse(text: &str) -> Result<Resolver, DefinitionErrors> {
        let read = file::read::<Resolver>("resolver.yaml", text);
        let body = read.map_err(|error| DefinitionErrors(vec![error]))?.body;
        let mut faults = Faults::new("resolver.yaml", text);
        super::check(&body, &["a", "b", "c"], &mut faults);
        if faults.errors.is_empty() {
            Ok(body)
        } else {
            Err(DefinitionErrors(faults.errors))
        }
    }

    /// `sector=union employees=30`.
    fn resolve(resolver: &Resolver, fields: &str) -> String {
        let fields: Vec<_> = fields
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let field = |name: &str| {
            fields
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
        };
        let resolved = resolver.resolve(&field);
        format!("{:?} {}", resolved.rule, resolved.models.active)
    }

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
        let said = parse(&FILE.replace(from, to)).map(|_| "loads".to_owned());
        expected.assert_eq(&said.unwrap_or_else(|errors| errors.to_string()));
    }

    #[test]
    fn each_customer_has_exactly_one_active_model() {
        let resolver = parse(FILE).unwrap();
        let resolve = |fields: &str| resolve(&resolver, fields);
        assert_eq!(resolve("sector=union employees=30"), "Some(\"unions\") a");
        assert_eq!(resolve("sector=Union employees=99.5"), "Some(\"unions\") a");
        assert_eq!(resolve("sector=union employees=100"), "Some(\"large\") b");
        assert_eq!(resolve("sector=sport employees=99"), "Some(\"sports\") c");
        assert_eq!(resolve("sector=union employees=29"), "None a");
        assert_eq!(resolve("sector=union employees=many"), "None a");
        assert_eq!(resolve(""), "None a");
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
        check("from: 30, to: 100", "is: \"99\"", expect!["loads"]);
        check(
            "from: 30, to: 100",
            "is: \"100\"",
            expect![[
                r#"resolver.yaml:9: the rules "unions" and "large" may match one customer; give each an `order` of its own"#
            ]],
        );
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
        let resolver = parse(&text).unwrap();
        assert_eq!(
            resolve(&resolver, "sector=union employees=200"),
            "Some(\"large\") b"
        );
    }
}
