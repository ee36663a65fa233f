use super::*;
use proptest::prelude::*;

fn parse_in_pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Item> {
    let mut parser = SseParser::default();
    let mut items = Vec::new();
    let mut from = 0;
    for &cut in cuts {
        let cut = cut.clamp(from, bytes.len());
        parser.push(&bytes[from..cut], &mut items).expect("within the limit");
        from = cut;
    }
    parser.push(&bytes[from..], &mut items).expect("within the limit");
    parser.finish(&mut items).expect("within the limit");
    items
}

/// Shows items as `name|data|id|retry` or `?line`, one a line.
fn show(items: &[Item]) -> String {
    let lines: Vec<String> = items
        .iter()
        .map(|item| match item {
            Item::Event(event) => format!(
                "{}|{}|{}|{}",
                event.name,
                event.data.replace('\n', "\\n"),
                event.id.as_deref().unwrap_or("-"),
                event.retry.map_or("-".to_owned(), |retry| retry.as_millis().to_string()),
            ),
            Item::Stray(line) => format!("?{line}"),
        })
        .collect();
    lines.join("\n")
}

/// Parses whole, byte by byte, and cut at every single place: all must show `expected`.
fn check(input: &str, expected: &str) {
    let bytes = input.as_bytes();
    assert_eq!(show(&parse_in_pieces(bytes, &[])), expected, "whole {input:?}");
    let every: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(show(&parse_in_pieces(bytes, &every)), expected, "byte by byte {input:?}");
    for cut in every {
        assert_eq!(show(&parse_in_pieces(bytes, &[cut])), expected, "cut at {cut} {input:?}");
    }
}

#[test]
fn all_line_ends_are_equal() {
    check("data: a\n\ndata: b\n\n", "|a|-|-\n|b|-|-");
    check("data: a\r\n\r\ndata: b\r\n\r\n", "|a|-|-\n|b|-|-");
    check("data: a\r\rdata: b\r\r", "|a|-|-\n|b|-|-");
    check("data: a\r\n\ndata: b\n\r\n", "|a|-|-\n|b|-|-");
}

#[test]
fn data_lines_are_joined_and_one_space_is_dropped() {
    check("data:a\ndata: b\ndata:  c\ndata\n\n", "|a\\nb\\n c\\n|-|-");
}

#[test]
fn comments_and_empty_events_are_silent() {
    check(": ping\n\n\nevent: token\n\n: x\ndata: a\n\n", "|a|-|-");
    check("data:\n\n", "||-|-");
}

#[test]
fn names_ids_and_retries_are_kept() {
    check("event: token\nid: 7\nretry: 250\ndata: a\n\ndata: b\n\n", "token|a|7|250\n|b|7|250");
    check("id: a\0b\nretry: 2s\nretry: 99999999999999999999\ndata: a\n\n", "|a|-|-");
}

#[test]
fn byte_order_mark_is_skipped_once() {
    check("\u{feff}data: a\n\n", "|a|-|-");
    check("\u{feff}\u{feff}data: a\n\n", "?\u{feff}data: a");
}

#[test]
fn characters_survive_any_cut() {
    check("data: Grüße 你好 🙂\n\n", "|Grüße 你好 🙂|-|-");
}

#[test]
fn broken_characters_become_replacement_marks() {
    assert_eq!(show(&parse_in_pieces(b"data: a\xff\xfeb\n\n", &[7])), "|a\u{fffd}\u{fffd}b|-|-");
}

#[test]
fn last_event_without_empty_line_is_handed_out() {
    check("data: a\n\ndata: {\"b\":1}", "|a|-|-\n|{\"b\":1}|-|-");
    check("data: a\n", "|a|-|-");
}

#[test]
fn unknown_fields_come_out_as_stray_lines() {
    check("{\n  \"error\": {\n", "?{\n?  \"error\": {");
    check("error: {\"code\":500}\n\n", "?error: {\"code\":500}");
}

#[test]
fn a_line_over_the_limit_is_refused() {
    let mut parser = SseParser::with_limit(8);
    let mut items = Vec::new();
    assert_eq!(parser.push(b"data: 12", &mut items), Ok(()));
    assert_eq!(parser.push(b"3", &mut items), Err(TooLong { limit_bytes: 8 }));
}

#[test]
fn an_event_over_the_limit_is_refused() {
    let mut parser = SseParser::with_limit(10);
    let mut items = Vec::new();
    assert_eq!(parser.push(b"data: a\n\ndata: 1234\n", &mut items), Ok(()));
    assert_eq!(parser.push(b"data: 12345\n", &mut items), Err(TooLong { limit_bytes: 10 }));
    assert_eq!(items.len(), 1);
}

#[test]
fn stray_json_ends_where_its_brackets_balance() {
    let check = |lines: &[&str], expected: Option<&str>| {
        let mut collector = StrayJson::default();
        let found = lines.iter().find_map(|line| collector.push(line));
        let found = found.map(|text| text.replace(['\n', ' '], ""));
        assert_eq!(found.as_deref(), expected, "{lines:?}");
    };
    check(&["{", "  \"error\": {", "    \"code\": 503", "  }", "}"], Some("{\"error\":{\"code\":503}}"));
    check(&["[{", "\"error\": {}", "}", "]"], Some("[{\"error\":{}}]"));
    check(&["noise", "{\"a\": \"}\\\"}\"", "}"], Some("{\"a\":\"}\\\"}\"}"));
    check(&["{\"error\":{}}"], Some("{\"error\":{}}"));
    check(&["{", "\"a\": 1"], None);
    check(&["<html>", "</html>"], None);
}

/// The standard, naively: all lines first, then all fields.
fn naive(text: &str) -> Vec<Item> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut items = Vec::new();
    let (mut name, mut id, mut retry) = (String::new(), None, None);
    let mut data: Vec<String> = Vec::new();
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.push("");
    for line in lines {
        if line.is_empty() {
            if !data.is_empty() {
                items.push(Item::Event(Event {
                    name: name.clone(),
                    data: data.join("\n"),
                    id: id.clone(),
                    retry,
                }));
            }
            name.clear();
            data.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => {}
            "data" => data.push(value.to_owned()),
            "event" => name = value.to_owned(),
            "id" => id = if value.contains('\0') { id } else { Some(value.to_owned()) },
            "retry" if value.chars().all(|c| c.is_ascii_digit()) => {
                retry = value.parse().ok().map(Duration::from_millis).or(retry);
            }
            "retry" => {}
            _ => items.push(Item::Stray(line.to_owned())),
        }
    }
    items
}

fn stream_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("data: ".to_owned()),
        Just("data".to_owned()),
        Just("event: token".to_owned()),
        Just("id: 4".to_owned()),
        Just("retry: 10".to_owned()),
        Just(":".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("{\"error\":".to_owned()),
        "[a-zé你🙂\\{\\} ]{0,4}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cuts_parse_like_the_naive_loop(
        text in stream_text(),
        mut cuts in prop::collection::vec(0usize..120, 0..12),
    ) {
        cuts.sort_unstable();
        prop_assert_eq!(parse_in_pieces(text.as_bytes(), &cuts), naive(&text));
    }

    #[test]
    fn every_two_way_split_gives_the_same(text in stream_text()) {
        let whole = parse_in_pieces(text.as_bytes(), &[]);
        for cut in 0..text.len() {
            prop_assert_eq!(&parse_in_pieces(text.as_bytes(), &[cut]), &whole);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        mut cuts in prop::collection::vec(0usize..200, 0..8),
    ) {
        cuts.sort_unstable();
        parse_in_pieces(&bytes, &cuts);
    }
}
