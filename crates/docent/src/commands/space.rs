//! `docent space`: a Hugging Face Space, from folder to running service.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{NoIndex, load_config};
use crate::space::export::export;
use crate::space::{BookPart, ExportError, Exported, Program, find_sources};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the tree that is uploaded to a Space
    Export(ExportArguments),
}

#[derive(Args)]
struct ExportArguments {
    /// Folder to write to: a new one, a clone of the Space, or an earlier export
    folder: PathBuf,
    #[command(flatten)]
    tree: TreeArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a Space is made of.
#[derive(Args)]
struct TreeArguments {
    /// Book that the Space answers from; without it the index of the last ingest, else the manual of the sources
    #[arg(long, value_name = "BOOK")]
    book: Option<PathBuf>,
    /// Upload this executable instead of its sources
    #[arg(long)]
    prebuilt: bool,
    /// Checkout of Docent, when it is neither here nor above the executable
    #[arg(long, value_name = "DIR", conflicts_with = "prebuilt")]
    source: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Command::Export(arguments) => {
            let exported = arguments.tree.write(&arguments.folder)?;
            if arguments.json {
                println!("{}", serde_json::to_string_pretty(&exported)?);
            } else {
                print_exported(&arguments.folder, &exported);
            }
        }
    }
    Ok(())
}

impl TreeArguments {
    fn write(&self, folder: &Path) -> anyhow::Result<Exported> {
        let sources = match &self.source {
            Some(folder) => Some(folder.clone()),
            None => find_sources(),
        };
        let program = if self.prebuilt {
            if cfg!(debug_assertions) {
                eprintln!(
                    "warning: this is a debug build: large and slow; build with --release for a real Space"
                );
            }
            Program::Executable(std::env::current_exe().context("cannot find this executable")?)
        } else {
            Program::Sources(sources.clone().ok_or(ExportError::NoSources)?)
        };
        let book = match &self.book {
            Some(folder) => BookPart::Folder(folder.clone()),
            None => {
                let index = load_config(None)?.index_file();
                let manual = sources.map(|folder| folder.join("docs")).filter(|folder| folder.is_dir());
                match (index.is_file(), manual) {
                    (true, _) => BookPart::Index(index),
                    (false, Some(manual)) => BookPart::Folder(manual),
                    (false, None) => return Err(NoIndex(index).into()),
                }
            }
        };
        match &book {
            BookPart::Folder(folder) => eprintln!("book: {}", folder.display()),
            BookPart::Index(file) => {
                let embedder = search::Index::open(file)?.metadata().embedder.clone();
                eprintln!("book: the index {}, embedded with '{embedder}'", file.display());
            }
        }
        Ok(export(folder, &program, &book)?)
    }
}

fn print_exported(folder: &Path, exported: &Exported) {
    for left_out in &exported.left_out {
        eprintln!("left out: {left_out}");
    }
    let lfs = exported.files.iter().filter(|file| file.lfs).count();
    println!(
        "{} files, {:.1} MB, {lfs} of them by LFS, in {}",
        exported.files.len(),
        exported.size() as f64 / 1e6,
        folder.display()
    );
    println!(
        "try it:    docker build -t hf-rag-test {0} && docker run --rm -p 7860:7860 hf-rag-test",
        folder.display()
    );
    println!("upload it: git push it to https://huggingface.co/spaces/OWNER/NAME, with git-lfs");
}
