//! The control socket's side of the node.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use super::answer::Answer;
use super::control::{LINE_BYTES_MAX, Reply, Request};
use super::hub::Hub;

/// Clients at the same time. One more takes the place of the one that has asked for nothing for the longest time.
const CLIENTS_MAX: usize = 16;
/// A client that has begun a request has so long for the rest of the line.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);
/// A client that does not take its answer within this time is dropped.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client: its task, and since when it has asked for nothing; `None`: it waits for an answer.
struct Client {
    task: JoinHandle<()>,
    idle_since: Rc<Cell<Option<Instant>>>,
}

/// Serves clients for as long as the node runs.
pub(super) async fn serve(hub: Rc<RefCell<Hub>>, listener: UnixListener) {
    let mut clients: Vec<Client> = Vec::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                clients.retain(|client| !client.task.is_finished());
                if clients.len() >= CLIENTS_MAX {
                    let idle = clients.iter().enumerate().filter_map(|(n, it)| Some((it.idle_since.get()?, n)));
                    // Who waits for an answer keeps its place: then the new one has to go.
                    let Some((_, longest)) = idle.min() else { continue };
                    clients.swap_remove(longest).task.abort();
                }
                let idle_since = Rc::new(Cell::new(Some(Instant::now())));
                let (hub, idle) = (hub.clone(), idle_since.clone());
                let task = spawn_local(async move {
                    if let Err(error) = talk(&hub, stream, &idle).await {
                        debug!("a client of the control socket: {error}");
                    }
                });
                clients.push(Client { task, idle_since });
            }
            Err(error) => {
                warn!("the control socket: {error}");
                sleep(WRITE_TIMEOUT).await;
            }
        }
    }
}

async fn talk(hub: &RefCell<Hub>, client: UnixStream, idle_since: &Cell<Option<Instant>>) -> io::Result<()> {
    let (from, mut to) = client.into_split();
    let mut from = BufReader::with_capacity(1 << 10, from);
    let mut line = Vec::new();
    loop {
        line.clear();
        idle_since.set(Some(Instant::now()));
        // A client may stay as long as it likes, but not in the midst of a line.
        if from.fill_buf().await?.is_empty() {
            return Ok(());
        }
        let mut limited = (&mut from).take(LINE_BYTES_MAX as u64);
        let read = timeout(LINE_TIMEOUT, limited.read_until(b'\n', &mut line)).await;
        read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        let error = |why: String| Answer::Now(Box::new(Reply::Error { why }));
        let answer = match serde_json::from_slice::<Request>(&line) {
            _ if line.last() != Some(&b'\n') => {
                let why = format!("expected a line of at most {LINE_BYTES_MAX} bytes");
                return write(&mut to, &Reply::Error { why }).await;
            }
            Ok(request) => hub.borrow_mut().answer(request),
            Err(why) => error(format!("expected a request: {why}")),
        };
        match answer {
            Answer::Now(reply) => write(&mut to, &reply).await?,
            Answer::Updated(here) => {
                idle_since.set(None);
                // Ends without a value only together with the node.
                let _ = here.await;
                idle_since.set(Some(Instant::now()));
                let reply = hub.borrow().status();
                write(&mut to, &reply).await?;
            }
            Answer::Stop => {
                let written = write(&mut to, &Reply::Done).await;
                hub.borrow_mut().stop();
                return written;
            }
        }
    }
}

async fn write(to: &mut tokio::net::unix::OwnedWriteHalf, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    timeout(WRITE_TIMEOUT, to.write_all(&line)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
