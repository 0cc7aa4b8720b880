// The same columns of the same market by TA-Lib's C code: prints seconds of processor time, the best of 7 runs.
#define _POSIX_C_SOURCE 199309L
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
  double* columns = malloc(sizeof(double) * kTalibColumns * n);
  double* scratch = malloc(sizeof(double) * 3 * n);
  market_fill(n, candles, candles + n, candles + 2 * n, candles + 3 * n, candles + 4 * n);
  for (size_t i = 0; i < kTalibColumns * n; ++i)
    columns[i] = NAN;
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
