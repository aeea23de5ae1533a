// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace hither {
namespace {

TEST(Reader, ReadsBigEndianNumbers) {
  Reader reader(as_bytes(std::string_view("\x01\x02\x03\x04\x05\x06\x07", 7)));

  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u32(), 0x04050607U);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.left(), 0U);
}

TEST(Reader, TheFirstReadPastTheEndSticks) {
  Reader reader(as_bytes("abc"));

  reader.skip(2);
  EXPECT_EQ(reader.u16(), 0);

  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0) << "the last octet must not be readable any more";
  EXPECT_EQ(reader.position(), 2U);
}

TEST(Reader, HalfANumberYieldsNothing) {
  Reader reader(as_bytes("ab"));

  EXPECT_EQ(reader.u32() & 0xffffU, 0U);

  EXPECT_FALSE(reader.ok());
}

TEST(Reader, TakingNothingIsFine) {
  Reader reader(as_bytes(""));

  EXPECT_TRUE(reader.take(0).empty());

  EXPECT_TRUE(reader.ok());
}

TEST(Reader, AHugeTakeDoesNotWrapAround) {
  Reader reader(as_bytes("abcd"));
  reader.skip(1);

  EXPECT_TRUE(reader.take(static_cast<std::size_t>(-1)).empty());

  EXPECT_FALSE(reader.ok());
}

TEST(Writer, WritesWhatTheReaderReads) {
  std::array<std::byte, 16> buffer{};
  Writer writer(buffer);

  writer.u8(7);
  writer.u16(0x1234);
  writer.u32(0xdeadbeef);
  writer.bytes(as_bytes("xyz"));

  ASSERT_TRUE(writer.ok());
  Reader reader(writer.written());
  EXPECT_EQ(reader.u8(), 7);
  EXPECT_EQ(reader.u16(), 0x1234);
  EXPECT_EQ(reader.u32(), 0xdeadbeefU);
  EXPECT_EQ(as_text(reader.take(3)), "xyz");
}

TEST(Writer, WhatDoesNotFitIsNotWrittenAtAll) {
  std::array<std::byte, 3> buffer{};
  Writer writer(buffer);

  writer.u16(0x0102);
  writer.u16(0x0304);

  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.size(), 2U);
  EXPECT_EQ(std::to_integer<int>(buffer[2]), 0);
}

TEST(Writer, NothingIsWrittenAfterTheFirstThatDidNotFit) {
  std::array<std::byte, 3> buffer{};
  Writer writer(buffer);

  writer.u32(1);
  writer.u8(1);

  EXPECT_EQ(writer.size(), 0U);
}

TEST(Writer, TruncateTakesBackAndIsOkAgain) {
  std::array<std::byte, 3> buffer{};
  Writer writer(buffer);
  writer.u8(1);
  writer.u32(2);

  writer.truncate(1);
  writer.u16(0x0506);

  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(as_text(writer.written()), std::string_view("\x01\x05\x06", 3));
}

TEST(Writer, PatchOverwritesInPlace) {
  std::array<std::byte, 4> buffer{};
  Writer writer(buffer);
  writer.u32(0);

  writer.patch_u16(1, 0xabcd);

  EXPECT_EQ(as_text(writer.written()), std::string_view("\x00\xab\xcd\x00", 4));
}

TEST(Bytes, AppendKeepsOrder) {
  Bytes bytes;

  append(bytes, as_bytes("ab"));
  append(bytes, as_bytes("c"));

  EXPECT_EQ(as_text(bytes), "abc");
}

}  // namespace
}  // namespace hither
