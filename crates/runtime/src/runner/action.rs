//! What an adapter does, in words: read by whoever judges how harmful it is.

use serde_json::{Map, Value};

/// Programs that do what their first argument says.
const BY_ARGUMENT: &[&str] = &[
    "apt",
    "apt-get",
    "aws",
    "az",
    "bash",
    "cargo",
    "deno",
    "docker",
    "gcloud",
    "gh",
    "git",
    "helm",
    "kubectl",
    "make",
    "node",
    "npm",
    "npx",
    "perl",
    "pip",
    "podman",
    "python",
    "python3",
    "ruby",
    "sh",
    "systemctl",
    "terraform",
    "uv",
    "uvx",
    "zsh",
];

/// The words of what is done: the program and, if it does what its argument says, that too; the method of a request.
/// Empty for what only answers.
pub(super) fn of(kind: &str, config: &Map<String, Value>) -> String {
    match kind {
        "command" => command(config).unwrap_or_default(),
        "http" => config.get("method").and_then(Value::as_str).unwrap_or("POST").to_owned(),
        _ => String::new(),
    }
}

fn command(config: &Map<String, Value>) -> Option<String> {
    let words = config.get("command")?.as_array()?;
    let mut words = words.iter().filter_map(Value::as_str);
    let program = file_name(words.next()?);
    let argument = words.find(|word| !word.starts_with('-')).filter(|_| BY_ARGUMENT.contains(&program));
    Some(match argument {
        Some(argument) => format!("{program} {}", file_name(argument)),
        None => program.to_owned(),
    })
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn says_what_is_run_or_sent() {
        for (kind, config, expected) in [
            ("command", json!({"command": ["/usr/bin/grep", "delete", "log.txt"]}), "grep"),
            ("command", json!({"command": ["git", "--no-pager", "push", "--force"]}), "git push"),
            ("command", json!({"command": ["python3", "tools/publish.py"]}), "python3 publish.py"),
            ("command", json!({"command": ["rm", "-rf", "x"]}), "rm"),
            ("http", json!({"url": "https://acme.example", "method": "DELETE"}), "DELETE"),
            ("http", json!({"url": "https://acme.example"}), "POST"),
            ("echo", json!({"text": "delete"}), ""),
        ] {
            assert_eq!(of(kind, config.as_object().unwrap()), expected, "{config}");
        }
    }
}
