//! Bytes that nobody will find again: in memory while they are few, then in a nameless file.

use std::path::Path;

use tempfile::SpooledTempFile;

/// Bytes that never leave the memory.
const IN_MEMORY: usize = 8 * 1024 * 1024;

/// A spool whose file, if there must be one, is in `folder`, or in the system's folder for such files when that one does
/// not exist.
pub(super) fn spool(folder: Option<&Path>) -> SpooledTempFile {
    match folder.filter(|folder| folder.is_dir()) {
        Some(folder) => tempfile::spooled_tempfile_in(IN_MEMORY, folder),
        None => tempfile::spooled_tempfile(IN_MEMORY),
    }
}
