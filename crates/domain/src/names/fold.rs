//! Text made comparable: case, composition, quotes, blanks; and slugs for paths and ids.

use deunicode::deunicode;
use unicode_normalization::UnicodeNormalization;

/// A slug is at most this long, so that a path of a few fits every file system.
const SLUG_MAX_BYTES: usize = 80;

/// Folds composition (NFKC), case, quotes, dashes and blanks, and takes punctuation off the end. Keeps å, ä and ö apart from a and o.
#[must_use]
pub fn fold(text: &str) -> String {
    // Upper before lower folds ß and the two forms of sigma.
    // The acute accent alone is an apostrophe here; NFKC would make a blank of it.
    let text = text.replace('´', "'");
    let cased: String = text
        .nfkc()
        .collect::<String>()
        .to_uppercase()
        .to_lowercase()
        .nfkc()
        .collect();
    let mut folded = String::with_capacity(cased.len());
    for letter in cased.chars() {
        match letter {
            '"' | '“' | '”' | '„' | '«' | '»' | '`' => {}
            '’' | '‘' | 'ʼ' => folded.push('\''),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => folded.push('-'),
            letter if letter.is_whitespace() => folded.push(' '),
            letter if letter.is_control() || is_invisible(letter) => {}
            letter => folded.push(letter),
        }
    }
    let is_edge = |letter: char| letter.is_whitespace() || "'.,:;!?".contains(letter);
    let trimmed = folded.trim_start_matches(['\'', ' ']).trim_end_matches(is_edge);
    trimmed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As [`fold`], and without diacritics: å and ä become a, ö becomes o.
#[must_use]
pub fn fold_bare(text: &str) -> String {
    let bare = deunicode(&fold(text)).to_lowercase();
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name as ASCII for a path or an id (S3-59): lower case, å and ä as a, ö as o, everything else a single dash.
/// Never empty. Two names may have one slug: who needs them apart adds to it.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in fold_bare(name).chars() {
        if slug.len() >= SLUG_MAX_BYTES {
            break;
        }
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') && letter != '\'' {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        return format!("kund-{}", &blake3::hash(name.as_bytes()).to_hex()[..8]);
    }
    slug.to_owned()
}

/// The words of a folded text: runs of letters and digits.
pub(super) fn words(folded: &str) -> Vec<String> {
    let parts = folded.split(|letter: char| !letter.is_alphanumeric());
    parts.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_name_fold_to_one() {
        for form in [
            "Örebro Idrottsförbund",
            "O\u{308}rebro Idrottsfo\u{308}rbund",
            "ÖREBRO IDROTTSFÖRBUND.",
            "  ”örebro\u{a0}\u{a0}idrottsförbund”  ",
            "'Örebro\tIdrottsförbund'!",
        ] {
            assert_eq!(fold(form), "örebro idrottsförbund", "{form:?}");
            assert_eq!(fold_bare(form), "orebro idrottsforbund", "{form:?}");
            assert_eq!(slug(form), "orebro-idrottsforbund", "{form:?}");
        }
    }

    #[test]
    fn slugs_are_plain_and_never_empty() {
        assert_eq!(slug("Ås & Älvdalens IF – Norra"), "as-alvdalens-if-norra");
        assert_eq!(slug("Åsa's Bygd"), "asas-bygd");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert!(slug("!!!").starts_with("kund-"), "{}", slug("!!!"));
        assert_ne!(slug("!!!"), slug("???"));
        assert!(slug(&"lång ".repeat(100)).len() <= SLUG_MAX_BYTES);
    }
}
