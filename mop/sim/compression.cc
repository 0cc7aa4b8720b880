#include "mop/sim/compression.h"

#include <chrono>

#include "mop/base/gzip.h"

namespace mop::sim {
namespace {

void put(std::string& out, std::uint64_t value, int bytes) {  // little-endian
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>(value >> (8 * i) & 0xff);
}

// MS-DOS date and time: years from 1980, seconds halved.
std::uint32_t dos_time(UnixMillis t) {
  const std::chrono::sys_days day{std::chrono::days{t / kDay}};
  const std::chrono::year_month_day ymd{day};
  const auto seconds = static_cast<std::uint32_t>(t % kDay / kSecond);
  const auto years = static_cast<std::uint32_t>(static_cast<int>(ymd.year()) - 1980);
  const std::uint32_t date =
      years << 9 | static_cast<unsigned>(ymd.month()) << 5 | static_cast<unsigned>(ymd.day());
  return date << 16 | seconds / 3600 << 11 | seconds / 60 % 60 << 5 | seconds % 60 / 2;
}

}  // namespace

std::string zipped(std::string_view name, std::string_view bytes, UnixMillis modified) {
  const std::string body = deflated(bytes);
  std::string common;  // what the local and the central header share
  put(common, 20, 2);  // version 2.0 reads it
  put(common, 0, 2);
  put(common, 8, 2);  // deflate
  put(common, dos_time(modified), 4);
  put(common, crc32(bytes), 4);
  put(common, body.size(), 4);
  put(common, bytes.size(), 4);
  put(common, name.size(), 2);
  put(common, 0, 2);  // no extra field
  std::string out = "PK\x03\x04" + common;
  out.append(name).append(body);
  const std::size_t directory = out.size();
  out += "PK\x01\x02";
  put(out, 20, 2);
  out += common;
  put(out, 0, 2 + 2 + 2);  // no comment, disk 0, binary
  put(out, 0, 4 + 4);      // attributes; the entry starts at 0
  out.append(name);
  const std::size_t directory_bytes = out.size() - directory;
  out += "PK\x05\x06";
  put(out, 0, 4);
  put(out, 1, 2);
  put(out, 1, 2);
  put(out, directory_bytes, 4);
  put(out, directory, 4);
  put(out, 0, 2);
  return out;
}

}  // namespace mop::sim
