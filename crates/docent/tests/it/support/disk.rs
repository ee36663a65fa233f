//! A small file system in memory, to be filled.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system. It is unmounted when this is dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// Puts a file system of so many KiB under `folder`; `None`, with a word, where that is not allowed.
    pub fn mounted(folder: &Path, kibibytes: u32) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder to mount on");
        let size = format!("size={kibibytes}k");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
        if !mount.is_ok_and(|output| output.status.success()) {
            // Past the test harness, which swallows what a passing test prints.
            let _ = writeln!(std::io::stderr(), "skipped: no file system can be mounted here");
            return None;
        }
        Some(Self(folder.to_owned()))
    }

    /// Fills what is left to the last page.
    pub fn fill(&self) {
        let filler = self.0.join("filler");
        let mut size = 64 * 1024;
        while size > 0 {
            let mut bytes = std::fs::read(&filler).unwrap_or_default();
            let had = bytes.len();
            bytes.resize(had + size, 0);
            if std::fs::write(&filler, &bytes).is_err() {
                let _ = std::fs::write(&filler, &bytes[..had]);
                size /= 2;
            }
        }
    }

    /// Makes room again.
    pub fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("the filler");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
