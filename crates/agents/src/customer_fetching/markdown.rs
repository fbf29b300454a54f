//! The page as Markdown.

use std::fmt::Write;

use kunder_agent_core::task::Locale;

use super::brief::BriefBlock;

/// One page; every line ends with its source and date, an empty section says so.
#[must_use]
pub fn page(locale: Locale, block: &BriefBlock) -> String {
    let (brief, source, missing) = match locale {
        Locale::Sv => ("Kundinfo", "källa", "saknas"),
        Locale::En => ("Customer brief", "source", "missing"),
    };
    let mut page = format!("# {brief}: {}, {}\n", block.customer, block.as_of);
    for section in &block.sections {
        // Writing to a string cannot fail.
        let _ = write!(page, "\n## {}\n\n", section.title);
        if section.lines.is_empty() {
            page.push_str(missing);
            page.push('\n');
        }
        for line in &section.lines {
            let _ = writeln!(page, "- {} ({source}: {}, {})", line.text, line.source, line.date);
        }
        if section.more > 0 {
            let _ = match locale {
                Locale::Sv => writeln!(page, "- … och {} till", section.more),
                Locale::En => writeln!(page, "- … and {} more", section.more),
            };
        }
    }
    page
}
