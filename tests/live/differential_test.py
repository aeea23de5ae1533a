#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does hither-lb see the same requests in a stream as HAProxy, nginx and Node.js do?

Each input is a stream of octets: generated requests, with known tricks and with octets changed by
chance (differential/http_inputs.py). hither-lb, HAProxy and nginx forward what they accept to an
origin that tells in its answer what it has seen; Node.js tells it itself. For each input, what
hither-lb accepts must be, message by message, what each of the others sees (method, target, host
and body), unless that one refuses it; and the origin must find all that hither-lb says well-formed.
docs/http.md says more.

usage: differential_test.py HITHER_LB [--count N] [--seed N] [--first N] [--node PATH] [--show]
"""
import argparse
import asyncio
import base64
import collections
import json
import os
import re
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "differential"))
import http_inputs
import http_oracles
import http_origin

PATIENCE_S = 15
WORKERS = 32
# HAProxy reads no further request once its client has ended its side. So it is first given time to
# answer as many as hither-lb did, and then this long for one more.
ANSWERS_S = 10
ONE_MORE_S = 0.05
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[^\r\n]*\r\n")
WRONG = {"broken": "says to a server what is not well-formed",
         "trouble": "answers as if the server were at fault",
         "stuck": "does not end its side though the client has ended its own"}
Reading = collections.namedtuple("Reading", "messages end")


class Client(asyncio.Protocol):
    """Says the input, ends its side once `answers` have come, and keeps all that comes until the
    other side ends."""

    def __init__(self, text, answers):
        self.text = text
        self.answers = answers
        self.heard = b""
        self.transport = None
        self.done = asyncio.get_running_loop().create_future()
        self.answered = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.text)
        self.count()

    def count(self):
        if not self.answered.done() and self.heard.lower().count(b"\nx-seen:") >= self.answers:
            self.answered.set_result(None)

    def data_received(self, data):
        self.heard += data
        self.count()

    def end(self):
        try:
            if not self.transport.is_closing():
                self.transport.write_eof()
        except OSError:
            pass  # it has been reset; connection_lost() will say so

    def eof_received(self):
        return False

    def connection_lost(self, error):
        self.done.set_result(error)


def normal(message):
    """What must be equal, whatever form of the target is forwarded: the method, the path with its
    query, the host without the default port, and the body."""
    method, target, host, body = message
    absolute = re.fullmatch(r"(?i)https?://([^/?#]*)(.*)", target)
    if absolute:
        target = absolute[2] or "/"
        host = absolute[1]
    if target == "*":
        target = "/" if method != "OPTIONS" else target
    host = re.sub(r":0*(80|443)$", "", host.lower())
    return method, target, host, base64.b64decode(body)


def read_answers(heard):
    """The messages that were answered, and how it went on: `end`, `closed` (no more wanted),
    `refused`, `broken` (the origin refuses what the proxy said), or `trouble`. (And `stuck`: it did
    not end its side once the client had ended its own.)"""
    messages = []
    while heard:
        head, found, rest = heard.partition(b"\r\n\r\n")
        status = STATUS.match(head + b"\r\n")
        if not found or not status:
            # HTTP/0.9 has no head at all: no proxy that does this says anything of a message.
            return Reading(messages, "refused" if messages or not status else "trouble")
        code = int(status[1])
        if code < 200:
            heard = rest
            continue
        if re.search(rb"\r\nX-Origin:", head, re.I):
            return Reading(messages, "broken")
        told = re.search(rb"\r\nX-Seen: *([A-Za-z0-9+/=]+)", head, re.I)
        if not told:
            return Reading(messages, "trouble" if code in (500, 502, 503, 504) else "refused")
        messages.append(normal(json.loads(base64.b64decode(told[1]))))
        if re.search(rb"\r\nConnection: *close", head, re.I):
            return Reading(messages, "closed")
        heard = rest
    return Reading(messages, "end")


async def ask(oracle, text, ours=None):
    loop = asyncio.get_running_loop()
    answers = len(ours.messages) if ours and oracle.name == "haproxy" else 0
    _, client = await loop.create_connection(lambda: Client(text, answers), oracle.ip, oracle.port)
    if answers > 0:
        await asyncio.wait([client.answered, client.done], timeout=ANSWERS_S,
                           return_when=asyncio.FIRST_COMPLETED)
        if ours.end == "end":
            await asyncio.wait([client.done], timeout=ONE_MORE_S)
    client.end()
    await asyncio.wait([client.done], timeout=PATIENCE_S)
    reading = read_answers(client.heard)
    if not client.done.done():
        client.transport.abort()
        return Reading(reading.messages, "stuck")
    error = client.done.result()
    # A reset is how some refuse what they have not read.
    return Reading(reading.messages, "refused") if error and reading.end == "end" else reading


def same(ours, theirs):
    """An HTTP/1.0 request need not name a host; then hither-lb names the farm, others nothing. An
    OPTIONS of a URL without a path is for the server as a whole: `*` (RFC 9112 s3.2.4), `/` to
    others."""
    if ours[:2] == ("OPTIONS", "*") and theirs[:2] == ("OPTIONS", "/"):
        ours = ("OPTIONS", "/", *ours[2:])
    return ours == theirs or (not theirs[2] and ours[:2] + ours[3:] == theirs[:2] + theirs[3:])


def differences(ours, theirs):
    """What hither-lb and another see differently, one text each."""
    both = min(len(ours.messages), len(theirs.messages))
    for i in range(both):
        if not same(ours.messages[i], theirs.messages[i]):
            return [f"message {i + 1} is not the same"]
    if len(ours.messages) > both and theirs.end in ("end", "stuck"):
        return [f"message {both + 1} is none to the other, who waits for more of it"]
    if len(theirs.messages) > both and ours.end == "end":
        return [f"message {both + 1} is none to hither-lb, who waits for more of it"]
    return []


class Comparison:
    def __init__(self, options, oracles):
        self.options = options
        self.oracles = oracles
        self.next = options.first
        self.counts = collections.Counter()
        self.found = []

    async def compare(self, number):
        text = http_inputs.make_input(self.options.seed, number)
        ours = await ask(self.oracles[0], text)
        readings = {"hither": ours}
        for oracle in self.oracles[1:]:
            readings[oracle.name] = await ask(oracle, text, ours)
        self.counts["inputs"] += 1
        self.counts["messages"] += len(ours.messages)
        self.counts[f"hither {ours.end}"] += 1
        wrong = []
        if ours.end in WRONG:
            wrong.append(f"hither-lb {WRONG[ours.end]}")
        for oracle in self.oracles[1:]:
            theirs = readings[oracle.name]
            agreed = sum(same(*both) for both in zip(ours.messages, theirs.messages))
            self.counts[f"{oracle.name} same"] += agreed
            self.counts[f"{oracle.name} {theirs.end}"] += 1
            wrong += [f"{oracle.name}: {one}" for one in differences(ours, theirs)]
        if wrong or self.options.show:
            self.found.append((number, wrong, text, readings))

    async def work(self):
        while self.next < self.options.first + self.options.count:
            number = self.next
            self.next += 1
            await self.compare(number)
            if self.counts["inputs"] % 5000 == 0:
                print(f"{self.counts['inputs']} inputs, {len(self.found)} differ", flush=True)

    async def run(self):
        await asyncio.gather(*(self.work() for _ in range(WORKERS)))


def report(options, comparison):
    differing = [one for one in comparison.found if one[1]]
    for number, wrong, text, readings in sorted(comparison.found)[:options.most]:
        print(f"\ninput {number} of seed {options.seed}: {'; '.join(wrong) or 'all agree'}")
        print(f"  {text[:1500]!r}{'...' if len(text) > 1500 else ''}")
        for name, reading in readings.items():
            print(f"  {name}: {reading.end}")
            for message in reading.messages:
                print(f"    {str(message)[:600]}")
    counts = comparison.counts
    print(f"\n{counts['inputs']} inputs of seed {options.seed}; hither-lb accepts "
          f"{counts['messages']} messages and refuses {counts['hither refused']} streams")
    for oracle in comparison.oracles[1:]:
        print(f"{oracle.name} sees {counts[oracle.name + ' same']} of them the same, and refuses "
              f"{counts[oracle.name + ' refused']} streams")
    print(f"{len(differing)} inputs are seen differently")
    # Without these floors the comparison could pass by accepting nothing.
    enough = counts["messages"] >= counts["inputs"] // 2
    for oracle in comparison.oracles[1:]:
        enough = enough and counts[oracle.name + " same"] >= counts["inputs"] // 4
    if not enough:
        print("too few messages were accepted for this to say anything")
    return 1 if differing or not enough else 0


async def main(options):
    loop = asyncio.get_running_loop()
    own = os.getpid() % 0xffff
    ips = [f"127.{110 + i}.{own >> 8}.{own & 0xff or 1}" for i in range(5)]
    server = await loop.create_server(http_origin.Origin, ips[0], 0)
    origin = f"{ips[0]}:{server.sockets[0].getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        oracles = []
        try:
            oracles.append(http_oracles.hither(options.program, ips[1], Path(folder), origin))
            oracles.append(http_oracles.haproxy(ips[2], Path(folder), origin))
            oracles.append(http_oracles.nginx(ips[3], Path(folder), origin))
            oracles.append(http_oracles.node(ips[4], Path(folder), options.node))
            for oracle in oracles:
                await loop.run_in_executor(None, oracle.wait)
            comparison = Comparison(options, oracles)
            await comparison.run()
            return report(options, comparison)
        finally:
            for oracle in oracles:
                oracle.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", metavar="HITHER_LB")
    parser.add_argument("--count", type=int, default=2500, help="how many inputs (2500)")
    parser.add_argument("--seed", type=int, default=1, help="which inputs (1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first input (0)")
    parser.add_argument("--node", help="another node program than Debian's")
    parser.add_argument("--show", action="store_true", help="show inputs that all agree about too")
    parser.add_argument("--most", type=int, default=20, help="how many to show (20)")
    sys.exit(asyncio.run(main(parser.parse_args())))
