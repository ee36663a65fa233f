//! Input that nobody should have written, and books that are broken: a value and a warning, never a panic,
//! and no more time than the text is long.

use corpus::{BookError, BookOptions, ChunkOptions, chunk_page, read_book, read_page};

use crate::books::{warnings, write};

#[test]
fn missing_wrong_and_empty_folders_are_named() {
    let book = write(&[("a.txt", "no page")]);
    assert!(matches!(book.try_read(), Err(BookError::Empty(_))));
    let missing = book.root().join("nowhere");
    let error = read_book(&missing, &BookOptions::default()).expect_err("there is no folder");
    assert!(matches!(error, BookError::Missing(_)) && error.to_string().contains("nowhere"));
    let file = book.root().join("a.txt");
    assert!(matches!(read_book(&file, &BookOptions::default()), Err(BookError::NotAFolder(_))));
}

#[test]
fn a_file_of_50_mb_is_skipped_by_name_and_size() {
    let book = write(&[("docs/good.md", "# Good"), ("docs/huge.md", &"x".repeat(50 * 1024 * 1024))]);
    let read = book.read();
    assert_eq!(read.pages.len(), 1);
    let warnings = warnings(&read);
    assert!(warnings[0].contains("docs/huge.md") && warnings[0].contains("50.0 MB"), "{warnings:?}");
}

#[test]
fn invalid_utf8_is_read_with_a_warning() {
    let book = write(&[("docs/a.md", "")]);
    std::fs::write(book.root().join("docs/a.md"), b"# A\n\ncaf\xe9 au lait").expect("written");
    let read = book.read();
    assert_eq!(read.pages[0].sections[0].blocks[0].text, "caf\u{fffd} au lait");
    assert!(warnings(&read)[0].starts_with("docs/a.md:3: is not valid UTF-8"), "{:?}", warnings(&read));
}

#[cfg(unix)]
#[test]
fn links_are_followed_inside_the_book_only() {
    use std::os::unix::fs::symlink;
    let outside = write(&[("secret.md", "# Secret")]);
    let book = write(&[("docs/a.md", "# A"), ("docs/sub/b.md", "# B")]);
    let docs = book.root().join("docs");
    symlink(&docs, docs.join("sub/loop")).expect("a loop");
    symlink(docs.join("sub"), docs.join("again")).expect("a second way");
    symlink(outside.root().join("secret.md"), docs.join("secret.md")).expect("a way out");
    symlink(outside.root(), docs.join("outside")).expect("a way out");
    symlink(docs.join("nothing.md"), docs.join("dead.md")).expect("a dead end");
    let read = book.read();
    let files: Vec<&str> = read.pages.iter().map(|page| page.file.as_str()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    let warnings = warnings(&read).join("\n");
    for file in ["docs/secret.md", "docs/outside", "docs/dead.md"] {
        assert!(warnings.contains(file), "{warnings}");
    }
}

#[test]
fn partials_cannot_leave_the_book_and_circles_are_cut() {
    let outside = write(&[("secret.mdx", "the secret")]);
    let secret = outside.root().join("secret.mdx");
    let page = format!(
        "import A from '../../../../../../../../{}'\nimport B from './_b.mdx'\nimport C from './_gone.mdx'\n\n<A/>\n\n<B/>\n\n<C/>\n\nEnd.",
        secret.display()
    );
    let book = write(&[
        ("docs/page.md", &page),
        ("docs/_b.mdx", "import C from './_c.mdx'\n\nIn b.\n\n<C/>"),
        ("docs/_c.mdx", "import B from './_b.mdx'\n\nIn c.\n\n<B/>"),
    ]);
    let read = book.read();
    let text = read.pages[0].sections[0].text();
    assert_eq!(text, "In b.\n\nIn c.\n\nEnd.");
    let warnings = warnings(&read).join("\n");
    for part in ["outside the book", "takes itself in", "_gone.mdx` was not found"] {
        assert!(warnings.contains(part), "{warnings}");
    }
}

#[test]
fn includes_cannot_leave_the_book() {
    let outside = write(&[("secret.txt", "the secret")]);
    let absolute = outside.root().join("secret.txt");
    let chapter = format!(
        "A {{{{#include ../../../../../../../../..{0}}}}} B {{{{#include {0}}}}} C {{{{#include gone.txt}}}} {{{{#include part.txt:2}}}}",
        absolute.display()
    );
    let book = write(&[
        ("src/SUMMARY.md", "- [A](a.md)\n- [Out](../../x.md)"),
        ("src/a.md", &chapter),
        ("src/part.txt", "1\n2\n"),
    ]);
    let read = book.read();
    assert_eq!(read.pages[0].sections[0].text(), "A  B  C  2");
    let warnings = warnings(&read).join("\n");
    assert!(warnings.contains("outside the book") && warnings.contains("SUMMARY.md:2"), "{warnings}");
}

#[test]
fn two_pages_with_one_route_are_kept_and_named() {
    let book = write(&[("docs/a.md", "---\nslug: /x\n---\nA"), ("docs/b.md", "---\nslug: /x\n---\nB")]);
    let read = book.read();
    assert_eq!(read.pages.len(), 2);
    assert!(
        warnings(&read)[0].contains("docs/b.md: has the route /docs/x of docs/a.md"),
        "{:?}",
        warnings(&read)
    );
}

/// Each of these once made some Markdown reader quadratic; here they must end before the test's patience does.
#[test]
fn repeated_signs_are_read_to_the_end() {
    let read = |source: &str| {
        let page = read_page("docs/a.mdx", source);
        chunk_page(&page, &ChunkOptions::default());
    };
    for piece in [
        "{",
        "}",
        "<",
        "<a ",
        "<a b='",
        "<a {",
        "{`${",
        "<!--",
        "`",
        "``` ",
        "$",
        "$$",
        "[",
        "![",
        "](",
        "*a ",
        "_",
        "> ",
        "- ",
        "1. ",
        "#",
        "# a\n",
        "\n",
        "\t",
        "|",
        "| a ",
        "|-",
        "import ",
        "import {\n\n",
        "export const a = {\n\n",
        ":::note\n",
        ":::",
        "<T>",
        "</T>",
        "<Tabs>\n",
        "<script>",
        "<h2>",
        "<CodeBlock>",
        "&",
        "&amp",
        "\\",
        "<details>\n\n",
        "```\n",
        "~~~~\n",
        "- a\n  ",
        "\u{301}",
        "a.",
        "。",
        "---\n",
        "[^a]: ",
        "[a]: ",
        "{/*",
        "<>",
        "a:b ",
        "\0",
    ] {
        read(&piece.repeat(30_000 / piece.len()));
        read(
            &format!(
                "{piece}
"
            )
            .repeat(10_000),
        );
    }
}

#[test]
fn ten_thousand_headings_and_deep_nesting_are_read() {
    let headings: String = (0..10_000).map(|i| format!("## Same\n\nText {i}.\n\n")).collect();
    let page = read_page("docs/a.md", &headings);
    assert_eq!(page.sections.len(), 10_000);
    assert_eq!(page.sections[9_999].anchor.as_deref(), Some("same-9999"));
    let quotes = format!("{}deep", "> ".repeat(5_000));
    let lists: String = (0..2_000).map(|depth| format!("{}- item {depth}\n", "  ".repeat(depth))).collect();
    let tags = format!("{}deep{}", "<div>\n".repeat(5_000), "</div>\n".repeat(5_000));
    let notes = format!("{}deep\n{}", ":::note\n".repeat(2_000), ":::\n".repeat(2_000));
    for source in [quotes, lists, tags, notes] {
        let page = read_page("docs/a.md", &source);
        let text = page.sections[0].text();
        assert!(text.contains("deep") || text.contains("item 1999"), "{}", text.len());
    }
}

#[test]
fn windows_lines_nul_bytes_and_marks_are_read() {
    let page = read_page(
        "docs/a.md",
        "\u{feff}---\r\ntitle: T\r\n---\r\n# A\r\n\r\nB\0C \u{fdd0}0\u{fdd1}\r\nD\r\n",
    );
    assert_eq!(page.title, "T");
    let text: String = page.sections.iter().map(corpus::Section::text).collect();
    assert_eq!(text, "B\u{fffd}C \u{fffd}0\u{fffd} D");
}
