//! Envelopes as people and programs write them, right and wrong.

use super::*;

const LIMIT: usize = 1_000_000;

#[track_caller]
fn refused(payload: &str, expected: &str) {
    let refusal = read(payload.as_bytes(), LIMIT).expect_err("the envelope is wrong");
    assert_eq!(format!("{} {refusal}", refusal.code.number()), expected);
}

/// S3-56, D-36: the seed's own names, in any case, and Swedish ones.
#[test]
fn the_seeds_names_are_aliases_in_any_case() {
    let canonical =
        r#"{"taskId":"t","context":{"customer":"Åsa"},"instruction":"Kör","acceptanceCriteria":["snabbt"]}"#;
    let seed = r#"{"TaskId":"t","CONTEXT":{"Kund":{"name":"Åsa"}},"Instructie":"Kör","acceptatie_criteria":"snabbt"}"#;
    let swedish =
        r#"{"Uppgifts-ID":"t","Kontext":{"kund":"Åsa"},"Instruktion":"Kör","Acceptanskriterier":["snabbt"]}"#;
    let expected = read(canonical.as_bytes(), LIMIT).unwrap();
    assert!(expected.warnings.is_empty());
    for alias in [seed, swedish] {
        let read = read(alias.as_bytes(), LIMIT).unwrap();
        assert_eq!(read.task, expected.task);
        assert_eq!(read.task.body_hash(), expected.task.body_hash());
        assert_eq!(read.warnings.len(), 4, "{:?}", read.warnings);
    }
}

#[test]
fn every_mistake_names_its_field() {
    refused(
        "{",
        "400 the payload is not JSON: EOF while parsing an object at line 1 column 1",
    );
    refused("[]", "400 the payload is a list, not a JSON object");
    refused("{}", "400 `taskId` is missing");
    refused(r#"{"taskId":""}"#, "400 `taskId` must not be empty");
    refused(r#"{"taskId":7}"#, "400 `taskId` must be text, found a number");
    refused(
        r#"{"taskId":"t","taskID":"t"}"#,
        "400 `taskId` is given twice, under two spellings",
    );
    refused(
        r#"{"taskId":"t","protocol":"task/2"}"#,
        "400 `protocol` is `task/2`, this build speaks `task/1`",
    );
    refused(
        r#"{"taskId":"t","context":7}"#,
        "400 `context` must be an object or text, found a number",
    );
    refused(
        r#"{"taskId":"t","context":{"customer":[]}}"#,
        "400 `context.customer` must be a name or id, as text or as an object with `id` or `name`",
    );
    refused(
        r#"{"taskId":"t","instruction":{"params":"x"}}"#,
        "400 `instruction.params` must be an object, found text",
    );
    refused(
        r#"{"taskId":"t","deadline":"soon"}"#,
        "400 `deadline` must be an RFC 3339 time such as 2026-11-22T10:00:00Z, found `soon`",
    );
    refused(
        r#"{"taskId":"t","asOf":"2026-13-01"}"#,
        "400 `asOf` must be a day such as 2026-11-22, found `2026-13-01`",
    );
    refused(
        r#"{"taskId":"t","dryRun":"yes"}"#,
        "400 `dryRun` must be true or false, found text",
    );
    refused(
        r#"{"taskId":"t","replyTo":"a.*"}"#,
        "400 `replyTo` must be a plain subject without wildcards, found `a.*`",
    );
    refused(
        r#"{"taskId":"t","locale":"nl"}"#,
        "400 `locale` must be sv or en, found `nl`",
    );
    refused(
        r#"{"taskId":"t","instrction":"x"}"#,
        "400 `instrction` is not a field of the envelope",
    );
    refused(
        r#"{"taskId":"t","acceptanceCriteria":[{"metric":"a","op":"~","value":1}]}"#,
        "400 `acceptanceCriteria[0].op` must be one of < <= = != >= >, found `~`",
    );
    refused(
        r#"{"taskId":"t","acceptanceCriteria":["x",{"op":"<","value":1}]}"#,
        "400 `acceptanceCriteria[1].metric` is missing",
    );
    refused(
        r#"{"taskId":"t","acceptanceCriteria":[7]}"#,
        "400 `acceptanceCriteria[0]` must be words or an object with metric, op and value, found a number",
    );
}

#[test]
fn bytes_that_are_no_text_or_too_many_are_refused() {
    let refusal = read(b"{\"taskId\":\"\xff\"}", LIMIT).unwrap_err();
    assert_eq!(refusal.to_string(), "the payload is not UTF-8: broken at byte 11");
    let refusal = read(&vec![b' '; 2 << 20], 1 << 20).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.to_string().as_str()),
        (
            RefusalCode::TooLarge,
            "the payload is 2097152 bytes, the limit is 1048576"
        )
    );
}

/// A8 puts day and language into the context: they are never dropped in silence.
#[test]
fn day_and_language_are_read_from_the_context_too() {
    let text = r#"{"taskId":"t","context":{"asOf":"2026-06-01","Locale":"en"}}"#;
    let envelope = read(text.as_bytes(), LIMIT).unwrap();
    assert_eq!(envelope.task.as_of, "2026-06-01".parse().ok());
    assert_eq!(envelope.task.locale, Some(crate::task::Locale::En));
    assert_eq!(envelope.warnings.len(), 2);
    refused(
        r#"{"taskId":"t","asOf":"2026-06-02","context":{"asOf":"2026-06-01"}}"#,
        "400 `context.asOf` differs from `asOf`",
    );
}

/// What is stored around a payload must still be readable when it comes back.
#[test]
fn a_payload_that_is_nested_too_deep_and_criteria_that_are_too_many_are_refused() {
    let deep = format!(
        r#"{{"taskId":"t","context":{}1{}}}"#,
        r#"{"a":"#.repeat(80),
        "}".repeat(80)
    );
    refused(&deep, "400 the payload is nested more than 64 levels deep");
    let many = format!(
        r#"{{"taskId":"t","acceptanceCriteria":[{}]}}"#,
        vec![r#""x""#; 101].join(",")
    );
    refused(
        &many,
        "400 `acceptanceCriteria` has 101 criteria, at most 100 are allowed",
    );
}

/// A retry carries a span of its own.
#[test]
fn another_trace_is_the_same_task() {
    let with = |trace: &str| {
        let text = format!(
            r#"{{"taskId":"t","traceparent":"00-{}-{}-01"}}"#,
            trace.repeat(32),
            trace.repeat(16)
        );
        read(text.as_bytes(), LIMIT).unwrap().task
    };
    assert!(with("a").traceparent.is_some());
    assert_eq!(with("a").body_hash(), with("b").body_hash());
}

/// Which customer is meant is never guessed.
#[test]
fn a_part_that_is_given_under_two_spellings_is_refused() {
    refused(
        r#"{"taskId":"t","context":{"customer":"Alfa","Kund":"Beta"}}"#,
        "400 `context.customer` is given twice, under two spellings",
    );
    refused(
        r#"{"taskId":"t","context":{"health":1,"hälsa":2}}"#,
        "400 `context.health` is given twice, under two spellings",
    );
    refused(
        r#"{"taskId":"t","instruction":{"command":"brief","kommando":"onboard"}}"#,
        "400 `instruction.command` is given twice, under two spellings",
    );
    refused(
        r#"{"taskId":"t","instruction":{"text":"a","Text":"b"}}"#,
        "400 `instruction.text` is given twice, under two spellings",
    );
    refused(
        r#"{"taskId":"t","context":{"asOf":"2026-06-01","ASOF":"2026-06-02"}}"#,
        "400 `context.asOf` is given twice, under two spellings",
    );
    let null = r#"{"taskId":"t","context":{"customer":"Alfa","kund":null,"health":null}}"#;
    let task = read(null.as_bytes(), LIMIT).unwrap().task;
    assert_eq!(
        (task.context.customer.as_deref(), task.context.health),
        (Some("Alfa"), None)
    );
}

/// Other readers would take the first or the last of them.
#[test]
fn a_name_that_is_given_twice_is_refused_wherever_it_stands() {
    let refuses = |payload: &str, name: &str| refused(payload, &format!("400 `{name}` is given twice"));
    refuses(r#"{"taskId":"a","taskId":"a"}"#, "taskId");
    refuses(
        r#"{"taskId":"t","context":{"customer":"Alfa","customer":"Beta"}}"#,
        "context.customer",
    );
    refuses(
        r#"{"taskId":"t","instruction":{"params":{"rows":[{},{"b":{"c":1,"c":null}}]}}}"#,
        "instruction.params.rows.1.b.c",
    );
    refuses("{\"taskId\":\"t\",\"a\\nb\":1,\"a\\nb\":2}", "a b");
    refuses(
        r#"{"taskId":"t","a":[[{"b":1,"b":2}],{"c":1,"c":2}],"d":1,"d":2}"#,
        "a.0.0.b",
    );
    let apart = r#"{"taskId":"t","context":{"rows":[{"a":1},{"a":2}],"a":{"a":{"a":3}}}}"#;
    read(apart.as_bytes(), LIMIT).unwrap();
}

/// The library would read what stands in it as JSON of its own, and the journal would give another task back.
#[test]
fn a_name_that_the_library_keeps_for_itself_is_refused() {
    refused(
        r#"{"taskId":"t","context":{"x":{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}}}"#,
        "400 the payload is not JSON: the name `$serde_json::private::RawValue` cannot be used at line 1 column 62",
    );
}

/// A refusal travels in headers and in messages with a limit.
#[test]
fn a_refusal_is_short_and_on_one_line() {
    let long = format!(
        "{{\"taskId\":\"t\",\"protocol\":\"a\\n{}\"}}",
        "x".repeat(100_000)
    );
    let told = read(long.as_bytes(), LIMIT).unwrap_err().to_string();
    assert!(told.len() < 200 && !told.contains('\n'), "{told}");
}

/// What is journaled as JSON is the task that was accepted, to the last bit of every number.
#[test]
fn numbers_come_back_from_the_journal_as_they_were() {
    let text = r#"{"taskId":"t","context":{"share":-4.5242001238919833e25,"small":1.340754739649396e-308}}"#;
    let task = read(text.as_bytes(), LIMIT).unwrap().task;
    let stored = serde_json::to_string(&task).unwrap();
    assert_eq!(serde_json::from_str::<Task>(&stored).unwrap(), task);
    assert!(stored.contains("1.340754739649396e-308"), "{stored}");
}
