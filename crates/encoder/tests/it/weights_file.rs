//! A weights file that is not whole is refused with a message, never with a panic.

use std::path::Path;

use encoder::{Encoder, EncoderError};
use proptest::prelude::*;

fn builtin_file() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/all-MiniLM-L6-v2.weights");
    std::fs::read(path).expect("the weights are in the repository")
}

fn check_refused(bytes: Vec<u8>, expected: &str) {
    match Encoder::from_bytes(bytes) {
        Err(EncoderError::Format(message)) => assert!(message.contains(expected), "{message:?}"),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

/// A header with these settings and nothing behind it, with right length and checksum.
fn sealed(settings: &str) -> Vec<u8> {
    let mut rest = (32 + settings.len() as u64).to_le_bytes().to_vec();
    rest.extend((settings.len() as u64).to_le_bytes());
    rest.extend(settings.as_bytes());
    let mut file = b"DOCENTW\n".to_vec();
    file.extend(1_u32.to_le_bytes());
    file.extend(crc32fast::hash(&rest).to_le_bytes());
    file.extend(rest);
    file
}

#[test]
fn the_file_in_the_repository_is_sound_and_equals_the_built_in_weights() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/all-MiniLM-L6-v2.weights");
    let opened = Encoder::open(&path).expect("sound");
    let builtin = Encoder::builtin().expect("sound");
    assert_eq!(opened.fingerprint(), builtin.fingerprint());
    assert_eq!((opened.name(), opened.dimensions(), opened.max_tokens()), ("all-MiniLM-L6-v2", 384, 256));
    assert_eq!(opened.provenance().0, "Apache-2.0");
    let texts = ["the same"];
    assert_eq!(
        opened.encode(&texts, encoder::Role::Query, 1),
        builtin.encode(&texts, encoder::Role::Query, 1)
    );
}

#[test]
fn something_else_is_refused() {
    check_refused(Vec::new(), "too short");
    check_refused(b"PK\x03\x04".repeat(100), "not a Docent weights file");
    check_refused([b"DOCENTW\n".as_slice(), &9_u32.to_le_bytes(), &[0; 40]].concat(), "format 9");
}

#[test]
fn a_cut_file_is_refused() {
    let file = builtin_file();
    for length in [8, 31, 32, 600, 1 << 20, file.len() - 1] {
        check_refused(file[..length].to_vec(), if length < 32 { "too short" } else { "cut" });
    }
    let longer = [file.as_slice(), b"x"].concat();
    check_refused(longer, "should have");
}

#[test]
fn a_flipped_bit_is_refused() {
    let mut file = builtin_file();
    let length = file.len();
    for at in [16 + 20, 5000, length / 2, length - 1] {
        file[at] ^= 4;
        check_refused(file.clone(), if at < 32 { "should have" } else { "damaged" });
        file[at] ^= 4;
    }
    file[13] ^= 1;
    check_refused(file, "damaged");
}

#[test]
fn a_missing_file_names_its_path() {
    let error = Encoder::open(Path::new("/nowhere/at/all.weights")).err().expect("refused");
    assert!(error.to_string().contains("/nowhere/at/all.weights"), "{error}");
}

#[test]
fn a_file_of_another_kind_names_its_path() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), b"hello").expect("writable");
    let error = Encoder::open(file.path()).err().expect("refused");
    assert!(error.to_string().contains(&*file.path().to_string_lossy()), "{error}");
}

const SETTINGS: &str = "name=x\nlicence=x\nsource=x\nlayers=1\nhidden=16\nheads=2\ninner=16\npositions=8\n\
    max_tokens=8\nlayer_norm_eps=1e-12\npooling=mean\nlowercase=true\nstrip_accents=true\nsplit_cjk=true\n\
    query_prefix=\npassage_prefix=\nvocabulary=3\nvocabulary_bytes=17\n";

#[test]
fn settings_that_cannot_be_are_refused_by_name() {
    check_refused(sealed("name=x\n"), "does not state licence");
    check_refused(sealed(SETTINGS), "too short");
    for (from, to, expected) in [
        ("layers=1", "layers=0", "layers=0"),
        ("hidden=16", "hidden=99999999999999999999", "hidden="),
        ("hidden=16", "hidden=17", "heads cannot share"),
        ("max_tokens=8", "max_tokens=9", "max_tokens"),
        ("layer_norm_eps=1e-12", "layer_norm_eps=NaN", "layer_norm_eps"),
        ("pooling=mean", "pooling=max", "pooling=max"),
        ("lowercase=true", "lowercase=yes", "lowercase=yes"),
    ] {
        check_refused(sealed(&SETTINGS.replace(from, to)), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Encoder::from_bytes(bytes.clone());
        let _ = Encoder::from_bytes(sealed(SETTINGS).into_iter().chain(bytes.iter().copied()).collect());
        let mut file = sealed(&format!("{SETTINGS}{}", "\0".repeat(bytes.len())));
        file.extend(bytes);
        let length = (file.len() as u64).to_le_bytes();
        file[16..24].copy_from_slice(&length);
        let sum = crc32fast::hash(&file[16..]).to_le_bytes();
        file[12..16].copy_from_slice(&sum);
        let _ = Encoder::from_bytes(file);
    }
}
