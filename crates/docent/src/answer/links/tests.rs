use super::*;

fn check(quote: &str, expected: &str) {
    assert_eq!(
        href("https://b.example/p", Some("torque-units"), quote, Around::default()),
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
    assert_eq!(section_href("/p", None), "/p");
    assert_eq!(href("/p", None, "a", Around::default()), "/p#:~:text=a");
    check("", "");
}

#[test]
fn anchors_are_encoded_but_keep_their_hyphens() {
    assert_eq!(section_href("/p", Some("café-déjà vu")), "/p#caf%C3%A9-d%C3%A9j%C3%A0%20vu");
}

#[test]
fn text_cannot_become_markup() {
    assert_eq!(markdown_text("a*b* [x](y) <b> `c*d`"), "a\\*b\\* \\[x\\](y) \\<b> `c*d`");
}

#[test]
fn a_quote_that_stands_further_up_is_told_by_what_is_around_it() {
    let link = |page_before: &str, quote: &str| {
        let around =
            Around { page_before, before: "One two three. Four five six", after: "And on it goes for long." };
        href("/p", None, quote, around).split_once("text=").expect("a directive").1.replace("%20", " ")
    };
    assert_eq!(link("Other text ", "It is set."), "It is set.");
    assert_eq!(
        link("First it IS set. Then ", "It is set."),
        "two three. Four five six-,It is set.,-And on it goes for"
    );
    let long = "a b c d e f g h a b c d e x y";
    assert_eq!(link("", long), "a b c d e,b c d e x y".replacen("b c d e x y", "c d e x y", 1));
    assert_eq!(link("it says a b c d e z", long), "a b c d e f,c d e x y");
    // Its end stands inside it as well: the first one would end the selection too soon.
    assert_eq!(link("", "a b c d e v w x y z f g h v w x y z"), "a b c d e,h v w x y z");
    assert!(link(&format!("{long} "), long).ends_with("h a b c d e x y,-And on it goes for"));
}
