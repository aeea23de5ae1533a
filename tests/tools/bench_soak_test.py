#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`tools/bench soak` fails on each thing that may not happen, and on nothing else."""
import pathlib
import struct
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import bench_dns  # noqa: E402: it lies where nobody looks for modules
import bench_soak  # noqa: E402

GOOD = {"sent": 9000, "answered": 9000, "wrong": 0, "lost": 0, "noise": 2000, "noise_due": 1700,
        "noise_answered": 1700, "noise_stray": 0, "tcp": 30, "tcp_answered": 30, "tcp_wrong": 0,
        "reload_spells": 3}
RELOADS = {"done": 3, "refused": 0}

# (what of the counts is otherwise, a word of the fault)
BROKEN = [
    ({"answered": 0}, "nothing was answered"),
    ({"wrong": 1}, "1 wrong answers"),
    ({"lost": 1}, "1 queries lost"),
    ({"noise_answered": 1699}, "1 of 1700 malformed packets"),
    ({"noise_due": 0, "noise_answered": 0}, "no malformed packet"),
    ({"noise_stray": 1}, "1 answers to what is due none"),
    ({"tcp": 0, "tcp_answered": 0}, "nothing was answered over TCP"),
    ({"tcp_answered": 29}, "1 of 30 queries lost over TCP"),
    ({"tcp_wrong": 1}, "1 wrong answers over TCP"),
    ({"reload_spells": 4}, "3 reloads done"),
]
BAD_LINES = [
    '{"time":"t","level":"error","event":"overrides-refused","mistake":"m"}',
    '{"time":"t","level":"warning","event":"reload-refused","mistake":"m"}',
    "dns/encode.cc:266: bug",
    "7",
]
WARNING = '{"time":"t","level":"warning","event":"log-lines-lost","count":1}'


class Verdict(unittest.TestCase):
    def faults(self, lines=(), growth=0, reload=RELOADS, **changes):
        return bench_soak.find_faults({**GOOD, **changes}, reload, lines, growth)

    def test_nothing_is_wrong_with_a_good_run(self):
        self.assertEqual(self.faults([WARNING], 4), [])

    def test_each_count_is_a_fault(self):
        for changes, words in BROKEN:
            with self.subTest(changes):
                faults = self.faults(**changes)
                self.assertEqual(len(faults), 1, faults)
                self.assertIn(words, faults[0])

    def test_a_refused_reload_is(self):
        self.assertEqual(self.faults(reload={"done": 3, "refused": 2}), ["2 reloads refused"])

    def test_an_end_of_the_server_is(self):
        self.assertEqual(self.faults(reload=None), ["the server ended"])

    def test_memory_that_grows_is(self):
        self.assertEqual(self.faults(growth=5), ["memory grew by 5.0 MiB"])

    def test_each_bad_line_is(self):
        for line in BAD_LINES:
            with self.subTest(line):
                faults = self.faults([WARNING, line])
                self.assertEqual(len(faults), 1, faults)
                self.assertIn("1 bad lines", faults[0])


class RightAnswer(unittest.TestCase):
    RIGHT = {b"\x7f\x5a\1\1", b"\x7f\x5a\2\1"}

    def answer(self, kind, address=None, rcode=0):
        asked = bench_dns.query(kind, 7)
        end = 12 + len(bench_dns.question(kind))
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 20, 4) + address if address else b""
        head = struct.pack("!HHHHHH", 7, 0x8400 | rcode, 1, 1 if address else 0, 0, 0)
        return asked, head + asked[12:end] + record

    def is_right(self, kind, **answer):
        return bench_dns.is_right_answer(kind, *self.answer(kind, **answer), self.RIGHT)

    def test_an_address_that_is_right_is(self):
        self.assertTrue(self.is_right(bench_dns.STEERED, address=b"\x7f\x5a\2\1"))
        self.assertTrue(self.is_right(bench_dns.STATIC, address=b"\xc0\0\2\x50"))
        self.assertTrue(self.is_right(bench_dns.NXDOMAIN, rcode=3))

    def test_another_address_or_rcode_is_not(self):
        self.assertFalse(self.is_right(bench_dns.STEERED, address=b"\x7f\x5a\3\1"))
        self.assertFalse(self.is_right(bench_dns.STATIC, address=b"\x7f\x5a\2\1"))
        self.assertFalse(self.is_right(bench_dns.STATIC, address=b"\xc0\0\2\x50", rcode=2))
        self.assertFalse(self.is_right(bench_dns.STEERED))
        self.assertFalse(self.is_right(bench_dns.NXDOMAIN))

    def test_an_answer_to_another_query_is_not(self):
        _, answer = self.answer(bench_dns.NXDOMAIN, rcode=3)
        other = bench_dns.query(bench_dns.NXDOMAIN, 8)
        self.assertFalse(bench_dns.is_right_answer(bench_dns.NXDOMAIN, other, answer, self.RIGHT))


if __name__ == "__main__":
    unittest.main()
