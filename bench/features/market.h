// The synthetic market both programs are timed on: the same arithmetic in C and C++.
#ifndef BENCH_FEATURES_MARKET_H
#define BENCH_FEATURES_MARKET_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

// Prices in ticks of 0.01 near 100, volumes in units of 1e-5; a xorshift generator, so that no library
// matters.
static inline uint64_t market_next(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static inline double market_uniform(uint64_t* state) {
  return (double)(market_next(state) >> 11) * 0x1p-53;
}

static inline void market_fill(size_t n, double* open, double* high, double* low, double* close,
                               double* volume) {
  uint64_t state = 20250701;
  double last = 10000.0;
  for (size_t t = 0; t < n; ++t) {
    const double step = market_uniform(&state) + market_uniform(&state) + market_uniform(&state) - 1.5;
    const double pull = (10000.0 - last) * 0.0005;
    const double next = fmax(round(last + 60.0 * step + pull), 100.0);
    open[t] = last / 100.0;
    close[t] = next / 100.0;
    high[t] = (fmax(last, next) + round(30.0 * market_uniform(&state))) / 100.0;
    low[t] = (fmin(last, next) - round(30.0 * market_uniform(&state))) / 100.0;
    volume[t] = round(1e6 * market_uniform(&state) * market_uniform(&state)) / 1e5;
    last = next;
  }
}

// Columns for the results, in large pages where the system has them: the same memory for every program here.
static inline double* market_columns(size_t doubles) {
  const size_t large_page = (size_t)1 << 21;
  const size_t bytes = (doubles * sizeof(double) + large_page - 1) / large_page * large_page;
  double* columns = (double*)aligned_alloc(large_page, bytes);
  if (!columns) abort();
  madvise(columns, bytes, MADV_HUGEPAGE);
  for (size_t i = 0; i < doubles; ++i)
    columns[i] = NAN;
  return columns;
}

#endif
