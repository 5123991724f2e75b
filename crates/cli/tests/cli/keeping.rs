use crate::golden::review;
use crate::sandbox::Sandbox;
use serde_json::Value;

const PRICED: &str = "\
name: priced
nodes:
  a: {kind: echo, price_usd: 0.004, text: one}
  writer:
    kind: native
    role: executor
    tools: [look]
    sandbox:
      turns:
        - calls: [{tool: look, arguments: {query: x}}]
        - content: Done.
  b: {kind: echo, price_usd: 0.001}
tools:
  look: {kind: echo, about: Looks., risk: read-only, idempotent: true, price_usd: 0.002, text: found}
edges: [a -> writer -> b]
";

/// The first of these bytes in a file, replaced by the second.
fn replace(sandbox: &Sandbox, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(sandbox.path(file)).unwrap();
    assert!(text.contains(from), "no `{from}` in {file}");
    std::fs::write(sandbox.path(file), text.replacen(from, to, 1)).unwrap();
}

fn sum(rows: &Value, field: &str) -> u64 {
    rows.as_array().unwrap().iter().map(|row| row[field].as_u64().unwrap()).sum()
}

#[test]
fn costs_add_up_to_the_accounts_however_they_are_grouped() {
    let (sandbox, _) = review();
    let runs: Vec<String> = (0..2).map(|_| sandbox.run(PRICED).expect(0).run_id()).collect();
    sandbox.comity(&["verify"]).expect(0);
    let all = sandbox.comity(&["runs", "-o", "json"]).expect(0).json();
    let spent = all.as_array().unwrap().iter().map(|run| run["cost_usd"].as_f64().unwrap()).sum::<f64>();
    let account = sandbox.comity(&["runs", "-o", "json", "--name", "priced"]).expect(0).json();
    for by in ["run", "agent", "model", "step", "day"] {
        let told = sandbox.comity(&["costs", "--by", by, "-o", "json"]).expect(0).json();
        assert_eq!(told["total"]["cost_micro_usd"], (spent * 1e6).round() as u64, "{by}");
        for field in ["cost_micro_usd", "tokens", "steps", "duration_ms"] {
            assert_eq!(sum(&told["rows"], field), told["total"][field], "{by} {field}");
        }
        let one = sandbox.comity(&["costs", &runs[0], "--by", by, "-o", "json"]).expect(0).json();
        assert_eq!(one["total"]["cost_usd"], account[1]["cost_usd"], "{by}: {one}");
        assert_eq!(one["total"]["runs"], 1);
    }
}

#[test]
fn nested_steps_are_counted_once() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(PRICED).expect(0).run_id();
    let told = |by: &str| {
        let told = sandbox.comity(&["costs", &run, "--by", by, "-o", "json"]).expect(0).json();
        let rows = told["rows"].as_array().unwrap().clone();
        move |key: &str| rows.iter().find(|row| row["key"] == key).cloned().unwrap_or_default()
    };
    let (agent, model, step) = (told("agent"), told("model"), told("step"));
    let whole = step("writer")["cost_micro_usd"].as_u64().unwrap();
    assert_eq!(agent("writer")["cost_micro_usd"], whole, "an agent costs what its step costs");
    let name = sandbox.comity(&["trace", &run, "--step", "writer/model", "-o", "json"]).expect(0).json();
    let name = name[0]["input"]["model"].as_str().unwrap();
    assert_eq!(model(name)["cost_micro_usd"], whole - 2_000, "what is left of the agent's is its tool's");
    assert_eq!(model("")["cost_micro_usd"], 4_000 + 2_000 + 1_000);
    assert_eq!(agent("")["cost_micro_usd"], 5_000);
    assert_eq!(step("a")["cost_micro_usd"], 4_000);
}

#[test]
fn costs_begin_when_they_are_told_to() {
    let (sandbox, run) = review();
    let since = |when: &str| {
        let told = sandbox.comity(&["costs", "--since", when, "-o", "json"]).expect(0).json();
        (told["rows"].as_array().unwrap().len(), told["since_ms"].as_u64().unwrap())
    };
    assert_eq!(since("2025-11-20"), (1, 1_763_596_800_000));
    assert_eq!(since("2025-11-21").0, 0);
    let days = sandbox.comity(&["costs", &run, "--by", "day", "-o", "ndjson"]).expect(0).lines();
    assert_eq!(days.iter().map(|day| &day["key"]).collect::<Vec<_>>(), ["2025-11-20"]);
    let none = sandbox.comity(&["costs", "--since", "1m"]).expect(0);
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "nothing was booked\n"));
    sandbox.comity(&["costs", "--since", "soon"]).expect(2);
    sandbox.comity(&["costs", "run_01KAGH0000000000000000000A"]).expect(1);
}

#[test]
fn runs_of_one_workflow_are_the_same_but_for_their_times() {
    let sandbox = Sandbox::new();
    let runs: Vec<String> = (0..2).map(|_| sandbox.run(PRICED).expect(0).run_id()).collect();
    let shown = sandbox.comity(&["diff", &runs[0], &runs[1]]).expect(0).out;
    assert!(shown.ends_with("same: 6 steps alike\n"), "{shown}");
    let told = sandbox.comity(&["diff", &runs[0], &runs[1], "--texts", "-o", "json"]).expect(0).json();
    assert!(told["same"] == true && told.get("workflow").is_none(), "{told}");
}

#[test]
fn a_difference_is_told_where_it_is() {
    let sandbox = Sandbox::new();
    let left = sandbox.run(PRICED).expect(0).run_id();
    let other = PRICED
        .replace("text: one", "text: two")
        .replace("b: {kind: echo", "c: {kind: echo")
        .replace("-> b]", "-> c]");
    let right = sandbox.run(&other).expect(0).run_id();
    let told = sandbox.comity(&["diff", &left, &right, "-o", "json"]).expect(1).json();
    let step = |name: &str| {
        let steps = told["steps"].as_array().unwrap();
        steps.iter().find(|step| step["step"] == name).cloned().unwrap_or_else(|| panic!("no {name}: {told}"))
    };
    assert_eq!((&step("b")["standing"], &step("c")["standing"]), (&"left".into(), &"right".into()));
    let changed = step("a");
    assert_eq!(changed["standing"], "changed");
    assert_eq!(changed["output"]["left"].as_str().unwrap().len(), 64);
    assert!(changed.get("input").is_none() && changed.get("status").is_none(), "{changed}");
    assert!(told.get("policy").is_none() && told["workflow"].get("lines").is_none(), "{told}");
    let shown = sandbox.comity(&["diff", &left, &right, "--texts"]).expect(1).out;
    for line in [
        "workflow differs",
        "a differs",
        "    -one",
        "    +two",
        "b only in the left run",
        "c only in the right run",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "no `{line}` in {shown}");
    }
    assert!(
        sandbox.comity(&["diff", &left, "run_01KAGH0000000000000000000A"]).expect(1).err.contains("CM0230")
    );
}

#[test]
fn an_export_is_the_same_bytes_every_time_and_verifies_without_its_database() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(PRICED).expect(0).run_id();
    let out = sandbox.comity(&["export", &run]).expect(0).out;
    sandbox.comity(&["export", &run, "--to", "out/run.json"]).expect(0);
    assert_eq!(std::fs::read_to_string(sandbox.path("out/run.json")).unwrap(), out);
    assert!(sandbox.comity(&["export", &run, "--to", "out/run.json"]).expect(1).err.contains("CM0292"));
    let entries = serde_json::from_str::<Value>(&out).unwrap()["entries"].as_array().unwrap().len();
    let head = sandbox.comity(&["verify", &run, "-o", "json"]).expect(0).json()["head"].clone();
    std::fs::remove_dir_all(sandbox.path(".comity")).unwrap();
    let told = sandbox.comity(&["verify", "out/run.json", "-o", "json"]).expect(0).json();
    assert_eq!((&told["run"], &told["entries"], &told["head"]), (&run.into(), &entries.into(), &head));
    assert!(!sandbox.path(".comity").exists());
}

#[test]
fn every_part_of_an_export_is_covered() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(PRICED).expect(0).run_id();
    let out = sandbox.comity(&["export", &run, "--texts"]).expect(0);
    assert!(out.err.contains("in the clear"), "{}", out.err);
    let export: Value = serde_json::from_str(&out.out).unwrap();
    let check = |what: &str, export: &Value, fault: &str| {
        let mut export = export.clone();
        export.sort_all_objects();
        sandbox.write("x.json", serde_json::to_string(&export).unwrap());
        let ended = sandbox.comity(&["verify", "x.json"]).expect(9);
        assert!(ended.out.contains(fault), "{what}: {}", ended.out);
    };
    sandbox.write("x.json", &out.out);
    sandbox.comity(&["verify", "x.json"]).expect(0);
    let with = |path: &str, value: Value| {
        let mut changed = export.clone();
        *changed.pointer_mut(path).unwrap_or_else(|| panic!("no {path}")) = value;
        changed
    };
    let entry = |part: &str| format!("/entries/1{part}");
    check("run", &with("/run", "run_01KAGH0000000000000000000A".into()), "names another run");
    check("tenant", &with("/tenant", "other".into()), "names another tenant");
    check("format", &with("/format", "comity/export/v9".into()), "its format is");
    check("seq", &with(&entry("/seq"), 7.into()), "entry 1 is missing");
    check("hash", &with(&entry("/hash"), "00".into()), "its hash is not");
    let body = export["entries"][1]["body"].as_str().unwrap().replace("\"attempt\":1", "\"attempt\":2");
    check("body", &with(&entry("/body"), body.into()), "its hash is not");
    check("codec", &with(&entry("/payloads/0/codec"), 9.into()), "does not match its commitment");
    check("salt", &with(&entry("/payloads/0/salt"), "AAAA".into()), "its salt is not 32 bytes");
    check("payload", &with(&entry("/payloads/0/body"), "AAAA".into()), "does not match its commitment");
    check("slot", &with(&entry("/payloads/0/slot"), "note".into()), "it is missing");
    check("text", &with(&entry("/payloads/0/text"), "{}".into()), "its text is not the one");
    let key = export["entries"][2]["payloads"][0]["key"].clone();
    check("key", &with(&entry("/payloads/0/key"), key), "its key does not open it");
    let subject = export.pointer(&entry("/payloads/0/subject")).unwrap().as_str().unwrap();
    let first = subject.chars().next().unwrap();
    let other = subject.replacen(first, if first == '0' { "1" } else { "0" }, 1);
    check("subject", &with(&entry("/payloads/0/subject"), other.into()), "does not match its commitment");
    let mut keyless = export.clone();
    keyless.pointer_mut(&entry("/payloads/0")).unwrap().as_object_mut().unwrap().remove("key");
    check("a key", &keyless, "there is no key to open it with");
    let mut cut = export.clone();
    cut["entries"].as_array_mut().unwrap().remove(2);
    check("an entry", &cut, "entry 2 is missing");
    let mut bare = export.clone();
    bare["entries"][1].as_object_mut().unwrap().remove("payloads");
    check("payloads", &bare, "and 0 are there");
    sandbox.write("x.json", out.out.replacen(':', ": ", 1));
    assert!(sandbox.comity(&["verify", "x.json"]).expect(9).out.contains("one form"));
    sandbox.write("x.json", "{}");
    sandbox.comity(&["verify", "x.json"]).expect(9);
    sandbox.comity(&["verify", "none.json"]).expect(3);
}

#[test]
fn an_archive_is_made_once_and_read_back() {
    let sandbox = Sandbox::new();
    let runs: Vec<String> = (0..3).map(|_| sandbox.run(PRICED).expect(0).run_id()).collect();
    let open = sandbox.run("name: ask\nnodes:\n  ask: {kind: human}\n").expect(8).run_id();
    let archive = |words: &[&str], code: i32| {
        let words: Vec<&str> =
            ["archive", "--to", "books", "-o", "json"].iter().chain(words).copied().collect();
        sandbox.comity(&words).expect(code)
    };
    let first = archive(&[&runs[0]], 0).json();
    // The run, and of the log a tile, its leaves and a checkpoint.
    assert_eq!((&first["runs"], &first["made"], &first["there"]), (&1.into(), &4.into(), &0.into()));
    let closed = archive(&["--closed"], 0).json();
    assert_eq!((&closed["runs"], &closed["made"], &closed["there"]), (&3.into(), &2.into(), &4.into()));
    archive(&[&open], 0);
    sandbox.comity(&["resume", &open, "--approve"]).expect(0);
    assert_eq!(archive(&["--closed"], 0).json()["made"], 4);
    std::fs::remove_dir_all(sandbox.path(".comity")).unwrap();
    let checked = archive(&["--check"], 0).json();
    assert_eq!((&checked["valid"], &checked["runs"]), (&true.into(), &4.into()));
    assert!(checked.get("strange").is_none(), "{checked}");
}

/// The files of an archive, by name.
fn files(sandbox: &Sandbox, below: &str) -> Vec<String> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(sandbox.path(below)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() { out.extend(files(sandbox, &name)) } else { out.push(name) }
    }
    out.sort();
    out
}

#[test]
fn what_is_not_as_it_was_written_is_found_in_an_archive() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(PRICED).expect(0).run_id();
    let other = sandbox.run(PRICED).expect(0).run_id();
    sandbox.comity(&["archive", &run, &other, "--to", "books"]).expect(0);
    let kept = files(&sandbox, "books");
    let kept: Vec<String> = kept.into_iter().filter(|name| name.contains("/runs/")).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    let whole = std::fs::read(sandbox.path(&kept[0])).unwrap();
    let check = |fault: &str| {
        let ended = sandbox.comity(&["archive", "--check", "--to", "books"]).expect(9);
        assert!(ended.out.contains(fault), "{}", ended.out);
    };
    replace(&sandbox, &kept[0], "settled", "settlef");
    check("its hash is not");
    let again = sandbox.comity(&["archive", "--closed", "--to", "books"]).expect(9);
    assert!(again.err.contains("CM0267"), "{}", again.err);
    std::fs::write(sandbox.path(&kept[0]), std::fs::read(sandbox.path(&kept[1])).unwrap()).unwrap();
    check("not what its name says");
    std::fs::write(sandbox.path(&kept[0]), &whole).unwrap();
    sandbox.comity(&["archive", "--check", "--to", "books"]).expect(0);
    std::fs::write(sandbox.path("books/notes.txt"), "x").unwrap();
    let told = sandbox.comity(&["archive", "--check", "--to", "books"]).expect(0).out;
    assert!(told.contains("not looked at: notes.txt"), "{told}");
}

#[test]
fn a_place_that_cannot_be_used_is_refused_before_anything_is_kept() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(PRICED).expect(0).run_id();
    let archive = |to: &str, code: i32, error: &str| {
        let mut command = sandbox.command(&["archive", &run, "--to", to]);
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        ] {
            command.env_remove(name);
        }
        let ended = crate::sandbox::Ended::of(command.output().unwrap()).expect(code);
        assert!(ended.err.contains(error), "{}", ended.err);
    };
    archive("s3://books", 4, "CM0262");
    archive("gs://books", 2, "neither `s3://bucket/prefix` nor a folder");
    archive("s3://books/../x", 2, "cannot be the name of an object");
    sandbox.write("file", "x");
    archive("file", 1, "CM0269");
    sandbox.comity(&["archive", "--to", "books"]).expect(2);
    sandbox.comity(&["archive", &run, "--closed", "--to", "books"]).expect(2);
    sandbox.comity(&["archive", &run]).expect(2);
}
