use super::*;
use comity_core::Taint;
use proptest::prelude::*;
use serde_json::json;

const STRATEGIES: [Merge; 5] =
    [Merge::Overwrite, Merge::Append, Merge::SelectHighestConfidence, Merge::LogicalAnd, Merge::LogicalOr];

/// One key for each strategy, named `0` to `4`.
fn rules() -> Rules {
    STRATEGIES.iter().enumerate().map(|(key, rule)| (key.to_string(), *rule)).collect()
}

fn meet(places: &[&Shared]) -> Shared {
    Shared::meet(places.iter().copied(), &rules())
}

/// An output that writes one value under all keys.
fn says(value: &Value, confidence: f64) -> Value {
    let keys: Map<String, Value> = (0..5).map(|key| (key.to_string(), value.clone())).collect();
    json!({"structured": keys, "confidence": confidence})
}

fn seen(place: &Shared) -> Vec<Value> {
    (0..5).map(|key| place.get(&key.to_string()).unwrap_or_default()).collect()
}

#[test]
fn values_come_together_as_their_key_says() {
    let start = Shared::default();
    let one = start.after(0, &says(&json!(true), 0.9), Taint::NONE, &rules());
    let two = one.after(1, &says(&json!(false), 0.4), Taint::NONE, &rules());
    assert_eq!(seen(&two), [json!(false), json!([true, false]), json!(true), json!(false), json!(true)]);
    let beside = one.after(2, &says(&json!(true), 0.9), Taint::NONE, &rules());
    let met = [json!(true), json!([true, false, true]), json!(true), json!(false), json!(true)];
    assert_eq!(seen(&meet(&[&two, &beside])), met);
    assert_eq!(seen(&start), [json!(null), json!(null), json!(null), json!(null), json!(null)]);
}

#[test]
fn what_was_written_before_a_fork_is_there_once_where_its_ways_meet() {
    let before = Shared::default().after(0, &says(&json!("a"), 0.5), Taint::NONE, &rules());
    let left = before.after(1, &says(&json!("l"), 0.5), Taint::NONE, &rules());
    let right = before.after(2, &says(&json!("r"), 0.5), Taint::NONE, &rules());
    let met = meet(&[&left, &right]);
    assert_eq!(met.get("1"), Some(json!(["a", "l", "r"])));
    assert_eq!(meet(&[&right, &left, &met, &before]).get("1"), Some(json!(["a", "l", "r"])));
    // Neither saw the other: the later one in the file counts.
    assert_eq!((met.get("0"), met.get("2")), (Some(json!("r")), Some(json!("r"))));
}

#[test]
fn what_is_not_true_stays_so_whoever_is_met_first() {
    let denies = Shared::default().after(0, &says(&json!(false), 0.5), Taint::NONE, &rules());
    let early = Shared::default().after(1, &json!({}), Taint::NONE, &rules());
    let allows = early.after(2, &says(&json!(true), 0.5), Taint::NONE, &rules());
    // Here both are known, and what was written last is what the other place knows too.
    let both = meet(&[&denies, &allows]);
    for places in [[&both, &allows], [&allows, &both]] {
        let met = meet(&places);
        assert_eq!((met.get("3"), met.get("4")), (Some(json!(false)), Some(json!(true))));
    }
}

#[test]
fn a_value_that_one_step_wrote_is_as_it_wrote_it() {
    let place = Shared::default().after(0, &says(&json!("yes"), 0.5), Taint::NONE, &rules());
    let met = meet(&[&place, &place.after(1, &json!({}), Taint::NONE, &rules())]);
    assert_eq!((met.get("3"), met.get("0")), (Some(json!("yes")), Some(json!("yes"))));
    let more = place.after(1, &says(&json!(true), 0.5), Taint::NONE, &rules());
    assert_eq!((more.get("3"), more.get("4")), (Some(json!(false)), Some(json!(true))));
}

#[test]
fn an_output_without_a_confidence_is_the_least_sure() {
    let sure = Shared::default().after(0, &says(&json!(1), 0.1), Taint::NONE, &rules());
    let later = sure.after(1, &json!({"2": 2}), Taint::NONE, &rules());
    assert_eq!(later.get("2"), Some(json!(1)));
    assert_eq!(Shared::default().after(1, &json!({"2": 2}), Taint::NONE, &rules()).get("2"), Some(json!(2)));
}

/// One write: value, how sure, and when.
type Write = (Value, f64);

/// What a key stands for where these writes are seen.
fn reference(rule: Merge, writes: &BTreeMap<Written, Write>) -> Value {
    let values = || writes.values().map(|(value, _)| value);
    let truths = || values().map(|value| *value == json!(true));
    match (rule, writes.len()) {
        (Merge::Append, _) => values().cloned().collect(),
        (Merge::LogicalAnd, 2..) => json!(truths().all(|truth| truth)),
        (Merge::LogicalOr, 2..) => json!(truths().any(|truth| truth)),
        (Merge::SelectHighestConfidence, _) => {
            let surest =
                writes.iter().max_by(|(at, one), (other, two)| one.1.total_cmp(&two.1).then(at.cmp(other)));
            surest.unwrap().1.0.clone()
        }
        _ => values().next_back().unwrap().clone(),
    }
}

/// A step: which of the steps before it led to it, what it writes if anything, and how sure it is.
fn steps() -> impl Strategy<Value = Vec<(Vec<bool>, Option<Value>, u8)>> {
    let value = prop_oneof![Just(json!(true)), Just(json!(false)), Just(json!("text"))];
    let step = (prop::collection::vec(any::<bool>(), 9), prop::option::weighted(0.7, value), 0u8..3);
    prop::collection::vec(step, 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_place_sees_what_was_written_on_the_ways_to_it(steps in steps()) {
        let mut places: Vec<Shared> = Vec::new();
        let mut visible: Vec<(u64, BTreeMap<Written, Write>)> = Vec::new();
        for (ordinal, (before, value, sure)) in steps.iter().enumerate() {
            let led: Vec<usize> = (0..ordinal).filter(|place| before[*place]).collect();
            let confidence = f64::from(*sure) / 2.0;
            let output = value.as_ref().map_or(json!({}), |value| says(value, confidence));
            let met = Shared::meet(led.iter().map(|place| &places[*place]), &rules());
            let now = led.iter().map(|place| visible[*place].0).max().unwrap_or(0) + 1;
            let mut writes: BTreeMap<Written, Write> =
                led.iter().flat_map(|place| visible[*place].1.clone()).collect();
            writes.extend(value.iter().map(|value| ((now, ordinal), (value.clone(), confidence))));
            places.push(met.after(ordinal, &output, Taint::NONE, &rules()));
            visible.push((now, writes));
        }
        for (place, (_, writes)) in places.iter().zip(&visible).filter(|(_, (_, writes))| !writes.is_empty()) {
            let expected: Vec<Value> = STRATEGIES.iter().map(|rule| reference(*rule, writes)).collect();
            prop_assert_eq!(seen(place), expected);
        }
        let shown = |place: &Shared| (place.now, place.values());
        for a in &places {
            prop_assert_eq!(shown(&meet(&[a, a])), shown(a));
            for b in &places {
                prop_assert_eq!(shown(&meet(&[a, b])), shown(&meet(&[b, a])));
                for c in &places {
                    let (left, right) = (meet(&[&meet(&[a, b]), c]), meet(&[a, &meet(&[b, c])]));
                    prop_assert_eq!(shown(&left), shown(&right));
                }
            }
        }
    }
}
