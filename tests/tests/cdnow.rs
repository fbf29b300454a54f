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
