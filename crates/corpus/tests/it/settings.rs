//! Where a book's settings come from: its configuration, `docent.toml`, the caller; and what kind it is.

use corpus::{BookKind, BookOptions, read_book};

use crate::books::{warnings, write};

const CONFIG: &str = "module.exports = {title: 'T', url: 'https://a.org', baseUrl: '/b/', presets: [['classic', {docs: {path: '../docs', sidebarPath: './s.js'}}]]}";

#[test]
fn a_site_beside_its_docs_is_found_and_read_in_sidebar_order() {
    let book = write(&[
        ("website/docusaurus.config.js", CONFIG),
        ("website/s.js", "module.exports = {docs: ['two', {type: 'category', label: 'C', items: ['one']}]}"),
        ("docs/one.md", "# One"),
        ("docs/two.md", "# Two"),
        ("docs/zero.md", "# Not in the sidebar"),
        ("website/build/index.html", "<p>built</p>"),
    ]);
    let read = book.read();
    assert_eq!((read.kind, read.title.as_str()), (BookKind::Docusaurus, "T"));
    let pages: Vec<_> = read.pages.iter().map(|page| (page.file.as_str(), page.url.as_str())).collect();
    assert_eq!(
        pages,
        [
            ("docs/two.md", "https://a.org/b/docs/two"),
            ("docs/one.md", "https://a.org/b/docs/one"),
            ("docs/zero.md", "https://a.org/b/docs/zero"),
        ]
    );
    // The same with the site's own folder as the book: its docs lie beside it.
    let site = read_book(&book.root().join("website"), &BookOptions::default()).expect("readable");
    assert_eq!(site.pages[0].file, "../docs/two.md");
}

#[test]
fn the_caller_stands_above_docent_toml_and_that_above_the_configuration() {
    let toml = "[book]\ntitle = 'Mine'\nbase_url = '/c/'\ntrailing_slash = true\nroute_base_path = 3\n";
    let book = write(&[
        ("docusaurus.config.js", &CONFIG.replace("../docs", "docs")),
        ("docent.toml", toml),
        ("docs/a.md", "# A"),
    ]);
    let options = BookOptions { site_url: Some("https://z.org/".into()), ..BookOptions::default() };
    let read = read_book(book.root(), &options).expect("readable");
    assert_eq!(read.title, "Mine");
    assert_eq!(read.pages[0].url, "https://z.org/c/docs/a/");
    assert!(warnings(&read)[0].contains("`book.route_base_path` must be a text"), "{:?}", warnings(&read));
}

#[test]
fn computed_settings_are_asked_for_by_name() {
    let config = "module.exports = {url: getUrl(), baseUrl: env('B'), presets: [['classic', {docs: {routeBasePath: r()}}]]}";
    let files = [("docusaurus.config.js", config), ("docs/a.md", "# A")];
    let asked = warnings(&write(&files).read()).join("\n");
    for name in ["`site_url`", "`base_url`", "`route_base_path`"] {
        assert!(asked.contains(name), "{asked}");
    }
    let answers = "[book]\nsite_url = 'https://a.org'\nbase_url = '/'\nroute_base_path = '/'";
    let read = write(&[files[0], files[1], ("docent.toml", answers)]).read();
    assert_eq!(warnings(&read), Vec::<String>::new());
    assert_eq!(read.pages[0].url, "https://a.org/a");
}

#[test]
fn a_configuration_that_is_a_program_is_read_as_far_as_it_can_be_told() {
    let config = "import versions from './versions.json';
import {extra} from './extra';
const isPreview = !!process.env.CI && process.env.CONTEXT === 'preview';
const baseUrl = process.env.BASE_URL ?? '/x/';
const locale = 'en';
function last() { return versions.find((v) => !v.includes('beta')) ?? versions[0]; }
export default async function create() {
  return {
    baseUrl,
    url: 'https://a.org',
    i18n: {defaultLocale: locale, locales: isPreview ? [locale] : [locale, 'fr']},
    webpack: {loader: (isServer) => ({options: {target: `es${1}`}, re: /[}'\"]/g})},
    markdown: {format: 'detect', preprocessor: ({fileContent}) => { let r = fileContent; return r.replaceAll('{/_', '{/*'); }},
    plugins: ['p', ...extra, ['content-docs', {id: 'more', path: 'more', routeBasePath: 'more', editUrl: ({docPath}) => `e/${docPath}`} satisfies Options]],
    presets: [['classic', {docs: {lastVersion: isPreview ? 'current' : last(), onlyIncludeVersions: (() => { if (isPreview) { return ['current']; } return undefined; })()}, blog: {path: 'blog'}}]],
  } satisfies Config;
}";
    let read = write(&[
        ("docusaurus.config.ts", config),
        ("extra.ts", "export const extra: P[] = [function f(): Plugin { return {name: 'f'}; }, ['content-docs', {id: 'third', path: '_third docs', routeBasePath: '/third'} satisfies O]];"),
        ("versions.json", "[\"2.0\"]"),
        ("versioned_docs/version-2.0/a.md", "# A"),
        ("docs/a.md", "# A <b>x</b> {y}"),
        ("more/b.mdx", "# B"),
        ("_third docs/c.md", "# C"),
    ])
    .read();
    let routes: Vec<_> = read.pages.iter().map(|page| page.route.as_str()).collect();
    assert_eq!(routes, ["/x/docs/next/a", "/x/docs/a", "/x/third/c", "/x/more/b"]);
    assert_eq!(read.pages[0].title, "A x {y}");
    assert_eq!(warnings(&read), Vec::<String>::new());
}

#[test]
fn kinds_are_told_apart() {
    for (files, kind, route) in [
        (&[("docs/a.md", "# A")][..], BookKind::Docusaurus, "/docs/a"),
        (&[("a.md", "---\nsidebar_position: 1\n---\n# A")], BookKind::Docusaurus, "/docs/a"),
        (&[("sub/README.md", "# A")], BookKind::Folder, "/sub/"),
        (&[("SUMMARY.md", "[A](a.md)"), ("a.md", "# A")], BookKind::MdBook, "/a.html"),
        (
            &[("book.toml", "[book]\nsrc = 's'"), ("s/SUMMARY.md", "[A](a.md)"), ("s/a.md", "# A")],
            BookKind::MdBook,
            "/a.html",
        ),
        (&[("sub/index.html", "<main><h1>A</h1><p>x</p></main>")], BookKind::Built, "/sub/"),
    ] {
        let read = write(files).read();
        assert_eq!((read.kind, read.pages[0].route.as_str()), (kind, route), "{files:?}");
        assert_eq!(read.pages[0].title, "A");
    }
}

#[test]
fn ids_survive_changes_elsewhere() {
    let chunks = |text: &str| {
        let page = corpus::read_page("docs/a.md", text);
        corpus::chunk_page(&page, &corpus::ChunkOptions::default())
    };
    let before = chunks("# T\n\n## A\n\nOne.\n\n## B\n\nTwo.");
    let after = chunks("# T\n\n## New\n\nText.\n\n## A\n\nOne, changed.\n\n## B\n\nTwo.");
    assert_eq!(before[1].id, after[2].id);
    assert_eq!(before[1].content_hash, after[2].content_hash);
    assert_ne!(before[0].id, after[1].id);
}
