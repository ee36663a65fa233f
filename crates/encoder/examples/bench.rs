//! The side of the speed comparison that is ours; `tests/reference/compare_speed.py` drives it.
//!
//! Reads one command a line from standard input and answers each with one line of numbers:
//! - `load FILE` – texts, each ended by a zero byte; answers their number
//! - `chunks THREADS` – encodes all texts as passages; answers `cpu_seconds wall_seconds`
//! - `question THREADS REPEATS` – encodes the first text as a query, again and again; answers the processor time
//!   of one, then the least and the median wall time of one
//! - `peak SECONDS` – the most 8-bit multiply-adds that one core does in a second, from registers alone: with
//!   512-bit dot products, then with the matrix unit; 0 for what the processor does not have

use std::io::BufRead;
use std::time::{Duration, Instant};

use encoder::{Encoder, Role};
use rustix::time::{ClockId, clock_gettime};

/// Processor time of all threads of this process.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let encoder = Encoder::builtin()?;
    let loaded = start.elapsed();
    encoder.encode(&["the first question"], Role::Query, 1);
    let first = start.elapsed();
    println!("{} {}", loaded.as_secs_f64(), first.as_secs_f64());

    let mut texts: Vec<String> = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["load", path] => {
                texts = std::fs::read_to_string(path)?.split_terminator('\0').map(str::to_owned).collect();
                println!("{}", texts.len());
            }
            ["chunks", threads] => {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let (wall, cpu) = (Instant::now(), cpu_seconds());
                std::hint::black_box(encoder.encode(&texts, Role::Passage, threads.parse()?));
                println!("{} {}", cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
            }
            ["question", threads, repeats] => {
                let (threads, repeats) = (threads.parse()?, repeats.parse::<u32>()?);
                let cpu = cpu_seconds();
                let mut walls: Vec<Duration> = (0..repeats)
                    .map(|_| {
                        let start = Instant::now();
                        std::hint::black_box(encoder.encode(&[texts[0].as_str()], Role::Query, threads));
                        start.elapsed()
                    })
                    .collect();
                let cpu = (cpu_seconds() - cpu) / f64::from(repeats);
                walls.sort_unstable();
                println!("{cpu} {} {}", walls[0].as_secs_f64(), walls[walls.len() / 2].as_secs_f64());
            }
            ["peak", seconds] => {
                let seconds = seconds.parse()?;
                println!("{} {}", peak(seconds, Unit::DotProducts), peak(seconds, Unit::Matrix));
            }
            _ => return Err(format!("unknown command {line:?}").into()),
        }
    }
    Ok(())
}

/// What multiplies.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    DotProducts,
    Matrix,
}

/// Multiply-adds of bytes in a second of processor time.
#[cfg(target_arch = "x86_64")]
fn peak(seconds: f64, unit: Unit) -> f64 {
    use std::arch::x86_64::*;

    const SUMS: usize = 24;
    const STEPS: usize = 1 << 16;

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn dot_products() -> i32 {
        let mut sums = [_mm512_setzero_si512(); SUMS];
        let (a, b) = (std::hint::black_box(_mm512_set1_epi32(5)), std::hint::black_box(_mm512_set1_epi32(3)));
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, a, b);
            }
        }
        sums.iter().fold(0, |total, sum| total.wrapping_add(_mm512_reduce_add_epi32(*sum)))
    }

    /// Four independent sums of sixteen by sixteen, sixty-four values deep.
    ///
    /// # Safety
    /// The processor has the unit and the system lets this process use it.
    unsafe fn matrix() {
        #[repr(align(64))]
        struct Configuration([u8; 64]);
        let mut configuration = Configuration([0; 64]);
        configuration.0[0] = 1;
        for tile in 0..8 {
            configuration.0[16 + 2 * tile] = 64;
            configuration.0[48 + tile] = 16;
        }
        // SAFETY: the caller's; nothing but tiles is touched.
        unsafe {
            std::arch::asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly));
            for _ in 0..STEPS {
                std::arch::asm!(
                    "tdpbsud tmm0, tmm4, tmm6",
                    "tdpbsud tmm1, tmm4, tmm7",
                    "tdpbsud tmm2, tmm5, tmm6",
                    "tdpbsud tmm3, tmm5, tmm7",
                    options(nostack, nomem)
                );
            }
            std::arch::asm!("tilerelease", options(nostack, nomem));
        }
    }

    let levels = encoder::Level::available();
    let (level, macs) = match unit {
        Unit::DotProducts => (encoder::Level::Avx512Vnni, SUMS * STEPS * 64),
        Unit::Matrix => (encoder::Level::Amx, STEPS * 4 * 16 * 16 * 64),
    };
    if !levels.contains(&level) {
        return 0.0;
    }
    let (start, mut rounds) = (cpu_seconds(), 0.0);
    while cpu_seconds() - start < seconds {
        // SAFETY: the level is available, so its instructions are.
        match unit {
            Unit::DotProducts => {
                std::hint::black_box(unsafe { dot_products() });
            }
            Unit::Matrix => unsafe { matrix() },
        }
        rounds += 1.0;
    }
    rounds * macs as f64 / (cpu_seconds() - start)
}

/// Only measured where the fastest kernels run.
#[cfg(not(target_arch = "x86_64"))]
fn peak(_seconds: f64, _unit: Unit) -> f64 {
    0.0
}
