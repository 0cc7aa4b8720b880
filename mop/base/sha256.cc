#include "mop/base/sha256.h"

#include <openssl/evp.h>

#include <array>

#include <fmt/format.h>

#include "mop/base/check.h"

namespace mop {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  MOP_CHECK(done == 1) << "SHA-256 is not available";
  std::string hex;
  for (unsigned i = 0; i < length; ++i)
    hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace mop
