# SPDX-License-Identifier: Apache-2.0
"""tools/bench soak: hither-dns under all that is bad for it, at once and for minutes.

One workload after the other, and a little of all of them over TCP, while a room fails and returns,
the files are read again and every fourth packet is malformed. The server has one core, the load
the other.

What may not happen: a wrong answer, a query that is lost, a malformed packet that is due an answer
and gets none, an answer to what is due none, a reload that is refused or not done, an error in the
log, memory that grows. Nothing is forgiven as dropped by the kernel: at most 128 queries and 32
malformed packets are in flight, so no socket's buffer can run over (tools/bench_noise.h).
"""

import contextlib
import json
import pathlib
import random
import socket
import statistics
import struct
import threading
import time

from bench_dns import (CHANGE_AFTER, STEERED, TITLES, field, is_right_answer, query, weather,
                       workload)
from bench_page import progress

NOISE = ["--noise", "0.25"]
CLIENT_OCTETS = 12  # the subnet and two addresses that are right
TCP_PAUSE = 0.02  # seconds between two connections
TCP_PATIENCE = 5
RUN = ("sent", "answered", "wrong", "lost", "noise", "noise_due", "noise_answered", "noise_stray")
TCP = ("tcp", "tcp_answered", "tcp_wrong")


def receive_message(connection):
    def receive(size):
        octets = b""
        while len(octets) < size:
            more = connection.recv(size - len(octets))
            if not more:
                raise ConnectionError("it closed")
            octets += more
        return octets

    return receive(struct.unpack("!H", receive(2))[0])


def ask_over_tcp(server, client, counts):
    """One query of each workload at once, on a connection of its own."""
    right = {client[4:8], client[8:]}
    asked = {number: (kind, query(kind, number, client[:3])) for number, kind in enumerate(TITLES)}
    counts["tcp"] += len(asked)
    with socket.create_connection((server.ip, server.port), TCP_PATIENCE) as connection:
        connection.sendall(b"".join(struct.pack("!H", len(packet)) + packet
                                    for _, packet in asked.values()))
        for _ in range(len(asked)):
            answer = receive_message(connection)
            kind, packet = asked.pop(int.from_bytes(answer[:2], "big"), (None, b""))
            counts["tcp_answered"] += 1
            counts["tcp_wrong"] += kind is None or not is_right_answer(kind, packet, answer, right)


@contextlib.contextmanager
def over_tcp(server, clients):
    """All workloads over TCP meanwhile; gives what came of it."""
    counts = dict.fromkeys(TCP, 0)
    octets = pathlib.Path(clients).read_bytes()
    done = threading.Event()

    def ask():
        while not done.wait(TCP_PAUSE):
            at = random.randrange(len(octets) // CLIENT_OCTETS) * CLIENT_OCTETS
            with contextlib.suppress(OSError):  # What got no answer shows in the counts.
                ask_over_tcp(server, octets[at : at + CLIENT_OCTETS], counts)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield counts
    finally:
        done.set()
        thread.join()


def known_room(servers, server, is_up):
    """Says what the room that flaps is, over its probes, and waits until the server knows."""
    server.overrule(is_up)
    wanted = ("up" if is_up else "down", True)
    server.wait_until(lambda: server.flapping_is() == wanted)


def spell(servers, server, kind, seconds, is_up=None):
    """A run in which either answer is right where a room flaps, or one in which the room is known
    to be up or down, so that only one is; reloads, malformed packets and TCP in both."""
    clients = servers.clients if is_up is None else servers.known[is_up]
    with weather(servers, server, flaps=is_up is None) as told, over_tcp(server, clients) as tcp:
        got = servers.load(server, workload(kind, servers, is_up) + NOISE, seconds)
    return {**{key: got[key] for key in RUN}, **tcp, "reload_spells": min(len(told), 1)}


def soak_round(servers, server, number, seconds):
    """One workload, the next in the next round."""
    kinds = list(TITLES)
    kind = kinds[number % len(kinds)]
    server.overrule()
    yield spell(servers, server, kind, seconds)
    if kind == STEERED:
        is_up = number // len(kinds) % 2 == 0
        known_room(servers, server, is_up)
        yield spell(servers, server, kind, CHANGE_AFTER * 2, is_up)


def bad_lines(lines):
    """Those of its output that should not be: errors, refused reloads, and what is no log at all,
    such as the last words of an assertion."""
    bad = []
    for line in lines:
        try:
            record = json.loads(line)
            if record["level"] != "error" and record["event"] != "reload-refused":
                continue
        except (ValueError, KeyError, TypeError):
            pass
        bad.append(line)
    return bad


def quiet_rss_mib(server, looks=5, pause=0.2):
    """The least of a few looks: one in the midst of a reload sees two of everything."""
    least = server.rss_mib()
    for _ in range(looks - 1):
        time.sleep(pause)
        least = min(least, server.rss_mib())
    return least


def growth_mib(memory):
    """From one half to the other, by medians: what it frees may go back to the system later."""
    half = (len(memory) + 1) // 2
    return statistics.median(memory[-half:]) - statistics.median(memory[:half]) if memory else 0


def find_faults(total, reload, lines, growth):
    """What is wrong, in words. `reload`: what its status page says of reloads; None if it ended."""
    unheard = total["noise_due"] - total["noise_answered"]
    unheard_tcp = total["tcp"] - total["tcp_answered"]
    bad = bad_lines(lines)
    done = reload["done"] if reload else total["reload_spells"]
    return [text for is_bad, text in [
        (reload is None, "the server ended"),
        (total["answered"] == 0, "nothing was answered"),
        (total["wrong"] > 0, f"{total['wrong']} wrong answers"),
        (total["lost"] > 0, f"{total['lost']} queries lost"),
        (total["noise_answered"] == 0, "no malformed packet was answered"),
        (unheard > 0, f"{unheard} of {total['noise_due']} malformed packets got no answer"),
        (total["noise_stray"] > 0, f"{total['noise_stray']} answers to what is due none"),
        (total["tcp_answered"] == 0, "nothing was answered over TCP"),
        (total["tcp_wrong"] > 0, f"{total['tcp_wrong']} wrong answers over TCP"),
        (unheard_tcp > 0, f"{unheard_tcp} of {total['tcp']} queries lost over TCP"),
        (done < total["reload_spells"],
         f"{done} reloads done, where it was told to in {total['reload_spells']} spells"),
        (reload is not None and reload["refused"] > 0,
         f"{reload and reload['refused']} reloads refused"),
        (bool(bad), f"{len(bad)} bad lines in its output, such as {bad[:1]}"),
        (growth > 4, f"memory grew by {growth:.1f} MiB")] if is_bad]


def last_reloads(server, spells, limit=10):
    """What it says of reloads, once those that it was told of are over; None if it ended."""
    began = time.monotonic()
    while server.process.poll() is None:
        reload = server.status()["reload"]
        if reload["done"] + reload["refused"] >= spells or time.monotonic() - began > limit:
            return reload
        time.sleep(0.1)
    return None


def bench_soak(programs, options):
    """Everything at once for minutes."""
    with field(programs, options.port, peers=False) as servers:
        server = servers.add_flapping()
        servers.wait()
        total = dict.fromkeys((*RUN, *TCP, "reload_spells"), 0)
        memory = []
        number = 0
        end = time.monotonic() + options.seconds
        while time.monotonic() < end and server.process.poll() is None:
            for got in soak_round(servers, server, number, min(5, options.seconds)):
                for key in total:
                    total[key] += got[key]
            number += 1
            if server.process.poll() is None:
                memory.append(quiet_rss_mib(server))
                progress(f"{end - time.monotonic():.0f} s left: {total}, {memory[-1]:.1f} MiB")
        reload = last_reloads(server, total["reload_spells"])
        growth = growth_mib(memory)
        faults = find_faults(total, reload, server.output(), growth)
        verdict = {**total, "rounds": number, "reloads": reload and reload["done"],
                   "kernel_drops": server.kernel_drops(),
                   "rss_mib": statistics.median(memory or [0]), "growth_mib": growth,
                   "faults": faults}
    print(json.dumps(verdict, indent=2) if options.json else
          f"{'failed: ' + '; '.join(faults) if faults else 'passed'}\n{verdict}")
    return 1 if faults else 0
