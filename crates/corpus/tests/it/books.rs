//! Books for tests: written on the spot, or the real sites that developers have beside the checkout.

use std::path::{Path, PathBuf};

use corpus::{Book, BookError, BookOptions, read_book};

/// A book of these files in a folder of its own.
pub struct Written {
    pub folder: tempfile::TempDir,
}

/// Writes files by name and content.
pub fn write(files: &[(&str, &str)]) -> Written {
    let folder = tempfile::tempdir().expect("a folder for the book");
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("the folder is made");
        std::fs::write(path, content).expect("the file is written");
    }
    Written { folder }
}

impl Written {
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn try_read(&self) -> Result<Book, BookError> {
        read_book(self.root(), &BookOptions::default())
    }

    pub fn read(&self) -> Book {
        self.try_read().expect("the book is readable")
    }
}

/// All warnings of a book as lines.
pub fn warnings(book: &Book) -> Vec<String> {
    book.warnings
        .iter()
        .chain(book.pages.iter().flat_map(|page| &page.warnings))
        .map(ToString::to_string)
        .collect()
}

/// A real site of the shared evaluation data; says so when it is not there.
pub fn shared_site(name: &str) -> Option<PathBuf> {
    let path = shared().join("sites").join(name);
    if !path.is_dir() {
        eprintln!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

/// The evaluation data beside the checkout.
pub fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/eval")
}
