//! The JSON Schema of workflow files, from the loader's own table: for editors, and for whoever writes files
//! by program.
//!
//! What needs more than one place of a file to be seen (names of steps, circles, conditions) only the loader
//! knows.

use crate::file::{
    config::nests,
    nodes::ID,
    table::{AGENT, Form, KeyDoc, Place, STEP, TOOL, TOP},
    tools::is_tool,
};
use comity_core::{KindSpec, RiskTier, StepKind};
use serde_json::{Map, Value, json};

/// What a name of a step or tool looks like.
const NAME: &str = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}";

/// The JSON Schema (2020-12) of files whose steps are of these kinds.
pub fn json_schema(kinds: &[&KindSpec]) -> Value {
    let mut defs = Map::new();
    let mut top = place(&TOP, &mut defs);
    for kind in kinds {
        let step = of_kind(kind, &STEP, None);
        let item = of_kind(kind, &STEP, Some(ID));
        defs.insert(format!("step_{}", kind.name), step);
        defs.insert(format!("item_{}", kind.name), item);
        if is_tool(kind) {
            defs.insert(format!("tool_{}", kind.name), of_kind(kind, &TOOL, None));
        }
    }
    let tools: Vec<&KindSpec> = kinds.iter().copied().filter(|kind| is_tool(kind)).collect();
    defs.insert("step".to_owned(), by_kind("step", STEP.about, kinds));
    defs.insert("item".to_owned(), by_kind("item", STEP.about, kinds));
    defs.insert("tool".to_owned(), by_kind("tool", TOOL.about, &tools));
    define(&AGENT, &mut defs);
    if let Value::Object(top) = &mut top {
        top.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        top.insert("title".to_owned(), json!("Comity workflow"));
        top.insert("$defs".to_owned(), Value::Object(defs));
    }
    top.sort_all_objects();
    top
}

/// A map with the keys of a place; the places inside it become definitions.
fn place(place: &Place, defs: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for key in place.keys {
        if let Form::Map(inner) | Form::List(inner) = key.form {
            define(inner, defs);
        }
        if matches!(key.form, Form::Edges) {
            define(&crate::file::table::EDGE, defs);
        }
        insert(&mut properties, key, described(key));
    }
    for refused in place.refused.iter().filter(|refused| refused.may_be_off) {
        let about = "Not in this build; only `false` is true of it.";
        properties.insert(refused.name.to_owned(), json!({"const": false, "description": about}));
    }
    let required: Vec<&str> = place.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object", "description": place.about, "properties": properties, "required": required,
        "additionalProperties": false,
    });
    if let (true, Value::Object(schema)) = (place.name == "`policy`", &mut schema) {
        schema.insert("patternProperties".to_owned(), json!({"^enable_": {"const": false}}));
    }
    schema
}

fn define(inner: &Place, defs: &mut Map<String, Value>) {
    let schema = place(inner, defs);
    defs.insert(id(inner), schema);
}

/// The name of a place's definition.
fn id(place: &Place) -> String {
    let name = place.name.trim_matches('`');
    name.trim_start_matches("an ").trim_start_matches("a ").replace(' ', "_")
}

fn reference(id: &str) -> Value {
    json!({"$ref": format!("#/$defs/{id}")})
}

fn insert(properties: &mut Map<String, Value>, key: &KeyDoc, schema: Value) {
    if !key.also.is_empty() {
        properties.insert(key.also.to_owned(), schema.clone());
    }
    properties.insert(key.name.to_owned(), schema);
}

fn described(key: &KeyDoc) -> Value {
    let mut schema = form(key.form);
    if let Value::Object(schema) = &mut schema {
        let about = match key.default {
            "" => key.about.to_owned(),
            default => format!("{} Default: {default}.", key.about),
        };
        schema.insert("description".to_owned(), Value::from(about));
    }
    schema
}

fn form(form: Form) -> Value {
    let text = || json!({"type": ["string", "number", "boolean"]});
    let texts = || json!({"type": "array", "minItems": 1, "items": text()});
    match form {
        Form::Text | Form::Condition | Form::Name | Form::Kind => text(),
        Form::Texts | Form::Names => texts(),
        Form::NameOrNames => json!({"anyOf": [text(), texts()]}),
        Form::Flag => json!({"type": "boolean"}),
        Form::Count(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Form::Seconds => json!({"type": "number", "exclusiveMinimum": 0}),
        Form::Money => json!({"anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,6})?$"},
        ]}),
        Form::Tier => json!({"anyOf": tiers()}),
        Form::TierOrNone => {
            let mut forms = tiers();
            forms.push(json!({"const": "none"}));
            json!({"anyOf": forms})
        }
        Form::Word(words) => json!({"enum": words}),
        Form::Any => json!({"not": {"type": "null"}}),
        Form::AnyMap => json!({"type": "object"}),
        Form::Version => json!({"enum": ["1", 1]}),
        Form::Map(place) => reference(&id(place)),
        Form::List(place) => json!({"type": "array", "items": reference(&id(place))}),
        Form::WordMap(words) => json!({"type": "object", "additionalProperties": {"enum": words}}),
        Form::Tools => named("tool", 0),
        Form::Steps => {
            let list = json!({"type": "array", "minItems": 1, "items": reference("item")});
            json!({"anyOf": [named("step", 1), list]})
        }
        Form::Edges => {
            let pattern = format!(r"^\s*{NAME}(\s*->\s*{NAME})+\s*$");
            json!({"type": "array", "items": {"anyOf": [
                {"type": "string", "pattern": pattern}, reference("edge"),
            ]}})
        }
    }
}

fn named(id: &str, least: u64) -> Value {
    json!({
        "type": "object", "minProperties": least, "propertyNames": {"pattern": format!("^{NAME}$")},
        "additionalProperties": reference(id),
    })
}

/// Tiers by name, however it is written, and by number.
fn tiers() -> Vec<Value> {
    let names = RiskTier::ALL.map(RiskTier::name);
    let either = |character: char| match character {
        '-' => "[-_]".to_owned(),
        letter => format!("[{letter}{}]", letter.to_ascii_uppercase()),
    };
    let loose: Vec<String> = names.iter().map(|name| name.chars().map(either).collect()).collect();
    let pattern = format!("^({}|[1-4])$", loose.join("|"));
    vec![
        json!({"enum": names}),
        json!({"type": "integer", "minimum": 1, "maximum": 4}),
        json!({"type": "string", "pattern": pattern}),
    ]
}

/// Whichever of the kinds `kind` names.
fn by_kind(id: &str, about: &str, kinds: &[&KindSpec]) -> Value {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    let branch = |name: &&str| {
        json!({
            "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
            "then": reference(&format!("{id}_{name}")),
        })
    };
    let mut schema = json!({
        "type": "object", "description": about, "required": ["kind"],
        "properties": {"kind": {"enum": names}},
    });
    if let (false, Value::Object(schema)) = (names.is_empty(), &mut schema) {
        schema.insert("allOf".to_owned(), names.iter().map(branch).collect());
    }
    schema
}

/// Steps or tools of one kind; `named` is the key that names them, in a list.
fn of_kind(kind: &KindSpec, place: &Place, named: Option<&str>) -> Value {
    let docs: Vec<KeyDoc> = kind.keys.iter().map(KeyDoc::from).collect();
    let mut properties = Map::new();
    place
        .keys
        .iter()
        .filter(|key| has(kind, key))
        .for_each(|key| insert(&mut properties, key, described(key)));
    docs.iter().for_each(|key| insert(&mut properties, key, described(key)));
    properties.insert("kind".to_owned(), json!({"const": kind.name, "description": kind.about}));
    let agent = nests(&docs);
    if agent {
        properties.insert("agent".to_owned(), reference("agent"));
    }
    if let Some(id) = named {
        properties.insert(id.to_owned(), form(Form::Text));
    }
    let mut rules: Vec<Value> =
        docs.iter().filter(|key| key.required).map(|key| presence(key, agent)).collect();
    if kind.step == StepKind::Timer {
        let one = ["after_s", "until", "cron"].map(|key| json!({"required": [key]}));
        rules.push(json!({"oneOf": one}));
        rules.push(json!({"dependentRequired": {"timezone": ["cron"]}}));
    }
    let both = place.keys.iter().chain(&docs).filter(|key| !key.also.is_empty());
    rules.extend(both.map(|key| json!({"not": {"required": [key.name, key.also]}})));
    let required: Vec<&str> = ["kind"].into_iter().chain(named).collect();
    let mut schema = json!({
        "type": "object", "description": kind.about, "properties": properties, "required": required,
        "additionalProperties": false,
    });
    if let (false, Value::Object(schema)) = (rules.is_empty(), &mut schema) {
        schema.insert("allOf".to_owned(), Value::Array(rules));
    }
    schema
}

/// Whether steps of a kind have a key that most kinds have.
pub(crate) fn has(kind: &KindSpec, key: &KeyDoc) -> bool {
    match key.name {
        "price_usd" => !kind.step.is_container() && kind.step != StepKind::Timer,
        "tools" => kind.step == StepKind::AgentTurn,
        _ => true,
    }
}

/// That a key is there, in one of its spellings.
fn presence(key: &KeyDoc, agent: bool) -> Value {
    let mut ways = vec![json!({"required": [key.name]})];
    if !key.also.is_empty() {
        ways.push(json!({"required": [key.also]}));
    }
    if agent && AGENT.key(key.name).is_some() {
        ways.push(json!({"required": ["agent"], "properties": {"agent": {"required": [key.name]}}}));
    }
    json!({"anyOf": ways})
}

#[cfg(test)]
mod tests;
