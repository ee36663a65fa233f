//! What a book's files look like from outside, so that a watcher can tell whether to read it again.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use fs_err as fs;
use xxhash_rust::xxh3::Xxh3;

use crate::files::BookFiles;

/// Names, sizes and times of change of all files in a folder, as one number. Equal states mean that nothing was
/// touched; contents are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderState(u128);

/// The state of a folder of a book. Folders and files that [`crate::read_book`] does not look into do not count, nor
/// does what lies in `except`: a program that keeps its own data there would wake itself. A folder that is gone has a
/// state as well.
///
/// Costs one look-up a file: some 10 ms for 2,000 files.
pub fn folder_state(folder: &Path, except: Option<&Path>) -> FolderState {
    let mut hasher = Xxh3::new();
    let except = except.and_then(|path| fs::canonicalize(path).ok());
    if let Ok(files) = BookFiles::new(folder) {
        for file in files.list("", &mut Vec::new()) {
            if except.as_ref().is_some_and(|except| file.real.starts_with(except)) {
                continue;
            }
            hasher.update(file.name.as_bytes());
            let Ok(metadata) = fs::metadata(&file.real) else { continue };
            let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            hasher.update(&metadata.len().to_le_bytes());
            hasher.update(&changed.map_or(0, |time| time.as_nanos()).to_le_bytes());
        }
    }
    FolderState(hasher.digest128())
}

/// Folders of which none lies inside another, in the given order.
pub(crate) fn outermost(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if !kept.iter().any(|other| folder.starts_with(other)) {
            kept.retain(|other| !other.starts_with(folder));
            kept.push(folder.clone());
        }
    }
    kept
}
