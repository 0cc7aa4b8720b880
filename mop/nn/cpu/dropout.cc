#include "mop/nn/cpu/dropout.h"

#include <algorithm>

#include "mop/base/check.h"
#include "mop/nn/cpu/aligned_buffer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mop/nn/cpu/dropout.cc"
#include "hwy/foreach_target.h"  // compiles the part below once per instruction set

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mop::nn::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using DU = hn::RebindToUnsigned<D>;
using VU = hn::Vec<DU>;
constexpr std::size_t kLanes = hn::MaxLanes(D());

// Both halves of the 64-bit products a * b, lane by lane.
HWY_INLINE void multiply_wide(VU a, std::uint32_t b, VU& high, VU& low) {
  const DU du;
#if HWY_TARGET == HWY_SCALAR  // one lane: there are no even and odd ones
  const std::uint64_t product = std::uint64_t{hn::GetLane(a)} * b;
  high = hn::Set(du, static_cast<std::uint32_t>(product >> 32));
  low = hn::Set(du, static_cast<std::uint32_t>(product));
#else
  const hn::Repartition<std::uint64_t, DU> d64;
  const VU factor = hn::Set(du, b);
  const auto even = hn::MulEven(a, factor);
  const auto odd = hn::MulEven(hn::BitCast(du, hn::ShiftRight<32>(hn::BitCast(d64, a))), factor);
  const VU even_words = hn::BitCast(du, even), odd_words = hn::BitCast(du, odd);
  high = hn::OddEven(odd_words, hn::BitCast(du, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(du, hn::ShiftLeft<32>(odd)), even_words);
#endif
}

// mop::philox of kLanes counter blocks at once; word w of the block of lane i is c[w][i].
HWY_INLINE void philox_lanes(std::uint64_t key, VU (&c)[4]) {
  const DU du;
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    VU high0, low0, high1, low1;
    multiply_wide(c[0], 0xD2511F53u, high0, low0);
    multiply_wide(c[2], 0xCD9E8D57u, high1, low1);
    c[0] = hn::Xor(hn::Xor(high1, c[1]), hn::Set(du, k0));
    c[1] = low1;
    c[2] = hn::Xor(hn::Xor(high0, c[3]), hn::Set(du, k1));
    c[3] = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

// Factors of units first..first+4*kLanes-1.
HWY_INLINE void factors_at(const Dropout& dropout, std::uint32_t where, std::uint32_t when, std::size_t first,
                           float* out) {
  const D d;
  const DU du;
  VU c[4] = {hn::Or(hn::Iota(du, static_cast<std::uint32_t>(first / 4)), hn::Set(du, where)),
             hn::Set(du, when), hn::Set(du, static_cast<std::uint32_t>(dropout.counter)),
             hn::Set(du, static_cast<std::uint32_t>(dropout.counter >> 32))};
  philox_lanes(dropout.key, c);
  const VU threshold = hn::Set(du, dropout_threshold(dropout));
  const auto kept = hn::Set(d, dropout_kept_factor(dropout));
  const auto factor = [&](VU word) HWY_ATTR {
    return hn::BitCast(d, hn::IfThenZeroElse(hn::Lt(word, threshold), hn::BitCast(du, kept)));
  };
  hn::StoreInterleaved4(factor(c[0]), factor(c[1]), factor(c[2]), factor(c[3]), d, out);
}

void apply(const DropoutArgs& args) {
  const D d;
  const std::size_t H = args.hidden, Hp = padded(H);
  const auto where = static_cast<std::uint32_t>(args.branch << 16 | args.layer << 24);
  HWY_ALIGN float factors[4 * kLanes];
  for (std::size_t row = 0; row < args.steps * args.rows; ++row) {
    const auto when = static_cast<std::uint32_t>(row / args.rows | (args.first + row % args.rows) << 16);
    for (std::size_t first = 0; first < H; first += 4 * kLanes) {
      factors_at(args.dropout, where, when, first, factors);
      const std::size_t count = std::min(H - first, 4 * kLanes), at = row * Hp + first;
      for (std::size_t j = 0; j < count; j += kLanes) {  // the last vector may reach behind H, not behind Hp
        const auto factor = hn::Load(d, factors + j);
        hn::Store(factor, d, args.factors + at + j);
        hn::Store(hn::Mul(hn::Load(d, args.h + at + j), factor), d, args.dropped + at + j);
      }
    }
    std::fill(args.factors + row * Hp + H, args.factors + (row + 1) * Hp, 0.0f);
  }
}

}  // namespace
}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mop::nn::cpu {

HWY_EXPORT(apply);

void apply_dropout(const DropoutArgs& args) {
  check_dropout(args.dropout, {args.branch, args.layer, args.steps - 1, args.first + args.rows - 1},
                args.hidden);
  HWY_DYNAMIC_DISPATCH(apply)(args);
}

}  // namespace mop::nn::cpu
#endif
