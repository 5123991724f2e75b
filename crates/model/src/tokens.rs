//! How many tokens a text is taken for before anybody has counted.
//!
//! No provider publishes a tokenizer for all its models, so what is reserved before a call is estimated. The
//! estimate is `max(ceil(ascii characters / 4) + other characters, words)`: about four letters of English to
//! a token, at least one for each word, and one for each letter of scripts that tokenizers know less well.

use std::borrow::Cow;

/// The estimate as it grows with each character.
#[derive(Default)]
struct Count {
    ascii: u64,
    other: u64,
    words: u64,
    in_word: bool,
}

impl Count {
    fn add(&mut self, letter: char) {
        *if letter.is_ascii() { &mut self.ascii } else { &mut self.other } += 1;
        let in_word = !letter.is_whitespace();
        self.words += u64::from(in_word && !self.in_word);
        self.in_word = in_word;
    }

    fn tokens(&self) -> u64 {
        (self.ascii.div_ceil(4) + self.other).max(self.words)
    }
}

/// The estimate for a text; zero for the empty one only.
pub fn estimate(text: &str) -> u64 {
    let mut count = Count::default();
    text.chars().for_each(|letter| count.add(letter));
    count.tokens()
}

/// The beginning of a text that is estimated at no more than `most` tokens; one of them marks the cut.
pub fn cut(text: &str, most: u64) -> Cow<'_, str> {
    let mut count = Count::default();
    let mut fits = 0;
    for (at, letter) in text.char_indices() {
        count.add(letter);
        if count.tokens() > most {
            return Cow::Owned(format!("{}…", text.get(..fits).unwrap_or_default()));
        }
        if count.tokens() < most {
            fits = at + letter.len_utf8();
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_letters_words_and_other_scripts() {
        for (text, tokens) in [
            ("", 0),
            ("a", 1),
            ("four", 1),
            ("fours", 2),
            ("a b c", 3),
            ("日本語", 3),
            ("été", 3),
            ("   ", 1),
        ] {
            assert_eq!(estimate(text), tokens, "{text}");
        }
    }

    #[test]
    fn what_fits_stays_whole() {
        assert_eq!(cut("four four", 3), "four four");
        assert_eq!(cut("four four four four", 3), "four fou…");
        assert_eq!(cut("anything", 0), "…");
    }

    proptest::proptest! {
        #[test]
        fn what_is_cut_fits(text in "(?s).{0,60}", most in 1u64..20) {
            let short = cut(&text, most);
            assert!(estimate(&short) <= most, "{short:?}");
            assert_eq!(short == text.as_str(), estimate(&text) <= most);
        }

        #[test]
        fn parts_cost_at_least_as_much_as_the_whole(one in "(?s).{0,30}", other in "(?s).{0,30}") {
            assert!(estimate(&format!("{one}{other}")) <= estimate(&one) + estimate(&other));
        }
    }
}
