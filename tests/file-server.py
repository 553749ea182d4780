"""file-server.py ROOT PORT-FILE LOG: serves what is in ROOT over HTTP on a free port of the loopback interface.

/etag/NAME      with an ETag                    /modified/NAME  with Last-Modified alone
/bare/NAME      without anything of the kind    /nohead/NAME    with an ETag, but HEAD is answered with 405
/moved/NAME     redirects to /etag/NAME         /login/NAME     with an ETag, for user:secret alone
/huge/NAME      as long as NAME's size is, with its first MiB alone
/down/NAME      status 503                      /git/NAME.git   a repository (git http-backend)

Each request is a line of LOG: method, path, status.
"""
import base64, hashlib, http.server, os, subprocess, sys, urllib.parse

root, port_file, log = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers=(), body=b""):
        with open(log, "a") as f:
            f.write(f"{self.command} {self.path} {status}\n")
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def git(self, path, query):
        env = dict(os.environ, GIT_PROJECT_ROOT=os.path.join(root, "git"), GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path,
                   QUERY_STRING=query, REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   GIT_PROTOCOL=self.headers.get("Git-Protocol", ""), HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
        length = int(self.headers.get("Content-Length") or 0)
        out = subprocess.run(["git", "http-backend"], input=self.rfile.read(length), env=env, stdout=subprocess.PIPE).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.answer(status, [(n, v) for n, v in headers if n != "Status"], body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        _, kind, name = urllib.parse.unquote(url.path).split("/", 2)
        if kind == "git":
            return self.git("/" + name, url.query)
        wanted = "Basic " + base64.b64encode(b"user:secret").decode()
        if kind == "login" and self.headers.get("Authorization") != wanted:
            return self.answer(401, [("WWW-Authenticate", 'Basic realm="x"')])
        if kind == "nohead" and self.command == "HEAD":
            return self.answer(405)
        if kind == "down":
            return self.answer(503)
        if kind == "moved":
            return self.answer(302, [("Location", "/etag/" + name)])
        path = os.path.join(root, name)
        if not os.path.isfile(path):
            return self.answer(404)
        body = open(path, "rb").read(2**20 if kind == "huge" else -1)
        headers = [("Content-Length", str(os.path.getsize(path)))]
        if kind in ("etag", "nohead", "login"):
            tag = '"%s"' % hashlib.sha256(body).hexdigest()[:16]
            if self.headers.get("If-None-Match") == tag:
                return self.answer(304, [("ETag", tag)])
            headers.append(("ETag", tag))
        if kind == "modified":
            headers.append(("Last-Modified", self.date_time_string(os.stat(path).st_mtime)))
        self.answer(200, headers, body)

    do_HEAD = do_POST = do_GET


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
