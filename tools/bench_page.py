# SPDX-License-Identifier: Apache-2.0
"""What the comparisons of tools/bench share: aims, and how a run is printed and written."""

import json
import os
import pathlib
import statistics
import subprocess
import sys

from bench_servers import ROOT

BUSY = 2.5  # load average from which on figures are preliminary
RUNS = 7  # of which a figure of docs/ is the median


def progress(text):
    print(text, file=sys.stderr, flush=True)


def medians(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def machine():
    model = next((line.split(":", 1)[1].strip()
                  for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    return {"cpu": model, "cores": os.cpu_count(), "kernel": os.uname().release,
            "load_average": os.getloadavg()[0]}


def versions(packages):
    run = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *packages],
                         capture_output=True, text=True, check=False)
    return run.stdout.rstrip(", ")


class Aims:
    """Figures beside what they must reach: the value, the bound and which way it counts."""

    def __init__(self):
        self.rows = []

    def add(self, workload, figure, value, bound, at_most=True):
        self.rows.append({"workload": workload, "figure": figure, "value": value, "bound": bound,
                          "at_most": at_most,
                          "reached": value <= bound if at_most else value >= bound})


def aims_table(rows):
    """Lines of Markdown."""
    lines = ["| workload | figure | measured | must be |", "|---|---|---|---|"]
    for one in rows:
        bound = f"{'<=' if one['at_most'] else '>='} {one['bound']}"
        mark = "" if one["reached"] else " **missed**"
        lines.append(f"| {one['workload']} | {one['figure']} | {one['value']:.2f} "
                     f"| {bound}{mark} |")
    return lines


class Page:
    """A page of docs/ that a run writes: `text` with what is measured in braces."""

    def __init__(self, name, text, packages):
        self.name = name
        self.text = text
        self.packages = packages  # of the peers

    def write(self, report, tables, more):
        head = report["machine"]
        busy = " (a busy machine: preliminary)" if head["load_average"] > BUSY else ""
        text = self.text.format(**head, **more, busy=busy, peers=versions(self.packages),
                                runs=report["runs"], seconds=report["seconds"], tables=tables)
        (ROOT / "docs" / self.name).write_text(text)


def write_section(name, command, text):
    """Puts `text` between the two lines of a page of docs/ that `command` has there."""
    path = ROOT / "docs" / name
    begin, end = f"<!-- `{command}` writes from here -->\n", f"<!-- `{command}` writes to here -->"
    head, begun, rest = path.read_text().partition(begin)
    _, ended, tail = rest.partition(end)
    if not (begun and ended):
        raise SystemExit(f"tools/bench: docs/{name} lacks the lines of `{command}`; put them back")
    path.write_text(f"{head}{begin}\n{text.rstrip()}\n\n{end}{tail}")


def why_not_written(options):
    """Why a run like this is no page of docs/, and the cure; None if it is one."""
    if options.what not in ("dns", "lb", "map"):
        return f"`{options.what}` has no page; leave out --write"
    if options.quick:
        return "--write needs whole runs; leave out --quick"
    if options.runs is not None and options.runs < RUNS:
        return f"--write needs medians of {RUNS} runs or more; leave out --runs"
    if options.only:
        return "--write needs all workloads; leave out --only"
    if options.what == "map" and not options.geo:
        return "--write needs a city database; name its files with --geo"
    return None


def runs_of(options):
    """How many, and how many seconds each."""
    return (3, 0.5) if options.quick else (options.runs, options.seconds)


def publish(report, tables, page, options, **more):
    """Prints the run and writes its page, as the options say; returns the exit status."""
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print(f"medians of {report['runs']} runs of {report['seconds']} s; "
              f"load average {report['machine']['load_average']:.1f}\n\n{tables}", end="")
    if options.write:
        page.write(report, tables, more)
    return 0 if all(row["reached"] for row in report["ratios"]) else 1
