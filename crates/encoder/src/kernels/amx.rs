//! The product of bytes with the matrix unit of recent x86-64 server processors (AMX): a tile of sixteen rows by
//! sixteen columns takes in 64 values a row with one instruction, eight times the rate of `vpdpbusd`.
//!
//! The intrinsics are not stable, so the few instructions are written as assembly. A block of 32 rows by two panels
//! keeps four tiles of sums in tmm0–3, two of the left side in tmm4–5 and two of the right side in tmm6–7.

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::{Product, Raw};
use crate::weights::PANEL;

/// Rows of a tile, at most.
const TILE_ROWS: usize = 16;
/// Bytes of a row of a tile.
const TILE_BYTES: usize = 64;
/// Steps of four bytes that one tile takes in.
pub(super) const TILE_STEPS: usize = TILE_BYTES / 4;

/// Whether the processor has the unit and the system lets this process use it. Asks the system once.
pub(super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_unit() && has_permission())
}

fn has_unit() -> bool {
    const TILES: u32 = 1 << 24;
    const BYTES: u32 = 1 << 25;
    const SAVED_BY_SYSTEM: u64 = 0b11 << 17;
    if !is_x86_feature_detected!("xsave") {
        return false;
    }
    if __cpuid(0).eax < 7 || __cpuid_count(7, 0).edx & (TILES | BYTES) != TILES | BYTES {
        return false;
    }
    // SAFETY: the processor has `xsave`; the system has switched it on, or detection above would have failed.
    unsafe { _xgetbv(0) & SAVED_BY_SYSTEM == SAVED_BY_SYSTEM }
}

/// Linux gives the tiles' 8 KiB of state only to processes that ask.
#[cfg(target_os = "linux")]
fn has_permission() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let result: i64;
    // SAFETY: a system call that changes nothing but what this process may use; the clobbers are those of `syscall`.
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => result, in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA, out("rcx") _, out("r11") _, options(nostack));
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn has_permission() -> bool {
    false
}

/// What `ldtilecfg` reads: palette 1, then bytes a row and rows of each tile.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Configuration {
    /// For a block whose upper and lower tiles have these rows.
    fn new(upper: usize, lower: usize) -> Self {
        let (upper, lower) = (upper as u8, lower.max(1) as u8);
        let mut configuration =
            Self { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        configuration.row_bytes[..8].fill(TILE_BYTES as u16);
        // Sums, left side, right side; the right side always has all its rows.
        configuration.rows[..8].copy_from_slice(&[upper, upper, lower, lower, upper, lower, 16, 16]);
        configuration
    }
}

/// Room for the sums of one tile, before they are scaled.
#[repr(C, align(64))]
struct Sums(#[allow(dead_code)] [[i32; PANEL]; TILE_ROWS]);

/// Multiplies bytes.
///
/// # Safety
/// `raw` comes from [`Product::check`] with bytes on both sides, `raw.steps` is a multiple of [`TILE_STEPS`],
/// [`available`] is true and the processor has the features named below.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn multiply(raw: Raw) {
    let mut row = 0;
    while row < raw.rows {
        let upper = (raw.rows - row).min(TILE_ROWS);
        let lower = (raw.rows - row - upper).min(TILE_ROWS);
        let configuration = Configuration::new(upper, lower);
        // SAFETY: `configuration` is 64 bytes in the form that the instruction reads.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly)) };
        let mut panel = 0;
        while panel < raw.panel_count {
            let two = panel + 1 < raw.panel_count;
            // SAFETY: the block lies inside `raw`.
            unsafe {
                match (lower > 0, two) {
                    (true, true) => block::<true, true>(raw, row, upper, lower, panel),
                    (true, false) => block::<true, false>(raw, row, upper, lower, panel),
                    (false, true) => block::<false, true>(raw, row, upper, lower, panel),
                    (false, false) => block::<false, false>(raw, row, upper, lower, panel),
                }
            }
            panel += 1 + usize::from(two);
        }
        row += upper + lower;
    }
    // SAFETY: gives the tiles back, so that the system need not save them.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn block<const LOWER: bool, const TWO: bool>(
    raw: Raw,
    row: usize,
    upper: usize,
    lower: usize,
    panel: usize,
) {
    let panel_bytes = Product::panel_bytes(raw.steps);
    // Written by the tiles that are in use, and only those are read: clearing it first would cost as much as they do.
    let mut sums = std::mem::MaybeUninit::<[Sums; 4]>::uninit();
    let tiles = sums.as_mut_ptr().cast::<Sums>();
    // SAFETY: tiles read `upper` and `lower` rows of 64 bytes of the left side and sixteen of each panel, all inside
    // `raw`; they write to `sums` alone. Tiles are not used by compiled code, so they keep their values in between.
    unsafe {
        let mut left = raw.left.add(row * raw.left_stride);
        let mut right = raw.panels.add(panel * panel_bytes);
        asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem));
        for _ in 0..raw.steps / TILE_STEPS {
            asm!(
                "tileloadd tmm6, [{right} + {width}]",
                "tileloadd tmm4, [{left} + {stride}]",
                "tdpbsud tmm0, tmm4, tmm6",
                left = in(reg) left, stride = in(reg) raw.left_stride, right = in(reg) right,
                width = in(reg) TILE_BYTES, options(nostack, readonly)
            );
            if TWO {
                asm!("tileloadd tmm7, [{right} + {width}]", "tdpbsud tmm1, tmm4, tmm7",
                    right = in(reg) right.add(panel_bytes), width = in(reg) TILE_BYTES, options(nostack, readonly));
            }
            if LOWER {
                asm!("tileloadd tmm5, [{left} + {stride}]", "tdpbsud tmm2, tmm5, tmm6",
                    left = in(reg) left.add(TILE_ROWS * raw.left_stride), stride = in(reg) raw.left_stride,
                    options(nostack, readonly));
                if TWO {
                    asm!("tdpbsud tmm3, tmm5, tmm7", options(nostack, nomem));
                }
            }
            left = left.add(TILE_BYTES);
            right = right.add(TILE_STEPS * PANEL * 4);
        }
        asm!("tilestored [{} + {width}], tmm0", in(reg) tiles.add(0), width = in(reg) TILE_BYTES, options(nostack));
        if TWO {
            asm!("tilestored [{} + {width}], tmm1", in(reg) tiles.add(1), width = in(reg) TILE_BYTES, options(nostack));
        }
        if LOWER {
            asm!("tilestored [{} + {width}], tmm2", in(reg) tiles.add(2), width = in(reg) TILE_BYTES, options(nostack));
            if TWO {
                asm!("tilestored [{} + {width}], tmm3", in(reg) tiles.add(3), width = in(reg) TILE_BYTES, options(nostack));
            }
        }
        for index in 0..4 {
            let (lower_tile, second) = (index / 2 == 1, index % 2 == 1);
            if (lower_tile && !LOWER) || (second && !TWO) {
                continue;
            }
            let column = (panel + usize::from(second)) * PANEL;
            let (first_row, rows) = if lower_tile { (row + TILE_ROWS, lower) } else { (row, upper) };
            let column_scales = _mm512_loadu_ps(raw.column_scales.add(column));
            let biases = _mm512_loadu_ps(raw.biases.add(column));
            for r in 0..rows {
                let row = first_row + r;
                let value = _mm512_load_si512(tiles.add(index).cast::<[i32; PANEL]>().add(r).cast());
                let value = _mm512_sub_epi32(value, _mm512_set1_epi32(*raw.corrections.add(row)));
                let value =
                    _mm512_mul_ps(_mm512_cvtepi32_ps(value), _mm512_set1_ps(*raw.row_scales.add(row)));
                let value = _mm512_add_ps(_mm512_mul_ps(value, column_scales), biases);
                _mm512_storeu_ps(raw.out.add(row * raw.out_stride + column), value);
            }
        }
    }
}
