# SPDX-License-Identifier: Apache-2.0
"""Streams of HTTP/1.1 requests to judge parsers by: good ones, ones with a known trick in them, and
ones with octets changed by chance. Input number N of a seed is always the same."""

import random

HOST = b"example.test"
LAST = b"GET /last HTTP/1.1\r\nHost: example.test\r\n\r\n"
# In a body it is data; whoever takes it for a request has lost the end of the message.
INSIDE = b"GET /inside HTTP/1.1\r\nHost: example.test\r\n\r\n"

METHODS = [b"GET"] * 4 + [b"POST"] * 6 + [b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH"]
ODD_METHODS = [b"get", b"CONNECT", b"TRACE", b"PRI", b"M-SEARCH", b"", b"G ET", b"GE\tT", b"GET\0",
               b"GET\x0b", b"!#$%&'*+-.^_`|~", b"X" * 40, b"G\x80T", b"HTTP/1.1", b"(GET)"]
TARGETS = [b"/", b"/a", b"/a/b?c=d&e", b"/%41%20", b"/a;b=c", b"/a,b:c@d", b"/?", b"//a",
           b"/a/../b", b"http://example.test/a", b"http://example.test:80/a?b", b"/a|b{c}^d\"e"]
ODD_TARGETS = [b"*", b"", b"http://", b"http://example.test", b"http://example.test?q", b"a",
               b"/a b", b"/a\tb", b"/\x80\xff", b"/a#b", b"example.test:80", b"/a\x01", b"/\x7f",
               b"/a\0b", b"http://other.test/", b"http://user@example.test/",
               b"https://example.test/x", b"/%", b"/a\\b", b"HTTP://example.test/a", b"http:/a",
               b"/a\x0bb", b"/a\x0c", b"/" + b"a" * 9000, b"ftp://example.test/",
               b"http://example.test:080/", b"/a HTTP/1.1"]
ODD_VERSIONS = [b"HTTP/1.0"] * 6 + [b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1.10",
                                    b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1", b"", b"HTTP/1,1",
                                    b"HTTP/1.", b"HTTP/1.1\t", b"HTTP /1.1", b"HTTP/3.1",
                                    b"ICE/1.0", b"HTTP/1.1\0"]
ODD_BLANKS = [b"  ", b"\t", b" \t", b"\x0b", b"\x0c", b"\xa0", b"\r", b"", b"\0"]
ODD_ENDS = [b"\n", b"\r", b"\r\r\n", b"\n\r\n", b"\r\n\r\n", b" \r\n", b"\t\r\n", b"\r \n",
            b"\0\r\n", b"\r\n ", b"\r\n\t", b"\x0b\r\n", b""]
ODD_STARTS = [b"\r\n", b"\r\n", b"\n", b"\r\n\r\n", b"\r", b" ", b"\t", b"\0", b"\xef\xbb\xbf",
              b"\n\n"]
ODD_HOSTS = [b"", b" ", b"other.test", b"example.test, other.test", b"example.test:",
             b"user@example.test", b"example.test/a", b"exa mple.test", b"[::1]", b"[::1",
             b"example.test:99999", b"EXAMPLE.test", b"example.test:8080", b"example.test\t",
             b"exam\0ple", b"example.test:80:80", b"ex_ample", b"\x80.test", b"example.test#",
             b"example.test:+80", b"example.test:0x50", b"%41.test"]
FIELDS = [b"User-Agent: test", b"Accept: */*", b"Cookie: a=b; c=d", b"X-One: two", b"X-Empty:",
          b"x-lower:value", b"Accept-Encoding: gzip, deflate", b"Referer: http://a.test/b",
          b"X-Long: " + b"v" * 300, b"X-Tab:\tvalue\t", b"X-High: \xc3\xa9",
          b"Connection: keep-alive", b"TE: trailers", b"Cache-Control: no-cache",
          b"X-Quoted: \"a, b\"", b"X-Under_Score: 1"]
ODD_FIELDS = [b"Connection: close", b"Connection: Content-Length", b"Connection: Transfer-Encoding",
              b"Connection: Host", b"Connection: close, keep-alive", b"Connection: ,",
              b"Connection:", b"X A: b", b": b", b"X-A b", b"X-A: b\0c", b"X-A: \x7f",
              b"X-A:\r\n b", b"X-A : b", b"\tX-A: b", b" X-A: b", b"X-A: b\rc", b"X-A: b\nX-B: c",
              b"X-A\x80: b", b"X-A: \x01", b"X(A): b", b"X-A: " + b"v" * 9000,
              b"X-A: " + b"v" * 20000, b"Keep-Alive: 5", b"Proxy-Connection: keep-alive",
              b"Expect: 100-continue", b"Expect: 200-ok", b"Upgrade: h2c",
              b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x",
              b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA",
              b"\r\nX-A: b", b"X-A", b"@: b", b"Content-Length", b"Transfer-Encoding", b"Host",
              b"X-HTTP-Method-Override: PUT", b"\x00X: y", b"X-A:b\x0b",
              b"\x0bTransfer-Encoding: chunked", b"X: y\r\n" * 90 + b"X: y",
              b"X: y\r\n" * 140 + b"X: y", b"\xa0X: y", b"Content-Length:: 5"]
ODD_LENGTH_NAMES = [b"content-length", b"CONTENT-LENGTH", b"Content-Length ", b"Content_Length",
                    b" Content-Length", b"Content-Length\t", b"\x0bContent-Length",
                    b"Content-\0Length", b"Content-Length\0", b"Content Length",
                    b"X: y\nContent-Length", b"X: y\rContent-Length"]
ODD_CODING_NAMES = [b"transfer-encoding", b"TRANSFER-ENCODING", b"Transfer-Encoding ",
                    b"Transfer_Encoding", b" Transfer-Encoding", b"Transfer-Encoding\t",
                    b"\x0bTransfer-Encoding", b"Transfer-Encoding\0", b"X: y\nTransfer-Encoding",
                    b"X: y\rTransfer-Encoding", b"Transfer Encoding", b"Transfer-Encoding\x0c",
                    b"Content-Encoding", b"TE"]
ODD_CODINGS = [b"Chunked", b"CHUNKED", b"chunked, chunked", b"gzip, chunked", b"chunked, gzip",
               b"gzip", b"identity", b"xchunked", b"chunked;q=1", b"chunked,", b",chunked",
               b"\x0bchunked", b"\tchunked", b'"chunked"', b"chunked\0", b"", b"identity, chunked",
               b"trailers", b"chunked ", b"chunked\t", b"chunked x", b"chun\xe2\x84\xaaed",
               b"\r\n chunked", b"chunked\r\n ", b"chunkedchunked", b"chunked\x0c",
               b"chunked\r\n , identity", b"'chunked'", b"\0chunked"]
ODD_LASTS = [b"00", b"0000000000", b"0;x", b"0;x=y", b"0x0", b"", b"0 ", b" 0", b"-0", b"+0",
             b"0\t", b"0;\"\r\n"]
ODD_TRAILERS = [b"X-T: y\r\n", b"X-T: y\r\nX-U: z\r\n", b"Content-Length: 5\r\n",
                b"Host: other.test\r\n", b"Transfer-Encoding: chunked\r\n", b"X\0: y\r\n",
                b"no colon\r\n", b" folded\r\n", b"X-T : y\r\n", b"X-T: y\n", b"X-T: y\r",
                b"X-T: " + b"v" * 9000 + b"\r\n", b": y\r\n", b"\n", b"\r", b"X-T: a\rb\r\n"]
TELLING = [b"\0", b"\t", b"\n", b"\r", b"\r\n", b" ", b"\x0b", b"\x7f", b"\x80", b"\xff", b":",
           b",", b";", b"0", b"1", b"\r\n\r\n", b"/", b"?", b"#", b"\"", b"=", b"chunked",
           b"Content-Length: 0\r\n", b"G"]


class Maker:
    """Makes the messages of one input; the hotter, the more of their parts are odd."""

    def __init__(self, draw, heat):
        self.draw = draw
        self.heat = heat

    def pick(self, usual, odd):
        if self.draw.random() < self.heat:
            return self.draw.choice(odd)
        return usual if isinstance(usual, bytes) else self.draw.choice(usual)

    def end(self):
        # There are many lines, so a line's end is odd more seldom than other parts.
        return self.pick(b"\r\n", ODD_ENDS) if self.draw.random() < 0.15 else b"\r\n"

    def field(self, name, value):
        return name + self.pick(b":", [b": ", b" :", b"::", b":\t", b""]) + self.pick(
            [b" ", b""], [b"  ", b"\t", b"\x0b", b"\x0c", b"\0"]) + value + self.end()

    def data(self):
        kind = self.draw.random()
        if kind < 0.3:
            return INSIDE
        if kind < 0.4:
            return b"0\r\n\r\n" + INSIDE
        return bytes(self.draw.choice(b"ab\r\n05;: ") for _ in range(self.draw.randrange(0, 40)))

    def number(self, size):
        text = str(size).encode()
        return self.pick(text, [b"+" + text, b"-" + text, b"0" + text, b"0x" + text,
                                text + b", " + text, text + b" " + text, text + b";", text + b"\t",
                                b"", str(size + 1).encode(), str(max(size - 1, 0)).encode(),
                                str(2**64 + size).encode(), str(2**63 + size).encode(),
                                str(2**32 + size).encode(), text + b"\x0b", text + b"\0",
                                text + b".0", text + b"e0", b"\xd9\xa1",
                                b"000000000000000000000" + text, text + b",", b"," + text,
                                b"\"" + text + b"\"", b"0, " + text, text + b"\r\n ",
                                b"\r\n " + text, text + b"_0"])

    def size(self, size):
        text = f"{size:x}".encode()
        return self.pick(self.draw.choice([text, text.upper(), b"0" + text]),
                         [b"0x" + text, b"00000000000000000" + text, text + b" ", b" " + text,
                          b"+" + text, b"-" + text, text + b";a", text + b";a=b", text + b';a="b"',
                          text + b';a="b\r"', text + b";a\nb", text + b";\r", text + b"\t",
                          text + b"; a", text + b" ;a", b"f" * 16 + text, b"1" + b"0" * 16 + text,
                          text + b"_0", b"g", text + b"\0", b"", text + b";a\0b",
                          text + b";" + b"x" * 600, text + b'; a="\\"\n"', text + b"\x0b",
                          text + b",", text + b"h", f"{size + 1:x}".encode(), text + b"\n",
                          text + b"\r"])

    def chunks(self, data):
        text = b""
        while data:
            size = self.draw.randrange(1, len(data) + 1)
            text += self.size(size) + self.end() + data[:size]
            text += self.pick(b"\r\n", ODD_ENDS + [b"X\r\n", b"\r\nX", b"XX"])
            data = data[size:]
        trailers = self.pick([b""] * 3 + [b"X-T: y\r\n"], ODD_TRAILERS)
        return text + self.pick(b"0", ODD_LASTS) + self.end() + trailers + self.end()

    def body(self):
        """The fields that frame a body, and the body."""
        data = self.data()
        length = self.field(self.pick(b"Content-Length", ODD_LENGTH_NAMES), self.number(len(data)))
        kind = self.pick([b"length", b"chunked"], [b"both", b"two", b"lengths", b"neither",
                                                   b"mixed"])
        if kind == b"length":
            return length, data
        if kind == b"neither":
            return b"", data
        if kind == b"lengths":
            other = self.field(b"Content-Length", self.number(self.draw.choice([len(data), 0, 5])))
            return self.draw.choice([length + other, other + length]), data
        coding = self.field(self.pick(b"Transfer-Encoding", ODD_CODING_NAMES),
                            self.pick(b"chunked", ODD_CODINGS))
        chunks = self.chunks(data)
        if kind == b"chunked":
            return coding, chunks
        if kind == b"two":
            other = self.field(b"Transfer-Encoding", self.draw.choice([b"chunked"] + ODD_CODINGS))
            return self.draw.choice([coding + other, other + coding]), chunks
        sizes = [b"0", b"4", str(len(chunks)).encode(), self.number(len(chunks))]
        length = self.field(b"Content-Length", self.draw.choice(sizes))
        fields = self.draw.choice([coding + length, length + coding])
        return fields, self.draw.choice([chunks, data])

    def message(self):
        method = self.pick(METHODS, ODD_METHODS)
        line = method + self.pick(b" ", ODD_BLANKS) + self.pick(TARGETS, ODD_TARGETS)
        line += self.pick(b" ", ODD_BLANKS) + self.pick(b"HTTP/1.1", ODD_VERSIONS)
        fields = [self.field(b"Host", self.pick(HOST, ODD_HOSTS))]
        if self.draw.random() < self.heat:
            fields *= self.draw.choice([0, 2])
        for _ in range(self.draw.randrange(0, 4)):
            fields.append(self.pick(FIELDS, ODD_FIELDS) + self.end())
        data = b""
        if method not in (b"GET", b"HEAD", b"OPTIONS") or self.draw.random() < 0.2:
            framing, data = self.body()
            fields.append(framing)
        self.draw.shuffle(fields)
        return self.pick(b"", ODD_STARTS) + line + self.end() + b"".join(fields) + self.end() + data


def change(draw, text, other):
    """One edit by chance: an octet changed, pieces cut out, doubled, moved, or put in."""
    begin = draw.randrange(len(text) + 1)
    end = min(len(text), begin + draw.choice([1, 1, 1, 2, 4, 16]))
    kind = draw.randrange(7)
    if kind == 0 and begin < len(text):
        flipped = bytes([text[begin] ^ (1 << draw.randrange(8))])
        return text[:begin] + flipped + text[begin + 1:]
    if kind == 1:
        return text[:begin] + draw.choice(TELLING) + text[end:]
    if kind == 2:
        return text[:begin] + text[end:]
    if kind == 3:
        return text[:end] + text[begin:]
    if kind == 4:
        lines = text.split(b"\r\n")
        draw.shuffle(lines)
        return b"\r\n".join(lines) if draw.random() < 0.2 else text[:begin]
    if kind == 5:
        cut = draw.randrange(len(other) + 1)
        return text[:begin] + other[cut:cut + 20] + text[begin:]
    return text[:begin] + draw.choice(TELLING) + text[begin:]


def make_input(seed, number):
    draw = random.Random(f"{seed}:{number}")
    heat = draw.choice([0, 0, 0.02, 0.05, 0.05, 0.1, 0.3])
    maker = Maker(draw, heat)
    text = b"".join(maker.message() for _ in range(draw.choice([1, 1, 1, 2, 3])))
    if draw.random() < 0.4:
        other = maker.message()
        for _ in range(draw.choice([1, 1, 1, 2, 5])):
            text = change(draw, text, other)
    if draw.random() < 0.6:
        text += LAST
    return text
