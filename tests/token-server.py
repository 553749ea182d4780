#!/usr/bin/env python3
"""A token server for docker-registry: token-server.py FOLDER KEY CERT SECONDS

Gives out tokens for every scope that is asked for, good for SECONDS, to who shows the login tester:secret; to others for
"pull" of what begins with "public/" only. With FOLDER/less it gives nobody the right to push, with FOLDER/one only what
the first scope asks for. Writes its port to FOLDER/port,
and a line for each request to FOLDER/log: METHOD, the scopes, and who asked. A POST has to show the identity token "identity".
"""
import base64
import json
import os
import socketserver
import subprocess
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

folder, key, cert, seconds = sys.argv[1:5]
GOOD = "Basic " + base64.b64encode(b"tester:secret").decode()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims):
    der = subprocess.run(["openssl", "x509", "-in", cert, "-outform", "DER"], check=True, capture_output=True).stdout
    header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    command = ["openssl", "dgst", "-sha256", "-sign", key]
    signature = subprocess.run(command, input=text.encode(), check=True, capture_output=True).stdout
    return text + "." + b64(signature)


def access(scopes, known):
    granted = []
    for scope in scopes[:1] if os.path.exists(os.path.join(folder, "one")) else scopes:
        kind, name, actions = scope.split(":")
        allowed = actions.split(",") if known else ["pull"] if name.startswith("public/") else []
        if os.path.exists(os.path.join(folder, "less")):
            allowed = [action for action in allowed if action != "push"]
        granted.append({"type": kind, "name": name, "actions": allowed})
    return granted


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give(self, query, known):
        scopes = [scope for value in query.get("scope", []) for scope in value.split(" ")]
        with open(os.path.join(folder, "log"), "a", encoding="utf-8") as log:
            log.write(f"{self.command} {' '.join(scopes)} {'tester' if known else 'nobody'}\n")
        if self.headers.get("Authorization") not in (None, GOOD):
            self.answer(401, {"errors": [{"code": "UNAUTHORIZED"}]})
            return
        now = int(time.time())
        claims = {"iss": "tests", "aud": "tests", "sub": "", "jti": str(time.time()), "iat": now, "nbf": now - 10,
                  "exp": now + int(seconds), "access": access(scopes, known)}
        self.answer(200, {"token": sign(claims), "expires_in": int(seconds)})

    def do_GET(self):
        query = urllib.parse.parse_qs(self.path.partition("?")[2])
        self.give(query, self.headers.get("Authorization") == GOOD)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        query = urllib.parse.parse_qs(body)
        self.give(query, query.get("refresh_token") == ["identity"])


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
with open(os.path.join(folder, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_address[1]))
os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
server.serve_forever()
