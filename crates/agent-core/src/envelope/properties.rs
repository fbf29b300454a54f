//! What holds for every envelope, right or wrong: property tests over documents that are near to valid.

mod documents;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;
use documents::{Document, any_value, damaged, document, spelled, wrong_type_of};

const LIMIT: usize = 1 << 20;
/// Longest text of a refusal, in bytes: it must fit beside whatever carries it.
const REFUSAL_BYTES_MAX: usize = 1_000;

/// The same cases in every run.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..Config::default()
    }
}

fn accepted(payload: &str) -> Envelope {
    read(payload.as_bytes(), LIMIT).unwrap_or_else(|refusal| panic!("{refusal}\n{payload}"))
}

fn refused(payload: &str) -> Refusal {
    match read(payload.as_bytes(), LIMIT) {
        Ok(_) => panic!("accepted:\n{payload}"),
        Err(refusal) => refusal,
    }
}

/// Everything that holds whatever the bytes are.
fn check_any(payload: &[u8]) -> Result<(), TestCaseError> {
    let text = std::str::from_utf8(payload).unwrap_or_default();
    match (unique::read(text), serde_json::from_str::<Value>(text)) {
        (Ok((ours, None)), theirs) => prop_assert_eq!(theirs.ok(), Some(ours)),
        (Ok((_, Some(_))), theirs) => prop_assert!(theirs.is_ok()),
        (Err(ours), theirs) => {
            prop_assert_eq!(theirs.map_err(|error| error.to_string()), Err(ours.to_string()))
        }
    }
    let read_once = read(payload, LIMIT);
    prop_assert_eq!(
        &read_once,
        &read(payload, LIMIT),
        "the same bytes, another answer"
    );
    match read_once {
        Ok(envelope) => check_accepted(&envelope),
        Err(refusal) => check_refused(&refusal, payload),
    }
}

/// It is journaled as JSON and comes back as the task it was, by either way of reading it.
fn check_accepted(envelope: &Envelope) -> Result<(), TestCaseError> {
    let stored = serde_json::to_vec(&envelope.task).unwrap();
    let loaded: Task = serde_json::from_slice(&stored).unwrap();
    prop_assert_eq!(&loaded, &envelope.task);
    prop_assert_eq!(loaded.body_hash(), envelope.task.body_hash());
    prop_assert_eq!(stored.len(), envelope.task.size_bytes());
    let again = read(&stored, LIMIT + 256);
    prop_assert_eq!(again.as_ref().map(|again| &again.task), Ok(&envelope.task));
    prop_assert_eq!(again.map(|again| again.warnings), Ok(Vec::new()));
    for warning in &envelope.warnings {
        prop_assert!(warning.len() <= REFUSAL_BYTES_MAX && !warning.contains(char::is_control));
    }
    Ok(())
}

fn check_refused(refusal: &Refusal, payload: &[u8]) -> Result<(), TestCaseError> {
    prop_assert_eq!(refusal.code.number(), 400);
    let told = format!("{refusal}{}", refusal.hint.as_deref().unwrap_or_default());
    prop_assert!(told.len() <= REFUSAL_BYTES_MAX, "{} bytes", told.len());
    prop_assert!(!told.contains(char::is_control), "{:?}", told);
    if let Ok(fields) = object(payload, LIMIT) {
        let field = refusal.field.as_deref().unwrap_or_default();
        let named = field.split(['.', '[']).next().unwrap_or_default();
        let known =
            FIELDS.iter().any(|(name, _)| *name == named) || fields.keys().any(|key| clip(key) == field);
        prop_assert!(known, "{:?} is no field of it", field);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn a_damaged_envelope_is_read_as_it_stands_or_refused_by_field(payload in damaged()) {
        check_any(&payload.0)?;
    }

    #[test]
    fn whatever_the_fields_hold(
        fields in prop::collection::vec((documents::any_key(), any_value()), 0..6),
    ) {
        let payload = Document(fields).to_string();
        check_any(payload.as_bytes())?;
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn bytes_of_any_kind(payload in prop::collection::vec(any::<u8>(), 0..64)) {
        check_any(&payload)?;
    }

    #[test]
    fn a_valid_envelope_is_taken_as_it_is(document in document()) {
        let envelope = accepted(&document.to_string());
        prop_assert_eq!(&envelope.warnings, &Vec::<String>::new());
        check_accepted(&envelope)?;
        let task = serde_json::to_value(&envelope.task).unwrap();
        for (name, value) in &document.0 {
            prop_assert_eq!(&task[name.as_str()], value, "{}", name);
        }
    }

    /// D-36.
    #[test]
    fn any_spelling_of_the_names_is_the_same_task((document, other) in spelled()) {
        let (plain, other) = (accepted(&document.to_string()), accepted(&other.to_string()));
        prop_assert_eq!(&other.task, &plain.task);
        prop_assert_eq!(other.task.body_hash(), plain.task.body_hash());
    }

    #[test]
    fn a_name_under_two_spellings_is_refused((document, other) in spelled(), place in any::<prop::sample::Index>()) {
        let (name, _) = place.get(&document.0);
        let twice: Vec<_> = other.0.iter().filter(|(other, _)| other != name).cloned().collect();
        prop_assume!(twice.len() == other.0.len());
        let (_, value) = place.get(&document.0);
        let twice = Document(twice.into_iter().chain([(name.clone(), value.clone())]).collect());
        let refusal = refused(&twice.to_string());
        prop_assert_eq!(refusal.field.as_deref(), Some(name.as_str()));
    }

    #[test]
    fn a_value_of_another_type_is_refused_by_name(document in document(), place in any::<prop::sample::Index>()) {
        let mut document = document;
        let place = place.index(document.0.len());
        let (name, value) = &mut document.0[place];
        *value = wrong_type_of(name);
        let name = name.clone();
        let refusal = refused(&document.to_string());
        prop_assert_eq!(refusal.field.as_deref(), Some(name.as_str()));
    }

    #[test]
    fn nesting_is_bounded_whatever_it_is_made_of(depth in 0_usize..400, in_lists in any::<bool>()) {
        let (open, close) = if in_lists { ("[", "]") } else { ("{\"a\":", "}") };
        let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let payload = format!(r#"{{"taskId":"t","context":{{"history":{nested}}}}}"#);
        // Two levels stand around it.
        prop_assert_eq!(read(payload.as_bytes(), LIMIT).is_ok(), depth + 2 <= DEPTH_MAX);
        check_any(payload.as_bytes())?;
    }
}
