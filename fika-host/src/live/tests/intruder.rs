//! A neighbour that means no good: it connects where a node is expected, and says the same over and over.

use std::borrow::Cow;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use fika_core::env::{ChainParams, Env};
use fika_core::hash::{Id, sha256};
use fika_core::message::{GossipMessage, InvItem, Message};
use fika_core::plugin::Plugin;
use fika_core::transport::{Hello, Input, Output, Transport};
use fika_core::{address::Address, block::Tx};
use fika_tcp::{Codec, Frame, Frames, Params, Tcp};

/// What it says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flood {
    Pings,
    Headers,
    Payments,
    Announcements,
    Gossip,
    /// Nothing: it connects again and again.
    Connections,
}

/// All of them.
pub(super) const FLOODS: [Flood; 6] =
    [Flood::Pings, Flood::Headers, Flood::Payments, Flood::Announcements, Flood::Gossip, Flood::Connections];

/// What it has done in all.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) connections: u64,
    pub(super) bytes: u64,
}

/// Floods the node that listens at `socket`, which expects a neighbour with this hello.
pub(super) fn start(socket: PathBuf, hello: Hello, what: Flood, time: Duration) -> JoinHandle<Done> {
    spawn(move || {
        let (end, mut done) = (Instant::now() + time, Done::default());
        while Instant::now() < end {
            match UnixStream::connect(&socket) {
                Ok(stream) => {
                    done.connections += 1;
                    if !matches!(what, Flood::Connections) {
                        // However it ends, there is a next one.
                        let _ = talk(stream, &hello, what, end, &mut done);
                        sleep(Duration::from_millis(10));
                    }
                }
                Err(_) => sleep(Duration::from_millis(1)),
            }
        }
        done
    })
}

fn talk(mut stream: UnixStream, hello: &Hello, what: Flood, end: Instant, done: &mut Done) -> std::io::Result<()> {
    let env = Env { chain: ChainParams::default(), keys: std::sync::Arc::new(fika_core::keys::NoKeys) };
    let tcp = Tcp::new(Params::default(), &env).map_err(std::io::Error::other)?;
    let mut out = Output::default();
    tcp.open(true, hello).handle(0, Input::Open, &mut out);
    stream.write_all(&out.bytes)?;
    stream.set_nonblocking(true)?;
    let (mut chunk, mut written) = (Vec::new(), 0);
    while Instant::now() < end {
        if written == chunk.len() {
            (chunk, written) = (say(what, hello.chain, done.bytes), 0);
        }
        let moved = [stream.write(&chunk[written..]), stream.read(&mut [0; 64 << 10])];
        if let Ok(count) = moved[0] {
            written += count;
            done.bytes += count as u64;
        }
        match moved {
            [_, Ok(0)] => return Ok(()),
            [Err(error), _] if error.kind() != ErrorKind::WouldBlock => return Err(error),
            [Err(_), Err(_)] => sleep(Duration::from_millis(1)),
            _ => {}
        }
    }
    Ok(())
}

/// Some frames, other ones for each `n`.
fn say(what: Flood, genesis: Id, n: u64) -> Vec<u8> {
    let id = |k: u64| sha256(&[&n.to_le_bytes(), &k.to_le_bytes()]);
    let frame: Box<dyn Fn(u64) -> Frame<'static>> = match what {
        Flood::Pings | Flood::Connections => Box::new(|_| Frame::Ping),
        Flood::Headers => Box::new(|_| message(Message::GetHeaders(vec![genesis]))),
        Flood::Payments => Box::new(|k| message(Message::Tx(payment(&id(k))))),
        Flood::Announcements => {
            Box::new(|k| message(Message::Inv((0..1000).map(|i| InvItem::Tx(id(k * 1000 + i))).collect())))
        }
        Flood::Gossip => Box::new(|k| {
            let said = GossipMessage { from: Address::default(), to: None, sequence: n + k, bytes: vec![7; 20] };
            message(Message::Gossip(std::sync::Arc::new(said)))
        }),
    };
    let mut bytes = Vec::new();
    (0..50).for_each(|k| Frames.encode(&frame(k), &mut bytes));
    bytes
}

fn message(message: Message) -> Frame<'static> {
    Frame::Message(Cow::Owned(message))
}

/// Well formed; the coin that it spends never was.
fn payment(coin: &Id) -> Tx {
    let input = [&[1][..], &coin.0, &[0, 0, 70], &[7; 70]].concat();
    let output = [&[1, 100, 25][..], &[8; 25]].concat();
    Tx::new([&[1][..], &input, &output, &[0, 0]].concat())
}
