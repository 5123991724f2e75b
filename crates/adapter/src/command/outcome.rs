//! What a program that has ended meant: its status and its output, read as a result.

use comity_govern::{Failure, Output};
use serde_json::Value;
use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

/// How much of the end of standard error a message repeats, in bytes.
pub(super) const STDERR_SHOWN: usize = 2 * 1024;

/// What is left of a program that has ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    /// The end of standard error; at least the last [`STDERR_SHOWN`] bytes if there were so many.
    pub(super) stderr: Vec<u8>,
}

/// Reads what a program left behind: a result if it says it succeeded, a message for people if not.
pub(super) fn read(program: &str, ended: Ended) -> Result<Output, Failure> {
    if !ended.status.success() {
        let message = complaint(program, ended.status, &ended.stderr);
        // A program that was cut off did not say how far it came.
        let said = ended.status.code().is_some();
        return Err(if said { Failure::Failed(message) } else { Failure::Unknown(message) });
    }
    match String::from_utf8(ended.stdout) {
        Ok(text) => Ok(Output { value: value(text) }),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            Err(Failure::Failed(format!(
                "`{program}` succeeded, but its output is not UTF-8 from byte {at} on"
            )))
        }
    }
}

/// JSON if all of the text is JSON, else the text without its last line's end.
fn value(mut text: String) -> Value {
    if let Ok(value) = serde_json::from_str(&text) {
        return value;
    }
    if text.ends_with('\n') {
        text.pop();
    }
    Value::String(text)
}

fn complaint(program: &str, status: ExitStatus, stderr: &[u8]) -> String {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => format!("ended with {status}"),
    };
    match shown(stderr).trim() {
        "" => format!("`{program}` {how}"),
        said => format!("`{program}` {how}: {said}"),
    }
}

/// The end of standard error, fit to be shown on a terminal: nothing in it can move the cursor.
fn shown(stderr: &[u8]) -> String {
    let kept = stderr.get(stderr.len().saturating_sub(STDERR_SHOWN)..).unwrap_or_default();
    // A cut in the middle of a character leaves up to three bytes of it; they say nothing.
    let torn = if kept.len() < stderr.len() {
        kept.iter().take(3).take_while(|&&byte| byte & 0xC0 == 0x80).count()
    } else {
        0
    };
    let whole = String::from_utf8_lossy(kept.get(torn..).unwrap_or_default());
    whole.chars().filter(|&c| !c.is_control() || c == '\n' || c == '\t').collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A status as `wait` reports it: exit code in the high byte, signal in the low one.
    fn exit(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    fn signal(number: i32) -> ExitStatus {
        ExitStatus::from_raw(number)
    }

    fn ended(status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> Result<Output, Failure> {
        read("p", Ended { status, stdout: stdout.to_vec(), stderr: stderr.to_vec() })
    }

    #[test]
    fn output_is_json_if_all_of_it_is_and_text_if_not() {
        let cases: &[(&str, Value)] = &[
            ("{\"a\": [1, 2]}\n", json!({"a": [1, 2]})),
            ("  [1]\n\n", json!([1])),
            ("42\n", json!(42)),
            ("true", json!(true)),
            ("null\n", json!(null)),
            ("\"quoted\"\n", json!("quoted")),
            ("", json!("")),
            ("\n", json!("")),
            ("plain\n", json!("plain")),
            ("two\nlines\n\n", json!("two\nlines\n")),
            ("  kept  ", json!("  kept  ")),
            ("{\"a\": 1} and more", json!("{\"a\": 1} and more")),
            ("1\n2\n", json!("1\n2")),
            ("007", json!("007")),
        ];
        for (stdout, expected) in cases {
            let expected = Output { value: expected.clone() };
            assert_eq!(ended(exit(0), stdout.as_bytes(), b"noise"), Ok(expected), "{stdout:?}");
        }
    }

    #[test]
    fn failures_say_how_it_ended_and_what_it_complained_about() {
        let cases: &[(ExitStatus, &[u8], &str)] = &[
            (exit(2), b"no such file\n", "`p` ended with exit code 2: no such file"),
            (exit(1), b"", "`p` ended with exit code 1"),
            (exit(1), b" \n", "`p` ended with exit code 1"),
            (signal(9), b"", "`p` was ended by signal 9"),
            (signal(11 | 0x80), b"oh\n", "`p` was ended by signal 11: oh"),
            (exit(1), b"a\xff\n\tb", "`p` ended with exit code 1: a\u{fffd}\n\tb"),
            (exit(1), b"\x1b[31mred\x07\r\n", "`p` ended with exit code 1: [31mred"),
        ];
        for (status, stderr, expected) in cases {
            let expected = (*expected).to_owned();
            let said = status.code().is_some();
            let failure = if said { Failure::Failed(expected) } else { Failure::Unknown(expected) };
            assert_eq!(ended(*status, b"{}", stderr), Err(failure));
        }
    }

    #[test]
    fn output_that_is_not_utf8_fails_and_says_where() {
        let message = "`p` succeeded, but its output is not UTF-8 from byte 2 on";
        assert_eq!(ended(exit(0), b"ab\xff", b""), Err(Failure::Failed(message.to_owned())));
    }

    #[test]
    fn shows_only_the_end_of_a_long_complaint_and_no_torn_character() {
        let shown = shown(format!("{}!", "é".repeat(STDERR_SHOWN)).as_bytes());
        assert_eq!(shown, format!("{}!", "é".repeat(STDERR_SHOWN / 2 - 1)));
    }
}
