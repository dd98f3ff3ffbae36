//! An upstream that answers from recorded files, so that a server can be shown without a network.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Paths, each with the document that stands there; `POST` before a path, and what is made by one. Behind a `?` stands what
/// the query holds; the first that fits counts.
pub(crate) type Documents = &'static [(&'static str, &'static str)];

/// Serves `documents` for as long as this process lives, and says where. Any other path is a 404.
pub(crate) fn serve(documents: Documents) -> std::io::Result<String> {
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
    let mut reader = BufReader::new(stream.try_clone()?.take(MAX_HEAD));
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    // The rest of the request is read, so that closing does not reset the connection.
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let target = first.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let posts = first.starts_with("POST ");
    let sought = if posts { format!("POST {path}") } else { path.to_owned() };
    let is_meant = |known: &str| {
        let (known, part) = known.split_once('?').unwrap_or((known, ""));
        known == sought && query.contains(part)
    };
    let found = documents.iter().find(|(known, _)| is_meant(known));
    let status = if posts { "201 Created" } else { "200 OK" };
    let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| (status, *body));
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
