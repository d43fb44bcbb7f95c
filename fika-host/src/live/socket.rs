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
use rustix::net::sockopt;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::Failure;
use super::connection::Ticket;
use super::hub::Hub;
use super::link::Step;
use crate::isolation::{Endpoint, Port, Side};
use crate::limits::{DEAD_AFTER, REDIAL};

/// Bytes read at once.
const CHUNK_BYTES: usize = 8 << 10;
/// The first pause before dialling again; it doubles with each failure,
const BACKOFF: Duration = Duration::from_millis(50);
/// up to this one.
const BACKOFF_MAX: Duration = REDIAL;
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
    /// The next connection, if it comes from the neighbour at the other end of the cable, or why it is refused.
    async fn accept(&self) -> io::Result<Result<Stream, String>> {
        match self {
            Listener::Unix(listener) => Ok(Ok(Stream::Unix(listener.accept().await?.0))),
            Listener::Tcp(listener, expected) => {
                let (stream, from) = listener.accept().await?;
                if from.ip() != expected.ip() {
                    return Ok(Err(format!("refused a connection from {from}: expected {}", expected.ip())));
                }
                set_options(&stream)?;
                Ok(Ok(Stream::Tcp(stream)))
            }
        }
    }
}

/// Small messages leave at once, and a connection over which nothing comes back for [`DEAD_AFTER`] is over, whether
/// something was sent or not.
fn set_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, DEAD_AFTER / 2)?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(1))?;
    sockopt::set_tcp_keepcnt(stream, (DEAD_AFTER / 2).as_secs() as u32)?;
    // Elsewhere what was sent is given up by the system's own timers.
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(stream, DEAD_AFTER.as_millis() as u32)?;
    Ok(())
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
            Some(Ok(Ok(_))) if !hub.borrow().away(peer).is_zero() => {}
            Some(Ok(Ok(stream))) => {
                let ticket = hub.borrow_mut().connected(peer, false);
                talk = Some(Box::pin(converse(hub.clone(), ticket, stream)));
            }
            Some(Ok(Err(why))) => hub.borrow_mut().refused_connection(peer, &why),
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
        let away = hub.borrow().away(peer);
        if !away.is_zero() {
            sleep(away).await;
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
            set_options(&stream)?;
            Ok(Stream::Tcp(stream))
        }
        (Endpoint::Unix(_), Endpoint::Tcp(_)) => Err(io::Error::other("expected both ends of one kind")),
    }
}

/// Carries bytes between a socket and its session until either ends.
async fn converse(hub: Rc<RefCell<Hub>>, ticket: Ticket, stream: Stream) {
    loop {
        // A socket that is always ready would leave nobody else a turn.
        yield_now().await;
        let step = hub.borrow_mut().step(&ticket);
        let Some(writes) = hub.borrow().queued(&ticket).map(|queue| !queue.is_empty()) else { return };
        let pause = match step {
            Step::Over => return,
            Step::Read | Step::Write => None,
            Step::Turn => Some(Duration::ZERO),
            Step::Wait(pause) => Some(pause),
        };
        let interest = match (step == Step::Read, writes) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        let ready = tokio::select! {
            biased;
            ready = stream.ready(interest.unwrap_or(Interest::READABLE)), if interest.is_some() => ready,
            () = rest(pause.unwrap_or_default()), if pause.is_some() => continue,
            () = ticket.wake.notified() => continue,
        };
        let moved = ready.and_then(|ready| {
            if ready.is_writable() {
                write(&hub, &ticket, &stream)?;
            }
            let ended = ready.is_readable() || ready.is_read_closed();
            if step == Step::Read && ended { read(&hub, &ticket, &stream) } else { Ok(()) }
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

/// Sleeps, or does nothing at all: the shortest sleep is a millisecond.
async fn rest(pause: Duration) {
    if !pause.is_zero() {
        sleep(pause).await;
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
