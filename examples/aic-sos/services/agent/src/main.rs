//! Reports what the machine it runs on is doing: GET /stats as JSON, GET /metrics for Prometheus.

mod host;

use host::Sampler;
use httpd::json::{object, Value};
use httpd::{Request, Response};
use std::process::ExitCode;
use std::sync::Mutex;

const DEFAULT_PORT: u16 = 9001;

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
            eprintln!("agent: {message}");
            ExitCode::FAILURE
        }
    }
}

fn serve(port: u16) -> std::io::Result<()> {
    let sampler = Mutex::new(Sampler::new());
    httpd::serve("agent", port, move |request| answer(&sampler, request))
}

fn answer(sampler: &Mutex<Sampler>, request: &Request) -> Response {
    if request.method != "GET" {
        return Response::error(405, "only GET");
    }
    match request.path.as_str() {
        "/health" => Response::json(200, object([("status", "ok".into()), ("service", "agent".into())])),
        "/stats" | "/metrics" => {
            let stats = sampler.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).sample();
            match stats {
                Ok(stats) if request.path == "/stats" => Response::json(200, describe(&stats)),
                Ok(stats) => Response::text(200, metrics(&stats)),
                Err(error) => Response::error(503, &error.to_string()),
            }
        }
        _ => Response::error(404, "not found"),
    }
}

fn describe(stats: &host::Stats) -> Value {
    object([
        ("cpu_busy_ratio", stats.cpu_busy_ratio.map_or(Value::Null, Value::from)),
        ("load_1m", stats.load_1m.into()),
        ("memory_available_bytes", stats.memory_available.into()),
        ("memory_total_bytes", stats.memory_total.into()),
        ("uptime_seconds", stats.uptime_seconds.into()),
    ])
}

fn metrics(stats: &host::Stats) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: f64| {
        text += &format!("# HELP agent_{name} {help}\n# TYPE agent_{name} gauge\nagent_{name} {value}\n");
    };
    if let Some(ratio) = stats.cpu_busy_ratio {
        gauge("cpu_busy_ratio", "Share of processor time not idle since the last sample.", ratio);
    }
    gauge("load_1m", "Load average of the last minute.", stats.load_1m);
    gauge("memory_available_bytes", "Memory that can be had without swapping.", stats.memory_available as f64);
    gauge("memory_total_bytes", "Memory of the machine.", stats.memory_total as f64);
    gauge("uptime_seconds", "Since the machine was started.", stats.uptime_seconds);
    text
}
