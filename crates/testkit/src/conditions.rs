//! Random conditions with values for their names: well typed, badly typed, and mangled.

use crate::random::Random;
use serde_json::{Map, Value, json};

/// A text, and what its names stand for.
pub struct Case {
    /// What may be a condition.
    pub text: String,
    /// Names with values.
    pub scope: Map<String, Value>,
    /// Whether the text is as the grammar has it: nothing was mangled.
    pub whole: bool,
}

/// Parts deep at most.
const DEPTH: usize = 4;

/// Pieces of conditions, and of what people take for conditions.
pub const SOUP: &[&str] = &[
    "and", "or", "not", "in", "is", "is not", "not in", "==", "!=", "<", "<=", ">", ">=", "(", ")", "[", "]",
    ",", ".", "-", "+", "1", "0", "0.5", "1e3", "1_0", "007", "1e", "0x1f", "'a'", "\"b\"", "''", "'", "\"",
    "\\", "'\\x41'", "True", "False", "None", "true", "len", "len(", ".get(", ".lower()", "a", "flag",
    "items", "ctx", "nosuch", "if", "else", "lambda", "for", "&&", "||", "=", "!", "*", "/", "%", "{", "}",
    ":", "#", "ö", "ß", "\n", "\t", "\u{0}", "…",
];

/// The scope that every generated condition is about: each name has one type, and a random value of it.
const NUMBERS: &[&str] = &["confidence", "count", "big"];
const TEXTS: &[&str] = &["content", "task", "word"];
const FLAGS: &[&str] = &["approved", "flag"];
const LISTS: &[&str] = &["items", "rows"];
const MAPS: &[&str] = &["ctx", "structured"];
const KEYS: &[&str] = &["risk", "k", "inner", "list", "get", "absent"];
const WORDS: &[&str] = &[
    "",
    "a",
    "b",
    "ab",
    "A",
    "risk",
    "k",
    " x ",
    "ß",
    "é",
    "Σ",
    "中",
    "\u{1F600}",
    "it's",
    "\\",
    "\"",
    "\n",
];

/// A condition with its scope; about one in four is mangled.
pub fn case(random: &Random) -> Case {
    let scope = scope(random);
    let writer = Writer { random };
    let mut text = writer.truth(DEPTH);
    let whole = !random.one_in(4);
    for _ in 0..if whole { 0 } else { 1 + random.below(3) } {
        text = mangle(random, &text);
    }
    Case { text, scope, whole }
}

/// Pieces in a row that mean nothing.
pub fn soup(random: &Random) -> String {
    let gap = if random.one_in(2) { " " } else { "" };
    let pieces: Vec<&str> = (0..random.below(40)).map(|_| pick(random, SOUP)).collect();
    pieces.join(gap)
}

/// The same text with one change.
pub fn mangle(random: &Random, text: &str) -> String {
    let mut pieces: Vec<String> = if random.one_in(2) {
        text.chars().map(String::from).collect()
    } else {
        text.split_inclusive(' ').map(str::to_owned).collect()
    };
    let at = random.below(pieces.len());
    match random.below(4) {
        0 if at < pieces.len() => drop(pieces.remove(at)),
        1 => pieces.insert(at, pick(random, SOUP).to_owned()),
        2 if at < pieces.len() => {
            let other = random.below(pieces.len());
            pieces.swap(at, other);
        }
        _ => pieces.insert(at, format!(" {} ", pick(random, SOUP))),
    }
    pieces.concat()
}

fn pick<'a>(random: &Random, from: &[&'a str]) -> &'a str {
    from.get(random.below(from.len())).copied().unwrap_or_default()
}

fn scope(random: &Random) -> Map<String, Value> {
    let mut scope = Map::new();
    let mut fill = |names: &[&str], make: &dyn Fn() -> Value| {
        for name in names {
            // A name that stands for nothing now and then, and one of an unexpected type.
            match random.below(24) {
                0 => {}
                1 => drop(scope.insert((*name).to_owned(), value(random, 2))),
                _ => drop(scope.insert((*name).to_owned(), make())),
            }
        }
    };
    fill(NUMBERS, &|| number(random));
    fill(TEXTS, &|| json!(pick(random, WORDS)));
    fill(FLAGS, &|| json!(random.one_in(2)));
    fill(LISTS, &|| (0..random.below(4)).map(|_| value(random, 2)).collect());
    fill(MAPS, &|| map(random, 2));
    scope
}

/// Numbers around which integers, floats and booleans are easily confused.
pub fn number(random: &Random) -> Value {
    let edges = [
        json!(0),
        json!(1),
        json!(-1),
        json!(2),
        json!(0.0),
        json!(-0.0),
        json!(1.0),
        json!(0.5),
        json!(0.1),
        json!(0.85),
        json!(9_007_199_254_740_992_u64),
        json!(9_007_199_254_740_993_u64),
        json!(9_007_199_254_740_992.0),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(18_446_744_073_709_551_616.0),
        json!(-1e300),
        json!(1e308),
        json!(5e-324),
        json!(9_223_372_036_854_775_808.0),
        json!(1e22),
    ];
    edges.get(random.below(edges.len())).cloned().unwrap_or_default()
}

fn value(random: &Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 4 } else { 6 }) {
        0 => Value::Null,
        1 => json!(random.one_in(2)),
        2 => number(random),
        3 => json!(pick(random, WORDS)),
        4 => (0..random.below(3)).map(|_| value(random, depth - 1)).collect(),
        _ => map(random, depth - 1),
    }
}

fn map(random: &Random, depth: usize) -> Value {
    let keys = KEYS.iter().filter(|key| **key != "absent" && !random.one_in(4));
    let entries = keys.map(|key| {
        let value = match *key {
            "risk" => number(random),
            _ => value(random, depth.saturating_sub(1)),
        };
        ((*key).to_owned(), value)
    });
    Value::Object(entries.collect())
}

/// Writes parts of one type, and now and then of another.
struct Writer<'a> {
    random: &'a Random,
}

impl Writer<'_> {
    fn name(&self, names: &[&str]) -> String {
        if self.random.one_in(60) { "nosuch".to_owned() } else { pick(self.random, names).to_owned() }
    }

    fn order(&self) -> &'static str {
        pick(self.random, &["<", "<=", ">", ">=", "==", "!="])
    }

    fn truth(&self, depth: usize) -> String {
        let choice = if depth == 0 { self.random.below(3) } else { self.random.below(20) };
        let less = depth.saturating_sub(1);
        match choice {
            0 => self.name(FLAGS),
            1 => pick(self.random, &["True", "False"]).to_owned(),
            2 => format!("{} {} {}", self.number(0), self.order(), self.number(0)),
            3..=5 => format!("{} and {}", self.operand(less), self.operand(less)),
            6..=7 => format!("{} or {}", self.operand(less), self.operand(less)),
            8 => format!("not {}", self.operand(less)),
            9..=10 => {
                let (a, b, c) = (self.number(less), self.number(less), self.number(less));
                let more =
                    if self.random.one_in(3) { format!(" {} {c}", self.order()) } else { String::new() };
                format!("{a} {} {b}{more}", self.order())
            }
            11 => format!("{} {} {}", self.text(less), self.order(), self.text(less)),
            12 => format!("{} {} {}", self.any(less), pick(self.random, &["==", "!="]), self.any(less)),
            13 => format!("{} {} {}", self.any(less), self.order(), self.any(less)),
            14..=15 => self.membership(less),
            16 => {
                let named = pick(self.random, &["None", "True", "False"]);
                format!("{} {} {named}", self.any(less), pick(self.random, &["is", "is not"]))
            }
            17 => {
                let method = pick(self.random, &["startswith", "endswith"]);
                format!("{}.{method}({})", self.text(less), self.text(less))
            }
            18 => format!("({})", self.truth(less)),
            _ => self.any(less),
        }
    }

    /// A part of `and`, `or` and `not`, in brackets or not: precedence is part of what is compared.
    fn operand(&self, depth: usize) -> String {
        let part = self.truth(depth);
        if self.random.one_in(2) { format!("({part})") } else { part }
    }

    fn membership(&self, depth: usize) -> String {
        let relation = pick(self.random, &["in", "not in"]);
        match self.random.below(4) {
            0 => format!("{} {relation} {}", self.text(depth), self.text(depth)),
            1 => format!("{} {relation} {}", self.any(depth), self.list(depth)),
            2 => format!("{} {relation} {}", self.text(depth), self.name(MAPS)),
            _ => format!("{} {relation} {}", self.any(depth), self.any(depth)),
        }
    }

    fn number(&self, depth: usize) -> String {
        let less = depth.saturating_sub(1);
        match self.random.below(if depth == 0 { 3 } else { 8 }) {
            0 => self.name(NUMBERS),
            1 => self.literal(),
            2 => format!("{}.risk", self.name(MAPS)),
            3 => format!("len({})", if self.random.one_in(2) { self.text(less) } else { self.any(less) }),
            4 => format!("{}{}", pick(self.random, &["-", "+", "- "]), self.number(less)),
            5 => format!("{}.get('risk', {})", self.name(MAPS), self.number(less)),
            6 => format!("{}[{}]", self.name(MAPS), pick(self.random, &["'risk'", "\"k\"", "'absent'"])),
            _ => format!("({})", self.number(less)),
        }
    }

    fn literal(&self) -> String {
        let literals = [
            "0",
            "1",
            "2",
            "3",
            "00",
            "1_000",
            "0.8",
            ".5",
            "5.",
            "1e3",
            "1E-3",
            "1.5e+2",
            "0.1",
            "9007199254740993",
            "9007199254740992.0",
            "9223372036854775808",
            "18446744073709551615",
            "1e22",
            "1_0.2_5",
            "5e-324",
            "0.0",
        ];
        pick(self.random, &literals).to_owned()
    }

    fn text(&self, depth: usize) -> String {
        let less = depth.saturating_sub(1);
        match self.random.below(if depth == 0 { 2 } else { 6 }) {
            0 => self.name(TEXTS),
            1 => self.quoted(),
            2..=3 => format!("{}.{}()", self.text(less), pick(self.random, &["lower", "upper", "strip"])),
            4 => format!("{}[{}]", self.text(less), pick(self.random, &["0", "-1", "True", "7"])),
            _ => format!("{}.get({}, {})", self.name(MAPS), self.quoted(), self.text(less)),
        }
    }

    fn quoted(&self) -> String {
        let word = pick(self.random, WORDS);
        let quote = if self.random.one_in(2) { '\'' } else { '"' };
        let mut text = String::from(quote);
        for character in word.chars() {
            match character {
                '\n' => text.push_str("\\n"),
                c if c == quote || c == '\\' => text.extend(['\\', c]),
                c if c.is_ascii() && self.random.one_in(6) => {
                    text.push_str(&format!("\\x{:02x}", u32::from(c)))
                }
                c if u32::from(c) < 0xFFFF && self.random.one_in(3) => {
                    text.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => text.push(c),
            }
        }
        text.push(quote);
        text
    }

    fn list(&self, depth: usize) -> String {
        if self.random.one_in(3) {
            return self.name(LISTS);
        }
        let less = depth.saturating_sub(1);
        let items: Vec<String> = (0..self.random.below(4)).map(|_| self.any(less)).collect();
        let items = items.join(", ");
        match self.random.below(3) {
            0 if items.is_empty() => "()".to_owned(),
            0 => format!("({items},)"),
            1 if !items.is_empty() => format!("[{items},]"),
            _ => format!("[{items}]"),
        }
    }

    fn any(&self, depth: usize) -> String {
        let less = depth.saturating_sub(1);
        match self.random.below(if depth == 0 { 6 } else { 10 }) {
            0 => "None".to_owned(),
            1 => self.name(FLAGS),
            2 => self.number(less),
            3 => self.text(less),
            4 => self.name(LISTS),
            5 => self.name(MAPS),
            6 => self.list(less),
            7 => format!("{}[{}]", self.any(less), self.any(less)),
            8 => format!("{}.{}", self.name(MAPS), pick(self.random, KEYS)),
            _ => format!("({})", self.truth(less)),
        }
    }
}
