#include "mop/base/gzip.h"

#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/crc.hpp>

#include "mop/base/check.h"

namespace mop {
namespace {

namespace zlib = boost::beast::zlib;

constexpr int kLevel = 1;  // 1..9: time matters more than size

void put_four(std::string& out, std::uint64_t value) {  // little-endian
  for (int i = 0; i < 4; ++i)
    out += static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

std::string deflated(std::string_view bytes) {
  zlib::deflate_stream stream;
  stream.reset(kLevel, 15, 8, zlib::Strategy::normal);
  std::string out(stream.upper_bound(bytes.size()) + 16, '\0');
  zlib::z_params z;
  z.next_in = bytes.data();
  z.avail_in = bytes.size();
  z.next_out = out.data();
  z.avail_out = out.size();
  boost::beast::error_code error;
  stream.write(z, zlib::Flush::finish, error);
  MOP_CHECK(error == zlib::error::end_of_stream) << "deflate: " << error.message();
  out.resize(z.total_out);
  return out;
}

std::string gzipped(std::string_view bytes) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);  // deflate, no flags, no time, unknown system
  out += deflated(bytes);
  put_four(out, crc32(bytes));
  put_four(out, bytes.size());
  return out;
}

}  // namespace mop
