//! A network that fails: a TCP proxy that cuts, delays, stands still, and forgets connections without telling anyone.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy on a free port.
pub struct Proxy {
    pub port: u16,
    net: watch::Sender<Net>,
}

/// How the network is now.
#[derive(Clone, Copy, Default)]
struct Net {
    /// Connections that were made before this one are closed.
    cut: u64,
    /// Connections that were made before this one stand still for ever, and neither side is told.
    forgotten: u64,
    /// As many connections were made.
    made: u64,
    still: bool,
    delay_ms: u64,
}

impl Proxy {
    /// In front of the server on this port.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let net = watch::Sender::new(Net::default());
        beside(accept(listener, server, net.clone()));
        Self { port, net }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.net.send_modify(|net| net.cut = net.made);
    }

    /// All connections stand still for ever, half open; new ones work.
    pub fn forget(&self) {
        self.net.send_modify(|net| net.forgotten = net.made);
    }

    /// Nothing moves until it is let go.
    pub fn still(&self, still: bool) {
        self.net.send_modify(|net| net.still = still);
    }

    /// Every piece takes so long, each way.
    pub fn delay(&self, ms: u64) {
        self.net.send_modify(|net| net.delay_ms = ms);
    }

    pub fn connections(&self) -> u64 {
        self.net.borrow().made
    }
}

#[expect(clippy::disallowed_methods, reason = "the network is beside those who use it")]
fn beside(job: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(job));
}

async fn accept(listener: TcpListener, server: u16, net: watch::Sender<Net>) {
    while let Ok((client, _)) = listener.accept().await {
        let mut number = 0;
        net.send_modify(|net| {
            number = net.made;
            net.made += 1;
        });
        beside(join(client, server, number, net.subscribe()));
    }
}

async fn join(client: TcpStream, server: u16, number: u64, mut net: watch::Receiver<Net>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cutting = net.clone();
    tokio::select! {
        biased;
        _ = cutting.wait_for(|net| net.cut > number) => {}
        () = copy(from_client, to_server, number, net.clone()) => {}
        () = copy(from_server, to_client, number, net.clone()) => {}
    }
    // A side that ends is told to nobody once the connection is forgotten.
    let forgotten = net.borrow_and_update().forgotten > number;
    if forgotten {
        std::future::pending::<()>().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a real network takes real time")]
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, number: u64, mut net: watch::Receiver<Net>) {
    let mut piece = vec![0; 64 << 10];
    loop {
        let moves = |net: &Net| !net.still && net.forgotten <= number;
        if net.wait_for(moves).await.is_err() {
            return;
        }
        let Ok(length @ 1..) = from.read(&mut piece).await else {
            return;
        };
        let Ok(delay_ms) = net.wait_for(moves).await.map(|net| net.delay_ms) else {
            return;
        };
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
