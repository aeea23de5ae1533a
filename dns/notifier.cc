// SPDX-License-Identifier: Apache-2.0
#include "dns/notifier.h"

#include <algorithm>
#include <optional>

#include "base/assert.h"

namespace hither::dns {
namespace {

constexpr unsigned opcode_notify = 4;
constexpr std::size_t packet_size_max = 1024;  // two names of a question and an SOA, and its rest

}  // namespace

void Notifier::set_zones(const Directory& directory, Instant now) {
  std::vector<Task> before = std::exchange(tasks_, {});
  for (std::size_t i = 0; i < directory.zones.size(); ++i) {
    const Zone& zone = directory.zones[i];
    for (const Endpoint& to : directory.description.zones[i].notify) {
      const auto known = std::ranges::find_if(
          before, [&](const Task& task) { return task.to == to && task.zone == zone.origin(); });
      if (known != before.end() && known->serial == zone.serial()) {
        tasks_.push_back(std::move(*known));
        continue;
      }
      const ByteView soa = zone.soa().first();
      tasks_.push_back({.zone = zone.origin(),
                        .serial = zone.serial(),
                        .to = to,
                        .id = static_cast<std::uint16_t>(rng_.below(0x10000)),
                        .soa = Bytes(soa.begin(), soa.end()),
                        .ttl = zone.soa().ttl,
                        .due = now});
    }
  }
}

Bytes Notifier::packet_of(const Task& task) {
  Bytes packet(packet_size_max);
  Writer out(packet);
  out.u16(task.id);
  out.u16(opcode_notify << 11U | flag_authoritative);
  out.u16(1);  // question
  out.u16(1);  // answer
  out.u16(0);
  out.u16(0);
  out.bytes(task.zone.wire());
  out.u16(static_cast<std::uint16_t>(Type::soa));
  out.u16(static_cast<std::uint16_t>(Class::in));
  out.u16(0xc000U | header_size);  // the same name
  out.u16(static_cast<std::uint16_t>(Type::soa));
  out.u16(static_cast<std::uint16_t>(Class::in));
  out.u32(task.ttl);
  out.u16(static_cast<std::uint16_t>(task.soa.size()));
  out.bytes(task.soa);
  ASSERT(out.ok());
  packet.resize(out.size());
  return packet;
}

LogRecord Notifier::about(LogRecord record, const Task& task) {
  return record.with("zone", to_text(task.zone))
      .with("serial", task.serial)
      .with("to", to_text(task.to))
      .with("attempts", task.attempts);
}

void Notifier::finish(Task& task, LogRecord record) {
  task.due = never;
  records_.push_back(std::move(record));
}

std::vector<Notifier::Packet> Notifier::step(Instant now) {
  std::vector<Packet> packets;
  if (now < paused_until_) return packets;
  for (Task& task : tasks_) {
    if (task.due > now) continue;
    if (task.attempts == attempts_max) {
      ++unanswered_;
      finish(task, about(log_warning("notify-unanswered"), task));
      continue;
    }
    if (packets.size() == burst_max) {
      paused_until_ = now + burst_pause;
      break;
    }
    packets.push_back({.to = task.to, .bytes = packet_of(task)});
    task.due = now + first_wait * (1 << task.attempts);
    ++task.attempts;
    ++sent_;
  }
  return packets;
}

void Notifier::on_packet(const Endpoint& from, ByteView bytes) {
  Reader in(bytes);
  const std::uint16_t id = in.u16();
  const unsigned flags = in.u16();
  const std::uint16_t questions = in.u16();
  in.skip(6);
  if (!in.ok() || (flags & flag_response) == 0 || (flags >> 11U & 0xfU) != opcode_notify) return;
  std::optional<Name> zone;
  if (questions > 0) {
    zone = Name::read(in);
    if (!zone || static_cast<Type>(in.u16()) != Type::soa) return;
  }
  const auto task = std::ranges::find_if(tasks_, [&](const Task& one) {
    return one.due != never && one.attempts > 0 && one.id == id && one.to == from &&
           (!zone || *zone == one.zone);
  });
  if (task == tasks_.end()) return;
  const auto rcode = static_cast<Rcode>(flags & 0xfU);
  if (rcode == Rcode::noerror) {
    ++answered_;
    finish(*task, about(log_info("notify-answered"), *task));
  } else {
    ++refused_;
    finish(*task, about(log_warning("notify-refused"), *task).with("rcode", to_text(rcode)));
  }
}

Instant Notifier::deadline() const {
  Instant first = never;
  for (const Task& task : tasks_) first = std::min(first, task.due);
  return first == never ? never : std::max(first, paused_until_);
}

MetricFamily Notifier::to_metric() const {
  MetricFamily family{.name = "hither_dns_notifies_total",
                      .help = "NOTIFY packets sent, and what became of those to one server.",
                      .type = MetricFamily::Type::counter,
                      .samples = {}};
  const auto add = [&](const char* result, std::uint64_t value) {
    family.samples.push_back({.labels = {{"result", result}}, .value = static_cast<double>(value)});
  };
  add("sent", sent_);
  add("answered", answered_);
  add("refused", refused_);
  add("unanswered", unanswered_);
  return family;
}

}  // namespace hither::dns
