//! The files of a book: listing a folder and reading from it without ever leaving the folders that belong
//! to the book, whatever links and `..` in the text say. Each real file is seen once.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use fs_err as fs;

use crate::Warning;

/// Longest file that is read, in bytes; a page of 5 MB is a generated dump, not a page.
const MAX_FILE_BYTES: u64 = 5 * 1024 * 1024;
/// Folders at the top of a repository that hold generated files; deeper down they are ordinary names.
const OUTPUT_FOLDERS: [&str; 3] = ["build", "dist", "target"];

/// The folders that belong to one book.
#[derive(Debug)]
pub(crate) struct BookFiles {
    /// The folder that the author named; file names are relative to it.
    root: PathBuf,
    /// The real folders in which files may lie: the root and what its configuration names beside it.
    allowed: Vec<PathBuf>,
}

/// One file of the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BookFile {
    /// Relative to the book's root, `/` separators.
    pub(crate) name: String,
    /// Relative to the folder that was listed, `/` separators.
    pub(crate) inner: String,
    /// The file itself, all links followed.
    pub(crate) real: PathBuf,
    path: PathBuf,
}

impl BookFiles {
    pub(crate) fn new(root: &Path) -> std::io::Result<Self> {
        let real = fs::canonicalize(root)?;
        Ok(Self { root: root.to_owned(), allowed: vec![real] })
    }

    /// Admits a folder beside the root, because the site's own configuration names it.
    pub(crate) fn allow(&mut self, folder: &str) {
        if let Ok(real) = fs::canonicalize(self.root.join(folder))
            && !self.allowed.iter().any(|allowed| real.starts_with(allowed))
        {
            self.allowed.push(real);
        }
    }

    /// The real folders that belong to the book, the root first.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.allowed
    }

    pub(crate) fn is_folder(&self, folder: &str) -> bool {
        self.root.join(folder).is_dir()
    }

    pub(crate) fn is_file(&self, name: &str) -> bool {
        self.root.join(name).is_file()
    }

    /// The real path of `path` when it lies inside the book.
    fn admit(&self, path: &Path) -> Option<PathBuf> {
        let real = fs::canonicalize(path).ok()?;
        self.allowed.iter().any(|allowed| real.starts_with(allowed)).then_some(real)
    }

    /// All files below `folder` (relative to the root, `""` for the root), ordered by name.
    ///
    /// Hidden folders, dependencies and build output are left out. Links are followed inside the book.
    pub(crate) fn list(&self, folder: &str, warnings: &mut Vec<Warning>) -> Vec<BookFile> {
        let mut files = Vec::new();
        let mut seen = HashSet::new();
        let top = if folder.is_empty() { self.root.clone() } else { self.root.join(folder) };
        let mut open = vec![(top, folder.to_owned(), String::new())];
        while let Some((path, name, inner)) = open.pop() {
            let Some(real) = self.admit(&path) else {
                warnings.push(Warning::file(&name, "links to a place outside the book; it was left out"));
                continue;
            };
            if !seen.insert(real) {
                continue;
            }
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) => {
                    warnings.push(Warning::file(&name, &format!("cannot be listed: {}", plain(&error))));
                    continue;
                }
            };
            // Links last: a file that is reachable under its own name keeps that name.
            let mut entries: Vec<_> = entries.flatten().collect();
            entries.sort_by_key(|entry| {
                (entry.file_type().is_ok_and(|kind| kind.is_symlink()), entry.file_name())
            });
            for entry in entries {
                let file_name = entry.file_name().to_string_lossy().into_owned();
                let path = entry.path();
                let name = join(&name, &file_name);
                let inner = join(&inner, &file_name);
                let Ok(kind) = fs::metadata(&path) else {
                    if entry.file_type().is_ok_and(|kind| kind.is_symlink()) && is_markdown(&file_name) {
                        warnings.push(Warning::file(&name, "is a link that leads nowhere; it was left out"));
                    }
                    continue;
                };
                if kind.is_dir() {
                    let output = !name.contains('/') && OUTPUT_FOLDERS.contains(&file_name.as_str());
                    if !file_name.starts_with('.') && file_name != "node_modules" && !output {
                        open.push((path, name, inner));
                    }
                } else if kind.is_file() {
                    match self.admit(&path) {
                        Some(real) => {
                            let is_new = seen.insert(real.clone());
                            if is_new {
                                files.push(BookFile { name, inner, real, path });
                            }
                        }
                        None if is_markdown(&file_name) => {
                            warnings.push(Warning::file(
                                &name,
                                "links to a place outside the book; it was left out",
                            ));
                        }
                        None => {}
                    }
                }
            }
        }
        files.sort_by(|left, right| left.name.cmp(&right.name));
        files
    }

    /// Reads a listed file.
    pub(crate) fn read(&self, file: &BookFile, warnings: &mut Vec<Warning>) -> Option<String> {
        self.read_path(&file.path, &file.name, warnings)
    }

    /// Reads a file by its name relative to the root; `None` without a word when there is none.
    pub(crate) fn read_named(&self, name: &str, warnings: &mut Vec<Warning>) -> Option<String> {
        let path = self.root.join(name);
        if !path.is_file() {
            return None;
        }
        self.admit(&path)?;
        self.read_path(&path, name, warnings)
    }

    fn read_path(&self, path: &Path, name: &str, warnings: &mut Vec<Warning>) -> Option<String> {
        let size = match fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) => {
                warnings.push(Warning::file(name, &format!("cannot be read: {}", plain(&error))));
                return None;
            }
        };
        if size > MAX_FILE_BYTES {
            let message = format!(
                "is {:.1} MB, more than the {} MB a page may have; it was skipped, split it to have it read",
                size as f64 / 1_048_576.0,
                MAX_FILE_BYTES / 1_048_576
            );
            warnings.push(Warning::file(name, &message));
            return None;
        }
        match fs::read(path) {
            Ok(bytes) => Some(match String::from_utf8(without_mark(bytes)) {
                Ok(text) => text,
                Err(error) => {
                    let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
                        .iter()
                        .filter(|&&byte| byte == b'\n')
                        .count();
                    warnings.push(Warning {
                        file: name.to_owned(),
                        line,
                        message: "is not valid UTF-8 from here on; unreadable bytes were replaced, save it as UTF-8"
                            .into(),
                    });
                    String::from_utf8_lossy(error.as_bytes()).into_owned()
                }
            }),
            Err(error) => {
                warnings.push(Warning::file(name, &format!("cannot be read: {}", plain(&error))));
                None
            }
        }
    }

    /// The name, relative to the root, of the file that `target` means when it is written in a file of
    /// `folder`; an error says why not.
    pub(crate) fn resolve(&self, folder: &str, target: &str) -> Result<String, &'static str> {
        let name = normalise(&join(folder, target));
        let path = self.root.join(&name);
        if !path.exists() {
            // Said before the existence is looked up outside, so that nothing about the disk is told.
            if name.starts_with("../") && self.allowed.len() == 1 || target.starts_with('/') {
                return Err("lies outside the book; it was left out");
            }
            return Err("was not found; its text is missing");
        }
        match self.admit(&path) {
            None => Err("lies outside the book; it was left out"),
            Some(real) if real.is_file() => Ok(name),
            Some(_) => Err("is not a file; its text is missing"),
        }
    }
}

/// The bytes without the mark U+FEFF that Windows editors put at the start: it belongs to no text, and JSON and TOML
/// with it are refused.
fn without_mark(mut bytes: Vec<u8>) -> Vec<u8> {
    const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
    if bytes.starts_with(&MARK) {
        bytes.drain(..MARK.len());
    }
    bytes
}

/// Whether a file name ends as Docusaurus wants its pages: `.md` or `.mdx`, in lower case.
pub(crate) fn is_markdown(name: &str) -> bool {
    name.ends_with(".md") || name.ends_with(".mdx")
}

/// `folder/name`, or `name` at the root.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() || folder == "." { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The folder of a file name; `""` at the root.
pub(crate) fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Takes `.` and `..` out of a path; leading `..` stay.
pub(crate) fn normalise(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            Component::ParentDir => parts.push(".."),
            Component::Normal(part) => parts.push(part.to_str().unwrap_or_default()),
            _ => {}
        }
    }
    parts.join("/")
}

/// The reason without the path, which the warning names already.
fn plain(error: &std::io::Error) -> String {
    use std::error::Error;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
