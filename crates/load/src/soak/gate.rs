//! A gate before a TCP service: what goes through it can be cut off or left without an answer.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the gate does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They pass.
    Open,
    /// They are cut, and new ones end at once.
    Cut,
    /// Not a byte passes, and nobody is told. They are cut when this is over.
    Silent,
}

/// A listening gate; it ends with the runtime.
pub struct Gate {
    /// Where clients connect.
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
}

impl Gate {
    /// Listens on a free port and passes on to `target`.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub async fn before(target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (mode, watched) = watch::channel(Mode::Open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, watched.clone()));
            }
        });
        Ok(Self { address, mode })
    }

    /// Changes what happens from now on, to open connections too.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr, mut mode: watch::Receiver<Mode>) {
    let is_open = *mode.borrow_and_update() == Mode::Open;
    // Held until the end of this, so that silence is not a hang-up.
    let mut server = None;
    if is_open {
        let Ok(connected) = TcpStream::connect(target).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut client, server.insert(connected)) => return,
            _ = mode.changed() => {}
        }
    }
    while *mode.borrow_and_update() == Mode::Silent && mode.changed().await.is_ok() {}
}
