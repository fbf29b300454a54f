//! Conditions of rules: CEL over whole numbers, checked when loaded so that running one can neither fail nor loop.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use cel::common::ast::{Expr, LiteralValue};
use cel::common::types::CelInt;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, Program, Value};
use thiserror::Error;

/// A condition's text is at most this long; with literals and values bounded too, sums stay far from the edge of `i64`.
const LENGTH_MAX_BYTES: usize = 500;
/// Operators and signs are at most this many, and brackets nest at most this deep: the parser spends stack on each.
const OPERATORS_MAX: usize = 24;
const NESTING_MAX: usize = 5;
const LITERAL_MAX: i64 = 1_000_000_000;
const VALUE_MAX: i64 = 1_000_000_000_000;

/// A condition that was checked.
#[derive(Clone, Debug)]
pub struct Condition {
    program: Arc<Program>,
    names: Vec<String>,
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConditionError {
    #[error("it is longer than {LENGTH_MAX_BYTES} bytes")]
    TooLong,
    #[error("it has more than {OPERATORS_MAX} operators")]
    TooManyOperators,
    #[error("its brackets nest deeper than {NESTING_MAX}")]
    TooDeep,
    #[error("its brackets do not match")]
    Brackets,
    #[error("it is not CEL: {0}")]
    Syntax(String),
    #[error("{0:?} is neither a parameter nor a metric")]
    UnknownName(String),
    #[error("{0} is not allowed: use comparisons, `&&`, `||`, `!`, `+` and `-`")]
    NotAllowed(String),
    #[error("{0} needs {1} on each side")]
    Type(String, &'static str),
    #[error("it is a number, not true or false")]
    NotTrueOrFalse,
    #[error("the number {0} is out of range")]
    Literal(i64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Truth,
}

impl Condition {
    /// Compiles `text` over whole numbers of these names. No functions, no lists, no macros: its steps are at most its length.
    ///
    /// # Errors
    /// When it is not such a condition.
    pub fn compile(text: &str, names: &BTreeSet<&str>) -> Result<Self, ConditionError> {
        if text.len() > LENGTH_MAX_BYTES {
            return Err(ConditionError::TooLong);
        }
        if let Some(letter) = text.chars().find(|letter| !is_allowed(*letter)) {
            return Err(ConditionError::NotAllowed(format!("`{letter}`")));
        }
        if operators(text) > OPERATORS_MAX {
            return Err(ConditionError::TooManyOperators);
        }
        check_brackets(text)?;
        let program = Program::compile(text).map_err(|errors| {
            let messages: Vec<String> = errors.errors.into_iter().map(|error| error.msg).collect();
            ConditionError::Syntax(messages.join(", "))
        })?;
        if kind(&program.expression().expr, names)? != Kind::Truth {
            return Err(ConditionError::NotTrueOrFalse);
        }
        let mut used: Vec<String> = program
            .references()
            .variables()
            .into_iter()
            .map(str::to_owned)
            .collect();
        used.sort();
        Ok(Self {
            program: Arc::new(program),
            names: used,
        })
    }

    /// Whether it holds for these values. Where a value is missing it holds: what cannot be told deserves a look.
    #[must_use]
    pub fn holds(&self, scope: &Scope, value: &(dyn Fn(&str) -> Option<i64> + Send + Sync)) -> bool {
        if self.names.iter().any(|name| value(name).is_none()) {
            return true;
        }
        let resolver = Values(value);
        let mut context = Context::with_env(Arc::clone(&scope.0));
        context.set_variable_resolver(&resolver);
        match self.program.execute(&context) {
            Ok(Value::Bool(holds)) => holds,
            other => {
                debug_assert!(false, "a checked condition came to {other:?}");
                true
            }
        }
    }
}

/// CEL's operators, made once: building them costs more than running a condition.
#[derive(Clone)]
pub struct Scope(Arc<Env>);

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope")
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self(Arc::new(Env::stdlib()))
    }
}

struct Values<'a>(&'a (dyn Fn(&str) -> Option<i64> + Send + Sync));

impl VariableResolver for Values<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let value = (self.0)(variable)?.clamp(-VALUE_MAX, VALUE_MAX);
        Some(CowVal::owned(CelInt::from(value)))
    }
}

/// What conditions are written with. Anything else is refused before the parser sees it.
fn is_allowed(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || "() \n".contains(letter) || is_operator(letter)
}

fn is_operator(letter: char) -> bool {
    "<>=!&|+-".contains(letter)
}

/// How many operators; those of two signs are counted once.
fn operators(text: &str) -> usize {
    let text = ["<=", ">=", "==", "!=", "&&", "||"]
        .iter()
        .fold(text.to_owned(), |text, sign| text.replace(sign, "<"));
    text.chars().filter(|letter| is_operator(*letter)).count()
}

fn check_brackets(text: &str) -> Result<(), ConditionError> {
    let mut open = 0_usize;
    for letter in text.chars() {
        match letter {
            '(' if open == NESTING_MAX => return Err(ConditionError::TooDeep),
            '(' => open += 1,
            ')' => open = open.checked_sub(1).ok_or(ConditionError::Brackets)?,
            _ => {}
        }
    }
    if open == 0 {
        Ok(())
    } else {
        Err(ConditionError::Brackets)
    }
}

fn kind(expression: &Expr, names: &BTreeSet<&str>) -> Result<Kind, ConditionError> {
    match expression {
        Expr::Ident(name) if names.contains(name.as_str()) => Ok(Kind::Number),
        Expr::Ident(name) => Err(ConditionError::UnknownName(name.clone())),
        Expr::Literal(LiteralValue::Boolean(_)) => Ok(Kind::Truth),
        Expr::Literal(LiteralValue::Int(number)) => match *number.inner() {
            number if (-LITERAL_MAX..=LITERAL_MAX).contains(&number) => Ok(Kind::Number),
            number => Err(ConditionError::Literal(number)),
        },
        Expr::Literal(_) => Err(ConditionError::NotAllowed(
            "a value that is no whole number".to_owned(),
        )),
        Expr::Call(call) if call.target.is_none() => {
            let (needed, result, sign) = match call.func_name.as_str() {
                "_&&_" => (Kind::Truth, Kind::Truth, "`&&`"),
                "_||_" => (Kind::Truth, Kind::Truth, "`||`"),
                "!_" => (Kind::Truth, Kind::Truth, "`!`"),
                "_<_" | "_<=_" | "_>_" | "_>=_" | "_==_" | "_!=_" => {
                    (Kind::Number, Kind::Truth, "a comparison")
                }
                "_+_" => (Kind::Number, Kind::Number, "`+`"),
                "_-_" | "-_" => (Kind::Number, Kind::Number, "`-`"),
                other => {
                    return Err(ConditionError::NotAllowed(format!(
                        "`{}`",
                        other.trim_matches('_')
                    )));
                }
            };
            for argument in &call.args {
                if kind(&argument.expr, names)? != needed {
                    let wanted = if needed == Kind::Truth {
                        "true or false"
                    } else {
                        "a number"
                    };
                    return Err(ConditionError::Type(sign.to_owned(), wanted));
                }
            }
            Ok(result)
        }
        _ => Err(ConditionError::NotAllowed("this form".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<Condition, ConditionError> {
        Condition::compile(text, &BTreeSet::from(["days", "limit"]))
    }

    #[track_caller]
    fn holds(text: &str, days: i64) -> bool {
        let value = |name: &str| if name == "days" { Some(days) } else { Some(10) };
        compile(text).unwrap().holds(&Scope::default(), &value)
    }

    #[test]
    fn conditions_compare_and_join() {
        assert!(holds("days > limit", 11) && !holds("days > limit", 10));
        assert!(holds("days >= limit && !(days > 20) || days == -1", 20));
        assert!(holds("days + limit - 1 == 14", 5));
        assert!(holds("days < 0", i64::MIN) && holds("days + days + days > 0", i64::MAX));
    }

    #[test]
    fn what_could_fail_or_loop_is_refused_when_loaded() {
        for text in [
            "days",
            "days > ",
            "dayz > 1",
            "days > 1.5",
            "days > '1'",
            "days && true",
            "days * 2 > 1",
            "1 / days > 1",
            "[1, 2].all(x, x > days)",
            "size('a') > 0",
            "days > 99999999999",
            "days.x > 1",
            "days ? true : false",
            "true + 1 > 0",
            "days in [1]",
            "days > 1 == true",
            "",
        ] {
            assert!(compile(text).is_err(), "{text:?} was accepted");
        }
        assert_eq!(
            compile(&format!("days > {}", " ".repeat(LENGTH_MAX_BYTES))).unwrap_err(),
            ConditionError::TooLong
        );
        assert_eq!(compile(&"(".repeat(400)).unwrap_err(), ConditionError::TooDeep);
        assert_eq!(
            compile(&"!".repeat(400)).unwrap_err(),
            ConditionError::TooManyOperators
        );
        for piece in [
            "1+", "(1)+", "!(", "1>", "days>1&&", "days>1||", "1?", "a.b", "-1-", "{", "a(", "(", "(-",
        ] {
            let _ = compile(&piece.repeat(LENGTH_MAX_BYTES / piece.len()));
            // Within the limits it ends, however it ends.
            for times in 1..=OPERATORS_MAX {
                let text = format!("{}1", piece.repeat(times));
                let _ = compile(&text);
                let _ = compile(&format!("{text}{}", ")".repeat(text.matches('(').count())));
            }
        }
        assert_eq!(
            compile("dayz > 1").unwrap_err(),
            ConditionError::UnknownName("dayz".to_owned())
        );
    }
}
