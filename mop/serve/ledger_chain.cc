#include "mop/serve/ledger_chain.h"

#include <bit>
#include <variant>

#include "mop/base/sha256.h"

namespace mop::serve {
namespace {

template <typename Unsigned>
void put(std::string& bytes, Unsigned x) {
  for (std::size_t i = 0; i < sizeof(x); ++i)
    bytes += static_cast<char>(static_cast<unsigned char>(x >> (8 * i)));
}

// A tag says the type and every text its length, so no two rows have the same bytes.
struct Encoder {
  std::string bytes;

  void operator()(std::monostate) { bytes += 'n'; }
  void operator()(std::int64_t x) {
    bytes += 'i';
    put(bytes, static_cast<std::uint64_t>(x));
  }
  void operator()(double x) {
    bytes += 'd';
    put(bytes, std::bit_cast<std::uint64_t>(x));
  }
  void operator()(std::string_view x) {
    bytes += 't';
    put(bytes, static_cast<std::uint32_t>(x.size()));
    bytes += x;
  }
  void operator()(store::Blob x) {
    bytes += 'b';
    put(bytes, static_cast<std::uint32_t>(x.size()));
    bytes.append(reinterpret_cast<const char*>(x.data()), x.size());
  }
};

}  // namespace

std::string chain_hash(std::string_view previous, std::string_view kind, std::int64_t seq,
                       std::span<const store::Value> columns) {
  Encoder encoder{std::string(previous)};
  encoder(kind);
  encoder(seq);
  for (const store::Value& column : columns)
    std::visit(encoder, column);
  return sha256_hex(encoder.bytes);
}

}  // namespace mop::serve
