// Reads candles from a CSV file whose columns are open_time,open,high,low,close,volume[,...] and writes them and
// the feature columns by TA-Lib to standard output: `talib_csv candles.csv`.
#include <stdio.h>
#include <stdlib.h>

#include "ta_libc.h"
#include "talib_columns.h"

int main(int argc, char** argv) {
  FILE* file = argc > 1 ? fopen(argv[1], "r") : NULL;
  if (!file) {
    fprintf(stderr, "usage: talib_csv candles.csv\n");
    return 2;
  }
  size_t room = 1u << 16, n = 0;
  double* rows = malloc(sizeof(double) * 6 * room);
  char line[1024];
  if (!fgets(line, sizeof line, file)) return 1;
  while (fgets(line, sizeof line, file)) {
    if (n == room) rows = realloc(rows, sizeof(double) * 6 * (room *= 2));
    char* cell = line;
    for (int f = 0; f < 6; ++f) {
      rows[6 * n + (size_t)f] = strtod(cell, &cell);
      ++cell;
    }
    ++n;
  }
  double* columns = malloc(sizeof(double) * kTalibColumns * n);
  double *candles = malloc(sizeof(double) * 5 * n), *scratch = malloc(sizeof(double) * 3 * n);
  for (size_t i = 0; i < kTalibColumns * n; ++i)
    columns[i] = NAN;
  for (size_t t = 0; t < n; ++t) {
    for (size_t f = 0; f < 5; ++f)
      candles[f * n + t] = rows[6 * t + f + 1];
  }
  TA_Initialize();
  talib_columns((int)n, candles, candles + n, candles + 2 * n, candles + 3 * n, candles + 4 * n, columns, scratch);
  printf("open_time");
  for (int f = 0; f < kTalibColumns; ++f)
    printf(",%s", talib_names[f]);
  for (size_t t = 0; t < n; ++t) {
    printf("\n%.0f", rows[6 * t]);
    for (size_t f = 0; f < kTalibColumns; ++f) {
      const double x = columns[f * n + t];
      if (isnan(x)) {
        printf(",");
      } else {
        printf(",%.17g", x);
      }
    }
  }
  printf("\n");
  return 0;
}
