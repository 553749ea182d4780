//! A small HTTP/1.1 server: a thread a connection, one request a connection, a clean end on SIGTERM.
//! What it reads is bounded in size and in time.

pub mod json;
pub mod signals;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const MAX_HEAD: u64 = 16 << 10;
const MAX_BODY: usize = 64 << 10;
const MAX_CONNECTIONS: usize = 256;
const IO_TIMEOUT: Duration = Duration::from_secs(5);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Request {
    pub method: String,
    pub path: String,
    pub body: String,
}

pub struct Response {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Response {
    pub fn json(status: u16, value: json::Value) -> Response {
        Response { status, content_type: "application/json", body: format!("{value}\n") }
    }

    pub fn text(status: u16, body: String) -> Response {
        Response { status, content_type: "text/plain; charset=utf-8", body }
    }

    pub fn error(status: u16, message: &str) -> Response {
        Response::json(status, json::object([("error", message.into())]))
    }
}

/// Answers on all addresses at `port` until SIGTERM or SIGINT, then waits for running requests to end.
/// To be called before any other thread is started.
pub fn serve<H>(name: &str, port: u16, handler: H) -> io::Result<()>
where
    H: Fn(&Request) -> Response + Send + Sync + 'static,
{
    let stop = signals::block();
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    eprintln!("{name} listens on {}", listener.local_addr()?);

    let open = Arc::new(AtomicUsize::new(0));
    let accepting = Arc::clone(&open);
    thread::spawn(move || accept(listener, Arc::new(handler), accepting));

    stop.wait();
    eprintln!("{name} stops");
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    while open.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn accept<H>(listener: TcpListener, handler: Arc<H>, open: Arc<AtomicUsize>)
where
    H: Fn(&Request) -> Response + Send + Sync + 'static,
{
    for stream in listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                eprintln!("accept: {error}");
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        if open.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let handler = Arc::clone(&handler);
        let guard = Open(Arc::clone(&open));
        thread::spawn(move || {
            let _guard = guard;
            if let Err(error) = converse(stream, &*handler) {
                eprintln!("connection: {error}");
            }
        });
    }
}

/// One open connection; it is counted until dropped, also when its handler panics.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn converse(mut stream: TcpStream, handler: &dyn Fn(&Request) -> Response) -> io::Result<()> {
    stream.set_read_timeout(Some(IO_TIMEOUT))?;
    stream.set_write_timeout(Some(IO_TIMEOUT))?;
    let response = match read_request(&mut stream)? {
        Ok(request) => handler(&request),
        Err((status, message)) => Response::error(status, message),
    };
    write!(
        stream,
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        response.status,
        reason(response.status),
        response.content_type,
        response.body.len(),
        response.body
    )?;
    stream.flush()
}

type Rejection = (u16, &'static str);

/// The outer error is the connection's, the inner one is told to the client.
fn read_request(stream: &mut TcpStream) -> io::Result<Result<Request, Rejection>> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    let mut limited = (&mut reader).take(MAX_HEAD);
    loop {
        let before = head.len();
        if limited.read_until(b'\n', &mut head)? == 0 {
            return Ok(Err((400, "the request's head is cut off or too long")));
        }
        if matches!(&head[before..], b"\r\n" | b"\n") {
            break;
        }
    }
    let (method, path, length) = match parse_head(&head) {
        Ok(parsed) => parsed,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(match String::from_utf8(body) {
        Ok(body) => Ok(Request { method, path, body }),
        Err(_) => Err((400, "the body is not UTF-8")),
    })
}

fn parse_head(head: &[u8]) -> Result<(String, String, usize), Rejection> {
    let text = std::str::from_utf8(head).map_err(|_| (400, "the head is not UTF-8"))?;
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or("").split(' ');
    let (method, target) = match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) => (method, target),
        _ => return Err((400, "not an HTTP/1.1 request")),
    };
    let mut length = 0;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| (400, "bad Content-Length"))?;
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err((501, "chunked bodies are not supported"));
        }
    }
    if length > MAX_BODY {
        return Err((413, "body too large"));
    }
    let path = target.split('?').next().unwrap_or(target);
    Ok((method.to_string(), path.to_string(), length))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}

/// Asks the server in the same container for its health: an image from scratch has no curl.
pub fn healthcheck(port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(IO_TIMEOUT))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_HEAD)).read_line(&mut line)?;
    if line.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::Other, format!("health: {}", line.trim_end())))
    }
}

/// The port in the environment's PORT, or `default`.
pub fn port(default: u16) -> Result<u16, String> {
    match std::env::var("PORT") {
        Ok(text) => text.parse().map_err(|_| format!("PORT: {text:?} is not a port")),
        Err(_) => Ok(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let head = b"POST /jobs?x=1 HTTP/1.1\r\nHost: a\r\ncontent-length: 12\r\n\r\n";
        assert_eq!(parse_head(head), Ok(("POST".into(), "/jobs".into(), 12)));
        for bad in ["", "GET\r\n", "GET / HTTP/2\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\n"] {
            assert_eq!(parse_head(bad.as_bytes()).unwrap_err().0, 400, "{bad:?}");
        }
        let large = b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n";
        assert_eq!(parse_head(large).unwrap_err().0, 413);
    }
}
