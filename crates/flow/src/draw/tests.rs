use super::*;
use crate::plan::compile;
use comity_core::{KindSpec, RiskTier, StepKind};

const fn kind(name: &'static str, step: StepKind) -> KindSpec {
    KindSpec { name, step, risk: RiskTier::ReadOnly, idempotent: true, keys: &[], about: "" }
}

static ECHO: KindSpec = kind("echo", StepKind::ToolCall);
static AGENT: KindSpec = kind("agent", StepKind::AgentTurn);
static HUMAN: KindSpec = kind("human", StepKind::HumanDecision);

/// A plan of echoes, or of people where a name starts with `ask`, from words such as `a>b`.
fn plan(steps: &str, edges: &str) -> Plan {
    let mut file = "nodes:\n".to_owned();
    for step in steps.split_whitespace() {
        let kind = if step.starts_with("ask") { "human" } else { "echo" };
        file.push_str(&format!("  {step}: {{kind: {kind}}}\n"));
    }
    let edges: Vec<String> = edges.split_whitespace().map(|edge| edge.replace('>', " -> ")).collect();
    file.push_str(&format!("edges: [{}]\n", edges.join(", ")));
    compile(&file, &[&ECHO, &HUMAN]).unwrap()
}

fn drawn(plan: &Plan) -> String {
    ascii(plan, &Look { width: 80, glyphs: Glyphs::Unicode })
}

/// Compares a picture with one that stands indented in a test.
#[track_caller]
fn check(picture: &str, expected: &str) {
    let expected: String =
        expected.lines().skip(1).map(|line| format!("{}\n", line.trim_start_matches("    |"))).collect();
    assert_eq!(picture, expected, "\n{picture}");
}

#[test]
fn a_diamond_is_a_diamond() {
    let diamond = plan("start left right end", "start>left start>right left>end right>end");
    let expected = "
    |      ┌───────┐
    |      │ start │
    |      │ echo  │
    |      └───┬───┘
    |    ╭─────┴─────╮
    |    ▼           ▼
    |┌───────┐   ┌───────┐
    |│ left  │   │ right │
    |│ echo  │   │ echo  │
    |└───┬───┘   └───┬───┘
    |    ╰─────┬─────╯
    |          ▼
    |      ┌───────┐
    |      │  end  │
    |      │ echo  │
    |      └───────┘";
    check(&drawn(&diamond), expected);
}

#[test]
fn skips_pass_by_and_people_stand_out() {
    let review = plan(
        "clauses traps dates send ask report",
        "clauses>traps clauses>dates traps>send dates>send traps>ask dates>ask traps>report dates>report \
         send>report ask>report",
    );
    let expected = "
    |         ┌─────────┐
    |         │ clauses │
    |         │  echo   │
    |         └────┬────┘
    |        ╭─────┴─────╮
    |        ▼           ▼
    |    ┌───────┐   ┌───────┐
    |    │ traps │   │ dates │
    |    │ echo  │   │ echo  │
    |    └───┬───┘   └───┬───┘
    |    ╭───┴───────┬───┴───╮
    |    ▼           ▼       │
    |┌───────┐   ╔═══════╗   │
    |│ send  │   ║  ask  ║   │
    |│ echo  │   ║ human ║   │
    |└───┬───┘   ╚═══╤═══╝   │
    |    ╰─────────┬─┴───────╯
    |              ▼
    |         ┌─────────┐
    |         │ report  │
    |         │  echo   │
    |         └─────────┘";
    check(&drawn(&review), expected);
}

#[test]
fn lines_that_have_to_cross_pass_over_each_other() {
    let cross = plan("a b c x y z", "a>z a>y b>x b>z c>x c>y");
    let expected = "
    |┌───────┐   ┌───────┐   ┌───────┐
    |│   a   │   │   b   │   │   c   │
    |│ echo  │   │ echo  │   │ echo  │
    |└───┬───┘   └───┬───┘   └───┬───┘
    |   ╭┴──────────╮│╭──────────┴╮
    |   │ ╭─────────│┴│─────────╮ │
    |   ▼ ▼         ▼ ▼         ▼ ▼
    |┌───────┐   ┌───────┐   ┌───────┐
    |│   z   │   │   y   │   │   x   │
    |│ echo  │   │ echo  │   │ echo  │
    |└───────┘   └───────┘   └───────┘";
    check(&drawn(&cross), expected);
}

/// A file with conditions, a loop and tools, as it is written.
const REVIEW: &str = "
nodes:
  research: {kind: agent, tools: [search]}
  critic: {kind: echo}
  write: {kind: echo}
  ask: {kind: human}
edges:
  - research -> critic
  - {from: critic, to: write, condition: 'approved == True and confidence > 0.8'}
  - {from: critic, to: ask, condition: 'not approved'}
loop_edges:
  - {from: critic, to: research, condition: 'retry == True', max_iterations: 2}
tools:
  search: {kind: echo, about: looks things up}
";

#[test]
fn conditions_loops_and_tools_are_drawn_from_the_file() {
    let kinds = [&AGENT, &ECHO, &HUMAN];
    let plan = compile(REVIEW, &kinds).unwrap_or_else(|invalid| panic!("{}", invalid.render("f", REVIEW)));
    let expected = "
    |                           ┌───────────┐
    |                           │ research  │
    |                           │   agent   │
    |                           └─────┬─────┘
    |                                 ▼
    |                            ┌─────────┐
    |                            │ critic  │
    |                            │ echo ↺  │
    |                            └────┬────┘
    |                   ╭─────────────┴──────────────╮
    |                   │                            │
    | approved == True and confidence > 0…     not approved
    |                   ▼                            ▼
    |               ┌───────┐                    ╔═══════╗
    |               │ write │                    ║  ask  ║
    |               │ echo  │                    ║ human ║
    |               └───────┘                    ╚═══════╝
    |
    |in full
    |  critic → write if approved == True and confidence > 0.8
    |
    |loops
    |  critic → research, at most 2 times, if retry == True
    |
    |tools
    |  search (echo, read-only) for research: looks things up";
    check(&drawn(&plan), expected);
    let lines = "    s1 -->|\"approved == True and confidence #62; 0.8\"| s2\n    s1 -->|\"not approved\"| s3\n    \
                 s1 -.->|\"retry == True, at most 2x\"| s0\n";
    assert!(mermaid(&plan).ends_with(lines), "{}", mermaid(&plan));
}

#[test]
fn what_a_step_decides_stands_on_its_line() {
    let mut plan = plan("plan critic write", "plan>critic critic>write");
    plan.edges[1].when = When::Routed;
    plan.steps[1].loops = vec![0];
    plan.loops.push(LoopPlan { from: 1, to: 0, when: When::Routed, max_iterations: 3, body: vec![0, 1] });
    let picture = ascii(&plan, &Look { width: 80, glyphs: Glyphs::Plain });
    assert!(picture.is_ascii(), "{picture}");
    let expected = "
    |  ┌───────┐
    |  │ plan  │
    |  │ echo  │
    |  └───┬───┘
    |      ▼
    | ┌─────────┐
    | │ critic  │
    | │ echo ↺  │
    | └────┬────┘
    |      │
    | when named
    |      ▼
    |  ┌───────┐
    |  │ write │
    |  │ echo  │
    |  └───────┘
    |
    |loops
    |  critic → plan, at most 3 times, when named";
    check(&drawn(&plan), expected);
    assert_eq!(
        mermaid(&plan),
        "flowchart TD\n    s0[\"plan<br/>echo\"]\n    s1[\"critic<br/>echo\"]\n    s2([\"write<br/>echo\"])\n    \
         s0 --> s1\n    s1 -->|\"when named\"| s2\n    s1 -.->|\"when named, at most 3x\"| s0\n"
    );
}

/// Twelve readers between two steps.
fn wide() -> Plan {
    let readers: Vec<String> = (0..12).map(|number| format!("reader_{number}")).collect();
    let edges: Vec<String> =
        readers.iter().flat_map(|reader| [format!("plan>{reader}"), format!("{reader}>gather")]).collect();
    plan(&format!("plan {} gather", readers.join(" ")), &edges.join(" "))
}

#[test]
fn what_is_too_wide_is_listed() {
    let listed = drawn(&wide());
    let head = "STEP       KIND  RISK          THEN\n\
                plan       echo  read-only     → reader_0, reader_1, reader_2, reader_3,\n\
                \x20                                reader_4, reader_5, reader_6, reader_7,\n\
                \x20                                reader_8, reader_9, reader_10, reader_11\n\
                reader_0   echo  read-only     → gather\n";
    assert!(listed.starts_with(head), "{listed}");
    assert!(listed.lines().all(|line| line.chars().count() <= 80), "{listed}");
    let boxes = ascii(&wide(), &Look { width: 180, glyphs: Glyphs::Unicode });
    assert_eq!(boxes.lines().filter(|line| line.contains('▼')).count(), 2, "{boxes}");
}

#[test]
fn long_names_are_cut_and_told_below() {
    let long = "x".repeat(60);
    let picture = drawn(&plan(&format!("a {long}"), &format!("a>{long}")));
    assert!(picture.contains(&format!("│ {}… ", "x".repeat(31))), "{picture}");
    assert!(picture.ends_with(&format!("\nin full\n  {long}\n")), "{picture}");
}

#[test]
fn outputs_are_told_where_they_are_not_the_ends() {
    let mut plan = plan("a b", "a>b");
    assert!(!drawn(&plan).contains("output"));
    plan.terminal = vec![0, 1];
    assert!(drawn(&plan).ends_with("\noutput\n  a, b\n"));
}

proptest::proptest! {
    /// Every line of a picture is as narrow as asked, and every arrow ends on a box, whatever the graph.
    #[test]
    fn any_graph_is_drawn_or_listed(edges in proptest::collection::btree_set((0..9_usize, 0..9_usize), 0..20)) {
        let edges: Vec<String> =
            edges.iter().filter(|(from, to)| from < to).map(|(from, to)| format!("s{from}>s{to}")).collect();
        let picture = drawn(&plan("s0 s1 s2 s3 s4 s5 s6 s7 s8", &edges.join(" ")));
        let lines: Vec<Vec<char>> = picture.lines().map(|line| line.chars().collect()).collect();
        proptest::prop_assert!(lines.iter().all(|line| line.len() <= 80));
        for (y, line) in lines.iter().enumerate() {
            for (x, _) in line.iter().enumerate().filter(|(_, character)| **character == '▼') {
                proptest::prop_assert_eq!(lines[y + 1][x], '─', "{}", picture);
                proptest::prop_assert!("│╮╭┬┤├┼┴".contains(lines[y - 1][x]), "{}", picture);
            }
        }
    }
}
