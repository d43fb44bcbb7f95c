//! The control socket's side of the node.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::answer::Answer;
use super::control::{LINE_BYTES_MAX, Reply, Request};
use super::hub::Hub;

/// Clients at the same time; more wait to be accepted.
const CLIENTS_MAX: usize = 16;
/// A client that does not take its answer within this time is dropped.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves clients for as long as the node runs.
pub(super) async fn serve(hub: Rc<RefCell<Hub>>, listener: UnixListener) {
    let places = Arc::new(tokio::sync::Semaphore::new(CLIENTS_MAX));
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((client, _)) => {
                let hub = hub.clone();
                spawn_local(async move {
                    if let Err(error) = talk(&hub, client).await {
                        debug!("a client of the control socket: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                warn!("the control socket: {error}");
                sleep(WRITE_TIMEOUT).await;
            }
        }
    }
}

async fn talk(hub: &RefCell<Hub>, client: UnixStream) -> io::Result<()> {
    let (from, mut to) = client.into_split();
    let mut from = BufReader::with_capacity(1 << 10, from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut from).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(());
        }
        let error = |why: String| Answer::Now(Reply::Error { why });
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
                // Ends without a value only together with the node.
                let _ = here.await;
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
