use insta::assert_snapshot;

use super::*;

/// The text by field, stretches joined by `|`, line ends as spaces.
fn fields(content: &str) -> String {
    let mut texts = [const { String::new() }; 4];
    let chunk = crate::testing::chunk(1, "Page", &["One", "Two"], content);
    for_each_field(&chunk, |field, text| {
        texts[field] += &format!("{}|", text.replace('\n', " ").trim());
    });
    let [title, headings, body, code] = texts;
    format!("{title} {headings} body: {body} code: {code}")
}

#[test]
fn code_stands_between_fences() {
    assert_snapshot!(fields("Before\n\n```rust\nlet a;\n```\n\nAfter"), @"Page| One|Two| body: Before|||After| code: ```rust|let a;|");
    assert_snapshot!(fields("~~~~\n```\n~~~\ncode\n~~~~\nAfter"), @"Page| One|Two| body: After| code: ~~~~|```|~~~|code|");
    assert_snapshot!(fields("- item\n  ```sh\n  ls\n  ```\n- next"), @"Page| One|Two| body: - item|- next| code: ```sh|ls|");
}

#[test]
fn a_fence_that_never_closes_holds_the_rest() {
    assert_snapshot!(fields("Before\n```js\nlet a;\n\nlet b;"), @"Page| One|Two| body: Before| code: ```js|let a;||let b;|");
}

#[test]
fn inline_code_is_body() {
    assert_snapshot!(fields("```inline``` and `more`"), @"Page| One|Two| body: ```inline``` and `more`| code:");
    assert_snapshot!(fields(""), @"Page| One|Two| body:  code:");
}
