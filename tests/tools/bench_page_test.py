#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What tools/bench writes into docs/: only whole runs, and only between its own lines."""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOOLS))
import bench_page  # noqa: E402: it lies where nobody looks for modules

# (what is otherwise than in a run that may be written, what the message tells to do)
REFUSED = [
    ({"quick": True}, "leave out --quick"),
    ({"what": "map", "quick": True}, "leave out --quick"),
    ({"runs": 6}, "leave out --runs"),
    ({"what": "lb", "only": ["idle"]}, "leave out --only"),
    ({"what": "map", "geo": []}, "name its files with --geo"),
    ({"what": "soak"}, "leave out --write"),
    ({"what": "start"}, "leave out --write"),
]


def run_with(**changes):
    whole = {"what": "dns", "quick": False, "runs": None, "only": [], "geo": ["city.mmdb"]}
    return argparse.Namespace(**{**whole, **changes})


class WhyNotWritten(unittest.TestCase):
    def test_whole_runs_are_written(self):
        for what in ("dns", "lb", "map"):
            self.assertIsNone(bench_page.why_not_written(run_with(what=what)))
        self.assertIsNone(bench_page.why_not_written(run_with(runs=7)))

    def test_others_are_not_and_hear_the_cure(self):
        for changes, cure in REFUSED:
            with self.subTest(changes):
                self.assertIn(cure, bench_page.why_not_written(run_with(**changes)))

    def test_the_command_says_so_in_one_line_and_ends_with_2(self):
        done = subprocess.run([TOOLS / "bench", "dns", "--write", "--quick"], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, "tools/bench: --write needs whole runs; leave out --quick\n")


class WriteSection(unittest.TestCase):
    PAGE = "# Page\n\n<!-- `x` writes from here -->\nold\n<!-- `x` writes to here -->\nrest\n"

    def written(self, page, text):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "docs", "page.md")
            file.parent.mkdir()
            file.write_text(page)
            with unittest.mock.patch.object(bench_page, "ROOT", pathlib.Path(folder)):
                bench_page.write_section("page.md", "x", text)
            return file.read_text()

    def test_what_is_between_its_lines_is_new_and_all_else_stays(self):
        page = self.written(self.PAGE, "new\n")
        self.assertEqual(page, self.PAGE.replace("old", "\nnew\n"))

    def test_twice_is_as_once(self):
        page = self.written(self.PAGE, "new\n")
        self.assertEqual(self.written(page, "new\n"), page)

    def test_a_page_without_its_lines_is_left_alone(self):
        with self.assertRaises(SystemExit):
            self.written("# Page\n", "new")


class TheirPages(unittest.TestCase):
    def test_geography_has_the_lines_of_map(self):
        page = (TOOLS.parent / "docs" / "geography.md").read_text()
        self.assertEqual(page.count("<!-- `tools/bench map --write` writes "), 2)


if __name__ == "__main__":
    unittest.main()
