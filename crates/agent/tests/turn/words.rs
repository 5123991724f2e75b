//! What an agent answers.

use crate::{Stage, value};
use comity_core::Amounts;
use comity_govern::Policy;
use serde_json::{Value, json};

fn answer(config: Value, schema: Option<Value>) -> Value {
    value(Stage::with(config, schema.as_ref(), Policy::default()).play())
}

#[test]
fn an_answer_says_what_it_is_and_what_it_cost() {
    let stage = Stage::new(json!({"role": "planner"}), Policy::default());
    let said = value(stage.play());
    assert!(said["content"].as_str().unwrap().contains("count the ships"), "{said}");
    assert_eq!((&said["confidence"], &said["simulated"]), (&json!(0.8), &json!(true)));
    assert_eq!((&said["model"], &said["structured"]), (&json!("claude-sonnet-4-6"), &Value::Null));
    let tokens = said["tokens"]["total"].as_u64().unwrap();
    let (held, spent, frozen) = stage.house.balance(stage.run());
    assert_eq!((held, spent.tokens, spent.steps, frozen), (Amounts::ZERO, tokens, 2, false));
    assert!(spent.micro_usd > 0 && tokens > 0, "{spent:?}");
    assert_eq!(
        stage.house.story(stage.run()),
        ["admitted mate", "admitted mate/model", "settled mate/model", "settled mate"]
    );
}

#[test]
fn the_same_seed_gives_the_same_answer_in_another_run() {
    let texts: Vec<Value> =
        (0..8).map(|seed| answer(json!({"seed": seed}), None)["content"].clone()).collect();
    assert_eq!(answer(json!({"seed": 5}), None)["content"], texts[5]);
    assert!(texts.iter().any(|text| *text != texts[0]), "{texts:?}");
}

#[test]
fn a_schema_is_honoured() {
    let schema = json!({
        "type": "object", "required": ["ships", "safe"],
        "properties": {"ships": {"type": "integer", "minimum": 3}, "safe": {"type": "boolean"}},
    });
    assert_eq!(answer(json!({}), Some(schema))["structured"], json!({"ships": 3, "safe": true}));
}

#[test]
fn who_judges_says_yes_or_no_and_a_script_may_say_where_to_go_next() {
    assert_eq!(answer(json!({"role": "guardian"}), None)["structured"]["approved"], json!(true));
    let no = json!({"structured": {"approved": false}, "next_node": "mend", "confidence": 0.4});
    let said = answer(json!({"role": "critic", "sandbox": no}), None);
    assert_eq!(said["structured"], json!({"approved": false, "next_node": "mend"}));
    assert_eq!(said["confidence"], json!(0.4));
}

#[test]
fn a_prompt_and_what_is_attached_go_in() {
    let bare = answer(json!({}), None)["tokens"]["input"].as_u64().unwrap();
    let image = json!([{"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}}]);
    let said = answer(json!({"prompt": "count the masts", "attachments": image}), None);
    assert!(said["content"].as_str().unwrap().contains("count the masts"), "{said}");
    assert!(said["tokens"]["input"].as_u64().unwrap() > bare + 1_600, "{said}");
}

#[test]
fn an_answer_that_was_sent_back_is_mended() {
    let script = json!({"content": "three", "repaired": {"content": "{\"n\": 3}"}});
    let mut stage = Stage::new(json!({"sandbox": script}), Policy::default());
    stage.task["repair"] = json!({"error": "root: no JSON was found in the text", "output": "three"});
    let said = value(stage.play());
    assert_eq!(said["content"], json!("{\"n\": 3}"));
}
