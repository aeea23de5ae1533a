# SPDX-License-Identifier: Apache-2.0
"""tools/bench lb: hither-lb beside HAProxy and nginx.

The balancers take turns on one core, in another order every time; the load and the origin share the
other. Every figure is the median of its runs. What counts first is the processor time of a balancer
per request, user and system, from the scheduler's own account.
"""

import contextlib
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

import bench_balancers
from bench_page import Aims, Page, aims_table, machine, medians, progress, publish, runs_of
from bench_servers import LOAD_CORE

MIB = 1 << 20
IDLE = 9_900  # connections; hither-lb keeps half of 20,000 descriptors for servers
DATA_CALLS = ("recvfrom", "sendto", "recvmsg", "sendmsg", "read", "write", "readv", "writev",
              "splice")
SMALL = ["--path", "/64", "--reply-bytes", "64"]
BIG = ["--path", f"/{MIB}", "--reply-bytes", str(MIB), "--connections", "8"]

# Name, title, farm, what is asked.
CLOSED = [
    ("keep32", "HTTP, keep-alive, 32 connections", "web", SMALL + ["--connections", "32"]),
    ("keep1000", "HTTP, keep-alive, 1,000 connections", "web", SMALL + ["--connections", "1000"]),
    ("fresh", "HTTP, a new connection for each request", "web",
     SMALL + ["--connections", "32", "--fresh"]),
    ("tcp", "TCP mode, keep-alive through it", "raw", SMALL + ["--connections", "32"]),
    ("bighttp", "HTTP, replies of 1 MiB", "web", BIG),
    ("bigtcp", "TCP mode, replies of 1 MiB", "raw", BIG),
]
COUNTED = ("keep32", "keep1000", "fresh", "tcp")  # whose system calls are counted
FREEZES = 3  # at most
TITLES = {name: title for name, title, _, _ in CLOSED}
TITLES["frozen"] = (f"{bench_balancers.FROZEN_COPIES} copies, one freezes (SIGSTOP) under 1,000 "
                    "requests/s, hither-lb alone")
TITLES["slow"] = (f"{bench_balancers.SLOW_COPIES} copies, one "
                  f"{bench_balancers.SLOWER} times slower, open loop at 60 % load")


class Field:
    """All balancers, and what is behind them."""

    def __init__(self, programs, folder, port):
        self.programs = programs
        self.port = port
        self.behind = [bench_balancers.origin(folder, port, programs)]
        self.behind += [bench_balancers.slow_copy(folder, port, programs, copy)
                        for copy in range(bench_balancers.SLOW_COPIES)]
        self.frozen = [bench_balancers.frozen_copy(folder, port, programs, copy)
                       for copy in range(bench_balancers.FROZEN_COPIES)]
        self.behind += self.frozen
        self.balancers = {}
        for number, make in enumerate((
                lambda k: bench_balancers.hither(folder, k, port, programs),
                lambda k: bench_balancers.haproxy(folder, k, port),
                lambda k: bench_balancers.nginx(folder, k, port)), start=1):
            balancer = make(number)
            self.balancers[balancer.name] = balancer

    def wait(self):
        for balancer in self.balancers.values():
            for farm in bench_balancers.PORTS:
                balancer.wait_until(lambda b=balancer, f=farm: self.is_right(b, f))
            progress(f"{balancer.name} answers")
        hither = self.balancers["hither"]
        hither.wait_until(lambda: self.is_right(hither, "frozen"))

    def is_right(self, balancer, farm):
        got = self.load(balancer, farm, ["--connections", "8"], 0.1)
        return got["answered"] > 0 and got["wrong"] == 0 and got["failed"] == 0

    def settle(self, farm):
        """Waits until nothing is left of the run before."""
        if farm == "slow":
            bench_balancers.wait_for_slow_copies(self.port)

    def command(self, balancer, farm, arguments, seconds):
        return ["taskset", "-c", LOAD_CORE, str(self.programs / "hither-bench-web"), "--server",
                balancer.endpoint_of(farm), "--seconds", str(seconds), "--seed",
                str(random.randrange(1 << 30))] + arguments

    def load(self, balancer, farm, arguments, seconds):
        command = self.command(balancer, farm, arguments, seconds)
        before = balancer.cpu_ns()
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        got = json.loads(run.stdout)
        got["cpu_ns"] = (balancer.cpu_ns() - before) / max(1, got["answered"])
        return got

    def close(self):
        for one in [*self.balancers.values(), *self.behind]:
            one.stop()


@contextlib.contextmanager
def field(programs, port):
    folder = tempfile.mkdtemp(prefix="hither-bench-")
    pathlib.Path(folder).chmod(0o755)  # nginx drops privileges
    servers = None
    try:
        servers = Field(programs, folder, port)
        yield servers
    finally:
        if servers:
            servers.close()
        shutil.rmtree(folder, ignore_errors=True)


def take_turns(servers, title, farm, arguments, runs, seconds):
    results = {name: [] for name in servers.balancers}
    for run in range(runs):
        progress(f"{title}: run {run + 1} of {runs}")
        for name in random.sample(list(results), len(results)):
            servers.settle(farm)
            results[name].append(servers.load(servers.balancers[name], farm, arguments, seconds))
    return {name: {**medians(got), "faults": sum(one["wrong"] + one["failed"] + one["lost"]
                                                 for one in got)}
            for name, got in results.items()}


def count_calls(servers, balancer, farm, arguments):
    """System calls that move data, per request, and all of them."""
    with tempfile.NamedTemporaryFile("r") as out:
        tracer = subprocess.Popen(["strace", "-c", "-f", "-o", out.name] + [
            word for pid in balancer.processes() for word in ("-p", str(pid))],
            stderr=subprocess.DEVNULL)
        time.sleep(1)
        got = servers.load(balancer, farm, arguments, 2)
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        calls = {}
        for line in pathlib.Path(out.name).read_text().splitlines():
            match = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if match and match[2] != "total":
                calls[match[2]] = calls.get(match[2], 0) + int(match[1])
    answered = max(1, got["answered"])
    return {"data": sum(calls.get(name, 0) for name in DATA_CALLS) / answered,
            "all": sum(calls.values()) / answered}


def copies_of(balancer, farm):
    """What hither-lb says of the copies of a farm."""
    return next(one for one in balancer.status()["farms"] if one["farm"] == farm)["servers"]


def freeze_once(servers, seconds):
    """One copy stops under a steady load. How many requests it had at that moment, how many it got
    in all that came to nothing, what clients saw fail, and p99 of all beside that of a calm time.
    """
    balancer, copy = servers.balancers["hither"], bench_balancers.FROZEN_COPIES - 1
    steady = ["--rate", "1000", "--connections", "256"]
    calm = servers.load(balancer, "frozen", steady, seconds)
    frozen = servers.frozen[copy].process
    command = servers.command(balancer, "frozen", steady, seconds)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        time.sleep(seconds / 4)
        frozen.send_signal(signal.SIGSTOP)
        try:
            before = copies_of(balancer, "frozen")[copy]
            got = json.loads(load.communicate()[0])
            after = copies_of(balancer, "frozen")[copy]
        finally:
            frozen.send_signal(signal.SIGCONT)
    balancer.wait_until(lambda: all(one["state"] == "up" and one["outlier"]["standing"] == "good"
                                    for one in copies_of(balancer, "frozen")) or
                        servers.load(balancer, "frozen", steady, 0.2) is None)
    failed = got["wrong"] + got["failed"] + got["lost"]
    given = after["results"]["failed"] - before["results"]["failed"] + after["in_flight"]
    return {"accepted": before["in_flight"], "given": given, "failed": failed,
            "others": failed - given, "lost": got["lost"], "answered": got["answered"],
            "p99_us": got["p99_us"], "calm_p99_us": calm["p99_us"]}


def measure_freeze(servers, runs):
    seconds = 3 * bench_balancers.FROZEN_RESPONSE_S
    got = []
    for run in range(min(runs, FREEZES)):
        progress(f"a copy freezes: run {run + 1} of {min(runs, FREEZES)}")
        got.append(freeze_once(servers, seconds))
    return {**medians(got), "others": max(one["others"] for one in got),
            "lost": max(one["lost"] for one in got)}


def measure_idle(servers, balancer):
    """KiB of memory per idle client connection, after one request on each."""
    before = balancer.rss_mib()
    command = ["taskset", "-c", LOAD_CORE, str(servers.programs / "hither-bench-web"), "--server",
               balancer.endpoint_of("web"), "--seconds", "6", "--idle", "--connections", str(IDLE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        time.sleep(4.5)
        after = balancer.rss_mib()
        got = json.loads(load.communicate()[0])
    return {"kib": (after - before) * 1024 / max(1, got["open"]), "open": got["open"]}


def measure(programs, port, runs, seconds, only):
    report = {"closed": {}, "open": {}, "idle": {}, "calls": {}, "frozen": {}}
    with field(programs, port) as servers:
        servers.wait()
        if wanted("idle", only):
            progress(f"{IDLE} idle connections")
            report["idle"] = {name: measure_idle(servers, one)
                              for name, one in servers.balancers.items()}
        for name, title, farm, arguments in CLOSED:
            if not wanted(name, only):
                continue
            got = take_turns(servers, title, farm, arguments, runs, seconds)
            report["closed"][name] = got
            if name.startswith("keep"):
                rate = min(one["rate"] for one in got.values()) / 2
                report["open"][name] = take_turns(servers, f"{title}, {rate:.0f}/s", farm,
                                                  arguments + ["--rate", str(rate)], runs, seconds)
        if wanted("slow", only):
            rate = 0.6 * bench_balancers.slow_capacity()
            report["open"]["slow"] = take_turns(
                servers, TITLES["slow"], "slow", ["--rate", str(rate), "--connections", "2000"],
                runs, max(seconds, 2))
        if wanted("calls", only):
            for name, title, farm, arguments in CLOSED:
                if name not in COUNTED:
                    continue
                progress(f"system calls: {title}")
                report["calls"][name] = {which: count_calls(servers, one, farm, arguments)
                                         for which, one in servers.balancers.items()}
        if wanted("frozen", only):
            report["frozen"] = measure_freeze(servers, runs)
    return report


def wanted(name, only):
    return not only or name in only


def ratio_rows(report):
    aims = Aims()

    def row(name, figure, value, bound, at_most=True):
        aims.add(TITLES.get(name, name), figure, value, bound, at_most)

    closed, opened = report["closed"], report["open"]
    peers = ("haproxy", "nginx")

    def ratio(name, key, peer, of=closed):
        return of[name]["hither"][key] / max(of[name][peer][key], 1e-9)

    for name in sorted(set(opened) & set(closed)):
        for peer in peers:
            row(name, f"CPU per request / {peer}", ratio(name, "cpu_ns", peer), 0.85)
            row(name, f"requests/s / {peer}", ratio(name, "rate", peer), 1.10, at_most=False)
            row(name, f"p99 at half of the lowest rate / {peer}",
                ratio(name, "p99_us", peer, opened), 1.0)
    for name in sorted({"keep32", "keep1000"} & set(report["calls"])):
        row(name, "system calls that move data, per request",
            report["calls"][name]["hither"]["data"], 4.2)
    if "fresh" in closed:
        row("fresh", "requests/s / haproxy", ratio("fresh", "rate", "haproxy"), 1.05,
            at_most=False)
    if "tcp" in closed:
        row("tcp", "CPU per request / haproxy", ratio("tcp", "cpu_ns", "haproxy"), 0.92)
        row("tcp", "requests/s / haproxy", ratio("tcp", "rate", "haproxy"), 1.05, at_most=False)
    for name in sorted({"bighttp", "bigtcp"} & set(closed)):
        best = max(peers, key=lambda peer: closed[name][peer]["bytes_per_s"])
        row(name, f"bytes/s / the better of both ({best})", ratio(name, "bytes_per_s", best), 1.1,
            at_most=False)
    if "slow" in opened:
        row("slow", "p99 / haproxy leastconn", ratio("slow", "p99_us", "haproxy", opened), 0.5)
        row("slow", "p99 / nginx round robin", ratio("slow", "p99_us", "nginx", opened), 0.2)
    if report["idle"]:
        idle = report["idle"]
        row(f"{IDLE} idle clients", "memory per connection / haproxy",
            idle["hither"]["kib"] / max(idle["haproxy"]["kib"], 1e-9), 0.5)
    if report["frozen"]:
        frozen = report["frozen"]
        row("frozen", "failed requests that were not the frozen copy's", max(frozen["others"], 0),
            0)
        row("frozen", "requests that got no answer in the end", frozen["lost"], 0)
        row("frozen", "p99 of all / before", frozen["p99_us"] / max(frozen["calm_p99_us"], 1e-9),
            1.2)
    faults = sum(got["hither"]["faults"] for part in (closed, opened) for got in part.values())
    row("all of them", "requests of hither-lb that failed, or were answered wrong", faults, 0)
    return aims.rows


def tables(report):
    """Markdown for people and for docs/performance_lb.md."""
    lines = aims_table(report["ratios"])
    lines += ["", "Closed loop:", "",
              "| workload | balancer | CPU per request | requests/s | MiB/s | p99 | faults |",
              "|---|---|---|---|---|---|---|"]
    for name, got in report["closed"].items():
        for balancer, one in sorted(got.items(), key=lambda item: item[1]["cpu_ns"]):
            lines.append(f"| {TITLES[name]} | {balancer} | {one['cpu_ns'] / 1000:.2f} us "
                         f"| {one['rate']:.0f} | {one['bytes_per_s'] / MIB:.0f} "
                         f"| {one['p99_us']:.0f} us | {one['faults']} |")
    lines += ["", "Open loop:", "",
              "| workload | balancer | requests/s | p50 | p99 | CPU per request | faults |",
              "|---|---|---|---|---|---|---|"]
    for name, got in report["open"].items():
        for balancer, one in sorted(got.items(), key=lambda item: item[1]["p99_us"]):
            lines.append(f"| {TITLES[name]} | {balancer} | {one['rate']:.0f} "
                         f"| {one['p50_us']:.0f} us | {one['p99_us']:.0f} us "
                         f"| {one['cpu_ns'] / 1000:.2f} us | {one['faults']} |")
    if report["calls"]:
        lines += ["", "| workload | balancer | data calls per request | all calls per request |",
                  "|---|---|---|---|"]
        lines += [f"| {TITLES[name]} | {balancer} | {calls['data']:.2f} | {calls['all']:.2f} |"
                  for name, got in report["calls"].items() for balancer, calls in got.items()]
    if report["frozen"]:
        one = report["frozen"]
        lines += ["", f"{TITLES['frozen']}:", "",
                  "| it had when it froze | and was given until it was out | clients saw fail "
                  "| answered in all | p99 of all | p99 before |", "|---|---|---|---|---|---|",
                  f"| {one['accepted']:.0f} | {max(one['given'] - one['accepted'], 0):.0f} "
                  f"| {one['failed']:.0f} | {one['answered']:.0f} | {one['p99_us'] / 1000:.1f} ms "
                  f"| {one['calm_p99_us'] / 1000:.1f} ms |"]
    if report["idle"]:
        lines += ["", "| balancer | memory per idle client |", "|---|---|"]
        lines += [f"| {balancer} | {one['kib']:.2f} KiB |"
                  for balancer, one in report["idle"].items()]
    return "\n".join(lines) + "\n"


PAGE = Page("performance_lb.md", """# Performance of hither-lb

Written by `tools/bench lb --write`; do not edit. To repeat it: `tools/bench lb` (it installs the
peers where they are missing), `tools/bench lb --quick` for three short runs.

- Machine: {cpu}, {cores} cores, Linux {kernel}; load average {load_average:.1f} when it
  began{busy}.
- Peers: {peers} (Debian 12), each in the foreground with one thread and no access log.
- One core has the balancers, which take turns in random order; the other has the load
  (`hither-bench-web`) and what is behind the balancers (`hither-bench-origin`, canned answers of 64
  octets or 1 MiB; four `hither-backend` for the slow copy). Figures are medians of {runs} runs of
  {seconds} s, but for these: memory is looked at once, in processes that have just begun, with
  9,900 idle clients (of 20,000 descriptors half are kept for servers); system calls are counted
  once; a copy freezes at most three times, and of what came to nothing the worst counts.
- CPU per request: user + system of all threads of the balancer, from the scheduler's account
  (`/proc/PID/task/*/schedstat`), over the requests that were answered.
- Every answer is checked for its status and length; a fault is one that was wrong, or a connection
  that failed, or a request that was not answered within two seconds of the end.
- Open loop: latency counts from when a request was due.
- The copy that freezes: what it had, and what it was given before it was out (its kernel takes
  requests as ever), is what hither-lb counts in flight and as failed there; a failure is whatever a
  client saw that was not the right answer. They end by `timeouts.response`, two seconds here.

{tables}""", ["haproxy", "nginx-light"])


def bench_lb(programs, options):
    began = time.monotonic()
    runs, seconds = runs_of(options)
    head = machine()
    report = measure(programs, options.port, runs, seconds, options.only)
    report.update({"machine": head, "runs": runs, "seconds": seconds})
    report["ratios"] = ratio_rows(report)
    progress(f"all of it took {time.monotonic() - began:.0f} s")
    return publish(report, tables(report), PAGE, options)
