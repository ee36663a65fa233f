//! Files that are not what was written: each is refused with its message or, where the checksum was made to fit,
//! read without harm.

use std::path::PathBuf;

use insta::assert_snapshot;
use proptest::prelude::*;
use search::{Index, IndexError};

use crate::{builder, use_everything};

/// The message for a file with these bytes; `ok` when it opens.
fn opened(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.index");
    std::fs::write(&path, bytes).unwrap();
    let message = match Index::open(&path) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.to_string(),
    };
    message.replace(&folder.path().display().to_string(), "BOOK")
}

fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = builder().build();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// Makes the checksum fit again.
fn sealed(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.len() - 8;
    let checksum = crc32fast::hash(&file[..end]);
    file[end..end + 4].copy_from_slice(&checksum.to_le_bytes());
    file
}

#[test]
fn each_fault_has_its_message() {
    let file = builder().build();
    assert_snapshot!(opened(&file), @"ok");
    assert_snapshot!(opened(b""), @"BOOK/book.index is not a Docent index; rebuild it with `docent ingest`");
    assert_snapshot!(opened(b"# Not an index, but a page of Markdown that is long enough to be one.\n"), @"BOOK/book.index is not a Docent index; rebuild it with `docent ingest`");
    assert_snapshot!(opened(&with(8, &[9])), @"BOOK/book.index has index format 9, this program reads 2; rebuild it with `docent ingest`");
    assert_snapshot!(opened(&file[..file.len() - 1]), @"BOOK/book.index is damaged (it is cut short); rebuild it with `docent ingest`");
    assert_snapshot!(opened(&file[..40]), @"BOOK/book.index is damaged (it is cut short); rebuild it with `docent ingest`");
    assert_snapshot!(opened(&[&file[..], b"\n"].concat()), @"BOOK/book.index is damaged (it is longer than it says); rebuild it with `docent ingest`");
    assert_snapshot!(opened(&with(16, &u64::MAX.to_le_bytes())), @"BOOK/book.index is damaged (it is cut short); rebuild it with `docent ingest`");
    assert_snapshot!(opened(&with(1000, b"\xFF")), @"BOOK/book.index is damaged (its checksum does not match); rebuild it with `docent ingest`");
    assert_snapshot!(opened(&sealed(with(32, &u64::MAX.to_le_bytes()))), @"BOOK/book.index is damaged (a section lies outside the file); rebuild it with `docent ingest`");
    assert_snapshot!(opened(&sealed(with(24, &u32::MAX.to_le_bytes()))), @"BOOK/book.index is damaged (a section has another length than its chunks need); rebuild it with `docent ingest`");
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Index::open(folder.path()), Err(IndexError::NotAnIndex(_))));
    let missing = folder.path().join("missing.index");
    let message = Index::open(&missing).unwrap_err().to_string();
    assert!(message.contains("missing.index"), "{message}");
    #[cfg(unix)]
    assert!(matches!(Index::open(&PathBuf::from("/dev/zero")), Err(IndexError::NotAnIndex(_))));
}

#[test]
fn a_sparse_giant_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.index");
    std::fs::write(&path, builder().build()).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let message = Index::open(&path).unwrap_err().to_string();
    assert!(message.contains("longer than it says"), "{message}");
}

#[test]
fn every_flipped_byte_is_noticed() {
    let file = builder().build();
    for at in 0..file.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut flipped = file.clone();
            flipped[at] ^= flip;
            assert!(Index::from_bytes(flipped).is_err(), "byte {at} with {flip:#x}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    let file = builder().build();
    for length in 0..file.len() {
        assert!(Index::from_bytes(file[..length].to_vec()).is_err(), "{length} bytes");
    }
}

#[test]
fn no_number_in_a_sealed_file_does_harm() {
    let file = builder().build();
    for at in (0..file.len() - 8).step_by(4) {
        let old = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        for new in [0, 1, old.wrapping_add(1), old.wrapping_sub(1), 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
            let mut changed = file.clone();
            changed[at..at + 4].copy_from_slice(&new.to_le_bytes());
            if let Ok(index) = Index::from_bytes(sealed(changed)) {
                use_everything(&index);
            }
        }
    }
}

/// Numbers in the sections that only large files have.
#[test]
fn no_code_in_a_sealed_file_does_harm() {
    let mut builder = search::IndexBuilder::new(search::Metadata { dimensions: 3, ..Default::default() });
    let mut chunk = crate::chunks().swap_remove(1);
    for number in 0..20_000u32 {
        chunk.id.0[..4].copy_from_slice(&number.to_be_bytes());
        builder.push(&chunk, &[1.0, number as f32, 2.0]);
    }
    let file = builder.build();
    // Codes and scales are the last sections: 3 and 8 bytes a chunk.
    let last_sections = file.len() - 20_000 * 11 - 200;
    for pattern in [[0x80; 4], [0x7F, 0xFF, 0x7F, 0xFF], [0, 0, 0xC0, 0x7F], [0, 0, 0x80, 0xFF]] {
        let mut changed = file.clone();
        for number in changed[last_sections..file.len() - 8].chunks_exact_mut(4) {
            number.copy_from_slice(&pattern);
        }
        let index = Index::from_bytes(sealed(changed)).unwrap();
        index.nearest(&[1.0, 2.0, 3.0], search::Scope::default(), 10);
    }
}

#[test]
fn bytes_at_any_address_are_read() {
    let file = builder().build();
    for shift in 0..8 {
        let mut shifted = vec![0; shift];
        shifted.extend_from_slice(&file);
        assert!(Index::from_bytes(shifted.split_off(shift)).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_change_of_a_sealed_file_does_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = builder().build();
        let end = file.len() - 8;
        for (at, byte) in changes {
            file[at.index(end)] = byte;
        }
        if let Some(cut) = cut {
            // A shorter file that agrees with itself about its length.
            file.truncate(cut.index(end).max(48));
            let length = (file.len() as u64).to_le_bytes();
            file[16..24].copy_from_slice(&length);
            let tail = file.len() - 4;
            file[tail..].copy_from_slice(b"END\n");
        }
        if let Ok(index) = Index::from_bytes(sealed(file)) {
            use_everything(&index);
        }
    }

    #[test]
    fn any_bytes_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..600), with_magic in any::<bool>()) {
        if with_magic {
            bytes.splice(0..0, *b"DOCENTIX\x01\0\0\0");
        }
        prop_assert!(Index::from_bytes(bytes).is_err());
    }
}
