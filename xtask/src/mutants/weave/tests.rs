//! Tests of what stands in a woven text.

use super::*;

/// Marks the text to replace in `«»`; gives the woven text without its comments and doubled blanks.
#[track_caller]
fn check(genre: Genre, marked: &str, replacement: &str, wanted: &str) {
    let start = marked.find('«').unwrap();
    let end = marked.find('»').unwrap() - '«'.len_utf8();
    let source = marked.replace(['«', '»'], "");
    let change = Change {
        number: 7,
        genre,
        range: start..end,
        replacement: replacement.to_owned(),
    };
    let woven = weave(&source, &[change], "m()").unwrap();
    let bare = woven.text.replace("/*<7*/", "").replace("/*7>*/", "");
    assert_eq!(bare.split_whitespace().collect::<Vec<_>>().join(" "), wanted);
    assert_eq!(woven.numbers.len(), usize::from(woven.text != source));
    assert!(regions(&woven.text).iter().all(|(number, _)| *number == 7));
}

#[test]
fn a_function_returns_another_value() {
    check(
        Genre::FnValue,
        "fn f() -> u8 { «let a = 1; a» }",
        "0",
        "fn f() -> u8 { if m() == 7 { return 0; } let a = 1; a }",
    );
}

/// As replaced text it binds anew: `a || b && c` is not `(a || b) && c`.
#[test]
fn an_operator_is_replaced_in_the_text_of_its_whole_chain() {
    check(
        Genre::BinaryOperator,
        "fn f() -> bool { a «&&» b && c(x) }",
        "||",
        "fn f() -> bool { (match m() { 7 => (a || b && c(x)) , _ => (a && b && c(x)) }) }",
    );
}

#[test]
fn an_operator_that_is_part_of_an_operand_stays_there() {
    check(
        Genre::BinaryOperator,
        "fn f() -> bool { (a «+» b) < c }",
        "-",
        "fn f() -> bool { ((match m() { 7 => (a - b) , _ => (a + b) })) < c }",
    );
}

#[test]
fn what_cannot_be_in_brackets_or_in_a_constant_is_left_out() {
    let chain = "fn f() { if a «&&» let Some(b) = c {} }";
    check(Genre::BinaryOperator, chain, "||", &chain.replace(['«', '»'], ""));
    let constant = "const A: u8 = 1 «+» 2;";
    check(
        Genre::BinaryOperator,
        constant,
        "-",
        &constant.replace(['«', '»'], ""),
    );
}

#[test]
fn a_negation_an_arm_a_guard_and_a_field_are_taken_away() {
    check(
        Genre::UnaryOperator,
        "fn f() { if «!»a.b() {} }",
        "",
        "fn f() { if (match m() { 7 => (a.b()) , _ => (!a.b()) }) {} }",
    );
    check(
        Genre::MatchArm,
        "fn f() { match a { «1 => b,» _ => c } }",
        "",
        "fn f() { match a { 1 if m() != 7 => b, _ => c } }",
    );
    check(
        Genre::MatchArmGuard,
        "fn f() { match a { 1 if «b < 2» => b, _ => c } }",
        "true",
        "fn f() { match a { 1 if (match m() { 7 => true , _ => (b < 2) }) => b, _ => c } }",
    );
    check(
        Genre::StructField,
        "fn f() { A { «b: 1,» ..c } }",
        "",
        "fn f() { (match m() { 7 => (A { ..c }) , _ => (A { b: 1, ..c }) }) }",
    );
}

#[test]
fn mutants_within_each_other_all_stand_there() {
    let source = "fn f() -> bool { a < g(|| b < c) }";
    let at = |from: usize, number: u32| Change {
        number,
        genre: Genre::BinaryOperator,
        range: from..from + 1,
        replacement: ">".to_owned(),
    };
    let (outer, inner) = (source.find('<').unwrap(), source.rfind('<').unwrap());
    let woven = weave(source, &[at(outer, 1), at(inner, 2)], "m()").unwrap();
    assert_eq!(woven.numbers, BTreeSet::from([1, 2]));
    assert_eq!(
        woven.text.matches("2 => ").count(),
        2,
        "in both forms of the outer one"
    );
    syn::parse_file(&woven.text).unwrap();
}
