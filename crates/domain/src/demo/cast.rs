//! Who is in the demo portfolio. Every name is invented.

use crate::fact::Stage;

/// One association, and what is special about it.
pub(super) struct Member {
    pub name: &'static str,
    pub sector: &'static str,
    pub employees: u32,
    pub town: &'static str,
    /// Days since it became a customer.
    pub started: i64,
    /// Days since the last contact; `None` where nobody was ever in touch.
    pub last_contact: Option<i64>,
    /// Minutes after midnight at which that contact was.
    pub last_contact_minute: i64,
    pub stage: Stage,
    /// Days since it entered that step.
    pub stage_days: i64,
    /// Recurring crowns a month.
    pub monthly: i64,
    pub scene: Scene,
}

/// What a customer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    /// Nothing out of the ordinary.
    Steady,
    /// Exactly at the border where attention begins, late in the evening of that day.
    AtYellow,
    /// The last day before it becomes critical; the smallest size that fits us.
    AtRed,
    /// The first critical day, minutes after midnight; the largest size that fits us.
    PastRed,
    /// Nobody was ever in touch.
    NeverContacted,
    /// One overdue todo more than allowed.
    SixOverdue,
    /// As many overdue todos as allowed; one more is due today, one was late and is done.
    FiveOverdue,
    /// Recurring money went down.
    Falling,
    /// A subscription has ended, and an invoice was credited.
    Ended,
    /// A hot opportunity, and money in two currencies.
    HotInTwoCurrencies,
    /// An opportunity that nobody works on, one just before that, and no todo at all.
    Stale,
    /// The delivery is overdue since today.
    DeliveryOverdue,
    /// The delivery is on its last day.
    DeliveryLastDay,
    /// The onboarding lacks data.
    Incomplete,
    /// Grew, recommends us, told us why: a success story.
    Success,
}

const EVENING: i64 = 23 * 60 + 30;
const AFTER_MIDNIGHT: i64 = 10;
const MORNING: i64 = 10 * 60;

macro_rules! member {
    ($name:literal, $sector:literal, $employees:literal, $town:literal, $started:literal, $last:expr, $minute:expr,
     $stage:ident $stage_days:literal, $monthly:literal, $scene:ident) => {
        Member {
            name: $name,
            sector: $sector,
            employees: $employees,
            town: $town,
            started: $started,
            last_contact: $last,
            last_contact_minute: $minute,
            stage: Stage::$stage,
            stage_days: $stage_days,
            monthly: $monthly,
            scene: Scene::$scene,
        }
    };
}

#[rustfmt::skip]
pub(super) const CAST: [Member; 15] = [
    member!("Örnvik Idrottsförbund", "idrottsorganisationer", 120, "Örnvik", 700, Some(12), MORNING, Partnership 560, 9_500, Steady),
    member!("Örnvik Studieförbund", "studieforbund", 85, "Örnvik", 610, Some(60), EVENING, Partnership 480, 7_250, AtYellow),
    member!("Blåklinta Folkbildning", "studieforbund", 30, "Blåklinta", 520, Some(90), MORNING, Partnership 400, 3_900, AtRed),
    member!("Fjällhamra Skidallians", "idrottsorganisationer", 300, "Fjällhamra", 830, Some(91), AFTER_MIDNIGHT, Partnership 690, 18_400, PastRed),
    member!("Skogsåsens Friluftsförbund", "forbund", 64, "Skogsåsen", 140, None, MORNING, Partnership 30, 5_200, NeverContacted),
    member!("Vindelö Kulturförening", "ideell_sektor", 42, "Vindelö", 450, Some(21), MORNING, Partnership 300, 4_100, SixOverdue),
    member!("Lärkmåla Hjälpkår", "ideell_sektor", 150, "Lärkmåla", 980, Some(8), MORNING, Partnership 840, 11_000, FiveOverdue),
    member!("Stenhöjda Seglarförbund", "forbund", 75, "Stenhöjda", 640, Some(33), MORNING, Partnership 500, 12_000, Falling),
    member!("Granåkers Bildningscirkel", "studieforbund", 210, "Granåker", 760, Some(17), MORNING, Partnership 620, 8_800, Ended),
    member!("Åkerlunda Riksförbund", "forbund", 260, "Åkerlunda", 900, Some(5), MORNING, Expansion 120, 16_500, HotInTwoCurrencies),
    member!("Silverån Kanot & Kamratskap", "idrottsorganisationer", 38, "Silverån", 400, Some(44), MORNING, Partnership 270, 3_300, Stale),
    member!("Tallmossa Räddningssällskap", "ideell_sektor", 95, "Tallmossa", 85, Some(10), MORNING, Delivery 57, 6_700, DeliveryOverdue),
    member!("Hammarkärrs Ungdomsförbund", "forbund", 110, "Hammarkärr", 80, Some(6), MORNING, Delivery 56, 7_900, DeliveryLastDay),
    member!("Kråkholmens Brukshundsvänner", "ideell_sektor", 45, "Kråkholmen", 18, Some(15), MORNING, Onboarding 18, 0, Incomplete),
    member!("Norrljusa Gymnastikförening", "idrottsorganisationer", 180, "Norrljusa", 1_100, Some(3), MORNING, Expansion 200, 14_200, Success),
];
