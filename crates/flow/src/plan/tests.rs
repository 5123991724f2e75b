pub(crate) mod kinds;
mod language;
pub(crate) mod malformed;
mod table;

use super::*;
use crate::Code;
use comity_core::{KeySpec, Shape};
use kinds::{COMMAND, PERSON};
use std::fmt::Write as _;

static KINDS: &[&KindSpec] = &[&COMMAND, &PERSON];

const GOOD: &str = r#"# A flow with every key.
name: write "it" up
version: 1
policy:
  budget_usd: 0.10
  budget_tokens: 7
  budget_seconds: 60
  max_steps: 9
  timeout_s: 1.5
  step_timeout_s: 0.001
  max_input_bytes: 4096
  max_risk_tier: external-io
  human_approval_tier: 3
  approval_timeout_s: 60
  breaker: {threshold: 2, window_s: 10, open_s: 5.25}
nodes:
  plan: {kind: person}
  "write":
    kind: command
    argv: [no, 1.10, "é", '']
    cwd: 0x1F
    shell: true
    max_bytes: 9007199254740991
    risk: internal
    idempotent: true
    timeout_s: 2
    price_usd: 0.000001
  check_2.x-y: {kind: command, argv: [true]}
edges:
  - plan -> write -> check_2.x-y
  - 'plan->check_2.x-y'
terminal: [check_2.x-y, write]
"#;

fn invalid(source: &str) -> Invalid {
    compile(source, KINDS).expect_err(source)
}

/// Code and place of everything that is wrong.
fn found(source: &str) -> Vec<(&'static str, u32, u32)> {
    let found = invalid(source).diagnostics;
    found.iter().map(|found| (found.code.as_str(), found.line, found.column)).collect()
}

/// What is found when it is not just what was expected.
fn wrong(source: &str, expected: (&'static str, u32, u32)) -> Option<String> {
    let shown = || format!("expected {expected:?}:\n{}", invalid(source).render("flow.yaml", source));
    (found(source) != [expected]).then(shown)
}

#[test]
fn reads_every_key() {
    let plan = compile(GOOD, KINDS).unwrap();
    let policy = plan.policy();
    assert_eq!(plan.name(), Some("write \"it\" up"));
    assert_eq!(policy.budget_usd, MicroUsd::new(100_000));
    assert_eq!((policy.budget_tokens, policy.budget_seconds, policy.max_steps), (7, Some(60), 9));
    assert_eq!(policy.timeout, Duration::from_millis(1500));
    assert_eq!(policy.step_timeout, Some(Duration::from_millis(1)));
    assert_eq!(policy.max_risk_tier, RiskTier::ExternalIo);
    assert_eq!(policy.human_approval_tier, Some(RiskTier::ExternalIo));
    assert_eq!((policy.max_input_bytes, policy.approval_timeout), (4096, Duration::from_secs(60)));
    assert_eq!((policy.breaker.threshold, policy.breaker.open), (2, Duration::from_millis(5250)));
    assert_eq!(plan.terminal(), [1, 2]);

    let write = plan.step(1).unwrap();
    assert_eq!(&*write.name, "write");
    assert_eq!((write.risk, write.idempotent), (RiskTier::Internal, true));
    assert_eq!((write.timeout, write.price), (Some(Duration::from_secs(2)), MicroUsd::new(1)));
    assert_eq!((write.after.as_slice(), write.before.as_slice()), (&[0][..], &[2][..]));
    assert_eq!(
        Value::Object(write.config.clone()),
        serde_json::json!({
            "argv": ["no", "1.10", "é", ""], "cwd": "0x1F", "shell": true, "max_bytes": 9_007_199_254_740_991u64,
        })
    );
}

#[test]
fn what_a_file_does_not_say_has_a_default() {
    let plan = compile("nodes: {a: {kind: command, argv: [x]}, b: {kind: person}}", KINDS).unwrap();
    let (a, b) = (plan.step(0).unwrap(), plan.step(1).unwrap());
    assert_eq!((plan.name(), plan.policy(), plan.terminal()), (None, &Policy::default(), &[0, 1][..]));
    assert_eq!(
        (a.risk, a.idempotent, a.price, a.timeout),
        (RiskTier::ExternalIo, false, MicroUsd::ZERO, None)
    );
    assert_eq!((b.risk, b.idempotent), (RiskTier::ReadOnly, true));
}

#[test]
fn nobody_has_to_be_asked() {
    let plan = compile("nodes: {b: {kind: person}}\npolicy: {human_approval_tier: none}", KINDS).unwrap();
    assert_eq!(plan.policy().human_approval_tier, None);
    assert_eq!(found("nodes: {b: {kind: person}}\npolicy: {max_risk_tier: none}"), [("CM0121", 2, 25)]);
}

#[test]
fn each_mistake_has_its_code_and_place() {
    let two = "nodes:\n  a: {kind: person}\n  b: {kind: person}\n";
    let cases = [
        ("edges: [a -> c]\n", "CM0102", 4, 14),
        ("edges:\n  - 'a -> cc -> b'\n", "CM0102", 5, 11),
        ("edges:\n  - \"\\x61 -> c\"\n", "CM0102", 5, 5),
        ("edges: [a -> a]\n", "CM0117", 4, 14),
        ("edges: [a -> b, a->b]\n", "CM0118", 4, 20),
        ("edges: [a -> b, b -> a]\n", "CM0119", 4, 22),
        ("edges: [a]\n", "CM0116", 4, 9),
        ("edges: [a ->]\n", "CM0116", 4, 9),
        ("edges: [a -> -> b]\n", "CM0116", 4, 9),
        ("edges: [[a, b]]\n", "CM0107", 4, 9),
        ("edges: {a: b}\n", "CM0107", 4, 8),
        ("edges:\n", "CM0107", 4, 1),
        ("edges: [{from: a, to: b, cond: c}]\n", "CM0108", 4, 26),
        ("edges: [{from: a, to: [b]}]\n", "CM0107", 4, 23),
        ("terminal: [c]\n", "CM0120", 4, 12),
        ("terminal: [a, a]\n", "CM0123", 4, 15),
        ("terminal: []\n", "CM0107", 4, 11),
        ("terminal: c\n", "CM0120", 4, 11),
        ("version: 2\n", "CM0122", 4, 10),
        ("version: 1.0\n", "CM0122", 4, 10),
        ("name: [x]\n", "CM0107", 4, 7),
        ("name: ''\n", "CM0114", 4, 7),
        ("nod: 1\n", "CM0108", 4, 1),
        ("compliance: {}\n", "CM0110", 4, 1),
        ("model_router: x\n", "CM0107", 4, 15),
        ("policy: dev\n", "CM0110", 4, 9),
        ("policy: {scrub_phi: true}\n", "CM0110", 4, 10),
        ("policy: {enable_anything: true}\n", "CM0110", 4, 10),
        ("policy: {budget_us: 1}\n", "CM0108", 4, 10),
        ("policy: {budget_usd: 0.0000001}\n", "CM0121", 4, 22),
        ("policy: {budget_usd: 1e3}\n", "CM0121", 4, 22),
        ("policy: {timeout_s: 0}\n", "CM0121", 4, 21),
        ("policy: {max_steps: 0}\n", "CM0121", 4, 21),
        ("policy: {max_steps: many}\n", "CM0107", 4, 21),
        ("policy: {max_steps: 1.0}\n", "CM0107", 4, 21),
        ("policy: {max_risk_tier: 5}\n", "CM0121", 4, 25),
        ("policy: {breaker: {treshold: 1}}\n", "CM0108", 4, 20),
        ("policy: {breaker: {threshold: 4294967296}}\n", "CM0121", 4, 31),
        ("a: b: c\n", "CM0101", 4, 5),
        ("a: [1\n", "CM0101", 4, 4),
        ("nodes: {}\n", "CM0105", 4, 1),
    ];
    let wrong = |(tail, code, line, column)| wrong(&format!("{two}{tail}"), (code, line, column));
    assert_eq!(cases.into_iter().filter_map(wrong).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn each_mistake_in_a_step_has_its_code_and_place() {
    let cases = [
        ("a: {}", "CM0111", 3),
        ("a: {kind: }", "CM0107", 7),
        ("a: {kind: [person]}", "CM0107", 13),
        ("a: {kind: persn}", "CM0112", 13),
        ("a: {kind: crewai, role: writer}", "CM0113", 13),
        ("a: {kind: person, role: writer}", "CM0108", 21),
        ("a: {kind: person, cwd: x}", "CM0108", 21),
        ("a: {kind: person, risk: huge}", "CM0121", 27),
        ("a: {kind: person, idempotent: yes}", "CM0107", 33),
        ("a: {kind: person, timeout_s: 1.2345}", "CM0121", 32),
        ("a: {kind: person, timeout_s: soon}", "CM0107", 32),
        ("a: {kind: person, price_usd: -1}", "CM0121", 32),
        ("a: {kind: command}", "CM0111", 3),
        ("a: {kind: command, argv: []}", "CM0107", 28),
        ("a: {kind: command, argv: ls}", "CM0107", 28),
        ("a: {kind: command, argv: [ls, [l]]}", "CM0107", 33),
        ("a: {kind: command, argv: [ls, null]}", "CM0107", 33),
        ("a: {kind: command, argv: [ls], shell: 1}", "CM0107", 41),
        ("a: {kind: command, argv: [ls], max_bytes: -1}", "CM0107", 45),
        ("a: {kind: command, argv: [ls], max_bytes: 9007199254740992}", "CM0121", 45),
        ("a: {kind: command, argv: [ls], cwd: {}}", "CM0107", 39),
        ("-a: {kind: person}", "CM0114", 3),
        ("a b: {kind: person}", "CM0114", 3),
        ("é: {kind: person}", "CM0114", 3),
        ("'': {kind: person}", "CM0114", 3),
        ("a: person", "CM0107", 6),
    ];
    let wrong = |(step, code, column)| wrong(&format!("nodes:\n  {step}\n"), (code, 2, column));
    assert_eq!(cases.into_iter().filter_map(wrong).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn each_mistake_about_the_whole_file_has_its_code() {
    for (source, code) in [
        ("", "CM0107"),
        ("[]", "CM0107"),
        ("hello", "CM0107"),
        ("name: x", "CM0111"),
        ("nodes: {}", "CM0115"),
        ("nodes: []", "CM0115"),
        ("nodes:", "CM0107"),
        ("\0", "CM0101"),
    ] {
        assert_eq!(found(source).first().map(|found| found.0), Some(code), "{source}");
        assert_eq!(found(source).len(), 1, "{source}");
    }
}

#[test]
fn reports_all_mistakes_at_once_in_file_order() {
    let source = "\
nmae: t
policy: {scrub_phi: true, budget_usd: 1.1234567}
nodes:
  planner: {kind: person, urgent: true}
  writer: {kind: comand}
edges:
  - planner -> writter
  - writer -> planner -> writer
terminal: [planer]
";
    let shown = invalid(source).render("flow.yaml", source);
    let codes: Vec<&str> = found(source).iter().map(|found| found.0).collect();
    assert_eq!(
        codes,
        ["CM0108", "CM0110", "CM0121", "CM0108", "CM0112", "CM0102", "CM0119", "CM0120"],
        "{shown}"
    );
    for line in [
        "   = help: did you mean `name`?",
        "error[CM0110]: policy key `scrub_phi` is not enforced yet by this build",
        "   = help: did you mean `command`?",
        " 7 |   - planner -> writter\n   |                ^^^^^^^\n   = help: did you mean `writer`?",
        "error[CM0119]: steps wait in a circle: `planner -> writer -> planner`",
        "   = help: did you mean `planner`?",
    ] {
        assert!(shown.contains(line), "{line}\n---\n{shown}");
    }
}

#[test]
fn names_each_circle_whole() {
    let nodes: String = (0..7).map(|n| format!("  n{n}: {{kind: person}}\n")).collect();
    let source =
        format!("nodes:\n{nodes}edges: [n0 -> n3 -> n2 -> n1 -> n3, n1 -> n6, n4 -> n5, n5 -> n4]\n");
    let messages: Vec<String> = invalid(&source).diagnostics.into_iter().map(|found| found.message).collect();
    assert_eq!(
        messages,
        ["steps wait in a circle: `n1 -> n3 -> n2 -> n1`", "steps wait in a circle: `n4 -> n5 -> n4`"]
    );
}

#[test]
fn keys_of_the_later_language_may_be_claimed_by_a_kind() {
    static URL: KeySpec = KeySpec { name: "url", shape: Shape::Text, required: true, about: "Where." };
    static WEB: KindSpec = KindSpec { name: "web", keys: &[URL], ..PERSON };
    let plan = compile("nodes: {a: {kind: web, url: 'x'}}", &[&WEB]).unwrap();
    assert_eq!(plan.step(0).unwrap().config.get("url"), Some(&Value::from("x")));
}

fn chain(length: usize) -> String {
    let mut source = "nodes:\n".to_owned();
    (0..length).for_each(|n| writeln!(source, "  n{n}: {{kind: person}}").unwrap());
    source += "edges:\n";
    (1..length).for_each(|n| writeln!(source, "  - n{} -> n{n}", n - 1).unwrap());
    source
}

#[test]
fn reads_a_chain_of_ten_thousand_steps() {
    let plan = compile(&chain(10_002), KINDS).unwrap();
    assert_eq!((plan.steps().len(), plan.terminal()), (10_002, &[10_001][..]));
}

#[test]
fn refuses_a_circle_of_ten_thousand_steps() {
    let source = format!("{}  - n9999 -> n0\n", chain(10_000));
    let invalid = invalid(&source);
    assert_eq!(invalid.diagnostics[0].code, Code::CYCLE);
    assert!(invalid.diagnostics[0].message.len() < 1000);
}

#[test]
fn refuses_more_steps_and_edges_than_it_reads() {
    let mut source = "nodes: {".to_owned();
    (0..20_001).for_each(|n| write!(source, "{n}: {{kind: person}},").unwrap());
    assert_eq!(found(&(source + "}")), [("CM0103", 1, 1)]);

    let mut source = "nodes: {".to_owned();
    (0..1000).for_each(|n| write!(source, "{n}: {{kind: person}},").unwrap());
    source += "}\nedges:\n";
    for stride in 1..=110 {
        for start in 0..stride {
            let chain: Vec<String> = (start..1000).step_by(stride).map(|n| n.to_string()).collect();
            writeln!(source, "- {}", chain.join("->")).unwrap();
        }
    }
    let codes: Vec<&str> = found(&source).iter().map(|found| found.0).collect();
    assert_eq!(codes, ["CM0103"]);
}

#[test]
fn loops_over_everything_are_bounded() {
    let mut source = chain(10_002);
    source += "loop_edges:\n";
    (0..400).for_each(|n| writeln!(source, "  - {{from: n{}, to: n{n}, condition: x}}", 10_001 - n).unwrap());
    assert_eq!(found(&source).into_iter().map(|found| found.0).collect::<Vec<_>>(), ["CM0103"]);
}

#[test]
fn a_chain_in_one_edge_is_read_in_linear_time() {
    let mut source = chain(10_000);
    source.truncate(source.find("edges").unwrap());
    let names: Vec<String> = (0..10_000).map(|n| format!("n{n}")).collect();
    source += &format!("edges: [\"{}\"]\n", names.join(" -> "));
    assert_eq!(compile(&source, KINDS).unwrap().terminal(), [9_999]);
}

#[test]
fn many_misspelt_names_cost_bounded_work() {
    let mut source = chain(10_000);
    (0..20_000).for_each(|n| writeln!(source, "  - n{n}x -> m{n}").unwrap());
    assert_eq!(invalid(&source).diagnostics.len(), 1001);
}

/// Numbers without end from a seed: splitmix64.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

#[test]
fn a_damaged_file_never_panics() {
    const TOKENS: &[&str] = &[
        ":", " ", "\n", "-", "[", "}", "&a ", "*a", "!x ", "|\n", ">", "\"", "'", "\\u0000", "\t", "#", "? ",
        "---", "%", "\u{feff}", "é", "\r", "<<: ", "->", "~", "\u{85}", "\u{2028}",
    ];
    for seed in 0..4000 {
        let mut random = Seeded(seed);
        let file = kinds::FILES.get(random.below(kinds::FILES.len() + 1)).map_or(GOOD, |(_, file)| file);
        let mut bytes = file.as_bytes().to_vec();
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len());
            let end = (at + random.below(40)).min(bytes.len());
            match random.below(4) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
                2 => bytes[at] ^= 1 << random.below(8),
                _ => bytes.splice(at..at, TOKENS[random.below(TOKENS.len())].bytes()).for_each(drop),
            }
        }
        let source = String::from_utf8_lossy(&bytes);
        let kinds = if file == GOOD { KINDS } else { kinds::ALL };
        if let Err(invalid) = compile(&source, kinds) {
            assert!(!invalid.diagnostics.is_empty(), "seed {seed}");
            assert!(invalid.render("f", &source).starts_with("error[CM"), "seed {seed}");
        }
    }
}
