#include "mop/base/gzip.h"

#include <gtest/gtest.h>
#include <boost/beast/zlib/inflate_stream.hpp>

namespace mop {
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

TEST(GzipTest, CrcOfTheStandardsCheckText) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);
  EXPECT_EQ(crc32(""), 0u);
}

TEST(GzipTest, InflatesBackToTheSameBytes) {
  for (const int n : {0, 1, 3000}) {
    const std::string text = rows(n);
    EXPECT_EQ(inflated(deflated(text), text.size()), text);
  }
  EXPECT_LT(deflated(rows(3000)).size(), rows(3000).size() / 2);
}

TEST(GzipTest, GzipEndsWithChecksumAndSize) {
  const std::string text = rows(100), zip = gzipped(text);
  EXPECT_EQ(zip.substr(0, 3), "\x1f\x8b\x08");
  EXPECT_EQ(inflated(std::string_view(zip).substr(10, zip.size() - 18), text.size()), text);
  EXPECT_EQ(little(zip, zip.size() - 8, 4), crc32(text));
  EXPECT_EQ(little(zip, zip.size() - 4, 4), text.size());
}

}  // namespace
}  // namespace mop
