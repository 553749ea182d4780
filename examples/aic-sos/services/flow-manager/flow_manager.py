"""Runs flows, that is steps that need each other's results.

    GET  /health
    POST /flows         {"name": ..., "steps": [...]} stores a flow, see dag.py
    POST /flows/N/runs  runs it, and answers with every step's result
    GET  /flows/N       the flow's name, its steps in the order they run, its runs
"""

import itertools
import json
import logging
import os
import signal
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dag import Flow, FlowError

DEFAULT_PORT = 9004
MAX_BODY = 256 << 10
MAX_FLOWS = 1000

log = logging.getLogger("flow-manager")


class Problem(Exception):
    """What is wrong with a request, and the status that says so."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Flows:
    """The stored flows; safe for use by several threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._flows = {}

    def __len__(self):
        return len(self._flows)

    def add(self, name, steps):
        if not isinstance(name, str) or not name:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "a flow has a name")
        try:
            flow = Flow(steps)
        except FlowError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        with self._lock:
            if len(self._flows) >= MAX_FLOWS:
                raise Problem(HTTPStatus.INSUFFICIENT_STORAGE, "too many flows")
            number = next(self._numbers)
            self._flows[number] = {"name": name, "flow": flow, "runs": 0}
        return {"id": number, "order": flow.order}

    def get(self, number):
        entry = self._entry(number)
        return {"name": entry["name"], "order": entry["flow"].order, "runs": entry["runs"]}

    def run(self, number):
        entry = self._entry(number)
        try:
            results = entry["flow"].run()
        except FlowError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        with self._lock:
            entry["runs"] += 1
            return {"run": entry["runs"], "results": results}

    def _entry(self, number):
        with self._lock:
            entry = self._flows.get(int(number)) if number.isdecimal() else None
        if entry is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"no flow {number!r}")
        return entry


class Handler(BaseHTTPRequestHandler):
    server_version = "flow-manager"
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_GET(self):
        self._answer(self._get)

    def do_POST(self):
        self._answer(self._post)

    def _get(self, parts):
        match parts:
            case ["health"]:
                return HTTPStatus.OK, {
                    "status": "ok",
                    "service": "flow-manager",
                    "uptime_seconds": int(time.monotonic() - self.server.started),
                    "flows": len(self.server.flows),
                }
            case ["flows", number]:
                return HTTPStatus.OK, self.server.flows.get(number)
        raise Problem(HTTPStatus.NOT_FOUND, "not found")

    def _post(self, parts):
        body = self._body()
        match parts:
            case ["flows"]:
                return HTTPStatus.CREATED, self.server.flows.add(body.get("name"), body.get("steps"))
            case ["flows", number, "runs"]:
                return HTTPStatus.OK, self.server.flows.run(number)
        raise Problem(HTTPStatus.NOT_FOUND, "not found")

    def _body(self):
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has 0 to {MAX_BODY} bytes")
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
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
        self.flows = Flows()
        self.started = time.monotonic()


def main():
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    port = int(os.environ.get("PORT") or DEFAULT_PORT)
    server = Server(port)
    # shutdown() waits for serve_forever(), which runs in this thread: it needs another one.
    stop = threading.Thread(target=server.shutdown)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.ident or stop.start())
    log.info("listens on port %d", port)
    with server:
        server.serve_forever(poll_interval=0.1)
    log.info("stopped")


if __name__ == "__main__":
    main()
