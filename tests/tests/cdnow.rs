//! The purchases of CDNOW through the real program: what it says must be what a count by hand says.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::civil::Date;
use kunder_tests::system::{Kunder, Output, binary};
use serde_json::{Value, json};

const CUSTOMERS: u64 = 23_570;
const PURCHASES: u64 = 69_659;
/// A command on all purchases runs at most so long, in a debug build among other tests.
const LIMIT: Duration = Duration::from_secs(600);
/// The day as of which the check is asked.
const DAY: Date = Date::constant(1998, 6, 30);

#[test]
fn the_purchases_add_up_and_every_customer_is_checked() {
    let (kunder, file) = (Kunder::temporary(), purchases());
    let first = import(&kunder, &file).exits(0).json();
    // An invoice and a touchpoint per purchase, a name per customer.
    let facts = 2 * PURCHASES + CUSTOMERS;
    assert_eq!(
        first["import"],
        json!({"rows": PURCHASES, "broken": 0, "new": facts, "known": 0, "conflicting": 0})
    );
    let second = import(&kunder, &file).exits(0).json();
    assert_eq!(
        second["import"],
        json!({"rows": PURCHASES, "broken": 0, "new": 0, "known": facts, "conflicting": 0})
    );

    let analysis = run(&kunder, &["ask", "Pipeline-analys", "--json"])
        .exits(0)
        .json();
    assert_eq!(analysis["status"], "complete");
    assert_eq!(
        analysis["pipeline"]["invoiced"],
        json!({"amount": "2500315.63", "currency": "USD"})
    );
    assert_eq!(
        analysis["pipeline"]["invoicedByCurrency"],
        json!([{"amount": "2500315.63", "currency": "USD"}])
    );

    let check = run(
        &kunder,
        &["ask", "Kör kundhälsokoll", "--as-of", &DAY.to_string(), "--json"],
    )
    .exits(0)
    .json();
    assert_eq!(check["status"], "complete");
    let [critical, at_risk, healthy] = bands(&file);
    let counts = json!({"total_managed": CUSTOMERS, "healthy": healthy, "neutral": 0, "at_risk": at_risk, "critical": critical, "not_scored": 0});
    assert_eq!(check["customers"], counts);
    assert_eq!(critical + at_risk + healthy, CUSTOMERS);
    whole_list_is_an_artifact(&kunder, &check);

    assert_eq!(
        run(&kunder, &["events"]).exits(0).stdout,
        "",
        "a past day raises no alerts"
    );
    the_back_test_finds_what_is_known(&kunder, &file);
}

/// Who ordered nothing after this day left.
const LAST_DAY: Date = Date::constant(1997, 9, 30);

/// Others found 0.759 for the days since the last order, 0.753 for few orders and 0.769 for the sum of both ranks.
fn the_back_test_finds_what_is_known(kunder: &Kunder, file: &Path) {
    let mut labels = "customer,label\n".to_owned();
    let subjects = subjects(file);
    for (customer, (_, _, lost)) in &subjects {
        labels.push_str(&format!("{customer},{}\n", u8::from(*lost)));
    }
    let path = kunder.folder().with_extension("labels.csv");
    std::fs::write(&path, labels).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/backtest/cdnow");
    let [path, model] = [path, model].map(|path| path.to_str().unwrap().to_owned());
    let day = LAST_DAY.to_string();
    let arguments = [
        "health", "backtest", "--json", "--model", &model, "--labels", &path, "--as-of", &day,
    ];
    let found = run(kunder, &arguments).exits(0).json();
    let lost = subjects.values().filter(|(_, _, lost)| *lost).count();
    assert_eq!(
        (&found["subjects"], &found["scored"], &found["lost"]),
        (&json!(CUSTOMERS), &json!(CUSTOMERS), &json!(lost))
    );
    assert!(found["simulated"].is_null());
    let auc = |kind: &str, name: &str| {
        let rows = found["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["kind"] == kind && row["name"] == name);
        row.unwrap()["auc"].as_f64().unwrap()
    };
    let (days, orders) = (auc("value", "days_since_last_order"), auc("value", "orders"));
    let counted =
        |value: fn(&Subject) -> i64| by_pairs(subjects.values().map(|subject| (value(subject), subject.2)));
    assert!((days - counted(|(days, _, _)| -days)).abs() < 1e-6, "{days}");
    assert!(
        (orders - counted(|(_, orders, _)| *orders)).abs() < 1e-6,
        "{orders}"
    );
    for (auc, known) in [
        (days, 0.759),
        (orders, 0.753),
        (auc("ranks", "all inputs by rank"), 0.769),
    ] {
        assert!((auc - known).abs() < 0.01, "{auc} is not {known}");
    }
}

/// Days since the last order on [`LAST_DAY`], orders until then, and whether that was all.
type Subject = (i64, i64, bool);

fn subjects(file: &Path) -> BTreeMap<String, Subject> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut subjects: BTreeMap<String, Subject> = BTreeMap::new();
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let mut columns = line.split_whitespace();
        let customer = columns.next().unwrap().to_owned();
        let day = Date::strptime("%Y%m%d", columns.next().unwrap()).unwrap();
        let subject = subjects.entry(customer).or_insert((i64::MAX, 0, true));
        if day > LAST_DAY {
            subject.2 = false;
            continue;
        }
        subject.0 = subject.0.min(day.until(LAST_DAY).unwrap().get_days().into());
        subject.1 += 1;
    }
    subjects
}

/// The share of pairs of one who left and one who stayed in which the latter has more, ties counting half: counted by value.
fn by_pairs(subjects: impl Iterator<Item = (i64, bool)>) -> f64 {
    let mut counts: BTreeMap<i64, [u64; 2]> = BTreeMap::new();
    for (value, lost) in subjects {
        counts.entry(value).or_default()[usize::from(lost)] += 1;
    }
    let (mut halves, mut left, mut stayed) = (0, 0, 0);
    for [of_stayed, of_left] in counts.values() {
        halves += of_stayed * (2 * left + of_left);
        left += of_left;
        stayed += of_stayed;
    }
    halves as f64 / (2 * left * stayed) as f64
}

#[test]
fn a_broken_line_is_told_with_its_number_and_stops_nothing() {
    let kunder = Kunder::temporary();
    let text = std::fs::read(purchases()).unwrap();
    let good: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').take(1_001).collect();
    let broken: [(usize, &[u8], &str); 5] = [
        (3, b" 00002 19970112  1\r\n", "the row has 3 columns, expected 4"),
        (
            100,
            b" 90001 19971341  1   11.77\r\n",
            "column `date`: `19971341` is not a date",
        ),
        (
            500,
            b" 90002 19970101  1  -11.77\r\n",
            "column `amount`: the amount -11.77 is negative and not marked as a credit note",
        ),
        (900, b" 9000\xf6 19970101  1   11.77\r\n", "is not UTF-8"),
        (
            901,
            b" 90004 19970101  1   11,77\r\n",
            "column `amount`: `11,77` is not a number",
        ),
    ];
    let mut lines = good.clone();
    for (at, line, _) in broken {
        lines.insert(at - 1, line);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("purchases.txt");
    std::fs::write(&file, lines.concat()).unwrap();

    let output = import(&kunder, &file).exits(0);
    let outcome = output.json();
    assert_eq!(
        (
            &outcome["status"],
            &outcome["import"]["rows"],
            &outcome["import"]["broken"]
        ),
        (&json!("partial"), &json!(1_000), &json!(5))
    );
    let listed = std::fs::read_to_string(errors(&kunder)).unwrap();
    for ((at, _, reason), told) in broken.iter().zip(listed.lines()) {
        let place = format!("{}:{at}: ", file.display());
        assert!(
            told.starts_with(&place) && told.contains(reason),
            "`{told}` is not `{place}{reason}`"
        );
    }
    assert_eq!(listed.lines().count(), broken.len());

    // The rest is what the file without them is.
    let whole = folder.path().join("whole.txt");
    std::fs::write(&whole, good.concat()).unwrap();
    let again = import(&kunder, &whole).exits(0).json();
    assert_eq!(
        (&again["import"]["rows"], &again["import"]["new"]),
        (&json!(1_000), &json!(0))
    );
}

/// The outcome holds the most urgent rows and says how many there are; the artifact holds all of them, each customer once.
fn whole_list_is_an_artifact(kunder: &Kunder, check: &Value) {
    let cut = check["cut"]
        .as_array()
        .unwrap()
        .iter()
        .find(|cut| cut["list"] == "health")
        .expect("the list of customers is cut");
    assert_eq!(cut["total"], CUSTOMERS);
    let shown = check["health"].as_array().unwrap();
    assert_eq!(cut["shown"], shown.len());
    let artifact = cut["artifact"].as_str().unwrap();
    assert!(check["artifacts"].as_array().unwrap().contains(&cut["artifact"]));
    let text = std::fs::read_to_string(kunder.folder().join(artifact)).unwrap();
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&rows[..shown.len()], shown);
    let severities: Vec<u64> = rows.iter().map(|row| row["severity"].as_u64().unwrap()).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b), "most urgent first");
    let customers: std::collections::BTreeSet<&str> = rows
        .iter()
        .map(|row| row["customerId"].as_str().unwrap())
        .collect();
    assert_eq!(
        (rows.len() as u64, customers.len() as u64),
        (CUSTOMERS, CUSTOMERS)
    );
}

/// Customers by days since their last purchase, counted from the file itself: over 90, from 60 to 90, under 60.
fn bands(file: &Path) -> [u64; 3] {
    let text = std::fs::read_to_string(file).unwrap();
    let mut last: BTreeMap<&str, Date> = BTreeMap::new();
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let mut columns = line.split_whitespace();
        let (customer, day) = (
            columns.next().unwrap(),
            Date::strptime("%Y%m%d", columns.next().unwrap()).unwrap(),
        );
        let newest = last.entry(customer).or_insert(day);
        *newest = day.max(*newest);
    }
    let mut bands = [0; 3];
    for day in last.values() {
        let days = day.until(DAY).unwrap().get_days();
        bands[if days > 90 {
            0
        } else if days >= 60 {
            1
        } else {
            2
        }] += 1;
    }
    bands
}

#[track_caller]
fn import(kunder: &Kunder, file: &Path) -> Output {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cdnow/map.yaml");
    let paths = [&map, file, &errors(kunder)].map(|path| path.to_str().unwrap().to_owned());
    run(
        kunder,
        &[
            "import", "--json", "--map", &paths[0], &paths[1], "--errors", &paths[2],
        ],
    )
}

#[track_caller]
fn run(kunder: &Kunder, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    Output::of(
        command.args(arguments).arg("--data").arg(kunder.folder()),
        b"",
        LIMIT,
    )
}

fn errors(kunder: &Kunder) -> PathBuf {
    kunder.folder().with_extension("errors.txt")
}

fn purchases() -> PathBuf {
    let file = std::env::var_os("KUNDER_CDNOW")
        .map(PathBuf::from)
        .filter(|file| file.is_file());
    file.expect(
        "the purchases are missing (KUNDER_CDNOW names no file): run `cargo xtask tools`, which brings them",
    )
}
