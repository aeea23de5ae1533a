// SPDX-License-Identifier: Apache-2.0
#include "dns/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "dns/explain.h"
#include "dns/serial.h"
#include "io/clock.h"
#include "io/log_sink.h"
#include "io/notify.h"

namespace hither::dns {
namespace {

/// Where the kernel chooses the port, one must be found that is free for UDP and TCP alike.
constexpr int port_attempts = 16;
/// How often files are looked at: a few stat() calls.
constexpr Duration file_interval = std::chrono::milliseconds(250);
/// How often the queries that are logged become lines.
constexpr Duration log_interval = std::chrono::milliseconds(100);

using Slots = std::vector<std::uint16_t>;

Result<ListenSockets> open_pair(const Endpoint& endpoint, bool reuse_port) {
  auto udp = io::bind_udp(endpoint, reuse_port);
  if (!udp) return tl::unexpected(udp.error());
  const auto bound = io::local_endpoint(udp->get());
  if (!bound) return tl::unexpected(bound.error());
  auto tcp = io::listen_tcp(*bound, {.reuse_port = reuse_port});
  if (!tcp) return tl::unexpected(tcp.error());
  return ListenSockets{.endpoint = *bound, .udp = std::move(*udp), .tcp = std::move(*tcp)};
}

/// The address with its port settled, after trying that nobody else has it: with SO_REUSEPORT a
/// second server of the same user would get a share of the queries, and nobody would know.
Result<Endpoint> settle_endpoint(const Endpoint& endpoint) {
  for (int attempt = 1;; ++attempt) {
    auto alone = open_pair(endpoint, false);
    if (alone) return alone->endpoint;
    if (endpoint.port != 0 || attempt == port_attempts) return tl::unexpected(alone.error());
  }
}

/// How many TCP connections there may be. Probes, sockets, status pages and files need descriptors,
/// too: so clients can never make rooms look dead.
std::size_t connections_max(const Settings& settings, std::size_t probes) {
  const auto threads = static_cast<std::size_t>(settings.threads);
  const std::size_t pages = io::AdminServer::Limits{}.connections_max;
  const std::size_t reserved = 32 + pages + probes + threads * (2 * settings.listen.size() + 3);
  const std::size_t files = io::open_files_max();
  const auto wanted = static_cast<std::size_t>(settings.description.dns.protocol.tcp.connections);
  return std::min(wanted, files - std::min(files, reserved));
}

/// The part of one thread; together they make all of them, but for one each at least.
std::size_t connections_of_thread(std::size_t connections, const Settings& settings, int thread) {
  const auto threads = static_cast<std::size_t>(settings.threads);
  const bool one_more = static_cast<std::size_t>(thread) < connections % threads;
  return std::max<std::size_t>(connections / threads + (one_more ? 1 : 0), 1);
}

io::Page error_page(const Error& error) {
  const nlohmann::ordered_json json = {{"error", error.message}};
  return {.status = 400, .body = json.dump() + "\n"};
}

std::string find_or_empty(const io::PageRequest& request, const std::string& key) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? "" : found->second;
}

}  // namespace

Server::Server(io::Loop& loop, const Start& start, SetupReading first)
    : loop_(loop),
      settings_(first.setup->settings),
      loaded_(std::move(first.setup->loaded)),
      started_(io::monotonic_now()),
      ttls_at_start_(longest_ttls(settings_.description)),
      board_(settings_.description, started_),
      share_control_(settings_.description),
      slots_of_rooms_(slots_.assign(topology::room_names(settings_.description)).value_or(Slots())),
      snapshot_(std::make_shared<const Snapshot>(
          Snapshot{loaded_.directory, board_.states(), loaded_.protocol, {}, slots_of_rooms_})),
      tcp_quota_(static_cast<std::size_t>(settings_.description.dns.protocol.tcp.per_client),
                 io::random_seed()),
      admin_(loop),
      probes_(board_.probes()),
      probe_timer_(loop, [this] { probe_due(); }),
      share_timer_(loop, [this] { publish(); }),
      notify_sender_(loop),
      reloader_(
          loop, [start] { return set_up(start); }, first,
          [this](SetupReading reading, Duration took) { on_read(std::move(reading), took); }),
      overrides_stamp_(first.setup->overrides_stamp),
      file_timer_(loop, [this] { look_at_files(); }),
      log_timer_(loop, [this] { log_queries(); }) {
  set_overrides(first.setup->overrides);
}

Result<std::vector<ListenSockets>> Server::open_sockets() {
  std::vector<ListenSockets> sockets;
  for (const Endpoint& endpoint : endpoints_) {
    auto pair = open_pair(endpoint, settings_.threads > 1);
    if (!pair) return tl::unexpected(pair.error());
    sockets.push_back(std::move(*pair));
  }
  return sockets;
}

Result<void> Server::listen() {
  for (const Endpoint& endpoint : settings_.listen) {
    const auto settled = settle_endpoint(endpoint);
    if (!settled) return tl::unexpected(settled.error());
    endpoints_.push_back(*settled);
  }
  const std::size_t connections = connections_max(settings_, board_.probes());
  for (int i = 0; i < settings_.threads; ++i) {
    auto sockets = open_sockets();
    if (!sockets) return tl::unexpected(sockets.error());
    const TcpLimits tcp{.connections_max = connections_of_thread(connections, settings_, i),
                        .quota = &tcp_quota_};
    threads_.push_back(std::make_unique<ServerThread>(std::move(*sockets), snapshot_, tcp));
    for (const Counters* one : threads_.back()->counters()) counters_.push_back(one);
    for (QueryLog* one : threads_.back()->query_logs()) query_logs_.push_back(one);
  }
  add_pages();
  const auto admin = admin_.listen(settings_.admin);
  if (!admin) return tl::unexpected(admin.error());
  admin_endpoint_ = *admin;
  return {};
}

void Server::start() {
  for (const auto& thread : threads_) thread->start();
  for (const Endpoint& endpoint : endpoints_) {
    io::write_log(log_info("listening").with("dns", to_text(endpoint)));
  }
  io::write_log(log_info("listening").with("admin", to_text(admin_endpoint_)));
  for (const LogRecord& record : describe_warnings(settings_.description, nullptr)) {
    io::write_log(record);
  }
  for (const LogRecord& record : warn_of_hints(*loaded_.directory, nullptr)) io::write_log(record);
  log_tcp_limit();
  say_ready_once();
  probe_due();
  file_timer_.set(io::monotonic_now() + file_interval);
  start_query_log();
  tell_secondaries();
}

/// Zones that may be transferred are, from the first moment: nothing of them is steered.
void Server::tell_secondaries() {
  for (const LogRecord& record : name_partial_transfers(*loaded_.directory)) io::write_log(record);
  notify_sender_.set_zones(*loaded_.directory, endpoints_);
}

void Server::probe_due() {
  const Instant now = io::monotonic_now();
  after_event(board_.on_time(now));
  for (const std::uint16_t number : board_.take_due(now)) {
    probes_[number] = std::make_unique<Sent>();
    Sent& sent = *probes_[number];
    sent.number = number;
    sent.probe = std::make_unique<SentProbe>(
        loop_, board_.probe(number), settings_.description.dns.health.timeout,
        [this, &sent](const ProbeResult& result) { on_result(sent.number, result); });
  }
  probe_timer_.set(board_.deadline());
}

/// What is on its way and still asked stays so on a new board; it may have another number there.
void Server::keep_probes() {
  auto before = std::exchange(probes_, {});
  probes_.resize(board_.probes());
  for (std::size_t i = 0; i < probes_.size(); ++i) {
    const auto kept = board_.kept(i);
    if (!kept) continue;
    probes_[i] = std::move(before[*kept]);
    probes_[i]->number = static_cast<std::uint16_t>(i);
  }
}

void Server::on_result(std::uint16_t probe, const ProbeResult& result) {
  if (!result.ours) {
    probe_times_.add(settings_.description.rooms[board_.probe(probe).room].name, result.took);
  }
  after_event(board_.on_result(probe, result, io::monotonic_now()));
  say_ready_once();
  probe_timer_.set(board_.deadline());
  probes_[probe].reset();  // Last: `result` and this callback live in it.
}

/// When the first round is over: after its last result, or a reload without the rooms that it
/// waited for.
void Server::say_ready_once() {
  if (ready_ || !board_.complete()) return;
  ready_ = true;
  io::notify("READY=1");
}

void Server::after_event(const std::vector<LogRecord>& records) {
  publish();
  for (const LogRecord& record : records) io::write_log(record);
}

/// What no thread reads any more is freed here, not between two batches of queries.
void Server::publish() {
  std::erase_if(retired_, [](const auto& snapshot) { return snapshot.use_count() == 1; });
  Shares shares = share_control_.step(board_.states(), io::monotonic_now());
  share_timer_.set(share_control_.deadline());
  if (snapshot_->directory == loaded_.directory && board_.states() == snapshot_->rooms &&
      shares == snapshot_->shares) {
    return;
  }
  retired_.push_back(std::move(snapshot_));
  snapshot_ = std::make_shared<const Snapshot>(Snapshot{
      loaded_.directory, board_.states(), loaded_.protocol, std::move(shares), slots_of_rooms_});
  for (const auto& thread : threads_) thread->publish(snapshot_);
}

void Server::look_at_files() {
  reloader_.look();
  look_at_overrides();
  file_timer_.set(io::monotonic_now() + file_interval);
}

void Server::look_at_overrides() {
  const auto stamp = io::stamp_of(settings_.overrides);
  if (stamp == overrides_stamp_) return;
  overrides_stamp_ = stamp;
  read_overrides_again();
}

void Server::start_query_log() {
  if (settings_.description.dns.query_log_one_in == 0) return;
  log_timer_.set(io::monotonic_now() + log_interval);
}

/// At most one ring of each thread, so that no flood keeps this thread from its probes.
void Server::write_query_log() {
  for (QueryLog* log : query_logs_) {
    for (std::size_t i = 0; i < QueryRing::capacity; ++i) {
      const auto record = log->take();
      if (!record) break;
      io::write_log(to_log(*record, slots_.rooms()));
    }
  }
}

/// Goes on after a reload that wants no log: threads take the new snapshot when they like.
void Server::log_queries() {
  write_query_log();
  log_timer_.set(io::monotonic_now() + log_interval);
}

/// Threads first: what they note until then is in the rings, which hold it all.
void Server::stop() {
  for (const auto& thread : threads_) thread->stop();
  write_query_log();
}

/// False: they cannot be read, and stay as they are.
bool Server::read_overrides_again() {
  std::vector<Error> mistakes;
  const auto overrides = read_overrides_file(settings_.overrides, mistakes);
  override_mistakes_.clear();
  for (const Error& mistake : mistakes) {
    override_mistakes_.push_back(mistake.message);
    io::write_log(log_error("overrides-refused").with("mistake", mistake.message));
  }
  if (overrides) set_overrides(*overrides);
  return overrides.has_value();
}

void Server::set_overrides(const topology::Overrides& overrides) {
  overrides_ = overrides;
  const Instant now = io::monotonic_now();
  for (const topology::Override& one : overrides_.all) {
    const auto stranger = topology::find_stranger(one, settings_.description);
    if (stranger) io::write_log(log_warning("override-of-nobody").with("reason", *stranger));
  }
  after_event(board_.set_overrides(
      resolve(overrides_, settings_.description, {.wall = io::wall_now(), .now = now}), now));
  probe_timer_.set(board_.deadline());
}

bool Server::refuse(const std::vector<Error>& mistakes) {
  for (const Error& mistake : mistakes) {
    reloads_.mistakes.push_back(mistake.message);
    io::write_log(log_error("reload-refused").with("mistake", mistake.message));
  }
  if (!mistakes.empty()) ++reloads_.refused;
  return !mistakes.empty();
}

void Server::on_read(SetupReading reading, Duration took) {
  reloads_.last = io::monotonic_now();
  reloads_.took = took;
  reloads_.mistakes.clear();
  if (refuse(reading.mistakes)) return;
  if (refuse(find_fixed_changes(settings_, reading.setup->settings))) return;
  auto slots = slots_.assign(topology::room_names(reading.setup->settings.description));
  if (!slots) {
    refuse({{fmt::format("more than {} different rooms since the start; restart hither-dns",
                         rooms_max)}});
    return;
  }
  slots_of_rooms_ = std::move(*slots);
  take(std::move(*reading.setup));
  ++reloads_.done;
  io::write_log(log_info("reloaded")
                    .with("rooms", settings_.description.rooms.size())
                    .with("names", settings_.description.names.size())
                    .with("took", hither::to_text(Duration(
                                      std::chrono::floor<std::chrono::milliseconds>(took)))));
}

void Server::take(Setup fresh) {
  const Instant now = io::monotonic_now();
  for (const LogRecord& record : judge_serials(*loaded_.directory, *fresh.loaded.directory)) {
    io::write_log(record);
  }
  for (const LogRecord& record :
       describe_warnings(fresh.settings.description, &settings_.description)) {
    io::write_log(record);
  }
  for (const LogRecord& record : warn_of_hints(*fresh.loaded.directory, loaded_.directory.get())) {
    io::write_log(record);
  }
  settings_ = std::move(fresh.settings);
  loaded_ = std::move(fresh.loaded);
  board_ = RoomBoard(settings_.description, now, &board_);
  share_control_ = ShareControl(settings_.description, &share_control_);
  keep_probes();
  limit_tcp();
  take_overrides(fresh.overrides, fresh.overrides_stamp);
  say_ready_once();
  probe_due();
  start_query_log();
  tell_secondaries();
}

/// Their file may have changed since a reload read it, and been taken. The latest of all that was
/// good is set, and nothing else in between.
void Server::take_overrides(const topology::Overrides& read,
                            const std::optional<io::FileStamp>& stamp) {
  const auto latest = io::stamp_of(settings_.overrides);
  const bool taken = std::exchange(overrides_stamp_, latest) == latest;
  if (latest == stamp) {
    override_mistakes_.clear();
    set_overrides(read);
  } else if (taken || !read_overrides_again()) {
    set_overrides(overrides_);
  }
}

void Server::limit_tcp() {
  const int per_client = settings_.description.dns.protocol.tcp.per_client;
  tcp_quota_.set_per_client(static_cast<std::size_t>(per_client));
  const std::size_t connections = connections_max(settings_, board_.probes());
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    threads_[i]->limit_tcp(connections_of_thread(connections, settings_, static_cast<int>(i)));
  }
}

void Server::log_tcp_limit() const {
  const auto wanted = static_cast<std::size_t>(settings_.description.dns.protocol.tcp.connections);
  const std::size_t most = connections_max(settings_, board_.probes());
  if (most == wanted) return;
  io::write_log(log_warning("tcp-connections-limited")
                    .with("connections", most)
                    .with("wanted", wanted)
                    .with("cure", "raise the limit of open files (ulimit -n)"));
}

TcpTotals Server::tcp_totals() const {
  TcpTotals totals;
  for (const auto& thread : threads_) {
    const io::StreamCounts& counts = thread->tcp_counts();
    totals.accepted += counts.accepted.total();
    totals.closed += counts.closed.total();
    totals.over_quota += counts.over_quota.total();
    totals.idle += counts.timed_out.total();
    totals.stalled += counts.stalled.total();
    totals.shed += counts.shed.total();
  }
  return totals;
}

StatusInput Server::status_input() const {
  return {.settings = settings_,
          .rooms = snapshot_->rooms,
          .shares = snapshot_->shares,
          .board = &board_,
          .directory = loaded_.directory.get(),
          .probe_times = &probe_times_,
          .notifier = &notify_sender_.notifier(),
          .overrides = &overrides_,
          .override_mistakes = override_mistakes_,
          .reloads = reloads_,
          .counted_rooms = slots_.rooms(),
          .threads = counters_,
          .tcp = tcp_totals(),
          .ttls_at_start = ttls_at_start_,
          .databases = loaded_.geography->sources(),
          .started = started_,
          .now = io::monotonic_now()};
}

io::Page Server::explain_page(const io::PageRequest& request) const {
  const auto question = parse_question({.name = find_or_empty(request, "name"),
                                        .from = find_or_empty(request, "from"),
                                        .type = find_or_empty(request, "type"),
                                        .resolver = find_or_empty(request, "resolver")});
  if (!question) return error_page(question.error());
  const Explanation explanation = explain(*snapshot_, *loaded_.geography, *question);
  return {.body = to_json(explanation, io::monotonic_now()) + "\n"};
}

void Server::add_pages() {
  admin_.add_page("/health", [this](const io::PageRequest&) {
    return io::Page{.status = snapshot_->rooms.complete() ? 200 : 503,
                    .body = health_json(snapshot_->rooms) + "\n"};
  });
  admin_.add_page("/status", [this](const io::PageRequest&) {
    return io::Page{.body = status_json(status_input()) + "\n"};
  });
  admin_.add_page("/explain",
                  [this](const io::PageRequest& request) { return explain_page(request); });
  admin_.add_metrics([this] { return status_metrics(status_input()); });
}

}  // namespace hither::dns
