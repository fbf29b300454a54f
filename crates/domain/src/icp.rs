//! Whether an organisation fits us: size and sector (S0-02, S0-03).

use crate::customer::Customer;
use crate::definitions::{Icp, Label, Sector};
use crate::fact::field;
use crate::names::fold_bare;

/// How an organisation fits, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    Inside(Label),
    Outside(Label),
    /// Something is not known, or the sector is none of ours to judge.
    NotScored(Label),
}

/// Scores a customer by its profile.
#[must_use]
pub fn fit_of(customer: &Customer, icp: &Icp) -> Fit {
    let employees = customer
        .field(field::EMPLOYEES)
        .and_then(|text| text.trim().parse().ok());
    fit(employees, customer.field(field::SECTOR), icp)
}

/// Scores by employees and sector. A size outside is outside whatever the sector; an unknown sector is not scored, never "no fit".
#[must_use]
pub fn fit(employees: Option<u32>, sector: Option<&str>, icp: &Icp) -> Fit {
    let (min, max) = (icp.employees_min, icp.employees_max);
    let Some(employees) = employees else {
        return Fit::NotScored(reason(
            "antalet anställda är okänt".to_owned(),
            "the number of employees is unknown".to_owned(),
        ));
    };
    if !(min..=max).contains(&employees) {
        return Fit::Outside(reason(
            format!("{employees} anställda, profilen är {min}–{max}"),
            format!("{employees} employees, the profile is {min}–{max}"),
        ));
    }
    let Some(text) = sector.map(str::trim).filter(|text| !text.is_empty()) else {
        return Fit::NotScored(reason(
            "branschen är okänd".to_owned(),
            "the sector is unknown".to_owned(),
        ));
    };
    let Some(sector) = sector_of(text, icp) else {
        return Fit::NotScored(reason(
            format!("branschen ”{text}” finns inte i profilen"),
            format!("the sector “{text}” is not in the profile"),
        ));
    };
    Fit::Inside(reason(
        format!("{employees} anställda, {}", sector.label.sv),
        format!("{employees} employees, {}", sector.label.en),
    ))
}

/// The sector that a text means: its code, or its name in either language.
#[must_use]
pub fn sector_of<'a>(text: &str, icp: &'a Icp) -> Option<&'a Sector> {
    let wanted = fold_bare(text);
    icp.sectors.iter().find(|sector| {
        [&sector.code, &sector.label.sv, &sector.label.en]
            .into_iter()
            .any(|name| fold_bare(name) == wanted)
    })
}

fn reason(sv: String, en: String) -> Label {
    Label { sv, en, nl: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;

    #[test]
    fn both_bounds_are_inside_and_an_unknown_sector_is_not_scored() {
        let icp = Definitions::shipped().icp.body;
        for (employees, inside) in [(29, false), (30, true), (300, true), (301, false)] {
            let fit = fit(Some(employees), Some("förbund"), &icp);
            assert_eq!(matches!(fit, Fit::Inside(_)), inside, "{employees}: {fit:?}");
            assert_eq!(matches!(fit, Fit::Outside(_)), !inside, "{employees}: {fit:?}");
        }
        for sector in [
            "ideell_sektor",
            "Ideell sektor",
            "FÖRBUND",
            "studieförbund",
            "idrottsorganisationer",
            "federation",
        ] {
            assert!(
                matches!(fit(Some(100), Some(sector), &icp), Fit::Inside(_)),
                "{sector}"
            );
        }
        assert!(matches!(fit(Some(100), Some("fiske"), &icp), Fit::NotScored(_)));
        assert!(matches!(fit(Some(100), None, &icp), Fit::NotScored(_)));
        assert!(matches!(fit(None, Some("förbund"), &icp), Fit::NotScored(_)));
    }
}
