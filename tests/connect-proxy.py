#!/usr/bin/env python3
"""A proxy for tests: CONNECT to any name goes to one port of this machine.

    connect-proxy.py FOLDER PORT

Listens on a free port of 127.0.0.1 and writes its number to FOLDER/port. Each request's first line is a line of FOLDER/log.
"""
import os
import socket
import socketserver
import sys
import threading

folder, target = sys.argv[1], int(sys.argv[2])


def pass_on(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode("latin-1").strip()
        while self.rfile.readline() not in (b"\r\n", b"\n", b""):
            pass
        with open(os.path.join(folder, "log"), "a", encoding="utf-8") as log:
            log.write(f"{line}\n")
        if not line.startswith("CONNECT "):
            self.wfile.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", target)) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            other = threading.Thread(target=pass_on, args=(upstream, self.connection), daemon=True)
            other.start()
            pass_on(self.connection, upstream)
            other.join()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Handler) as server:
    with open(os.path.join(folder, "port.new"), "w", encoding="utf-8") as port:
        port.write(str(server.server_address[1]))
    os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
    server.serve_forever()
