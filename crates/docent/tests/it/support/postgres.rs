//! A real Postgres in a folder of its own, with a pooler before it when one is asked for. Both end with the test process,
//! however it ends: a shell beside them waits for its input to close.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use super::{CAP, within_cap};

/// The role that Docent uses, with a password that needs encoding.
const ROLE: &str = "docent";
const PASSWORD: &str = "p@ss:w/rd?";

/// Ends the program when standard input closes: `$1` is the signal, the rest the program.
const WATCH: &str = r##"signal=$1; shift; "$@" & program=$!
{ read -r word; kill -"${word:-$signal}" $program; } 2>/dev/null
wait $program
[ -z "$REMOVE" ] || rm -rf "$REMOVE""##;

/// A database server. It is killed when this is dropped.
pub struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    owner: Option<(u32, u32)>,
    pub port: u16,
    running: Option<Child>,
    /// Whether it takes TLS.
    pub tls: bool,
    /// Its folder goes with it.
    remove: bool,
}

static SHARED: OnceCell<Option<Postgres>> = OnceCell::const_new();
static DATABASES: AtomicUsize = AtomicUsize::new(0);

impl Postgres {
    /// The server that tests share when they do not stop it; `None`, with a word, when no Postgres is installed.
    pub async fn shared() -> Option<&'static Self> {
        // A static is never dropped: whoever ends the server removes its folder.
        SHARED.get_or_init(|| Self::start_and(true)).await.as_ref()
    }

    /// A server of one's own; `None`, with a word, when no Postgres is installed.
    pub async fn start() -> Option<Self> {
        Self::start_and(false).await
    }

    async fn start_and(remove: bool) -> Option<Self> {
        let Some(bin) = installed() else {
            assert!(
                std::env::var("DOCENT_TEST_ALL").as_deref() != Ok("1"),
                "Postgres is required: install the package postgresql"
            );
            let _ = writeln!(std::io::stderr(), "SKIPPED: no Postgres is installed (package postgresql)");
            return None;
        };
        let folder = TempDir::new().expect("a folder");
        let owner = owner();
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group))
                .expect("the folder changes hands");
        }
        let mut server = Self { folder, bin, owner, port: free_port(), running: None, tls: false, remove };
        server.initialise();
        server.go_on().await;
        let admin = server.admin("postgres").await;
        let escaped = PASSWORD.replace('\'', "''");
        admin.batch_execute(&format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{escaped}'")).await.expect("a role");
        Some(server)
    }

    fn initialise(&mut self) {
        let data = self.folder.path().join("data");
        let made = self
            .command("initdb")
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"])
            .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        self.tls = self.certificates().is_some();
    }

    /// An authority and a certificate for `localhost`, made by openssl when it is there.
    fn certificates(&self) -> Option<()> {
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command.current_dir(self.folder.path()).args(arguments.split(' ')).stderr(Stdio::null());
            command.status().ok().filter(std::process::ExitStatus::success).map(|_| ())
        };
        let names = self.folder.path().join("names");
        std::fs::write(&names, "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").ok()?;
        openssl("req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.pem")?;
        openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr")?;
        openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.pem",
        )?;
        let key = self.folder.path().join("server.key");
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).ok()?;
        if let Some((user, group)) = self.owner {
            std::os::unix::fs::chown(&key, Some(user), Some(group)).ok()?;
        }
        Some(())
    }

    /// Starts it, after [`stop`](Self::stop) too, and waits until it answers.
    pub async fn go_on(&mut self) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut settings = vec![
            "fsync=off".to_owned(),
            "max_connections=40".to_owned(),
            "shared_buffers=16MB".to_owned(),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.folder.path().display()),
            format!("port={}", self.port),
            "log_statement=all".to_owned(),
            "log_line_prefix=<%a %d> ".to_owned(),
        ];
        if self.tls {
            settings.extend([
                "ssl=on".to_owned(),
                format!("ssl_cert_file={}", path("server.pem")),
                format!("ssl_key_file={}", path("server.key")),
            ]);
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log");
        let mut watched = self.command("sh");
        watched.args(["-c", WATCH, "sh", "QUIT"]).arg(self.bin.join("postgres"));
        watched.arg("-D").arg(self.folder.path().join("data"));
        for setting in &settings {
            watched.arg("-c").arg(setting);
        }
        watched.env("REMOVE", if self.remove { self.folder.path() } else { Path::new("") });
        watched.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.running = Some(watched.spawn().expect("it starts"));
        within_cap("Postgres is ready", async {
            while self.try_admin("postgres").await.is_none() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    /// Ends it at once, as a crash does: connections break, nothing is tidied up.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.stdin.take());
            let _ = running.wait();
        }
    }

    /// A new empty database and its address for Docent, over TCP without TLS.
    pub async fn database(&self) -> (String, String) {
        let name = format!("book_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let admin = self.admin("postgres").await;
        admin.batch_execute(&format!("CREATE DATABASE {name} OWNER {ROLE}")).await.expect("a database");
        (name.clone(), self.url(&name))
    }

    /// The address of a database for Docent, over TCP without TLS.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{ROLE}:p%40ss%3Aw%2Frd%3F@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs statements as the owner of everything.
    pub async fn execute(&self, database: &str, sql: &str) {
        self.admin(database).await.batch_execute(sql).await.expect(sql);
    }

    /// The first column of every row, as text; nothing when Docent has not made the table yet.
    pub async fn select(&self, database: &str, sql: &str) -> Vec<String> {
        let result = self.admin(database).await.simple_query(sql).await;
        let missing = |error: &tokio_postgres::Error| error.code() == Some(&SqlState::UNDEFINED_TABLE);
        if result.as_ref().err().is_some_and(missing) {
            return Vec::new();
        }
        let rows = result.expect(sql);
        rows.iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
                _ => None,
            })
            .collect()
    }

    /// The contents of all messages in a database, in their order.
    pub async fn contents(&self, database: &str) -> Vec<String> {
        self.select(database, "SELECT content FROM messages ORDER BY created_at, role DESC").await
    }

    /// Statements that Docent sent to a database so far.
    pub fn statements_of_docent(&self, database: &str) -> usize {
        let log = std::fs::read(self.log_file()).expect("the log");
        let log = String::from_utf8_lossy(&log);
        let mark = format!("<docent {database}> LOG:  ");
        log.lines()
            .filter_map(|line| line.strip_prefix(&mark))
            .filter(|line| line.starts_with("execute") || line.starts_with("statement"))
            .count()
    }

    /// Connections of Docent to a database.
    pub async fn connections_of_docent(&self, database: &str) -> String {
        let count = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'docent' AND datname = '{database}'"
        );
        self.select("postgres", &count).await.remove(0)
    }

    /// The file with the authority that signed the server's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A transaction pooler with two connections before this server; `None` when none is installed.
    pub async fn pooler(&self) -> Option<Pooler> {
        let program = Path::new("/usr/sbin/pgbouncer");
        if !program.exists() {
            assert!(
                std::env::var("DOCENT_TEST_ALL").as_deref() != Ok("1"),
                "a pooler is required: install the package pgbouncer"
            );
            let _ = writeln!(std::io::stderr(), "SKIPPED: no pooler is installed (package pgbouncer)");
            return None;
        }
        let port = free_port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user={ROLE} password='{PASSWORD}'\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 2\n",
            self.port
        );
        let file = self.folder.path().join(format!("pooler-{port}.ini"));
        std::fs::write(&file, settings).expect("written");
        let mut watched = self.command("sh");
        watched.args(["-c", WATCH, "sh", "KILL"]).arg(program).arg("-q").arg(&file);
        watched.env("REMOVE", "").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let running = watched.spawn().expect("it starts");
        within_cap("the pooler is ready", async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
        Some(Pooler { running, port })
    }

    /// A connection over the socket.
    async fn admin(&self, database: &str) -> Client {
        self.try_admin(database).await.expect("the server answers")
    }

    async fn try_admin(&self, database: &str) -> Option<Client> {
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.folder.path()).port(self.port).user("postgres").dbname(database);
        config.connect_timeout(CAP);
        let (client, connection) = config.connect(NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
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
        self.stop();
    }
}

/// A pooler. It is killed when this is dropped.
pub struct Pooler {
    running: Child,
    pub port: u16,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.running.stdin.take());
        let _ = self.running.wait();
    }
}

/// The folder with the server's programs, of the newest version.
fn installed() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| entry.ok()?.path().file_name()?.to_str()?.parse::<u32>().ok())
        .map(|version| (version, PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists() && bin.join("postgres").exists())
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

/// Postgres refuses to run as root: the user and group that its package made, when this is root.
fn owner() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse::<u32>().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?))
}

/// A port that nobody listens on just now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("an address").port()
}
