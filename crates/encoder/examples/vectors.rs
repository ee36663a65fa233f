//! Encodes texts for a program in another language to compare: reads texts from standard input, each ended by a
//! zero byte, and writes for each the number of its token ids, the ids, and its vector (32-bit little-endian).
//! `vectors [--weights FILE] [--query] [--threads N] [--level portable|avx2|avx512]`

use std::io::{Read, Write};

use encoder::{Encoder, Level, Role};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut role, mut threads, mut encoder) = (Role::Passage, 1, None);
    let mut level = Level::best();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--query" => role = Role::Query,
            "--threads" => threads = arguments.next().ok_or("--threads needs a number")?.parse()?,
            "--weights" => {
                encoder = Some(Encoder::open(arguments.next().ok_or("--weights needs a file")?.as_ref())?);
            }
            "--level" => {
                let name = arguments.next().ok_or("--level needs a name")?.to_lowercase();
                let mut levels = Level::available().into_iter();
                level = levels
                    .find(|level| format!("{level:?}").to_lowercase().starts_with(&name))
                    .ok_or("this processor does not have that level")?;
            }
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let encoder = encoder.map_or_else(Encoder::builtin, Ok)?.with_level(level);
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    let input = String::from_utf8(input)?;
    let texts: Vec<&str> = input.split_terminator('\0').collect();
    let vectors = encoder.encode(&texts, role, threads);
    let mut out = Vec::new();
    for (text, vector) in texts.iter().zip(vectors.chunks_exact(encoder.dimensions())) {
        let ids = encoder.token_ids(text, encoder.max_tokens());
        out.extend((ids.len() as u32).to_le_bytes());
        ids.iter().for_each(|id| out.extend(id.to_le_bytes()));
        vector.iter().for_each(|value| out.extend(value.to_le_bytes()));
    }
    std::io::stdout().lock().write_all(&out)?;
    Ok(())
}
