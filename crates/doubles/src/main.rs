//! `doubles`: runs the test doubles for scripts and benches. Prints one line for each (`gemini http://127.0.0.1:4711`),
//! then serves until its standard input closes or it is interrupted.
//!
//! `--neon HOST:PORT` adds SQL over HTTPS in front of the Postgres there (`neon http://127.0.0.1:4712/sql`). `--hub URL` adds
//! the Hugging Face Hub, and says where the app of its Spaces is reached (`hub http://127.0.0.1:4713 TOKEN`).
//!
//! `doubles [--gemini-port N] [--openai-port N] [--qdrant-port N] [--first-ms N] [--between-ms N] [--words N] [--answer TEXT] [--neon HOST:PORT] [--hub URL] [--stay]`

use std::process::ExitCode;

use doubles::{Control, GeminiDouble, HubDouble, NeonDouble, OpenAiDouble, Pace, QdrantDouble};
use tokio::io::AsyncReadExt;

/// What the command line asks for.
#[derive(Debug, Default)]
struct Options {
    gemini_port: u16,
    openai_port: u16,
    qdrant_port: u16,
    pace: Pace,
    answer: Option<String>,
    /// Where a Postgres is, for SQL over HTTPS.
    neon: Option<(String, u16)>,
    /// Where the app of the Hub's Spaces is reached.
    hub: Option<String>,
    /// Do not end with standard input.
    stay: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("doubles: {problem}");
            return ExitCode::from(2);
        }
    };
    match serve(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("doubles: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: &Options) -> std::io::Result<()> {
    let gemini = GeminiDouble::start_on(options.gemini_port).await?;
    let openai = OpenAiDouble::start_on(options.openai_port).await?;
    let qdrant = QdrantDouble::start_on(options.qdrant_port).await?;
    for control in [gemini.control(), openai.control()] {
        set_up(&control, options);
    }
    println!("gemini {} {}", gemini.base_url(), gemini.key());
    println!("openai {} {}", openai.base_url(), openai.key());
    if let Some((host, port)) = &options.neon {
        println!("neon {}", NeonDouble::start(host, *port).await?.address());
    }
    let _hub = match &options.hub {
        Some(app) => {
            let hub = HubDouble::start_on(0).await?;
            hub.serve_apps_at(app);
            println!("hub {} {}", hub.base_url(), HubDouble::TOKEN);
            Some(hub)
        }
        None => None,
    };
    println!("qdrant {} {}", qdrant.base_url(), qdrant.key());
    let stay = options.stay;
    let input_closed = async move {
        if stay {
            std::future::pending::<()>().await;
        }
        let mut sink = Vec::new();
        let _ = tokio::io::stdin().read_to_end(&mut sink).await;
    };
    tokio::select! {
        () = input_closed => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

fn set_up(control: &Control, options: &Options) {
    control.set_pace(options.pace);
    if let Some(answer) = &options.answer {
        control.answer_always(answer);
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    fn number<T: std::str::FromStr>(name: &str, value: Option<String>) -> Result<T, String> {
        let value = value.ok_or_else(|| format!("{name} wants a number"))?;
        value.parse().map_err(|_| format!("{name} wants a number, not '{value}'"))
    }
    let mut options = Options::default();
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--gemini-port" => options.gemini_port = number(&name, arguments.next())?,
            "--openai-port" => options.openai_port = number(&name, arguments.next())?,
            "--qdrant-port" => options.qdrant_port = number(&name, arguments.next())?,
            "--first-ms" => options.pace.first_ms = number(&name, arguments.next())?,
            "--between-ms" => options.pace.between_ms = number(&name, arguments.next())?,
            "--words" => options.pace.words = number(&name, arguments.next())?,
            "--answer" => options.answer = Some(arguments.next().ok_or("--answer wants a text")?),
            "--neon" => {
                let place = arguments.next().ok_or("--neon wants HOST:PORT")?;
                let (host, port) = place.split_once(':').ok_or("--neon wants HOST:PORT")?;
                options.neon = Some((host.to_owned(), number(&name, Some(port.to_owned()))?));
            }
            "--hub" => options.hub = Some(arguments.next().ok_or("--hub wants an address")?),
            "--stay" => options.stay = true,
            _ => return Err(format!("unknown argument '{name}'")),
        }
    }
    Ok(options)
}
