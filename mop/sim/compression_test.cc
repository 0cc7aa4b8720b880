#include "mop/sim/compression.h"

#include <gtest/gtest.h>
#include <boost/beast/zlib/inflate_stream.hpp>

#include "mop/base/gzip.h"

namespace mop::sim {
namespace {

namespace zlib = boost::beast::zlib;

std::string inflated(std::string_view bytes, std::size_t size) {
  std::string out(size, '\0');
  zlib::inflate_stream stream;
  zlib::z_params z;
  z.next_in = bytes.data();
  z.avail_in = bytes.size();
  z.next_out = out.data();
  z.avail_out = out.size();
  boost::beast::error_code error;
  stream.write(z, zlib::Flush::finish, error);
  EXPECT_EQ(error, zlib::error::end_of_stream) << error.message();
  EXPECT_EQ(z.total_out, size);
  return out;
}

std::string rows(int n) {
  std::string text;
  for (int i = 0; i < n; ++i)
    text += std::to_string(i * 7919) + ",0.10000000,\n";
  return text;
}

std::uint64_t little(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

TEST(CompressionTest, ZipHasOneEntryThatBothHeadersDescribeAlike) {
  const std::string text = rows(100), name = "BTCUSDT-1h-2024-12.csv";
  const std::string zip = zipped(name, text, 1'736'132'400'000);  // 2025-01-06 03:00 UTC
  ASSERT_EQ(zip.substr(0, 4), "PK\x03\x04");
  const std::size_t packed = little(zip, 18, 4), end = zip.size() - 22;
  EXPECT_EQ(little(zip, 10, 2), 3u << 11) << "03:00:00";
  EXPECT_EQ(little(zip, 12, 2), 45u << 9 | 1u << 5 | 6u) << "1980 + 45, January 6";
  EXPECT_EQ(little(zip, 14, 4), crc32(text));
  EXPECT_EQ(little(zip, 22, 4), text.size());
  EXPECT_EQ(zip.substr(30, name.size()), name);
  EXPECT_EQ(inflated(std::string_view(zip).substr(30 + name.size(), packed), text.size()), text);
  ASSERT_EQ(zip.substr(end, 4), "PK\x05\x06");
  const std::size_t directory = little(zip, end + 16, 4);
  EXPECT_EQ(directory, 30 + name.size() + packed);
  EXPECT_EQ(directory + little(zip, end + 12, 4), end);
  EXPECT_EQ(zip.substr(directory, 4), "PK\x01\x02");
  EXPECT_EQ(zip.substr(directory + 6, 24), zip.substr(4, 24)) << "version to lengths";
  EXPECT_EQ(zipped(name, text, 1'736'132'400'000), zip);
}

}  // namespace
}  // namespace mop::sim
