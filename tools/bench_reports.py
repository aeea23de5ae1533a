#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the balancers of all rooms would say at /health, in a process of its own.

    bench_reports.py PORT ROOM=ADDRESS...

answers on every address until its standard input ends. `down ROOM` and `up ROOM` there change what
a room says. One thread, no more work per report than a read and a write: it shares a core with the
load, never with the servers that are measured.
"""

import json
import selectors
import socket
import sys


class Reports:
    """Listens on every room's address, and tells of it what was last said on standard input."""

    def __init__(self, port, rooms):
        self.selector = selectors.DefaultSelector()
        self.answers = {}
        for room, address in rooms:
            self.say(room, True)
            with_room = socket.create_server((address, port), backlog=64)
            with_room.setblocking(False)
            self.selector.register(with_room, selectors.EVENT_READ, (self.accept, room))
        self.selector.register(sys.stdin, selectors.EVENT_READ, (self.listen, None))
        self.open = True

    def say(self, room, usable):
        body = json.dumps({"room": room, "draining": False, "farms": [
            {"farm": "web", "copies": 3, "usable": 3 if usable else 0, "capacity": 300,
             "load": 0}]})
        status = "200 OK" if usable else "503 Service Unavailable"
        self.answers[room] = (f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n"
                              f"Connection: close\r\n\r\n{body}").encode()

    def listen(self, stdin, _):
        line = stdin.readline()
        if not line:
            self.open = False
            return
        word, room = line.split()
        self.say(room, word == "up")
        print("said", flush=True)

    def accept(self, listener, room):
        try:
            client = listener.accept()[0]
        except OSError:  # It has gone again.
            return
        client.setblocking(False)
        self.selector.register(client, selectors.EVENT_READ, (self.answer, room))

    def answer(self, client, room):
        """A request of a probe is one small packet; whatever else comes is answered alike."""
        try:
            if client.recv(4096):
                client.send(self.answers[room])
        except OSError:
            pass
        self.selector.unregister(client)
        client.close()

    def run(self):
        print("ready", flush=True)
        while self.open:
            for key, _ in self.selector.select():
                act, room = key.data
                act(key.fileobj, room)


if __name__ == "__main__":
    Reports(int(sys.argv[1]), [one.split("=") for one in sys.argv[2:]]).run()
