#![expect(clippy::disallowed_methods, reason = "writes the files that are read")]

use super::*;
use crate::args;

/// What counts for these words, with these variables and these files; errors as text.
fn read_all(words: &str, set: &[(&str, &str)], files: &[&str]) -> Result<Globals, String> {
    let folder = tempfile::tempdir().unwrap();
    let files = files.iter().enumerate().map(|(number, text)| {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, text).unwrap();
        (path, format!("file{number}"))
    });
    let mut files: Vec<(PathBuf, String)> = files.collect();
    files.push((folder.path().join("absent"), "absent".to_owned()));
    let variable = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
    let words = ["comity", "runs"].into_iter().chain(words.split_whitespace()).map(OsString::from);
    let flags = args::parse(words).unwrap().globals;
    read(&flags, &Surroundings { variable: &variable, files }).map_err(|error| error.to_string())
}

fn origin(globals: &Globals, key: &str) -> String {
    let said = globals.said.iter().find(|said| said.key == key).unwrap();
    format!("{} from {}", said.value.display(), said.origin)
}

#[test]
fn the_nearest_word_counts_and_remembers_where_it_was_said() {
    let files =
        ["durability = 'process'\ndb = 'a.db'\n", "# mine\ndb = \"b.db\"\nno_input = true\ncolor = 'never'"];
    let env = [("COMITY_DB", "env.db"), ("COMITY_COLOR", "always")];
    let globals = read_all("--db flag.db", &env, &files).unwrap();
    assert_eq!(origin(&globals, "db"), "flag.db from flag --db");
    assert_eq!(origin(&globals, "color"), "always from environment COMITY_COLOR");
    assert_eq!(origin(&globals, "durability"), "process from file0:1");
    assert_eq!(origin(&globals, "no_input"), "true from file1:3");
    assert_eq!(origin(&globals, "output"), "text from default");
    assert_eq!((globals.db.as_path(), globals.color), (Path::new("flag.db"), Color::Always));
    assert_eq!((globals.durability, globals.no_input), (Durability::Process, true));
    let globals = read_all("", &env, &files).unwrap();
    assert_eq!(origin(&globals, "db"), "env.db from environment COMITY_DB");
    let globals = read_all("", &[], &files).unwrap();
    assert_eq!(origin(&globals, "db"), "a.db from file0:2");
    assert_eq!(origin(&read_all("", &[], &[]).unwrap(), "db"), ".comity/comity.db from default");
}

#[test]
fn the_flag_is_repeated_only_where_it_is_needed() {
    let flag =
        |words, env: &[(&str, &str)], files: &[&str]| read_all(words, env, files).unwrap().database_flag();
    assert_eq!(flag("--db x.db", &[], &[]).as_deref(), Some("--db x.db"));
    assert_eq!(flag("--db x.db", &[("COMITY_DB", "x.db")], &[]), None);
    assert_eq!(flag("--db .comity/comity.db", &[], &[]), None);
    assert_eq!(
        flag("--db .comity/comity.db", &[], &["db = 'y.db'"]).as_deref(),
        Some("--db .comity/comity.db")
    );
    assert_eq!(flag("", &[], &["db = 'y.db'"]), None);
}

#[test]
fn what_is_wrong_is_named_where_it_stands() {
    for (file, expected) in [
        ("db = 'a'\ndurabilty = 'power'", "file0:2:1: unknown key `durabilty`: did you mean `durability`?"),
        (
            "zebra = 1",
            "file0:1:1: unknown key `zebra`: known are `checkpoint_interval`, `checkpoint_to`, `color`, `db`",
        ),
        ("  durability = 'full'", "file0:1:16: `durability`: `full` is none of `power`, `process`"),
        ("no_input = 'yes'", "file0:1:12: `no_input` takes true or false"),
        ("db = 7", "file0:1:6: `db` takes a text in quotes, and not an empty one"),
        ("db = ''", "file0:1:6: `db` takes a text in quotes, and not an empty one"),
        ("[db]\nx = 1", "file0:1:1: `db` takes a text in quotes, and not an empty one"),
        ("\u{e9} = 1", "file0:1:1: "),
        ("db = 'a'\ndb = 'b'", "file0:2:1: duplicate key"),
        ("db = ", "file0:1:6: "),
        ("witness = 'http://a b'", "file0:1:11: `witness` takes a list of texts in quotes"),
        (
            "witness = ['http://a']",
            "file0:1:11: `witness`: this names no witness (`URL KEY`): there is no key",
        ),
        ("witness = [7]", "file0:1:11: `witness` takes texts in quotes, each `URL KEY`"),
        ("checkpoint_interval = '5'", "file0:1:23: `checkpoint_interval`: `5` is neither a time"),
    ] {
        let error = read_all("--db x", &[], &[file]).unwrap_err();
        assert!(error.starts_with(expected) && !error.contains('\n'), "{error}");
    }
    let error = read_all("", &[("COMITY_NO_INPUT", "maybe")], &[]).unwrap_err();
    assert_eq!(error, "environment variable COMITY_NO_INPUT: `maybe` is none of `true`, `false`");
}

#[test]
fn paths_are_quoted_for_a_shell() {
    assert_eq!(quoted(Path::new("/tmp/a.db")), "/tmp/a.db");
    assert_eq!(quoted(Path::new("it's $HOME")), r"'it'\''s $HOME'");
}

#[test]
fn the_reference_lists_every_setting() {
    let page = include_str!("../../../../docs/src/reference/settings.md");
    for key in KEYS {
        let row = format!("| `{}` | `{}` | `{}` | ", key.name, key.flag, key.variable);
        let line = page.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("{row}"));
        let default = if key.default.is_empty() { "none".to_owned() } else { format!("`{}`", key.default) };
        assert!(line.ends_with(&format!(" | {default} |")), "{line}");
        if let Shape::Word(words) = key.shape {
            assert!(line.contains(&format!("| `{}` |", words().join("`, `"))), "{line}");
        }
    }
}
