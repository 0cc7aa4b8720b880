#include "mop/features/model_inputs.h"

#include <algorithm>
#include <deque>
#include <iterator>

#include <fmt/format.h>

#include "mop/base/check.h"
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
  InputSource input = InputSource::kCandles;
};

constexpr Stability kExact = Stability::kExact;
constexpr Stability kConverging = Stability::kConverging;
constexpr Needs kNothing = Needs::kNothing;
constexpr Needs kSigma = Needs::kSigma;
constexpr Needs kDay = Needs::kDay;

// Raw columns with a formula of their own. S: sigma, U: usual volume of the day, r: ln(C / C[1 back]). Floors
// are named in model_input_state.h.
// clang-format off
constexpr Mapping kOwnForms[] = {
    {"close", "price", "r / S", kConverging, kSigma, 2},
    {"volume", "volume", "ln(max(V / U, 0.001))", kExact, kDay},
    {"roc_12", "momentum", "ln(1 + roc_12 / 100) / (S * sqrt(12))", kConverging, kSigma},
    {"momentum", "momentum", "momentum / C / (S * sqrt(5))", kConverging, kSigma},
    {"bb_percent_b", "volatility", "bb_percent_b - 0.5", kExact, kNothing},
    {"natr", "volatility", "ln(max(natr, 0.001))", kConverging, kNothing},
    {"obv", "volume", "sign(r) * ln(1 + V / U)", kExact, kDay, 2},
    {"cmf", "volume", "cmf", kExact, kNothing},
    {"vpt", "volume", "sign(r) * ln(1 + V / U * |price_change| / S)", kConverging, kSigma, 2},
    {"price_change", "momentum", "price_change / S", kConverging, kSigma},
    {"volume_change", "volume", "ln((V / U + 0.001) / (V[1 back] / U + 0.001))", kExact, kDay},
};

// In the order of ContextInput. P = ln(H / L)^2 / (4 ln 2) (Parkinson 1980); G = ln(H / L)^2 / 2 -
// (2 ln 2 - 1) * ln(C / O)^2 (Garman and Klass 1980); T: volume bought by takers.
constexpr Mapping kContext[] = {
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
    {"parkinson_1", "context", "ln(max(sqrt(P), 0.1 * S))", kConverging, kSigma},
    {"parkinson_4", "context", "ln(max(sqrt(mean of 4 P), 0.1 * S))", kConverging, kSigma, 4},
    {"parkinson_24", "context", "ln(max(sqrt(mean of 24 P), 0.1 * S))", kConverging, kSigma, 24},
    {"parkinson_96", "context", "ln(max(sqrt(mean of 96 P), 0.1 * S))", kConverging, kSigma, 96},
    {"parkinson_5d", "context", "ln(max(sqrt(mean of P over 5 days), 0.1 * S))", kConverging, kSigma, 0, 5},
    {"garman_klass_1", "context", "ln(max(sqrt(G), 0.1 * S))", kConverging, kSigma},
    {"garman_klass_4", "context", "ln(max(sqrt(mean of 4 G), 0.1 * S))", kConverging, kSigma, 4},
    {"garman_klass_24", "context", "ln(max(sqrt(mean of 24 G), 0.1 * S))", kConverging, kSigma, 24},
    {"garman_klass_96", "context", "ln(max(sqrt(mean of 96 G), 0.1 * S))", kConverging, kSigma, 96},
    {"garman_klass_5d", "context", "ln(max(sqrt(mean of G over 5 days), 0.1 * S))", kConverging, kSigma, 0, 5},
    {"taker_imbalance", "volume", "(2 T - V) / V; 0 if V = 0 or T is not stated", kExact, kNothing, 1, 0, InputSource::kTaker},
    {"taker_imbalance_24", "volume", "sum(2 T - V) / sum(V) over 24; 0 if sum(V) = 0, 0 for each T not stated", kExact, kNothing, 24, 0, InputSource::kTaker},
    {"btc_return", "market", "r of BTCUSDT over its own sigma; 0 where it has none", kConverging, kNothing, 1, 0, InputSource::kMarket},
    {"market_return", "market", "m / sigma of m, m the mean r of all coins; 0 where there is none", kConverging, kNothing, 1, 0, InputSource::kMarket},
    {"relative_return", "market", "(r - m) / S; 0 where there is no m", kConverging, kSigma, 2, 0, InputSource::kMarket},
    {"btc_return_1_back", "market", "btc_return of the candle before", kConverging, kNothing, 2, 0, InputSource::kMarket},
    {"market_return_1_back", "market", "market_return of the candle before", kConverging, kNothing, 2, 0, InputSource::kMarket},
};
// clang-format on
static_assert(kRawColumns + std::size(kContext) == kModelInputs);

std::string formula_of(const IndicatorInfo& raw) {
  switch (raw.form) {
    case InputForm::kDistance:
      return fmt::format("ln(max({} / C, 0.01)) / S", raw.name);
    case InputForm::kDifference:
      return fmt::format("{} / C / S", raw.name);
    case InputForm::kCentred:
      return fmt::format("({} - 50) / 50; 0 on a flat window", raw.name);
    default:
      return fmt::format("{} / 50 - 0.5", raw.name);
  }
}

Mapping mapping_of(const IndicatorInfo& raw, std::deque<std::string>& formulas) {
  if (raw.form == InputForm::kOwn) {
    const Mapping* own = std::ranges::find(kOwnForms, raw.name, &Mapping::name);
    MOP_CHECK(own != std::end(kOwnForms)) << raw.name << " has neither a form nor a formula of its own";
    return *own;
  }
  const std::string_view formula = formulas.emplace_back(formula_of(raw));
  const bool percent = raw.form == InputForm::kCentred || raw.form == InputForm::kDirection;
  return {raw.name, raw.group, formula, percent ? raw.stability : kConverging, percent ? kNothing : kSigma};
}

struct Registry {
  std::deque<std::string> formulas;  // what the infos' formulas point into
  std::vector<IndicatorInfo> infos;
};

Registry make_registry(market::Interval interval) {
  const std::size_t day = market::candles_per_day(interval);
  Registry registry;
  const auto add = [&](const Mapping& m, const IndicatorInfo* raw) {
    std::size_t warmup = m.candles + m.days * day;
    if (raw != nullptr) warmup = std::max(warmup, raw->warmup);
    if (m.needs == Needs::kSigma) warmup = std::max(warmup, day + 1);
    if (m.needs == Needs::kDay) warmup = std::max(warmup, day);
    const double sigma_memory = static_cast<double>(day + 1) / 2.0;
    double memory = raw != nullptr && m.stability == kConverging ? raw->memory : 0.0;
    if (m.needs == Needs::kSigma) memory = std::max(memory, sigma_memory);
    const std::string_view source = raw != nullptr ? raw->source : "MOP";
    registry.infos.push_back(
        {m.name, m.group, "none", m.formula, source, warmup, m.stability, InputForm::kOwn, memory, m.input});
  };
  for (const IndicatorInfo& raw : kRawInfo)
    add(mapping_of(raw, registry.formulas), &raw);
  for (const Mapping& m : kContext)
    add(m, nullptr);
  return registry;
}

bool offered(InputSource source, InputSources sources) {
  return source == InputSource::kCandles || (source == InputSource::kTaker && sources.taker) ||
         (source == InputSource::kMarket && sources.market);
}

Result<std::vector<std::size_t>> indices_of(std::span<const std::string> selected, InputSources sources) {
  const auto infos = model_inputs(market::Interval::k1h);  // names and sources are those of any interval
  std::vector<std::size_t> indices;
  for (std::size_t f = 0; selected.empty() && f < kModelInputs; ++f) {
    if (offered(infos[f].input, sources)) indices.push_back(f);
  }
  for (const std::string& name : selected) {
    const auto found = std::ranges::find(infos, name, &IndicatorInfo::name);
    if (found == infos.end()) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("model inputs must be among the {} this program computes, '{}' is not one of them: the "
                      "model was made with another feature list, train it again",
                      infos.size(), name));
    }
    if (!offered(found->input, sources)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("model input {} needs {} data and these candles come with none: fetch them, or "
                              "train the model again without",
                              name, to_string(found->input)));
    }
    indices.push_back(static_cast<std::size_t>(found - infos.begin()));
  }
  return indices;
}

std::vector<std::string> names_of(std::span<const std::size_t> indices) {
  std::vector<std::string> names;
  for (const std::size_t f : indices)
    names.emplace_back(model_inputs(market::Interval::k1h)[f].name);
  return names;
}

// visit(t, row, sigma) for each candle.
template <typename Visit>
void for_each_row(const market::CandleSeries& run, const MarketContext* market, Visit&& visit) {
  check_is_run(run);
  MOP_CHECK(market == nullptr || market->interval() == run.interval) << "market of another interval";
  ModelInputState state(run.interval);
  ModelInputRow row;
  for (std::size_t t = 0; t < run.size(); ++t) {
    const MarketMove move = market == nullptr ? MarketMove{} : market->at(run.close_time(t));
    const double sigma = state.push(candle_values(run, t), row, move);
    visit(t, row, sigma);
  }
}

std::size_t warmup_of(std::span<const std::size_t> indices, market::Interval interval) {
  std::size_t warmup = market::candles_per_day(interval) + 1;  // of sigma
  for (const std::size_t f : indices)
    warmup = std::max(warmup, model_inputs(interval)[f].warmup);
  return warmup;
}

}  // namespace

InputSources sources_of(const market::CandleSeries& series, const MarketContext* market) {
  return {.taker = !series.taker_buy_base.empty(), .market = market != nullptr};
}

std::span<const IndicatorInfo> model_inputs(market::Interval interval) {
  static const Registry quarter_hours = make_registry(market::Interval::k15m);
  static const Registry hours = make_registry(market::Interval::k1h);
  return interval == market::Interval::k15m ? quarter_hours.infos : hours.infos;
}

Result<InputColumns> columns_of(std::span<const std::string> selected, market::Interval interval,
                                InputSources sources) {
  MOP_TRY_ASSIGN(std::vector<std::size_t> indices, indices_of(selected, sources));
  const std::size_t warmup = warmup_of(indices, interval);
  return InputColumns{std::move(indices), warmup};
}

Result<InputMatrix> compute_model_inputs(const market::CandleSeries& run,
                                         std::span<const std::string> selected, const MarketContext* market) {
  MOP_TRY_ASSIGN(const std::vector<std::size_t> indices, indices_of(selected, sources_of(run, market)));
  const std::size_t width = indices.size();
  InputMatrix matrix;
  matrix.names = names_of(indices);
  matrix.rows = run.size();
  matrix.values.resize(matrix.rows * width);
  matrix.sigma.resize(matrix.rows);
  matrix.first_valid = std::min(warmup_of(indices, run.interval) - 1, run.size());
  for_each_row(run, market, [&](std::size_t t, const ModelInputRow& row, double sigma) {
    for (std::size_t i = 0; i < width; ++i)
      matrix.values[t * width + i] = static_cast<float>(row[indices[i]]);
    matrix.sigma[t] = sigma;
  });
  return matrix;
}

Result<FeatureMatrix> compute_model_input_columns(const market::CandleSeries& run,
                                                  std::span<const std::string> selected,
                                                  const MarketContext* market) {
  MOP_TRY_ASSIGN(const std::vector<std::size_t> indices, indices_of(selected, sources_of(run, market)));
  FeatureMatrix matrix;
  matrix.names = names_of(indices);
  matrix.rows = run.size();
  matrix.values.resize(matrix.rows * indices.size());
  for_each_row(run, market, [&](std::size_t t, const ModelInputRow& row, double) {
    for (std::size_t i = 0; i < indices.size(); ++i)
      matrix.values[i * matrix.rows + t] = row[indices[i]];
  });
  return matrix;
}

Selection select_inputs(std::size_t longest_run, market::Interval interval, InputSources sources) {
  Selection selection;
  for (const IndicatorInfo& info : model_inputs(interval)) {
    if (!offered(info.input, sources)) continue;
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
