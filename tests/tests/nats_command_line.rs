//! The command line over `--nats`: everything it can do on a folder, it can do from somewhere else.

use kunder_tests::system::{Kunder, Nats, Output, Serve};

/// Every command of the command line over `--nats`: the folder it would otherwise use stays untouched.
#[test]
fn the_command_line_over_nats() {
    let (nats, kunder) = (Nats::start(), Kunder::demo());
    let serve = kunder.serve(&nats.url());
    let remote = Remote {
        nats: nats.url(),
        client: Kunder::temporary(),
    };
    remote.asks();
    remote.sends_tasks();
    remote.takes_notes();
    remote.imports();
    remote.looks_at(&kunder);
    assert!(
        !remote.client.folder().exists(),
        "the command line has made a data folder"
    );
    remote.says_that_nobody_serves_after(serve);
}

/// The command line somewhere else: it has the server's address and nothing more.
struct Remote {
    nats: String,
    client: Kunder,
}

impl Remote {
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    #[track_caller]
    fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Output {
        let arguments: Vec<&str> = ["--nats", &self.nats]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        self.client.run_with(&arguments, stdin)
    }

    fn asks(&self) {
        let check = self.run(&["ask", "Kör kundhälsokoll", "--json"]).exits(0).json();
        assert_eq!(check["customers"]["total_managed"], 15);
        let english = self.run(&["ask", "Run health check", "--locale", "en"]).exits(0);
        assert!(english.stdout.contains("Healthy"), "{english}");
        let unknown = self.run(&["ask", "Baka en tårta"]).exits(1);
        assert!(unknown.stdout.contains("Baka en tårta"), "{unknown}");
    }

    fn sends_tasks(&self) {
        let send = |envelope: &str, more: &[&str]| {
            let arguments: Vec<&str> = ["task", "send", "-"].iter().chain(more).copied().collect();
            self.run_with(&arguments, envelope.as_bytes())
        };
        let envelope = r#"{"TaskId":"via-nats","Agent":"pipeline","Instructie":"Pipeline-analys"}"#;
        let sent = send(envelope, &["--json"]).exits(0).json();
        assert_eq!(
            (&sent["taskId"], &sent["status"]),
            (&"via-nats".into(), &"complete".into())
        );
        assert_eq!(
            send(envelope, &["--json"]).exits(0).json(),
            sent,
            "the same envelope is the same task"
        );
        let refused = send(r#"{"taskId":"via-nats","agent":"pipeline","locale":"en"}"#, &[]).exits(2);
        assert!(
            refused.stderr.contains("error: ") && refused.stderr.contains("`taskId`"),
            "{refused}"
        );
        let unknown = send(r#"{"taskId":"x","agent":"fantasi"}"#, &[]).exits(2);
        assert!(
            unknown.stderr.contains("`agent`") && unknown.stderr.contains("hint: "),
            "{unknown}"
        );

        let asked = |what: &str| self.run(&["task", what, "via-nats", "--json"]).exits(0).json();
        assert_eq!(asked("status"), sent);
        assert_eq!(asked("cancel")["outcome"], sent, "what is done stays as it was");
        let listed = self.run(&["task", "list", "--json"]).exits(0).json_lines();
        let is_ours = |task: &serde_json::Value| task["taskId"] == "via-nats" && task["state"] == "done";
        assert!(listed.iter().any(is_ours), "{listed:?}");
    }

    fn takes_notes(&self) {
        let (customer, todo) = ("Vindelö Kulturförening", "Skicka höstens program");
        let noted = self
            .run(&["log", customer, "Ringde om hösten", "--kind", "call"])
            .exits(0);
        assert!(noted.stdout.contains(customer), "{noted}");
        let _ = self.run(&["todo", "add", customer, todo]).exits(0);
        assert!(self.run(&["todo", "list"]).exits(0).stdout.contains(todo));
        let done = self.run(&["todo", "done", customer, todo]).exits(0);
        assert!(done.stdout.contains(todo), "{done}");
        assert!(!self.run(&["todo", "list"]).exits(0).stdout.contains(todo));
    }

    /// What was announced, and what the doctor finds on the other side.
    fn looks_at(&self, other: &Kunder) {
        let events = self.run(&["events", "--json"]).exits(0).json_lines();
        let is_alert = |event: &serde_json::Value| event["type"] == "kunder.customer-health.at-risk.v1";
        assert!(
            events.iter().any(is_alert),
            "no alert among {} events",
            events.len()
        );
        let diagnosis = self.run(&["doctor", "--json"]).exits(0).json();
        assert_eq!(diagnosis["data"], other.folder().display().to_string());
        assert!(
            diagnosis["broker"]
                .as_array()
                .is_some_and(|lines| lines.len() > 5),
            "{diagnosis}"
        );
        assert_eq!(diagnosis["customers"], 17);
    }

    fn says_that_nobody_serves_after(&self, serve: Serve) {
        assert_eq!(serve.stop(), 0);
        let nobody = self.run(&["ask", "Kör kundhälsokoll"]).exits(1);
        assert!(
            nobody.stderr.contains("nobody serves") && nobody.stderr.contains("hint: "),
            "{nobody}"
        );
    }

    /// Two new customers in a file; importing it again changes nothing.
    #[track_caller]
    fn imports(&self) {
        let folder = tempfile::tempdir().expect("the temporary folder takes a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let map = "format: csv\nsource: Register\ncustomer: nummer\nobserved: {column: dag, date: \"%Y-%m-%d\"}\nkey: [nummer]\nrecords:\n  - profile: {name: namn}\n";
        std::fs::write(path("map.yaml"), map).expect("the temporary folder takes a file");
        std::fs::write(
            path("kunder.csv"),
            "nummer,namn,dag\n71,Sjöhagens Kanotister,2026-01-05\n72,Bergtorps Orkester,2026-02-06\n",
        )
        .expect("the temporary folder takes a file");
        let (map, file) = (path("map.yaml"), path("kunder.csv"));
        let first = self.run(&["import", "--map", &map, &file]).exits(0);
        let second = self.run(&["import", "--map", &map, &file]).exits(0);
        assert_ne!(
            first.stdout, second.stdout,
            "the second import says that everything was known\n{second}"
        );
        let brief = self.run(&["ask", "Hämta kundinfo Sjöhagens Kanotister"]).exits(0);
        assert!(brief.stdout.contains("Sjöhagens Kanotister"), "{brief}");
    }
}
