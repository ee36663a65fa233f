//! The program under test, as a child process on a data folder of its own, and what the system says about it: time to
//! health, CPU time, memory, threads.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A start that takes longer has failed.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// A stop that takes longer has failed.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// How a program is started.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The binary.
    pub program: PathBuf,
    /// The book to serve; `None` serves the index that is there.
    pub book: Option<PathBuf>,
    /// Its data folder.
    pub data: PathBuf,
    /// Value of `DOCENT_EMBEDDER`.
    pub embedder: String,
    /// The paced provider; `None` answers by extracts.
    pub provider: Option<SocketAddr>,
    /// Further settings.
    pub more: Vec<(String, String)>,
}

/// A running program; killed when dropped.
pub struct Program {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From just before the process was made to the first 200 of `/api/health`.
    pub healthy_after: Duration,
    log: PathBuf,
}

/// What the system says about a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// CPU time, user and system.
    pub cpu: Duration,
    /// Resident memory now, in bytes.
    pub resident: u64,
    /// Of that, memory that belongs to no file.
    pub anonymous: u64,
    /// Most resident memory since the last [`Program::forget_peak`].
    pub peak: u64,
    /// Threads.
    pub threads: u64,
}

impl Program {
    /// Starts the program and waits until it is healthy.
    ///
    /// # Errors
    /// When it cannot be started or ends early; the last lines of its log are part of the message.
    pub fn start(setup: &Setup) -> Result<Self, String> {
        let began = Instant::now();
        let address = free_address().map_err(|error| format!("no free port: {error}"))?;
        let mut program = Self::launch(setup, address)?;
        while !is_healthy(address) {
            if let Some(words) = program.ended() {
                return Err(format!("the program {words}"));
            }
            if began.elapsed() > START_PATIENCE {
                return Err(format!("the program is not healthy:\n{}", program.last_words()));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        program.healthy_after = began.elapsed();
        Ok(program)
    }

    /// Starts the program on `address` and waits for nothing. Its log goes on where an earlier life's ended.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn launch(setup: &Setup, address: SocketAddr) -> Result<Self, String> {
        let log = setup.data.with_extension("log");
        let output = File::options().create(true).append(true).open(&log);
        let output = output.map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = Command::new(&setup.program);
        command.arg("serve").args(&setup.book);
        command.env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
            .env("HOST", "127.0.0.1")
            .env("PORT", address.port().to_string())
            .env("DOCENT_DATA_DIR", &setup.data)
            .env("DOCENT_EMBEDDER", &setup.embedder)
            // All readers come from one address, and nothing is paid.
            .env("DOCENT_ANSWER_CACHE", "0")
            .env("DOCENT_FOLLOW_UPS", "words")
            .env("DOCENT_ADDRESS_LIMIT", "0")
            .env("DOCENT_DAILY_BUDGET", "0");
        if let Some(provider) = setup.provider {
            command
                .env("GEMINI_API_KEY", "not-a-real-key")
                .env("GEMINI_MODEL", "paced")
                .env("DOCENT_GEMINI_BASE_URL", format!("http://{provider}"));
        }
        command.envs(setup.more.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let child =
            command.spawn().map_err(|error| format!("cannot start {}: {error}", setup.program.display()))?;
        Ok(Self { child, address, healthy_after: Duration::ZERO, log })
    }

    /// How it ended and its last words, when it is over.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("ended with {status}:\n{}", self.last_words()))
    }

    /// What the system says now.
    pub fn usage(&self) -> Usage {
        let id = self.child.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let kib = |name: &str| status_number(&status, name) * 1024;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        Usage {
            cpu: cpu_time(&stat, rustix::param::clock_ticks_per_second()),
            resident: kib("VmRSS"),
            anonymous: kib("RssAnon"),
            peak: kib("VmHWM"),
            threads: status_number(&status, "Threads"),
        }
    }

    /// Starts the peak of resident memory anew; where the system refuses, the peak stays that of the whole life.
    pub fn forget_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
    }

    /// Asks the program to end and waits for it.
    ///
    /// # Errors
    /// When it does not end in order.
    pub fn stop(mut self) -> Result<(), String> {
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < STOP_PATIENCE {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("it ended with {status}:\n{}", self.last_words())),
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err("it did not end when it was asked to".to_owned())
    }

    /// Lines of the log that are warnings or errors.
    pub fn complaints(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines()
            .filter(|line| line.contains("WARN") || line.contains("ERROR"))
            .map(str::to_owned)
            .collect()
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

fn is_healthy(address: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request = format!("GET /api/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

fn status_number(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)); the name before them may hold spaces and brackets.
fn cpu_time(stat: &str, ticks_per_second: u64) -> Duration {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / ticks_per_second.max(1))
}

/// Share of the machine's CPU time that was in use so far, as (busy, all) in ticks.
pub fn machine_ticks() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = stat
        .lines()
        .next()
        .map(|line| line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect())
        .unwrap_or_default();
    let all: u64 = fields.iter().sum();
    let idle: u64 = fields.iter().skip(3).take(2).sum();
    (all - idle, all)
}

/// CPU time of this process so far.
pub fn own_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    cpu_time(&stat, rustix::param::clock_ticks_per_second())
}

/// Raises the limit of open files as far as the system allows, for this process and its children.
pub fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// The binary of the program that was built together with this one.
pub fn beside_us() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.parent().unwrap_or(Path::new(".")).join("docent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_brackets() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 4 0 100 0 0";
        assert_eq!(cpu_time(stat, 100), Duration::from_millis(1750));
        assert_eq!(cpu_time("", 100), Duration::ZERO);
    }

    #[test]
    fn numbers_of_the_status_file_are_found_by_name() {
        let status = "VmRSS:\t   2048 kB\nThreads:\t4\n";
        let check = |name, expected| assert_eq!(status_number(status, name), expected, "{name}");
        check("VmRSS", 2048);
        check("Threads", 4);
        check("Vm", 0);
    }
}
