//! What is special about each customer of the demo: every border the rules know is stood upon by somebody.

use rust_decimal::Decimal;

use super::cast::{Member, Scene};
use super::history::{subscription, todo};
use super::writer::{From, Writer};
use crate::fact::{FactBody, OpportunityStatus, Priority, Service, ServiceStatus};
use crate::money::Money;

/// Days since the success story's customer praised us.
pub(super) const PRAISE_DAYS: i64 = 150;

const OVERDUE: [&str; 6] = [
    "Återkoppla om behörigheter till lokalavdelningarna",
    "Skicka offert på utbildning",
    "Uppdatera kontaktlistan",
    "Boka utbildning för nya ledare",
    "Svara på frågan om export",
    "Följ upp enkäten",
];

pub(super) fn write(member: &Member, writer: &mut Writer<'_>) {
    match member.scene {
        // Their dates and sizes in the cast are all there is to them.
        Scene::Steady | Scene::AtYellow | Scene::AtRed | Scene::PastRed | Scene::NeverContacted => {}
        Scene::SixOverdue => overdue_todos(writer, 6),
        Scene::FiveOverdue => {
            overdue_todos(writer, 5);
            todo(writer, "idag", "Ring om avtalet", 9, Some(0), Priority::High);
            todo(
                writer,
                "sen",
                "Skicka mötesanteckningar",
                30,
                Some(-20),
                Priority::Normal,
            );
            let key = format!("{}/sen", writer.slug);
            writer.put(10, From::Us, FactBody::TodoDone { key });
            todo(
                writer,
                "utan",
                "Fundera på referensbesök",
                14,
                None,
                Priority::Low,
            );
        }
        Scene::Falling => {
            let start = writer.ago(member.started - 10);
            subscription(writer, 40, crowns(member.monthly - 4_500), start, None);
        }
        Scene::Ended => ended(member, writer),
        Scene::HotInTwoCurrencies => hot(writer),
        Scene::Stale => {
            let title = "Digital säkerhetsutbildning";
            writer.opportunity(70, "sakerhet", title, OpportunityStatus::Discussed, 36_000, 30);
            writer.opportunity(31, "sakerhet", title, OpportunityStatus::Proposed, 36_000, 40);
            writer.opportunity(
                30,
                "lager",
                "Lägerplanering",
                OpportunityStatus::Discussed,
                15_000,
                10,
            );
        }
        Scene::DeliveryOverdue | Scene::DeliveryLastDay => {
            let (key, name) = (format!("{}/uppstart", writer.slug), "Satori-uppstart".to_owned());
            let note = Some("Halvvägs: två av fyra arbetspass hållna".to_owned());
            let service = Service {
                key,
                name,
                status: ServiceStatus::Started,
                note,
            };
            writer.put(28, From::Services, FactBody::Service(service));
        }
        Scene::Incomplete => {
            writer.opportunity(
                16,
                "kurs",
                "Ledarutbildning i höst",
                OpportunityStatus::Discussed,
                24_000,
                30,
            );
        }
        Scene::Success => success(writer),
    }
}

fn overdue_todos(writer: &mut Writer<'_>, number: i64) {
    // The first was due yesterday, the shortest a todo can be overdue.
    for (place, text) in (0..number).zip(OVERDUE) {
        let key = format!("forsenad-{}", place + 1);
        todo(
            writer,
            &key,
            text,
            40 + place,
            Some(-1 - place * 4),
            Priority::Normal,
        );
    }
}

fn ended(member: &Member, writer: &mut Writer<'_>) {
    let (start, end) = (writer.ago(member.started - 10), writer.ago(20));
    subscription(writer, 50, crowns(member.monthly), start, Some(end));
    writer.invoice(19, Decimal::new(-440_050, 2), "SEK", "Kredit: halv månadsavgift");
    writer.opportunity(
        80,
        "fortsattning",
        "Nytt treårsavtal",
        OpportunityStatus::Negotiation,
        180_000,
        60,
    );
    writer.opportunity(
        48,
        "fortsattning",
        "Nytt treårsavtal",
        OpportunityStatus::Lost,
        180_000,
        0,
    );
}

fn hot(writer: &mut Writer<'_>) {
    let (key, title) = ("distrikt", "Utrullning till alla distrikt");
    writer.opportunity(60, key, title, OpportunityStatus::Proposed, 240_000, 70);
    let quote = Some("Styrelsen är positiv, vi vill börja före sommaren");
    writer.put_opportunity(
        9,
        key,
        title,
        OpportunityStatus::Negotiation,
        crowns(240_000),
        80,
        quote,
    );
    let euro = Money::new(Decimal::new(1_250_050, 2), "EUR");
    writer.put_opportunity(
        14,
        "norden",
        "Nordiskt samarbetsprojekt",
        OpportunityStatus::Discussed,
        euro,
        70,
        None,
    );
    writer.invoice(66, Decimal::new(340_075, 2), "EUR", "Nordisk förstudie");
}

fn success(writer: &mut Writer<'_>) {
    let (key, title) = ("tavling", "Tävlingsmodul");
    writer.opportunity(260, key, title, OpportunityStatus::Proposed, 95_000, 50);
    let quote = Some("Nu kan föreningarna själva lägga upp sina tävlingar");
    writer.put_opportunity(
        205,
        key,
        title,
        OpportunityStatus::Won,
        crowns(95_000),
        100,
        quote,
    );
    writer.invoice(190, Decimal::new(9_500_000, 2), "SEK", title);
    let (service, text) = (title.to_owned(), "Mycket nöjda med införandet".to_owned());
    let quote = Some("Bästa uppstarten vi varit med om".to_owned());
    writer.put(PRAISE_DAYS, From::Us, FactBody::Feedback { service, text, quote });
    for (days, status) in [
        (200, ServiceStatus::Agreed),
        (195, ServiceStatus::Started),
        (160, ServiceStatus::Completed),
    ] {
        let key = format!("{}/tavling", writer.slug);
        writer.put(
            days,
            From::Services,
            FactBody::Service(Service {
                key,
                name: title.to_owned(),
                status,
                note: None,
            }),
        );
    }
}

fn crowns(crowns: i64) -> Money {
    Money::new(Decimal::new(crowns * 100, 2), "SEK")
}
