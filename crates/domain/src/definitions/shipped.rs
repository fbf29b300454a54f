//! The definitions that come with the program, embedded.

use std::collections::BTreeMap;

use super::Definitions;

/// File name and text of each shipped file: the organisation of seed 000.
pub const SHIPPED: &[(&str, &str)] = &[
    (
        "alerts.yaml",
        include_str!("../../../../definitions/satori/alerts.yaml"),
    ),
    (
        "health.yaml",
        include_str!("../../../../definitions/satori/health.yaml"),
    ),
    (
        "icp.yaml",
        include_str!("../../../../definitions/satori/icp.yaml"),
    ),
    (
        "kpis.yaml",
        include_str!("../../../../definitions/satori/kpis.yaml"),
    ),
    (
        "metrics.yaml",
        include_str!("../../../../definitions/satori/metrics.yaml"),
    ),
    (
        "onboarding.yaml",
        include_str!("../../../../definitions/satori/onboarding.yaml"),
    ),
    (
        "organisation.yaml",
        include_str!("../../../../definitions/satori/organisation.yaml"),
    ),
    (
        "pipeline.yaml",
        include_str!("../../../../definitions/satori/pipeline.yaml"),
    ),
    (
        "process.yaml",
        include_str!("../../../../definitions/satori/process.yaml"),
    ),
];

impl Definitions {
    /// The shipped definitions.
    ///
    /// # Panics
    /// Never in a build whose tests pass: the text is embedded and a test loads it.
    #[must_use]
    pub fn shipped() -> Self {
        let files: BTreeMap<String, String> = SHIPPED
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        Self::parse(&files).expect("the embedded definitions are valid, a test loads them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_definitions_load_with_the_seeds_numbers() {
        let definitions = Definitions::shipped();
        let health = &definitions.health.body;
        assert_eq!(
            (
                health.params["red_days"],
                health.params["yellow_days"],
                health.params["overdue_max"]
            ),
            (90, 60, 5)
        );
        let severities: Vec<(&str, u8)> = health
            .bands
            .iter()
            .map(|band| (band.key.as_str(), band.severity))
            .collect();
        assert_eq!(severities, [("akut", 3), ("uppmarksamhet", 2), ("frisk", 0)]);
        assert_eq!(
            (
                definitions.icp.body.employees_min,
                definitions.icp.body.employees_max
            ),
            (30, 300)
        );
        assert_eq!(definitions.icp.body.sectors.len(), 4);
        assert_eq!(definitions.process.body.delivery_days, 56);
        assert_eq!(definitions.kpis.body.customers_baseline, 15);
        assert_eq!(definitions.onboarding.body.groups.len(), 5);
        assert_eq!(definitions.kpis.header.updated, jiff::civil::date(2025, 9, 4));
        assert_eq!(definitions.health.hash.len(), 16);
    }
}
