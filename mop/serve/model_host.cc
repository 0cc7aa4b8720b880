#include "mop/serve/model_host.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/base/parallel.h"
#include "mop/base/sha256.h"
#include "mop/dataset/live_rows.h"
#include "mop/evaluate/baselines.h"
#include "mop/evaluate/forecast_models.h"
#include "mop/evaluate/quantiles.h"
#include "mop/features/market_context.h"
#include "mop/features/sigma.h"
#include "mop/market/symbol.h"
#include "mop/serve/head_calibrations.h"
#include "mop/train/forecaster.h"

namespace mop::serve {
namespace {

using features::MarketMove;
using market::Interval;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Model files are the same in all that the inputs depend on when they read the same market.
struct Market {
  std::vector<std::string> coins;
  std::array<features::MarketState, market::kIntervals.size()> states{features::MarketState(Interval::k15m),
                                                                      features::MarketState(Interval::k1h)};
};

// A coin's indicators as the models of one market see them.
struct Inputs {
  std::size_t market;
  features::ModelInputState state;
  std::vector<std::pair<std::size_t, std::size_t>> readers;  // (model, branch)
};

struct Series {
  explicit Series(store::SeriesKey k)
      : key(std::move(k)),
        volatility(features::EwmaVolatility::make(market::candles_per_day(key.interval)).value()) {}

  store::SeriesKey key;
  UnixMillis last_close_time = 0;
  double last_close = kNaN;
  // That of the inputs begins anew behind a hole, this one goes on.
  features::EwmaVolatility volatility;
  double sigma = kNaN;
  std::size_t run = 0;  // candles since the last hole
  std::vector<Inputs> inputs;
};

struct Hosted {
  std::string sha256;
  std::vector<dataset::LiveRows> rows;  // one per branch
  std::vector<Head> heads;
  std::vector<train::WindowStates> states;  // one per branch
  std::optional<train::Forecaster> forecaster;
};

// Rows of one head that are to be forecast, and what the networks say of them.
struct Pending {
  std::size_t model, head;
  std::vector<std::size_t> rows;
  train::HeadForecasts made;
};

struct Span {
  std::size_t begin, end;
};

constexpr std::size_t kLargestBatch = 64;  // windows in one pass: what they need stays in cache

void hash_window(const dataset::SeriesData& data, std::size_t last, std::size_t lookback,
                 std::string& bytes) {
  const std::size_t F = data.inputs();
  const auto x = std::span(data.x).subspan((last + 1 - lookback) * F, lookback * F);
  bytes.append(reinterpret_cast<const char*>(x.data()), x.size_bytes());
  bytes.append(reinterpret_cast<const char*>(&data.sigma[last]), sizeof(double));
  bytes.append(reinterpret_cast<const char*>(&data.close[last]), sizeof(double));
}

std::vector<double> newest_z(const evaluate::Forecasts& forecasts) {
  const std::size_t count = forecasts.horizon * forecasts.levels.size();
  return {forecasts.z.end() - static_cast<std::ptrdiff_t>(count), forecasts.z.end()};
}

std::vector<double> newest_p_up(const evaluate::Forecasts& forecasts) {
  return {forecasts.p_up.end() - static_cast<std::ptrdiff_t>(forecasts.horizon), forecasts.p_up.end()};
}

Result<void> check_baselines(const train::TrainedModel& model, const train::BranchModel& branch,
                             const dataset::SeriesData& data) {
  const std::size_t terms = evaluate::outcomes_of(data, {}, 0.0, INT64_MAX).har_terms;
  if (branch.baselines.horizon == model.horizon() && branch.baselines.terms() == terms) return {};
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("model {} must carry baselines of {} steps and {} HAR terms, has {} and {}; train it "
                  "again",
                  model.id(), model.horizon(), terms, branch.baselines.horizon, branch.baselines.terms()));
}

std::size_t order_of(const store::SeriesKey& key) {
  const auto symbols = market::all_symbols();
  const auto found = std::ranges::find(symbols, key.symbol, &market::Symbol::name);
  return static_cast<std::size_t>(key.interval) * symbols.size() +
         static_cast<std::size_t>(found - symbols.begin());
}

}  // namespace

struct ModelHost::Impl {
  std::vector<Market> markets;
  std::vector<Series> series;
  std::vector<Hosted> hosted;
  std::vector<train::ForecastWorkspace> workspaces;
  UnixMillis instant = 0;
  std::vector<Checkpoint> checkpoints;  // the newest two, a day apart

  // By the hash of their parameters: models learnt together hold the same networks.
  std::map<std::string, std::shared_ptr<const train::PreparedNetworks>> networks;

  Result<void> add(ModelFile file);
  UnixMillis restart(UnixMillis changed);
  void keep_checkpoint();
  std::size_t market_of(const train::TrainedModel& model);
  Series& series_of(const store::SeriesKey& key);    // adds it when it is new
  Series* find_series(const store::SeriesKey& key);  // null: nobody reads it
  void advance_interval(Interval interval, std::span<const LiveCandle* const> candles);
  void push(Series& to, const features::CandleValues& candle, std::span<const MarketMove> moves);
  std::vector<Pending> pending(std::span<const std::size_t> models);
  void sort_by_networks(std::vector<Pending>& all) const;
  template <typename Visit>
  void for_networks(std::span<Pending* const> all, Visit visit) const;
  template <typename MayCut>
  void cut(std::size_t begin, std::size_t end, MayCut may_cut, std::vector<Span>& batches) const;
  template <typename Work>
  void side_by_side(std::span<const Span> batches, Work work);
  void infer_next(std::span<Pending* const> all);
  void infer_all(std::span<Pending* const> all);
  void infer(std::vector<Pending>& all);
  void warm_up();
  std::optional<ModelForecast> calibrate(Pending& pending);
  std::optional<ModelForecast> over_hole(std::size_t model, std::size_t head);
  ModelForecast forecast_of(std::size_t model, std::size_t head, const evaluate::Outcomes& outcomes,
                            const evaluate::Forecasts& forecasts,
                            const evaluate::BaselineForecasts& baselines) const;
};

std::size_t ModelHost::Impl::market_of(const train::TrainedModel& model) {
  const auto found = std::ranges::find(markets, model.market_coins, &Market::coins);
  if (found != markets.end()) return static_cast<std::size_t>(found - markets.begin());
  markets.push_back({model.market_coins});
  return markets.size() - 1;
}

Series* ModelHost::Impl::find_series(const store::SeriesKey& key) {
  const auto found = std::ranges::find(series, key, &Series::key);
  return found == series.end() ? nullptr : &*found;
}

Series& ModelHost::Impl::series_of(const store::SeriesKey& key) {
  if (Series* found = find_series(key)) return *found;
  return series.emplace_back(key);
}

Result<void> ModelHost::Impl::add(ModelFile file) {
  train::TrainedModel& model = file.model;
  Hosted hosted_model{std::move(file.sha256), {}, {}, {}, {}};
  hosted_model.states.resize(model.branches.size());
  const std::size_t market = market_of(model), index = hosted.size();
  std::vector<std::shared_ptr<const dataset::SeriesData>> data;
  for (std::size_t b = 0; b < model.branches.size(); ++b) {
    const train::BranchModel& branch = model.branches[b];
    const store::SeriesKey key{model.symbol, branch.interval};
    MOP_TRY_ASSIGN(auto rows, dataset::LiveRows::make(model.symbol, branch.interval, branch.inputs,
                                                      model.horizon(), {.taker = true, .market = true}));
    MOP_TRY(check_baselines(model, branch, rows.data()));
    data.push_back(rows.shared());
    hosted_model.rows.push_back(std::move(rows));
    hosted_model.heads.emplace_back(branch);
    auto& inputs = series_of(key).inputs;
    auto found = std::ranges::find(inputs, market, &Inputs::market);
    if (found == inputs.end())
      found = inputs.insert(inputs.end(), Inputs{market, features::ModelInputState(branch.interval), {}});
    found->readers.emplace_back(index, b);
    for (const std::string& coin : model.market_coins)
      series_of({coin, branch.interval});
  }
  std::string parameters;
  for (train::TrainedNetwork& network : model.networks) {
    parameters.append(reinterpret_cast<const char*>(network.params.data()),
                      network.params.size() * sizeof(float));
  }
  auto& shared = networks[sha256_hex(parameters)];
  if (shared == nullptr) shared = train::prepare_networks(model);
  for (train::TrainedNetwork& network : model.networks)
    network.params = std::vector<float>();  // assigning {} would keep the memory
  hosted_model.forecaster.emplace(train::Forecaster::over(std::move(model), std::move(data), shared));
  hosted.push_back(std::move(hosted_model));
  return {};
}

void ModelHost::Impl::keep_checkpoint() {
  if (!checkpoints.empty() && instant < checkpoints.back().at + kDay) return;
  if (checkpoints.size() == 2) checkpoints.erase(checkpoints.begin());
  Checkpoint now{instant, {}};
  for (const Hosted& h : hosted)
    now.heads.push_back(h.heads);
  for (std::vector<Head>& heads : now.heads) {
    for (Head& head : heads) {
      head.done = std::max(head.done, instant);
      head.taught = instant;
    }
  }
  checkpoints.push_back(std::move(now));
}

UnixMillis ModelHost::Impl::restart(UnixMillis changed) {
  std::erase_if(checkpoints, [&](const Checkpoint& c) { return c.at >= changed; });
  for (Market& m : markets)
    m = Market{std::move(m.coins)};
  for (Series& s : series) {
    std::vector<Inputs> inputs = std::move(s.inputs);
    for (Inputs& each : inputs)
      each.state = features::ModelInputState(s.key.interval);
    s = Series(std::move(s.key));
    s.inputs = std::move(inputs);
  }
  for (Hosted& h : hosted) {
    for (std::size_t b = 0; b < h.rows.size(); ++b) {
      h.rows[b].clear();
      h.states[b] = {};
      h.heads[b] = Head(h.forecaster->model().branches[b]);
    }
  }
  instant = 0;
  if (checkpoints.empty()) return 0;
  for (std::size_t m = 0; m < hosted.size(); ++m)
    hosted[m].heads = checkpoints.back().heads[m];
  return checkpoints.back().at;
}

void ModelHost::Impl::advance_interval(Interval interval, std::span<const LiveCandle* const> candles) {
  const DurationMillis step = market::length_of(interval);
  std::vector<MarketMove> moves;
  for (Market& m : markets) {
    features::MarketReturns returns;
    for (const LiveCandle* candle : candles) {
      const Series& s = *find_series(candle->series);
      const bool follows = candle->values.close_time == s.last_close_time + step;
      if (follows && std::ranges::find(m.coins, s.key.symbol) != m.coins.end())
        returns.add(s.key.symbol, std::log(candle->values.close / s.last_close));
    }
    moves.push_back(m.states[static_cast<std::size_t>(interval)].push(returns));
  }
  for (const LiveCandle* candle : candles)
    push(*find_series(candle->series), candle->values, moves);
}

void ModelHost::Impl::push(Series& to, const features::CandleValues& candle,
                           std::span<const MarketMove> moves) {
  const bool follows = candle.close_time == to.last_close_time + market::length_of(to.key.interval);
  features::ModelInputRow row;
  for (Inputs& inputs : to.inputs) {
    if (!follows) inputs.state = features::ModelInputState(to.key.interval);
    const double sigma = inputs.state.push(candle, row, moves[inputs.market]);
    for (const auto& [model, branch] : inputs.readers) {
      Head& head = hosted[model].heads[branch];
      const bool taught = candle.close_time <= head.taught;
      if (!follows && !taught) head.calibrations.forget_unknown();
      hosted[model].rows[branch].push(candle, row, sigma);
      if (!taught) head.calibrations.observe(candle.close_time, candle.close);
    }
  }
  if (!follows) to.volatility.skip_hole();
  to.run = follows ? to.run + 1 : 1;
  to.sigma = to.volatility.push(candle.close).value_or(kNaN);
  to.last_close_time = candle.close_time;
  to.last_close = candle.close;
}

ModelForecast ModelHost::Impl::forecast_of(std::size_t model, std::size_t head,
                                           const evaluate::Outcomes& outcomes,
                                           const evaluate::Forecasts& forecasts,
                                           const evaluate::BaselineForecasts& baselines) const {
  const train::Forecaster& forecaster = *hosted[model].forecaster;
  const dataset::SeriesData& data = forecaster.series(head);
  const std::size_t last = outcomes.size() - 1;
  ModelForecast f{model,
                  head,
                  {data.symbol, data.interval},
                  outcomes.close_time[last],
                  outcomes.close[last],
                  outcomes.sigma[last],
                  newest_z(forecasts),
                  newest_p_up(forecasts),
                  forecasts.log_range[last],
                  {newest_z(baselines.ewma), newest_p_up(baselines.ewma)},
                  {newest_z(baselines.har), newest_p_up(baselines.har)},
                  {},
                  kNaN,
                  {}};
  const auto terms = std::span(outcomes.har).last(outcomes.har_terms);
  for (const train::LogLinear& scale : forecaster.model().branches[head].baselines.har_scale)
    f.har_scale.push_back(scale.at(f.sigma, terms));
  if (!baselines.har.log_range.empty()) f.har_log_range = baselines.har.log_range[last];
  std::string bytes;
  for (std::size_t b = 0; b < forecaster.heads(); ++b) {
    const dataset::SeriesData& branch = forecaster.series(b);
    const std::size_t end = branch.first_at_or_after(f.as_of + 1);  // behind the newest row it may read
    hash_window(branch, end - 1, forecaster.model().profile.lookback, bytes);
  }
  f.input_hash = sha256_hex(bytes);
  return f;
}

std::optional<ModelForecast> ModelHost::Impl::over_hole(std::size_t model, std::size_t head) {
  const train::TrainedModel& m = hosted[model].forecaster->model();
  const train::Baselines& baselines = m.branches[head].baselines;
  const Series& s = series_of({m.symbol, m.branches[head].interval});
  if (s.last_close_time != instant || std::isnan(s.sigma)) return std::nullopt;
  ModelForecast f;
  f.model = model;
  f.head = head;
  f.series = s.key;
  f.as_of = instant;
  f.close = s.last_close;
  f.sigma = s.sigma;
  f.ewma.z = baselines.ewma_z;
  const std::size_t L = baselines.levels.size();
  for (std::size_t h = 0; h < baselines.horizon; ++h) {
    f.ewma.p_up.push_back(
        evaluate::p_up_from_quantiles(baselines.levels, std::span(f.ewma.z).subspan(h * L, L)));
  }
  f.candles_in_a_row = s.run;
  std::string bytes;
  for (const double read : {f.sigma, f.close})
    bytes.append(reinterpret_cast<const char*>(&read), sizeof(double));
  f.input_hash = sha256_hex(bytes);
  return f;
}

// Rows of the models that are to be forecast, those of models with the same networks together.
std::vector<Pending> ModelHost::Impl::pending(std::span<const std::size_t> models) {
  std::vector<Pending> all;
  for (const std::size_t m : models) {
    Hosted& h = hosted[m];
    h.forecaster->rows_changed();
    for (std::size_t head = 0; head < h.heads.size(); ++head) {
      const dataset::SeriesData& data = h.rows[head].data();
      Pending p{m, head, {}, {}};
      for (std::size_t row = data.first_at_or_after(h.heads[head].done + 1); row < data.rows(); ++row)
        if (h.forecaster->can_forecast(head, row)) p.rows.push_back(row);
      if (data.rows() > 0) h.heads[head].done = std::max(h.heads[head].done, data.close_time.back());
      if (!p.rows.empty()) all.push_back(std::move(p));
    }
  }
  sort_by_networks(all);
  return all;
}

void ModelHost::Impl::sort_by_networks(std::vector<Pending>& all) const {
  std::ranges::stable_sort(all, std::less{},
                           [&](const Pending& p) { return hosted[p.model].forecaster->networks(); });
}

// Calls visit(begin, end) for those that share their networks.
template <typename Visit>
void ModelHost::Impl::for_networks(std::span<Pending* const> all, Visit visit) const {
  const auto own = [&](std::size_t i) { return hosted[all[i]->model].forecaster->networks(); };
  for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    while (end < all.size() && own(end) == own(begin))
      ++end;
    visit(begin, end);
  }
}

// Cuts `count` windows into batches for the threads, where `may_cut(i)` allows it before window i.
template <typename MayCut>
void ModelHost::Impl::cut(std::size_t begin, std::size_t end, MayCut may_cut,
                          std::vector<Span>& batches) const {
  const std::size_t share = (end - begin + workspaces.size() - 1) / workspaces.size();
  const std::size_t most = std::clamp(share, std::size_t{1}, kLargestBatch);
  for (std::size_t first = begin; first < end;) {
    std::size_t last = std::min(first + most, end);
    while (last < end && !may_cut(last))
      ++last;
    batches.push_back({first, last});
    first = last;
  }
}

template <typename Work>
void ModelHost::Impl::side_by_side(std::span<const Span> batches, Work work) {
  const std::size_t threads = workspaces.size();
  parallel_for(threads, threads, [&](std::size_t thread) {
    for (std::size_t b = thread; b < batches.size(); b += threads)
      work(batches[b], workspaces[thread]);
  });
}

// One row of each head, as at a close: from where the networks stand.
void ModelHost::Impl::infer_next(std::span<Pending* const> all) {
  std::vector<train::Forecaster::AskedFrom> asked;
  for (const Pending* p : all)
    asked.push_back({{&*hosted[p->model].forecaster, p->head, p->rows[0]}, hosted[p->model].states});
  std::vector<Span> batches;
  for_networks(all, [&](std::size_t begin, std::size_t end) {
    cut(
        begin, end, [&](std::size_t i) { return all[i]->model != all[i - 1]->model; }, batches);
  });
  side_by_side(batches, [&](Span batch, train::ForecastWorkspace& workspace) {
    auto part = train::Forecaster::forecast_from(
        std::span(asked).subspan(batch.begin, batch.end - batch.begin), workspace);
    for (std::size_t i = batch.begin; i < batch.end; ++i)
      all[i]->made = std::move(part[i - batch.begin]);
  });
}

// Many rows, as in a replay. One pass of the networks for many windows costs far less than one each: the
// weights are read once, and windows share rows.
void ModelHost::Impl::infer_all(std::span<Pending* const> all) {
  std::vector<train::Forecaster::Asked> asked;
  std::vector<Span> batches;
  for_networks(all, [&](std::size_t first, std::size_t last) {
    const std::size_t begin = asked.size();
    for (; first != last; ++first) {
      for (const std::size_t row : all[first]->rows)
        asked.push_back({&*hosted[all[first]->model].forecaster, all[first]->head, row});
    }
    cut(
        begin, asked.size(), [](std::size_t) { return true; }, batches);
  });
  std::vector<train::HeadForecasts> made(asked.size());
  side_by_side(batches, [&](Span batch, train::ForecastWorkspace& workspace) {
    auto part = train::Forecaster::forecast_together(
        std::span(asked).subspan(batch.begin, batch.end - batch.begin), workspace);
    std::ranges::move(part, made.begin() + static_cast<std::ptrdiff_t>(batch.begin));
  });
  auto next = made.begin();
  for (Pending* p : all) {
    p->made = std::move(*next++);
    for (std::size_t i = 1; i < p->rows.size(); ++i, ++next) {
      p->made.z.insert(p->made.z.end(), next->z.begin(), next->z.end());
      p->made.log_range.push_back(next->log_range[0]);
    }
  }
}

void ModelHost::Impl::infer(std::vector<Pending>& all) {
  std::vector<Pending*> next, many;
  for (auto first = all.begin(); first != all.end();) {
    const auto last =
        std::find_if(first, all.end(), [&](const Pending& p) { return p.model != first->model; });
    const bool one = std::all_of(first, last, [](const Pending& p) { return p.rows.size() == 1; });
    for (; first != last; ++first)
      (one ? next : many).push_back(&*first);
  }
  infer_next(next);
  infer_all(many);
}

// The window behind each model's newest, but for the candle that is to come.
void ModelHost::Impl::warm_up() {
  std::vector<Pending> newest;
  for (std::size_t m = 0; m < hosted.size(); ++m) {
    hosted[m].forecaster->rows_changed();
    const std::size_t rows = hosted[m].forecaster->series(0).rows();
    if (rows > 0 && hosted[m].forecaster->can_forecast(0, rows - 1)) newest.push_back({m, 0, {rows - 1}, {}});
  }
  sort_by_networks(newest);
  std::vector<Pending*> all;
  std::vector<train::Forecaster::AskedFrom> asked;
  for (Pending& p : newest) {
    all.push_back(&p);
    asked.push_back({{&*hosted[p.model].forecaster, p.head, p.rows[0]}, hosted[p.model].states});
  }
  std::vector<Span> batches;
  for_networks(all, [&](std::size_t begin, std::size_t end) {
    cut(
        begin, end, [](std::size_t) { return true; }, batches);
  });
  side_by_side(batches, [&](Span batch, train::ForecastWorkspace& workspace) {
    train::Forecaster::warm_up(std::span(asked).subspan(batch.begin, batch.end - batch.begin), workspace);
  });
}

// Calibrates the forecasts of a model and of its baselines, and gives those of the instant, if there are.
std::optional<ModelForecast> ModelHost::Impl::calibrate(Pending& p) {
  Hosted& h = hosted[p.model];
  const train::TrainedModel& model = h.forecaster->model();
  const double tick = market::find_symbol(model.symbol).value().tick_size;
  const evaluate::Outcomes outcomes = evaluate::outcomes_of(h.rows[p.head].data(), p.rows, tick, INT64_MAX);
  evaluate::Forecasts forecasts = evaluate::forecasts_of(*h.forecaster, std::move(p.made));
  auto baselines = evaluate::forecast_baselines(model.branches[p.head].baselines, outcomes);
  MOP_CHECK(baselines.has_value()) << baselines.error().message;
  Head& head = h.heads[p.head];
  head.calibrations.model.run(outcomes, forecasts);
  head.calibrations.ewma.run(outcomes, baselines->ewma);
  head.calibrations.har.run(outcomes, baselines->har);
  if (outcomes.close_time.back() != instant) return std::nullopt;
  return forecast_of(p.model, p.head, outcomes, forecasts, *baselines);
}

ModelHost::ModelHost(std::size_t threads) : impl_(std::make_unique<Impl>()) {
  impl_->workspaces.resize(std::max<std::size_t>(threads, 1));
}
ModelHost::ModelHost(ModelHost&&) noexcept = default;
ModelHost& ModelHost::operator=(ModelHost&&) noexcept = default;
ModelHost::~ModelHost() = default;

Result<void> ModelHost::add(ModelFile file) {
  return impl_->add(std::move(file));
}
UnixMillis ModelHost::restart(UnixMillis changed) {
  return impl_->restart(changed);
}

std::size_t ModelHost::models() const {
  return impl_->hosted.size();
}
const train::TrainedModel& ModelHost::model(std::size_t index) const {
  return impl_->hosted[index].forecaster->model();
}
const std::string& ModelHost::sha256(std::size_t index) const {
  return impl_->hosted[index].sha256;
}

std::vector<store::SeriesKey> ModelHost::series() const {
  std::vector<store::SeriesKey> keys;
  for (const Series& s : impl_->series)
    keys.push_back(s.key);
  std::ranges::sort(keys, {}, order_of);
  return keys;
}

std::optional<ModelForecast> ModelHost::forecast_over_hole(std::size_t model, std::size_t head) {
  return impl_->over_hole(model, head);
}

void ModelHost::advance(UnixMillis close_time, std::span<const LiveCandle> candles) {
  MOP_CHECK(close_time > impl_->instant) << close_time;
  impl_->instant = close_time;
  for (const Interval interval : market::kIntervals) {
    std::vector<const LiveCandle*> own;
    for (const LiveCandle& candle : candles) {
      MOP_CHECK(candle.values.close_time == close_time) << candle.series.symbol;
      if (candle.series.interval == interval && impl_->find_series(candle.series) != nullptr)
        own.push_back(&candle);
    }
    // The mean over the coins is a sum of doubles: always in the same order.
    std::ranges::sort(own, {}, [](const LiveCandle* candle) { return order_of(candle->series); });
    impl_->advance_interval(interval, own);
  }
}

void ModelHost::warm_up() {
  impl_->warm_up();
  impl_->keep_checkpoint();
}

std::vector<ModelForecast> ModelHost::forecast() {
  std::vector<std::size_t> all(models());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return forecast(all);
}

std::vector<ModelForecast> ModelHost::forecast(std::span<const std::size_t> models) {
  std::vector<Pending> all = impl_->pending(models);
  impl_->infer(all);
  std::vector<ModelForecast> made;
  for (Pending& p : all) {
    if (auto forecast = impl_->calibrate(p)) made.push_back(std::move(*forecast));
  }
  for (const std::size_t m : models) {
    for (dataset::LiveRows& rows : impl_->hosted[m].rows)
      rows.keep_newest(kKeptRows);
  }
  std::ranges::sort(made, {}, [](const ModelForecast& f) { return std::pair(f.model, f.head); });
  return made;
}

}  // namespace mop::serve
