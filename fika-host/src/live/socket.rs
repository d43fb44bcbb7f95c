//! The sockets to the neighbours: dialling, listening, reading and writing.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use fika_core::node::PeerId;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::Failure;
use super::connection::Ticket;
use super::hub::Hub;
use crate::isolation::{Endpoint, Port, Side};

/// Bytes read at once.
const CHUNK_BYTES: usize = 8 << 10;
/// The first pause before dialling again; it doubles with each failure,
const BACKOFF: Duration = Duration::from_millis(50);
/// up to this one.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// A neighbour that does not answer the dial within this time is not there.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Connected to a neighbour.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    async fn ready(&self, interest: Interest) -> io::Result<tokio::io::Ready> {
        match self {
            Stream::Tcp(stream) => stream.ready(interest).await,
            Stream::Unix(stream) => stream.ready(interest).await,
        }
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_read(buffer),
            Stream::Unix(stream) => stream.try_read(buffer),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write(bytes),
            Stream::Unix(stream) => stream.try_write(bytes),
        }
    }
}

/// Waiting for a neighbour.
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener),
}

/// Binds the port's address, if this end listens.
///
/// # Errors
/// [`Failure::Environment`] when it cannot be bound.
pub(super) fn listen(port: &Port) -> Result<Option<Listener>, Failure> {
    if port.side == Side::Dials {
        return Ok(None);
    }
    let bound = match (&port.local, &port.remote) {
        (Endpoint::Tcp(local), Endpoint::Tcp(remote)) => tcp_listener(*local).map(|it| Listener::Tcp(it, *remote)),
        (Endpoint::Unix(path), _) => unix_listener(path).map(Listener::Unix),
        (Endpoint::Tcp(_), Endpoint::Unix(_)) => Err(io::Error::other("expected both ends of one kind")),
    };
    let at = match &port.local {
        Endpoint::Tcp(address) => address.to_string(),
        Endpoint::Unix(path) => path.display().to_string(),
    };
    bound.map(Some).map_err(|error| Failure::Environment(format!("listening at {at}: {error}")))
}

fn tcp_listener(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A node that starts again finds its old connections in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(16)
}

/// A socket at `path` for this user alone. One that a killed node left is replaced.
pub(super) fn unix_listener(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

impl Listener {
    /// The next connection, if it comes from the neighbour at the other end of the cable.
    async fn accept(&self) -> io::Result<Option<Stream>> {
        match self {
            Listener::Unix(listener) => Ok(Some(Stream::Unix(listener.accept().await?.0))),
            Listener::Tcp(listener, expected) => {
                let (stream, from) = listener.accept().await?;
                if from.ip() != expected.ip() {
                    warn!("refused a connection from {from}: expected {}", expected.ip());
                    return Ok(None);
                }
                stream.set_nodelay(true)?;
                Ok(Some(Stream::Tcp(stream)))
            }
        }
    }
}

/// Keeps the node connected with one neighbour, for as long as the process runs.
pub(super) async fn keep(hub: Rc<RefCell<Hub>>, peer: PeerId, port: Port, listener: Option<Listener>) {
    match listener {
        Some(listener) => answer(hub, peer, listener).await,
        None => dial(hub, peer, port).await,
    }
}

/// The listening end. A new connection takes the place of the old one.
async fn answer(hub: Rc<RefCell<Hub>>, peer: PeerId, listener: Listener) {
    let mut talk: Option<Pin<Box<dyn Future<Output = ()>>>> = None;
    loop {
        let talking = async {
            match &mut talk {
                Some(talk) => talk.await,
                None => std::future::pending().await,
            }
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => Some(accepted),
            () = talking => None,
        };
        match accepted {
            None => talk = None,
            Some(Ok(Some(_))) if !hub.borrow().ban_left(peer).is_zero() => {}
            Some(Ok(Some(stream))) => {
                let ticket = hub.borrow_mut().connected(peer, false);
                talk = Some(Box::pin(converse(hub.clone(), ticket, stream)));
            }
            Some(Ok(None)) => {}
            Some(Err(error)) => {
                warn!("accepting a connection: {error}");
                sleep(BACKOFF_MAX).await;
            }
        }
    }
}

/// The dialling end.
async fn dial(hub: Rc<RefCell<Hub>>, peer: PeerId, port: Port) {
    let mut pause = BACKOFF;
    let mut told = false;
    loop {
        let banned = hub.borrow().ban_left(peer);
        if !banned.is_zero() {
            sleep(banned).await;
        }
        match timeout(DIAL_TIMEOUT, connect(&port)).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                let ticket = hub.borrow_mut().connected(peer, true);
                let begun = tokio::time::Instant::now();
                converse(hub.clone(), ticket, stream).await;
                // A neighbour that hangs up at once is not dialled in a tight loop.
                if begun.elapsed() > BACKOFF_MAX {
                    pause = BACKOFF;
                }
                told = false;
            }
            Err(error) if !told => {
                info!("{} is not there yet ({error})", hub.borrow().links[peer.0 as usize].name);
                told = true;
            }
            Err(_) => {}
        }
        sleep(pause).await;
        pause = BACKOFF_MAX.min(pause * 2);
    }
}

async fn connect(port: &Port) -> io::Result<Stream> {
    match (&port.local, &port.remote) {
        (_, Endpoint::Unix(path)) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
        (Endpoint::Tcp(local), Endpoint::Tcp(remote)) => {
            let socket = if remote.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.bind(*local)?;
            let stream = socket.connect(*remote).await?;
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream))
        }
        (Endpoint::Unix(_), Endpoint::Tcp(_)) => Err(io::Error::other("expected both ends of one kind")),
    }
}

/// Carries bytes between a socket and its session until either ends.
async fn converse(hub: Rc<RefCell<Hub>>, ticket: Ticket, stream: Stream) {
    loop {
        let interest = match hub.borrow().queued(&ticket) {
            None => return,
            Some([]) => Interest::READABLE,
            Some(_) => Interest::READABLE | Interest::WRITABLE,
        };
        let ready = tokio::select! {
            ready = stream.ready(interest) => ready,
            () = ticket.wake.notified() => continue,
        };
        let moved = ready.and_then(|ready| {
            if ready.is_writable() {
                write(&hub, &ticket, &stream)?;
            }
            if ready.is_readable() || ready.is_read_closed() { read(&hub, &ticket, &stream) } else { Ok(()) }
        });
        if let Err(error) = moved {
            let why = match error.kind() {
                ErrorKind::UnexpectedEof => "the neighbour has hung up".to_owned(),
                _ => error.to_string(),
            };
            return hub.borrow_mut().disconnected(&ticket, &why);
        }
    }
}

fn write(hub: &RefCell<Hub>, ticket: &Ticket, stream: &Stream) -> io::Result<()> {
    let mut hub = hub.borrow_mut();
    let Some(bytes) = hub.queued(ticket) else { return Ok(()) };
    match stream.write(bytes) {
        Ok(written) => hub.written(ticket, written),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn read(hub: &RefCell<Hub>, ticket: &Ticket, stream: &Stream) -> io::Result<()> {
    let mut buffer = [0; CHUNK_BYTES];
    match stream.read(&mut buffer) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(length) => {
            hub.borrow_mut().received(ticket, &buffer[..length]);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
