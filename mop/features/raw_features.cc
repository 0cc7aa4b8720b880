#include "mop/features/raw_features.h"

#include <algorithm>

#include "mop/base/check.h"
#include "mop/features/candle_rows.h"
#include "mop/features/raw_feature_state.h"

namespace mop::features {
namespace {

constexpr std::string_view kQuote = "quote currency";
constexpr std::string_view kBase = "base currency";
constexpr std::string_view kPercent = "percent";
constexpr std::string_view kFraction = "fraction";
constexpr std::string_view kExchange = "exchange";
constexpr std::string_view kTaSma = "TA-Lib SMA";
constexpr std::string_view kTaEma = "TA-Lib EMA";
constexpr std::string_view kTaRsi = "Wilder 1978; TA-Lib RSI";
constexpr std::string_view kTaMacd = "Appel 1985; TA-Lib MACD";
constexpr std::string_view kTaStoch = "Lane 1984; TA-Lib STOCH";
constexpr std::string_view kTaBbands = "Bollinger 2001; TA-Lib BBANDS";
constexpr std::string_view kBollinger = "Bollinger 2001";
constexpr std::string_view kKeltner = "Keltner 1960, Raschke";
constexpr std::string_view kChange = "pandas pct_change";
constexpr Stability kExact = Stability::kExact;
constexpr Stability kConverging = Stability::kConverging;

// clang-format off
constexpr IndicatorInfo kRaw[] = {
    {"open", "price", kQuote, "O", kExchange, 1, kExact},
    {"high", "price", kQuote, "H", kExchange, 1, kExact},
    {"low", "price", kQuote, "L", kExchange, 1, kExact},
    {"close", "price", kQuote, "C", kExchange, 1, kExact},
    {"volume", "volume", kBase, "V", kExchange, 1, kExact},
    {"sma_10", "trend", kQuote, "mean of the last 10 C", kTaSma, 10, Sma::kStability},
    {"sma_20", "trend", kQuote, "mean of the last 20 C", kTaSma, 20, Sma::kStability},
    {"sma_50", "trend", kQuote, "mean of the last 50 C", kTaSma, 50, Sma::kStability},
    {"sma_100", "trend", kQuote, "mean of the last 100 C", kTaSma, 100, Sma::kStability},
    {"sma_200", "trend", kQuote, "mean of the last 200 C", kTaSma, 200, Sma::kStability},
    {"ema_10", "trend", kQuote, "e += (C - e) * 2/11, from the mean of the first 10 C", kTaEma, 10, Ema::kStability},
    {"ema_20", "trend", kQuote, "e += (C - e) * 2/21, from the mean of the first 20 C", kTaEma, 20, Ema::kStability},
    {"ema_50", "trend", kQuote, "e += (C - e) * 2/51, from the mean of the first 50 C", kTaEma, 50, Ema::kStability},
    {"ema_100", "trend", kQuote, "e += (C - e) * 2/101, from the mean of the first 100 C", kTaEma, 100, Ema::kStability},
    {"ema_200", "trend", kQuote, "e += (C - e) * 2/201, from the mean of the first 200 C", kTaEma, 200, Ema::kStability},
    {"rsi_14", "momentum", kPercent, "100 * G / (G + L), Wilder means of 14 gains and losses; 0 if never moved", kTaRsi, 15, Rsi::kStability},
    {"rsi_21", "momentum", kPercent, "100 * G / (G + L), Wilder means of 21 gains and losses; 0 if never moved", kTaRsi, 22, Rsi::kStability},
    {"macd", "trend", kQuote, "EMA12(C) - EMA26(C), both begun at candle 26", kTaMacd, 34, Macd::kStability},
    {"macd_signal", "trend", kQuote, "EMA9(macd)", kTaMacd, 34, Macd::kStability},
    {"macd_histogram", "trend", kQuote, "macd - macd_signal", kTaMacd, 34, Macd::kStability},
    {"stochastic_k", "momentum", kPercent, "SMA3 of 100 * (C - min L) / (max H - min L) over 14; 0 if max H = min L", kTaStoch, 18, Stochastic::kStability},
    {"stochastic_d", "momentum", kPercent, "SMA3(stochastic_k)", kTaStoch, 18, Stochastic::kStability},
    {"roc_12", "momentum", kPercent, "100 * (C / C[12 back] - 1)", "TA-Lib ROC", 13, Roc::kStability},
    {"momentum", "momentum", kQuote, "C - C[5 back]", "TA-Lib MOM", 6, Momentum::kStability},
    {"bb_upper", "volatility", kQuote, "bb_middle + 2 * population sd of the last 20 C", kTaBbands, 20, Bollinger::kStability},
    {"bb_middle", "volatility", kQuote, "mean of the last 20 C", kTaBbands, 20, Bollinger::kStability},
    {"bb_lower", "volatility", kQuote, "bb_middle - 2 * population sd of the last 20 C", kTaBbands, 20, Bollinger::kStability},
    {"bb_width", "volatility", kQuote, "bb_upper - bb_lower", kBollinger, 20, Bollinger::kStability},
    {"bb_percent_b", "volatility", kFraction, "(C - bb_lower) / bb_width; 0.5 if bb_width = 0", kBollinger, 20, Bollinger::kStability},
    {"atr_14", "volatility", kQuote, "Wilder mean of 14 true ranges, the first candle has none", "Wilder 1978; TA-Lib ATR", 15, Atr::kStability},
    {"natr", "volatility", kPercent, "100 * atr_14 / C", "TA-Lib NATR", 15, Atr::kStability},
    {"adx", "trend", kPercent, "Wilder mean of 14 of 100 * |di_plus - di_minus| / (di_plus + di_minus); kept if both are 0", "Wilder 1978; TA-Lib ADX", 28, Adx::kStability},
    {"di_plus", "trend", kPercent, "100 * S14(+DM) / S14(TR); 0 if S14(TR) = 0", "Wilder 1978; TA-Lib PLUS_DI", 15, Adx::kStability},
    {"di_minus", "trend", kPercent, "100 * S14(-DM) / S14(TR); 0 if S14(TR) = 0", "Wilder 1978; TA-Lib MINUS_DI", 15, Adx::kStability},
    {"kc_upper", "volatility", kQuote, "kc_middle + 2 * atr_14", kKeltner, 20, Keltner::kStability},
    {"kc_middle", "volatility", kQuote, "EMA20(C)", kKeltner, 20, Keltner::kStability},
    {"kc_lower", "volatility", kQuote, "kc_middle - 2 * atr_14", kKeltner, 20, Keltner::kStability},
    {"obv", "volume", kBase, "running sum of V * sign(C - C[1 back]), from the first V", "Granville 1963; TA-Lib OBV", 1, Obv::kStability},
    {"cmf", "volume", kFraction, "sum(V * ((C - L) - (H - C)) / (H - L)) / sum(V) over 20; 0 for H = L and for sum(V) = 0", "Chaikin, StockCharts", 20, Cmf::kStability},
    {"mfi", "volume", kPercent, "100 * sum(P V of rises) / sum(P V of rises and falls) over 14, P = (H+L+C)/3; 0 without flow", "Quong, Soudack 1989; TA-Lib MFI", 15, Mfi::kStability},
    {"vpt", "volume", kBase, "running sum of V * (C / C[1 back] - 1), from 0", "StockCharts PVT", 1, Vpt::kStability},
    {"price_change", "momentum", kFraction, "C / C[1 back] - 1", kChange, 2, Change::kStability},
    {"volume_change", "volume", kFraction, "V / V[1 back] - 1; 0 if V[1 back] = 0", kChange, 2, Change::kStability},
    {"hl2", "price", kQuote, "(H + L) / 2", "TA-Lib MEDPRICE", 1, kExact},
};
// clang-format on
static_assert(std::size(kRaw) == kRawColumns);

}  // namespace

std::span<const IndicatorInfo> raw_features() {
  return kRaw;
}

std::span<const double> FeatureMatrix::column(std::size_t f) const {
  MOP_CHECK(f < names.size()) << "column " << f << " of " << names.size();
  return std::span(values).subspan(f * rows, rows);
}

std::span<const double> FeatureMatrix::column(std::string_view name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  MOP_CHECK(found != names.end()) << "no column '" << name << "'";
  return column(static_cast<std::size_t>(found - names.begin()));
}

FeatureMatrix compute_raw_features(const market::CandleSeries& run) {
  check_is_run(run);
  FeatureMatrix matrix;
  for (const IndicatorInfo& info : raw_features())
    matrix.names.emplace_back(info.name);
  matrix.rows = run.size();
  matrix.values.resize(matrix.names.size() * matrix.rows);
  RawFeatureState state;
  RawRow row;
  for (std::size_t t = 0; t < matrix.rows; ++t) {
    state.push(candle_values(run, t), row);
    for (std::size_t f = 0; f < kRawColumns; ++f)
      matrix.values[f * matrix.rows + t] = row[f];
  }
  return matrix;
}

}  // namespace mop::features
