# SPDX-License-Identifier: Apache-2.0
"""The servers that tools/bench dns compares, as children with files in a temporary folder.

All of them serve the same zone and steer one name by the same networks to the same rooms. None is
a service of the system: each runs in the foreground, on a high port of an address of its own, and
is stopped in the end.
"""

import contextlib
import glob
import json
import math
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVER_CORE, LOAD_CORE = "0", "1"
FLAPPING = 0  # the room that goes and comes, where one does
STATIC = "192.0.2.80"  # the address of the name that is not steered

# Airports, and where they are: 30 rooms on six continents.
PLACES = """
fra 50.03 8.57, lhr 51.47 -0.45, cdg 49.01 2.55, mad 40.47 -3.56, waw 52.17 20.97, arn 59.65 17.92,
mxp 45.63 8.72, ist 41.26 28.74, svo 55.97 37.41, iad 38.94 -77.46, ord 41.98 -87.90,
dfw 32.90 -97.04, sjc 37.36 -121.93, sea 47.45 -122.31, mia 25.79 -80.29, yyz 43.68 -79.63,
gru -23.43 -46.47, scl -33.39 -70.79, bog 4.70 -74.15, jnb -26.13 28.24, los 6.58 3.32,
nbo -1.32 36.93, dxb 25.25 55.36, bom 19.09 72.87, del 28.57 77.10, sin 1.36 103.99,
hkg 22.31 113.91, nrt 35.76 140.39, icn 37.46 126.44, syd -33.95 151.18"""
ROOMS = [(word[0], float(word[1]), float(word[2]))
         for word in (one.split() for one in PLACES.split(","))]


def address_of(room):
    return f"127.90.{room + 1}.1"


def distance(one, other):
    """Along the great circle, in radians."""
    a, b, c, d = map(math.radians, (one[1], one[2], other[1], other[2]))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * math.asin(min(1.0, math.sqrt(half)))


def by_distance(room):
    return sorted(range(len(ROOMS)), key=lambda other: distance(ROOMS[room], ROOMS[other]))


class Networks:
    """So many disjoint networks from /12 to /24, and a room for each: the input of every server."""

    def __init__(self, count, seed=7):
        draw = random.Random(seed)
        self.list = []
        taken = set()  # /12 blocks are cut whole into equal networks
        while len(self.list) < count:
            block = draw.randrange(16 * 16, 222 * 16)
            if block in taken or block >> 4 in (10, 127, 169, 172, 192, 198, 203, 100):
                continue
            taken.add(block)
            length = draw.choice([12, 14, 16, 18, 20, 20, 22, 24])
            parts = [(block << 20) + (i << (32 - length)) for i in range(1 << (length - 12))]
            for base in draw.sample(parts, min(len(parts), 200, count - len(self.list))):
                self.list.append((base, length, draw.randrange(len(ROOMS))))

    def texts(self):
        for base, length, room in self.list:
            yield socket.inet_ntoa(struct.pack("!I", base)) + f"/{length}", room

    def write_clients(self, path, count, flapping=None, seed=8):
        """Random /24s of random networks with the two addresses that are right for them. They
        differ where a room flaps, unless it is known to be up or down."""
        draw = random.Random(seed)
        second = by_distance(FLAPPING)[1]
        with open(path, "wb") as out:
            for _ in range(count):
                base, length, room = draw.choice(self.list)
                subnet = base + (draw.randrange(1 << (24 - length)) << 8)
                rooms = [room, second if room == FLAPPING else room]
                if flapping is not None:
                    rooms = [rooms[0 if flapping else 1]] * 2
                out.write(struct.pack("!I", subnet))
                out.write(b"".join(socket.inet_aton(address_of(one)) for one in rooms))


ZONE = f"""$TTL 3600
@ IN SOA ns1.example.test. hostmaster.example.test. 1 7200 1800 259200 900
@ IN NS ns1.example.test.
ns1 IN A 192.0.2.1
static IN A {STATIC}
"""


class RoomReports:
    """The process that speaks for the balancers of all rooms. It runs on the core of the load."""

    def __init__(self, port):
        rooms = [f"{room[0]}={address_of(k)}" for k, room in enumerate(ROOMS)]
        self.process = subprocess.Popen(
            ["taskset", "-c", LOAD_CORE, sys.executable, str(ROOT / "tools" / "bench_reports.py"),
             str(port), *rooms], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("tools/bench: nobody speaks for the rooms; see above")

    def say(self, room, is_up):
        """From when it returns, probes hear this of the room."""
        self.process.stdin.write(f"{'up' if is_up else 'down'} {ROOMS[room][0]}\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Server:
    """One of them: `name`, `endpoint`, and its processor time."""

    def __init__(self, name, folder, number, port):
        self.name = name
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.ip, self.port = f"127.91.{number}.1", port
        self.endpoint = f"{self.ip}:{port}"
        self.admin = f"{self.ip}:{port + 1}"  # the status page, of those that have one
        self.process = None
        self.environment = None

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def start(self, command):
        log = open(self.folder / "output", "w")
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE] + command, stdout=log,
                                        stderr=subprocess.STDOUT, env=self.environment)
        log.close()
        return self

    def processes(self):
        """It and what it has started."""
        pids, at = [self.process.pid], 0
        while at < len(pids):
            for path in glob.glob(f"/proc/{pids[at]}/task/*/children"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    pids += map(int, pathlib.Path(path).read_text().split())
            at += 1
        return pids

    def cpu_ns(self):
        """User and system time of all threads that it has, as the scheduler counts it."""
        total = 0
        for pid in self.processes():
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # one that ended
                    total += int(pathlib.Path(path).read_text().split()[0])
        return total

    def rss_mib(self):
        pages = sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
                    for pid in self.processes())
        return pages * 4096 / 2**20

    def reloads(self):
        """Whether it catches SIGHUP."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) & 1 << (signal.SIGHUP - 1))
        return False

    def overrule(self, flapping=None):
        """Says that every room is up, whatever its probes say, but for the one that flaps: that is
        as said, or else as its reports. So no report that this machine brings too late can change
        an answer."""
        said = [(room[0], "up") for k, room in enumerate(ROOMS) if k != FLAPPING]
        if flapping is not None:
            said.append((ROOMS[FLAPPING][0], "up" if flapping else "down"))
        draft = self.write("overrides.draft", "".join(
            f'[[override]]\nroom = "{room}"\nstate = "{state}"\nsince = "2026-01-01T00:00:00Z"\n'
            for room, state in said))
        pathlib.Path(draft).rename(self.folder / "overrides.toml")

    def status(self):
        """Of those that have a status page: what it says."""
        with urllib.request.urlopen(f"http://{self.admin}/status", timeout=10) as page:
            return json.load(page)

    def flapping_is(self):
        """What it takes the room that flaps for: a state, and whether that was overruled."""
        farm = self.status()["rooms"][FLAPPING]["farms"][0]
        return farm["state"], farm["override"] is not None

    def output(self):
        """The lines that it wrote."""
        return (self.folder / "output").read_text(errors="replace").splitlines()

    def kernel_drops(self):
        """Packets to its UDP socket that the kernel had no room for."""
        number = f"{struct.unpack('=I', socket.inet_aton(self.ip))[0]:08X}:{self.port:04X}"
        rows = (line.split() for line in pathlib.Path("/proc/net/udp").read_text().splitlines())
        return sum(int(row[-1]) for row in rows if row[1] == number)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait_until(self, ready, limit=60):
        began = time.monotonic()
        while not ready():
            if self.process.poll() is not None or time.monotonic() - began > limit:
                output = (self.folder / "output").read_text()[-2000:]
                raise SystemExit(f"tools/bench: {self.name} does not answer; it said:\n{output}")
            time.sleep(0.05)


# How often rooms are probed: hardly, or so that one that flaps is followed.
CALM = 'interval = "20s"\ntimeout = "5s"\nfall = 2\nrise = 1'
QUICK = 'interval = "1s"\nfast_interval = "100ms"\ntimeout = "1s"\nfall = 3\nrise = 1'


def hither(folder, number, port, programs, networks, reports_port, name="hither", health=CALM):
    server = Server(name, folder, number, port)
    rooms = "".join(
        f'[room.{room[0]}]\nlocation = [{room[1]}, {room[2]}]\naddress = ["{address_of(k)}"]\n'
        f'admin = "{address_of(k)}:{reports_port}"\n' for k, room in enumerate(ROOMS))
    where = "".join(
        f'[[network]]\nprefix = "{text}"\nlocation = [{ROOMS[room][1]}, {ROOMS[room][2]}]\n'
        for text, room in networks.texts())
    server.write("zone", ZONE)
    path = server.write("world.toml", f"""schema = 1
[dns]
listen = ["{server.endpoint}"]
[dns.health]
{health}
[local]
admin_port = {port + 1}
[zone."example.test"]
file = "zone"
[name."www.example.test"]
farm = "web"
ttl = "20s"
[farm.web]
port = 8080
command = ["true"]
{rooms}{where}""")
    server.environment = {"HITHER_THREADS": "1", "HITHER_LOG": "warning",
                          "HITHER_LOG_FORMAT": "json", "PATH": "/usr/bin:/bin"}
    server.overrule()
    return server.start([str(programs / "hither-dns"), "--topology", path, "--admin-listen",
                         server.admin, "--overrides", str(server.folder / "overrides.toml")])


def gdnsd(folder, number, port, networks):
    server = Server("gdnsd", folder, number, port)
    (server.folder / "zones").mkdir()
    server.write("zones/example.test", ZONE + "www 20 IN DYNA geoip!www\n")
    centres = ", ".join(room[0] for room in ROOMS)
    nets = "\n".join(f"{text} => [ {', '.join(ROOMS[k][0] for k in by_distance(room)[:3])} ]"
                     for text, room in networks.texts())
    addresses = "\n".join(f"{room[0]} => {address_of(k)}" for k, room in enumerate(ROOMS))
    server.write("config", f"""options => {{
  listen => [ {server.endpoint} ], udp_threads => 1, tcp_threads => 1
  run_dir => {server.folder}/run, state_dir => {server.folder}/state
}}
plugins => {{ geoip => {{
  maps => {{ m => {{ datacenters => [ {centres} ], nets => {{
{nets}
  }} }} }}
  resources => {{ www => {{ map => m, service_types => up, dcmap => {{
{addresses}
  }} }} }}
}} }}
""")
    return server.start(["gdnsd", "-c", str(server.folder), "start"])


def knot(folder, number, port, networks):
    server = Server("knot", folder, number, port)
    server.write("zone", ZONE + "www 20 IN A 192.0.2.99\n")
    server.write("geo.conf", "www.example.test:\n" + "".join(
        f"  - net: {text}\n    A: [ {address_of(room)} ]\n" for text, room in networks.texts()))
    config = server.write("knot.conf", f"""server:
    listen: {server.ip}@{port}
    rundir: {server.folder}
    edns-client-subnet: on
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {server.folder}
log:
  - target: stderr
    any: warning
mod-geoip:
  - id: rooms
    config-file: {server.folder}/geo.conf
    ttl: 20
    mode: subnet
zone:
  - domain: example.test
    storage: {server.folder}
    file: zone
    module: mod-geoip/rooms
""")
    return server.start(["knotd", "-c", config])


def nsd(folder, number, port):
    server = Server("nsd", folder, number, port)
    server.write("zone", ZONE)
    config = server.write("nsd.conf", f"""server:
    ip-address: {server.ip}@{port}
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{server.folder}"
    database: ""
    pidfile: "{server.folder}/pid"
    xfrdfile: "{server.folder}/xfrd"
    xfrdir: "{server.folder}"
    zonelistfile: "{server.folder}/zones"
    minimal-responses: yes
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: "example.test"
    zonefile: "zone"
""")
    return server.start(["nsd", "-d", "-c", config])


def echo(folder, number, port, programs, reply_bytes):
    server = Server(f"echo {reply_bytes}", folder, number, port)
    return server.start([str(programs / "hither-bench-echo"), "--listen", server.endpoint,
                         "--reply-bytes", str(reply_bytes)])
