//! Where the bytes of a weights file live: in the program, in a mapped file or on the heap.

use std::path::Path;

/// The bytes of a weights file.
pub(crate) enum Storage {
    Program(&'static [u8]),
    Mapped(memmap2::Mmap),
    Heap(Vec<u8>),
}

/// Aligned as the kernels like it: a cache line.
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static BUILTIN: &Aligned<[u8]> = &Aligned(*include_bytes!("../../weights/all-MiniLM-L6-v2.weights"));

impl Storage {
    /// The weights that are part of the program. Pages are read when they are first used, and shared between
    /// processes.
    pub fn builtin() -> Self {
        Self::Program(&BUILTIN.0)
    }

    /// Maps the file at `path`.
    #[allow(unsafe_code)]
    pub fn map(path: &Path) -> std::io::Result<Self> {
        let file = fs_err::File::open(path)?;
        // SAFETY: the map is read-only and only read as bytes; no value of them is relied on for memory safety.
        // A file that another program cuts while it is mapped would end this one with SIGBUS, as for every
        // mapped file; `Encoder::open` says so.
        let map = unsafe { memmap2::Mmap::map(file.file())? };
        Ok(Self::Mapped(map))
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Program(bytes) => bytes,
            Self::Mapped(map) => map,
            Self::Heap(bytes) => bytes,
        }
    }
}
