//! What a page's source becomes: a small text and its outline.

use corpus::read_page;

fn check(source: &str, expected: &str) {
    let page = read_page("docs/a.mdx", source);
    let mut outline = String::new();
    for section in &page.sections {
        if section.depth > 0 {
            let anchor = section.anchor.as_deref().unwrap_or("-");
            outline.push_str(&format!(
                "[{} {} #{anchor}]\n",
                section.depth,
                section.heading_path.join(" > ")
            ));
        }
        for block in &section.blocks {
            outline.push_str(&format!("{}\n", block.text));
        }
    }
    assert_eq!(outline.trim_end(), expected.trim_matches('\n'), "{:?}", page.warnings);
    assert!(page.warnings.is_empty(), "{:?}", page.warnings);
}

#[test]
fn headings_take_their_ids_from_comments_braces_or_text() {
    check("## Torque {/* #tau */}\n\nNm.", "[2 Torque #tau]\nNm.");
    check(
        "## Torque {#tau}\n## Torque\n## Torque",
        "[2 Torque #tau]\n[2 Torque #torque]\n[2 Torque #torque-1]",
    );
    check("## With [link](u) and **bold** `code`", "[2 With link and bold code #with-link-and-bold-code]");
    check("```md\n# no\n## heading\n```", "```md\n# no\n## heading\n```");
    check("Setext\n------\n\nText", "[2 Setext #setext]\nText");
    check("<h3 id=\"raw\">Raw *one*</h3>\n\nText", "[3 Raw one #raw]\nText");
    check(
        "## Go :rocket: now\n\n:tada: at 10:30:00, a:bc:d, `:bug:`, :no_such_name: :x",
        "[2 Go 🚀 now #go-rocket-now]\n🎉 at 10:30:00, a:bc:d, `:bug:`, :no_such_name: :x",
    );
    check("## a:b and 10:30", "[2 a:b and 10:30 #a-and-1030]");
}

#[test]
fn mdx_is_taken_out_and_its_text_kept() {
    check(
        "import Tabs from '@theme/Tabs'\nimport X from './x'\n\nexport const a = {\n  b: 1,\n\n  c: 2\n}\n\nText {'plain'} {a.b} {/* no */}and <b>bold</b>.",
        "Text plain  and bold.",
    );
    check(
        "<Tabs>\n  <TabItem value=\"mac\" label=\"macOS\">\n\n    Run it:\n\n    ```bash\n    brew install x\n      indented\n    ```\n\n  </TabItem>\n  <TabItem value=\"win\">Windows text</TabItem>\n</Tabs>\n\nAfter.",
        "macOS\nRun it:\n```bash\nbrew install x\n  indented\n```\nwin\nWindows text\nAfter.",
    );
    check(
        "Use `Vec<String>` or Vec<String> and <your-name>, 1 < 2.",
        "Use `Vec<String>` or Vec<String> and <your-name>, 1 < 2.",
    );
    check("<details>\n<summary>More &amp; more</summary>\n\nInside.\n\n</details>", "More & more\nInside.");
    check("A <br/> B<br />C", "A   B C");
    check("<img src=\"x.png\" alt=\"A *picture*\" />", "A *picture*");
    check("![Alt text](x.png \"t\")", "Alt text");
    check("{/* a\n\nlong comment */}\n\nText", "Text");
    check("A <!-- hidden --> B", "A  B");
    check("<!-- lint off -->\nimport X from './x'\n\nText", "Text");
}

#[test]
fn admonitions_of_both_syntaxes_keep_title_and_text() {
    check(":::note\n\nText\n\n:::", "Text");
    check(":::tip[My **title**]\nText\n:::", "My title\nText");
    check(":::warning Old title\n\n:::: x\n\n:::", "Old title\n:::: x");
    check("::::info\nOuter\n:::tip\nInner\n:::\n::::\n\nAfter", "Outer\nInner\nAfter");
    check("1. One\n\n   :::note\n\n   Inside\n\n   :::\n\n2. Two", "1. One\nInside\n2. Two");
    check(":::unclosed text", "text");
}

#[test]
fn lists_tables_and_math_keep_their_grammar() {
    check("- a\n  - b\n    1. c\n- d", "- a\n  - b\n    1. c\n- d");
    check("3. c\n4. d", "3. c\n4. d");
    check("- [x] done\n- [ ] open", "- [x] done\n- [ ] open");
    check("| A | `b` |\n|---|---|\n| 1 | **2** |\n|   | x |", "| A | `b` |\n| 1 | 2 |\n|  | x |");
    check(
        "$$\na_{1} < b\n\nc\n$$\n\nInline $x_{2}$ here, $$y$$.",
        "$$a_{1} < b\n\nc$$\nInline $x_{2}$ here,\n$$y$$\n.",
    );
    check("Note[^1].\n\n[^1]: The foot.", "Note.\nThe foot.");
    check("Costs $5 or $6.", "Costs $5 or $6.");
}

#[test]
fn code_keeps_its_language_and_title_and_loses_magic_comments() {
    check(
        "```js title=\"src/a.js\"\n// highlight-next-line\nlet a = 1;\n// highlight-start\nb();\n// highlight-end\n```",
        "src/a.js\n```js\nlet a = 1;\nb();\n```",
    );
    check("```mdx-code-block\n<Tabs>\n```\n\nText\n\n```mdx-code-block\n</Tabs>\n```", "Text");
    check("```js {1}\n// highlight-next-line\na\n```", "```js\n// highlight-next-line\na\n```");
    check("````md\n```js\nx\n```\n````", "````md\n```js\nx\n```\n````");
    check("- a\n\n  ```sh\n  run\n  ```\n\nText", "- a\n```sh\nrun\n```\nText");
    check("```js\nunclosed\n", "```js\nunclosed\n```");
    check(
        "<CodeBlock language=\"py\" title=\"x.py\">{`a = 1\nb = 2`}</CodeBlock>",
        "x.py\n```py\na = 1\nb = 2\n```",
    );
}

#[test]
fn the_page_title_is_not_repeated_in_paths() {
    let page = read_page("docs/a.md", "# Title\n\nIntro.\n\n## Part\n\n### Deep\n\n# Second\n\nText");
    assert_eq!(page.title, "Title");
    let paths: Vec<_> = page.sections.iter().map(|s| (s.depth, s.heading_path.join("/"))).collect();
    assert_eq!(
        paths,
        [(0, String::new()), (2, "Part".into()), (3, "Part/Deep".into()), (1, "Second".into())]
    );
}

/// The inventory of a real site: the text of each heading gives the id that its build gave it.
#[test]
fn anchors_and_routes_of_a_real_site() {
    let Ok(text) = std::fs::read_to_string(crate::books::shared().join("routes-humanoid.json")) else {
        return eprintln!("skipped: the inventory is not here");
    };
    let inventory: serde_json::Value = serde_json::from_str(&text).expect("an inventory");
    let (mut anchors, mut routes) = (0, 0);
    for doc in inventory["docs"].as_array().expect("docs") {
        let headings = doc["headings"].as_array().expect("headings");
        let text =
            |heading: &serde_json::Value, key: &str| heading[key].as_str().unwrap_or_default().to_owned();
        let mut source = String::new();
        for heading in headings {
            let level = usize::try_from(heading["level"].as_u64().expect("a level")).expect("small");
            // As code, so that no sign in the text is taken for Markdown.
            source.push_str(&format!("{} ``` {} ```\n\n", "#".repeat(level), text(heading, "text")));
        }
        let file = doc["file"].as_str().expect("a file");
        let page = read_page(file, &source);
        let found: Vec<_> = page.sections.iter().filter_map(|section| section.anchor.clone()).collect();
        let expected: Vec<_> = headings.iter().map(|heading| text(heading, "id")).collect();
        assert_eq!(found, expected, "{file}");
        anchors += found.len();
        // The site serves its docs at the root; slugs in front matter are not in the inventory.
        routes += usize::from(page.route.strip_prefix("/docs") == doc["route"].as_str());
    }
    assert_eq!(anchors, 374);
    assert!(routes >= 20, "{routes} of 22 routes follow from file names alone");
}

#[test]
fn lines_are_those_of_the_source() {
    let source = "---\ntitle: T\n---\nimport X from './x'\n\nexport const a = {\n  b: 1,\n}\n\n# H1 of line 10\n\n{/* a\ncomment */}\n\n<Tabs>\n<TabItem\n  value=\"x\">\n\n## H2 of line 19\n\nText of line 21\ngoes on.\n\n</TabItem>\n</Tabs>\n\n:::note Title of line 27\n\n- item of line 29\n\n:::\n\n```js\ncode of line 33\n```\n\n$$\nmath of line 37\n$$\n\n<details>\n<summary>Summary of line 42</summary>\n\n### H3 of line 44\n\n</details>\n";
    let page = read_page("docs/a.mdx", source);
    let mut checked = 0;
    for section in &page.sections {
        let heading = section.heading_path.last().map(|heading| (heading.as_str(), section.line));
        let blocks = section.blocks.iter().map(|block| (block.text.as_str(), block.line));
        for (text, line) in heading.into_iter().chain(blocks) {
            if let Some((_, number)) = text.split_once("of line ") {
                let number = number.split(|c: char| !c.is_ascii_digit()).next().expect("a number");
                assert_eq!(line.to_string(), number, "{text:?}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 8, "{checked}");
}

#[test]
fn parts_of_other_origin_become_a_page() {
    let parts = [
        corpus::PagePart {
            heading_path: &["A"],
            depth: 2,
            anchor: Some("a"),
            text: "A\n\nOne <T> two.\n\n- x",
        },
        corpus::PagePart { heading_path: &["A", "B"], depth: 3, anchor: Some("b"), text: "## Inner\n\nText" },
    ];
    let page = corpus::page_from_parts("f", "Title", "https://x.org/p", &parts);
    let sections: Vec<_> = page.sections.iter().map(|s| (s.anchor.as_deref(), s.text())).collect();
    assert_eq!(sections, [(Some("a"), "A\n\nOne  two.\n\n- x".into()), (Some("b"), "Inner\n\nText".into())]);
    assert_eq!((page.route.as_str(), page.title.as_str()), ("https://x.org/p", "Title"));
}
