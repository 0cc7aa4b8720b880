#include "mop/features/model_inputs.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "mop/features/candle_rows.h"
#include "mop/features/model_input_state.h"

namespace mop::features {
namespace {

enum class Needs : std::uint8_t { kNothing, kSigma, kDay };  // besides the indicator's own warm-up

struct Mapping {
  std::string_view name, group, formula;
  Stability stability;
  Needs needs;
  std::size_t candles = 1,
              days = 0;  // own warm-up: candles + days * candles per day, at least the raw column's
};

constexpr Stability kExact = Stability::kExact;
constexpr Stability kConverging = Stability::kConverging;
constexpr Needs kNothing = Needs::kNothing;
constexpr Needs kSigma = Needs::kSigma;
constexpr Needs kDay = Needs::kDay;

// S: sigma, U: usual volume of the day, r: ln(C / C[1 back]). Floors are named in model_input_state.h.
// clang-format off
constexpr Mapping kMappings[] = {
    {"open", "price", "ln(O / C) / S", kConverging, kSigma},
    {"high", "price", "ln(H / C) / S", kConverging, kSigma},
    {"low", "price", "ln(L / C) / S", kConverging, kSigma},
    {"close", "price", "r / S", kConverging, kSigma, 2},
    {"volume", "volume", "ln(max(V / U, 0.001))", kExact, kDay},
    {"sma_10", "trend", "ln(sma_10 / C) / S", kConverging, kSigma},
    {"sma_20", "trend", "ln(sma_20 / C) / S", kConverging, kSigma},
    {"sma_50", "trend", "ln(sma_50 / C) / S", kConverging, kSigma},
    {"sma_100", "trend", "ln(sma_100 / C) / S", kConverging, kSigma},
    {"sma_200", "trend", "ln(sma_200 / C) / S", kConverging, kSigma},
    {"ema_10", "trend", "ln(ema_10 / C) / S", kConverging, kSigma},
    {"ema_20", "trend", "ln(ema_20 / C) / S", kConverging, kSigma},
    {"ema_50", "trend", "ln(ema_50 / C) / S", kConverging, kSigma},
    {"ema_100", "trend", "ln(ema_100 / C) / S", kConverging, kSigma},
    {"ema_200", "trend", "ln(ema_200 / C) / S", kConverging, kSigma},
    {"rsi_14", "momentum", "(rsi_14 - 50) / 50; 0 if never moved", kConverging, kNothing},
    {"rsi_21", "momentum", "(rsi_21 - 50) / 50; 0 if never moved", kConverging, kNothing},
    {"macd", "trend", "macd / C / S", kConverging, kSigma},
    {"macd_signal", "trend", "macd_signal / C / S", kConverging, kSigma},
    {"macd_histogram", "trend", "macd_histogram / C / S", kConverging, kSigma},
    {"stochastic_k", "momentum", "(stochastic_k - 50) / 50; a flat window counts as 50", kExact, kNothing},
    {"stochastic_d", "momentum", "(stochastic_d - 50) / 50; a flat window counts as 50", kExact, kNothing},
    {"roc_12", "momentum", "ln(1 + roc_12 / 100) / (S * sqrt(12))", kConverging, kSigma},
    {"momentum", "momentum", "momentum / C / (S * sqrt(5))", kConverging, kSigma},
    {"bb_upper", "volatility", "ln(bb_upper / C) / S", kConverging, kSigma},
    {"bb_middle", "volatility", "ln(bb_middle / C) / S", kConverging, kSigma},
    {"bb_lower", "volatility", "ln(max(bb_lower / C, 0.01)) / S", kConverging, kSigma},
    {"bb_width", "volatility", "bb_width / C / S", kConverging, kSigma},
    {"bb_percent_b", "volatility", "bb_percent_b - 0.5", kExact, kNothing},
    {"atr_14", "volatility", "atr_14 / C / S", kConverging, kSigma},
    {"natr", "volatility", "ln(max(natr, 0.001))", kConverging, kNothing},
    {"adx", "trend", "adx / 50 - 0.5, up and down movements within 1e-12 of the price are a tie", kConverging, kNothing},
    {"di_plus", "trend", "di_plus / 50 - 0.5, ties as adx", kConverging, kNothing},
    {"di_minus", "trend", "di_minus / 50 - 0.5, ties as adx", kConverging, kNothing},
    {"kc_upper", "volatility", "ln(kc_upper / C) / S", kConverging, kSigma},
    {"kc_middle", "volatility", "ln(kc_middle / C) / S", kConverging, kSigma},
    {"kc_lower", "volatility", "ln(max(kc_lower / C, 0.01)) / S", kConverging, kSigma},
    {"obv", "volume", "sign(r) * ln(1 + V / U)", kExact, kDay, 2},
    {"cmf", "volume", "cmf", kExact, kNothing},
    {"mfi", "volume", "(mfi - 50) / 50; 0 without flow; typical prices within 1e-12 are a tie", kExact, kNothing},
    {"vpt", "volume", "sign(r) * ln(1 + V / U * |price_change| / S)", kConverging, kSigma, 2},
    {"price_change", "momentum", "price_change / S", kConverging, kSigma},
    {"volume_change", "volume", "ln((V / U + 0.001) / (V[1 back] / U + 0.001))", kExact, kDay},
    {"hl2", "price", "ln(hl2 / C) / S", kConverging, kSigma},
    {"log_sigma", "context", "ln(S)", kConverging, kSigma},
    {"har_1", "context", "ln(max(|r|, 0.1 * S))", kConverging, kSigma, 2},
    {"har_4", "context", "ln(max(sqrt(mean of 4 r^2), 0.1 * S))", kConverging, kSigma, 5},
    {"har_24", "context", "ln(max(sqrt(mean of 24 r^2), 0.1 * S))", kConverging, kSigma, 25},
    {"har_96", "context", "ln(max(sqrt(mean of 96 r^2), 0.1 * S))", kConverging, kSigma, 97},
    {"har_5d", "context", "ln(max(sqrt(mean of r^2 over 5 days), 0.1 * S))", kConverging, kSigma, 1, 5},
    {"log_range", "context", "ln(max(ln(H / L) / S, 0.01))", kConverging, kSigma},
    {"hour_sin", "context", "sin(2 pi * time of day at which the next candle opens, UTC)", kExact, kNothing},
    {"hour_cos", "context", "cos(2 pi * time of day at which the next candle opens, UTC)", kExact, kNothing},
    {"weekday_sin", "context", "sin(2 pi * weekday / 7) when the next candle opens, UTC, Monday 0", kExact, kNothing},
    {"weekday_cos", "context", "cos(2 pi * weekday / 7) when the next candle opens, UTC, Monday 0", kExact, kNothing},
};
// clang-format on
static_assert(std::size(kMappings) == kModelInputs);

std::vector<IndicatorInfo> make_infos(market::Interval interval) {
  const std::size_t day = market::candles_per_day(interval);
  std::vector<IndicatorInfo> infos;
  for (std::size_t f = 0; f < kModelInputs; ++f) {
    const Mapping& m = kMappings[f];
    std::size_t warmup = m.candles + m.days * day;
    if (f < kRawColumns) warmup = std::max(warmup, raw_features()[f].warmup);
    if (m.needs == Needs::kSigma) warmup = std::max(warmup, day + 1);
    if (m.needs == Needs::kDay) warmup = std::max(warmup, day);
    const std::string_view source = f < kRawColumns ? raw_features()[f].source : "MOP";
    infos.push_back({m.name, m.group, "none", m.formula, source, warmup, m.stability});
  }
  return infos;
}

Result<std::vector<std::size_t>> indices_of(std::span<const std::string> selected) {
  std::vector<std::size_t> indices;
  if (selected.empty()) {
    for (std::size_t f = 0; f < kModelInputs; ++f)
      indices.push_back(f);
  }
  for (const std::string& name : selected) {
    const Mapping* found = std::ranges::find(kMappings, name, &Mapping::name);
    if (found == std::end(kMappings)) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("model inputs must be among the {} this program computes, '{}' is not one of them: the "
                      "model was made with another feature list, train it again",
                      std::size(kMappings), name));
    }
    indices.push_back(static_cast<std::size_t>(found - kMappings));
  }
  return indices;
}

std::vector<std::string> names_of(std::span<const std::size_t> indices) {
  std::vector<std::string> names;
  for (const std::size_t f : indices)
    names.emplace_back(kMappings[f].name);
  return names;
}

// visit(t, row, sigma) for each candle.
template <typename Visit>
void for_each_row(const market::CandleSeries& run, Visit&& visit) {
  check_is_run(run);
  ModelInputState state(run.interval);
  ModelInputRow row;
  for (std::size_t t = 0; t < run.size(); ++t) {
    const double sigma = state.push(candle_values(run, t), row);
    visit(t, row, sigma);
  }
}

std::size_t first_valid_row(std::span<const std::size_t> indices, const market::CandleSeries& run) {
  std::size_t warmup = market::candles_per_day(run.interval) + 1;  // of sigma
  for (const std::size_t f : indices)
    warmup = std::max(warmup, model_inputs(run.interval)[f].warmup);
  return std::min(warmup - 1, run.size());
}

}  // namespace

std::span<const IndicatorInfo> model_inputs(market::Interval interval) {
  static const std::vector<IndicatorInfo> quarter_hours = make_infos(market::Interval::k15m);
  static const std::vector<IndicatorInfo> hours = make_infos(market::Interval::k1h);
  return interval == market::Interval::k15m ? quarter_hours : hours;
}

Result<InputMatrix> compute_model_inputs(const market::CandleSeries& run,
                                         std::span<const std::string> selected) {
  MOP_TRY_ASSIGN(const std::vector<std::size_t> indices, indices_of(selected));
  const std::size_t width = indices.size();
  InputMatrix matrix;
  matrix.names = names_of(indices);
  matrix.rows = run.size();
  matrix.values.resize(matrix.rows * width);
  matrix.sigma.resize(matrix.rows);
  matrix.first_valid = first_valid_row(indices, run);
  for_each_row(run, [&](std::size_t t, const ModelInputRow& row, double sigma) {
    for (std::size_t i = 0; i < width; ++i)
      matrix.values[t * width + i] = static_cast<float>(row[indices[i]]);
    matrix.sigma[t] = sigma;
  });
  return matrix;
}

Result<FeatureMatrix> compute_model_input_columns(const market::CandleSeries& run,
                                                  std::span<const std::string> selected) {
  MOP_TRY_ASSIGN(const std::vector<std::size_t> indices, indices_of(selected));
  FeatureMatrix matrix;
  matrix.names = names_of(indices);
  matrix.rows = run.size();
  matrix.values.resize(matrix.rows * indices.size());
  for_each_row(run, [&](std::size_t t, const ModelInputRow& row, double) {
    for (std::size_t i = 0; i < indices.size(); ++i)
      matrix.values[i * matrix.rows + t] = row[indices[i]];
  });
  return matrix;
}

Selection select_inputs(std::size_t longest_run, market::Interval interval) {
  Selection selection;
  for (const IndicatorInfo& info : model_inputs(interval)) {
    if (2 * info.warmup <= longest_run) {
      selection.used.emplace_back(info.name);
      continue;
    }
    selection.skipped.push_back(
        {std::string(info.name),
         fmt::format("{} needs {} candles of history, the longest run without a hole has "
                     "{}; at most half may be warm-up",
                     info.name, info.warmup, longest_run)});
  }
  return selection;
}

}  // namespace mop::features
