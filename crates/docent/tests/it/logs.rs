//! `docent space logs` against a Hub on loopback: what is there, and what comes while it is followed, each line once,
//! whatever becomes of the connection.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use doubles::{HubDouble, HubFault};
use tempfile::TempDir;

use crate::support::{CAP, docent, eventually};

const SPACE: &str = "reader/rag-chatbot";

/// The command as it runs.
struct Logs {
    child: Child,
    lines: Receiver<String>,
    _folder: TempDir,
}

impl Logs {
    fn start(hub: &HubDouble, words: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut child = docent(folder.path())
            .args(["space", "logs", SPACE])
            .args(words)
            .env("HF_ENDPOINT", hub.base_url())
            .env("HF_TOKEN", HubDouble::TOKEN)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    // Nobody listens any more: the pipe closes.
                    return;
                }
            }
        });
        Self { child, lines, _folder: folder }
    }

    fn follow(hub: &HubDouble, words: &[&str]) -> Self {
        Self::start(hub, &[words, &["--follow", "--poll", "0.01"]].concat())
    }

    /// The next line, which is this one.
    fn prints(&self, line: &str) {
        assert_eq!(self.lines.recv_timeout(CAP).as_deref(), Ok(line));
    }

    /// The exit code and standard error. Nothing more was printed.
    fn ends(mut self) -> (Option<i32>, String) {
        assert_eq!(self.lines.recv_timeout(CAP).ok(), None, "a line too many");
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
        (self.child.wait().expect("an end").code(), said)
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn hub(stages: &[&str]) -> HubDouble {
    let hub = HubDouble::start().await;
    hub.put_space(SPACE, stages);
    hub.keep_logs_open();
    hub.new_log("build");
    hub.new_log("run");
    hub
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_is_followed_to_its_end() {
    let hub = hub(&["BUILDING"]).await;
    hub.log_line("build", "one");
    let logs = Logs::follow(&hub, &["--build"]);
    logs.prints("one");
    hub.log_line("build", "two");
    logs.prints("two");
    hub.log_line("build", "three");
    hub.put_space(SPACE, &["APP_STARTING", "RUNNING"]);
    logs.prints("three");
    let (code, said) = logs.ends();
    assert!(code == Some(0) && said.contains("reader/rag-chatbot is APP_STARTING"), "{code:?} {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_stream_goes_on_without_a_line_twice() {
    let hub = hub(&["RUNNING"]).await;
    hub.log_line("run", "one");
    hub.log_line("run", "one");
    let logs = Logs::follow(&hub, &[]);
    logs.prints("one");
    logs.prints("one");
    hub.fault(HubFault::status("/logs/", 503, "<html>").times(2));
    hub.fault(HubFault::cut("/logs/"));
    hub.cut_logs();
    hub.log_line("run", "two");
    logs.prints("two");
    // A new container begins a new log, and its first line tells.
    hub.new_log("run");
    hub.log_line("run", "again");
    logs.prints("again");
    hub.log_line("run", "three");
    hub.put_space(SPACE, &["SLEEPING"]);
    logs.prints("three");
    let (code, said) = logs.ends();
    assert!(code == Some(0) && said.contains("is SLEEPING"), "{code:?} {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_told_with_its_remedy() {
    let cases = [
        ("BUILD_ERROR", &["--build"][..], "space logs --build` shows all"),
        ("RUNTIME_ERROR", &[], "a variable that is wrong"),
        ("PAUSED", &[], "docent space restart"),
    ];
    for (stage, words, expected) in cases {
        let hub = hub(&[stage]).await;
        hub.error_message("exit code 78");
        let logs = Logs::follow(&hub, words);
        let (code, said) = logs.ends();
        assert!(code == Some(1) && said.contains(expected), "{stage}: {code:?} {said}");
        assert_eq!(said.contains("exit code 78"), stage.ends_with("ERROR"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trying_again_has_an_end() {
    let away = hub(&["RUNNING"]).await;
    away.fault(HubFault::status("/logs/", 503, "the Hub is resting").times(100));
    let (code, said) = Logs::follow(&away, &[]).ends();
    assert!(code == Some(1) && said.contains("503: the Hub is resting"), "{code:?} {said}");
    assert_eq!(away.calls().iter().filter(|call| call.contains("/logs/")).count(), 5);

    let torn = HubDouble::start().await;
    torn.put_space(SPACE, &["RUNNING"]);
    let logs = Logs::follow(&torn, &[]);
    logs.prints("===== Application Startup =====");
    logs.prints("ready at http://localhost:7860");
    let (code, said) = logs.ends();
    assert!(code == Some(1) && said.contains("again and again"), "{code:?} {said}");

    let strange = HubDouble::start().await;
    let (code, said) = Logs::follow(&strange, &[]).ends();
    assert!(code == Some(1) && said.contains("no such Space"), "{code:?} {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_may_stop() {
    let hub = hub(&["RUNNING"]).await;
    hub.log_line("run", "one");
    let mut logs = Logs::follow(&hub, &[]);
    logs.prints("one");
    let interrupted = Command::new("kill").args(["-INT", &logs.child.id().to_string()]).status();
    assert!(interrupted.expect("kill runs").success());
    logs.child.wait().expect("it ends");

    // `docent space logs … | head -1`
    let mut logs = Logs::follow(&hub, &[]);
    logs.prints("one");
    drop(std::mem::replace(&mut logs.lines, channel().1));
    let logs = RefCell::new(logs);
    eventually("the end of the command", || async {
        hub.log_line("run", "more");
        logs.borrow_mut()
            .child
            .try_wait()
            .expect("a child")
            .map(|status| assert!(status.success(), "{status}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_follow_only_what_is_there_is_printed() {
    let hub = HubDouble::start().await;
    hub.put_space(SPACE, &["RUNNING"]);
    let logs = Logs::start(&hub, &[]);
    logs.prints("===== Application Startup =====");
    logs.prints("ready at http://localhost:7860");
    assert_eq!(logs.ends(), (Some(0), String::new()));
    let (code, said) = Logs::start(&hub, &["--poll", "1"]).ends();
    assert!(code == Some(2) && said.contains("--follow"), "{code:?} {said}");
}
