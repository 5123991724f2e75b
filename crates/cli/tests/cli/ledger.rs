use crate::sandbox::Sandbox;
use serde_json::Value;

#[test]
fn what_differs_is_listed_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    sandbox.run("nodes:\n  a: {kind: echo, price_usd: 0.002}\n").expect(0);
    let whole = sandbox.comity(&["ledger", "rebuild"]).expect(0);
    assert!(whole.out.starts_with("the same: 1 run, "), "{}", whole.out);
    let script = "import sqlite3; d = sqlite3.connect('.comity/comity.db'); \
                  d.execute('UPDATE runs SET status = 3'); d.commit()";
    let mut python = std::process::Command::new("python3");
    assert!(python.args(["-c", script]).current_dir(sandbox.path("")).status().unwrap().success());
    for _ in 0..2 {
        let found = sandbox.comity(&["ledger", "rebuild", "-o", "json"]).expect(9);
        let report: Value = serde_json::from_str(&found.out).unwrap();
        assert_eq!((&report["whole"], &report["more"]), (&Value::from(false), &Value::from(0)));
        assert_eq!(report["differences"].as_array().unwrap().len(), 1, "the second look sees the same");
        assert_eq!(report["differences"][0]["column"], "status");
    }
    let shown = sandbox.comity(&["ledger", "rebuild"]).expect(9);
    assert!(shown.out.contains(" status: stored 3, entries say 2\n"), "{}", shown.out);
}
