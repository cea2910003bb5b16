//! One plain HTTP request.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Sends it to `address` and returns status and body.
pub fn call(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let kind = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let length = body.len();
    let mut stream = TcpStream::connect(address).unwrap();
    // Version 1.0: one answer, whole, and the end.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}
