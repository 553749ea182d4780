#!/usr/bin/env python3
"""A registry that lies on demand: a small one in memory, and rules that say where it does something else.

    hostile-registry.py FOLDER [--tls CERT KEY] [--broken-h2] [--referrers]

Listens on a free port of 127.0.0.1 and writes its number to FOLDER/port. Each request is a line of FOLDER/log:
METHOD PATH STATUS LOGIN, where LOGIN is the Authorization header or "-". FOLDER/rules is read at every request; a line of it:

    METHOD PATTERN TIMES ACTION...

The first rule whose method ("*": any) and regular expression fit, and that was not used TIMES times already, is followed:

    status CODE [RETRY-AFTER]   ("date+SECONDS": as a date) answers so, without looking at anything
    code CODE NAME              the same with an error of that name
    cut                         closes the connection at once
    late SECONDS                does what is asked at once, and answers it so much later
    as CODE                     does what is asked, and answers with that status where it would be 201
    min BYTES                   says that pieces of an upload have to be of that size
    max BYTES                   answers 413 to longer bodies
    immutable                   refuses to put a tag that is there already
    after-cut                   does what is asked, and closes the connection without an answer
    cut-body BYTES              closes it after so many bytes of the request's body
    truncate                    sends half of the answer, then closes
    flip                        changes a byte of the answer's body
    long                        sends more than the answer's body, without a length
    endless                     a body that does not end, as fast as it can
    slow                        a body of which a byte comes now and then
    type TYPE                   another Content-Type
    digest DIGEST               another Docker-Content-Digest
    body TEXT                   another body (and no digest in the header)
    set NAME.NAME JSON          a member of the JSON of the body has this value (and no digest in the header)
    drop NAME.NAME              a member of it is missing
    header NAME [VALUE]         another header of that name, or none
    challenge TEXT              401 with that WWW-Authenticate, unless a token is shown
    redirect URL                307 to URL + the path
    elsewhere CODE              sends who comes by the name "localhost" to the same at 127.0.0.1, another origin
    location URL                URL + the path as the Location of an upload
    basic                       401, asking for a password
    bearer REALM                401, asking for a token from there, unless one is shown
    expired REALM               the same whatever is shown
    keep                        what it always does: for requests that later rules are not for
    die                         kills the process whose number is in FOLDER/victim, then goes on

TIMES is a number, or FROM-TO: only from that use on. GET /token answers with a token. GET /check lists what a tag stands for and is not there: this registry
takes a manifest whatever it is made of.

With --referrers it lists what has a subject, and says so when that is put. With --broken-h2 it offers HTTP/2, and answers it with an error of the connection; a line of the log says "h2".
"""
import email.utils
import hashlib
import itertools
import json
import os
import re
import signal
import socketserver
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

folder = sys.argv[1]
lock = threading.Lock()
numbers = itertools.count()
used = {}
blobs, manifests, types, uploads, tags = {}, {}, {}, {}, {}
GONE = threading.Event()
REFERRERS = "--referrers" in sys.argv


def find_rule(method, path):
    try:
        with open(os.path.join(folder, "rules"), encoding="utf-8") as rules:
            version = os.fstat(rules.fileno()).st_ino, os.fstat(rules.fileno()).st_mtime_ns
            lines = rules.read().splitlines()
    except FileNotFoundError:
        return None
    with lock:
        for line in lines:
            words = line.split(" ")
            if len(words) < 4 or words[0] not in ("*", method) or not re.search(words[1], path):
                continue
            key = (version, line)
            used[key] = used.get(key, 0) + 1
            first, _, last = words[2].rpartition("-")
            if int(first or 1) <= used[key] <= int(last):
                return words[3:]
    return None


def retry_after(wait):
    if not wait.startswith("date+"):
        return wait
    return email.utils.formatdate(time.time() + float(wait[len("date+"):]), usegmt=True)


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def check():
    for (repository, tag), digest in sorted(tags.items()):
        todo = [digest]
        for digest in todo:
            data = manifests.get((repository, digest))
            if data is None:
                yield f"{repository}:{tag} lacks the manifest {digest}"
                continue
            value = json.loads(data)
            todo += [entry["digest"] for entry in value.get("manifests", [])]
            parts = value.get("layers", []) + ([value["config"]] if "config" in value else [])
            for part in parts:
                if len(blobs.get((repository, part["digest"]), b"")) != part["size"]:
                    yield f"{repository}:{tag} lacks the blob {part['digest']}"


def changed(body, words):
    """The JSON text with a member set or dropped: `set NAME.NAME JSON`, `drop NAME.NAME`."""
    value = json.loads(body)
    at = value
    *way, last = [int(name) if name.isdigit() else name for name in words[1].split(".")]
    for name in way:
        at = at[name]
    if words[0] == "set":
        at[last] = json.loads(" ".join(words[2:]))
    else:
        del at[last]
    return json.dumps(value).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rule = None

    def log_message(self, *args):
        pass

    def handle(self):
        if "--broken-h2" in sys.argv:
            self.connection.do_handshake()
            if self.connection.selected_alpn_protocol() == "h2":
                with lock, open(os.path.join(folder, "log"), "a", encoding="utf-8") as log:
                    log.write("h2\n")
                self.connection.recv(65536)
                settings, goaway = b"\0\0\0\4\0\0\0\0\0", b"\0\0\x08\7\0\0\0\0\0" + b"\0\0\0\0" + b"\0\0\0\1"
                self.connection.sendall(settings + goaway)
                return
        super().handle()

    def note(self, status):
        with lock, open(os.path.join(folder, "log"), "a", encoding="utf-8") as log:
            log.write(f"{self.command} {self.path} {status} {self.headers.get('Authorization', '-')}\n")

    def cut(self):
        self.close_connection = True
        try:
            self.connection.shutdown(2)
        except OSError:
            pass

    def read_body(self):
        length = int(self.headers.get("Content-Length", 0))
        if self.rule and self.rule[0] == "cut-body":
            self.rfile.read(min(length, int(self.rule[1])))
            self.note("cut")
            self.cut()
            return None
        return self.rfile.read(length)

    def answer(self, status, body=b"", headers=None):
        headers = dict(headers or {})
        rule = self.rule or [""]
        if rule[0] == "late":
            GONE.wait(float(rule[1]))
        if rule[0] == "as" and status == 201:
            status = int(rule[1])
        if rule[0] == "min" and self.command == "POST":
            headers["OCI-Chunk-Min-Length"] = rule[1]
        if rule[0] == "flip" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if rule[0] == "type":
            headers["Content-Type"] = rule[1]
        if rule[0] == "digest":
            headers["Docker-Content-Digest"] = rule[1]
        if rule[0] == "body":
            body = " ".join(rule[1:]).encode()
            headers.pop("Docker-Content-Digest", None)
        if rule[0] in ("set", "drop") and body:
            body = changed(body, rule)
            headers.pop("Docker-Content-Digest", None)
        if rule[0] == "header":
            headers.pop(rule[1], None)
            if len(rule) > 2:
                headers[rule[1]] = " ".join(rule[2:])
        self.note(status)
        if rule[0] == "after-cut":
            self.cut()
            return
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if rule[0] in ("long", "endless", "slow"):
            self.send_header("Connection", "close")
            self.end_headers()
            self.flood(rule[0], body)
            return
        if status != 204 and "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if rule[0] == "truncate":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.cut()
            return
        self.wfile.write(body)

    def flood(self, kind, body):
        self.close_connection = True
        try:
            self.wfile.write(body)
            if kind == "long":
                self.wfile.write(b"x" * 100)
            while kind == "endless":
                self.wfile.write(b"x" * 65536)
            while kind == "slow" and not GONE.wait(0.2):
                self.wfile.write(b" ")
        except OSError:
            pass

    def error(self, status, code, headers=None):
        body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
        self.answer(status, body, {"Content-Type": "application/json", **(headers or {})})

    def token(self):
        body = json.dumps({"token": "a-token", "expires_in": 300}).encode()
        self.answer(200, body, {"Content-Type": "application/json"})

    def obey(self):
        """True when the rule was all there is to do."""
        action = self.rule[0] if self.rule else ""
        login = self.headers.get("Authorization", "")
        if action == "die":
            with open(os.path.join(folder, "victim"), encoding="utf-8") as victim:
                os.kill(int(victim.read()), signal.SIGKILL)
        elif action == "cut":
            self.note("cut")
            self.cut()
            return True
        elif action == "max" and int(self.headers.get("Content-Length", 0)) > int(self.rule[1]):
            self.read_body()
            self.error(413, "TOO_LARGE")
            return True
        elif action in ("status", "code"):
            self.read_body()
            wait = {"Retry-After": retry_after(self.rule[2])} if action == "status" and len(self.rule) > 2 else {}
            self.error(int(self.rule[1]), self.rule[2] if action == "code" else "TROUBLE", wait)
            return True
        elif action == "redirect":
            self.answer(307, b"", {"Location": self.rule[1] + self.path})
            return True
        elif action == "elsewhere" and self.headers.get("Host", "").startswith("localhost"):
            self.read_body()
            port = self.server.server_address[1]
            self.answer(int(self.rule[1]), b"", {"Location": f"http://127.0.0.1:{port}{self.path}"})
            return True
        elif action == "basic" and not login.startswith("Basic "):
            self.read_body()
            self.error(401, "UNAUTHORIZED", {"WWW-Authenticate": 'Basic realm="hostile"'})
            return True
        elif action == "challenge" and not login.startswith("Bearer "):
            self.read_body()
            self.error(401, "UNAUTHORIZED", {"WWW-Authenticate": " ".join(self.rule[1:])})
            return True
        elif action == "expired" or (action == "bearer" and not login.startswith("Bearer ")):
            self.read_body()
            self.error(401, "UNAUTHORIZED", {"WWW-Authenticate": f'Bearer realm="{self.rule[1]}",service="hostile"'})
            return True
        return False

    def handle_one(self):
        self.rule = find_rule(self.command, self.path)
        if self.obey():
            return
        path = self.path.split("?")[0]
        query = dict(part.split("=", 1) for part in self.path.partition("?")[2].split("&") if "=" in part)
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/([^/]+)", path)
        if path.endswith("/blobs/uploads/"):
            self.begin(path, query)
        elif "/uploads/" in path:
            self.upload(path, query)
        elif found and found[2] == "blobs":
            self.blob(found[1], found[3])
        elif found:
            self.manifest(found[1], found[3])
        elif REFERRERS and (listed := re.fullmatch(r"/v2/(.+)/referrers/([^/]+)", path)):
            self.referrers(listed[1], listed[2])
        elif path == "/check":
            self.answer(200, "".join(line + "\n" for line in check()).encode())
        elif path == "/token":
            self.token()
        elif path == "/v2/":
            self.answer(200, b"{}")
        else:
            self.error(404, "UNSUPPORTED")

    def referrers(self, repository, subject):
        entries = []
        for (where, digest), data in list(manifests.items()):
            value = json.loads(data)
            if where == repository and value.get("subject", {}).get("digest") == subject:
                entries.append({"mediaType": value["mediaType"], "digest": digest, "size": len(data), "artifactType": value["artifactType"]})
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
        self.answer(200, json.dumps(index).encode(), {"Content-Type": index["mediaType"]})

    def blob(self, repository, digest):
        data = blobs.get((repository, digest))
        if data is None:
            self.error(404, "BLOB_UNKNOWN")
        elif self.command == "HEAD":
            self.answer(200, b"", {"Content-Length": str(len(data)), "Docker-Content-Digest": digest})
        else:
            self.answer(200, data, {"Docker-Content-Digest": digest})

    def begin(self, path, query):
        self.read_body()
        repository = path[len("/v2/") : -len("/blobs/uploads/")]
        source = (query.get("from", "").replace("%2F", "/"), query.get("mount", ""))
        if source in blobs:
            blobs[(repository, source[1])] = blobs[source]
            self.answer(201, b"", {"Location": f"/v2/{repository}/blobs/{source[1]}"})
            return
        with lock:
            name = f"/v2/{repository}/blobs/uploads/{next(numbers)}"
            uploads[name] = b""
        prefix = self.rule[1] if self.rule and self.rule[0] == "location" else ""
        self.answer(202, b"", {"Location": prefix + name + "?state=begun", "Range": "0-0"})

    def upload(self, path, query):
        data = self.read_body()
        if data is None:
            return
        if path not in uploads:
            self.error(404, "BLOB_UPLOAD_UNKNOWN")
            return
        uploads[path] += data
        end = max(len(uploads[path]) - 1, 0)
        if self.command == "GET":
            self.answer(204, b"", {"Location": path + "?state=asked", "Range": f"0-{end}"})
        elif self.command == "PATCH":
            self.answer(202, b"", {"Location": path + "?state=going", "Range": f"0-{end}"})
        else:
            digest = query.get("digest", "").replace("%3A", ":")
            whole = uploads.pop(path)
            if digest_of(whole) != digest:
                self.error(400, "DIGEST_INVALID")
                return
            blobs[(path[len("/v2/") : path.index("/blobs/uploads/")], digest)] = whole
            self.answer(201, b"", {"Docker-Content-Digest": digest})

    def manifest(self, repository, reference):
        if self.command == "PUT":
            data = self.read_body()
            if data is None:
                return
            digest = digest_of(data)
            if self.rule and self.rule[0] == "immutable" and (repository, reference) in tags:
                self.error(400, "TAG_INVALID")
                return
            if reference.startswith("sha256:") and reference != digest:
                self.error(400, "DIGEST_INVALID")
                return
            manifests[(repository, digest)] = data
            types[digest] = self.headers.get("Content-Type")
            if not reference.startswith("sha256:"):
                tags[(repository, reference)] = digest
            subject = json.loads(data).get("subject", {}).get("digest") if REFERRERS else None
            self.answer(201, b"", {"Docker-Content-Digest": digest, **({"OCI-Subject": subject} if subject else {})})
            return
        digest = tags.get((repository, reference), reference)
        data = manifests.get((repository, digest))
        if data is None:
            self.error(404, "MANIFEST_UNKNOWN")
            return
        headers = {"Content-Type": types[digest], "Docker-Content-Digest": digest}
        if self.command == "HEAD":
            self.answer(200, b"", {**headers, "Content-Length": str(len(data))})
        else:
            self.answer(200, data, headers)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = handle_one


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # connections that are cut are what this is for


def main():
    server = Server(("127.0.0.1", 0), Handler)
    if "--tls" in sys.argv:
        at = sys.argv.index("--tls")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[at + 1], sys.argv[at + 2])
        if "--broken-h2" in sys.argv:
            context.set_alpn_protocols(["h2", "http/1.1"])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    part = os.path.join(folder, "port.new")
    with open(part, "w", encoding="utf-8") as port:
        port.write(str(server.server_address[1]))
    os.rename(part, os.path.join(folder, "port"))
    server.serve_forever()


if __name__ == "__main__":
    main()
