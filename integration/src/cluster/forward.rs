//! The one door into the cluster's network: a loopback port of this machine
//! that leads to the API server.

use std::io;
use std::net::{Shutdown, SocketAddrV4, TcpListener, TcpStream};

use super::network::{SERVICE_IP, SERVICE_PORT};

/// Serves `listener`, which was bound in the machine's own network namespace
/// and stays there; connections onwards are made in the caller's namespace.
/// A thread that ends with the process.
pub fn spawn(listener: TcpListener) {
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // A connection that breaks is the two ends' business.
                let _ = connect_through(&client);
            });
        }
    });
}

fn connect_through(client: &TcpStream) -> io::Result<()> {
    let server = TcpStream::connect(SocketAddrV4::new(SERVICE_IP, SERVICE_PORT))?;
    for stream in [client, &server] {
        stream.set_nodelay(true)?;
    }
    let (up_from, up_to) = (client.try_clone()?, server.try_clone()?);
    let upwards = std::thread::spawn(move || copy(up_from, up_to));
    copy(server, client.try_clone()?);
    // Nobody reads the result of a copy that ended: both ends are shut down.
    let _ = upwards.join();
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
