//! The program itself, in a folder of its own and with an environment of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use super::CAP;

/// The program with nothing in its environment but what a test wants: words only, data below `folder`.
pub fn docent(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docent"));
    command
        .current_dir(folder)
        .env_clear()
        .env("DOCENT_EMBEDDER", "none")
        .env("DOCENT_ANSWER_CACHE", "0")
        .env("DOCENT_FOLLOW_UPS", "words")
        .env("HOST", "127.0.0.1")
        .env("PORT", "0")
        .stdin(Stdio::null());
    command
}

/// How a run ended.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs to the end.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the program runs");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    }
}

/// A program that runs on. It is killed when it is dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    /// Lines of standard error so far.
    seen: Vec<String>,
}

impl Running {
    /// Starts it and collects its standard error.
    pub fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits for the server to be ready and returns its address.
    pub fn url(&mut self) -> String {
        let line = self.line_with("ready at http://");
        let (_, address) = line.split_once("ready at ").expect("just found");
        address.split_whitespace().next().expect("an address").to_owned()
    }

    /// A line on standard error that holds `words`, one that was seen already or the next.
    pub fn any_line_with(&mut self, words: &str) -> String {
        let seen = self.seen.iter().find(|line| line.contains(words)).cloned();
        seen.unwrap_or_else(|| self.line_with(words))
    }

    /// Waits for the next line on standard error that holds `words`.
    pub fn line_with(&mut self, words: &str) -> String {
        let deadline = Instant::now() + CAP;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(_) => panic!("no line with '{words}'; standard error:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// SIGTERM, as a host sends it.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// SIGINT, as Ctrl-C sends it.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// SIGKILL: no chance to tidy up.
    pub fn kill(&mut self) {
        self.child.kill().expect("it still runs");
        let _ = self.child.wait();
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + CAP;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end; standard error:\n{}", self.seen.join("\n"));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
