//! Replaces a file so that readers see the old bytes or the new ones, never a part: write beside, sync, rename, sync
//! the folder.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use fs_err as fs;

use crate::IndexError;

/// Fills a file beside `path` with `write` and renames it to `path`.
///
/// While it is written the file is locked; an unlocked one is what a killed process left behind and is removed. When
/// anything fails the file beside `path` is removed and `path` is as it was.
pub(crate) fn write_beside(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> Result<(), IndexError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not a file name", path.display()))
    })?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".new-");
    remove_abandoned(folder, &prefix);

    let (mut file, beside) = create_locked(folder, &prefix)?;
    let written = write(&mut file).and_then(|()| file.sync_all()).map_err(|error| {
        io::Error::new(error.kind(), format!("could not write {}: {error}", beside.display()))
    });
    let replaced = written.and_then(|()| fs::rename(&beside, path));
    if let Err(error) = replaced {
        let _ = fs::remove_file(&beside);
        return Err(error.into());
    }
    // The rename is on disk only when its folder is.
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// Creates a file with a name of its own and locks it.
fn create_locked(folder: &Path, prefix: &OsString) -> io::Result<(std::fs::File, PathBuf)> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    loop {
        let mut name = prefix.clone();
        name.push(format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        let beside = folder.join(name);
        let created = fs::OpenOptions::new().write(true).create_new(true).open(&beside);
        let file = match created {
            Ok(file) => file.into_parts().0,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        // Another writer may take the file for abandoned before it is locked, and remove it; then there is another
        // name. Some network file systems have no locks, and there nothing is taken for abandoned.
        let is_taken = matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock));
        if !is_taken && beside.exists() {
            return Ok((file, beside));
        }
    }
}

/// Removes what writers that are gone have left in `folder`. Failing at it is no reason not to write.
fn remove_abandoned(folder: &Path, prefix: &OsString) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if !is_ours {
            continue;
        }
        let Ok(file) = fs::OpenOptions::new().write(true).open(entry.path()) else { continue };
        if file.file().try_lock().is_ok() {
            let _ = fs::remove_file(entry.path());
        }
    }
}
