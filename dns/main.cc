// SPDX-License-Identifier: Apache-2.0
//
// hither-dns: the authoritative DNS server of a world. This file is its table of contents.
#include <csignal>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <thread>

#include "dns/server.h"
#include "dns/server_setup.h"
#include "dns/settings.h"
#include "io/log_sink.h"
#include "io/loop.h"
#include "io/privileges.h"
#include "io/socket.h"

namespace hither::dns {
namespace {

constexpr int exit_mistake = 2;

struct CommandLine {
  Flags flags;
  std::string user;
  std::string log;
  std::string log_format;
};

void add_flags(CLI::App& app, CommandLine& line) {
  const auto add = [&app](const char* flag, const char* variable, std::string& value,
                          const char* help) {
    app.add_option(flag, value, help)->envname(variable);
  };
  Flags& flags = line.flags;
  add("--topology", "HITHER_TOPOLOGY", flags.topology,
      "the description of the world (a .toml file)");
  add("--listen", "HITHER_DNS_LISTEN", flags.listen,
      "ADDRESS:PORT to answer on; several with commas");
  add("--host", "HOST", flags.host, "address to answer on, together with --port");
  add("--port", "PORT", flags.port, "port to answer on");
  add("--admin-listen", "HITHER_ADMIN_LISTEN", flags.admin_listen,
      "ADDRESS:PORT of the status pages");
  add("--threads", "HITHER_THREADS", flags.threads,
      "threads that answer; one per core if not said");
  add("--node", "HITHER_NODE", flags.node, "what this server calls itself, where dns.tell lets it");
  add("--overrides", "HITHER_OVERRIDES", flags.overrides,
      "the file in which operators overrule the probes");
  add("--state", "HITHER_STATE", flags.state, "the folder of that file (overrides.toml)");
  add("--user", "HITHER_USER", line.user, "whom to become once the ports are open");
  add("--log", "HITHER_LOG", line.log, "debug, info, warning or error");
  add("--log-format", "HITHER_LOG_FORMAT", line.log_format, "text or json");
}

int refuse(const std::string& line) {
  std::fprintf(stderr, "hither-dns: %s\n", line.c_str());
  return exit_mistake;
}

/// Mistakes in files say where they are; they stand as they are, for editors to jump to.
int refuse(const std::vector<Error>& mistakes) {
  for (const Error& mistake : mistakes) std::fprintf(stderr, "%s\n", mistake.message.c_str());
  std::fprintf(stderr, "hither-dns: %zu mistake%s; nothing was started\n", mistakes.size(),
               mistakes.size() == 1 ? "" : "s");
  return exit_mistake;
}

int run(const CommandLine& line) {
  if (const auto log = io::set_up_log(line.log, line.log_format); !log) {
    return refuse(log.error().message);
  }
  if (line.flags.topology.empty()) {
    return refuse("no description; set HITHER_TOPOLOGY or --topology to its path");
  }
  io::raise_open_files_limit();  // TCP connections want more than is usual.
  // Before anything takes time: a signal that comes while files are read is an orderly stop, too.
  io::Loop loop;
  std::function<void()> reload;
  const io::SignalWatch signals(loop, {SIGTERM, SIGINT, SIGHUP}, [&](int number) {
    if (number != SIGHUP) return loop.stop();
    if (reload) reload();
  });
  const Start start{.flags = line.flags,
                    .cores = static_cast<int>(std::thread::hardware_concurrency()),
                    .lasting = make_lasting()};
  SetupReading reading = set_up(start);
  if (!reading.setup) return refuse(reading.mistakes);
  Server server(loop, start, std::move(reading));
  if (const auto listening = server.listen(); !listening) return refuse(listening.error().message);
  if (const auto dropped = io::drop_privileges(line.user); !dropped) {
    return refuse(dropped.error().message);
  }
  server.start();
  reload = [&server] { server.reload(); };
  loop.run();
  server.stop();
  io::write_log(log_info("stopped"));
  return 0;
}

}  // namespace
}  // namespace hither::dns

int main(int argc, char** argv) {
  try {
    CLI::App app("hither-dns: answers DNS queries with the nearest machine room that is up");
    hither::dns::CommandLine line;
    hither::dns::add_flags(app, line);
    app.footer(
        "Examples:\n"
        "  HITHER_TOPOLOGY=world.toml hither-dns            listens where the description says\n"
        "  hither-dns --topology world.toml --listen 127.0.0.1:5353\n"
        "  curl 'http://127.0.0.1:7070/explain?name=www.example.test&from=133.11.0.1'\n"
        "  dig @127.0.0.1 -p 5353 www.example.test +subnet=133.11.0.0/16");
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? 0 : hither::dns::exit_mistake;
    }
    return hither::dns::run(line);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hither-dns: %s\n", error.what());
    return 1;
  }
}
