# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tools/up, tools/test and .ci/run share: messages, packages, building and testing a preset.
# Sourced, never run: `program=NAME`, with which all messages begin, then `. tools/lib.sh`.
# shellcheck disable=SC2154  # `program`

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

bold='' red='' plain=''
if [[ -t 2 && -z ${NO_COLOR-} ]]; then bold=$'\e[1m' red=$'\e[1;31m' plain=$'\e[0m'; fi

say() { printf '%s%s:%s %s\n' "$bold" "$program" "$plain" "$*" >&2; }
fail() {
  printf '%s%s: error:%s %s\n' "$red" "$program" "$plain" "$*" >&2
  exit 1
}

# debian COMMAND...: runs it with Debian's own programs, whatever PATH, compiler variables, proxies
# and HITHER_* variables the caller has: a build or a test depends on the tree alone.
# What ccache keeps serves every clone on this machine: paths below the tree count as relative.
debian() (
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
  export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
  unset CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH \
    LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH CMAKE_GENERATOR CMAKE_TOOLCHAIN_FILE \
    CMAKE_BUILD_PARALLEL_LEVEL PYTHONPATH PYTHONHOME http_proxy HTTP_PROXY all_proxy ALL_PROXY \
    "${!HITHER_@}" "${!CTEST_@}"
  "$@"
)

# quietly COMMAND...: its output is shown only if it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    cat "$log" >&2
    rm -f "$log"
    fail "this failed (exit status $status): $*"
  fi
  rm -f "$log"
}

# packages_of GROUP...: the packages of these groups of tools/packages.txt, one a line.
packages_of() {
  awk -v groups=" $* " '
    { sub(/#.*/, "") }
    /^\[/ { wanted = index(groups, " " substr($1, 2, length($1) - 2) " "); next }
    wanted && NF { print $1 }' "$root/tools/packages.txt"
}

# install_packages GROUP...: installs what is missing of these groups, nothing if all is there.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "no dpkg here: trusting that the packages of tools/packages.txt are there in another form"
    return
  fi
  local missing as_root=()
  mapfile -t missing < <(LC_ALL=C comm -13 \
    <(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' | sed -n 's/^.i *//p' | LC_ALL=C sort -u) \
    <(packages_of "$@" | LC_ALL=C sort -u))
  if ((${#missing[@]} == 0)); then return; fi
  local install=(apt-get install -y --no-install-recommends "${missing[@]}")
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      fail "packages are missing, and so is sudo; as root, run: apt-get update && ${install[*]}"
    fi
    as_root=(sudo)
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  without_services "${install[@]}"
}

# without_services COMMAND...: runs apt-get's command so that no server it brings is started, now or
# with the system: those among our packages are for tests, which start their own.
# shellcheck disable=SC2317  # gone() is the EXIT trap
without_services() (
  gate=/usr/sbin/policy-rc.d
  front=(env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1)
  wait=(-o DPkg::Lock::Timeout=300)
  gone() { "${as_root[@]}" rm -f "$gate"; }
  if [[ ! -e $gate ]]; then
    trap gone EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$gate" >/dev/null
    "${as_root[@]}" chmod +x "$gate"
  fi
  quietly "${as_root[@]}" "${front[@]}" apt-get update "${wait[@]}"
  quietly "${as_root[@]}" "${front[@]}" "$@" "${wait[@]}"
  for package in "${@:5}"; do
    service=${package%-light}
    if [[ ! -e /etc/init.d/$service ]]; then continue; fi
    "${as_root[@]}" update-rc.d "$service" disable >/dev/null 2>&1 || true
    if [[ -d /run/systemd/system ]]; then
      "${as_root[@]}" systemctl disable -q --now "$service" || true
    fi
  done
)

# build_jobs: how many compilers at once: one per core, but no more than one per 1.5 GiB of memory.
build_jobs() {
  local cores memory_kib limit jobs
  cores=$(nproc)
  memory_kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null || true)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || true)
  if [[ $limit =~ ^[0-9]+$ ]] && ((limit / 1024 < ${memory_kib:-0})); then
    memory_kib=$((limit / 1024))
  fi
  jobs=$((${memory_kib:-99999999} / 1572864))
  if ((jobs > cores)); then jobs=$cores; fi
  echo $((jobs > 0 ? jobs : 1))
}

# build_preset PRESET [TARGET...]: configures and builds it into build/PRESET.
build_preset() (
  preset=$1
  cache=build/$preset/CMakeCache.txt
  fresh=() targets=()
  jobs=$(build_jobs)
  cd "$root" || exit
  # A cache that was made where the tree lay before it was moved or copied is of no use.
  if [[ -f $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
    fresh=(--fresh)
  fi
  if (($# > 1)); then targets=(--target "${@:2}"); fi
  quietly debian cmake --preset "$preset" "${fresh[@]}"
  say "building $preset into build/$preset with $jobs jobs"
  build=(debian cmake --build --preset "$preset" -j "$jobs" "${targets[@]}")
  if [[ -t 1 ]]; then
    "${build[@]}"
  else
    "${build[@]}" -- --quiet | { grep -vx 'ninja: no work to do.' || true; }
  fi || fail "the build of $preset failed; its first mistake is above"
)

# test_preset PRESET [CTEST ARGUMENT...]: runs the tests of its test preset; all of ctest's words
# are in build/PRESET/ctest.log. Without arguments only what fails is shown. Returns ctest's status.
test_preset() (
  preset=$1
  log=$root/build/$preset/ctest.log
  status=0
  fixed_addresses=()
  shift
  cd "$root" || exit
  rm -f "$log"
  # Addresses spread wider than g++ 12's thread sanitizer knows make it refuse to start.
  if [[ $preset == tsan ]] && setarch "$(uname -m)" -R true 2>/dev/null; then
    fixed_addresses=(setarch "$(uname -m)" -R)
  fi
  run=(debian "${fixed_addresses[@]}" ctest --preset "$preset" --output-log "$log" "$@")
  if (($# > 0)); then
    "${run[@]}" || status=$?
  else
    { "${run[@]}" || status=$?; echo "$status" >"$log.status"; } | without_passes
    status=$(<"$log.status")
    rm -f "$log.status"
  fi
  return "$status"
)

# without_passes: ctest's output but for the tests that pass; a terminal sees them counted up.
without_passes() {
  local line erase=''
  if [[ -t 1 ]]; then erase=$'\r\e[K'; fi
  while IFS= read -r line; do
    if [[ $line =~ ^\ *([0-9]+/[0-9]+)\ Test\ .*\ Passed\ +[0-9.]+\ sec$ ]]; then
      if [[ -n $erase ]]; then printf '%s%s tests' "$erase" "${BASH_REMATCH[1]}"; fi
    elif [[ -n $line && ! $line =~ ^(\ *Start\ +[0-9]+:|Test\ project) ]]; then
      printf '%s%s\n' "$erase" "$line"
    fi
  done
}

# closing_line PRESET: ctest's own summary of the last run.
closing_line() { grep -E '^[0-9]+% tests passed' "$root/build/$1/ctest.log" | tail -n 1; }

# failed_tests PRESET: the names of the tests that failed in the last run, in one line.
failed_tests() {
  sed -nE 's/^[[:space:]]+[0-9]+ - (.*) \(.*\)$/\1/p' "$root/build/$1/ctest.log" | paste -sd' '
}
