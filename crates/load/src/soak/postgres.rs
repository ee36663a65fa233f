//! A real Postgres for the soak, in a folder of its own, that can be killed and started again. It ends with this process,
//! however that ends: a shell beside it waits for its input to close.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::program::free_address;

/// Ends the server when standard input closes, as a crash does: connections break, nothing is tidied up.
const WATCH: &str = r#""$@" & server=$!; { read -r word; kill -QUIT $server; } 2>/dev/null; wait $server"#;

/// A start, recovery included, that takes longer has failed.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// The database server.
pub struct Postgres {
    folder: tempfile::TempDir,
    bin: PathBuf,
    /// User and group that run it, when this is root, which Postgres refuses to run as.
    owner: Option<(u32, u32)>,
    /// Where it listens.
    pub address: SocketAddr,
    running: Option<Child>,
}

impl Postgres {
    /// Starts a server on a new, empty database; `None` when no Postgres is installed.
    ///
    /// # Errors
    /// When it is installed and cannot be started.
    pub async fn start() -> Result<Option<Self>, String> {
        let Some(bin) = installed() else { return Ok(None) };
        let words = |error: std::io::Error| format!("Postgres: {error}");
        let folder = crate::temporary_folder()?;
        let owner = owner();
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).map_err(words)?;
        }
        let address = free_address().map_err(words)?;
        let mut server = Self { folder, bin, owner, address, running: None };
        let made = server
            .command("initdb")
            .arg("-D")
            .arg(server.folder.path().join("data"))
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "--auth=trust"])
            .output()
            .map_err(words)?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }
        server.go_on().await?;
        Ok(Some(server))
    }

    /// Starts it, after [`kill`](Self::kill) too, and waits until it answers.
    ///
    /// # Errors
    /// When it does not answer for a long time.
    pub async fn go_on(&mut self) -> Result<(), String> {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.map_err(|error| format!("Postgres: {error}"))?;
        let settings = [
            "fsync=off".to_owned(),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.folder.path().display()),
            format!("port={}", self.address.port()),
        ];
        let mut watched = self.command("sh");
        watched.args(["-c", WATCH, "sh"]).arg(self.bin.join("postgres"));
        watched.arg("-D").arg(self.folder.path().join("data"));
        settings.iter().for_each(|setting| {
            watched.arg("-c").arg(setting);
        });
        watched.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.running = Some(watched.spawn().map_err(|error| format!("Postgres: {error}"))?);
        let began = Instant::now();
        while self.select("SELECT 1").is_none() {
            if began.elapsed() > START_PATIENCE {
                return Err("Postgres does not answer after its start".to_owned());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Ends it at once.
    pub async fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        drop(running.stdin.take());
        while running.try_wait().is_ok_and(|status| status.is_none()) {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Address for the program, through `gate`.
    pub fn url(gate: SocketAddr) -> String {
        format!("postgresql://postgres:none@{gate}/postgres")
    }

    /// What one statement prints, asked over the socket; `None` when the server does not answer or the statement fails.
    pub fn select(&self, sql: &str) -> Option<String> {
        let mut psql = self.command("psql");
        psql.arg("-h").arg(self.folder.path()).arg("-p").arg(self.address.port().to_string());
        let output = psql.args(["-U", "postgres", "-XAtqc", sql]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A command that runs as whoever may run Postgres.
    fn command(&self, program: &str) -> Command {
        let beside = self.bin.join(program);
        let mut command = Command::new(if beside.exists() { beside } else { PathBuf::from(program) });
        command.current_dir(self.folder.path());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.stdin.take());
            let _ = running.wait();
        }
    }
}

/// The folder with the server's programs, of the newest version, as Debian installs it.
fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let found = versions.filter_map(|entry| {
        let folder = entry.ok()?.path();
        let bin = folder.join("bin");
        (bin.join("initdb").exists() && bin.join("postgres").exists()).then_some((number(&folder)?, bin))
    });
    found.max().map(|(_, bin)| bin)
}

fn owner() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse::<u32>().ok()
    };
    (id(&["-u"])? == 0).then_some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?))
}
