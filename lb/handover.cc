// SPDX-License-Identifier: Apache-2.0
#include "lb/handover.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "lb/handover_json.h"

namespace hither::lb {
namespace {

using Json = nlohmann::ordered_json;
using Step = HandoverMessage::Step;
using Use = HandoverMessage::Use;

constexpr std::array<std::pair<Step, std::string_view>, 7> steps = {{{Step::hello, "hello"},
                                                                     {Step::offer, "offer"},
                                                                     {Step::sockets, "sockets"},
                                                                     {Step::ready, "ready"},
                                                                     {Step::paused, "paused"},
                                                                     {Step::go, "go"},
                                                                     {Step::off, "off"}}};
constexpr std::array<std::pair<Use, std::string_view>, 3> uses = {
    {{Use::clients, "clients"}, {Use::admin, "admin"}, {Use::handover, "handover"}}};

template <class Names, class Value>
std::string_view name_of(const Names& names, Value value) {
  return std::ranges::find(names, value, &Names::value_type::first)->second;
}

template <class Names>
auto value_of(const Names& names, const std::string& name)
    -> std::optional<typename Names::value_type::first_type> {
  const auto found = std::ranges::find(names, name, &Names::value_type::second);
  if (found == names.end()) return std::nullopt;
  return found->first;
}

std::optional<HandoverMessage::Socket> socket_of(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto use = value_of(uses, text_in(json, "use"));
  if (!use) return std::nullopt;
  const Result<Endpoint> endpoint = parse_endpoint(text_in(json, "endpoint"));
  if (!endpoint && *use != Use::handover) return std::nullopt;
  return HandoverMessage::Socket{.use = *use, .endpoint = endpoint.value_or(Endpoint{})};
}

/// One that stands for a descriptor must be understood, for else the next would get its own.
bool read_lists(const Json& json, HandoverMessage& message) {
  if (const auto list = json.find("passed"); list != json.end()) {
    for (const Json& one : *list) {
      const auto socket = socket_of(one);
      if (!socket) return false;
      message.passed.push_back(*socket);
    }
  }
  if (const auto list = json.find("taken"); list != json.end()) {
    for (const Json& one : *list) {
      const Result<Endpoint> endpoint =
          parse_endpoint(one.is_string() ? one.get<std::string>() : std::string());
      if (!endpoint) return false;
      message.taken.push_back(*endpoint);
    }
  }
  return true;
}

std::optional<HandoverMessage> message_of(ByteView bytes) {
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  const Json json = Json::parse(text, text + bytes.size(), nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto step = value_of(steps, text_in(json, "handover"));
  if (!step) return std::nullopt;
  HandoverMessage message{.step = *step};
  message.room = text_in(json, "room");
  message.reason = text_in(json, "reason");
  if (const auto found = json.find("memory"); found != json.end()) message.memory = found->dump();
  if (const auto found = json.find("sockets"); found != json.end() && found->is_number_unsigned()) {
    message.sockets = found->get<std::size_t>();
  }
  if (!read_lists(json, message)) return std::nullopt;
  return message;
}

}  // namespace

std::string to_frame(const HandoverMessage& message) {
  Json json = {{"handover", name_of(steps, message.step)}};
  if (!message.room.empty()) json["room"] = message.room;
  if (!message.reason.empty()) json["reason"] = message.reason;
  if (!message.memory.empty()) json["memory"] = Json::parse(message.memory, nullptr, false);
  if (message.step == Step::offer) json["sockets"] = message.sockets;
  for (const HandoverMessage::Socket& socket : message.passed) {
    Json one = {{"use", name_of(uses, socket.use)}};
    if (socket.use != Use::handover) one["endpoint"] = to_text(socket.endpoint);
    json["passed"].push_back(std::move(one));
  }
  for (const Endpoint& endpoint : message.taken) json["taken"].push_back(to_text(endpoint));
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string frame;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    frame += static_cast<char>(text.size() >> shift & 0xFFU);
  }
  return frame + text;
}

std::optional<HandoverMessage> HandoverStream::next() {
  constexpr std::size_t prefix = 4;
  if (broken_ || buffer_.size() < prefix) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = 0; i < prefix; ++i)
    size = size << 8U | std::to_integer<unsigned>(buffer_[i]);
  if (size > message_bytes_max) broken_ = true;
  if (broken_ || buffer_.size() < prefix + size) return std::nullopt;
  std::optional<HandoverMessage> message = message_of(ByteView(buffer_).subspan(prefix, size));
  if (!message) broken_ = true;
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(prefix + size));
  return message;
}

HandoverGiver::Does HandoverGiver::on_message(const HandoverMessage& message) {
  if (state_ == State::new_here && message.step == Step::hello) {
    if (message.room == room_) {
      state_ = State::offered;
      return Does::offer;
    }
    state_ = State::over;
    reason_ = fmt::format("this is room {}, not {}", room_, message.room);
    return Does::refuse;
  }
  if (state_ == State::offered && message.step == Step::ready) {
    state_ = State::paused;
    taken_ = message.taken;
    return Does::pause;
  }
  if (state_ == State::paused && message.step == Step::go) {
    state_ = State::over;
    return Does::leave;
  }
  return on_failure();
}

HandoverGiver::Does HandoverGiver::on_failure() {
  const State before = std::exchange(state_, State::over);
  if (before == State::over) return Does::nothing;
  if (reason_.empty()) reason_ = "it ended, took too long or broke the rules";
  return before == State::paused ? Does::resume : Does::refuse;
}

HandoverTaker::Does HandoverTaker::on_ready() {
  if (state_ != State::preparing) return Does::nothing;
  state_ = alone_ ? State::over : State::waiting;
  return alone_ ? Does::be_alone : Does::say_ready;
}

HandoverTaker::Does HandoverTaker::on_message(const HandoverMessage& message) {
  if (state_ == State::over || alone_) return Does::nothing;
  if (state_ == State::waiting && message.step == Step::paused) {
    state_ = State::over;
    return Does::take_over;
  }
  return on_failure();
}

HandoverTaker::Does HandoverTaker::on_end() {
  if (state_ == State::over || alone_) return Does::nothing;
  alone_ = true;
  if (state_ == State::preparing) return Does::nothing;
  state_ = State::over;
  return Does::be_alone;
}

HandoverTaker::Does HandoverTaker::on_failure() {
  if (state_ == State::over || alone_) return Does::nothing;
  state_ = State::over;
  return Does::give_up;
}

}  // namespace hither::lb
