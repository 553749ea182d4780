"""A small model registry: versions of named models, and which of them is in production.

    GET  /health
    GET  /models                     every model with its versions
    POST /models/NAME/versions       {"uri": ..., "metrics": {...}} adds a version
    POST /models/NAME/promote        {"version": N} makes it the production version
    GET  /models/NAME/production     the version in production
"""

import json
import logging
import os
import re
import signal
import sys
import threading
import time
import urllib.request
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEFAULT_PORT = 9003
MAX_BODY = 64 << 10
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

log = logging.getLogger("ml-controller")


class Problem(Exception):
    """What is wrong with a request, and the status that says so."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Models:
    """The registry; safe for use by several threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._models = {}

    def add(self, name, uri, metrics):
        if not NAME.fullmatch(name):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name!r} is not a model's name")
        if not isinstance(uri, str) or "://" not in uri:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "uri is not an address")
        if not isinstance(metrics, dict) or not all(isinstance(v, (int, float)) for v in metrics.values()):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "metrics are numbers by name")
        with self._lock:
            model = self._models.setdefault(name, {"versions": [], "production": None})
            version = {"version": len(model["versions"]) + 1, "uri": uri, "metrics": metrics}
            model["versions"].append(version)
            return version

    def promote(self, name, version):
        with self._lock:
            model = self._get(name)
            if not isinstance(version, int) or not 1 <= version <= len(model["versions"]):
                raise Problem(HTTPStatus.NOT_FOUND, f"{name} has no version {version!r}")
            model["production"] = version
            return model["versions"][version - 1]

    def production(self, name):
        with self._lock:
            model = self._get(name)
            if model["production"] is None:
                raise Problem(HTTPStatus.NOT_FOUND, f"{name} has no version in production")
            return model["versions"][model["production"] - 1]

    def list(self):
        with self._lock:
            return json.loads(json.dumps(self._models))

    def _get(self, name):
        if name not in self._models:
            raise Problem(HTTPStatus.NOT_FOUND, f"no model {name!r}")
        return self._models[name]


class Handler(BaseHTTPRequestHandler):
    server_version = "ml-controller"
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_GET(self):
        self._answer(self._get)

    def do_POST(self):
        self._answer(self._post)

    def _get(self, parts):
        models = self.server.models
        match parts:
            case ["health"]:
                uptime = int(time.monotonic() - self.server.started)
                return HTTPStatus.OK, {
                    "status": "ok",
                    "service": "ml-controller",
                    "uptime_seconds": uptime,
                    "models": len(models.list()),
                }
            case ["models"]:
                return HTTPStatus.OK, {"models": models.list()}
            case ["models", name, "production"]:
                return HTTPStatus.OK, models.production(name)
        raise Problem(HTTPStatus.NOT_FOUND, "not found")

    def _post(self, parts):
        body = self._body()
        match parts:
            case ["models", name, "versions"]:
                return HTTPStatus.CREATED, self.server.models.add(name, body.get("uri"), body.get("metrics", {}))
            case ["models", name, "promote"]:
                return HTTPStatus.OK, self.server.models.promote(name, body.get("version"))
        raise Problem(HTTPStatus.NOT_FOUND, "not found")

    def _body(self):
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body of 0 to {MAX_BODY} bytes is needed")
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"not JSON: {error}") from None
        if not isinstance(body, dict):
            raise Problem(HTTPStatus.BAD_REQUEST, "not a JSON object")
        return body

    def _answer(self, handle):
        try:
            status, value = handle(self.path.partition("?")[0].strip("/").split("/"))
        except Problem as problem:
            status, value = problem.status, {"error": str(problem)}
        data = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        if self.path != "/health":
            log.info("%s %s", self.address_string(), format % args)


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for running requests

    def __init__(self, port):
        super().__init__(("", port), Handler)
        self.models = Models()
        self.started = time.monotonic()


def serve(port):
    server = Server(port)
    # shutdown() waits for serve_forever(), which runs in this thread: it needs another one.
    stop = threading.Thread(target=server.shutdown)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.ident or stop.start())
    log.info("listens on port %d", port)
    with server:
        server.serve_forever(poll_interval=0.1)
    log.info("stopped")


def healthcheck(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
        return response.status == HTTPStatus.OK


def main():
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    port = int(os.environ.get("PORT") or DEFAULT_PORT)
    if sys.argv[1:] == ["healthcheck"]:
        sys.exit(0 if healthcheck(port) else 1)
    serve(port)


if __name__ == "__main__":
    main()
