use super::*;
use comity_core::Timestamp;
use serde_json::json;
use std::{
    fs, future,
    os::unix::fs::PermissionsExt,
    pin::pin,
    sync::LazyLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(60);
const MIB: usize = 1024 * 1024;

/// A folder to run programs in, and what they are given.
struct Place {
    folder: TempDir,
    time_left: Duration,
    env: Vec<&'static str>,
    input: Value,
}

fn place() -> Place {
    let input = json!({"context": {}, "task": "t"});
    Place { folder: tempfile::tempdir().unwrap(), time_left: LONG, env: Vec::new(), input }
}

impl Place {
    fn program(&self, words: &[&str]) -> Result<Program, Error> {
        let mut keys = Map::from_iter([("command".to_owned(), json!(words))]);
        if !self.env.is_empty() {
            keys.insert("env".to_owned(), json!(self.env));
        }
        Program::new(&Setup { base_dir: self.folder.path().to_owned() }, &keys)
    }

    async fn run(&self, words: &[&str]) -> Result<Output, Failure> {
        self.run_by(Arc::new(RealClock), words).await
    }

    async fn run_by(&self, clock: Arc<dyn Clock>, words: &[&str]) -> Result<Output, Failure> {
        let call = Call { clock, time_left: self.time_left, idempotency_key: "key-1".to_owned() };
        self.program(words).unwrap().run(call, &Input::new(self.input.clone()).bytes).await
    }

    async fn shell(&self, script: &str) -> Result<Output, Failure> {
        self.run(&["sh", "-c", script]).await
    }

    /// The process numbers a script wrote with [`TELL`], if it has got that far.
    fn processes(&self) -> Option<Vec<u32>> {
        let text = fs::read_to_string(self.folder.path().join("processes")).ok()?;
        Some(text.split_whitespace().map(|number| number.parse().unwrap()).collect())
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The machine's own time: real programs run in it.
struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        START.elapsed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// A clock by which nothing is ever late.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(future::pending())
    }
}

/// Tells the numbers of the shell and of what it last started in the background.
const TELL: &str = "echo $$ $! > part; mv part processes;";

fn ok(value: Value) -> Result<Output, Failure> {
    Ok(Output { value })
}

fn unknown(message: &str) -> Result<Output, Failure> {
    Err(Failure::Unknown(message.to_owned()))
}

fn failed(message: &str) -> Result<Output, Failure> {
    Err(Failure::Failed(message.to_owned()))
}

/// Looks again and again until `fact` holds, for at most ten seconds.
async fn eventually(what: &str, mut fact: impl FnMut() -> bool) {
    let start = Instant::now();
    while !fact() {
        assert!(start.elapsed() < Duration::from_secs(10), "still not so: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process is gone, or dead and waiting for a parent that is not us.
fn is_dead(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

async fn all_die(processes: Vec<u32>) {
    assert!(processes.len() == 2, "{processes:?}");
    for process in processes {
        eventually("the process is dead", || is_dead(process)).await;
    }
}

#[tokio::test]
async fn hands_over_the_input_and_reads_json_or_text() {
    let place = place();
    assert_eq!(place.run(&["cat"]).await, ok(place.input.clone()));
    assert_eq!(place.shell("echo '[1, 2]'").await, ok(json!([1, 2])));
    assert_eq!(place.run(&["echo", "a", "b  c", "$HOME"]).await, ok(json!("a b  c $HOME")));
    assert_eq!(place.run(&["true"]).await, ok(json!("")));
}

#[tokio::test]
async fn feeds_and_reads_four_mebibytes_at_once() {
    let mut place = place();
    place.input = json!({"context": {}, "task": "x".repeat(4 * MIB)});
    assert_eq!(place.run(&["cat"]).await, ok(place.input.clone()));
    assert_eq!(place.run(&["awk", "{ print length($0) }"]).await, ok(json!(4 * MIB + 24)));
}

#[tokio::test]
async fn does_not_deadlock_when_a_program_prints_before_it_reads() {
    let mut place = place();
    place.input = json!("y".repeat(4 * MIB));
    let script = "head -c 4194304 /dev/zero | tr '\\0' x | tee /dev/stderr; cat > /dev/null";
    assert_eq!(place.shell(script).await, ok(json!("x".repeat(4 * MIB))));
}

#[tokio::test]
async fn a_program_need_not_read_its_input() {
    let mut place = place();
    place.input = json!("y".repeat(4 * MIB));
    assert_eq!(place.run(&["echo", "hi"]).await, ok(json!("hi")));
    assert_eq!(place.shell("exec 0<&-; echo hi").await, ok(json!("hi")));
}

#[tokio::test]
async fn waits_for_a_program_that_closes_its_pipes_early() {
    let place = place();
    assert_eq!(
        place.shell("exec <&- >&- 2>&-; sleep 0.3; exit 7").await,
        failed("`sh` ended with exit code 7")
    );
}

#[tokio::test]
async fn exit_codes_and_signals_are_failures_with_the_end_of_stderr() {
    let place = place();
    let cases = [
        ("echo out; echo why >&2; exit 3", failed("`sh` ended with exit code 3: why")),
        ("kill -KILL $$", unknown("`sh` was ended by signal 9")),
        ("echo oh >&2; kill -TERM $$", unknown("`sh` was ended by signal 15: oh")),
    ];
    for (script, expected) in cases {
        assert_eq!(place.shell(script).await, expected);
    }
    let Err(Failure::Failed(message)) = place.shell("yes | head -c 1000000 >&2; exit 1").await else {
        panic!("it did not fail");
    };
    assert!(message.len() > 2000 && message.len() < 2200, "{}", message.len());
}

#[tokio::test]
async fn stdout_may_be_eight_mebibytes_and_no_more() {
    let place = place();
    let print = |count: usize| format!("head -c {count} /dev/zero | tr '\\0' x");
    assert_eq!(place.shell(&print(8 * MIB)).await, ok(json!("x".repeat(8 * MIB))));
    let expected = unknown("`sh` printed more than 8 MiB and was stopped");
    assert_eq!(place.shell(&print(8 * MIB + 1)).await, expected);
    assert_eq!(place.shell(&format!("sleep 1000 & {TELL} yes")).await, expected);
    all_die(place.processes().unwrap()).await;
}

#[tokio::test]
async fn output_that_is_not_utf8_fails() {
    let message = "`printf` succeeded, but its output is not UTF-8 from byte 1 on";
    assert_eq!(place().run(&["printf", "a\\377"]).await, failed(message));
}

#[tokio::test]
async fn says_which_program_is_missing_and_where_it_looked() {
    let place = place();
    let folder = place.folder.path().display();
    let message = "cannot start `grepp`: no such program \
        (looked in PATH; `./` before the name looks in the workflow's folder)";
    assert_eq!(place.run(&["grepp"]).await, failed(message));
    let message = format!("cannot start `./grepp`: no such program (looked at `{folder}/./grepp`)");
    assert_eq!(place.run(&["./grepp"]).await, failed(&message));
    fs::write(place.folder.path().join("script"), "#!/no/such/interpreter\n").unwrap();
    let message = "cannot start `./script`: Permission denied (os error 13)";
    assert_eq!(place.run(&["./script"]).await, failed(message));
    fs::set_permissions(place.folder.path().join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    let message = "cannot start `./script`: the interpreter its first line names is missing";
    assert_eq!(place.run(&["./script"]).await, failed(message));
}

#[tokio::test]
async fn says_that_the_folder_is_missing() {
    let place = place();
    let program = place.program(&["true"]).unwrap();
    fs::remove_dir(place.folder.path()).unwrap();
    let message =
        format!("cannot start `true`: there is no folder `{}` to start it in", place.folder.path().display());
    assert_eq!(Err(program.not_started(&io::ErrorKind::NotFound.into())), failed(&message));
    assert_eq!(place.run(&["true"]).await, failed(&message));
}

#[tokio::test]
async fn programs_start_in_the_folder_of_the_workflow() {
    let place = place();
    let folder = place.folder.path().canonicalize().unwrap();
    fs::create_dir(folder.join("bin")).unwrap();
    fs::write(folder.join("bin/where"), "#!/bin/sh\npwd -P\n").unwrap();
    fs::set_permissions(folder.join("bin/where"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(place.run(&["bin/where"]).await, ok(json!(folder.to_str().unwrap())));
}

#[tokio::test]
async fn programs_see_only_the_listed_variables_and_the_key() {
    let mut place = place();
    assert!(env::var_os("CARGO_MANIFEST_DIR").is_some() && env::var_os("PATH").is_some());
    let names = async |place: &Place| {
        let output = place.run(&["env"]).await.unwrap();
        let text = output.value.as_str().unwrap().to_owned();
        assert!(text.contains("COMITY_IDEMPOTENCY_KEY=key-1"), "{text}");
        text.lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect::<Vec<_>>()
    };
    let seen = names(&place).await;
    assert!(
        seen.contains(&"PATH".to_owned()) && !seen.contains(&"CARGO_MANIFEST_DIR".to_owned()),
        "{seen:?}"
    );
    place.env = vec!["CARGO_MANIFEST_DIR", "NOBODY_SETS_THIS"];
    let seen = names(&place).await;
    assert!(seen.contains(&"CARGO_MANIFEST_DIR".to_owned()), "{seen:?}");
    assert!(!seen.contains(&"NOBODY_SETS_THIS".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn a_program_that_is_late_is_stopped_with_all_it_started() {
    let mut place = place();
    place.time_left = Duration::from_secs(1);
    let start = Instant::now();
    // Deaf to requests: only force ends these.
    let result = place.shell(&format!("trap '' TERM; sleep 1000 & {TELL} wait")).await;
    let message = "`sh` did not end within 1.000 s and was stopped";
    assert_eq!(result, Err(Failure::Unknown(message.to_owned())));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let processes = place.processes().unwrap();
    assert!(!fs::exists(format!("/proc/{}", processes[0])).unwrap(), "the leader is not buried");
    all_die(processes).await;
}

#[tokio::test]
async fn a_program_that_is_late_is_asked_before_it_is_forced() {
    let mut place = place();
    place.time_left = Duration::from_secs(1);
    let script = "trap 'echo bye > bye; exit 0' TERM; sleep 1000 & wait";
    let result = place.shell(script).await;
    assert!(matches!(result, Err(Failure::Unknown(_))), "{result:?}");
    assert_eq!(fs::read_to_string(place.folder.path().join("bye")).unwrap(), "bye\n");
}

#[tokio::test]
async fn a_flood_does_not_hide_that_time_is_over() {
    let mut place = place();
    place.time_left = Duration::from_millis(300);
    let start = Instant::now();
    let result = place.shell("yes >&2 & yes >&2 & yes >&2").await;
    assert!(matches!(result, Err(Failure::Unknown(_))), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn nothing_is_started_when_no_time_is_left() {
    let mut place = place();
    place.time_left = Duration::ZERO;
    assert_eq!(place.shell("echo > started").await, failed("`sh` was not started: no time was left"));
    assert!(!fs::exists(place.folder.path().join("started")).unwrap());
}

#[tokio::test]
async fn leftovers_are_ended_whether_or_not_they_hold_the_pipes() {
    for redirect in ["", "> /dev/null 2>&1 < /dev/null"] {
        let place = place();
        let start = Instant::now();
        let result = place.shell(&format!("sleep 1000 {redirect} & {TELL} echo done")).await;
        assert_eq!(result, ok(json!("done")));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        all_die(place.processes().unwrap()).await;
    }
}

#[tokio::test]
async fn leftovers_may_still_print_while_the_pipes_are_drained() {
    let place = place();
    let words = ["sh", "-c", "(sleep 0.05; echo late) & echo early"];
    assert_eq!(place.run_by(Arc::new(StoppedClock), &words).await, ok(json!("early\nlate")));
}

#[tokio::test]
async fn a_daemon_that_holds_the_pipes_does_not_hold_us() {
    let place = place();
    let start = Instant::now();
    // The flag says that the daemon has left our group before the leader ends.
    let script = "setsid sh -c 'echo > left; sleep 8' & until test -e left; do sleep 0.01; done; echo done";
    assert_eq!(place.shell(script).await, ok(json!("done")));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn dropping_the_call_ends_the_program_and_all_it_started() {
    let place = place();
    {
        let script = format!("trap '' TERM; sleep 1000 & {TELL} wait");
        let mut call = pin!(place.shell(&script));
        tokio::select! {
            result = &mut call => panic!("ended by itself: {result:?}"),
            () = eventually("the script has started", || place.processes().is_some()) => {}
        }
    }
    let processes = place.processes().unwrap();
    let leader = format!("/proc/{}", processes[0]);
    all_die(processes).await;
    eventually("the leader is buried", || !fs::exists(&leader).unwrap()).await;
}

#[tokio::test]
async fn many_programs_at_once_each_get_their_own_answer() {
    let place = Arc::new(place());
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..32 {
        let place = Arc::clone(&place);
        calls.spawn(async move {
            assert_eq!(place.shell(&format!("sleep 0.0{number}; echo {number}")).await, ok(json!(number)));
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
}

#[test]
fn refuses_words_and_names_that_no_program_can_be_given() {
    let mut place = place();
    let error = |place: &Place, words: &[&str]| place.program(words).err().unwrap().to_string();
    assert_eq!(error(&place, &[""]), "`command` starts with an empty word where a program was expected");
    assert_eq!(error(&place, &["a", "b\0"]), "word 2 of `command` holds a zero byte");
    place.env = vec!["A=1"];
    let message = "`A=1` in `env` names no environment variable: it is empty, or holds `=` or a zero byte";
    assert_eq!(error(&place, &["a"]), message);
}

#[test]
fn endpoints_tell_programs_apart_by_where_they_are() {
    let place = place();
    assert_eq!(place.program(&["grep", "x"]).unwrap().endpoint(), "command:grep");
    assert_eq!(place.program(&["/bin/ls"]).unwrap().endpoint(), "command:/bin/ls");
    let expected = format!("command:{}/bin/x", place.folder.path().display());
    assert_eq!(place.program(&["bin/x"]).unwrap().endpoint(), expected);
}

#[test]
fn the_empty_folder_is_the_current_one() {
    assert_eq!(folder(Path::new("")).unwrap(), env::current_dir().unwrap());
}
