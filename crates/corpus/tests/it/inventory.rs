//! The proof on real builds: what the real tools made of the sites in `tests/sites` was recorded by
//! `tests/sites/build.sh`; what we read of their sources must be the same, page by page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::{Book, BookOptions, read_book};

fn sites() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sites")
}

/// Locale, route and file of a page to its version and anchors.
type Inventory = BTreeMap<(String, String, String), (Option<String>, Vec<String>)>;

fn recorded(name: &str) -> Inventory {
    let path = sites().join(format!("{name}.inventory.json"));
    let text = std::fs::read_to_string(&path).expect("the recorded inventory");
    let pages: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list of pages");
    let text = |page: &serde_json::Value, key: &str| page[key].as_str().unwrap_or_default().to_owned();
    pages
        .iter()
        .map(|page| {
            let anchors = page["anchors"].as_array().expect("anchors");
            let anchors = anchors.iter().map(|anchor| anchor.as_str().expect("a text").to_owned()).collect();
            let version = page["version"].as_str().map(str::to_owned);
            ((text(page, "locale"), text(page, "route"), text(page, "file")), (version, anchors))
        })
        .collect()
}

fn ours(book: &Book) -> Inventory {
    book.pages
        .iter()
        .map(|page| {
            let written = page.file.ends_with(".md") || page.file.ends_with(".mdx");
            let file = if written { page.file.clone() } else { "generated".into() };
            let anchors = page.sections.iter().filter_map(|section| section.anchor.clone()).collect();
            ((page.locale.clone(), page.route.clone(), file), (page.version.clone(), anchors))
        })
        .collect()
}

fn check(name: &str, pages: usize, anchors: usize) {
    let options = BookOptions { blog: true, pages: true, ..BookOptions::default() };
    let book = read_book(&sites().join(name), &options).expect("the site is readable");
    let (expected, found) = (recorded(name), ours(&book));
    let mut differences = Vec::new();
    for key in expected.keys().chain(found.keys()) {
        match (expected.get(key), found.get(key)) {
            (Some(expected), Some(found)) if expected == found => {}
            (expected, found) => {
                differences.push(format!("{key:?}\n  build {expected:?}\n  ours  {found:?}"));
            }
        }
    }
    differences.dedup();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert_eq!(expected.len(), pages);
    assert_eq!(expected.values().map(|(_, anchors)| anchors.len()).sum::<usize>(), anchors);
    assert_eq!(book.pages.len(), pages, "a page is there twice");
}

#[test]
fn a_docusaurus_site_equals_its_build() {
    check("docusaurus", 100, 219);
}

#[test]
fn an_mdbook_equals_its_build() {
    check("mdbook", 8, 47);
}

#[test]
fn a_docusaurus_site_at_the_root_equals_its_build() {
    check("docusaurus-root", 5, 5);
}
