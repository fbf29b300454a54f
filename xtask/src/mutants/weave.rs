//! Weaves many mutants into one source text, each behind its number, so that one build serves all of them.
//!
//! What stands there afterwards under a mutant's number is what `cargo mutants` would have put there by replacing text; a
//! mutant that has no such form (in a constant, say) is left out, and is built alone by whoever asked.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, Pat};

use crate::mutants::list::Genre;

/// One replacement of text, in bytes of the source.
#[derive(Clone, Debug)]
pub struct Change {
    pub number: u32,
    pub genre: Genre,
    pub range: Range<usize>,
    pub replacement: String,
}

/// A text with mutants in it.
pub struct Woven {
    pub text: String,
    /// The numbers of those that are in it.
    pub numbers: BTreeSet<u32>,
}

/// `which` is the call that tells the number of the mutant that is asked for: `crate::mutant()`.
///
/// # Errors
/// A source that is no Rust.
pub fn weave(source: &str, changes: &[Change], which: &str) -> Result<Woven> {
    let file = syn::parse_file(source).context("cannot be parsed")?;
    let mut weaver = Weaver {
        changes,
        edits: Vec::new(),
    };
    weaver.visit_file(&file);
    let mut edits = weaver.edits;
    // Insertions first, then outer ones; the sort is stable, and of two of one range the outer one was met first.
    edits.sort_by_key(|edit| {
        let range = &edit.range;
        (range.start, !range.is_empty(), std::cmp::Reverse(range.end))
    });
    let numbers = edits.iter().flat_map(Edit::numbers).collect();
    let text = render(source, 0..source.len(), &edits, which);
    Ok(Woven { text, numbers })
}

/// The parts of `woven` that stand under a number, with it.
pub fn regions(woven: &str) -> Vec<(u32, Range<usize>)> {
    let mut regions = Vec::new();
    for (start, _) in woven.match_indices("/*<") {
        let number: String = woven[start + 3..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let end = woven[start..].find(&format!("/*{number}>*/"));
        if let (Ok(number), Some(end)) = (number.parse(), end) {
            regions.push((number, start..start + end));
        }
    }
    regions
}

struct Edit {
    range: Range<usize>,
    form: Form,
}

enum Form {
    /// The same expression with one part of it replaced, by number.
    Choice(Vec<Change>),
    /// Another value at the start of a function.
    Values(Vec<Change>),
    /// An arm that does not match.
    NoArm(u32),
    /// A guard that is always true or false.
    Guard(Vec<Change>),
}

impl Edit {
    fn numbers(&self) -> Vec<u32> {
        match &self.form {
            Form::Choice(changes) | Form::Values(changes) | Form::Guard(changes) => {
                changes.iter().map(|change| change.number).collect()
            }
            Form::NoArm(number) => vec![*number],
        }
    }
}

fn render(source: &str, range: Range<usize>, edits: &[Edit], which: &str) -> String {
    render_but(source, range, edits, which, None)
}

/// `edits` are those that may lie in the range; one part of it may be replaced.
fn render_but(
    source: &str,
    range: Range<usize>,
    edits: &[Edit],
    which: &str,
    but: Option<&Change>,
) -> String {
    let mut text = String::new();
    let mut at = range.start;
    let plain = |text: &mut String, from: usize, to: usize| match but {
        Some(change) if from <= change.range.start && change.range.end <= to => {
            text.push_str(&source[from..change.range.start]);
            text.push_str(&change.replacement);
            text.push_str(&source[change.range.end..to]);
        }
        _ => text.push_str(&source[from..to]),
    };
    let mut next = 0;
    while let Some(edit) = edits.get(next) {
        let (start, end) = (edit.range.start, edit.range.end);
        next += 1;
        let replaced = but.is_some_and(|change| change.range.start <= start && end <= change.range.end);
        if start < at || start >= range.end || end > range.end || replaced {
            continue;
        }
        plain(&mut text, at, start);
        let inner = &edits[next..];
        text.push_str(&one(source, edit, inner, which));
        at = end;
    }
    plain(&mut text, at, range.end);
    text
}

fn one(source: &str, edit: &Edit, inner: &[Edit], which: &str) -> String {
    let range = edit.range.clone();
    let mut text = String::new();
    let wrote = "a string takes what is written";
    match &edit.form {
        Form::Choice(changes) => {
            write!(text, "(match {which} {{ ").expect(wrote);
            for change in changes {
                let number = change.number;
                let other = render_but(source, range.clone(), inner, which, Some(change));
                write!(text, "{number} => /*<{number}*/ ({other}) /*{number}>*/, ").expect(wrote);
            }
            let as_it_is = render(source, range, inner, which);
            write!(text, "_ => ({as_it_is}) }})").expect(wrote);
        }
        Form::Values(changes) => {
            for change in changes {
                let (number, value) = (change.number, &change.replacement);
                write!(
                    text,
                    "/*<{number}*/ if {which} == {number} {{ return {value}; }} /*{number}>*/ "
                )
                .expect(wrote);
            }
        }
        Form::NoArm(number) => {
            write!(text, " /*<{number}*/ if {which} != {number} /*{number}>*/").expect(wrote);
        }
        Form::Guard(changes) => {
            write!(text, "(match {which} {{ ").expect(wrote);
            for change in changes {
                let (number, value) = (change.number, &change.replacement);
                write!(text, "{number} => /*<{number}*/ {value} /*{number}>*/, ").expect(wrote);
            }
            let as_it_is = render(source, range, inner, which);
            write!(text, "_ => ({as_it_is}) }})").expect(wrote);
        }
    }
    text
}

struct Weaver<'a> {
    changes: &'a [Change],
    edits: Vec<Edit>,
}

impl Weaver<'_> {
    fn of(&self, genre: Genre, fits: impl Fn(&Range<usize>) -> bool) -> Vec<Change> {
        let fits = |change: &&Change| change.genre == genre && fits(&change.range);
        self.changes.iter().filter(fits).cloned().collect()
    }

    fn choice(&mut self, range: Range<usize>, changes: Vec<Change>) {
        if !changes.is_empty() {
            let form = Form::Choice(changes);
            self.edits.push(Edit { range, form });
        }
    }

    /// Replaced text is parsed anew, so the whole of a chain of operators is written again for each of them.
    fn chain<'ast>(
        &mut self,
        expression: &'ast Expr,
        changes: &mut Vec<Change>,
        leaves: &mut Vec<&'ast Expr>,
    ) {
        match expression {
            Expr::Binary(binary) => {
                self.chain(&binary.left, changes, leaves);
                let operator = binary.op.span().byte_range();
                changes.extend(self.of(Genre::BinaryOperator, |range| *range == operator));
                self.chain(&binary.right, changes, leaves);
            }
            other => leaves.push(other),
        }
    }

    fn function(&mut self, is_const: bool, block: &Block) {
        let (Some(first), Some(last), false) = (block.stmts.first(), block.stmts.last(), is_const) else {
            return;
        };
        let body = first.span().byte_range().start..last.span().byte_range().end;
        let changes = self.of(Genre::FnValue, |range| *range == body);
        if !changes.is_empty() {
            let (range, form) = (body.start..body.start, Form::Values(changes));
            self.edits.push(Edit { range, form });
        }
    }
}

/// `a && let Some(b) = c`: no operator in it can be put into brackets.
fn holds_a_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            holds_a_let(&binary.left) || holds_a_let(&binary.right)
        }
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Weaver<'_> {
    fn visit_expr(&mut self, expression: &'ast Expr) {
        match expression {
            Expr::Binary(_) if holds_a_let(expression) => visit::visit_expr(self, expression),
            Expr::Binary(_) => {
                let (mut changes, mut leaves) = (Vec::new(), Vec::new());
                self.chain(expression, &mut changes, &mut leaves);
                self.choice(expression.span().byte_range(), changes);
                for leaf in leaves {
                    self.visit_expr(leaf);
                }
            }
            Expr::Unary(unary) => {
                let operator = unary.op.span().byte_range();
                let changes = self.of(Genre::UnaryOperator, |range| *range == operator);
                self.choice(expression.span().byte_range(), changes);
                visit::visit_expr(self, expression);
            }
            Expr::Struct(literal) => {
                let fields: Vec<usize> = literal
                    .fields
                    .iter()
                    .map(|field| field.span().byte_range().start)
                    .collect();
                let changes = self.of(Genre::StructField, |range| fields.contains(&range.start));
                self.choice(expression.span().byte_range(), changes);
                visit::visit_expr(self, expression);
            }
            _ => visit::visit_expr(self, expression),
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let start = arm.span().byte_range().start;
        if let Pat::Guard(guarded) = &arm.pat {
            let guard = guarded.guard.span().byte_range();
            let changes = self.of(Genre::MatchArmGuard, |range| *range == guard);
            if !changes.is_empty() && !holds_a_let(&guarded.guard) {
                let form = Form::Guard(changes);
                self.edits.push(Edit { range: guard, form });
            }
        } else if let Some(change) = self.of(Genre::MatchArm, |range| range.start == start).first() {
            let end = arm.pat.span().byte_range().end;
            let form = Form::NoArm(change.number);
            self.edits.push(Edit {
                range: end..end,
                form,
            });
        }
        visit::visit_arm(self, arm);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(item.sig.constness.is_some(), &item.block);
        if item.sig.constness.is_none() {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(item.sig.constness.is_some(), &item.block);
        if item.sig.constness.is_none() {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(item.sig.constness.is_some(), block);
        }
        if item.sig.constness.is_none() {
            visit::visit_trait_item_fn(self, item);
        }
    }

    // What is computed by the compiler cannot ask for a number.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
}

#[cfg(test)]
mod tests;
