// A zip of one uncompressed file, for tests.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace mop::exchange {

inline std::uint32_t crc32_of(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

inline std::string little_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text += static_cast<char>(value >> (8 * i) & 0xffu);
  return text;
}

/// APPNOTE.TXT 4.3: local header, data, central directory, end record.
inline std::string stored_zip(std::string_view name, std::string_view content) {
  const auto size = static_cast<std::uint32_t>(content.size());
  const std::string common = little_endian(20, 2) + little_endian(0, 2) + little_endian(0, 2) +
                             little_endian(0, 2) + little_endian(0x21, 2) +
                             little_endian(crc32_of(content), 4) + little_endian(size, 4) +
                             little_endian(size, 4) +
                             little_endian(static_cast<std::uint32_t>(name.size()), 2) + little_endian(0, 2);
  const std::string local = "PK\3\4" + common + std::string(name) + std::string(content);
  const std::string central = "PK\1\2" + little_endian(20, 2) + common + little_endian(0, 2) +
                              little_endian(0, 2) + little_endian(0, 2) + little_endian(0, 4) +
                              little_endian(0, 4) + std::string(name);
  return local + central + "PK\5\6" + little_endian(0, 2) + little_endian(0, 2) + little_endian(1, 2) +
         little_endian(1, 2) + little_endian(static_cast<std::uint32_t>(central.size()), 4) +
         little_endian(static_cast<std::uint32_t>(local.size()), 4) + little_endian(0, 2);
}

}  // namespace mop::exchange
