# SPDX-License-Identifier: Apache-2.0
"""The balancers that tools/bench lb compares, and what stands behind them.

Each has one thread on one core and balances the same three farms: `web` (HTTP over one origin of
canned answers), `raw` (the same origin in TCP mode) and `slow` (HTTP over four copies, one of them
ten times slower). hither-lb has a fourth, `frozen` (four copies, one of which will stop in the
middle of its work). All run as children in the foreground on addresses of their own, without access
logs, and are stopped in the end.
"""

import json
import pathlib
import pwd
import subprocess
import urllib.request

from bench_servers import LOAD_CORE, Server

ORIGIN = "127.92.1.1"
SLOW_COPIES = 4
SERVICE_MS, SLOWER = 2, 10  # of a copy, one request at a time, and how much slower the last one is
PORTS = ["web", "raw", "slow"]
ADMIN, FROZEN = len(PORTS), len(PORTS) + 1  # of hither-lb alone
FROZEN_COPIES = 4
FROZEN_SERVICE_MS, FROZEN_RESPONSE_S = 20, 2  # of a copy that works, and how long one may not


class Behind(Server):
    """What answers behind the balancers: on the core of the load."""

    def start(self, command):
        log = open(self.folder / "output", "w")
        self.process = subprocess.Popen(["taskset", "-c", LOAD_CORE] + command, stdout=log,
                                        stderr=subprocess.STDOUT, env=self.environment)
        log.close()
        return self


def origin(folder, port, programs):
    server = Behind("origin", folder, 0, port)
    return server.start([str(programs / "hither-bench-origin"), "--listen", f"{ORIGIN}:{port}"])


def slow_address(copy):
    return f"127.92.2.{copy + 1}"


def slow_copy(folder, port, programs, copy):
    server = Behind(f"copy-{copy}", folder, 0, port)
    service = SERVICE_MS * (SLOWER if copy == SLOW_COPIES - 1 else 1)
    return server.start([str(programs / "hither-backend"), "--host", slow_address(copy), "--port",
                         str(port), "--service", f"exponential {service}ms", "--concurrency", "1",
                         "--queue", "100000", "--log", "error"])


def wait_for_slow_copies(port):
    """Until each has answered all that it was left with: they serve in turn, so what comes last is
    answered last. What one balancer has piled up is not for the next to wait for."""
    for copy in range(SLOW_COPIES):
        with urllib.request.urlopen(f"http://{slow_address(copy)}:{port}/", timeout=120) as page:
            page.read()


def slow_capacity():
    """Requests per second that all copies of `slow` can serve together."""
    return (SLOW_COPIES - 1 + 1 / SLOWER) * 1000 / SERVICE_MS


def frozen_address(copy):
    return f"127.92.3.{copy + 1}"


def frozen_copy(folder, port, programs, copy):
    server = Behind(f"frozen-{copy}", folder, 0, port)
    return server.start([str(programs / "hither-backend"), "--host", frozen_address(copy), "--port",
                         str(port), "--service", f"fixed {FROZEN_SERVICE_MS}ms", "--log", "error"])


class Balancer(Server):
    """One of those compared; `port` is that of its first farm, and so is the one behind."""

    def endpoint_of(self, farm):
        return f"{self.ip}:{self.port + (FROZEN if farm == 'frozen' else PORTS.index(farm))}"

    def status(self):
        """The status page of hither-lb."""
        with urllib.request.urlopen(f"http://{self.ip}:{self.port + ADMIN}/status") as page:
            return json.load(page)


def hither(folder, number, port, programs):
    server = Balancer("hither", folder, number, port)
    slow = ", ".join(f'"{slow_address(copy)}:{port}"' for copy in range(SLOW_COPIES))
    frozen = ", ".join(f'"{frozen_address(copy)}:{port}"' for copy in range(FROZEN_COPIES))
    path = server.write("world.toml", f"""schema = 1
[room.here]
location = [50.0, 8.6]
address = ["{server.ip}"]
admin = "{server.ip}:{port + ADMIN}"
[zone."example.test"]
[name."www.example.test"]
farm = "web"
[farm.web]
port = {port}
servers = ["{ORIGIN}:{port}"]
[farm.raw]
mode = "tcp"
port = {port + 1}
servers = ["{ORIGIN}:{port}"]
[farm.slow]
balance = "hot-cold"
port = {port + 2}
servers = [{slow}]
[farm.frozen]
port = {port + FROZEN}
servers = [{frozen}]
timeouts = {{ response = "{FROZEN_RESPONSE_S}s" }}
""")
    server.environment = {"HITHER_THREADS": "1", "HITHER_LOG": "warning", "PATH": "/usr/bin:/bin"}
    return server.start([str(programs / "hither-lb"), "--topology", path, "--room", "here"])


def haproxy(folder, number, port):
    server = Balancer("haproxy", folder, number, port)
    slow = "\n".join(f"  server s{copy} {slow_address(copy)}:{port} check"
                     for copy in range(SLOW_COPIES))
    config = server.write("config", f"""global
  nbthread 1
  maxconn 9950
  maxpipes 32
defaults
  timeout connect 2s
  timeout client 60s
  timeout server 30s
frontend web
  mode http
  bind {server.endpoint_of("web")}
  default_backend web
backend web
  mode http
  option forwardfor
  option splice-auto
  server s {ORIGIN}:{port} check
listen raw
  mode tcp
  option splice-auto
  bind {server.endpoint_of("raw")}
  server s {ORIGIN}:{port} check
listen slow
  mode http
  bind {server.endpoint_of("slow")}
  option forwardfor
  balance leastconn
{slow}
""")
    return server.start(["haproxy", "-db", "-f", config])


def nginx(folder, number, port):
    server = Balancer("nginx", folder, number, port)
    slow = "\n".join(f"    server {slow_address(copy)}:{port};" for copy in range(SLOW_COPIES))
    proxy = """proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;"""
    try:
        pwd.getpwnam("www-data")
        user = "user www-data;"
    except KeyError:
        user = ""
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"
    for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (server.folder / name).mkdir()
    pathlib.Path(server.folder).chmod(0o755)
    config = server.write("config", f"""daemon off;
{user}
load_module {module};
worker_processes 1;
worker_rlimit_nofile 20000;
pid {server.folder}/pid;
error_log stderr error;
events {{ worker_connections 20000; }}
stream {{
  upstream raw {{ server {ORIGIN}:{port}; }}
  server {{ listen {server.endpoint_of("raw")}; proxy_pass raw; }}
}}
http {{
  access_log off;
  client_body_temp_path {server.folder}/body;
  proxy_temp_path {server.folder}/proxy;
  fastcgi_temp_path {server.folder}/fastcgi;
  uwsgi_temp_path {server.folder}/uwsgi;
  scgi_temp_path {server.folder}/scgi;
  keepalive_requests 100000000;
  proxy_max_temp_file_size 0;
  upstream web {{ server {ORIGIN}:{port}; keepalive 1024; keepalive_requests 100000000; }}
  upstream slow {{
{slow}
    keepalive 1024;
    keepalive_requests 100000000;
  }}
  server {{
    listen {server.endpoint_of("web")} backlog=4096;
    location / {{
      proxy_pass http://web;
      {proxy}
    }}
  }}
  server {{
    listen {server.endpoint_of("slow")} backlog=4096;
    location / {{
      proxy_pass http://slow;
      {proxy}
    }}
  }}
}}
""")
    return server.start(["nginx", "-e", "stderr", "-p", str(server.folder), "-c", config])
