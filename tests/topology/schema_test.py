#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds `hither schema` against `hither check`: what one takes the other must take, and no more.

Good and bad descriptions are generated from the schema itself: every value at, inside and outside
its limits and of every wrong type, every key left out, misspelled and unknown. On top come values
that people write by hand. Each is judged by both, and they must agree.

JSON Schema cannot say what must agree with what (topology/check.h), so every description is built
such that those rules hold: see BASE and COMPANIONS. Left out on purpose: 3.0 for an integer (JSON
knows no difference), NUL characters, and names with a line end.

usage: schema_test.py HITHER
"""
import copy
import datetime
import ipaddress
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema

# Every table is there, and no value stands in the way of any limit of another: one room (so no two
# share anything), policy ordered (no location needed), few copies on ports of their own.
BASE = {
    "schema": 1,
    "world": "base",
    "dns": {"listen": "127.0.0.1:5300", "geo": "builtin", "health": {"interval": "500ms"}},
    "local": {"first_port": 20000, "admin_port": 7070},
    "zone": {"example.test": {"file": "example.test.zone"}},
    "name": {"www.example.test": {"farm": "web", "policy": "ordered", "ttl": "20s"}},
    "farm": {"web": {"port": 8080, "health": {"interval": "1s"}, "environment": {"A": "b"}}},
    "policy": {"p": {"rule": "ordered", "of": ["fra"],
                     "fence": [{"from": "DE", "only": "fra"}],
                     "prefer": [{"from": ["10.0.0.0/8"], "order": ["fra"]}]}},
    "latency": [{"from": "DE", "room": "fra", "rtt": "80ms"}],
    "room": {"fra": {"location": [50.11, 8.68], "farm": {"web": {"health": {}}}}},
    "network": [{"prefix": "10.0.0.0/8", "location": [1, 2]}],
}
NAMES = {"zone": "example.test", "name": "www.example.test", "farm": "web", "room": "fra",
         "policy": "p"}
# Their values are names that something must have.
REFERENCES = {"policy", "of", "only", "never", "order", "room"}

# What else to set (None: to leave out) while a key is tried.
COMPANIONS = {
    "health.interval": {"timeout": None, "fast_interval": None},
    "health.fast_interval": {"interval": "1h"},
    "health.timeout": {"interval": "1h"},
    "servers": {"copies": None, "command": None},
    "command": {"copies": 0},
    "hash": {"balance": "maglev"},
    "server_names": {"mode": "tcp"},
    "send_proxy": {"mode": "tcp"},
    "outlier.backoff": {"backoff_max": "1h"},
    "outlier.backoff_max": {"backoff": "100ms"},
    "sticky_secret": {"sticky": "at"},
    "concurrency.queue": {"most": 100},
    "concurrency.queue_timeout": {"most": 100},
    "concurrency.least": {"adaptive": "gradient"},
}
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
UNITS |= {"m": 60 * UNITS["s"], "h": 3600 * UNITS["s"], "d": 86400 * UNITS["s"]}
A_DAY = datetime.date(2025, 1, 1)
WRONG_TYPES = ["text", "", 7, -1, 1.5, True, [], ["text"], [7], [[]], {}, {"x": 1}, A_DAY, 2**40]
LONG_LABEL = "x" * 63

# Written by hand, tried for every key of that format.
BY_FORMAT = {
    "endpoint": """127.0.0.1:53 [::1]:53 127.0.0.1 ::1:53 127.0.0.1:65536 127.0.0.1:0 localhost:53
        127.0.0.1: :53 [::1] 127.0.0.1:+5 300.0.0.1:53 [::g]:53""".split(),
    "server": """10.0.0.7:8080 web.internal:8080 [2001:db8::1]:80 web.internal web.internal:0
        web.internal:65536 -x:80 http://x:80 :80 x:y""".split() + ["web internal:80"],
    "prefix": """10.0.0.0/8 0.0.0.0/0 ::/0 2001:db8::/32 10.0.0.1/8 10.0.0.0 10.0.0.0/33
        2001:db8::/129 10.0.0.0/-1 10.0.0/8 /8 10.0.0.0/""".split(),
    "address": """192.0.2.1 2001:db8::1 192.0.2.256 192.0.2 2001:db8::1::2 localhost
        192.0.2.1/24 192.0.2.01""".split() + [" 192.0.2.1"],
    "duration": """1s 0.5s 1.s .5s 1000ms 1 s -1s +1s 1sec 1S 1e1s 1s1s inf 1m 1000000us 0s 1h 1d
        25h""".split() + ["1 s"],
    "hash": """path source header:X-User cookie:cart cookie: header: header:a:b Path query:x
        cookie:a=b""".split() + ["header:a b", "cookie:" + "x" * 64, "cookie:" + "x" * 65],
    "status": """200 204-299 100-599 599 200-200 99 600 0200 200- -299 299-200 200-299-
        2xx 20 +20 200,204""".split() + ["200 - 299"],
    "server-name": """www.example.test *.example.test *. * .test a..b A.test a_b-c *.*.test test.
        a/b""".split() + ["a b", "x" * 63, "x" * 64, ".".join(["x" * 63] * 4)],
    "location": [[0, 0], [90, 180], [-90, -180], [90.1, 0], [0, 180.1], [-91, 0], [0, -181], [1],
                 [1, 2, 3], ["1", "2"], [True, False], "50.11, 8.68", {"lat": 1, "lon": 2}],
}
BY_NAMES = {
    "host": f"""a.example.test A.EXAMPLE.test a_b.example.test a-b.example.test.
        {LONG_LABEL}.example.test x{LONG_LABEL}.example.test -a.example.test a-.example.test
        a..example.test .example.test é.example.test *.example.test . a.example.test..
        {".".join(["x" * 59] * 4)}.example.test
        {".".join(["x" * 60] * 4)}.example.test""".split() + ["", "a b.example.test"],
    "label": f"a a-b 0 {LONG_LABEL} x{LONG_LABEL} A a_b -a a- a.b é".split() + ["", "a b"],
    "variable": ["X", "_x9", "9x", "X-Y", "", "É", "X Y"],
}


def nanoseconds(text):
    match = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|ms|s|m|h|d)", text)
    return round(float(match[1]) * UNITS[match[2]]) if match else None


def is_endpoint(text, host=None):
    match = re.fullmatch(r"(\[.*\]|[^:]*):([0-9]+)", text)
    if not match or not 1 <= int(match[2]) <= 65535:
        return False
    try:
        ipaddress.ip_address(match[1].strip("[]"))
        return True
    except ValueError:
        return bool(host and re.search(host, match[1]))


def make_validator(schema):
    host = schema["properties"]["zone"]["propertyNames"]["pattern"]
    formats = jsonschema.FormatChecker(formats=("ipv4", "ipv6"))

    def form(name, judge):
        formats.checks(name, raises=ValueError)(lambda x: not isinstance(x, str) or bool(judge(x)))

    form("endpoint", is_endpoint)
    form("server", lambda text: is_endpoint(text, host))
    form("status", lambda text: int(text[:3]) <= int(text[-3:]))
    form("prefix", ipaddress.ip_network)
    form("origin", lambda text: re.fullmatch("[A-Z]{2}", text) or ipaddress.ip_network(text))

    def limit(sign):
        def check(_, bound, value, __):
            seen = nanoseconds(value) if isinstance(value, str) else None
            if seen is not None and sign * seen > sign * nanoseconds(bound):
                yield jsonschema.ValidationError(f"{value} is beyond {bound}")
        return check

    jsonschema.Draft202012Validator.check_schema(schema)
    kind = jsonschema.validators.extend(jsonschema.Draft202012Validator,
                                        {"x-minimum": limit(-1), "x-maximum": limit(1)})
    return kind(schema, format_checker=formats)


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def toml(document):
    return "".join(f"{json.dumps(key)} = {toml_value(value)}\n" for key, value in document.items())


def table_at(document, path):
    """The table that holds the key at `path` ("room.*.farm.*.copies"), made if it is not there."""
    at = document
    for part in path[:-1]:
        if part == "*":
            at = at.setdefault(NAMES[last], {})
        elif part == "[]":
            at = at[0]
        else:
            at = at.setdefault(part, {})
            last = part
    return at


def candidates(schema):
    """Values for one key, good and bad, told from its schema."""
    if "anyOf" in schema and "format" not in str(schema["anyOf"][0].keys()):
        one, many = schema["anyOf"][0], schema["anyOf"][1]
        return candidates(one) + candidates(many)
    found = list(schema.get("enum", []))
    for word in list(found):
        found += [word.upper(), word[:-1], word + "s"]
    if "minimum" in schema:
        low, high = schema["minimum"], schema["maximum"]
        found += [low, high, low - 1, high + 1, (low + high) // 2]
    if "maxLength" in schema:
        found += ["n" * schema["maxLength"], "n" * (schema["maxLength"] + 1)]
    if "x-minimum" in schema:
        low, high = nanoseconds(schema["x-minimum"]), nanoseconds(schema["x-maximum"])
        found += [f"{n}ns" for n in (low, low - 1, high, high + 1)] + BY_FORMAT["duration"]
    if schema.get("format") in BY_FORMAT:
        found += BY_FORMAT[schema["format"]]
    if "anyOf" in schema:
        found += BY_FORMAT["address"]
    if "pattern" in schema and "format" not in schema and "x-minimum" not in schema:
        found += BY_NAMES["label"]
    if "prefixItems" in schema:
        found += BY_FORMAT["location"]
    elif schema.get("type") == "array":
        inside = [x for x in candidates(schema["items"]) if not isinstance(x, (list, dict))]
        by_format = {"endpoint": "127.0.0.1:53", "server": "a:1"}
        good = by_format.get(schema["items"].get("format"), "192.0.2.9")
        most = schema["maxItems"]
        found += [[x] for x in inside] + [[good, x] for x in inside[:4]]
        found += [[good] * n for n in (0, 1, most + 1)]
    return found + WRONG_TYPES


def breaks_a_rule(path, value):
    """Would the value, though right for the schema, break a rule of topology/check.h?"""
    key = path[-1]
    if key == "ttl":
        seen = nanoseconds(value) if isinstance(value, str) else None
        return seen is not None and seen % 10**9 != 0
    if key == "weight" and isinstance(value, dict):
        return True  # whose it is
    if key in ("path", "host"):
        return isinstance(value, str) and value != ""
    if key in ("low", "high") and path[-2] == "spill":
        return True  # which of them is above the other
    if key in REFERENCES and len(path) > 1:
        if isinstance(value, list):
            return all(isinstance(x, str) for x in value)
        return isinstance(value, str) and value not in ("", "fra")
    return path[0] == "name" and key == "farm" and isinstance(value, str) and value != ""


def good_item(path):
    table = table_at(copy.deepcopy(BASE), path + ("x",))
    return table[0] if isinstance(table, list) else table[path[-1]][0]


def has_keys(schema):
    return isinstance(schema, dict) and "properties" in schema


def cases(schema, path=()):
    """Every description to try, as (what was done, document)."""
    for key, inner in schema.get("properties", {}).items():
        here = path + (key,)
        if has_keys(inner):
            yield from tables(here, inner)
            yield from cases(inner, here)
        elif has_keys(inner.get("additionalProperties")):
            yield from names(here)
            yield from tables(here + ("*",), inner["additionalProperties"])
            yield from cases(inner["additionalProperties"], here + ("*",))
        elif has_keys(inner.get("items")):
            yield from tables(here + ("[]",), inner["items"])
            yield from cases(inner["items"], here + ("[]",))
            yield from set_to(here, [x for x in WRONG_TYPES if x != []])
            yield from set_to(here, [[{}], [good_item(here), 7]] + [[]] * (len(here) == 1))
        else:
            values = candidates(inner)
            if inner.get("type") == "object":
                values = WRONG_TYPES + [{"X": v} for v in WRONG_TYPES]
                values += [{name: "v"} for name in BY_NAMES["variable"]]
            yield from set_to(here, values)
            yield from left_out(here)


def set_to(path, values):
    for value in values:
        if breaks_a_rule(path, value):
            continue
        document = copy.deepcopy(BASE)
        table = table_at(document, path)
        for suffix, companions in COMPANIONS.items():
            if (".".join(path)).endswith(suffix):
                table |= companions
                for key in [k for k, v in table.items() if v is None]:
                    del table[key]
        table[path[-1]] = value
        yield f"{'.'.join(path)} = {value!r}", document


def left_out(path):
    if path[-1] == "only":  # a fence needs that or never
        return
    document = copy.deepcopy(BASE)
    table = table_at(document, path)
    if table.pop(path[-1], None) is not None:
        yield f"without {'.'.join(path)}", document


def tables(path, schema):
    """A table with an unknown key, with a misspelled one, and something else in its place."""
    inside = table_at(copy.deepcopy(BASE), path + ("x",))
    some = next(iter(schema["properties"]))
    for key in ("zzz", some + "x", some.upper(), "", "é"):
        document = copy.deepcopy(BASE)
        table_at(document, path + (key,))[key] = 1
        yield f"{'.'.join(path)} with key {key!r}", document
    if path[-1] == "[]" or not isinstance(inside, dict):
        return
    for value in WRONG_TYPES:
        if isinstance(value, dict):
            continue
        document = copy.deepcopy(BASE)
        name = NAMES[path[-2]] if path[-1] == "*" else path[-1]
        table_at(document, path)[name] = value
        yield f"{'.'.join(path)} = {value!r}", document


def names(path):
    """A second table under every kind of name; the rest of it as it should be."""
    extra = {"zone": {}, "name": {"farm": "web", "policy": "ordered"}, "farm": {"port": 8081},
             "room": {"address": "127.99.0.1"}, "policy": {"rule": "ordered"}}[path[-1]]
    if len(path) > 1:  # A room's own farm must be one of the world's.
        return
    for name in BY_NAMES["host" if path[-1] in ("zone", "name") else "label"]:
        document = copy.deepcopy(BASE)
        document[path[0]][name] = extra
        yield f"{path[0]}.{name!r}", document
    for value in WRONG_TYPES:
        if not isinstance(value, dict):
            yield f"{path[0]} = {value!r}", copy.deepcopy(BASE) | {path[0]: value}


def by_hand():
    """What people do, on the whole file."""
    yield "nothing", {}
    yield "rooms only", {"room": {"fra": {}}}
    yield "an empty room table", {"room": {}}
    yield "the base", copy.deepcopy(BASE)
    for value in ["DE", "de", "DEU", "D1", "10.0.0.0/8", "10.0.0.1/8", "2001:db8::/32", "10.0.0.1",
                  "", ["DE", "10.0.0.0/8"], ["DE", "x"], ["DE", 7], 7, []]:
        yield f"from = {value!r}", copy.deepcopy(BASE) | {
            "latency": [{"from": value, "room": "fra", "rtt": "80ms"}]}
    for weights in [{}, {"web-1": 0}, {"web-1": 10000}, {"web-1": 10001}, {"web-1": -1},
                    {"web-1": "5"}, {"Web-1": 5}, {"web 1": 5}, {"web-1": 1.5}]:
        farm = {"port": 8080, "weight": weights}
        yield f"weight = {weights!r}", copy.deepcopy(BASE) | {"farm": {"web": farm}}
    yield "a plural", copy.deepcopy(BASE) | {"rooms": {"iad": {}}}
    yield "the world's name as in other formats", copy.deepcopy(BASE) | {"title": "x"}
    for number, answer in ((1000, "as many as there may be"), (1001, "too many")):
        rooms = {f"r{i}": {"address": f"10.0.{i // 250}.{i % 250 + 1}"} for i in range(number)}
        yield f"{answer} rooms", copy.deepcopy(BASE) | {"room": rooms, "policy": {},
                                                           "latency": []}
    for number in (64, 65):
        farms = {"web": {"port": 8080}} | {f"f{i}": {"port": 9000 + i} for i in range(number - 1)}
        yield f"{number} farms", copy.deepcopy(BASE) | {"farm": farms}


def main():
    hither = sys.argv[1]
    schema = json.loads(subprocess.run([hither, "schema"], check=True, capture_output=True).stdout)
    validator = make_validator(schema)
    everything = list(by_hand()) + list(cases(schema))

    with tempfile.TemporaryDirectory() as folder:
        def judge(numbered):
            number, (what, document) = numbered
            text = toml(document)
            assert tomllib.loads(text) == document, f"not the TOML that was meant: {text}"
            file = Path(folder) / f"{number}.toml"
            file.write_text(text, encoding="utf-8")
            checked = subprocess.run([hither, "check", file], capture_output=True, text=True)
            status = checked.returncode
            assert status in (0, 2), f"{what}: status {status}\n{checked.stderr}"
            error = jsonschema.exceptions.best_match(validator.iter_errors(document))
            return what, status == 0, error, checked.stderr

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(judge, enumerate(everything)))

    differ = [r for r in results if r[1] != (r[2] is None)]
    for what, taken, error, stderr in differ[:40]:
        print(f"{what}: hither {'takes' if taken else 'refuses'} it, the schema does not agree:")
        print(f"    schema: {error.message if error else 'takes it'}")
        print(f"    hither: {stderr.strip()[:300]}")
    good = sum(taken for _, taken, _, _ in results)
    bad = len(results) - good
    print(f"{len(results)} descriptions, {good} good, {bad} bad, {len(differ)} judged differently")
    return 0 if not differ and good > 200 and bad > 800 else 1


if __name__ == "__main__":
    sys.exit(main())
