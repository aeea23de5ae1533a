# SPDX-License-Identifier: Apache-2.0
"""The server behind the proxies: it tells in its answer what it has seen, and refuses whatever is
not plainly one well-formed message. Its parser shares nothing with the ones that are compared."""

import asyncio
import re

from http_oracles import seen

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([^\x00-\x20\x7f]+) HTTP/1\.[01]")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
ANSWER = b"HTTP/1.1 200 OK\r\nX-Seen: %s\r\nContent-Length: 0\r\n\r\n"
# No proxy says this, so whoever hears it knows that the proxy said something broken.
REFUSAL = b"HTTP/1.1 400 Broken\r\nX-Origin: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Broken(Exception):
    pass


def read_head(head):
    lines = head.split(b"\r\n")
    line = REQUEST_LINE.fullmatch(lines[0])
    if not line:
        raise Broken("request line")
    fields = []
    for text in lines[1:]:
        field = FIELD.fullmatch(text)
        if not field:
            raise Broken("field")
        fields.append((field[1].lower(), field[2]))
    return line[1], line[2], fields


def values(fields, name):
    return [value for other, value in fields if other == name]


def read_chunks(data, at):
    """The body and where it ends; None if it is not all there."""
    body = b""
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = CHUNK.fullmatch(data, at, end + 2)
        if not size:
            raise Broken("chunk size")
        length = int(size[1], 16)
        at = size.end()
        if length == 0:
            break
        if len(data) < at + length + 2:
            return None
        body += data[at:at + length]
        at += length + 2
        if data[at - 2:at] != b"\r\n":
            raise Broken("chunk end")
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        if end == at:
            return body, end + 2
        if not FIELD.fullmatch(data, at, end):
            raise Broken("trailer")
        at = end + 2


def read_message(data):
    """The first message of `data`, as the value of X-Seen, and where it ends; None if it is not all
    there."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    method, target, fields = read_head(data[:end])
    end += 4
    lengths = values(fields, b"content-length")
    codings = values(fields, b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Broken("two framings")
    body = b""
    if codings:
        if codings[0].lower() != b"chunked":
            raise Broken("coding")
        found = read_chunks(data, end)
        if found is None:
            return None
        body, end = found
    elif lengths:
        if not re.fullmatch(rb"[0-9]+", lengths[0]):
            raise Broken("length")
        length = int(lengths[0])
        if len(data) < end + length:
            return None
        body = data[end:end + length]
        end += length
    return seen(method, target, b",".join(values(fields, b"host")), body), end


class Origin(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.data = b""

    def data_received(self, data):
        self.data += data
        try:
            while self.data:
                message = read_message(self.data)
                if message is None:
                    return
                self.data = self.data[message[1]:]
                self.transport.write(ANSWER % message[0])
        except Broken as broken:
            self.transport.write(REFUSAL % str(broken).encode())
            self.transport.close()
