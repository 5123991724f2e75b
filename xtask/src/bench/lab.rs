//! Builds what is measured, and runs it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Where binaries, peers and scratch files are.
pub struct Lab {
    target: PathBuf,
    /// A folder on the disk that is measured.
    pub scratch: PathBuf,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Runs a command to its end and hands back what it printed.
fn output(command: &mut Command) -> Result<String, String> {
    let ran = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !ran.status.success() {
        return Err(format!("{command:?}: {}\n{}", ran.status, String::from_utf8_lossy(&ran.stderr)));
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

impl Lab {
    /// Builds the workload and the binary, optimised, and an empty scratch folder beside them.
    pub fn set_up() -> Result<Self, String> {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--release", "--locked", "--quiet"]);
        cargo.args([
            "--package",
            "comity-testkit",
            "--bin",
            "bench-path",
            "--bin",
            "bench-ledger",
            "--package",
            "comity-cli",
            "--bin",
            "comity",
        ]);
        if !cargo.status().map_err(text)?.success() {
            return Err("the workload does not build".to_owned());
        }
        let scratch = target.join("bench").join("scratch");
        let lab = Self { target, scratch };
        lab.clear()?;
        Ok(lab)
    }

    /// Empties the scratch folder.
    pub fn clear(&self) -> Result<(), String> {
        if self.scratch.exists() {
            std::fs::remove_dir_all(&self.scratch).map_err(text)?;
        }
        std::fs::create_dir_all(&self.scratch).map_err(text)
    }

    /// The optimised `comity`.
    pub fn comity(&self) -> PathBuf {
        self.target.join("release").join("comity")
    }

    /// One workload, in a process and a folder of its own; what it measured.
    pub fn work(&self, arguments: &[&str]) -> Result<Value, String> {
        self.clear()?;
        self.work_here(arguments)
    }

    /// One workload, in the folder as the last one left it.
    pub fn work_here(&self, arguments: &[&str]) -> Result<Value, String> {
        self.run("bench-path", arguments)
    }

    /// One workload of the ledger, in a process of its own.
    pub fn ledger(&self, arguments: &[&str]) -> Result<Value, String> {
        self.run("bench-ledger", arguments)
    }

    fn run(&self, binary: &str, arguments: &[&str]) -> Result<Value, String> {
        let out = output(Command::new(self.target.join("release").join(binary)).args(arguments))?;
        serde_json::from_str(out.trim()).map_err(|error| format!("{arguments:?} printed `{out}`: {error}"))
    }

    /// How many fsync and fdatasync calls a workload makes.
    pub fn syncs(&self, arguments: &[&str]) -> Result<u64, String> {
        self.clear()?;
        let shim = self.target.join("bench").join("sync_count.so");
        output(
            Command::new("cc")
                .args(["-shared", "-fPIC", "-O2", "-o"])
                .arg(&shim)
                .args(["bench/sync_count.c", "-ldl"]),
        )?;
        let counts = self.target.join("bench").join("syncs.txt");
        std::fs::write(&counts, "").map_err(text)?;
        let mut work = Command::new(self.target.join("release").join("bench-path"));
        output(work.args(arguments).env("LD_PRELOAD", &shim).env("SYNC_COUNT_FILE", &counts))?;
        let counted = std::fs::read_to_string(&counts).map_err(text)?;
        let numbers =
            counted.split_whitespace().filter_map(|word| word.split_once('=')?.1.parse::<u64>().ok());
        Ok(numbers.sum())
    }

    /// Wall time and peak memory of a command: the best of ten.
    pub fn start_up(&self, arguments: &[&str]) -> Result<(Duration, f64), String> {
        let mut best = Duration::MAX;
        for _ in 0..10 {
            let start = Instant::now();
            output(Command::new(self.comity()).args(arguments))?;
            best = best.min(start.elapsed());
        }
        let script = "import resource,subprocess,sys\nsubprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,check=True)\n\
                      print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
        let peak = output(Command::new("python3").args(["-c", script]).arg(self.comity()).args(arguments))?;
        Ok((best, peak.trim().parse::<f64>().map_err(text)? / 1024.0))
    }

    /// A peer's own lines, in an environment of its own that is made at the first use.
    pub fn peer(&self, name: &str, script: &str, requirements: &str) -> Result<Vec<Value>, String> {
        let home = self.target.join("bench").join(name);
        let python = home.join("bin").join("python");
        if !python.exists() {
            eprintln!("making an environment for {name}");
            output(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
            let pip = ["-m", "pip", "install", "--quiet", "-r", requirements];
            output(Command::new(&python).args(pip).current_dir("bench/peers"))?;
        }
        self.clear()?;
        let scratch = std::path::absolute(&self.scratch).map_err(text)?;
        let mut command = Command::new(std::path::absolute(&python).map_err(text)?);
        command.arg(script).arg(scratch).env("MESHFLOW_MOCK", "1").current_dir("bench/peers");
        let out = output(&mut command)?;
        Ok(out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Where a family's figures are written.
    pub fn report(&self, name: &str) -> PathBuf {
        Path::new(&self.target).join("bench").join(format!("{name}.json"))
    }
}

/// A number in a measurement.
pub fn number(line: &Value, key: &str) -> f64 {
    line.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN)
}
