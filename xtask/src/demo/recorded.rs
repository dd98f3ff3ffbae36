//! An upstream that answers from recorded files, so that a demo needs no network.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Paths, each with the document that stands there.
pub(super) type Documents = &'static [(&'static str, &'static str)];

/// Serves `documents` for as long as this process lives, and says where. Any other path is a 404.
pub(super) fn serve(documents: Documents) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let base = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that hangs up has got what it wanted.
            thread::spawn(move || answer(stream, documents).ok());
        }
    });
    Ok(base)
}

/// Answers one request and closes the connection.
fn answer(mut stream: TcpStream, documents: Documents) -> std::io::Result<()> {
    const MAX_HEAD: u64 = 16 << 10;
    let mut head = BufReader::new(stream.try_clone()?.take(MAX_HEAD)).lines();
    let line = head.next().transpose()?.unwrap_or_default();
    // The rest of the head is read, so that closing does not reset the connection.
    for line in head {
        if line?.is_empty() {
            break;
        }
    }
    let path = line.split([' ', '?']).nth(1).unwrap_or_default();
    let found = documents.iter().find(|(known, _)| *known == path);
    let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", *body));
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
