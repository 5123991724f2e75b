//! What is not part of the language, in the words of whoever wrote it.

use super::Fault;

/// Words that Python keeps for itself: none can be a name.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

const ARITHMETIC: &str = "conditions compare values, and do not calculate";
const BITS: &str = "conditions have no operators on bits";
const NOTHING: &str = "";

/// Signs of other languages that begin like one of ours, and what to write.
const PAIRS: &[(&str, &str)] = &[
    ("===", "write `==`"),
    ("!==", "write `!=`"),
    ("=~", "write `'part' in text`, or `.startswith('…')`"),
    ("<>", "write `!=`"),
    ("=>", "write `>=`"),
    ("=<", "write `<=`"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("{{", "write the name alone, without braces"),
    ("{%", "write the name alone, without braces"),
    (":=", "nothing can be assigned in a condition; write `==` to compare"),
    ("->", NOTHING),
    ("**", ARITHMETIC),
    ("//", ARITHMETIC),
    ("<<", BITS),
    (">>", BITS),
    ("+=", "nothing can be assigned in a condition"),
    ("-=", "nothing can be assigned in a condition"),
];

/// Single signs that are not ours, and what to write.
const SINGLES: &[(&str, &str)] = &[
    ("=", "write `==` to compare"),
    ("!", "write `not`"),
    ("?", "there is no `a ? b : c`; write two edges, or `(c and a) or (not c and b)`"),
    (":", "there are no slices and no maps to write; a key is read with `['key']`"),
    ("&", "write `and`"),
    ("|", "write `or`"),
    ("^~", BITS),
    ("*/%@", ARITHMETIC),
    ("{}", "a list is written with `[` and `]`; maps cannot be written"),
    ("#", "write comments beside the condition"),
    (";", "a condition is one expression"),
    ("$", "write the name alone: `confidence`"),
    ("\u{2018}\u{2019}\u{201C}\u{201D}\u{AB}\u{BB}`", "texts stand in `'` or `\"`"),
    ("\u{2264}", "write `<=`"),
    ("\u{2265}", "write `>=`"),
    ("\u{2260}", "write `!=`"),
    ("\u{2212}\u{2013}\u{2014}", "write `-`"),
    ("\u{2227}", "write `and`"),
    ("\u{2228}", "write `or`"),
    ("\u{AC}", "write `not`"),
    ("\u{2208}", "write `in`"),
];

fn foreign(sign: &str, start: usize, help: &str) -> Fault {
    let end = start + sign.len();
    let fault = Fault::new(start, end, format!("`{sign}` is not part of conditions"));
    if help.is_empty() { fault } else { fault.help(help) }
}

/// A fault if the text goes on with a sign of another language.
pub(super) fn pair(rest: &str, start: usize) -> Option<Fault> {
    let (sign, help) = PAIRS.iter().find(|(sign, _)| rest.starts_with(sign))?;
    Some(foreign(sign, start, help))
}

/// A character that begins nothing.
pub(super) fn single(character: char, start: usize) -> Fault {
    if character.is_control() || character.is_whitespace() {
        let fault = Fault::new(start, start + character.len_utf8(), "a character that cannot be seen");
        return fault.help("write plain spaces only");
    }
    if character.is_alphanumeric() {
        let message = format!("`{character}` cannot be part of a name in a condition");
        let fault = Fault::new(start, start + character.len_utf8(), message);
        return fault.help("read it as a key: `structured['…']`");
    }
    let help = SINGLES.iter().find(|(signs, _)| signs.contains(character)).map(|(_, help)| *help);
    foreign(&character.to_string(), start, help.unwrap_or_default())
}

/// Arithmetic between two values.
pub(super) fn arithmetic(sign: &str, start: usize) -> Fault {
    foreign(sign, start, ARITHMETIC)
}

/// Whether Python keeps the word for itself.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// A fault if a word cannot be a name.
pub(super) fn name(word: &str, start: usize) -> Option<Fault> {
    let fault = |message: String| Fault::new(start, start + word.len(), message);
    let literal = match word {
        "true" => Some("True"),
        "false" => Some("False"),
        "null" | "none" => Some("None"),
        _ => None,
    };
    if let Some(literal) = literal {
        return Some(fault(format!("`{word}` is not a name")).help(format!("did you mean `{literal}`?")));
    }
    if is_keyword(word) {
        let fault = fault(format!("`{word}` cannot stand here"));
        return Some(match word {
            "and" | "or" | "in" | "is" => fault.help("a value is missing before it"),
            "not" => fault.help("put brackets around `not …`"),
            "if" | "else" => fault.help("there is no `a if c else b`; write two edges"),
            _ => fault.help("conditions have comparisons, `and`, `or`, `not` and `in`"),
        });
    }
    key(word, start)
}

/// A fault if a word cannot be a key behind a dot.
pub(super) fn key(word: &str, start: usize) -> Option<Fault> {
    let fault = |message: String| Fault::new(start, start + word.len(), message);
    if is_keyword(word) {
        let fault = fault(format!("`{word}` cannot stand behind a dot"));
        return Some(fault.help(format!("write `['{word}']`")));
    }
    (word.starts_with("__") && word.ends_with("__"))
        .then(|| fault(format!("`{word}` is a name of Python's own, which conditions do not have")))
}

/// A word where `and`, `or` or a comparison had to follow.
pub(super) fn following(word: &str, start: usize) -> Fault {
    let fault = |message: String| Fault::new(start, start + word.len(), message);
    let help = match word.to_ascii_lowercase().as_str() {
        lower @ ("and" | "or" | "not" | "in" | "is") if lower != word => format!("write `{lower}`"),
        "not" => "did you mean `not in`?".to_owned(),
        "if" | "else" => "there is no `a if c else b`; write two edges".to_owned(),
        "for" => "there are no comprehensions; `x in items` looks for one".to_owned(),
        "contains" | "has" | "includes" => "write `part in whole`".to_owned(),
        "startswith" | "endswith" => format!("write `text.{word}('…')`"),
        "eq" | "equals" => "write `==`".to_owned(),
        _ => "`and`, `or` or a comparison has to stand between two values".to_owned(),
    };
    fault(format!("`{word}` cannot follow here")).help(help)
}
