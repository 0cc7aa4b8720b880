#include "mop/app/market_canaries.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <boost/math/distributions/normal.hpp>

#include "mop/base/interrupt.h"
#include "mop/base/parallel.h"
#include "mop/base/rng.h"
#include "mop/dataset/targets.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/evaluate/quantiles.h"
#include "mop/evaluate/statistics.h"
#include "mop/market/symbol.h"
#include "mop/sim/coin_profile.h"
#include "mop/sim/synthetic_market.h"
#include "mop/train/trainer.h"

namespace mop::app {
namespace {

using evaluate::Canary;
using market::CandleSeries;
using sim::MarketKind;

constexpr double kMostSkillPct = 0.5, kMostFalseEdges = 0.05, kLeastOfOracle = 0.7, kMostMapePct = 0.001;
constexpr double kSignificance = 0.05;
constexpr double kScoredShare = 1.0 / 3.0;
constexpr std::uint64_t kShuffleStream = 11;

constexpr const char* kShuffledMeaning =
    "skill in percent over the true distribution when candles stand in random order, at most the limit";
constexpr const char* kWalksMeaning =
    "share of random walks where the model beats the true distribution (Diebold-Mariano p < 0.05, "
    "one-sided), "
    "at most the limit";
constexpr const char* kPlantedMeaning =
    "skill over EWMA as a share of the true distribution's where 2 % of the next return can be known, at "
    "least "
    "the limit and not better than the truth";
constexpr const char* kNoiseFreeMeaning =
    "MAPE in percent one candle ahead where the price is a sum of sinusoids, at most the limit";

// One market as the pipeline gets it.
struct Market {
  train::Kind kind;
  std::uint64_t seed;
  std::vector<CandleSeries> coins;  // of one timeframe
  // Quantiles of the next log return, given the last one (or a NaN); one per coin.
  std::vector<std::function<double(double level, double last_return)>> truth;
};

// What is scored, all coins behind one another: mean pinball losses one candle ahead, in units of sigma.
struct Losses {
  std::vector<double> model, ewma, truth;
  std::vector<double> price_error;  // |forecast / actual - 1|
  std::size_t horizon = 1;
};

Result<CandleSeries> candles_of(MarketKind kind, std::uint64_t seed, const market::Symbol& symbol,
                                market::Interval interval, std::size_t n) {
  const sim::SyntheticOptions options{kind, seed};
  sim::SyntheticMarket market(options);
  const DurationMillis length = market::length_of(interval);
  const UnixMillis end = options.start + static_cast<DurationMillis>(n) * length;
  MOP_TRY_ASSIGN(const auto candles,
                 market.candles(symbol.name, interval, {.last = end - length, .limit = n}, end));
  CandleSeries series;
  series.symbol = symbol.name;
  series.interval = interval;
  for (const market::Candle& c : candles)
    series.push_back(c);
  return series;
}

double normal_quantile(double level) {
  return boost::math::quantile(boost::math::normal(), level);
}

// Standard deviation of a candle's log return in the walk and the planted market.
double sigma_of(const CandleSeries& series) {
  const double candles = static_cast<double>(market::candles_per_day(series.interval));
  return sim::coin_profile(series.symbol).daily_volatility / std::sqrt(candles);
}

std::vector<double> moves_of(const CandleSeries& series) {
  std::vector<double> moves;
  for (std::size_t t = 1; t < series.size(); ++t)
    moves.push_back(std::log(series.close[t] / series.close[t - 1]));
  return moves;
}

// The candles after the first in random order, each with its prices relative to the close before it.
CandleSeries shuffled(const CandleSeries& series, std::uint64_t seed) {
  std::vector<std::size_t> order(series.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(seed, kShuffleStream);
  for (std::size_t i = order.size() - 1; i > 1; --i)
    std::swap(order[i], order[1 + rng.below(i)]);
  CandleSeries out = series;
  for (std::size_t t = 1; t < series.size(); ++t) {
    const std::size_t from = order[t];
    const double factor = out.close[t - 1] / series.close[from - 1];
    out.open[t] = series.open[from] * factor;
    out.high[t] = series.high[from] * factor;
    out.low[t] = series.low[from] * factor;
    out.close[t] = series.close[from] * factor;
    out.volume[t] = series.volume[from];
    if (!out.taker_buy_base.empty()) out.taker_buy_base[t] = series.taker_buy_base[from];
  }
  return out;
}

// Those of the fleet that trade to this day.
std::vector<market::Symbol> living_symbols() {
  std::vector<market::Symbol> living;
  for (const market::Symbol& s : market::fleet_symbols()) {
    if (!s.ended) living.push_back(s);
  }
  return living;
}

// The candles that close before `until`.
std::vector<CandleSeries> past_of(const std::vector<CandleSeries>& coins, UnixMillis until) {
  std::vector<CandleSeries> past;
  for (const CandleSeries& s : coins)
    past.push_back(s.closing_in(INT64_MIN, until));
  return past;
}

// One model per coin, learnt together or alone as the profile says, and calibrated: what `mop train` makes.
Result<std::vector<train::TrainedModel>> train_on(const train::Profile& profile, const Market& market,
                                                  const std::vector<CandleSeries>& candles) {
  const dataset::Markets markets(candles);
  std::vector<train::TrainJob> jobs(profile.pooled ? 1 : candles.size());
  for (std::size_t c = 0; c < candles.size(); ++c) {
    train::TrainJob& job = jobs[profile.pooled ? 0 : c];
    job.kind = market.kind;
    job.profile = profile;
    job.seed = market.seed;
    job.coins.push_back({candles[c].symbol, {candles[c]}});
    if (!profile.pooled) continue;
    job.markets = &markets;
    job.market_coins.push_back(candles[c].symbol);
    job.market_from = candles[0].close_time(0);
  }
  std::vector<train::TrainedModel> models;
  for (const train::TrainJob& job : jobs) {
    MOP_TRY_ASSIGN(auto trained, train::train_models(job, [](const train::EpochReport&) {}));
    for (train::TrainedModel& model : trained)
      models.push_back(std::move(model));
  }
  for (std::size_t c = 0; c < models.size(); ++c) {
    MOP_TRY_ASSIGN(const market::Symbol symbol, market::find_symbol(models[c].symbol));
    MOP_TRY(
        evaluate::score_validation(models[c], std::span(&candles[c], 1), jobs[0].markets, symbol.tick_size));
  }
  return models;
}

Result<void> add_losses(const train::TrainedModel& model, const Market& market, std::size_t coin,
                        UnixMillis split, Losses& losses) {
  const dataset::Markets markets(market.coins);
  MOP_TRY_ASSIGN(const market::Symbol symbol, market::find_symbol(model.symbol));
  MOP_TRY_ASSIGN(train::Forecaster forecaster,
                 train::Forecaster::make(model, std::span(&market.coins[coin], 1), &markets));
  const dataset::SeriesData& data = forecaster.series(0);
  const auto live = evaluate::live_forecasts(forecaster, 0, symbol.tick_size, split, INT64_MAX);
  const auto fit_rows = data.rows_with_history(model.profile.lookback, split - 1);
  const auto fit = evaluate::outcomes_of(data, fit_rows, symbol.tick_size, split);
  const std::vector<double>& levels = live.forecasts.levels;
  MOP_TRY_ASSIGN(const auto fitted, evaluate::fit_baselines(fit, levels));
  MOP_TRY_ASSIGN(const auto baselines, evaluate::forecast_baselines(fitted, live.outcomes));
  std::vector<double> true_z(levels.size());
  for (std::size_t row = 0; row < live.outcomes.size(); ++row) {
    const double z = evaluate::scaled_target(live.outcomes, row, 0), sigma = live.outcomes.sigma[row];
    if (std::isnan(z)) continue;
    const auto own = live.forecasts.quantiles(row, 0);
    for (std::size_t k = 0; market.truth.size() > coin && k < levels.size(); ++k)
      true_z[k] = market.truth[coin](levels[k], live.outcomes.last_return[row]) / sigma;
    losses.model.push_back(evaluate::mean_pinball_loss(levels, own, z));
    losses.ewma.push_back(evaluate::mean_pinball_loss(levels, baselines.ewma.quantiles(row, 0), z));
    losses.truth.push_back(evaluate::mean_pinball_loss(levels, true_z, z));
    losses.price_error.push_back(std::abs(std::expm1((own[dataset::kMedianLevel] - z) * sigma)));
  }
  losses.horizon = model.horizon();
  return {};
}

// Trains on the older candles of a market and scores the newest.
Result<Losses> run_market(const MarketCanaryOptions& options, const train::Profile& profile, Market market) {
  if (interrupted()) return fail(ErrorCode::kInterrupted, "the canaries were interrupted");
  for (CandleSeries& coin : market.coins)
    options.deliver(coin);
  const CandleSeries& first = market.coins[0];
  const auto scored = static_cast<std::size_t>(static_cast<double>(first.size()) * kScoredShare);
  const UnixMillis split = first.close_time(first.size() - 1 - scored) + 1;
  MOP_TRY_ASSIGN(const auto models, train_on(profile, market, past_of(market.coins, split)));
  Losses losses;
  for (std::size_t c = 0; c < models.size(); ++c)
    MOP_TRY(add_losses(models[c], market, c, split, losses));
  return losses;
}

// One network instead of an ensemble: what it finds or invents shows in a fraction of the time.
train::Profile alone(train::Profile profile) {
  profile.ensemble = 1;
  return profile;
}

// Trained for the one step that is judged. On a few thousand candles seven overlapping steps are learnt by
// heart before even the next return, given away in the inputs, is found: such a canary would never fail.
train::Profile one_step(train::Profile profile) {
  profile.horizon = 1;
  return alone(std::move(profile));
}

double skill_pct(const std::vector<double>& losses, const std::vector<double>& reference) {
  return 100.0 * (1.0 - evaluate::mean_of(losses) / evaluate::mean_of(reference));
}

// Better than the truth, and not by luck.
bool has_edge(const Losses& losses) {
  std::vector<double> gain;
  for (std::size_t i = 0; i < losses.model.size(); ++i)
    gain.push_back(losses.truth[i] - losses.model[i]);
  return evaluate::mean_of(gain) > 0.0 &&
         0.5 * evaluate::diebold_mariano_p(gain, losses.horizon) < kSignificance;
}

Result<Losses> run_walk(const MarketCanaryOptions& options, std::size_t number) {
  Market market{train::Kind::k1h, options.seed + number, {}, {}};
  MOP_TRY_ASSIGN(CandleSeries candles, candles_of(MarketKind::kWalk, market.seed, market::fleet_symbols()[0],
                                                  market::Interval::k1h, options.walk_candles));
  const double sigma = sigma_of(candles);
  market.coins.push_back(std::move(candles));
  market.truth.emplace_back([sigma](double level, double) { return sigma * normal_quantile(level); });
  MOP_TRY_ASSIGN(Losses losses, run_market(options, one_step(options.profile), std::move(market)));
  options.done(fmt::format("random walk {}", number + 1));
  return losses;
}

Canary judge_walks(const std::vector<Losses>& walks) {
  const auto edges = std::count_if(walks.begin(), walks.end(), has_edge);
  const double share = static_cast<double>(edges) / static_cast<double>(walks.size());
  return {"random_walks", share <= kMostFalseEdges, share, kWalksMeaning, kMostFalseEdges};
}

Result<std::vector<Losses>> all_of(std::vector<std::optional<Result<Losses>>>& results) {
  std::vector<Losses> losses;
  for (auto& result : results) {
    MOP_TRY_ASSIGN(Losses one, std::move(*result));
    losses.push_back(std::move(one));
  }
  return losses;
}

}  // namespace

train::Profile noise_free_profile(train::Profile profile) {
  profile.layers = 1;
  profile.dropout = profile.weight_decay = 0.0;
  profile.learning_rate = 0.002;
  profile.one_cycle = true;
  profile.horizon = 1;
  profile.ensemble = 1;
  profile.least_updates = 6000;
  profile.patience = 6000;
  return profile;
}

Result<Canary> shuffled_targets(const MarketCanaryOptions& options) {
  Market market{train::Kind::k1h, options.seed, {}, {}};
  MOP_TRY_ASSIGN(const CandleSeries candles,
                 candles_of(MarketKind::kRealistic, market.seed, market::fleet_symbols()[0],
                            market::Interval::k1h, options.shuffled_candles));
  auto moves = std::make_shared<std::vector<double>>(moves_of(candles));
  std::sort(moves->begin(), moves->end());
  market.coins.push_back(shuffled(candles, market.seed));
  market.truth.emplace_back(
      [moves](double level, double) { return evaluate::quantile_sorted(*moves, level); });
  MOP_TRY_ASSIGN(const Losses losses, run_market(options, one_step(options.profile), std::move(market)));
  const double skill = skill_pct(losses.model, losses.truth);
  options.done("shuffled targets");
  return Canary{"shuffled_targets", skill <= kMostSkillPct, skill, kShuffledMeaning, kMostSkillPct};
}

Result<Canary> random_walks(const MarketCanaryOptions& options) {
  std::vector<std::optional<Result<Losses>>> results(options.walks);
  parallel_for(options.walks, options.threads, [&](std::size_t i) { results[i] = run_walk(options, i); });
  MOP_TRY_ASSIGN(const auto walks, all_of(results));
  return judge_walks(walks);
}

Result<Canary> planted_market(const MarketCanaryOptions& options) {
  Market market{train::Kind::k15m, options.seed, {}, {}};
  std::vector<market::Symbol> symbols = living_symbols();
  symbols.resize(std::min(symbols.size(), options.planted_coins));
  for (const market::Symbol& symbol : symbols) {
    MOP_TRY_ASSIGN(CandleSeries candles, candles_of(MarketKind::kPlanted, market.seed, symbol,
                                                    market::Interval::k15m, options.planted_candles));
    const double known = sim::kPlantedCoefficient;
    const double noise = sigma_of(candles) * std::sqrt(1.0 - known * known);
    market.coins.push_back(std::move(candles));
    market.truth.emplace_back(
        [=](double level, double last) { return known * last + noise * normal_quantile(level); });
  }
  MOP_TRY_ASSIGN(const Losses losses, run_market(options, alone(options.profile), std::move(market)));
  const double share = skill_pct(losses.model, losses.ewma) / skill_pct(losses.truth, losses.ewma);
  options.done("planted market");
  return Canary{"planted_market", share >= kLeastOfOracle && !has_edge(losses), share, kPlantedMeaning,
                kLeastOfOracle};
}

Result<Canary> noise_free_market(const MarketCanaryOptions& options) {
  Market market{train::Kind::k15m, options.seed, {}, {}};
  MOP_TRY_ASSIGN(CandleSeries candles,
                 candles_of(MarketKind::kNoiseFree, market.seed, market::fleet_symbols()[0],
                            market::Interval::k15m, options.noise_free_candles));
  market.coins.push_back(std::move(candles));
  MOP_TRY_ASSIGN(const Losses losses,
                 run_market(options, noise_free_profile(options.profile), std::move(market)));
  const double mape = 100.0 * evaluate::mean_of(losses.price_error);
  options.done("noise-free market");
  return Canary{"noise_free_market", mape < kMostMapePct, mape, kNoiseFreeMeaning, kMostMapePct};
}

Result<std::vector<Canary>> market_canaries(const MarketCanaryOptions& options) {
  using Long = Result<Canary> (*)(const MarketCanaryOptions&);
  constexpr Long kLong[] = {planted_market, noise_free_market, shuffled_targets};  // the longest first
  std::vector<std::optional<Result<Canary>>> canaries(std::size(kLong));
  std::vector<std::optional<Result<Losses>>> results(options.walks);
  parallel_for(canaries.size() + results.size(), options.threads, [&](std::size_t i) {
    if (i < canaries.size()) {
      canaries[i] = kLong[i](options);
    } else {
      results[i - canaries.size()] = run_walk(options, i - canaries.size());
    }
  });
  MOP_TRY_ASSIGN(const auto walks, all_of(results));
  MOP_TRY_ASSIGN(Canary planted, std::move(*canaries[0]));
  MOP_TRY_ASSIGN(Canary noise_free, std::move(*canaries[1]));
  MOP_TRY_ASSIGN(Canary shuffled, std::move(*canaries[2]));
  return std::vector<Canary>{std::move(shuffled), judge_walks(walks), std::move(planted),
                             std::move(noise_free)};
}

}  // namespace mop::app
