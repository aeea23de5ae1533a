// SPDX-License-Identifier: Apache-2.0
#include "lb/access_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hither::lb {
namespace {

using namespace std::chrono_literals;

AccessRecord served() {
  AccessRecord record;
  record.client = *parse_address("192.0.2.7");
  record.method.set("GET");
  record.path.set("/x?y=1");
  record.id.set("0123456789abcdef");
  record.server.set("web-2");
  record.status = 200;
  record.bytes_in = 78;
  record.bytes_out = 640;
  record.queue = 0s;
  record.connect = 250us;
  record.response = 12ms;
  record.total = 14ms;
  return record;
}

TEST(AccessLog, IsOneLineOfText) {
  EXPECT_EQ(to_line(served(), "web", "2026-11-25T19:00:00.123Z", topology::AccessLog::text),
            "2026-11-25T19:00:00.123Z request farm=web client=192.0.2.7 server=web-2 method=GET "
            "path=\"/x?y=1\" status=200 end=-- queue_ms=0.000 connect_ms=0.250 response_ms=12.000 "
            "total_ms=14.000 bytes_in=78 bytes_out=640 retries=0 id=0123456789abcdef\n");
}

TEST(AccessLog, IsOneObjectOfJson) {
  AccessRecord record = served();
  record.connect = not_reached;
  record.status = 0;
  record.reason = {'C', 'C'};

  const std::string line = to_line(record, "web", "T", topology::AccessLog::json);
  const auto json = nlohmann::json::parse(line);

  EXPECT_TRUE(line.ends_with("}\n"));
  EXPECT_EQ(json["path"], "/x?y=1");
  EXPECT_EQ(json["end"], "CC");
  EXPECT_EQ(json["response_ms"], 12.0);
  EXPECT_TRUE(json["connect_ms"].is_null());
  EXPECT_TRUE(json["status"].is_null());
}

TEST(AccessLog, StaysOneLineWhateverAClientSent) {
  AccessRecord record = served();
  record.path.set("/\n\r\x1b[31m\x00\xff end=-- \"");
  record.id.set(std::string_view("a\nb\0", 4));

  for (const auto form : {topology::AccessLog::text, topology::AccessLog::json}) {
    const std::string line = to_line(record, "web", "T", form);

    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(line.find('\r'), std::string::npos);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
  }
}

TEST(AccessLog, SaysWhatWasCut) {
  AccessRecord record = served();
  record.path.set("/" + std::string(300, 'x'));

  const std::string line = to_line(record, "web", "T", topology::AccessLog::text);

  EXPECT_NE(line.find("xxx... status"), std::string::npos) << line;
}

}  // namespace
}  // namespace hither::lb
