//! The bus's socket by plain reads and writes. What zbus does by itself takes `sendmsg` and
//! `recvmsg`, which pass descriptors and are not allowed in the sandbox.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use zbus::connection::socket::{ReadHalf, Split, WriteHalf};

#[derive(Debug)]
struct Reader(OwnedReadHalf);

#[derive(Debug)]
struct Writer(OwnedWriteHalf);

/// Connects to the bus.
pub async fn connect(path: &Path) -> io::Result<Split<Box<dyn ReadHalf>, Box<dyn WriteHalf>>> {
    let (reader, writer) = UnixStream::connect(path).await?.into_split();
    Ok(Split::new(
        Box::new(Reader(reader)),
        Box::new(Writer(writer)),
    ))
}

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        Ok((self.0.read(buffer).await?, Vec::new()))
    }
}

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if !fds.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.0.write(buffer).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}
