#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/tidy.py finds what it must, says the cure, and leaves sound code alone."""
import contextlib
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDY = ROOT / "tools" / "tidy.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(TIDY.parent))
import tidy  # noqa: E402: it lies where nobody looks for modules

RULES = tidy.read_rules(ROOT / "tools" / "tidy.toml")
LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"
HEADER = LICENCE + "#pragma once\n\n/// A thing.\nstruct Thing {};\n"

# (file, the line that breaks a rule, the word the message must name, the cure it must say)
BROKEN = [
    # floors
    ("base/x.cc", '#include "io/loop.h"', "io/loop.h", "use only base"),
    ("base/x.cc", '#include "topology/plan.h"', "topology/plan.h", "use only base"),
    ("io/x.cc", '#include "topology/plan.h"', "topology/plan.h", "use only io, base"),
    ("topology/x.cc", '#include "io/files.h"', "io/files.h", "use only topology, base"),
    ("dns/x.cc", '#include "io/clock.h"', "io/clock.h", "use only dns, topology, base"),
    ("dns/server.cc", '#include "lb/farm.h"', "lb/farm.h", "use only dns, topology, base, io"),
    ("lb/x.cc", '#include "backend/model.h"', "backend/model.h", "use only lb"),
    ("backend/x.cc", '#include "dns/name.h"', "dns/name.h", "use only backend"),
    ("lb/x.cc", '#include "lb/server.h"', "lb/server.h", "use a third file"),
    ("sim/x.cc", '#include "io/loop.h"', "io/loop.h", "use only sim"),
    ("sim/x.cc", '#include "dns/server_udp.h"', "dns/server_udp.h", "use a third file"),
    ("tools/x.cc", '#include "sim/world.h"', "sim/world.h", "use only tools"),
    ("base/x.cc", '#include "tests/support/query.h"', "tests/support/query.h", "use only base"),
    ("dns/x.cc", '#include "name.h"', "name.h", 'use "folder/name.h"'),
    # headers of others
    ("dns/x.cc", "#include <arpa/inet.h>", "arpa/inet.h", "base/ip.h"),
    ("base/x.cc", "#include <sys/socket.h>", "sys/socket.h", "as an argument"),
    ("topology/x.cc", "#include <unistd.h>", "unistd.h", "as an argument"),
    ("lb/x.cc", "#include <thread>", "thread", "keep it pure"),
    ("dns/x.cc", "#include <fstream>", "fstream", "io/files.h"),
    ("base/x.cc", "#include <iostream>", "iostream", "return the text"),
    ("lb/x.cc", "#include <random>", "random", "base/rng.h"),
    ("dns/x.cc", "#include <CLI/CLI.hpp>", "CLI/CLI.hpp", "main.cc"),
    ("lb/x.cc", "#include <gtest/gtest.h>", "gtest/gtest.h", "tests/<folder>/<file>_test.cc"),
    ("dns/x.cc", "#include <benchmark/benchmark.h>", "benchmark/benchmark.h", "tools/bench_*.cc"),
    ("lb/x.cc", "#include <tl/expected.hpp>", "tl/expected.hpp", "base/result.h"),
    ("base/x.h", "#include <nlohmann/json.hpp>", "nlohmann/json.hpp", "in a .cc file"),
    ("io/x.h", "#include <openssl/ssl.h>", "openssl/ssl.h", "in a .cc file"),
    ("lb/x.cc", "#include <openssl/ssl.h>", "openssl/ssl.h", "io/tls_probe.h"),
    ("io/x.h", "#include <ares.h>", "ares.h", "in a .cc file"),
    ("io/x.cc", "#include <spdlog/spdlog.h>", "spdlog/spdlog.h", "LogRecord"),
    ("dns/x.cc", "#include <toml++/toml.h>", "toml++/toml.h", "topology/description.h"),
    ("topology/x.h", "#include <toml++/toml.h>", "toml++/toml.h", "in a .cc file"),
    ("lb/x.cc", "#include <ldns/ldns.h>", "ldns/ldns.h", "dns/zone.h"),
    ("dns/x.h", "#include <ldns/ldns.h>", "ldns/ldns.h", "in a .cc file"),
    ("dns/x.cc", "#include <maxminddb.h>", "maxminddb.h", "io/geo_db.h"),
    ("dns/x.cc", "#include <prometheus/registry.h>", "prometheus/registry.h", "base/metrics.h"),
    # words
    ("dns/server.cc", "auto t = std::chrono::steady_clock::now();", "_clock::now", "Instant"),
    ("lb/x.cc", "long t = time(nullptr);", "time(nullptr)", "Instant"),
    ("lb/x.cc", "Instant t = monotonic_now();", "monotonic_now", "Instant"),
    ("base/x.cc", "std::random_device device;", "random_device", "base/rng.h"),
    ("io/x.cc", "int n = rand();", "rand", "base/rng.h"),
    ("tests/dns/x_test.cc", "std::this_thread::sleep_for(1s);", "sleep_for", "timer"),
    ("lb/server.cc", "usleep(10);", "usleep", "timer"),
    ("lb/x.cc", "std::mutex mutex;", "std::mutex", "keep it pure"),
    ("io/x.cc", 'std::cout << "x";', "std::cout", "base/log.h"),
    ("dns/x.cc", 'printf("x");', "printf", "base/log.h"),
    ("io/x.cc", "auto self = shared_from_this();", "shared_from_this", "generation"),
    ("io/x.cc", "thread.detach();", "detach", "join"),
    ("io/x.cc", "co_await timer;", "co_await", "on_bytes()"),
    ("tests/dns/x_test.cc", "auto x = result.value();", ".value()", "`*x`"),
    ("io/x.cc", 'throw std::runtime_error("x");', "throw", "fail(...)"),
    ("lb/server.cc", "} catch (...) {", "catch", "error_code"),
    ("io/x.cc", "using namespace std;", "using namespace", "name what you use"),
    ("lb/x.cc", "using namespace hither::lb;", "using namespace hither", "open the namespace"),
    # text
    ("lb/x.cc", "int a = 1;  // " + "x" * 90, "105 columns", "at most 100"),
    ("lb/x.cc", "// TODO: mend this", "without an issue", "TODO(#12)"),
    ("lb/x.cc", "// FIXME mend this", "without an issue", "TODO(#12)"),
    ("lb/x.cc", "int B;  // NOLINT", "NOLINT without a reason", "NOLINT(check): why"),
    ("lb/x.cc", "int B;  // NOLINT(some-check)", "NOLINT without a reason", "NOLINT(check): why"),
]

SOUND = [
    ("base/ip.cc", "#include <arpa/inet.h>"),
    ("dns/server_udp.cc", "#include <sys/socket.h>"),
    ("dns/server.cc", '#include "io/loop.h"'),
    ("lb/server.cc", '#include "lb/server.h"'),
    ("lb/main.cc", "#include <CLI/CLI.hpp>"),
    ("tools/x.cc", '#include "dns/server.h"'),
    ("tools/sim.cc", '#include "sim/world.h"'),
    ("sim/x.cc", '#include "dns/responder.h"'),
    ("io/clock.cc", "return std::chrono::steady_clock::now();"),
    ("io/log_sink.cc", "#include <spdlog/spdlog.h>"),
    ("topology/x.cc", "#include <toml++/toml.h>"),
    ("base/x.cc", "#include <nlohmann/json.hpp>"),
    ("lb/x.cc", "// We never sleep() here, nor do we throw; see std::cout."),
    ("lb/x.cc", 'const char* text = "do not sleep(1) or throw";'),
    ("lb/x.cc", 'const char* text = R"(catch (...) { throw; })";'),
    ("lb/x.cc", "int million = 1'000'000;  // it's a number"),
    ("lb/x.cc", 'const char* text = R"(' + "x" * 90 + ')";'),
    ("lb/x.cc", "// https://" + "x" * 100),
    ("lb/x.cc", "// TODO(#12): half-close"),
    ("lb/x.cc", "int B;  // NOLINT(readability-identifier-naming): a name of RFC 1035"),
    ("lb/x.cc", "using namespace std::chrono_literals;"),
    ("tests/fuzz/fuzz_x.cc", "using namespace hither;"),
    ("lb/x.cc", "auto size = map.value(key);"),
]


class Tree(unittest.TestCase):
    """A small tree in a temporary folder; words(...) is what tidy says about it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def source(self, path, body):
        """A file that is sound but for `body`, built and tested as it must be."""
        self.write(path, (HEADER if path.endswith(".h") else LICENCE) + body + "\n")
        folder, name = path.rsplit("/", 1)
        self.write(f"{folder}/CMakeLists.txt", f"add_library(x {name})\n")
        if name.endswith(".cc") and folder in ("base", "topology", "dns", "lb", "backend"):
            test = name[:-3] + "_test.cc"
            self.write(f"tests/{folder}/{test}", LICENCE)
            self.write(f"tests/{folder}/CMakeLists.txt", f"add_executable(t {test})\n")

    def words(self, *files):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            status = tidy.Tidy(self.root, RULES).run(files)
        self.assertEqual(status, 1 if printed.getvalue() else 0)
        return printed.getvalue()


class Tables(Tree):
    def test_each_broken_line_is_named_with_its_place_and_its_cure(self):
        for path, line, named, cure in BROKEN:
            with self.subTest(path=path, line=line):
                self.setUp()
                self.source(path, line)
                number = (HEADER if path.endswith(".h") else LICENCE).count("\n") + 1

                words = self.words()

                self.assertRegex(words, rf"^{re.escape(path)}:{number}: error: .*, .+\n$")
                self.assertIn(named, words)
                self.assertIn(cure, words)

    def test_sound_lines_pass(self):
        for path, line in SOUND:
            with self.subTest(path=path, line=line):
                self.setUp()
                self.source(path, line)

                self.assertEqual(self.words(), "")

    def test_every_rule_of_the_tables_is_broken_once_above(self):
        includes = [found[1] for _, line, *_ in BROKEN if (found := re.search("<(.*)>", line))]
        for rule in RULES["header"]:
            if rule["at"] != ".*":
                self.assertTrue(any(re.match(rule["name"], name) for name in includes), rule)
        for rule in RULES["word"]:
            self.assertTrue(any(re.search(rule["name"], line) for _, line, *_ in BROKEN), rule)


class Functions(Tree):
    def words_about(self, opening, lines, closing="}"):
        self.source("lb/x.cc", "\n".join([opening, *["  work();"] * lines, closing]))
        return self.words()

    def test_seventy_lines_pass_and_seventy_one_do_not(self):
        self.assertEqual(self.words_about("void f() {", 68), "")
        words = self.words_about("void f() {", 69)
        self.assertIn("lb/x.cc:2: error: function of 71 lines, split it: at most 70", words)

    def test_the_signature_counts_from_its_first_line(self):
        words = self.words_about("int f(int one,\n      int other) {", 69)
        self.assertIn("lb/x.cc:2: error: function of 72 lines", words)

    def test_methods_constructors_templates_and_lambdas_count(self):
        for opening, closing in [
                ("struct S {\n  void f() {", "  }\n};"),
                ("S::S(int a)\n    : a_{a}, b_(a) {", "}"),
                ("template <class T>\nvoid f(std::vector<T> t) {", "}"),
                ("const auto f = [](int a) {", "};"),
                ("namespace hither {\nnamespace {\nint f() const noexcept {", "}\n}\n}"),
                ('extern "C" int f(const char* a) {', "}")]:
            with self.subTest(opening=opening):
                self.setUp()
                self.assertIn("error: function of", self.words_about(opening, 75, closing))

    def test_types_namespaces_and_tables_may_be_long(self):
        for opening, line, closing in [
                ("struct S {", "  int f() { return 1; }", "};"),
                ("class S : public Base<int> {\n public:", "  void f();", "};"),
                ("namespace hither::lb {", "int a();", "}"),
                ('extern "C" {', "int a();", "}"),
                ("enum class E {", "  a,", "};"),
                ("constexpr int table[] = {", "  f(1),", "};"),
                ("const std::array<int, 3> table{", "  1,", "};")]:
            with self.subTest(opening=opening):
                self.setUp()
                self.source("lb/x.cc", "\n".join([opening, *[line] * 90, closing]))

                self.assertEqual(self.words(), "")

    def test_braces_in_comments_strings_and_directives_do_not_count(self):
        self.source("lb/x.cc", "\n".join([
            "void f() {  // {", '  g("{", \'{\');', "}", "#define OPEN {", *["int a;"] * 90]))

        self.assertEqual(self.words(), "")


class Files(Tree):
    def test_a_licence_stands_first_or_below_the_interpreter(self):
        self.source("lb/x.cc", "int a;")
        self.write("lb/x.cc", "int a;\n")
        self.write("tools/a.py", "#!/usr/bin/python3\n# SPDX-License-Identifier: Apache-2.0\n")
        self.write("tools/up", "#!/bin/sh\n:\n")

        words = self.words()

        self.assertIn("lb/x.cc:1: error: no licence, use `SPDX-License-Identifier", words)
        self.assertIn("tools/up:2: error: no licence", words)
        self.assertNotIn("tools/a.py", words)

    def test_a_file_has_at_most_600_lines(self):
        self.source("lb/x.cc", "\n".join(["int a;"] * 599))
        self.assertEqual(self.words(), "")
        self.source("lb/x.cc", "\n".join(["int a;"] * 600))
        self.assertIn("lb/x.cc:600: error: 601 lines, use several files of at most 600",
                      self.words())

    def test_a_header_guards_itself(self):
        self.write("lb/x.h", LICENCE + "/// A thing.\nstruct Thing {};\n")

        self.assertIn("lb/x.h:1: error: no guard, use `#pragma once`", self.words())

    def test_a_header_says_what_its_main_type_is(self):
        self.write("lb/x.h", LICENCE + "#pragma once\n\nstruct Other;\nstruct Thing {\n};\n")
        self.assertIn("lb/x.h:5: error: no comment on its main type, use `///`", self.words())
        self.write("lb/x.h", HEADER + "struct Another {};\n")
        self.assertEqual(self.words(), "")
        self.write("lb/x.h", LICENCE + "#pragma once\n/// An essay.\n\nstruct Thing {};\n")
        self.assertEqual(self.words(), "")
        self.write("lb/x.h", LICENCE + "#pragma once\n/// T.\ntemplate <class T>\nclass Box {};\n")
        self.assertEqual(self.words(), "")

    def test_a_header_of_functions_has_a_comment_too(self):
        self.write("lb/x.h", LICENCE + "#pragma once\n\nint one();\n")
        self.assertIn("lb/x.h:1: error: no comment", self.words())
        self.write("lb/x.h", LICENCE + "#pragma once\n\n/// One.\nint one();\n")
        self.assertEqual(self.words(), "")

    def test_every_source_is_built(self):
        self.source("lb/x.cc", "int a;")
        self.write("lb/CMakeLists.txt", "add_library(x max.cc x.cc.in other/x.cc)\n")
        self.assertIn("lb/x.cc:1: error: nothing builds it, use it in lb/CMakeLists.txt",
                      self.words())
        self.write("lb/sources.cmake", "set(sources x.cc)\n")
        self.assertEqual(self.words(), "")

    def test_a_folder_without_a_list_may_be_built_from_above_or_beside(self):
        self.write("tests/support/x.cc", LICENCE)
        self.write("tests/CMakeLists.txt", "add_library(support support/x.cc)\n")
        self.assertEqual(self.words(), "")
        self.write("tests/CMakeLists.txt", "")
        self.write("tests/live/CMakeLists.txt",
                   "add_library(live ${PROJECT_SOURCE_DIR}/tests/support/x.cc)\n")
        self.assertEqual(self.words(), "")

    def test_every_source_has_a_test(self):
        self.source("dns/x.cc", "int a;")
        (self.root / "tests/dns/x_test.cc").unlink()

        self.assertIn("dns/x.cc:1: error: no test, use tests/dns/x_test.cc", self.words())

    def test_drivers_and_main_are_tested_by_the_live_tests(self):
        self.source("dns/main.cc", "int a;")
        self.source("lb/server_tcp.cc", "int a;")
        (self.root / "tests/dns/main_test.cc").unlink()
        (self.root / "tests/lb/server_tcp_test.cc").unlink()

        self.assertEqual(self.words(), "")

    def test_a_page_has_one_title(self):
        self.write("docs/none.md", "## Part\n")
        self.write("docs/two.md", "# One\n\n```\n# a shell comment\n```\n\n# Two\n")
        self.write("docs/one.md", "# One\n\n```\n# a shell comment\n```\n")

        words = self.words()

        self.assertIn("docs/none.md:1: error: 0 titles, use one `# Title`", words)
        self.assertIn("docs/two.md:7: error: 2 titles", words)
        self.assertNotIn("docs/one.md", words)

    def test_only_known_names_stand_at_the_top(self):
        self.write("version", "a program that was linked in the wrong place")
        self.write("src/x.cc", "")
        self.write("build/dev/anything.cc", "int a;")

        self.assertEqual(
            self.words(),
            "src:1: error: has no place at the top, use one of the folders, or build/\n"
            "version:1: error: shadows the header <version>, use build/ for what is built\n")

    def test_files_on_the_command_line_are_looked_at_alone(self):
        self.source("lb/x.cc", "int a = rand();")
        self.source("dns/x.cc", "int a = rand();")

        words = self.words("lb/x.cc", "lb/deleted.cc")

        self.assertEqual(words.count("\n"), 1)
        self.assertIn("lb/x.cc:2:", words)


class Command(Tree):
    def test_the_exit_status_says_whether_the_tree_is_sound(self):
        self.source("lb/x.cc", "int a = rand();")
        command = [sys.executable, TIDY, "--root", self.root]

        broken = subprocess.run(command, capture_output=True, text=True, check=False)
        self.source("lb/x.cc", "int a;")
        sound = subprocess.run(command, capture_output=True, text=True, check=False)

        self.assertEqual((broken.returncode, broken.stderr), (1, ""))
        self.assertIn("lb/x.cc:2: error: `rand`", broken.stdout)
        self.assertEqual((sound.returncode, sound.stdout, sound.stderr), (0, "", ""))

    def test_the_rules_are_short_enough_to_read(self):
        lines = TIDY.read_text(encoding="utf-8").count("\n")

        self.assertLessEqual(lines, 250)


if __name__ == "__main__":
    unittest.main()
