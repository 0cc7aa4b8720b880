// The same columns of the same market by TA-Lib's C code: prints seconds of processor time, the best of 7 runs.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "market.h"
#include "ta_libc.h"
#include "talib_columns.h"

static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char** argv) {
  const size_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
  double* candles = malloc(sizeof(double) * 5 * n);
  double* columns = market_columns(kTalibColumns * n);
  double* scratch = malloc(sizeof(double) * 3 * n);
  market_fill(n, candles, candles + n, candles + 2 * n, candles + 3 * n, candles + 4 * n);
  TA_Initialize();
  double best = 1e300;
  for (int run = 0; run < 7; ++run) {
    const double begin = processor_seconds();
    talib_columns((int)n, candles, candles + n, candles + 2 * n, candles + 3 * n, candles + 4 * n, columns, scratch);
    const double elapsed = processor_seconds() - begin;
    if (elapsed < best) best = elapsed;
  }
  printf("{\"talib_s\":%.6f}\n", best);
  return 0;
}
