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

/// As Windows editors save: a mark at the start of the file, and two signs at the end of each line.
fn windows(text: &str) -> String {
    format!("\u{feff}{}", text.replace('\n', "\r\n"))
}

#[test]
fn settings_that_windows_editors_saved_are_read() {
    let docusaurus = [
        (
            "docusaurus.config.js",
            "module.exports = {\n  title: 'W',\n  url: 'https://w.org',\n  baseUrl: '/w/',\n  presets: [['classic', {docs: {sidebarPath: './sidebars.json'}}]],\n};\n",
        ),
        (
            "sidebars.json",
            "{\n  \"all\": [\"b\", \"a\", {\"type\": \"autogenerated\", \"dirName\": \"sub\"}]\n}\n",
        ),
        ("versions.json", "[\n  \"1.0\"\n]\n"),
        ("versioned_docs/version-1.0/a.md", "# A\n\nOld.\n"),
        ("docs/a.md", "---\ntitle: One\n---\n\nimport P from './_p.mdx';\n\n<P />\n"),
        ("docs/_p.mdx", "Shared.\n"),
        ("docs/b.md", "# B\n\n## C {#c}\n\nText.\n"),
        (
            "docs/sub/_category_.json",
            "{\n  \"label\": \"Sub\",\n  \"link\": {\"type\": \"generated-index\", \"slug\": \"/all-of-sub\"}\n}\n",
        ),
        ("docs/sub/d.md", "# D\n"),
    ];
    let mdbook = [
        ("book.toml", "[book]\ntitle = \"W\"\nsrc = \"s\"\n"),
        ("s/SUMMARY.md", "# Summary\n\n- [A](a.md)\n  - [B](b.md)\n"),
        ("s/a.md", "# A\n\n{{#include b.md:one}}\n"),
        ("s/b.md", "# B\n\n<!-- ANCHOR: one -->\nOne.\n<!-- ANCHOR_END: one -->\n"),
    ];
    let own = [("docent.toml", "[book]\ntitle = \"W\"\nbase_url = \"/w/\"\n"), ("a.md", "# A\n")];
    for files in [&docusaurus[..], &mdbook, &own] {
        let plain = write(files).read();
        let texts: Vec<(&str, String)> = files.iter().map(|(name, text)| (*name, windows(text))).collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let saved = write(&texts).read();
        assert_eq!(plain.title, "W");
        assert_eq!((&saved.title, saved.kind), (&plain.title, plain.kind));
        assert_eq!(saved.pages, plain.pages);
        assert_eq!((warnings(&saved), warnings(&plain)), (Vec::new(), Vec::new()));
    }
}

#[test]
fn front_matter_of_wrong_types_costs_a_key_and_not_the_page() {
    for (key, is_told) in [
        ("title: [a, b]", true),
        ("title: {a: b}", true),
        ("id: {a: b}", true),
        ("slug: [1]", true),
        ("slug: {a: 1}", true),
        ("draft: sometimes", true),
        ("unlisted: [true]", true),
        ("sidebar_position: first", true),
        ("sidebar_position: {a: 1}", true),
        ("parse_number_prefixes: 3", true),
        ("mdx: md", false),
        ("tags: 7", false),
        ("title: 5", false),
        ("description: [x]", false),
    ] {
        let book = write(&[("docs/a.md", &format!("---\n{key}\n---\n\nThe text.\n"))]);
        let read = book.read();
        assert_eq!((read.pages.len(), read.pages[0].route.as_str()), (1, "/docs/a"), "{key}");
        assert_eq!(read.pages[0].sections[0].text(), "The text.", "{key}");
        let warnings = warnings(&read);
        assert_eq!(!warnings.is_empty(), is_told, "{key}: {warnings:?}");
        let name = key.split(':').next().expect("a key");
        assert!(
            warnings.iter().all(|warning| warning.contains(name) && warning.starts_with("docs/a.md:2")),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_configuration_that_throws_or_is_broken_still_has_pages() {
    for config in [
        "throw new Error('no');",
        "module.exports = () => { throw new Error('no'); };",
        "export default async function create() { await fail(); throw 1; }",
        "if (!process.env.TOKEN) { throw new Error('set TOKEN'); }\nmodule.exports = {title: 'T', baseUrl: '/x/', url: 'https://x.org', presets: ['classic']};",
        "module.exports = {title: 'T', baseUrl: ",
        "module.exports = {{{{[[[('`",
        "",
        "\0\0\0",
        "\u{feff}",
    ] {
        let book = write(&[("docusaurus.config.js", config), ("docs/a.md", "# A\n\nText.\n")]);
        let read = book.read();
        assert_eq!(read.pages.len(), 1, "{config:?}");
        let route = read.pages[0].route.as_str();
        let told = warnings(&read);
        if config.contains("/x/") {
            assert_eq!((route, told.len()), ("/x/docs/a", 0), "{told:?}");
        } else {
            assert_eq!(route, "/docs/a", "{config:?}");
            assert!(
                told.iter().any(|warning| warning.contains("docusaurus.config.js")),
                "{config:?}: {told:?}"
            );
        }
    }
}

#[test]
fn circles_and_long_chains_of_includes_end() {
    let book = write(&[
        ("src/SUMMARY.md", "- [A](a.md)\n- [S](self.md)\n- [Gone](gone.md)\n"),
        ("src/a.md", "In a. {{#include b.md}}"),
        ("src/b.md", "In b. {{#include a.md}}"),
        ("src/self.md", "Again. {{#include self.md}}"),
    ]);
    let read = book.read();
    let texts: Vec<String> = read.pages.iter().map(|page| page.sections[0].text()).collect();
    assert!(texts[0].starts_with("In a. In b.") && texts[0].len() < 1000, "{texts:?}");
    assert!(texts[1].starts_with("Again.") && texts[1].len() < 1000, "{texts:?}");
    let told = warnings(&read).join("\n");
    assert!(
        told.contains("src/a.md: includes more than a page may hold") && told.contains("gone.md"),
        "{told}"
    );

    // A chain of 200 partials, and one page 200 folders deep.
    let mut files: Vec<(String, String)> = (0..200)
        .map(|n| {
            (format!("docs/_{n}.mdx"), format!("import P from './_{}.mdx'\n\nPart {n}.\n\n<P/>\n", n + 1))
        })
        .collect();
    files.push(("docs/_200.mdx".into(), "The end.".into()));
    files.push(("docs/a.mdx".into(), "import P from './_0.mdx'\n\n<P/>\n".into()));
    files.push((format!("docs/{}deep.md", "d/".repeat(200)), "# Deep".into()));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let read = write(&files).read();
    assert_eq!(read.pages.len(), 2);
    let text = read.pages[0].sections[0].text();
    let told = warnings(&read).join("\n");
    assert!(text.starts_with("Part 0.") && told.contains("_10.mdx` is more than 10 partials deep"), "{told}");
}

#[test]
fn imported_code_that_is_missing_or_outside_is_named() {
    let outside = write(&[("secret.rs", "the secret")]);
    let page = format!(
        "import A from '!!raw-loader!./gone.rs'\nimport B from '!!raw-loader!../../../../../../../..{}'\n\nBefore.\n\n\
         <CodeBlock language=\"rust\">{{A}}</CodeBlock>\n\n<CodeBlock>{{B}}</CodeBlock>\n\nAfter.\n",
        outside.root().join("secret.rs").display()
    );
    let read = write(&[("docs/a.mdx", &page)]).read();
    let text = read.pages[0].sections[0].text();
    assert!(text.starts_with("Before.") && text.ends_with("After.") && !text.contains("secret"), "{text}");
    let told = warnings(&read).join("\n");
    assert!(told.contains("gone.rs` was not found") && told.contains("outside the book"), "{told}");
}

/// Five megabytes without an end of line, as generated pages and minified code have them.
#[test]
fn lines_of_five_megabytes_are_read_and_cut() {
    const BYTES: usize = 5 * 1024 * 1024 - 200;
    let words = |piece: &str| piece.repeat(BYTES / piece.len());
    let fewer = |piece: &str| piece.repeat(BYTES / 5 / piece.len());
    for (what, source, least) in [
        ("prose", words("Twelve words "), 1000),
        ("a word", words("x"), 1),
        ("code", format!("```js\n{}\n```\n", words("f(1);")), 1),
        ("a row", format!("| a |\n| - |\n| {} |\n", words("cell ")), 1),
        ("a heading", format!("# {}\n\nText.\n", fewer("word ")), 1),
        ("front matter", format!("---\ntitle: {}\n---\nText.\n", fewer("word ")), 1),
        ("brackets", fewer("[a]("), 1),
        ("tags", fewer("<b>x"), 1),
    ] {
        let page = read_page("docs/a.mdx", &source);
        let chunks = chunk_page(&page, &ChunkOptions::default());
        assert!(chunks.len() >= least, "{what}: {} chunks", chunks.len());
    }
}
