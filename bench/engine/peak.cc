#include "peak.h"

#include <algorithm>
#include <ctime>

#include "mop/nn/cpu/aligned_buffer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/engine/peak.cc"
#include "hwy/foreach_target.h"  // compiles the part below once per instruction set

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mop::bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Returns the multiply-adds done; `sink` keeps the compiler from dropping them.
double spin(std::size_t rounds, float* sink) {
  const hn::CappedTag<float, 16> d;
  constexpr std::size_t kChains = 12;  // more than latency times units of any core, fewer than registers
  const auto a = hn::Set(d, sink[0]), b = hn::Set(d, sink[1]);
  hn::Vec<decltype(d)> v0 = a, v1 = hn::Add(v0, b), v2 = hn::Add(v1, b),
                       v3 = hn::Add(v2, b);  // all different
  auto v4 = hn::Add(v3, b), v5 = hn::Add(v4, b), v6 = hn::Add(v5, b), v7 = hn::Add(v6, b);
  auto v8 = hn::Add(v7, b), v9 = hn::Add(v8, b), v10 = hn::Add(v9, b), v11 = hn::Add(v10, b);
  for (std::size_t i = 0; i < rounds; ++i) {
    v0 = hn::MulAdd(v0, a, b), v1 = hn::MulAdd(v1, a, b), v2 = hn::MulAdd(v2, a, b);
    v3 = hn::MulAdd(v3, a, b), v4 = hn::MulAdd(v4, a, b), v5 = hn::MulAdd(v5, a, b);
    v6 = hn::MulAdd(v6, a, b), v7 = hn::MulAdd(v7, a, b), v8 = hn::MulAdd(v8, a, b);
    v9 = hn::MulAdd(v9, a, b), v10 = hn::MulAdd(v10, a, b), v11 = hn::MulAdd(v11, a, b);
  }
  const auto sum = hn::Add(
      hn::Add(hn::Add(v0, v1), hn::Add(v2, v3)),
      hn::Add(hn::Add(hn::Add(v4, v5), hn::Add(v6, v7)), hn::Add(hn::Add(v8, v9), hn::Add(v10, v11))));
  sink[2] = hn::GetLane(hn::SumOfLanes(d, sum));
  return static_cast<double>(rounds * kChains * hn::Lanes(d));
}

#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr std::size_t kTileRows = 8;
#else
constexpr std::size_t kTileRows = 6;
#endif

// kRows rows of c (kM, kN) += a (kM, kK) b (kK, kN), two vectors of columns at a time.
template <std::size_t kRows>
void multiply_rows(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, float* HWY_RESTRICT c) {
  const hn::CappedTag<float, 16> d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t n = 0; n < kN; n += 2 * lanes) {
    hn::Vec<decltype(d)> sum[kRows][2];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) {
      sum[r][0] = hn::Load(d, c + r * kN + n);
      sum[r][1] = hn::Load(d, c + r * kN + n + lanes);
    }
    for (std::size_t k = 0; k < kK; ++k) {
      const auto b0 = hn::Load(d, b + k * kN + n), b1 = hn::Load(d, b + k * kN + n + lanes);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < kRows; ++r) {
        const auto value = hn::Set(d, a[r * kK + k]);
        sum[r][0] = hn::MulAdd(value, b0, sum[r][0]);
        sum[r][1] = hn::MulAdd(value, b1, sum[r][1]);
      }
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) {
      hn::Store(sum[r][0], d, c + r * kN + n);
      hn::Store(sum[r][1], d, c + r * kN + n + lanes);
    }
  }
}

double multiply(std::size_t rounds, const float* a, const float* b, float* c) {
  for (std::size_t i = 0; i < rounds; ++i) {
    constexpr std::size_t kRest = kM % kTileRows, kInTiles = kM - kRest;
    for (std::size_t row = 0; row < kInTiles; row += kTileRows)
      multiply_rows<kTileRows>(a + row * kK, b, c + row * kN);
    if constexpr (kRest > 0) multiply_rows<kRest>(a + kInTiles * kK, b, c + kInTiles * kN);
  }
  return static_cast<double>(rounds * kM * kK * kN);
}

}  // namespace mop::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mop::bench {

HWY_EXPORT(spin);
HWY_EXPORT(multiply);

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double measure_register_peak() {
  volatile float zero = 0.0f;  // known to nobody before the run
  float sink[3] = {0.5f + zero, 0.25f + zero, 0.0f};
  const double start = thread_seconds();
  const double done = HWY_DYNAMIC_DISPATCH(spin)(1'000'000, sink);
  const double seconds = thread_seconds() - start;
  return (sink[2] > 0.0f ? 2.0 : 0.0) * done / seconds * 1e-9;
}

double measure_product_peak() {
  // No product of these grows: every value of c stays below 1.
  static nn::cpu::AlignedBuffer a, b, c;
  std::fill_n(a.get(kM * kK), kM * kK, 1e-3f);
  std::fill_n(b.get(kK * kN), kK * kN, 1e-3f);
  std::fill_n(c.get(kM * kN), kM * kN, 0.0f);
  const double start = thread_seconds();
  const double done = HWY_DYNAMIC_DISPATCH(multiply)(100, a.data(), b.data(), c.data());
  const double seconds = thread_seconds() - start;
  return (c.data()[0] > 0.0f ? 2.0 : 0.0) * done / seconds * 1e-9;
}

double measure_overlap() {
  constexpr std::size_t kChains = 200, kLength = 40;
  volatile double factor = 0.75;  // known to nobody before the run
  const double by = factor;
  const auto seconds_of = [&](bool apart) {
    double sum = 0.0;
    const double start = thread_seconds();
    for (std::size_t i = 0; i < kChains; ++i) {
      double v = apart ? static_cast<double>(i) : sum;
      for (std::size_t k = 0; k < kLength; ++k)
        v *= by;
      sum += v;
    }
    const double seconds = thread_seconds() - start;
    return sum >= 0.0 ? seconds : 0.0;
  };
  return seconds_of(false) / seconds_of(true);
}

}  // namespace mop::bench
#endif
