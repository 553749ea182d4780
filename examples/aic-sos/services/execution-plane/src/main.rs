//! Runs small jobs on a bounded queue: POST /jobs takes one, GET /jobs/ID tells how it is going.

mod jobs;
mod queue;

use httpd::json::{self, object, Value};
use httpd::{Request, Response};
use queue::{Queue, Submission};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

const DEFAULT_PORT: u16 = 9000;
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let result = httpd::port(DEFAULT_PORT).and_then(|port| {
        match std::env::args().nth(1).as_deref() {
            None => serve(port).map_err(|error| error.to_string()),
            Some("healthcheck") => httpd::healthcheck(port).map_err(|error| error.to_string()),
            Some(other) => Err(format!("unknown command {other:?}")),
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("execution-plane: {message}");
            ExitCode::FAILURE
        }
    }
}

fn serve(port: u16) -> std::io::Result<()> {
    // Before the first thread, so that the workers leave the signals to the server too.
    httpd::signals::block();
    let queue = Arc::new(Queue::new(WORKERS));
    let started = Instant::now();
    httpd::serve("execution-plane", port, move |request| answer(&queue, started, request))
}

fn answer(queue: &Arc<Queue>, started: Instant, request: &Request) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/health") => {
            let (waiting, done) = queue.counts();
            Response::json(
                200,
                object([
                    ("status", "ok".into()),
                    ("service", "execution-plane".into()),
                    ("uptime_seconds", started.elapsed().as_secs().into()),
                    ("jobs_waiting", (waiting as u64).into()),
                    ("jobs_done", (done as u64).into()),
                ]),
            )
        }
        ("POST", "/jobs") => submit(queue, &request.body),
        ("GET", path) => match path.strip_prefix("/jobs/").map(str::parse) {
            Some(Ok(id)) => match queue.status(id) {
                Some(status) => Response::json(200, describe(id, status)),
                None => Response::error(404, "no such job"),
            },
            Some(Err(_)) => Response::error(400, "a job's id is a number"),
            None => Response::error(404, "not found"),
        },
        (_, "/health" | "/jobs") => Response::error(405, "method not allowed"),
        _ => Response::error(404, "not found"),
    }
}

fn submit(queue: &Arc<Queue>, body: &str) -> Response {
    let members = match json::parse_flat(body) {
        Ok(members) => members,
        Err(message) => return Response::error(400, &message),
    };
    let job = match jobs::Job::from_members(&members) {
        Ok(job) => job,
        Err(message) => return Response::error(422, &message),
    };
    match queue.submit(job) {
        Submission::Accepted(id) => Response::json(202, object([("id", id.into())])),
        Submission::Full => Response::error(503, "too many jobs are waiting"),
    }
}

fn describe(id: u64, status: queue::Status) -> Value {
    let (state, result) = match status {
        queue::Status::Waiting => ("waiting", Value::Null),
        queue::Status::Running => ("running", Value::Null),
        queue::Status::Done(result) => ("done", result.into()),
    };
    object([("id", id.into()), ("state", state.into()), ("result", result)])
}
