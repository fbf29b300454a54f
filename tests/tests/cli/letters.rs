//! `kunder dlq`: what is said of dead letters, and what becomes of them, with and without `kunder serve`.

use std::sync::Arc;

use kunder::clock::SystemClock;
use kunder_agent_core::bus::{Announcement, AnnouncementKind};
use kunder_agent_core::clock::Clock;
use kunder_agent_core::id::TaskId;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::letter::{LetterKind, NewLetter};
use kunder_agent_core::task::Task;
use kunder_store::{DataFolder, SqliteStore};
use kunder_tests::system::Kunder;
use serde_json::json;

use super::fails;

/// A folder with these letters in it.
fn folder_with(letters: Vec<NewLetter>) -> Kunder {
    let kunder = Kunder::temporary();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let _lock = DataFolder::lock(kunder.folder()).unwrap();
        let store = SqliteStore::open(kunder.folder(), clock).unwrap();
        for letter in letters {
            assert!(store.set_aside(letter, None).await.unwrap());
        }
    });
    kunder
}

fn moment() -> jiff::Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn task_letter(id: &str) -> NewLetter {
    let task = Task::new(TaskId::new(id).unwrap(), "pipeline", "pipeline-analysis");
    let body = serde_json::to_vec(&task).unwrap();
    let reason = "after 3 tries: the agent panicked while deciding: boom";
    NewLetter::new(LetterKind::Task, "pipeline", id, reason, moment())
        .holding(&format!("kunder.task.pipeline.{id}"), &body)
}

fn bad_message() -> NewLetter {
    let letter = NewLetter::new(
        LetterKind::Message,
        "pipeline",
        "KUNDER_TASKS/7/1",
        "the payload is not JSON",
        moment(),
    );
    NewLetter {
        headers: vec![("X-Mine".to_owned(), "åäö".to_owned())],
        ..letter.holding("kunder.task.pipeline.t-7", b"{")
    }
}

fn request_letter() -> NewLetter {
    let request = Announcement {
        number: 0,
        destination: "salj/pipeline-agent".to_owned(),
        kind: AnnouncementKind::Request,
        subject: "salj.task.pipeline-agent.k-1".to_owned(),
        message_id: "k-1/request".to_owned(),
        headers: Vec::new(),
        body: br#"{"taskId":"k-1","agent":"salj/pipeline-agent"}"#.to_vec(),
        committed_at: moment(),
        deadline: None,
        attempt: 1,
    };
    NewLetter::of_announcement(&request, "nobody listens", moment())
}

#[test]
fn letters_are_listed_shown_replayed_and_dropped() {
    let (task, bad, request) = (task_letter("t-1"), bad_message(), request_letter());
    let kunder = folder_with(vec![task.clone(), bad.clone(), request.clone()]);
    let list = kunder.run(&["dlq", "list"]).exits(0);
    let rows: Vec<&str> = list.stdout.lines().collect();
    assert_eq!(rows.len(), 3, "{list}");
    assert_eq!(
        rows[2],
        format!(
            "{}  2026-11-22 08:00:00Z  task          pipeline                  \
             after 3 tries: the agent panicked while deciding: boom",
            task.id
        )
    );
    assert!(
        rows[0].starts_with(request.id.as_str())
            && rows[0].ends_with("salj/pipeline-agent       nobody listens"),
        "{list}"
    );
    assert!(list.stderr.contains("kunder dlq show ID"), "{list}");
    let doctor = kunder.run(&["doctor"]).exits(0);
    assert!(
        doctor
            .stdout
            .contains("warning      3 dead letters wait to be read: kunder dlq list"),
        "{doctor}"
    );
    let short = kunder.run(&["dlq", "list", "--limit", "1", "--json"]).exits(0);
    assert_eq!(short.json()["id"], request.id.as_str());

    let shown = kunder.run(&["dlq", "show", bad.id.as_str()]).exits(0);
    for part in [
        "is open",
        "a message that was not accepted",
        "header    X-Mine: åäö",
        "subject   kunder.task.pipeline.t-7",
        "replayed  never",
    ] {
        assert!(shown.stdout.contains(part), "no `{part}`: {shown}");
    }
    let shown = kunder
        .run(&["dlq", "show", task.id.as_str(), "--json"])
        .exits(0)
        .json();
    assert_eq!(
        (&shown["body"]["taskId"], &shown["state"], &shown["kind"]),
        (&json!("t-1"), &json!("open"), &json!("task"))
    );

    let replay = ["dlq", "replay", task.id.as_str()];
    let said = kunder.run(&replay).exits(0);
    assert_eq!(
        said.stdout,
        format!("{} is replayed as task {}\n", task.id, task.id.replay())
    );
    assert_eq!(kunder.run(&replay).exits(0).stdout, said.stdout, "twice is once");
    let list = kunder.run(&["task", "list", "--json"]).exits(0).json_lines();
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(
        (&list[0]["taskId"], &list[0]["state"]),
        (&json!(task.id.replay()), &json!("done"))
    );
    fails(
        &kunder.run(&["dlq", "drop", task.id.as_str()]),
        2,
        "was replayed before",
        Some("kunder task cancel k-"),
    );

    let again = kunder.run(&["dlq", "replay", bad.id.as_str()]);
    fails(
        &again,
        2,
        "stays open, what it holds is refused again: the payload is not JSON",
        Some("kunder dlq drop"),
    );
    let announced = kunder.run(&["dlq", "replay", request.id.as_str()]).exits(0);
    assert_eq!(announced.stdout, format!("{} is announced again\n", request.id));
    assert_eq!(super::announced(&kunder), 1);
    let dropped = kunder.run(&["dlq", "drop", bad.id.as_str()]).exits(0);
    assert_eq!(dropped.stdout, format!("{} is dropped\n", bad.id));
    let empty = kunder.run(&["dlq", "list"]).exits(0);
    assert_eq!(
        (empty.stdout.as_str(), empty.stderr.trim()),
        ("", "no open dead letters")
    );
    let all = kunder.run(&["dlq", "list", "--all"]).exits(0);
    assert!(
        all.stdout.contains("(dropped) the payload") && all.stdout.contains("(replayed) after 3 tries"),
        "{all}"
    );
}

#[test]
fn all_are_replayed_by_a_running_serve_and_what_stays_is_said() {
    let tasks: Vec<NewLetter> = (0..600)
        .map(|number| task_letter(&format!("t-{number}")))
        .collect();
    let mut letters = tasks.clone();
    letters.insert(300, bad_message());
    let kunder = folder_with(letters);
    let serve = kunder.serve_with(&[]);
    let replayed = kunder.run(&["dlq", "replay", "--all"]).exits(1);
    assert_eq!(replayed.stdout, "600 letters replayed\n");
    assert!(
        replayed.stderr.contains(&format!(
            "{} stays open: the payload is not JSON",
            bad_message().id
        )),
        "{replayed}"
    );
    let again = kunder.run(&["dlq", "replay", "--all", "--json"]).exits(1).json();
    assert_eq!(
        (&again["replayed"], &again["refused"][0]["id"]),
        (&json!(0), &json!(bad_message().id))
    );
    for task in [&tasks[0], &tasks[599]] {
        let status = kunder
            .run(&["task", "status", task.id.replay().as_str()])
            .exits(0);
        assert!(status.stdout.contains("pipeline"), "{status}");
    }
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_letter_that_is_not_there_is_said() {
    let kunder = Kunder::temporary();
    for action in ["show", "replay", "drop"] {
        fails(
            &kunder.run(&["dlq", action, "L-1"]),
            2,
            "there is no dead letter `L-1`",
            Some("kunder dlq list --all"),
        );
    }
    let neither = kunder.run(&["dlq", "replay"]);
    assert_eq!(neither.status, 2, "{neither}");
    assert!(neither.stderr.contains("<ID|--all>"), "{neither}");
}
