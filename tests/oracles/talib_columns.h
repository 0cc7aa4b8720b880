// The raw feature columns by TA-Lib's C code, aligned to the candles: row t is known at the close of candle
// t. What TA-Lib has no function for (bands' width and %B, Keltner, CMF, VPT) is plain C on its results.
#ifndef TALIB_COLUMNS_H
#define TALIB_COLUMNS_H
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "ta_func.h"

enum { kTalibColumns = 44 };

static const char* const talib_names[kTalibColumns] = {
    "open",         "high",         "low",           "close",        "volume",
    "sma_10",       "sma_20",       "sma_50",        "sma_100",      "sma_200",
    "ema_10",       "ema_20",       "ema_50",        "ema_100",      "ema_200",
    "rsi_14",       "rsi_21",       "macd",          "macd_signal",  "macd_histogram",
    "stochastic_k", "stochastic_d", "roc_12",        "momentum",     "bb_upper",
    "bb_middle",    "bb_lower",     "bb_width",      "bb_percent_b", "atr_14",
    "natr",         "adx",          "di_plus",       "di_minus",     "kc_upper",
    "kc_middle",    "kc_lower",     "obv",           "cmf",          "mfi",
    "vpt",          "price_change", "volume_change", "hl2"};

// columns: (44, n) column-major, filled with NaN by the caller once; rows of the warm-up are left alone.
// scratch: 3 * n. n above 250.
static void talib_columns(int n, const double* o, const double* h, const double* l, const double* c,
                          const double* v, double* columns, double* scratch) {
  const int end = n - 1;
  int begin, count;
#define COLUMN(f) (columns + (size_t)(f) * (size_t)n)
  const double* inputs[5] = {o, h, l, c, v};
  for (int f = 0; f < 5; ++f)
    memcpy(COLUMN(f), inputs[f], sizeof(double) * (size_t)n);
  const int periods[5] = {10, 20, 50, 100, 200};
  for (int i = 0; i < 5; ++i) {
    TA_SMA(0, end, c, periods[i], &begin, &count, COLUMN(5 + i) + periods[i] - 1);
    TA_EMA(0, end, c, periods[i], &begin, &count, COLUMN(10 + i) + periods[i] - 1);
  }
  TA_RSI(0, end, c, 14, &begin, &count, COLUMN(15) + 14);
  TA_RSI(0, end, c, 21, &begin, &count, COLUMN(16) + 21);
  TA_MACD(0, end, c, 12, 26, 9, &begin, &count, COLUMN(17) + 33, COLUMN(18) + 33, COLUMN(19) + 33);
  TA_STOCH(0, end, h, l, c, 14, 3, TA_MAType_SMA, 3, TA_MAType_SMA, &begin, &count, COLUMN(20) + 17,
           COLUMN(21) + 17);
  TA_ROC(0, end, c, 12, &begin, &count, COLUMN(22) + 12);
  TA_MOM(0, end, c, 5, &begin, &count, COLUMN(23) + 5);
  TA_BBANDS(0, end, c, 20, 2.0, 2.0, TA_MAType_SMA, &begin, &count, COLUMN(24) + 19, COLUMN(25) + 19,
            COLUMN(26) + 19);
  for (int t = 19; t < n; ++t) {
    const double width = COLUMN(24)[t] - COLUMN(26)[t];
    COLUMN(27)[t] = width;
    COLUMN(28)[t] = width == 0.0 ? 0.5 : (c[t] - COLUMN(26)[t]) / width;
  }
  TA_ATR(0, end, h, l, c, 14, &begin, &count, COLUMN(29) + 14);
  TA_NATR(0, end, h, l, c, 14, &begin, &count, COLUMN(30) + 14);
  TA_ADX(0, end, h, l, c, 14, &begin, &count, COLUMN(31) + 27);
  TA_PLUS_DI(0, end, h, l, c, 14, &begin, &count, COLUMN(32) + 14);
  TA_MINUS_DI(0, end, h, l, c, 14, &begin, &count, COLUMN(33) + 14);
  for (int t = 19; t < n; ++t) {
    const double middle = COLUMN(11)[t], reach = 2.0 * COLUMN(29)[t];
    COLUMN(34)[t] = middle + reach;
    COLUMN(35)[t] = middle;
    COLUMN(36)[t] = middle - reach;
  }
  TA_OBV(0, end, c, v, &begin, &count, COLUMN(37));
  double *flow = scratch, *flows = scratch + n, *volumes = scratch + 2 * (size_t)n;
  for (int t = 0; t < n; ++t) {
    const double range = h[t] - l[t];
    flow[t] = range == 0.0 ? 0.0 : v[t] * (((c[t] - l[t]) - (h[t] - c[t])) / range);
  }
  TA_SUM(0, end, flow, 20, &begin, &count, flows);
  TA_SUM(0, end, v, 20, &begin, &count, volumes);
  for (int i = 0; i < count; ++i)
    COLUMN(38)[19 + i] = volumes[i] == 0.0 ? 0.0 : flows[i] / volumes[i];
  TA_MFI(0, end, h, l, c, v, 14, &begin, &count, COLUMN(39) + 14);
  TA_ROCP(0, end, c, 1, &begin, &count, COLUMN(41) + 1);
  TA_ROCP(0, end, v, 1, &begin, &count, COLUMN(42) + 1);
  double trend = COLUMN(40)[0] = 0.0;
  for (int t = 1; t < n; ++t)
    COLUMN(40)[t] = trend += v[t] * COLUMN(41)[t];
  TA_MEDPRICE(0, end, h, l, &begin, &count, COLUMN(43));
#undef COLUMN
}

#endif
