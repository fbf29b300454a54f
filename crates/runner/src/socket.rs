//! The socket in the data folder: a frame is four bytes of length and a JSON request or response.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kunder_agent_core::clock::Clock;
use kunder_agent_core::door::Door;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

/// Longest frame.
const FRAME_BYTES_MAX: u32 = 64 << 20;
/// Frames up to this length are read by every connection at once; for longer ones they wait for each other.
const FRAME_BYTES_SMALL: u32 = 1 << 20;
/// Connections at a time.
const CONNECTIONS_MAX: usize = 128;
/// Longest silence of a connection.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// Longest time a frame takes to arrive once it has begun.
const FRAME_MAX: Duration = Duration::from_secs(60);
/// Longest path the operating system takes for a socket, with room to spare.
const PATH_BYTES_MAX: usize = 100;

/// Where the socket of a data folder is: `DIR/kunder.sock`, or in the temporary folder where that path is too long.
#[must_use]
pub fn path(data: &Path) -> PathBuf {
    let path = data.join("kunder.sock");
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return path;
    }
    let whole = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let hash = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
    std::env::temp_dir().join(format!("kunder-{}.sock", &hash[..16]))
}

/// Makes the socket. The data folder's lock makes sure that one already there is a dead one.
///
/// # Errors
/// When it cannot be made.
pub fn bind(data: &Path) -> std::io::Result<UnixListener> {
    let path = path(data);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(listener)
}

/// Answers on the socket until told to stop, then takes it away.
///
/// # Errors
/// When it cannot be taken away.
pub async fn listen(
    listener: UnixListener,
    data: &Path,
    door: Arc<dyn Door>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let long_frame = Arc::new(Semaphore::new(1));
    loop {
        let next = async {
            let place = Arc::clone(&connections).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            _ = stop.changed() => break,
            next = next => next,
        };
        let Ok(place) = place else { break };
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                clock
                    .sleep_until(clock.now() + jiff::SignedDuration::from_millis(100))
                    .await;
                continue;
            }
        };
        let (door, long_frame) = (Arc::clone(&door), Arc::clone(&long_frame));
        // A connection ends with its client; the process does not wait for it.
        drop(clock.spawn(Box::pin(async move {
            if let Err(error) = converse(stream, door.as_ref(), &long_frame).await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        })));
    }
    std::fs::remove_file(path(data))
}

async fn converse(mut stream: UnixStream, door: &dyn Door, long_frame: &Semaphore) -> std::io::Result<()> {
    loop {
        // Whoever says nothing for long makes room for others; a client that lives asks much more often.
        let read = tokio::time::timeout(IDLE_MAX, read_length(&mut stream)).await;
        let Ok(length) = read else { return Ok(()) };
        let Some(length) = length? else { return Ok(()) };
        // Held until the request is answered, so that one long frame is in memory at a time.
        let alone = match length {
            0..=FRAME_BYTES_SMALL => None,
            _ => long_frame.acquire().await.ok(),
        };
        let read = tokio::time::timeout(FRAME_MAX, read_rest(&mut stream, length)).await;
        let Ok(request) = read else { return Ok(()) };
        let request = request?;
        let response = match door.control(&request).await {
            Ok(response) => response,
            Err(refusal) => {
                let response = crate::control::Response::Refused(refusal);
                serde_json::to_vec(&response).expect("a refusal is plain data and always serializes")
            }
        };
        drop((request, alone));
        write_frame(&mut stream, &response).await?;
    }
}

/// Reads a frame; `None` when the other side has closed.
///
/// # Errors
/// When the connection breaks inside a frame, or a frame is too long.
pub async fn read_frame(stream: &mut UnixStream) -> std::io::Result<Option<Vec<u8>>> {
    match read_length(stream).await? {
        Some(length) => Ok(Some(read_rest(stream, length).await?)),
        None => Ok(None),
    }
}

async fn read_length(stream: &mut UnixStream) -> std::io::Result<Option<u32>> {
    let mut length = [0_u8; 4];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let length = u32::from_be_bytes(length);
    if length > FRAME_BYTES_MAX {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("a frame of {length} bytes is too long"),
        ));
    }
    Ok(Some(length))
}

/// Memory is taken as bytes arrive: a length alone costs nothing.
async fn read_rest(stream: &mut UnixStream, length: u32) -> std::io::Result<Vec<u8>> {
    let mut frame = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut frame).await?;
    if frame.len() < length as usize {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(frame)
}

/// Writes a frame.
///
/// # Errors
/// When the connection is broken, or the frame is too long.
pub async fn write_frame(stream: &mut UnixStream, frame: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(frame.len())
        .ok()
        .filter(|length| *length <= FRAME_BYTES_MAX);
    let length =
        length.ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidInput, "a frame is too long"))?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(frame).await?;
    stream.flush().await
}
