#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd unit of a program: systemd takes it, it gives away as little as we say, and it starts
the program where `cmake --install` and the package (CPackConfig.cmake beside the unit) put it.

usage: unit_file_test.py UNIT PROGRAM
"""
import pathlib
import re
import subprocess
import sys
import tempfile

WANTED = {
    "Type": "notify",
    "DynamicUser": "yes",
    "AmbientCapabilities": "CAP_NET_BIND_SERVICE",
    "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "MemoryDenyWriteExecute": "yes",
    "SystemCallArchitectures": "native",
}
WANTED_OF = {
    # The last filter: without it the program refuses to start.
    "hither-dns.service": {"SystemCallFilter": "capset"},
    # A successor is another process than the one that systemd started.
    "hither-lb.service": {"SystemCallFilter": "~@privileged @resources", "NotifyAccess": "all",
                          "RuntimeDirectory": "hither-lb", "TimeoutStopSec": "15",
                          "Environment": "HITHER_HANDOVER=/run/hither-lb/handover"},
}
EXPOSURE_MOST = 20  # tenths, as `systemd-analyze security` counts: 10.0 is all open


def main():
    unit, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    text = unit.read_text(encoding="utf-8")
    settings = dict(re.findall(r"(?m)^(\w+)=(.*)$", text))
    wanted = WANTED | WANTED_OF[unit.name]
    mistakes = [f"{key}={settings.get(key)}, wanted {value}"
                for key, value in wanted.items() if settings.get(key) != value]
    if "@CMAKE" in text or not settings["ExecStart"].startswith("/"):
        mistakes.append(f"ExecStart={settings['ExecStart']} is no installed program")
    packed = re.search(r'(?m)^set\(CPACK_PACKAGING_INSTALL_PREFIX "(.*)"\)$',
                       (unit.parent / "CPackConfig.cmake").read_text(encoding="utf-8"))
    prefix = packed[1] if packed else "/usr"  # where cpack -G DEB puts all if not told
    path = f"{prefix}/bin/{unit.stem}"
    if settings["ExecStart"] != path:
        mistakes.append(f"ExecStart={settings['ExecStart']}, but the package has {path}")
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / unit.name
        copy.write_text(re.sub(r"(?m)^ExecStart=.*$", f"ExecStart={program}", text)
                        .replace("EnvironmentFile=", "EnvironmentFile=-"), encoding="utf-8")
        for command in (["verify", "--man=no", copy],
                        ["security", "--offline=yes", f"--threshold={EXPOSURE_MOST}", copy]):
            done = subprocess.run(["systemd-analyze", *map(str, command)], capture_output=True,
                                  text=True)
            if done.returncode != 0 or (command[0] == "verify" and unit.name in done.stderr):
                mistakes.append(f"systemd-analyze {command[0]}:\n{done.stdout}{done.stderr}")
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
