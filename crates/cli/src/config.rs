//! What counts for every command, and where it was said: flags, then `COMITY_*` variables, then `comity.toml`
//! here, then `config.toml` in the person's folder, then what the program does by itself.
//!
//! Start with [`read`].

mod file;
mod guards;

use crate::args::{Durability, Flags};
use crate::error::Error;
use crate::printer::{Color, Format, Printer};
use clap::ValueEnum;
use comity_runtime::{Address, Anchoring, Witness};
pub use guards::{Interval, witness};
use guards::{interval, witnesses};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The file of a folder.
pub const FILE: &str = "comity.toml";
/// Where runs are kept when nobody says otherwise.
const DATABASE: &str = ".comity/comity.db";

/// Where keys are kept when nobody says otherwise, in words: the data folder may be elsewhere.
const KEYS_FOLDER: &str = "~/.local/share/comity/keys";

/// What counts for every command.
#[derive(Clone, Debug)]
pub struct Globals {
    /// How answers are written.
    pub output: Format,
    /// The database.
    pub db: PathBuf,
    /// What an acknowledged step survives.
    pub durability: Durability,
    /// Where keys are kept; `None` for the folder of the person who asks.
    pub keys: Option<PathBuf>,
    /// When to use colour.
    pub color: Color,
    /// Whether nobody is to be asked.
    pub no_input: bool,
    /// Whether agents use the sandbox, also where a provider key is set.
    pub sandbox: bool,
    /// Who is asked to sign checkpoints.
    pub witnesses: Vec<Witness>,
    /// Where copies of checkpoints go, if anywhere.
    pub checkpoint_to: Option<String>,
    /// When checkpoints are made by themselves.
    pub anchoring: Anchoring,
    /// Each of these with where it comes from, by name.
    pub said: Vec<Said>,
    /// Whether another command would find another database unless it is told.
    elsewhere: bool,
}

/// One value as it was said, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: OsString,
    /// Where it was said.
    pub origin: Origin,
}

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag(&'static str),
    /// In the environment.
    Environment(&'static str),
    /// In a file.
    File {
        /// As it is named for people.
        file: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
    },
    /// Nowhere.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { file, line, .. } => write!(f, "{file}:{line}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One setting: how it is called everywhere, and what it may be.
struct Key {
    name: &'static str,
    flag: &'static str,
    variable: &'static str,
    default: &'static str,
    shape: Shape,
}

/// What a setting may be.
#[derive(Clone, Copy)]
enum Shape {
    /// A path.
    Path,
    /// One of these words.
    Word(fn() -> Vec<String>),
    /// True or false.
    Flag,
    /// Texts, each of which names a witness. They are kept in one, apart by `;`.
    Witnesses,
    /// How often something is done by itself.
    Interval,
}

/// Every setting, by name.
const KEYS: &[Key] = &[
    key("checkpoint_interval", "--checkpoint-interval", "COMITY_CHECKPOINT_INTERVAL", "60s", Shape::Interval),
    key("checkpoint_to", "--checkpoint-to", "COMITY_CHECKPOINT_TO", "", Shape::Path),
    key("color", "--color", "COMITY_COLOR", "auto", Shape::Word(words::<Color>)),
    key("db", "--db", "COMITY_DB", DATABASE, Shape::Path),
    key("durability", "--durability", "COMITY_DURABILITY", "power", Shape::Word(words::<Durability>)),
    key("keys", "--keys", "COMITY_KEYS", KEYS_FOLDER, Shape::Path),
    key("no_input", "--no-input", "COMITY_NO_INPUT", "false", Shape::Flag),
    key("output", "--output", "COMITY_OUTPUT", "text", Shape::Word(words::<Format>)),
    key("sandbox", "--sandbox", "COMITY_SANDBOX", "false", Shape::Flag),
    key("witness", "--ask-witness", "COMITY_WITNESS", "", Shape::Witnesses),
];

const fn key(
    name: &'static str,
    flag: &'static str,
    variable: &'static str,
    default: &'static str,
    shape: Shape,
) -> Key {
    Key { name, flag, variable, default, shape }
}

fn words<T: ValueEnum>() -> Vec<String> {
    T::value_variants().iter().map(word).collect()
}

fn word<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// What a command can look at beyond its own words.
pub struct Surroundings<'s> {
    /// The environment.
    pub variable: &'s dyn Fn(&str) -> Option<OsString>,
    /// The files that may say something, with how they are named for people; the first one wins.
    pub files: Vec<(PathBuf, String)>,
}

impl Surroundings<'_> {
    /// The environment and the files as they are.
    pub fn real() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let own = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let own = own.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")));
        let mut files = vec![(PathBuf::from(FILE), format!("./{FILE}"))];
        if let Some(path) = own.map(|folder| folder.join("comity").join("config.toml")) {
            let shown = path.display().to_string();
            files.push((path, shown));
        }
        Self { variable: &|name| std::env::var_os(name).filter(|value| !value.is_empty()), files }
    }
}

/// Puts together what was said. Errors name the first file, or else the variable, that is wrong: also where
/// what it says would not count.
pub fn read(flags: &Flags, surroundings: &Surroundings<'_>) -> Result<Globals, Error> {
    let mut said = of_flags(flags);
    said.extend(read_variables(surroundings)?);
    for (path, shown) in &surroundings.files {
        said.extend(file::read(path, shown)?.unwrap_or_default());
    }
    Ok(Globals::of(said))
}

/// What the environment says.
pub fn read_variables(surroundings: &Surroundings<'_>) -> Result<Vec<Said>, Error> {
    let read = |key: &Key| {
        let value = (surroundings.variable)(key.variable)?;
        let fault = |what| Error::Variable { name: key.variable, what };
        let origin = Origin::Environment(key.variable);
        Some(checked(key, &value).map_err(fault).map(|value| Said { key: key.name, value, origin }))
    };
    KEYS.iter().filter_map(read).collect()
}

/// Whether there is such a file. Errors if there is, and it is wrong.
pub fn check_file(path: &Path, shown: &str) -> Result<bool, Error> {
    Ok(file::read(path, shown)?.is_some())
}

/// Checks a value that came as text, and spells it as it is spelt everywhere.
fn checked(key: &Key, value: &OsStr) -> Result<OsString, String> {
    let text = value.to_string_lossy();
    let wrong = |known: &[String]| format!("`{text}` is none of `{}`", known.join("`, `"));
    match key.shape {
        Shape::Path => Ok(value.to_owned()),
        Shape::Witnesses => witnesses(&text).map(|_| value.to_owned()),
        Shape::Interval => interval(&text).map(|_| value.to_owned()),
        Shape::Word(words) => {
            let known = words();
            let found = known.iter().find(|word| **word == text);
            found.map(OsString::from).ok_or_else(|| wrong(&known))
        }
        Shape::Flag => match &*text {
            "true" | "1" => Ok("true".into()),
            "false" | "0" => Ok("false".into()),
            _ => Err(wrong(&["true".to_owned(), "false".to_owned()])),
        },
    }
}

/// What was said on the command line.
fn of_flags(flags: &Flags) -> Vec<Said> {
    let value = |name| match name {
        "checkpoint_interval" => flags.checkpoint_interval.as_ref().map(|span| OsString::from(&span.0)),
        "checkpoint_to" => flags.checkpoint_to.clone().filter(|place| !place.is_empty()).map(OsString::from),
        "color" => flags.color.as_ref().map(word).map(OsString::from),
        "db" => flags.db.clone().map(PathBuf::into_os_string).filter(|path| !path.is_empty()),
        "durability" => flags.durability.as_ref().map(word).map(OsString::from),
        "keys" => flags.keys.clone().map(PathBuf::into_os_string).filter(|path| !path.is_empty()),
        "no_input" => flags.no_input.then(|| "true".into()),
        "output" => flags.output.as_ref().map(word).map(OsString::from),
        "sandbox" => flags.sandbox.then(|| "true".into()),
        "witness" => (!flags.ask_witness.is_empty()).then(|| flags.ask_witness.join(";").into()),
        _ => None,
    };
    let said =
        |key: &Key| Some(Said { key: key.name, value: value(key.name)?, origin: Origin::Flag(key.flag) });
    KEYS.iter().filter_map(said).collect()
}

impl Globals {
    /// What flags alone say, for whoever cannot read more.
    pub fn of_flags(flags: &Flags) -> Self {
        Self::of(of_flags(flags))
    }

    /// Of what was said, the most important first.
    fn of(all: Vec<Said>) -> Self {
        let choose = |key: &Key, all: &[Said]| {
            let default = || Said { key: key.name, value: key.default.into(), origin: Origin::Default };
            all.iter().find(|said| said.key == key.name).cloned().unwrap_or_else(default)
        };
        let said: Vec<Said> = KEYS.iter().map(|key| choose(key, &all)).collect();
        let without_flags: Vec<Said> =
            all.into_iter().filter(|said| !matches!(said.origin, Origin::Flag(_))).collect();
        let value = |name| said.iter().find(|said| said.key == name).map(|said| said.value.clone());
        let text = |name| value(name).unwrap_or_default().to_string_lossy().into_owned();
        let db = value("db").unwrap_or_default();
        let keys = said.iter().find(|said| said.key == "keys" && said.origin != Origin::Default);
        let keys = keys.map(|said| PathBuf::from(said.value.clone()));
        let other = KEYS.iter().find(|key| key.name == "db").map(|key| choose(key, &without_flags).value);
        Self {
            output: parsed(value("output"), Format::Text),
            durability: parsed(value("durability"), Durability::Power),
            color: parsed(value("color"), Color::Auto),
            no_input: value("no_input").is_some_and(|value| value == "true"),
            sandbox: value("sandbox").is_some_and(|value| value == "true"),
            keys,
            // Each was checked where it was said.
            witnesses: witnesses(&text("witness")).unwrap_or_default(),
            checkpoint_to: Some(text("checkpoint_to")).filter(|place| !place.is_empty()),
            anchoring: interval(&text("checkpoint_interval")).unwrap_or(guards::EACH_MINUTE),
            elsewhere: other.is_some_and(|other| other != db),
            db: db.into(),
            said,
        }
    }

    /// What writes in the format and colours that count.
    pub fn printer(&self) -> Printer {
        Printer::new(self.output, self.color)
    }

    /// The flag that names the database again, if another command would not find it by itself. A password is not
    /// repeated.
    pub fn database_flag(&self) -> Option<String> {
        self.elsewhere.then(|| format!("--db {}", quoted(Path::new(&shown(&self.db)))))
    }
}

/// A database as it is shown to people: there may be a password in a server's address.
pub fn shown(database: &Path) -> String {
    Address::from(database.to_owned()).shown()
}

/// A word as its value; every word was checked before.
fn parsed<T: ValueEnum>(value: Option<OsString>, otherwise: T) -> T {
    value.and_then(|value| T::from_str(value.to_str()?, false).ok()).unwrap_or(otherwise)
}

/// A path as a shell reads it back.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests;
