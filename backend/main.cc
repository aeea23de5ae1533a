// SPDX-License-Identifier: Apache-2.0
//
// hither-backend: a stand-in server with a service-time model and faults on demand. What it is
// asked for is read here, from the environment and from flags; what it does is in the files beside
// this one.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "backend/server.h"
#include "base/text.h"
#include "io/log_sink.h"

namespace hither::backend {
namespace {

constexpr int status_bad_input = 2;
constexpr std::uint64_t threads_max = 64;
constexpr std::uint64_t body_bytes_max = 64ULL * 1024 * 1024;
constexpr std::uint64_t requests_max = 1'000'000;

constexpr const char* examples = R"(
Examples:
  hither-backend                                      answers on 127.0.0.1:8080 at once
  PORT=9000 hither-backend --service "fixed 5ms"      each request takes 5 ms
  hither-backend --service "lognormal 20ms 1.0" --concurrency 8 --queue 50
                                                      8 at once, 50 wait, then 503
  curl -X POST 'localhost:8080/fault?slow=200ms'      slower from now on
  curl -X POST 'localhost:8080/fault?error=0.5'       half of the answers are 500
  curl -X POST localhost:8080/fault -d '{"sick": true}'   /health says 503
  curl -X POST 'localhost:8080/fault?freeze'          lives, and answers nothing but /fault
  curl -X POST 'localhost:8080/fault?crash=3'         dies with exit status 3
  curl -X POST 'localhost:8080/fault?heal'            back to normal
)";

/// Everything as text, as it comes from flags and environment.
struct Words {
  std::string host = "127.0.0.1";
  std::string port = "8080";
  std::string room;
  std::string farm;
  std::string copy = "0";
  std::string admin;
  std::string log = "info";
  std::string log_format = "text";
  std::string threads = "1";
  std::string service = "fixed 0ms";
  std::string concurrency = "0";
  std::string queue = "1024";
  std::string error_rate = "0";
  std::string seed = "1";
  std::string body = "0";
};

void add_options(CLI::App& app, Words& words) {
  const auto add = [&app](const char* flag, std::string& word, const char* variable,
                          const char* help) {
    app.add_option(flag, word, help)->envname(variable)->capture_default_str();
  };
  add("--host", words.host, "HOST", "address to listen on");
  add("--port", words.port, "PORT", "port to listen on; 0: any free one");
  add("--room", words.room, "HITHER_ROOM", "the room it says it is in");
  add("--farm", words.farm, "HITHER_FARM", "the farm it says it belongs to");
  add("--copy", words.copy, "HITHER_COPY", "which copy of the farm it says it is");
  add("--admin-listen", words.admin, "HITHER_ADMIN_LISTEN",
      "address and port of /health, /status, /metrics and /fault");
  add("--log", words.log, "HITHER_LOG", "debug, info, warning or error");
  add("--log-format", words.log_format, "HITHER_LOG_FORMAT", "text or json");
  add("--threads", words.threads, "HITHER_THREADS", "threads that serve");
  add("--service", words.service, "HITHER_BACKEND_SERVICE",
      "service time: 'fixed 5ms', 'exponential 20ms' or 'lognormal 20ms 1.0'");
  add("--concurrency", words.concurrency, "HITHER_BACKEND_CONCURRENCY",
      "requests served at once; 0: no limit");
  add("--queue", words.queue, "HITHER_BACKEND_QUEUE", "further ones that wait, then 503");
  add("--error-rate", words.error_rate, "HITHER_BACKEND_ERROR_RATE",
      "share of requests answered 500, from 0 to 1");
  add("--seed", words.seed, "HITHER_BACKEND_SEED", "of all draws");
  add("--body", words.body, "HITHER_BACKEND_BODY", "extra bytes in every answer");
}

/// A whole number, or a mistake that names the flag. `most` is the largest allowed.
Result<std::uint64_t> number(const char* name, const std::string& word, std::uint64_t most) {
  const auto value = parse_number(word);
  if (value && *value <= most) return *value;
  return fail(fmt::format("{} is '{}'; write a whole number from 0 to {}", name, word, most));
}

/// Takes values out of Results and remembers the first mistake.
class Taker {
 public:
  template <class T>
  T take(const Result<T>& result) {
    if (result) return *result;
    if (mistake_.empty()) mistake_ = result.error().message;
    return T{};
  }
  const std::string& mistake() const { return mistake_; }

 private:
  std::string mistake_;
};

Result<Server::Options> read_options(const Words& words) {
  Taker taker;
  Server::Options options;
  options.identity = {.room = words.room,
                      .farm = words.farm,
                      .copy = taker.take(number("HITHER_COPY", words.copy, requests_max)),
                      .pid = ::getpid()};
  options.listen.address = taker.take(parse_address(words.host));
  options.listen.port = static_cast<std::uint16_t>(taker.take(number("PORT", words.port, 65535)));
  if (!words.admin.empty()) options.admin = taker.take(parse_endpoint(words.admin));
  const auto threads = taker.take(number("HITHER_THREADS", words.threads, threads_max));
  options.threads = static_cast<int>(std::max<std::uint64_t>(threads, 1));
  Behaviour& behaviour = options.behaviour;
  behaviour.service = taker.take(parse_service_time(words.service));
  behaviour.concurrency =
      taker.take(number("HITHER_BACKEND_CONCURRENCY", words.concurrency, requests_max));
  behaviour.queue_max = taker.take(number("HITHER_BACKEND_QUEUE", words.queue, requests_max));
  behaviour.error_rate = taker.take(parse_share(words.error_rate));
  behaviour.seed = taker.take(number("HITHER_BACKEND_SEED", words.seed, UINT64_MAX));
  behaviour.body_bytes = taker.take(number("HITHER_BACKEND_BODY", words.body, body_bytes_max));
  if (!taker.mistake().empty()) return fail(taker.mistake());
  return options;
}

int complain(const std::string& message) {
  std::fprintf(stderr, "hither-backend: %s\n", message.c_str());
  return status_bad_input;
}

int serve(const Words& words) {
  const auto options = read_options(words);
  if (!options) return complain(options.error().message);
  const auto log = io::set_up_log(words.log, words.log_format);
  if (!log) return complain(log.error().message);
  Server server(*options);
  const auto listening = server.listen();
  if (!listening) return complain(listening.error().message);
  server.run();
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app(
      "hither-backend: a stand-in HTTP server with a service-time model and faults on "
      "demand",
      "hither-backend");
  app.footer(examples);
  Words words;
  add_options(app, words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : status_bad_input;
  }
  return serve(words);
}

}  // namespace
}  // namespace hither::backend

int main(int argc, char** argv) {
  try {
    return hither::backend::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hither-backend: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "hither-backend: an unknown exception\n");
  }
  return 1;
}
