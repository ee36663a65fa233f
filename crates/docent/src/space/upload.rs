//! An exported tree becomes one commit: only what changed travels, and what an earlier export wrote and this one does not is
//! deleted. Files of the author's own in the Space stay.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use serde_json::{Value, json};

use super::export::{Exported, MANIFEST};
use super::hub::{Hub, HubError};

/// Files in one call for upload modes; the Hub takes no more.
const FILES_PER_CALL: usize = 256;

/// The Hub looks at so many bytes to tell text from binary.
const SAMPLE_BYTES: usize = 512;

/// What an upload did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// The last commit: a new one, or the old one when nothing changed.
    pub commit: String,
    /// Files that travelled.
    pub changed: usize,
    /// Files that were there already.
    pub unchanged: usize,
    /// Files that were deleted.
    pub deleted: usize,
}

/// Why an upload failed.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// A file of the tree.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The Hub.
    #[error(transparent)]
    Hub(#[from] HubError),
}

/// Binary files below this size are on their way before anybody has read so.
const WORTH_TELLING: usize = 1_000_000;

/// Uploads the tree in `folder` on top of the commit `parent`. `tell` hears of each large file.
///
/// # Errors
/// See [`UploadError`].
pub async fn upload(
    hub: &Hub,
    id: &str,
    parent: &str,
    (folder, tree): (&Path, &Exported),
    mut tell: impl FnMut(String),
) -> Result<Uploaded, UploadError> {
    let mut paths: Vec<(String, bool)> =
        tree.files.iter().map(|file| (file.path.clone(), file.lfs)).collect();
    paths.push((MANIFEST.to_owned(), false));
    let mut lines = Vec::new();
    let mut changed = 0;
    for chunk in paths.chunks(FILES_PER_CALL) {
        let mut files = Vec::new();
        for (path, ours) in chunk {
            files.push((path, *ours, fs_err::read(folder.join(path))?));
        }
        let asked: Vec<Value> = files
            .iter()
            .map(|(path, _, bytes)| {
                let sample = STANDARD.encode(&bytes[..bytes.len().min(SAMPLE_BYTES)]);
                json!({"path": path, "sample": sample, "size": bytes.len()})
            })
            .collect();
        let modes = hub.upload_modes(id, &asked).await?;
        for (path, ours, bytes) in files {
            let mode = modes.iter().find(|mode| mode.path == *path);
            // An empty file cannot travel by LFS.
            let lfs = (ours || mode.is_some_and(|mode| mode.lfs)) && !bytes.is_empty();
            let oid = if lfs { sha256(&bytes) } else { blob_id(&bytes) };
            if mode.and_then(|mode| mode.remote_oid.as_deref()) == Some(oid.as_str()) {
                continue;
            }
            changed += 1;
            lines.push(if lfs {
                if bytes.len() >= WORTH_TELLING {
                    tell(format!("large file {path}, {:.1} MB", bytes.len() as f64 / 1e6));
                }
                hub.upload_lfs(id, &oid, &bytes).await?;
                json!({"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": bytes.len()}})
            } else {
                json!({"key": "file", "value": {"path": path, "content": STANDARD.encode(&bytes), "encoding": "base64"}})
            });
        }
    }
    let earlier = hub.file(id, MANIFEST).await?.unwrap_or_default();
    let gone: Vec<&str> = earlier
        .lines()
        .filter(|line| !line.is_empty() && !paths.iter().any(|(path, _)| path == line))
        .collect();
    lines.extend(gone.iter().map(|path| json!({"key": "deletedFile", "value": {"path": path}})));
    let (deleted, unchanged) = (gone.len(), paths.len() - changed);
    if lines.is_empty() {
        return Ok(Uploaded { commit: parent.to_owned(), changed, unchanged, deleted });
    }
    let commit = hub.commit(id, parent, &lines).await?;
    Ok(Uploaded { commit, changed, unchanged, deleted })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Git's name for a file's content.
fn blob_id(bytes: &[u8]) -> String {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(format!("blob {}\0", bytes.len()).as_bytes());
    context.update(bytes);
    hex(context.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_named_as_git_and_lfs_name_them() {
        assert_eq!(blob_id(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
