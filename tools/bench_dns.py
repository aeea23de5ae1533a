# SPDX-License-Identifier: Apache-2.0
"""tools/bench dns: hither-dns beside gdnsd, Knot and NSD.

The servers share one core, the load has another. They take turns, in another order every time;
every figure is the median of its runs. What counts first is the processor time of a server per
answer, user and system, from the scheduler's own account: these machines are shared and their
speed drifts, which moves rates more than it moves work.
"""

import contextlib
import json
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import bench_servers
from bench_page import Aims, Page, aims_table, machine, medians, progress, publish, runs_of
from bench_servers import LOAD_CORE

NETWORKS = 19_000
CHANGE_AFTER = 1.5  # seconds between two changes of the room that flaps, and two reloads
CLIENTS = 200_000
STEERED, STATIC, NXDOMAIN = "steered", "static", "nxdomain"
TITLES = {
    STEERED: f"steered name, random ECS /24 over {NETWORKS:,} networks",
    STATIC: "static name, no EDNS",
    NXDOMAIN: "NXDOMAIN flood, random names",
}
NAMES = {STEERED: "www.example.test", STATIC: "static.example.test",
         NXDOMAIN: "0123456789.example.test"}


class Field:
    """All servers of one comparison, up and answering."""

    def __init__(self, programs, folder, port, peers):
        self.programs, self.folder, self.port = programs, folder, port
        self.numbers = iter(range(1, 250))
        self.servers = {}
        self.clients = str(pathlib.Path(folder) / "clients")
        self.networks = bench_servers.Networks(NETWORKS)
        self.networks.write_clients(self.clients, CLIENTS)
        self.known = {}  # clients by what is known of the room that flaps
        for is_up in (True, False):
            self.known[is_up] = f"{self.clients} {is_up}"
            self.networks.write_clients(self.known[is_up], CLIENTS, is_up)
        self.reports = bench_servers.RoomReports(self.port + 2)
        self.add(bench_servers.hither(*self.place(), programs, self.networks, self.port + 2))
        if peers:
            self.add(bench_servers.gdnsd(*self.place(), self.networks))
            self.add(bench_servers.knot(*self.place(), self.networks))
            self.add(bench_servers.nsd(*self.place()))

    def place(self):
        return self.folder, next(self.numbers), self.port

    def add(self, server):
        self.servers[server.name] = server
        return server

    def add_echo(self, reply_bytes):
        return self.add(bench_servers.echo(*self.place(), self.programs, reply_bytes))

    def add_flapping(self):
        return self.add(bench_servers.hither(*self.place(), self.programs, self.networks,
                                             self.port + 2, "hither-flaps", bench_servers.QUICK))

    def wait(self):
        for server in self.servers.values():
            self.await_one(server)

    def await_one(self, server):
        began = time.monotonic()
        if server.name.startswith("echo"):
            server.wait_until(lambda: self.load(server, ["--any-answer"], 0.05)["answered"])
        else:
            server.wait_until(lambda: self.load(server, workload(STATIC, self), 0.05,
                                                in_flight=1)["answered"])
        if server.name.startswith(("hither", "gdnsd", "knot")):
            server.wait_until(lambda: self.is_right(server))
        progress(f"{server.name} answers after {time.monotonic() - began:.1f} s")

    def is_right(self, server):
        got = self.load(server, workload(STEERED, self), 0.1)
        return got["answered"] > 0 and got["wrong"] == 0

    def load(self, server, arguments, seconds, in_flight=128, rate=0):
        """One run; what hither-bench-load printed, and the server's own time per answer."""
        command = ["taskset", "-c", LOAD_CORE, str(self.programs / "hither-bench-load"),
                   "--server", server.endpoint, "--seconds", str(seconds), "--in-flight",
                   str(in_flight), "--rate", str(rate), "--seed",
                   str(random.randrange(1 << 30))] + arguments
        before = server.cpu_ns()
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        got = json.loads(run.stdout)
        got["cpu_ns"] = (server.cpu_ns() - before) / max(1, got["answered"])
        return got

    def close(self):
        for server in self.servers.values():
            server.stop()
        self.reports.close()


@contextlib.contextmanager
def field(programs, port, peers=True):
    """`port` and the two behind it must be free on every address."""
    folder = tempfile.mkdtemp(prefix="hither-bench-")
    servers = None
    try:
        servers = Field(programs, folder, port, peers)
        yield servers
    finally:
        if servers:
            servers.close()
        shutil.rmtree(folder, ignore_errors=True)


def workload(kind, servers, flapping=None):
    """`flapping`: what the room that flaps is known to be; None: up or down."""
    if kind == STEERED:
        clients = servers.clients if flapping is None else servers.known[flapping]
        return ["--name", "www.example.test", "--ecs", "--clients", clients]
    if kind == STATIC:
        return ["--name", "static.example.test"]
    return ["--name", "example.test", "--random-label", "--rcode", "3"]


def question(kind):
    """A name, type A and class IN, as they stand in a message."""
    labels = (bytes([len(one)]) + one.encode() for one in NAMES[kind].split("."))
    return b"".join(labels) + b"\0\0\1\0\1"


def query(kind, number=1, subnet=b"\x55\x01\x01"):
    """A whole message with that ID; the steered name is asked for with a client's subnet /24."""
    opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\x0b\0\x08\0\x07\0\1\x18\0" + subnet
    head = struct.pack("!HHHHHH", number, 0, 1, 0, 0, 1 if kind == STEERED else 0)
    return head + question(kind) + (opt if kind == STEERED else b"")


def is_right_answer(kind, asked, answer, right):
    """Is it an answer to this query, with the RCODE and, as the first address, one that is right?
    As hither-bench-load sees it. `right`: the addresses of the steered name, in four octets."""
    end = 12 + len(question(kind))
    if len(answer) < end or answer[:2] != asked[:2] or answer[12:end] != asked[12:end]:
        return False
    if not answer[2] & 0x80 or answer[3] & 0xf != (3 if kind == NXDOMAIN else 0):
        return False
    if kind == NXDOMAIN:
        return True
    address = answer[end + 12 : end + 16]  # behind an owner that is a pointer
    return address in (right if kind == STEERED else {socket.inet_aton(bench_servers.STATIC)})


def reply_bytes(server, kind):
    """How long hither's answer is; the echo sends as much."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        one.sendto(query(kind), (server.ip, server.port))
        return len(one.recv(4096))


def take_turns(servers, names, kind, runs, seconds, rate=0):
    """Medians by server over runs in shuffled order."""
    results = {name: [] for name in names}
    for run in range(runs):
        progress(f"{TITLES[kind]}{f' at {rate:.0f}/s' if rate else ''}: run {run + 1} of {runs}")
        for name in random.sample(names, len(names)):
            arguments = workload(kind, servers)
            if name.startswith("echo"):
                arguments = arguments + ["--any-answer"]
            results[name].append(servers.load(servers.servers[name], arguments, seconds, rate=rate))
    return {name: medians(got) for name, got in results.items()}


@contextlib.contextmanager
def weather(servers, server, flaps=True):
    """One room goes and comes, and the server reads its files again, if it can. Gives the times
    at which it was told to."""
    done = threading.Event()
    reloads = server.reloads()
    told = []

    def change():
        is_up = True
        while not done.wait(CHANGE_AFTER):
            is_up = not is_up
            if flaps:
                servers.reports.say(bench_servers.FLAPPING, is_up)
            if reloads:
                server.process.send_signal(signal.SIGHUP)
                told.append(time.monotonic())

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield told
    finally:
        done.set()
        thread.join()
        servers.reports.say(bench_servers.FLAPPING, True)


def measure_flaps(servers, runs, seconds):
    """The rate with flaps (and reloads) over the rate without, runs of both in turns."""
    server = servers.servers["hither-flaps"]
    reloads = server.reloads()
    calm, rough = [], []
    for run in range(runs):
        progress(f"flaps{' and reloads' if reloads else ''}: run {run + 1} of {runs}")
        calm.append(servers.load(server, workload(STEERED, servers), seconds))
        with weather(servers, server):
            rough.append(servers.load(server, workload(STEERED, servers), seconds))
    return {"reloads": reloads, "calm": medians(calm), "rough": medians(rough),
            "lost": sum(one["lost"] for one in rough), "wrong": sum(one["wrong"] for one in rough)}


def measure(programs, port, runs, seconds):
    with field(programs, port) as servers:
        echoes = {}
        sizes = {kind: reply_bytes_when_up(servers, kind) for kind in TITLES}
        for kind, size in sizes.items():
            echoes[kind] = f"echo {size}"
            if echoes[kind] not in servers.servers:
                servers.add_echo(size)
        servers.wait()
        peers = {STEERED: ["gdnsd", "knot"], STATIC: ["gdnsd", "knot", "nsd"],
                 NXDOMAIN: ["gdnsd", "knot", "nsd"]}
        report = {"sizes": sizes, "closed": {}, "open": {}}
        for kind in TITLES:
            names = ["hither", *peers[kind], echoes[kind]]
            got = take_turns(servers, names, kind, runs, seconds)
            got["echo"] = got.pop(echoes[kind])
            report["closed"][kind] = got
        for kind in (STEERED, STATIC, NXDOMAIN):
            rate = report["closed"][kind]["hither"]["rate"] / 2
            report["open"][kind] = take_turns(servers, ["hither", *peers[kind]], kind, runs,
                                              seconds, rate)
        # Not before: its many probes would take time from the others.
        servers.await_one(servers.add_flapping())
        report["flaps"] = measure_flaps(servers, runs, seconds)
        return report


def reply_bytes_when_up(servers, kind):
    server = servers.servers["hither"]
    server.wait_until(lambda: servers.is_right(server))
    return reply_bytes(server, kind)


def ratio_rows(report):
    """The table of the aims: figure, value, the bound and which way it counts."""
    aims = Aims()
    steered = report["closed"][STEERED]
    cpu = {name: got["cpu_ns"] for name, got in steered.items()}
    aims.add(TITLES[STEERED], "CPU per answer / gdnsd", cpu["hither"] / cpu["gdnsd"], 0.90)
    aims.add(TITLES[STEERED], "CPU per answer / Knot mod-geoip", cpu["hither"] / cpu["knot"], 0.60)
    aims.add(TITLES[STEERED], "CPU per answer / bare echo", cpu["hither"] / cpu["echo"], 1.07)
    aims.add(TITLES[STEERED], "answers/s / gdnsd",
        steered["hither"]["rate"] / steered["gdnsd"]["rate"], 1.05, at_most=False)
    for kind in (STATIC, NXDOMAIN):
        got = report["closed"][kind]
        best = min((name for name in got if name not in ("hither", "echo")),
                   key=lambda name: got[name]["cpu_ns"])
        aims.add(TITLES[kind], f"CPU per answer / best peer ({best})",
            got["hither"]["cpu_ns"] / got[best]["cpu_ns"], 1.0)
    for kind, got in report["open"].items():
        best = min((name for name in got if name != "hither"), key=lambda name: got[name]["p99_us"])
        aims.add(f"{TITLES[kind]}, at half the rate", f"p99 / best peer ({best})",
            got["hither"]["p99_us"] / got[best]["p99_us"], 1.0)
    flaps = report["flaps"]
    what = "flaps and reloads" if flaps["reloads"] else "flaps only, it takes no SIGHUP"
    aims.add(TITLES[STEERED], f"answers/s with {what} / without",
        flaps["rough"]["rate"] / flaps["calm"]["rate"], 0.97, at_most=False)
    aims.add(TITLES[STEERED], f"queries lost with {what}", flaps["lost"], 0)
    aims.add(TITLES[STEERED], f"answers wrong with {what}", flaps["wrong"], 0)
    return aims.rows


def tables(report):
    """Markdown for people and for docs/performance.md."""
    lines = aims_table(report["ratios"])
    lines += ["", "Closed loop, 128 queries in flight:", "",
              "| workload | server | CPU per answer | answers/s | lost | wrong |",
              "|---|---|---|---|---|---|"]
    for kind, got in report["closed"].items():
        for name, one in sorted(got.items(), key=lambda item: item[1]["cpu_ns"]):
            lines.append(f"| {TITLES[kind]} | {name} | {one['cpu_ns']:.0f} ns | {one['rate']:.0f} "
                         f"| {one['lost']:.0f} | {one['wrong']:.0f} |")
    lines += ["", "Open loop, at half the rate that hither-dns reached:", "",
              "| workload | server | p50 | p99 | p99.9 | CPU per answer | lost |",
              "|---|---|---|---|---|---|---|"]
    for kind, got in report["open"].items():
        for name, one in sorted(got.items(), key=lambda item: item[1]["p99_us"]):
            lines.append(f"| {TITLES[kind]} | {name} | {one['p50_us']:.0f} us "
                         f"| {one['p99_us']:.0f} us | {one['p999_us']:.0f} us "
                         f"| {one['cpu_ns']:.0f} ns | {one['lost']:.0f} |")
    return "\n".join(lines) + "\n"


PAGE = Page("performance.md", """# Performance of hither-dns

Written by `tools/bench dns --write`; do not edit. To repeat it: `tools/bench dns` (about ten
minutes; it installs the peers where they are missing), `tools/bench dns --quick` for three short
runs. How long a start takes, how much memory the client map has and how fast it is searched is in
[geography.md](geography.md#how-fast-how-small).

- Machine: {cpu}, {cores} cores, Linux {kernel}; load average {load_average:.1f} when it
  began{busy}.
- Peers: {peers} (Debian 12), each in the foreground with one worker for UDP.
- One core has the servers, the other the load (`hither-bench-load`: 8 source ports; in the closed
  loop a batch of queries goes down as one datagram that the kernel cuts, so that asking costs less
  than answering; every answer is checked: ID, RCODE and address). The servers take turns in random
  order; all figures are medians of {runs} runs of {seconds} s.
- CPU per answer: user + system of all threads of the server, from the scheduler's account
  (`/proc/PID/task/*/schedstat`), over the queries that were answered. On a shared machine it drifts
  less than rates do.
- Steered: one name, 30 rooms, {networks} disjoint networks of /12 to /24, each at the place of a
  room; the load asks with random /24s inside of them. hither: `[[network]]` entries, policy
  nearest, all rooms probed; gdnsd: geoip plugin, `nets` with three datacenters each, monitoring
  `up`; Knot: mod-geoip, mode subnet, no monitoring. The same address is right from all of them.
- The bare echo waits for up to 32 packets in `recvmmsg` and sends back as many octets as hither-dns
  answers with ({sizes}).
- Rooms: one process on the load's core speaks for all balancers. All rooms but the one that flaps
  are forced up besides, so that reports which this machine brings late change no answer.
- Flaps: one room fails or returns every {change} s and is probed every second, fall 3; reloads:
  SIGHUP as often.

{tables}""", ["gdnsd", "knot", "nsd"])


def bench_dns(programs, options):
    runs, seconds = runs_of(options)
    head = machine()
    report = measure(programs, options.port, runs, seconds)
    report.update({"machine": head, "runs": runs, "seconds": seconds})
    report["ratios"] = ratio_rows(report)
    sizes = ", ".join(f"{kind} {size}" for kind, size in report["sizes"].items())
    return publish(report, tables(report), PAGE, options, networks=f"{NETWORKS:,}", sizes=sizes,
                   change=CHANGE_AFTER)
