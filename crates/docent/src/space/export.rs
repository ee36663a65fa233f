//! The tree that becomes a Space: Dockerfile and README at its root, the program as sources or as an executable, and the
//! book as text or as an index.
//!
//! The Hub refuses binary files outside of LFS anywhere in the pushed history, so every binary file has its rule in
//! `.gitattributes`. The tree holds no symlink and no hidden file of the author: a `.env` must not leave the machine.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::card::Card;
use crate::config::INDEX_FILE;

/// The Dockerfile of a Space, as it stands in the sources.
pub const DOCKERFILE: &str = include_str!("../../../../huggingface-spaces/Dockerfile");

/// The README of a Space, as it stands in the sources.
pub const README: &str = include_str!("../../../../huggingface-spaces/README.md");

/// Files and folders of a checkout that the image is built from; crates may lack some of the second list.
const SOURCE_FILES: &[&str] = &["Cargo.toml", "Cargo.lock", "LICENSE"];
const CRATE_PARTS: &[&str] = &["Cargo.toml", "build.rs", "src", "benches", "assets", "weights"];

/// Folders beside a book's text that hold no text of the author.
const NOT_THE_BOOK: &[&str] = &["node_modules", "target", "__pycache__"];

/// The Hub takes larger files only by LFS.
const LFS_BYTES: u64 = 10 * 1024 * 1024;

/// Bytes at the head of a file in which a zero byte means: binary. Git looks at as many.
const SAMPLE_BYTES: usize = 8000;

/// The newest C library that the image's Debian has.
const IMAGE_GLIBC: (u32, u32) = (2, 36);

/// Name of the list of what an export wrote, so that the next one can take away what is gone.
pub(super) const MANIFEST: &str = ".docent-space";

/// Where the program of the image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// It is built from a checkout.
    Sources(PathBuf),
    /// It is this executable.
    Executable(PathBuf),
}

/// What the Space answers from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookPart {
    /// A book, which is ingested while the image is built.
    Folder(PathBuf),
    /// An index file.
    Index(PathBuf),
}

/// One file of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedFile {
    /// Path below the tree's root, with `/`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Whether it travels by LFS.
    pub lfs: bool,
}

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// All files, ordered by path.
    pub files: Vec<ExportedFile>,
    /// What was left out, and why.
    pub left_out: Vec<String>,
}

impl Exported {
    /// Size of all files in bytes.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Why a tree could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The folder holds something else.
    #[error("{} holds other files; name a new folder, a clone of the Space, or an earlier export", .0.display())]
    NotEmpty(PathBuf),
    /// No checkout was found.
    #[error(
        "the sources are not here: run this in a checkout of Docent, name one with --source, or upload this executable \
         with --prebuilt"
    )]
    NoSources,
    /// The folder is no checkout.
    #[error("{} is no checkout of Docent: it has no {}", .folder.display(), .missing)]
    NotSources {
        /// What was named.
        folder: PathBuf,
        /// What it lacks.
        missing: &'static str,
    },
    /// The book holds nothing to copy.
    #[error("{} is no folder with text in it", .0.display())]
    NoBook(PathBuf),
    /// The executable cannot run in the image.
    #[error("this executable cannot run in the image: {0}; leave out --prebuilt to build it there")]
    Executable(String),
    /// The README would be refused.
    #[error("the Hub would refuse the README: {}", .0.join("; "))]
    Card(Vec<String>),
}

/// The first folder that is a checkout: the working folder and those above it, then those above the executable.
pub fn find_sources() -> Option<PathBuf> {
    let places = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    places
        .iter()
        .flatten()
        .flat_map(|place| place.ancestors())
        .find(|folder| missing_source(folder).is_none())
        .map(Path::to_path_buf)
}

fn missing_source(folder: &Path) -> Option<&'static str> {
    let needed = ["Cargo.toml", "Cargo.lock", "crates/docent/Cargo.toml", "huggingface-spaces/Dockerfile"];
    needed.into_iter().find(|file| !folder.join(file).is_file())
}

/// Writes the tree into `target`, which is made when it is not there.
///
/// `target` may also be a clone of the Space or an earlier export: what the last export wrote is replaced, and all else is
/// left alone. The work is linear in the bytes that are copied.
///
/// # Errors
/// See [`ExportError`]; nothing is written before the book, the program and the README were found good.
pub fn export(target: &Path, program: &Program, book: &BookPart) -> Result<Exported, ExportError> {
    Card::parse(README).map_err(ExportError::Card)?;
    check_target(target)?;
    let mut tree = Tree::default();
    tree.text("README.md", README);
    tree.text(".dockerignore", ".git\n.gitattributes\n");
    match program {
        Program::Sources(folder) => {
            tree.text("Dockerfile", DOCKERFILE);
            tree.sources(folder, target)?;
        }
        Program::Executable(executable) => {
            runs_in_the_image(executable)?;
            tree.text("Dockerfile", &prebuilt_dockerfile());
            tree.entries.push(("bin/docent".to_owned(), Content::File(executable.clone())));
        }
    }
    match book {
        BookPart::Index(file) => {
            fs_err::metadata(file)?;
            tree.entries.push((format!("book/{INDEX_FILE}"), Content::File(file.clone())));
        }
        BookPart::Folder(folder) => tree.book(folder, target)?,
    }
    tree.write(target)
}

/// The Dockerfile for an executable that is already there: another first stage, the same second one.
pub fn prebuilt_dockerfile() -> String {
    let (_, image) = DOCKERFILE.split_once("\n\n\n").unwrap_or(("", DOCKERFILE));
    let (_, ingest) = DOCKERFILE.split_once("# The index is made here").unwrap_or(("", ""));
    let ingest = ingest.split("\n\n\n").next().unwrap_or_default();
    format!(
        "# A Docker Space with an executable of Docent that was built elsewhere, and one book.\n\n\
         FROM debian:bookworm-slim AS build\n\
         WORKDIR /src\n\n\
         # An upload does not keep the bit that makes a file executable.\n\
         COPY bin/docent target/release/docent\n\
         RUN chmod 755 target/release/docent\n\n\
         # The index is made here{ingest}\n\n\n{image}"
    )
}

fn check_target(target: &Path) -> Result<(), ExportError> {
    let Ok(entries) = fs_err::read_dir(target) else {
        return Ok(());
    };
    let names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    let known = |name: &str| names.iter().any(|found| found == name);
    if names.is_empty() || known(".git") || known(MANIFEST) {
        Ok(())
    } else {
        Err(ExportError::NotEmpty(target.to_path_buf()))
    }
}

enum Content {
    Text(String),
    File(PathBuf),
}

#[derive(Default)]
struct Tree {
    entries: Vec<(String, Content)>,
    left_out: Vec<String>,
}

impl Tree {
    fn text(&mut self, path: &str, text: &str) {
        self.entries.push((path.to_owned(), Content::Text(text.to_owned())));
    }

    fn sources(&mut self, folder: &Path, target: &Path) -> Result<(), ExportError> {
        if let Some(missing) = missing_source(folder) {
            return Err(ExportError::NotSources { folder: folder.to_path_buf(), missing });
        }
        for file in SOURCE_FILES {
            self.entries.push(((*file).to_owned(), Content::File(folder.join(file))));
        }
        self.walk(&folder.join("huggingface-spaces"), "huggingface-spaces", target, &|_| true)?;
        let mut crates: Vec<String> = fs_err::read_dir(folder.join("crates"))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| folder.join("crates").join(name).join("Cargo.toml").is_file())
            .collect();
        crates.sort_unstable();
        for name in crates {
            for part in CRATE_PARTS {
                let (path, below) =
                    (folder.join("crates").join(&name).join(part), format!("crates/{name}/{part}"));
                if path.is_file() {
                    self.entries.push((below, Content::File(path)));
                } else if path.is_dir() {
                    self.walk(&path, &below, target, &|_| true)?;
                }
            }
        }
        Ok(())
    }

    fn book(&mut self, folder: &Path, target: &Path) -> Result<(), ExportError> {
        if !folder.is_dir() {
            return Err(ExportError::NoBook(folder.to_path_buf()));
        }
        let before = self.entries.len();
        let built = folder.join("build");
        let is_site = folder.join("package.json").is_file();
        self.walk(folder, "book", target, &|path| !(is_site && path == built))?;
        // A picture says nothing to a search, and the Hub wants it elsewhere.
        let mut pictures = 0;
        let mut kept = self.entries.split_off(before);
        kept.retain(|(_, content)| {
            let binary = matches!(content, Content::File(path) if is_binary(path).unwrap_or(true));
            pictures += usize::from(binary);
            !binary
        });
        self.entries.extend(kept);
        if pictures > 0 {
            self.left_out.push(format!("{pictures} binary files of the book, such as pictures"));
        }
        if self.entries.len() == before {
            return Err(ExportError::NoBook(folder.to_path_buf()));
        }
        Ok(())
    }

    /// Adds all files below `folder` under `below`, without hidden ones and symlinks.
    fn walk(
        &mut self,
        folder: &Path,
        below: &str,
        target: &Path,
        wanted: &dyn Fn(&Path) -> bool,
    ) -> Result<(), ExportError> {
        let mut entries = fs_err::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_unstable_by_key(fs_err::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                self.left_out.push(format!("{}: its name is not UTF-8", path.display()));
                continue;
            };
            let is_target = || {
                let same = |path: &Path| path.canonicalize().ok();
                same(target).is_some() && same(target) == same(&path)
            };
            if name.starts_with('.') || NOT_THE_BOOK.contains(&name.as_str()) || !wanted(&path) || is_target()
            {
                continue;
            }
            let kind: Metadata = fs_err::symlink_metadata(&path)?;
            let inside = format!("{below}/{name}");
            if kind.is_symlink() {
                self.left_out.push(format!("{inside}: a symlink"));
            } else if kind.is_dir() {
                self.walk(&path, &inside, target, wanted)?;
            } else if kind.is_file() {
                self.entries.push((inside, Content::File(path)));
            }
        }
        Ok(())
    }

    fn write(mut self, target: &Path) -> Result<Exported, ExportError> {
        let mut lfs = BTreeSet::new();
        for (path, content) in &self.entries {
            if let Content::File(file) = content
                && (fs_err::metadata(file)?.len() > LFS_BYTES || is_binary(file)?)
            {
                lfs.insert(path.clone());
            }
        }
        let rules: String =
            lfs.iter().map(|path| format!("{path} filter=lfs diff=lfs merge=lfs -text\n")).collect();
        self.text(".gitattributes", &rules);
        self.entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        forget_last_export(target)?;
        let mut files = Vec::new();
        for (path, content) in &self.entries {
            let to = target.join(path);
            if let Some(folder) = to.parent() {
                fs_err::create_dir_all(folder)?;
            }
            let size = match content {
                Content::Text(text) => {
                    fs_err::write(&to, text)?;
                    text.len() as u64
                }
                Content::File(from) => fs_err::copy(from, &to)?,
            };
            files.push(ExportedFile { path: path.clone(), size, lfs: lfs.contains(path) });
        }
        let mut manifest = fs_err::File::create(target.join(MANIFEST))?;
        for file in &files {
            writeln!(manifest, "{}", file.path)?;
        }
        Ok(Exported { files, left_out: self.left_out })
    }
}

/// Removes the files that the manifest of an earlier export names. A name that leads out of the folder is not followed.
fn forget_last_export(target: &Path) -> Result<(), ExportError> {
    let Ok(manifest) = fs_err::read_to_string(target.join(MANIFEST)) else {
        return Ok(());
    };
    for line in
        manifest.lines().filter(|line| !line.split('/').any(|piece| piece == ".." || piece.is_empty()))
    {
        let _ = fs_err::remove_file(target.join(line));
    }
    Ok(())
}

/// Whether the Hub would call a file binary.
fn is_binary(path: &Path) -> Result<bool, std::io::Error> {
    use std::io::Read as _;
    let mut head = Vec::with_capacity(SAMPLE_BYTES);
    fs_err::File::open(path)?.take(SAMPLE_BYTES as u64).read_to_end(&mut head)?;
    let cut_character =
        |error: std::str::Utf8Error| error.error_len().is_none() && head.len() == SAMPLE_BYTES;
    Ok(head.contains(&0) || std::str::from_utf8(&head).is_err_and(|error| !cut_character(error)))
}

/// An ELF file for 64-bit x86 that wants no newer C library than the image has.
fn runs_in_the_image(executable: &Path) -> Result<(), ExportError> {
    let bytes = fs_err::read(executable)?;
    if bytes.get(..5) != Some(b"\x7fELF\x02") || bytes.get(18..20) != Some(&[62, 0]) {
        return Err(ExportError::Executable("it is not for Linux on 64-bit x86".to_owned()));
    }
    match newest_glibc(&bytes) {
        Some(wanted) if wanted > IMAGE_GLIBC => Err(ExportError::Executable(format!(
            "it wants the C library {}.{}, and the image has {}.{}",
            wanted.0, wanted.1, IMAGE_GLIBC.0, IMAGE_GLIBC.1
        ))),
        _ => Ok(()),
    }
}

/// The newest version among the names `GLIBC_2.n` of an executable's symbol table.
fn newest_glibc(bytes: &[u8]) -> Option<(u32, u32)> {
    const NAME: &[u8] = b"\0GLIBC_";
    let places = bytes.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    places
        .filter_map(|(place, _)| {
            let text = bytes[place + NAME.len()..].split(|byte| *byte == 0).next()?;
            let (major, minor) = std::str::from_utf8(text).ok()?.split_once('.')?;
            let minor = minor.split('.').next()?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_c_library_is_read() {
        assert_eq!(newest_glibc(b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0"), Some((2, 34)));
        assert_eq!(newest_glibc(b"no symbols"), None);
    }

    #[test]
    fn the_second_dockerfile_differs_only_before_the_image() {
        let prebuilt = prebuilt_dockerfile();
        let image = |text: &str| text.split_once("\n\n\n").map(|(_, image)| image.to_owned());
        assert_eq!(image(&prebuilt), image(DOCKERFILE));
        assert!(prebuilt.contains("docent ingest book") && !prebuilt.contains("cargo"), "{prebuilt}");
    }
}
