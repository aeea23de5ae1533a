// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "io/log_sink.h"
#include "io/socket.h"
#include "lb/buffer.h"
#include "lb/server.h"
#include "lb/server_setup.h"
#include "lb/settings.h"

namespace {

using namespace hither;

constexpr int status_bad_input = 2;

struct Options {
  lb::Flags flags;
  std::string threads;
  std::string log;
  std::string log_format;
  std::string handover;
  std::string leave_within;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--topology", options.flags.topology, "description file of the world")
      ->envname("HITHER_TOPOLOGY");
  app.add_option("--room", options.flags.room, "the room this balancer is in")
      ->envname("HITHER_ROOM");
  app.add_option("--admin-listen", options.flags.admin, "status pages, as address:port")
      ->envname("HITHER_ADMIN_LISTEN");
  app.add_option("--resolvers", options.flags.resolvers,
                 "DNS servers for the names of copies (those of /etc/resolv.conf)")
      ->envname("HITHER_RESOLVERS");
  app.add_option("--threads", options.threads, "worker threads (1)")->envname("HITHER_THREADS");
  app.add_option("--handover", options.handover,
                 "where a new process meets the running one to take its place: a path or @name")
      ->envname("HITHER_HANDOVER");
  app.add_option("--leave-within", options.leave_within,
                 "how long clients may stay after that (the longest drain and 60s)")
      ->envname("HITHER_LEAVE_WITHIN");
  app.add_option("--log", options.log, "debug, info, warning or error (info)")
      ->envname("HITHER_LOG");
  app.add_option("--log-format", options.log_format, "text or json (text)")
      ->envname("HITHER_LOG_FORMAT");
}

int complain(const Error& error) {
  fmt::print(stderr, "hither-lb: {}\n", error.message);
  return status_bad_input;
}

/// Mistakes in files say where they are; they stand as they are, for editors to jump to.
int refuse(const std::vector<Error>& mistakes) {
  for (const Error& mistake : mistakes) fmt::print(stderr, "{}\n", mistake.message);
  fmt::print(stderr, "hither-lb: {} mistake{}; nothing was started\n", mistakes.size(),
             mistakes.size() == 1 ? "" : "s");
  return status_bad_input;
}

/// Blocks of bytes (lb/buffer.h) go back to the system each for itself when a burst is over,
/// instead of staying as holes between what is small and lives long.
void map_blocks() { mallopt(M_MMAP_THRESHOLD, static_cast<int>(lb::block_bytes)); }

constexpr Duration leave_within_max = std::chrono::hours(24);

Result<lb::Balancer::Succession> succession_of(const Options& options,
                                               std::vector<std::string> argv) {
  lb::Balancer::Succession succession{
      .place = options.handover, .limit = std::nullopt, .argv = std::move(argv)};
  if (options.leave_within.empty()) return succession;
  const Result<Duration> limit = parse_duration(options.leave_within);
  if (!limit || *limit > leave_within_max) {
    return fail("HITHER_LEAVE_WITHIN is '" + options.leave_within +
                "'; write a duration of at most 24h, such as 90s");
  }
  succession.limit = *limit;
  return succession;
}

int serve(const Options& options, std::vector<std::string> argv) {
  if (const auto log = io::set_up_log(options.log, options.log_format); !log) {
    return complain(log.error());
  }
  const Result<unsigned> threads = lb::parse_threads(options.threads);
  if (!threads) return complain(threads.error());
  if (options.flags.topology.empty()) {
    return complain({"no description; set HITHER_TOPOLOGY or --topology to its file"});
  }
  const lb::SetupReading first = lb::set_up(options.flags);
  if (!first.settings) return refuse(first.mistakes);
  Result<lb::Balancer::Succession> succession = succession_of(options, std::move(argv));
  if (!succession) return complain(succession.error());
  io::raise_open_files_limit();  // A connection is a descriptor or two.
  map_blocks();
  lb::Balancer balancer(*first.settings, *threads, std::move(*succession));
  balancer.follow([flags = options.flags] { return lb::set_up(flags); }, first);
  if (const Result<void> listening = balancer.listen(); !listening) {
    return complain(listening.error());
  }
  // Beyond this point every port is ours.
  return balancer.run() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app{"the load balancer of one machine room: TCP and HTTP/1.1", "hither-lb"};
    Options options;
    add_options(app, options);
    app.footer(
        "Examples:\n"
        "  HITHER_TOPOLOGY=world.toml HITHER_ROOM=fra hither-lb\n"
        "  hither-lb --topology world.toml --room fra --threads 2\n"
        "  hither-lb --topology world.toml --room fra --handover /run/hither-lb/fra   takes over "
        "from one that runs\n"
        "  curl http://127.10.0.1:7070/health               what the DNS reads: usable, capacity, "
        "load\n"
        "  curl http://127.10.0.1:7070/status               every farm and server");
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? 0 : status_bad_input;
    }
    return serve(options, {argv, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "hither-lb: {}\n", error.what());
    return 1;
  }
}
