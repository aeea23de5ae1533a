#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of this tree that no compiler checks, as a test (ctest `tidy`).

Prints `file:line: error: what is wrong, what to do instead` for each broken rule, and ends with
status 1 if there is one. The rules that are tables stand in tidy.toml beside this file: which
folder may include which, where a header or a word is at home. CONTRIBUTING.md says why.
"""
import argparse
import pathlib
import re
import sys
import tomllib

LICENCE = "SPDX-License-Identifier: Apache-2.0"
CODE = (".h", ".cc")


def read_rules(path):
    """The tables of tidy.toml, with {driver} and {kernel} filled in."""
    rules = tomllib.loads(path.read_text(encoding="utf-8"))
    kernel = rules["kernel"].replace("{driver}", rules["driver"])
    for rule in rules["header"] + rules["word"]:
        at = rule.get("at", "(?!)").replace("{driver}", rules["driver"])
        rule["at"] = at.replace("{kernel}", kernel)
    return rules


def without_comments(text):
    """The code with comments and literals blanked; lines stay where they are."""
    literals = (
        r'R"(?P<end>[^(\s]*)\((?:.|\n)*?\)(?P=end)"'  # raw string
        r"|//(?:[^\n\\]|\\.|\\\n)*|/\*(?:.|\n)*?\*/"
        r'|"(?:[^"\\\n]|\\.)*"'
        r"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'")  # but not the separator of 1'000
    return re.sub(literals, lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def block_kind(head, stack):
    """What the `{` behind the words `head` opens: scope, data, function body, or a block in one."""
    if "body" in stack or "data" in stack:
        return "inner"
    size = -1
    while len(head) != size:  # drop template arguments, innermost first
        size, head = len(head), re.sub(r"<[^<>]*>", "", head)
    head = re.sub(r"\balignas\s*\([^()]*\)", "", head).strip()
    if re.search(r"(^|[\s:])(namespace|class|struct|union|enum)\b[^()]*$", head):
        return "scope"
    if re.fullmatch(r"extern\s*", head):
        return "scope"
    if head.endswith("=") or (head and ")" not in head):
        return "data"
    return "body"


def functions(code):
    """(first line, number of lines) of each outermost function in `code`, which has no comments."""
    directive = r"(?m)^[ \t]*#(?:.*\\\n)*.*"
    code = re.sub(directive, lambda found: "\n" * found[0].count("\n"), code)
    stack, begin, first = [], 0, 0
    for mark in re.finditer(r"[{};]", code):
        if mark[0] == "{":
            head = code[begin:mark.start()]
            stack.append(block_kind(head, stack))
            if stack[-1] == "body":
                first = code.count("\n", 0, begin + len(head) - len(head.lstrip())) + 1
        elif mark[0] == "}" and stack and stack.pop() == "body":
            yield first, code.count("\n", 0, mark.end()) + 2 - first
        begin = mark.end()


class Tidy:
    """All rules over one tree. `mistakes` fills up with (path, line, what)."""

    def __init__(self, root, rules):
        self.root, self.rules, self.mistakes = root, rules, []

    def error(self, path, line, what):
        self.mistakes.append((path, line, what))

    def run(self, files):
        for path in files or self.tree():
            if (self.root / path).is_file():
                self.file(path)
        if not files:
            for entry in self.root.iterdir():
                self.top(entry.name)
        for path, line, what in sorted(self.mistakes):
            print(f"{path}:{line}: error: {what}")
        return 1 if self.mistakes else 0

    def tree(self):
        for top in self.root.iterdir():
            if top.name in (".git", "build") or top.name not in self.rules["top"]:
                continue
            for path in top.rglob("*") if top.is_dir() else [top]:
                if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts:
                    yield path.relative_to(self.root).as_posix()

    def top(self, name):
        if name in self.rules["standard_headers"].split():
            self.error(name, 1, f"shadows the header <{name}>, use build/ for what is built")
        elif name not in self.rules["top"]:
            self.error(name, 1, "has no place at the top, use one of the folders, or build/")

    def file(self, path):
        suffix = pathlib.PurePath(path).suffix
        script = any(re.fullmatch(pattern, path) for pattern in self.rules["scripts"])
        if not script and suffix not in (*CODE, ".py", ".sh", ".md"):
            return
        text = (self.root / path).read_text(encoding="utf-8", errors="replace")
        if suffix == ".md":
            return self.markdown(path, text)
        lines = text.split("\n")
        self.text(path, lines)
        if suffix in CODE:
            code = without_comments(text)
            self.code(path, lines, code)
            if suffix == ".h":
                self.header(path, lines, code.split("\n"))
            else:
                self.listed(path)
                self.tested(path)

    def markdown(self, path, text):
        prose = re.sub(r"(?ms)^ *```.*?^ *```", lambda found: "\n" * found[0].count("\n"), text)
        titles = [n for n, line in enumerate(prose.split("\n"), 1) if line.startswith("# ")]
        if len(titles) != 1:
            line = titles[1] if titles else 1
            self.error(path, line, f"{len(titles)} titles, use one `# Title` and `##` below it")

    def text(self, path, lines):
        columns, most = self.rules["columns"], self.rules["file_lines"]
        words = any(re.fullmatch(pattern, path) for pattern in self.rules["about_words"])
        for number, line in enumerate(lines, 1):
            if len(line) > columns and 'R"' not in line and "://" not in line:  # these cannot break
                self.error(path, number, f"{len(line)} columns, use at most {columns}")
            if re.search(r"\b(TODO|FIXME)\b(?!\(#\d+\))", line) and not words:
                self.error(path, number, "a promise without an issue, use TODO(#12): what")
            if re.search(r"NOLINT(?!\w*\([\w.,* -]+\):? *\w|END)", line) and not words:
                self.error(path, number, "NOLINT without a reason, use `NOLINT(check): why`")
        if len(lines) - 1 > most:
            self.error(path, most, f"{len(lines) - 1} lines, use several files of at most {most}")
        first = 1 if lines[0].startswith("#!") and len(lines) > 1 else 0
        if LICENCE not in lines[first]:
            self.error(path, first + 1, f"no licence, use `{LICENCE}` in a comment as first line")

    def code(self, path, lines, code):
        for number, line in enumerate(code.split("\n"), 1):
            include = re.match(r'\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")', lines[number - 1])
            if include and include[1]:
                self.their_header(path, number, include[1])
            elif include:
                self.our_header(path, number, include[2])
            for rule in self.rules["word"] if not include else []:
                found = re.search(rule["name"], line)
                if found and not re.match(rule["at"], path):
                    word = found[0].strip().rstrip("(")
                    self.error(path, number, f"`{word}` is not at home here, {rule['instead']}")
        most = self.rules["function_lines"]
        for first, length in functions(code):
            if length > most:
                self.error(path, first, f"function of {length} lines, split it: at most {most}")

    def their_header(self, path, line, header):
        rule = next((r for r in self.rules["header"] if re.match(r["name"], header)), None)
        if rule and not re.match(rule["at"], path):
            self.error(path, line, f"<{header}> is not at home here, {rule['instead']}")

    def our_header(self, path, line, header):
        floors, folder = self.rules["floors"], path.split("/")[0]
        if header.split("/")[0] not in floors or "/" not in header:
            what = f'"{header}" does not start at the root, use "folder/{header}"'
            return self.error(path, line, what)
        driver = re.fullmatch(self.rules["driver"], path)
        may = floors.get(path, floors.get(folder, [])) + (["io"] if driver else [])
        if header.split("/")[0] not in may:
            what = f'{folder}/ must not include "{header}", use only {", ".join(may)}'
            return self.error(path, line, what)
        pure = not driver and folder not in ("tools", "tests")
        if pure and re.fullmatch(self.rules["driver"], header):
            what = f'pure code must not include the driver "{header}", use a third file for both'
            self.error(path, line, what)

    def header(self, path, lines, code):
        if "#pragma once" not in code:
            self.error(path, 1, "no guard, use `#pragma once` below the licence")
        kind = re.compile(r"(?:class|struct|union|concept)\s[^;()]*(?:\{|=|$)")
        types = [n for n, line in enumerate(code) if kind.match(line)]
        above = [lines[n - 2 if code[n - 1].startswith("template") else n - 1] for n in types]
        above += lines[1:types[0]] if types else lines[1:]  # or an essay before the first of them
        if not any(line.startswith("//") for line in above):
            what = "no comment on its main type, use `///` above it: what it is, what it promises"
            self.error(path, types[0] + 1 if types else 1, what)

    def listed(self, path):
        file = pathlib.PurePosixPath(path)
        folder, above = self.root / file.parent, (self.root / file.parent).parent
        for spelled, lists in ((file.name, [folder]), (f"{file.parent.name}/{file.name}", [above]),
                               ("${PROJECT_SOURCE_DIR}/" + path, above.iterdir())):
            named = re.compile(rf"(?<![\w/.-]){re.escape(spelled)}(?![\w.-])")
            for where in lists:
                for makefile in (*where.glob("CMakeLists.txt"), *where.glob("*.cmake")):
                    if named.search(makefile.read_text(encoding="utf-8")):
                        return
        what = f"nothing builds it, use it in {file.parent}/CMakeLists.txt or delete it"
        self.error(path, 1, what)

    def tested(self, path):
        folder, _, name = path.rpartition("/")
        if folder not in ("base", "topology", "dns", "lb", "backend"):
            return
        test = f"tests/{folder}/{name[:-len('.cc')]}_test.cc"
        excused = any(re.fullmatch(pattern, path) for pattern in self.rules["untested"])
        if not excused and not (self.root / test).is_file():
            what = f"no test, use {test}, or say why not in [untested] of tools/tidy.toml"
            self.error(path, 1, what)


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--root", type=pathlib.Path, default=here.parent)
    parser.add_argument("file", nargs="*", help="paths from the root; without one: the whole tree")
    options = parser.parse_args()
    return Tidy(options.root, read_rules(here / "tidy.toml")).run(options.file)


if __name__ == "__main__":
    sys.exit(main())
