//! The year behind every customer of the demo: how they became customers, contacts, todos, money.

use rust_decimal::Decimal;

use super::cast::{Member, Scene};
use super::profile;
use super::scenes::PRAISE_DAYS;
use super::writer::{From, Writer};
use crate::dice::Dice;
use crate::fact::{
    FactBody, OpportunityStatus, Priority, Service, ServiceStatus, Stage, Subscription, Todo,
    TouchpointChannel,
};
use crate::money::Money;

const SUMMARIES: [(TouchpointChannel, &str); 8] = [
    (
        TouchpointChannel::Meeting,
        "Kvartalsmöte: gick igenom användning och mål för nästa kvartal",
    ),
    (
        TouchpointChannel::Call,
        "Avstämning per telefon, inga öppna frågor",
    ),
    (
        TouchpointChannel::Mail,
        "Skickade sammanfattning och förslag på nästa steg",
    ),
    (
        TouchpointChannel::Meeting,
        "Digitalt möte om hur lokalavdelningarna kommer i gång",
    ),
    (
        TouchpointChannel::Call,
        "Frågor om behörigheter, löstes under samtalet",
    ),
    (TouchpointChannel::Chat, "Kort avstämning inför styrelsemötet"),
    (TouchpointChannel::Mail, "Svarade på frågor om fakturan"),
    (
        TouchpointChannel::Meeting,
        "Utbildning för nya medarbetare, bra stämning",
    ),
];

pub(super) fn write(member: &Member, writer: &mut Writer<'_>, dice: &mut Dice) {
    let contacts = profile::write(member, writer, dice);
    journey(member, writer);
    touchpoints(member, writer, dice, &contacts);
    if member.scene != Scene::Stale {
        todos(member, writer, dice);
    }
    money(member, writer, dice);
    feedback(member, writer, dice);
}

/// The steps of the core process up to the present one.
fn journey(member: &Member, writer: &mut Writer<'_>) {
    let (started, entered) = (member.started, member.stage_days);
    let deal = format!("deal-{:03}", writer.number + 1);
    writer.put(
        started,
        From::Sales,
        FactBody::Onboarding {
            deal: Some(deal.clone()),
        },
    );
    let steps = [
        Stage::Onboarding,
        Stage::Delivery,
        Stage::Partnership,
        Stage::Expansion,
    ];
    for stage in steps.into_iter().filter(|stage| *stage <= member.stage) {
        let days = match stage {
            Stage::Onboarding => started,
            stage if stage == member.stage => entered,
            Stage::Delivery => started - 25,
            Stage::Partnership | Stage::Expansion => started - 80,
        };
        let (cause, from) = match stage {
            Stage::Onboarding => (format!("vunnen affär {deal}"), From::Sales),
            Stage::Delivery => ("onboardingen klar".to_owned(), From::Us),
            Stage::Partnership => ("satori-uppstart levererad".to_owned(), From::Services),
            Stage::Expansion => ("ny möjlighet hos befintlig kund".to_owned(), From::Us),
        };
        if stage == Stage::Delivery {
            writer.put(days, From::Us, FactBody::OnboardingDone);
        }
        writer.put(days, from, FactBody::Stage { stage, cause });
        let key = format!("{}/uppstart", writer.slug);
        let status = match stage {
            Stage::Onboarding if member.scene == Scene::Incomplete => continue,
            Stage::Onboarding => ServiceStatus::Agreed,
            Stage::Delivery => ServiceStatus::Started,
            Stage::Partnership => ServiceStatus::Completed,
            Stage::Expansion => continue,
        };
        let service = Service {
            key,
            name: "Satori-uppstart".to_owned(),
            status,
            note: None,
        };
        writer.put(days, From::Services, FactBody::Service(service));
    }
}

/// Contacts every three to seven weeks of the last year, the newest on the member's own day.
fn touchpoints(member: &Member, writer: &mut Writer<'_>, dice: &mut Dice, contacts: &[String]) {
    let Some(last) = member.last_contact else { return };
    let mut days = last;
    let mut minute = member.last_contact_minute;
    while days < member.started.min(last.max(365)) {
        let &(channel, summary) = dice.pick(&SUMMARIES);
        writer.touchpoint(days, minute, channel, summary, dice.pick::<String>(contacts));
        days += dice.between(20, 48);
        minute = dice.between(8 * 60, 17 * 60);
    }
}

/// One todo that is done and one that is not due yet; neither is older than the customer.
fn todos(member: &Member, writer: &mut Writer<'_>, dice: &mut Dice) {
    let done = dice.between(20, 60).min(member.started - 7);
    todo(
        writer,
        "protokoll",
        "Skicka protokollet från senaste mötet",
        done + 7,
        Some(-done),
        Priority::Normal,
    );
    let key = format!("{}/protokoll", writer.slug);
    writer.put(done - 1, From::Us, FactBody::TodoDone { key });
    let due = dice.between(3, 30);
    todo(
        writer,
        "kvartal",
        "Förbered nästa kvartalsmöte",
        6,
        Some(due),
        Priority::High,
    );
}

/// Writes a todo noted `days` ago and due `due` days from the portfolio's day, before it where negative.
pub(super) fn todo(
    writer: &mut Writer<'_>,
    key: &str,
    text: &str,
    days: i64,
    due: Option<i64>,
    priority: Priority,
) {
    let key = format!("{}/{key}", writer.slug);
    let due = due.map(|due| writer.ago(-due));
    let owner = Some("Klara Kund".to_owned());
    writer.put(
        days,
        From::Us,
        FactBody::Todo(Todo {
            key,
            text: text.to_owned(),
            due,
            owner,
            priority,
        }),
    );
}

/// A subscription from the beginning of the partnership, invoiced every thirtieth day, the start-up invoiced once, one opportunity.
fn money(member: &Member, writer: &mut Writer<'_>, dice: &mut Dice) {
    if member.monthly == 0 {
        return;
    }
    let start = (member.started - 10).max(1);
    let monthly = Money::new(Decimal::new(member.monthly * 100, 2), "SEK");
    subscription(writer, start, monthly, writer.ago(start), None);
    let start_up = Decimal::new(dice.between(1_800_000, 6_000_000), 2);
    writer.invoice((member.started - 20).max(1), start_up, "SEK", "Satori-uppstart");
    let mut days = dice.between(2, 28);
    while days < start.min(365) {
        let extra = if dice.between(0, 5) == 0 {
            Decimal::new(dice.between(50_000, 499_999), 2)
        } else {
            Decimal::ZERO
        };
        writer.invoice(
            days,
            Decimal::new(member.monthly * 100, 2) + extra,
            "SEK",
            "Satori, månadsavgift",
        );
        days += 30;
    }
    let crowns = dice.between(20, 90) * 1_000;
    let title = *dice.pick(&[
        "Utbildningspaket för lokalavdelningar",
        "Fler användare",
        "Rapportmodul för styrelsen",
    ]);
    writer.opportunity(45, "mer", title, OpportunityStatus::Discussed, crowns, 20);
    let days = dice.between(5, 25);
    let probability = u8::try_from(dice.between(3, 6) * 10).unwrap_or(50);
    writer.opportunity(
        days,
        "mer",
        title,
        OpportunityStatus::Proposed,
        crowns,
        probability,
    );
}

/// Writes a state of the customer's subscription.
pub(super) fn subscription(
    writer: &mut Writer<'_>,
    days: i64,
    monthly: Money,
    start: jiff::civil::Date,
    end: Option<jiff::civil::Date>,
) {
    let (key, name) = (format!("{}/satori", writer.slug), "Satori".to_owned());
    writer.put(
        days,
        From::Finance,
        FactBody::Subscription(Subscription {
            key,
            name,
            monthly,
            start,
            end,
        }),
    );
}

fn feedback(member: &Member, writer: &mut Writer<'_>, dice: &mut Dice) {
    if member.stage < Stage::Partnership {
        return;
    }
    let score = if member.scene == Scene::Success {
        10
    } else {
        u8::try_from(dice.between(5, 10)).unwrap_or(7)
    };
    // The one who praised us in words gave the score in the same conversation.
    let days = dice.between(20, 120);
    let days = if member.scene == Scene::Success {
        PRAISE_DAYS
    } else {
        days
    };
    writer.put(days, From::Us, FactBody::Survey { score, comment: None });
    let quotes = [
        "Det sparar oss flera timmar i veckan",
        "Vi hade velat ha fler mallar från början",
        "Vi får alltid snabba svar",
    ];
    let (service, text) = (
        "Satori-uppstart".to_owned(),
        "Synpunkt från kvartalsmötet".to_owned(),
    );
    let quote = Some((*dice.pick(&quotes)).to_owned());
    writer.put(
        dice.between(30, 140),
        From::Us,
        FactBody::Feedback { service, text, quote },
    );
}
