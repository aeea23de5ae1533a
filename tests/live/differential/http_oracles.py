# SPDX-License-Identifier: Apache-2.0
"""The parsers that are compared, each a real server on a port of its own, and the origin behind the
proxies. All are children of this process, in the foreground, and end with it."""

import base64
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

# Of each message its reader tells in the answer what it has seen.
NODE = """
const http = require('http');
const options = {keepAliveTimeout: 60000, requestTimeout: 0};
const server = http.createServer(options, (request, response) => {
  const pieces = [];
  request.on('data', piece => pieces.push(piece));
  request.on('end', () => {
    const hosts = request.rawHeaders.filter((_, i) =>
      i % 2 == 1 && request.rawHeaders[i - 1].toLowerCase() == 'host');
    response.setHeader('X-Seen', Buffer.from(JSON.stringify(
      [request.method, request.url, hosts.join(','),
       Buffer.concat(pieces).toString('base64')])).toString('base64'));
    response.setHeader('Content-Length', 0);
    // It reads nothing behind a request that asks for another protocol, so it shall say so.
    if (request.headers.upgrade) response.setHeader('Connection', 'close');
    response.end();
  });
});
// By default it would hang up, with the answers to earlier requests unsent.
server.on('connect', (request, socket) => setImmediate(() =>
  socket.end('HTTP/1.1 501 No\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n')));
server.httpAllowHalfOpen = true;
server.on('clientError', (error, socket) => {
  if (error.code == 'HPE_INVALID_EOF_STATE' || !socket.writable) return socket.end();
  socket.end('HTTP/1.1 400 Bad\\r\\nX-Why: ' + error.code +
             '\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n');
});
server.listen(+process.argv[3], process.argv[2]);
"""

HITHER = """schema = 1
[room.here]
location = [50.0, 8.6]
address = ["{ip}"]
admin = "{ip}:{admin}"
[zone."example.test"]
[name."www.example.test"]
farm = "web"
[farm.web]
port = {port}
servers = ["{origin}"]
health = {{ interval = "10m", timeout = "1m" }}
"""

HAPROXY = """global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  timeout http-request 20s
frontend web
  bind {ip}:{port}
  default_backend web
backend web
  server s {origin}
"""

NGINX = """daemon off;
master_process off;
pid {folder}/pid;
error_log stderr emerg;
events {{ worker_connections 1000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  lingering_close off;
  upstream web {{ server {origin}; keepalive 64; }}
  server {{
    listen {ip}:{port};
    location / {{
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_ignore_client_abort on;
      proxy_buffer_size 32k;
      proxy_buffers 8 32k;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


def free_port(ip):
    with socket.socket() as probe:
        probe.bind((ip, 0))
        return probe.getsockname()[1]


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Oracle:
    """One of the parsers: where it listens, and its process."""

    def __init__(self, name, ip, folder):
        self.name = name
        self.ip = ip
        self.port = free_port(ip)
        self.folder = folder / name
        self.folder.mkdir()
        self.process = None

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def start(self, command):
        environment = {key: value for key, value in os.environ.items() if key.startswith("ASAN")
                       or key.startswith("TSAN") or key.startswith("UBSAN")}
        environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, env=environment,
                                            preexec_fn=end_with_parent)
        return self

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def wait(self):
        for _ in range(600):
            if self.process.poll() is not None:
                break
            if self.serves():
                return
            time.sleep(0.05)
        sys.exit(f"{self.name} does not serve; it says:\n{self.log()}")

    def serves(self):
        """It answers a good request. (A balancer may serve before it knows its servers.)"""
        try:
            with socket.create_connection((self.ip, self.port), timeout=5) as peer:
                peer.sendall(b"GET / HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n")
                return b" 200 " in peer.recv(4096)[:20]
        except OSError:
            return False

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def hither(program, ip, folder, origin):
    oracle = Oracle("hither", ip, folder)
    path = oracle.write("world.toml", HITHER.format(ip=ip, port=oracle.port, admin=free_port(ip),
                                                    origin=origin))
    return oracle.start([program, "--topology", path, "--room", "here", "--log", "warning"])


def haproxy(ip, folder, origin):
    oracle = Oracle("haproxy", ip, folder)
    path = oracle.write("config", HAPROXY.format(ip=ip, port=oracle.port, origin=origin))
    return oracle.start(["/usr/sbin/haproxy", "-db", "-f", path])


def nginx(ip, folder, origin):
    oracle = Oracle("nginx", ip, folder)
    path = oracle.write("config", NGINX.format(ip=ip, port=oracle.port, origin=origin,
                                               folder=oracle.folder))
    return oracle.start(["/usr/sbin/nginx", "-e", "stderr", "-p", str(oracle.folder), "-c", path])


def node(ip, folder, program=None):
    oracle = Oracle("node", ip, folder)
    path = oracle.write("echo.js", NODE)
    program = program or shutil.which("node", path="/usr/bin") or "node"
    return oracle.start([program, path, ip, str(oracle.port)])


def seen(method, target, host, body):
    """What a reader tells of a message, as the value of X-Seen."""
    text = [method.decode("latin-1"), target.decode("latin-1"), host.decode("latin-1"),
            base64.b64encode(body).decode()]
    return base64.b64encode(json.dumps(text).encode())
