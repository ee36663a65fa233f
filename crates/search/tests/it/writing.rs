//! The file on disk: replaced whole or not at all, whatever fails.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use search::{Index, write_index_file};

use crate::builder;

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.index");
    std::fs::write(&path, "old").unwrap();
    write_index_file(&path, &builder().build()).unwrap();
    assert_eq!(Index::open(&path).unwrap().len(), 5);
    assert_eq!(names(folder.path()), ["book.index"]);
}

#[test]
fn a_streamed_file_has_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.index");
    builder().write_file(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), builder().build());
}

#[test]
fn an_open_index_outlives_its_replacement() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.index");
    write_index_file(&path, &builder().build()).unwrap();
    let old = Index::open(&path).unwrap();
    write_index_file(&path, b"something else").unwrap();
    crate::use_everything(&old);
}

#[test]
fn what_a_killed_writer_left_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".book.index.new-1-0"), "half").unwrap();
    std::fs::write(folder.path().join(".other.index.new-1-0"), "not ours").unwrap();
    let growing = std::fs::File::create(folder.path().join(".book.index.new-2-0")).unwrap();
    growing.lock().unwrap();
    write_index_file(&folder.path().join("book.index"), b"new").unwrap();
    assert_eq!(names(folder.path()), [".book.index.new-2-0", ".other.index.new-1-0", "book.index"]);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let message = write_index_file(Path::new("/nowhere/at/all/book.index"), b"").unwrap_err().to_string();
    assert!(message.contains("/nowhere/at/all"), "{message}");
    assert!(write_index_file(Path::new("/"), b"").is_err());
}

#[test]
fn writers_at_the_same_time_leave_one_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.index");
    let bytes = builder().build();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| write_index_file(&path, &bytes).unwrap()));
        }
    });
    assert_eq!(Index::open(&path).unwrap().len(), 5);
    assert_eq!(names(folder.path()), ["book.index"]);
}

/// Says on the terminal, past the test harness, why a test could not run.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Real kills: this test runs itself again as a writer that never ends, and kills it between and within writes.
#[cfg(unix)]
#[test]
fn a_killed_writer_leaves_a_whole_file() {
    const FOLDER: &str = "DOCENT_TEST_KILLED_WRITER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let bytes = builder().build();
        let mut stdout = std::io::stdout();
        loop {
            write_index_file(&Path::new(&folder).join("book.index"), &bytes).unwrap();
            writeln!(stdout, "written").unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.index");
    for writes in 1..12 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writing::a_killed_writer_leaves_a_whole_file", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        assert_eq!(lines.map_while(Result::ok).filter(|line| line == "written").take(writes).count(), writes);
        writer.kill().unwrap();
        writer.wait().unwrap();
        assert_eq!(Index::open(&path).unwrap().len(), 5);
    }
    write_index_file(&path, &builder().build()).unwrap();
    assert_eq!(names(folder.path()), ["book.index"]);
}

/// A real full disk: a small tmpfs in a mount namespace of its own, in which this test runs itself again.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_file() {
    const DISK: &str = "DOCENT_TEST_FULL_DISK";
    if let Some(disk) = std::env::var_os(DISK) {
        let path = Path::new(&disk).join("book.index");
        write_index_file(&path, &builder().build()).unwrap();
        let message = write_index_file(&path, &vec![1; 1 << 20]).unwrap_err().to_string();
        assert!(message.contains("book.index") && message.contains("No space left"), "{message}");
        assert_eq!(Index::open(&path).unwrap().len(), 5);
        assert_eq!(names(Path::new(&disk)), ["book.index"]);
        println!("held on a full disk");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=256k none "$DOCENT_TEST_FULL_DISK" && exec "$0" --exact writing::a_full_disk_leaves_the_old_file --nocapture"#;
    let run = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(DISK, folder.path())
        .output();
    match run {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("held on a full disk") => {}
        Ok(output) if !String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
            eprintln!(
                "SKIPPED: no small disk can be mounted here: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => skipped(&format!("no small disk can be mounted here: {error}")),
    }
}
