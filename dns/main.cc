// SPDX-License-Identifier: Apache-2.0
//
// hither-dns: the authoritative DNS server of a world. This file is its table of contents.
#include <csignal>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>

#include "dns/server.h"
#include "dns/server_load.h"
#include "dns/settings.h"
#include "io/files.h"
#include "io/log_sink.h"
#include "io/loop.h"

namespace hither::dns {
namespace {

constexpr int exit_mistake = 2;

struct CommandLine {
  Flags flags;
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
  add("--log", "HITHER_LOG", line.log, "debug, info, warning or error");
  add("--log-format", "HITHER_LOG_FORMAT", line.log_format, "text or json");
}

int refuse(const std::string& lines) {
  std::fprintf(stderr, "%s\n", lines.c_str());
  return exit_mistake;
}

int refuse(const std::vector<Error>& mistakes) {
  for (const Error& mistake : mistakes) std::fprintf(stderr, "%s\n", mistake.message.c_str());
  return exit_mistake;
}

/// Serves until a signal says stop.
int serve(const Settings& settings, Loaded loaded) {
  io::Loop loop;
  const io::SignalWatch signals(loop, {SIGTERM, SIGINT}, [&loop](int) { loop.stop(); });
  Server server(loop, settings, std::move(loaded));
  if (const auto listening = server.listen(); !listening) return refuse(listening.error().message);
  server.start();
  loop.run();
  io::write_log(log_info("stopped"));
  return 0;
}

int run(const CommandLine& line) {
  if (const auto log = io::set_up_log(line.log, line.log_format); !log) {
    return refuse(log.error().message);
  }
  const std::string& file = line.flags.topology;
  if (file.empty()) return refuse("no description; set HITHER_TOPOLOGY or --topology to its path");
  const auto text = io::read_file(file);
  if (!text) return refuse(text.error().message);
  const topology::Reading reading = topology::read_description(*text, file);
  if (!reading.description) return refuse(topology::to_text(reading.mistakes, file));

  std::vector<Error> mistakes;
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  const auto settings = make_settings(line.flags, *reading.description, cores, mistakes);
  if (!settings) return refuse(mistakes);
  auto loaded = load(*settings, mistakes);
  if (!loaded) return refuse(mistakes);
  return serve(*settings, std::move(*loaded));
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
