// SPDX-License-Identifier: Apache-2.0
// The hither command: a table of contents of what people can do. Each command is a file of its own.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "base/text.h"
#include "tools/ask_world.h"
#include "tools/cmd_check.h"
#include "tools/cmd_explain.h"
#include "tools/cmd_explain_picks.h"
#include "tools/cmd_override.h"
#include "tools/cmd_status.h"
#include "tools/cmd_up.h"
#include "tools/cmd_upgrade.h"
#include "tools/cmd_whatif.h"

namespace {

using namespace hither::tools;
namespace topology = hither::topology;

constexpr const char* about =
    "hither: geo-aware DNS and load balancing across machine rooms.\n\n"
    "  hither up world.toml                                   start the world, Ctrl-C ends it\n"
    "  hither status                                          who is up, since when, how busy\n"
    "  hither explain www.example.test --from 133.11.0.1      why that client gets that room\n"
    "  hither explain --farm web --room fra                   why requests get those copies\n";

struct Arguments {
  std::string file;
  std::string world;
  std::string target;
  std::string over;
  std::string reason;
  std::vector<std::string> rooms;
  bool json = false;
};

CLI::App* add(CLI::App& app, const std::string& name, const std::string& does,
              const std::string& examples) {
  CLI::App* command = app.add_subcommand(name, does);
  command->footer("Examples:\n" + examples);
  return command;
}

void add_check(CLI::App& app, CheckOptions& options, std::function<int()>& run) {
  CLI::App* check =
      add(app, "check", "Say every mistake of a description, or that it is sound",
          "  hither check world.toml\n"
          "  hither check world.toml --strict                 status 1 for warnings, too\n"
          "  hither check world.toml --json | jq .warnings\n");
  check->add_option("file", options.file, "The description")->required();
  check->add_flag("--strict", options.strict,
                  "Fail for what is legal but not what its author may think, too");
  check->add_flag("--json", options.json, "Print mistakes and warnings as JSON");
  check->callback([&options, &run] { run = [&options] { return cmd_check(options); }; });
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

int refuse_command(const std::string& word, const std::vector<std::string>& names) {
  const auto meant = hither::nearest_word(word, names);
  std::fprintf(stderr, "hither: there is no command '%s'; %s\n", word.c_str(),
               meant ? ("did you mean '" + *meant + "'?").c_str()
                     : ("the commands are " + hither::join_words(names)).c_str());
  return 2;
}

void add_world_options(CLI::App& command, Arguments& arguments) {
  command.add_flag("--json", arguments.json, "Print JSON instead of a table");
  command.add_option("--world", arguments.world,
                     "Which world, where several run on this machine (by the name in its file)");
}

/// Of the balancers: how requests came to their copies.
void add_explain_picks(CLI::App& explain, ExplainPicksOptions& options) {
  explain.add_option("--farm", options.farm, "Explain the last requests of this farm instead");
  explain.add_option("--room", options.room, "In which room; otherwise in all");
  explain.add_option("--request", options.request,
                     "Explain this request: its id as in X-Request-Id and the access log");
  explain.add_option("--last", options.last, "How many requests of a farm; 10 if not said")
      ->check(CLI::Range(1, 1000));
  explain
      .add_option("--watch", options.watch_s,
                  "Have every request recorded for so many seconds first")
      ->check(CLI::Range(1, 60));
}

int run_explain(ExplainOptions& options, ExplainPicksOptions& picks) {
  if (!picks.farm.empty() || !picks.request.empty()) {
    picks.world = options.world;
    picks.json = options.json;
    return cmd_explain_picks(picks);
  }
  if (!options.name.empty() && !options.from.empty()) return cmd_explain(options);
  return complain(hither::Error{
      "explain what? Write NAME --from CLIENT for a room, --farm FARM or --request ID for a copy"});
}

void add_explain(CLI::App& app, ExplainOptions& options, ExplainPicksOptions& picks,
                 std::function<int()>& run) {
  CLI::App* explain =
      add(app, "explain", "Say why a client is sent to which room, and a request to which copy",
          "  hither explain www.example.test --from 133.11.0.1\n"
          "  hither explain www.example.test --from 2001:200::/32 --json\n"
          "  hither explain www.example.test --from 133.11.0.1 --file world.toml --down nrt\n"
          "  hither explain --farm web --room fra --last 3\n"
          "  hither explain --farm web --watch 10\n"
          "  hither explain --request 0123456789abcdef\n");
  explain->add_option("name", options.name, "A steered name");
  explain->add_option("--from", options.from, "The client: an address or a network");
  explain->add_option("--type", options.type, "A or AAAA");
  explain->add_option("--resolver", options.resolver,
                      "The address of the client's resolver; it decides where private client "
                      "subnets may not");
  explain->add_option("--file", options.file,
                      "A description: explain from it, without a running world");
  explain->add_option("--down", options.down, "With --file: a room to suppose down; repeatable");
  explain->add_flag("--json", options.json, "Print JSON instead of a table");
  explain->add_option("--world", options.world,
                      "Which world, where several run on this machine (by the name in its file)");
  add_explain_picks(*explain, picks);
  explain->callback([&options, &picks, &run] {
    run = [&options, &picks] { return run_explain(options, picks); };
  });
}

void add_whatif(CLI::App& app, WhatIfOptions& options, std::function<int()>& run) {
  CLI::App* whatif = add(app, "whatif", "Say where all clients would go if rooms failed",
                         "  hither whatif world.toml --down fra\n"
                         "  hither whatif world.toml --down fra --down iad --clients 5000\n"
                         "  hither whatif world.toml --all --population clients.csv --json\n");
  whatif->add_option("file", options.file, "The description")->required();
  whatif->add_option("--down", options.down, "A room to suppose down; repeatable");
  whatif->add_flag("--all", options.all, "Suppose each room down, and each pair of rooms");
  whatif->add_option("--name", options.name, "Which steered name, where there are several");
  whatif->add_option("--clients", options.clients, "Requests at once, in all")
      ->check(CLI::PositiveNumber);
  whatif->add_option("--population", options.population,
                     "How many clients are where: a file of network,number (otherwise IPv4 "
                     "addresses are counted)");
  whatif->add_flag("--ipv6", options.ipv6, "Count IPv6 blocks of /48 instead of IPv4 addresses");
  whatif->add_flag("--json", options.json, "Print JSON instead of a table");
  whatif->callback([&options, &run] { run = [&options] { return cmd_whatif(options); }; });
}

void add_world(CLI::App& command, Arguments& arguments) {
  command.add_option("--world", arguments.world,
                     "Which world, where several run on this machine (by the name in its file)");
}

/// drain, down and force-up: what an operator says over the probes.
void add_override(CLI::App& app, Arguments& arguments, std::function<int()>& run,
                  topology::Override::Kind kind, const std::string& name, const std::string& does) {
  const bool drains = kind == topology::Override::Kind::drain;
  CLI::App* command =
      add(app, name, does,
          "  hither " + name + " fra\n  hither " + name +
              (drains ? " fra/web --over 10m" : " fra/web") + " --reason 'new switches'\n");
  command->add_option("room", arguments.target, "ROOM or ROOM/FARM")->required();
  command->add_option("--reason", arguments.reason, "Why, for those who ask for the status");
  if (drains) command->add_option("--over", arguments.over, "How long it takes, such as 10m");
  add_world(*command, arguments);
  command->callback([&arguments, &run, kind] {
    run = [&arguments, kind] {
      return cmd_override({.world = arguments.world,
                           .target = arguments.target,
                           .kind = kind,
                           .over = arguments.over,
                           .reason = arguments.reason});
    };
  });
}

void add_override_commands(CLI::App& app, Arguments& arguments, std::function<int()>& run) {
  using Kind = topology::Override::Kind;
  add_override(app, arguments, run, Kind::drain, "drain",
               "Send clients elsewhere, at once or bit by bit");
  add_override(app, arguments, run, Kind::down, "down", "Take a room for down, whatever it says");
  add_override(app, arguments, run, Kind::up, "force-up", "Take a room for up, whatever it says");
  CLI::App* restore = add(app, "restore", "Take an override back", "  hither restore fra\n");
  restore->add_option("room", arguments.target, "ROOM or ROOM/FARM")->required();
  add_world(*restore, arguments);
  restore->callback([&] { run = [&] { return cmd_restore(arguments.world, arguments.target); }; });
  CLI::App* list = add(app, "overrides", "List what operators have said over the probes",
                       "  hither overrides\n  hither overrides --json | jq .overrides\n");
  list->add_flag("--json", arguments.json, "Print JSON instead of a table");
  add_world(*list, arguments);
  list->callback([&] { run = [&] { return cmd_overrides(arguments.world, arguments.json); }; });
}

int dispatch(int argc, char** argv) {
  CLI::App app(about, "hither");
  app.require_subcommand(1);
  app.set_version_flag("--version", HITHER_VERSION);
  app.footer("HITHER_STATE names the folder in which running worlds are found.");
  Arguments arguments;
  std::function<int()> run;

  CheckOptions check_options;
  add_check(app, check_options, run);

  CLI::App* plan = add(app, "plan", "List the processes a description asks for, in start order",
                       "  hither plan world.toml\n  hither plan world.toml --json | jq .\n");
  plan->add_option("file", arguments.file, "The description")->required();
  plan->add_flag("--json", arguments.json, "Print JSON instead of a table");
  plan->callback([&] { run = [&] { return cmd_plan(arguments.file, arguments.json); }; });

  CLI::App* schema = add(app, "schema", "Print the JSON Schema of descriptions, for editors",
                         "  hither schema > world.schema.json\n");
  schema->callback([&] { run = [] { return cmd_schema(); }; });

  CLI::App* up =
      add(app, "up", "Start a world in the foreground; Ctrl-C ends it and leaves nothing",
          "  hither up world.toml\n");
  up->add_option("file", arguments.file, "The description")->required();
  up->callback([&] { run = [&] { return cmd_up(arguments.file); }; });

  CLI::App* status = add(app, "status", "Show every room, balancer and copy of a running world",
                         "  hither status\n  hither status --json | jq .rooms\n");
  add_world_options(*status, arguments);
  status->callback([&] { run = [&] { return cmd_status(arguments.world, arguments.json); }; });

  CLI::App* upgrade =
      add(app, "upgrade", "Let new processes of balancers take over, without losing a request",
          "  hither upgrade\n  hither upgrade fra iad\n");
  upgrade->add_option("rooms", arguments.rooms, "Which rooms; all if none is named");
  add_world(*upgrade, arguments);
  upgrade->callback([&] { run = [&] { return cmd_upgrade(arguments.world, arguments.rooms); }; });

  ExplainOptions explain_options;
  ExplainPicksOptions picks_options;
  add_explain(app, explain_options, picks_options, run);
  WhatIfOptions whatif_options;
  add_whatif(app, whatif_options, run);

  add_override_commands(app, arguments, run);

  const auto commands = commands_of(app);
  if (argc > 1 && argv[1][0] != '-' && std::ranges::find(commands, argv[1]) == commands.end()) {
    return refuse_command(argv[1], commands);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version come this way too, with status 0.
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hither: %s\n", error.what());
  }
  return 1;
}
