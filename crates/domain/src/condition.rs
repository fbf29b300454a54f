//! Conditions of rules: CEL over exact decimals, checked when loaded so that running one can neither fail nor loop.

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::Program;
use cel::common::ast::{CallExpr, Expr, LiteralValue};
use rust_decimal::Decimal;
use thiserror::Error;

use crate::exact::Exact;

/// A condition's text is at most this long.
const LENGTH_MAX_BYTES: usize = 500;
/// Operators and signs are at most this many, and brackets nest at most this deep: the parser spends stack on each.
const OPERATORS_MAX: usize = 24;
const NESTING_MAX: usize = 5;
const LITERAL_MAX: i64 = 1_000_000_000;
/// A literal has at most so many digits: CEL's parser keeps a fraction as a float, which is exact that far.
const LITERAL_DIGITS_MAX: usize = 15;

/// A condition that was checked.
#[derive(Clone, Debug)]
pub struct Condition {
    tree: Arc<Truth>,
    names: Vec<String>,
}

/// What is true or false.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Truth {
    Always(bool),
    Not(Box<Truth>),
    And(Box<Truth>, Box<Truth>),
    Or(Box<Truth>, Box<Truth>),
    Compare(Number, Comparison, Number),
}

/// What is a number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Number {
    Literal(Decimal),
    Name(String),
    Minus(Box<Number>),
    Sum(Box<Number>, Box<Number>),
    Difference(Box<Number>, Box<Number>),
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
    Unequal,
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

enum Node {
    Truth(Truth),
    Number(Number),
}

/// Where values come from; `None` where one is missing.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Decimal>;

impl Condition {
    /// Compiles `text` over numbers of these names. No functions, no lists, no macros: its steps are at most its length.
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
        check_literals(text)?;
        let program = Program::compile(text).map_err(|errors| {
            let messages: Vec<String> = errors.errors.into_iter().map(|error| error.msg).collect();
            ConditionError::Syntax(messages.join(", "))
        })?;
        let Node::Truth(tree) = node(&program.expression().expr, names)? else {
            return Err(ConditionError::NotTrueOrFalse);
        };
        let mut used = BTreeSet::new();
        tree.names(&mut used);
        Ok(Self {
            tree: Arc::new(tree),
            names: used.into_iter().collect(),
        })
    }

    /// Whether it holds for these values. Where a value is missing it holds: what cannot be told deserves a look.
    #[must_use]
    pub fn holds(&self, value: Lookup<'_>) -> bool {
        self.names.iter().any(|name| value(name).is_none()) || self.tree.decide(value).unwrap_or(true)
    }

    /// Whether it holds; `None` where that hangs on a value that is missing.
    #[must_use]
    pub fn decide(&self, value: Lookup<'_>) -> Option<bool> {
        self.tree.decide(value)
    }

    /// The names it reads, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn tree(&self) -> &Truth {
        &self.tree
    }
}

impl Truth {
    /// By three-valued logic: `false && missing` is false, `true || missing` is true.
    pub(crate) fn decide(&self, value: Lookup<'_>) -> Option<bool> {
        match self {
            Self::Always(truth) => Some(*truth),
            Self::Not(truth) => Some(!truth.decide(value)?),
            Self::And(left, right) => match (left.decide(value), right.decide(value)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(left, right) => match (left.decide(value), right.decide(value)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Compare(left, comparison, right) => {
                let order = match (left.leaf(value), right.leaf(value)) {
                    (Some(left), Some(right)) => left?.cmp(&right?),
                    _ => left.exact(value)?.cmp(&right.exact(value)?),
                };
                Some(comparison.holds(order))
            }
        }
    }

    fn names(&self, names: &mut BTreeSet<String>) {
        match self {
            Self::Always(_) => {}
            Self::Not(truth) => truth.names(names),
            Self::And(left, right) | Self::Or(left, right) => {
                left.names(names);
                right.names(names);
            }
            Self::Compare(left, _, right) => {
                left.names(names);
                right.names(names);
            }
        }
    }
}

impl Comparison {
    #[must_use]
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
        }
    }
}

impl Number {
    /// The outer option: whether it is a literal or a name; the inner one: whether its value is known.
    fn leaf(&self, value: Lookup<'_>) -> Option<Option<Decimal>> {
        match self {
            Self::Literal(number) => Some(Some(*number)),
            Self::Name(name) => Some(value(name)),
            Self::Minus(_) | Self::Sum(..) | Self::Difference(..) => None,
        }
    }

    fn exact(&self, value: Lookup<'_>) -> Option<Exact> {
        match self {
            Self::Literal(number) => Some(Exact::from(*number)),
            Self::Name(name) => value(name).map(Exact::from),
            Self::Minus(number) => Some(number.exact(value)?.opposite()),
            Self::Sum(left, right) => Some(left.exact(value)?.plus(&right.exact(value)?)),
            Self::Difference(left, right) => Some(left.exact(value)?.minus(&right.exact(value)?)),
        }
    }

    fn names(&self, names: &mut BTreeSet<String>) {
        match self {
            Self::Literal(_) => {}
            Self::Name(name) => drop(names.insert(name.clone())),
            Self::Minus(number) => number.names(names),
            Self::Sum(left, right) | Self::Difference(left, right) => {
                left.names(names);
                right.names(names);
            }
        }
    }
}

/// What conditions are written with. Anything else is refused before the parser sees it.
fn is_allowed(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_.() \n".contains(letter) || is_operator(letter)
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

/// Numbers are digits, with a fraction or without; a dot stands nowhere else.
fn check_literals(text: &str) -> Result<(), ConditionError> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '.';
    for word in text.split(|letter| !is_part(letter)) {
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_literal = match word.split_once('.') {
            Some((whole, rest)) => is_digits(whole) && is_digits(rest),
            None => !word.starts_with(|letter: char| letter.is_ascii_digit()) || is_digits(word),
        };
        if !is_literal || (word.contains('.') && word.len() > LITERAL_DIGITS_MAX) {
            return Err(ConditionError::NotAllowed(format!("`{word}`")));
        }
    }
    Ok(())
}

fn node(expression: &Expr, names: &BTreeSet<&str>) -> Result<Node, ConditionError> {
    match expression {
        Expr::Ident(name) if names.contains(name.as_str()) => Ok(Node::Number(Number::Name(name.clone()))),
        Expr::Ident(name) => Err(ConditionError::UnknownName(name.clone())),
        Expr::Literal(LiteralValue::Boolean(truth)) => Ok(Node::Truth(Truth::Always(*truth.inner()))),
        Expr::Literal(LiteralValue::Int(number)) => match *number.inner() {
            number if (-LITERAL_MAX..=LITERAL_MAX).contains(&number) => {
                Ok(Node::Number(Number::Literal(number.into())))
            }
            number => Err(ConditionError::Literal(number)),
        },
        Expr::Literal(LiteralValue::Double(number)) => {
            // The shortest text of a float of so few digits is the text it was read from.
            let text = number.inner().to_string();
            let number: Option<Decimal> = text.parse().ok();
            let number = number.filter(|number| number.abs() <= Decimal::from(LITERAL_MAX));
            let number = number.ok_or_else(|| ConditionError::NotAllowed(format!("`{text}`")))?;
            Ok(Node::Number(Number::Literal(number)))
        }
        Expr::Literal(_) => Err(ConditionError::NotAllowed("a value that is no number".to_owned())),
        Expr::Call(call) if call.target.is_none() => operation(call, names),
        _ => Err(ConditionError::NotAllowed("this form".to_owned())),
    }
}

fn operation(call: &CallExpr, names: &BTreeSet<&str>) -> Result<Node, ConditionError> {
    let comparison = match call.func_name.as_str() {
        "_<_" => Some(Comparison::Less),
        "_<=_" => Some(Comparison::AtMost),
        "_>_" => Some(Comparison::More),
        "_>=_" => Some(Comparison::AtLeast),
        "_==_" => Some(Comparison::Equal),
        "_!=_" => Some(Comparison::Unequal),
        _ => None,
    };
    let name = call.func_name.as_str();
    let not_allowed = || ConditionError::NotAllowed(format!("`{}`", name.trim_matches('_')));
    match (name, call.args.as_slice()) {
        ("_&&_", [left, right]) => Ok(Node::Truth(Truth::And(
            Box::new(truth(&left.expr, "`&&`", names)?),
            Box::new(truth(&right.expr, "`&&`", names)?),
        ))),
        ("_||_", [left, right]) => Ok(Node::Truth(Truth::Or(
            Box::new(truth(&left.expr, "`||`", names)?),
            Box::new(truth(&right.expr, "`||`", names)?),
        ))),
        ("!_", [inner]) => Ok(Node::Truth(Truth::Not(Box::new(truth(
            &inner.expr,
            "`!`",
            names,
        )?)))),
        ("_+_", [left, right]) => Ok(Node::Number(Number::Sum(
            Box::new(number(&left.expr, "`+`", names)?),
            Box::new(number(&right.expr, "`+`", names)?),
        ))),
        ("_-_", [left, right]) => Ok(Node::Number(Number::Difference(
            Box::new(number(&left.expr, "`-`", names)?),
            Box::new(number(&right.expr, "`-`", names)?),
        ))),
        ("-_", [inner]) => Ok(Node::Number(Number::Minus(Box::new(number(
            &inner.expr,
            "`-`",
            names,
        )?)))),
        (_, [left, right]) => Ok(Node::Truth(Truth::Compare(
            number(&left.expr, "a comparison", names)?,
            comparison.ok_or_else(not_allowed)?,
            number(&right.expr, "a comparison", names)?,
        ))),
        _ => Err(not_allowed()),
    }
}

fn truth(expression: &Expr, sign: &str, names: &BTreeSet<&str>) -> Result<Truth, ConditionError> {
    match node(expression, names)? {
        Node::Truth(truth) => Ok(truth),
        Node::Number(_) => Err(ConditionError::Type(sign.to_owned(), "true or false")),
    }
}

fn number(expression: &Expr, sign: &str, names: &BTreeSet<&str>) -> Result<Number, ConditionError> {
    match node(expression, names)? {
        Node::Number(number) => Ok(number),
        Node::Truth(_) => Err(ConditionError::Type(sign.to_owned(), "a number")),
    }
}

#[cfg(test)]
mod tests;
