use super::*;

fn check(quote: &str, expected: &str) {
    assert_eq!(
        href("https://b.example/p", Some("torque-units"), quote),
        format!("https://b.example/p#torque-units{expected}")
    );
}

#[test]
fn a_short_quote_is_selected_whole() {
    check("Torque turns, force – pushes", ":~:text=Torque%20turns%2C%20force%20%E2%80%93%20pushes");
}

#[test]
fn the_signs_of_a_directive_are_encoded() {
    check("a-b, c & d", ":~:text=a%2Db%2C%20c%20%26%20d");
}

#[test]
fn a_long_quote_is_given_by_its_ends() {
    check(
        "one two three four five six seven eight nine ten eleven twelve thirteen",
        ":~:text=one%20two%20three%20four%20five,nine%20ten%20eleven%20twelve%20thirteen",
    );
}

#[test]
fn without_quote_and_anchor_the_url_stays() {
    assert_eq!(href("/p", None, ""), "/p");
    assert_eq!(href("/p", None, "a"), "/p#:~:text=a");
    check("", "");
}

#[test]
fn anchors_are_encoded_but_keep_their_hyphens() {
    assert_eq!(href("/p", Some("café-déjà vu"), ""), "/p#caf%C3%A9-d%C3%A9j%C3%A0%20vu");
}

#[test]
fn text_cannot_become_markup() {
    assert_eq!(markdown_text("a*b* [x](y) <b> `c*d`"), "a\\*b\\* \\[x\\](y) \\<b> `c*d`");
}
