use crate::kept::golden;
use crate::sandbox::{Ended, Sandbox, example};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const TEMPLATES: [(&str, i32); 4] = [("hello", 0), ("research", 0), ("coding", 0), ("legal", 8)];

/// The output at a width, with or without colour.
fn at(sandbox: &Sandbox, words: &[&str], width: usize, color: &str) -> String {
    let mut command = sandbox.command(words);
    command.args(["--color", color]).env("COLUMNS", width.to_string());
    Ended::of(command.output().unwrap()).expect(0).out
}

#[test]
fn a_workflow_is_drawn_at_every_width() {
    let sandbox = Sandbox::new();
    std::fs::copy(example(), sandbox.path("flow.yaml")).unwrap();
    for width in [80, 120] {
        for color in ["never", "always"] {
            let shown = at(&sandbox, &["describe", "flow.yaml"], width, color);
            golden(&format!("describe-{width}-{color}"), &shown);
            assert!(shown.lines().all(|line| line.chars().count() <= width), "{shown}");
        }
    }
    golden("describe-narrow", &at(&sandbox, &["describe", "flow.yaml"], 40, "never"));
    golden("describe-ascii", &at(&sandbox, &["describe", "flow.yaml", "--ascii"], 80, "never"));
    let plain = Ended::of(sandbox.command(&["describe", "flow.yaml"]).env("LC_ALL", "C").output().unwrap());
    assert!(plain.expect(0).out.is_ascii());
    golden("describe-mermaid", &at(&sandbox, &["describe", "flow.yaml", "--format", "mermaid"], 80, "never"));
    assert!(!sandbox.path(".comity").exists());
}

/// Ways that part by conditions, skip layers, go back, and come together.
const BRANCHES: &str = "
nodes:
  intake: {kind: echo}
  classify: {kind: echo}
  quick_answer: {kind: echo}
  research: {kind: echo}
  draft: {kind: echo}
  critic: {kind: echo}
  legal: {kind: human, prompt: ok?}
  send: {kind: echo}
  archive: {kind: echo}
edges:
  - intake -> classify
  - {from: classify, to: quick_answer, condition: 'confidence > 0.9'}
  - {from: classify, to: research, condition: 'confidence <= 0.9'}
  - research -> draft
  - draft -> critic
  - {from: critic, to: legal, condition: 'approved'}
  - quick_answer -> send
  - legal -> send
  - intake -> archive
  - send -> archive
  - classify -> archive
loop_edges:
  - {from: critic, to: research, condition: 'not approved', max_iterations: 3}
";

#[test]
fn ways_that_part_and_meet_are_drawn_straight() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", BRANCHES);
    golden("describe-branches", &at(&sandbox, &["describe", "flow.yaml"], 80, "never"));
    golden("describe-branches-plain", &at(&sandbox, &["describe", "flow.yaml", "--ascii"], 80, "never"));
}

#[test]
fn a_description_is_data_too() {
    let sandbox = Sandbox::new();
    sandbox
        .write("flow.yaml", "nodes:\n  a: {kind: echo}\n  b: {kind: human, prompt: ok?}\nedges: [a -> b]\n");
    let told = sandbox.comity(&["describe", "flow.yaml", "-o", "json"]).expect(0).json();
    assert_eq!(told["steps"][1]["kind"], "human");
    assert_eq!(told["edges"], serde_json::json!([{"from": "a", "to": "b"}]));
    assert_eq!(told["terminal"], serde_json::json!(["b"]));
    sandbox.write("bad.yaml", "nodes:\n  a: {kind: ech}\n");
    assert!(sandbox.comity(&["describe", "bad.yaml"]).expect(3).err.contains("did you mean `echo`?"));
}

#[test]
fn settings_say_where_they_come_from() {
    let sandbox = Sandbox::new();
    sandbox.write("comity.toml", "# this folder\ndb = \"my runs.db\"\ndurability = \"process\"\n");
    sandbox.write(".config/comity/config.toml", "color = \"never\"\n");
    let show = |words: &[&str]| {
        let mut command = sandbox.command(words);
        command.env("COMITY_NO_INPUT", "1").env("XDG_CONFIG_HOME", sandbox.path(".config"));
        let out = Ended::of(command.output().unwrap()).expect(0).out;
        out.replace(&sandbox.path("").display().to_string(), "HOME/")
    };
    for color in ["never", "always"] {
        let shown = show(&["config", "show", "--origin", "--color", color]);
        golden(&format!("config-origin-{color}"), &shown);
    }
    golden("config", &show(&["config", "show", "--db", "other.db"]));
    let rows: serde_json::Value = serde_json::from_str(&show(&["config", "show", "-o", "json"])).unwrap();
    assert_eq!(
        rows[4],
        serde_json::json!({"key": "durability", "value": "process", "origin": "./comity.toml:3"})
    );
}

#[test]
fn every_command_goes_by_the_settings() {
    let sandbox = Sandbox::new();
    sandbox.write("comity.toml", "db = \"here.db\"\noutput = \"json\"\n");
    let ended = sandbox.run("nodes:\n  ask: {kind: human, prompt: 'Ship it?'}\n").expect(8);
    let run = ended.json()["run_id"].as_str().unwrap().to_owned();
    assert!(sandbox.path("here.db").exists() && !sandbox.path(".comity").exists());
    assert!(ended.err.contains(&format!("comity resume {run} --approve\n")), "{ended:?}");
    let away = sandbox.comity(&["runs", "--db", "away.db"]).expect(1);
    assert!(away.err.contains("there is no database at `away.db`"), "{away:?}");
    let text = Ended::of(sandbox.command(&["runs"]).env("COMITY_OUTPUT", "text").output().unwrap());
    assert!(text.expect(0).out.starts_with("RUN "));
}

#[test]
fn a_wrong_setting_is_told_once_and_where() {
    let sandbox = Sandbox::new();
    sandbox.write("comity.toml", "db = 'a'\n\ndurabilty = 'power'\n");
    let ended = sandbox.comity(&["runs"]).expect(3);
    assert!(
        ended.err.starts_with(
            "error: ./comity.toml:3:1: unknown key `durabilty`: did you mean `durability`? [CM0290]"
        ),
        "{ended:?}"
    );
    sandbox.comity(&["config", "show"]).expect(3);
    sandbox.comity(&["completions", "bash"]).expect(0);
    let doctor = sandbox.comity(&["doctor"]).expect(1);
    assert!(doctor.out.contains("./comity.toml:3:1: unknown key"), "{doctor:?}");
    sandbox.write("comity.toml", b"\xff");
    sandbox.comity(&["runs"]).expect(3);
    std::fs::remove_file(sandbox.path("comity.toml")).unwrap();
    std::fs::create_dir(sandbox.path("comity.toml")).unwrap();
    sandbox.comity(&["runs"]).expect(3);
    std::fs::remove_dir(sandbox.path("comity.toml")).unwrap();
    let ended = Ended::of(sandbox.command(&["runs"]).env("COMITY_COLOR", "blue").output().unwrap()).expect(2);
    assert!(
        ended.err.contains("COMITY_COLOR: `blue` is none of `auto`, `always`, `never` [CM0291]"),
        "{ended:?}"
    );
}

#[test]
fn help_looks_as_it_is_kept() {
    let sandbox = Sandbox::new();
    for width in [80, 120] {
        golden(&format!("help-describe-{width}"), &at(&sandbox, &["describe", "--help"], width, "never"));
    }
    golden("help", &at(&sandbox, &["--help"], 80, "never"));
}

#[test]
fn every_template_is_valid_and_runs_at_once() {
    for (template, code) in TEMPLATES {
        let sandbox = Sandbox::new();
        let made = sandbox.comity(&["init", "my brief", "--template", template]).expect(0);
        golden(&format!("init-{template}"), &made.out);
        let run = |words: &[&str]| {
            Ended::of(sandbox.command(words).current_dir(sandbox.path("my brief")).output().unwrap())
        };
        run(&["validate", "flow.yaml"]).expect(0);
        golden(&format!("describe-{template}"), &run(&["describe", "flow.yaml"]).expect(0).out);
        let ended = run(&["run", "flow.yaml", "--task", "Try it"]).expect(code);
        let last = match code {
            8 => run(&["resume", &ended.run_id(), "--approve"]).expect(0),
            _ => ended,
        };
        let output = last.out.split("\nrun:    ").next().unwrap();
        golden(&format!("output-{template}"), output);
        run(&["verify"]).expect(0);
        let ignored = std::fs::read_to_string(sandbox.path("my brief/.gitignore")).unwrap();
        assert!(ignored.contains("\n.comity/\n"), "{ignored}");
    }
}

#[test]
fn init_overwrites_nothing_and_leaves_nothing_half_done() {
    let sandbox = Sandbox::new();
    sandbox.write("notes.md", "mine");
    sandbox.comity(&["init"]).expect(0);
    assert!(sandbox.path("flow.yaml").exists());
    let again = sandbox.comity(&["init", "--template", "legal"]).expect(1);
    assert!(
        again.err.contains("`./flow.yaml` is already there, and nothing is overwritten [CM0292]"),
        "{again:?}"
    );
    assert!(!sandbox.path("contract.txt").exists());
    sandbox.write("file", "");
    let inside = sandbox.comity(&["init", "file/x"]).expect(1);
    assert!(inside.err.contains("cannot make `file/x`"), "{inside:?}");
    let made = sandbox.comity(&["init", "deep/er", "-o", "json"]).expect(0).json();
    assert_eq!(made["next"], "cd deep/er && comity run flow.yaml --task \"Say hello\"");
}

#[test]
fn a_run_that_waits_is_fine_where_it_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", "nodes:\n  one: {kind: human, prompt: a}\n  two: {kind: human, prompt: b}\n");
    let ended = sandbox.comity(&["run", "flow.yaml", "--exit-zero-on-pause"]).expect(0);
    assert!(ended.out.contains("status: waiting"), "{ended:?}");
    let resume = ["resume", &ended.run_id(), "--approve", "--step", "one"];
    sandbox.comity(&[&resume[..], &["--exit-zero-on-pause"]].concat()).expect(0);
    sandbox.comity(&["resume", &ended.run_id()]).expect(8);
    let denied = "policy: {max_risk_tier: internal}\nnodes:\n  a: {kind: echo, risk: irreversible}\n";
    sandbox.write("flow.yaml", denied);
    sandbox.comity(&["run", "flow.yaml", "--exit-zero-on-pause"]).expect(6);
}

#[test]
fn the_doctor_makes_nothing() {
    let sandbox = Sandbox::new();
    let told = sandbox.comity(&["doctor"]).expect(0);
    assert!(told.out.contains(".comity/comity.db: none yet, `comity run` makes it"), "{told:?}");
    assert!(!sandbox.path(".comity").exists());
    sandbox.run("nodes:\n  ask: {kind: human, prompt: 'Ship it?'}\n").expect(8);
    let told = sandbox.comity(&["doctor"]).expect(0);
    assert!(told.out.contains("1 run, 0 interrupted, 1 waiting for a person"), "{told:?}");
    assert!(told.out.contains("writable, write-ahead log, schema 2"), "{told:?}");
    sandbox.write("text.db", "this is no database at all, and long enough to be looked at");
    let told = sandbox.comity(&["doctor", "--db", "text.db", "-o", "json"]).expect(1).json();
    assert_eq!((&told["checks"][0]["level"], &told["problems"]), (&"problem".into(), &1.into()));
    let with_key = Ended::of(sandbox.command(&["doctor"]).env("OPENAI_API_KEY", "sk-1").output().unwrap());
    let with_key = with_key.expect(0).out;
    assert!(with_key.contains("OPENAI_API_KEY set; ") && !with_key.contains("sk-1"), "{with_key}");
}

#[test]
fn completions_load_and_a_closed_pipe_is_no_error() {
    let sandbox = Sandbox::new();
    for (shell, part) in [
        ("bash", "_comity()"),
        ("zsh", "#compdef comity"),
        ("fish", "complete -c comity"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "set edit:completion:arg-completer[comity]"),
    ] {
        let script = sandbox.comity(&["completions", shell]).expect(0).out;
        assert!(script.contains(part) && script.contains("describe"), "{shell}");
    }
    let mut command = sandbox.command(&["completions", "bash"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap()).expect(0);
    assert_eq!((first.trim(), ended.err.as_str()), ("_comity() {", ""));
}

#[test]
fn the_bash_script_completes() {
    let sandbox = Sandbox::new();
    let script = sandbox.comity(&["completions", "bash"]).expect(0).out;
    sandbox.write("comity.bash", script);
    let ask = "source ./comity.bash && COMP_WORDS=(comity desc) COMP_CWORD=1 && _comity comity desc comity && \
               echo \"${COMPREPLY[@]}\"";
    let Ok(output) = Command::new("bash").args(["-uc", ask]).current_dir(sandbox.path("")).output() else {
        // Without a bash nobody loads its script; the other tests look at its text.
        return;
    };
    let ended = Ended::of(output).expect(0);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("describe\n", ""));
}

#[test]
fn manual_pages_are_complete_and_well_formed() {
    let sandbox = Sandbox::new();
    let page = sandbox.comity(&["man"]).expect(0).out;
    for part in [".TH COMITY 1", ".SH NAME", ".SH SYNOPSIS", ".SH SUBCOMMANDS", "comity\\-describe(1)"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let told = sandbox.comity(&["man", "--dir", "pages/man1"]).expect(0).out;
    let mut names: Vec<String> = std::fs::read_dir(sandbox.path("pages/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(told, format!("wrote {} pages to pages/man1\n", names.len()));
    for name in ["comity.1", "comity-run.1", "comity-config-show.1", "comity-doctor.1"] {
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
    }
    sandbox.comity(&["man", "--dir", "pages/man1"]).expect(0);
    for name in names {
        let text = std::fs::read_to_string(sandbox.path("pages/man1").join(&name)).unwrap();
        let title = name.trim_end_matches(".1").to_uppercase();
        assert!(text.contains(&format!(".TH {title} 1")), "{text}");
        let mut groff = Command::new("groff");
        groff.args(["-Kutf8", "-man", "-z", "-ww", &name]).current_dir(sandbox.path("pages/man1"));
        // Where there is no groff, the structure is what was looked at.
        if let Ok(output) = groff.output() {
            let said = Ended::of(output).expect(0).err;
            assert!(said.is_empty(), "{name}: {said}");
        }
    }
}
