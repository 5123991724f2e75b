use super::*;
use crate::{Message, bound};

fn request(schema: Option<Value>) -> Request {
    let text = "Task: count the ships".to_owned();
    Request {
        model: "claude-haiku-4-5".to_owned(),
        system: "You count.".to_owned(),
        messages: vec![Message::User { text, attachments: Vec::new() }],
        tools: Vec::new(),
        max_output_tokens: 200,
        temperature: None,
        schema,
    }
}

/// What is said in the scene of this role under this script.
fn say(request: &Request, role: Role, script: Value, seed: u64) -> Answer {
    let script = Script::parse(&script).unwrap();
    let context = Map::from_iter([("plan".to_owned(), json!({"content": "look at the harbour first"}))]);
    let task = "count the ships";
    answer(request, &Scene { role, task, context: &context, repairs: false, call: 0, seed, script: &script })
}

fn reply(request: &Request, script: Value) -> Reply {
    say(request, Role::Executor, script, 0).reply.unwrap()
}

#[test]
fn the_same_question_gets_the_same_answer_and_seeds_make_a_difference() {
    for role in Role::ALL {
        let texts: Vec<String> =
            (0..16).map(|seed| say(&request(None), role, json!({}), seed).reply.unwrap().content).collect();
        assert_eq!(texts[3], say(&request(None), role, json!({}), 3).reply.unwrap().content);
        assert!(texts.iter().any(|text| *text != texts[0]), "{role}");
        for text in texts {
            assert!(text.contains("count the ships") && text.contains("`plan`"), "{text}");
        }
    }
}

#[test]
fn what_is_used_stays_within_the_bound() {
    for script in [json!({}), json!({"content": "word ".repeat(5_000)}), json!({"structured": {"n": 1}})] {
        let request = request(None);
        let usage = reply(&request, script).usage;
        assert!(usage.output_tokens <= 200 && usage.output_tokens > 0, "{usage:?}");
        assert!(usage.total() <= bound(&request).unwrap().0);
    }
}

#[test]
fn an_answer_that_cannot_be_cut_is_a_failure() {
    let said = say(&request(None), Role::Executor, json!({"structured": {"text": "word ".repeat(5_000)}}), 0);
    assert!(said.reply.unwrap_err().ends_with("tokens, above the 200 it may have"));
}

#[test]
fn a_script_is_followed_to_the_letter() {
    let script = json!({
        "content": "fourteen", "structured": {"n": 14}, "confidence": 0.3, "tokens": 77, "next_node": "ask",
    });
    let said = reply(&request(None), script);
    assert_eq!((said.content.as_str(), said.confidence, said.usage.total()), ("fourteen", Some(0.3), 77));
    assert_eq!(said.structured, Some(json!({"n": 14, "next_node": "ask"})));
    assert_eq!(say(&request(None), Role::Executor, json!({"fail": "no"}), 0).reply, Err("no".to_owned()));
    let stalled = say(&request(None), Role::Executor, json!({"stall_s": 1.5}), 0);
    assert_eq!((stalled.after, stalled.reply.is_ok()), (Duration::from_millis(1_500), true));
    let odd = say(&request(None), Role::Executor, json!({"structured": [1], "next_node": "ask"}), 0);
    assert!(odd.reply.is_err());
}

#[test]
fn overspending_reports_more_than_the_bound() {
    let request = request(None);
    let usage = reply(&request, json!({"overspend": true})).usage;
    assert!(usage.total() > bound(&request).unwrap().0, "{usage:?}");
}

#[test]
fn those_who_judge_give_a_verdict_and_a_schema_goes_before_it() {
    for (role, expected) in [
        (Role::Critic, Some(json!({"approved": true, "issues": []}))),
        (Role::Guardian, Some(json!({"approved": true, "issues": []}))),
        (Role::Planner, None),
    ] {
        assert_eq!(say(&request(None), role, json!({}), 0).reply.unwrap().structured, expected);
    }
    let schema = json!({"properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let said = say(&request(Some(schema.clone())), Role::Critic, json!({}), 0).reply.unwrap();
    assert_eq!(said.structured, Some(json!({"n": 1})));
    let text = reply(&request(Some(schema)), json!({"content": "{\"n\": 2}"}));
    assert_eq!(text.structured, None);
    let pattern = request(Some(json!({"type": "string", "pattern": "x"})));
    assert!(say(&pattern, Role::Executor, json!({}), 0).reply.is_err());
}

#[test]
fn a_wish_for_tools_names_them() {
    let said = reply(&request(None), json!({"calls": [{"tool": "find", "arguments": {"what": "ships"}}]}));
    assert_eq!(said.content, "For “count the ships” I need `find`.");
    assert_eq!(said.tool_calls.len(), 1);
}
