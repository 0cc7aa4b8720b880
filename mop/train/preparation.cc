#include "mop/train/preparation.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/base/parallel.h"
#include "mop/dataset/targets.h"
#include "mop/nn/param_layout.h"
#include "mop/train/targets.h"

namespace mop::train {
namespace {

constexpr double kSmallestGap = 1e-4;  // of sigma, between base quantiles of prices that stand still

// Type 7 (linear interpolation) of sorted values.
double quantile_of(const std::vector<double>& sorted, double level) {
  const double position = level * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// Rows of one head that the network learns from.
std::size_t count_samples(const Member& m, std::size_t head) {
  std::size_t samples = 0;
  for (std::size_t t = m.split.fit_begin; t < m.split.fit_end; ++t)
    samples += m.builder->has_window(t) && m.builder->row_of(head, t) >= 0;
  return samples;
}

Result<nn::QuantileHead> base_head(const dataset::SeriesData& data, const std::vector<std::size_t>& rows,
                                   UnixMillis limit) {
  nn::QuantileHead head{{dataset::kQuantileLevels.begin(), dataset::kQuantileLevels.end()}, data.horizon, {}};
  for (std::size_t h = 1; h <= data.horizon; ++h) {
    std::vector<double> z;
    for (const std::size_t row : rows) {
      if (data.target_closes_before(row, h, limit) && !std::isnan(data.z(row, h)))
        z.push_back(data.z(row, h));
    }
    if (z.size() < 20) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} {}: {} known outcomes {} candles ahead, at least 20 are needed to fit a "
                              "distribution; fetch more history",
                              data.symbol, market::to_string(data.interval), z.size(), h));
    }
    std::sort(z.begin(), z.end());
    for (std::size_t k = 0; k < head.levels.size(); ++k) {
      const double q = quantile_of(z, head.levels[k]);
      head.base.push_back(k == 0 ? q : std::max(q, head.base.back() + kSmallestGap));
    }
  }
  return head;
}

void fit_range(const dataset::SeriesData& data, const std::vector<std::size_t>& rows, UnixMillis limit,
               BranchModel& branch) {
  double n = 0, mean = 0, squares = 0;
  for (const std::size_t row : rows) {
    const double u = Objective::range_target(data, row, limit);
    if (std::isnan(u)) continue;
    n += 1;
    const double delta = u - mean;
    mean += delta / n;
    squares += delta * (u - mean);
  }
  branch.range_mean = mean;
  branch.range_sd = n > 1 && squares > 0 ? std::sqrt(squares / n) : 1.0;
}

const features::MarketContext* market_of(const TrainJob& job, market::Interval interval) {
  return job.markets == nullptr ? nullptr : job.markets->of(interval);
}

// What the coin with the longest history can carry, of the sources that every coin has.
features::Selection select_inputs(const TrainJob& job, std::size_t branch) {
  const market::Interval interval = job.coins[0].series[branch].interval;
  std::size_t longest = 0;
  features::InputSources sources{true, true};
  for (const CoinCandles& coin : job.coins) {
    const market::CandleSeries& series = coin.series[branch];
    for (const market::Run run : market::contiguous_runs(series))
      longest = std::max(longest, run.size());
    const auto own = features::sources_of(series, market_of(job, interval));
    sources = {sources.taker && own.taker, sources.market && own.market};
  }
  return features::select_inputs(longest, interval, sources);
}

Result<Member> read_coin(const TrainJob& job, const CoinCandles& coin,
                         const std::vector<features::Selection>& inputs) {
  Member m;
  m.model.symbol = coin.symbol;
  m.model.kind = job.kind;
  m.model.profile = job.profile;
  m.model.seed = job.seed;
  for (std::size_t b = 0; b < inputs.size(); ++b) {
    const market::CandleSeries& series = coin.series[b];
    MOP_TRY_ASSIGN(dataset::SeriesData data,
                   dataset::build_series_data(series, inputs[b].used, job.profile.horizon,
                                              market_of(job, series.interval)));
    m.data.push_back(std::make_unique<dataset::SeriesData>(std::move(data)));
    BranchModel branch;
    branch.interval = series.interval;
    branch.inputs = m.data.back()->input_names;
    branch.skipped = inputs[b].skipped;
    m.model.branches.push_back(std::move(branch));
  }
  return m;
}

// Scalers, base quantiles and the log-range's mean, all of candles that close before the validation block.
Result<void> fit_member(const TrainJob& job, UnixMillis opens, Member& m) {
  m.split = dataset::split_at(*m.data[0], opens, job.profile.lookback);
  std::vector<dataset::SequenceBuilder::Branch> branches;
  for (std::size_t b = 0; b < m.data.size(); ++b) {
    const std::size_t fit_rows = m.data[b]->first_at_or_after(opens);
    const auto& history = m.data[b]->history;
    const auto fit_end = history.begin() + static_cast<std::ptrdiff_t>(fit_rows);
    if (std::all_of(history.begin(), fit_end, [](std::uint32_t h) { return h == 0; })) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} {}: no usable candle before {}; fetch more history", m.model.symbol,
                              market::to_string(m.data[b]->interval), format_utc(opens)));
    }
    m.model.branches[b].scaler = dataset::fit_scaler(*m.data[b], fit_rows);
    branches.push_back({m.data[b].get(), m.model.branches[b].scaler});
  }
  m.builder = std::make_unique<dataset::SequenceBuilder>(std::move(branches), job.profile.lookback);
  for (std::size_t head = 0; head < m.data.size(); ++head) {
    const auto rows = m.data[head]->rows_with_history(job.profile.lookback, opens);
    MOP_TRY_ASSIGN(m.model.branches[head].head, base_head(*m.data[head], rows, opens));
    fit_range(*m.data[head], rows, opens, m.model.branches[head]);
    m.model.samples += count_samples(m, head);
  }
  m.model.fit_until = opens;
  return {};
}

// What the coins of a pool have in common.
void join(const TrainJob& job, Pool& pool) {
  std::vector<std::string> coins;
  UnixMillis newest = 0;
  for (const Member& m : pool.members) {
    coins.push_back(m.model.symbol);
    for (const auto& data : m.data)
      newest = std::max(newest, data->close_time.back());
  }
  for (Member& m : pool.members) {
    m.model.shape = pool.shape;
    m.model.coins = coins;
    m.model.market_coins = job.markets == nullptr ? std::vector<std::string>() : job.market_coins;
    m.model.market_from = job.market_from;
    m.model.trained_until = newest;
    m.model.data_from = INT64_MAX;
    for (const auto& data : m.data)
      m.model.data_from = std::min(m.model.data_from, data->close_time.front());
  }
}

std::vector<const dataset::SeriesData*> primaries(const std::vector<Member>& members) {
  std::vector<const dataset::SeriesData*> series;
  for (const Member& m : members)
    series.push_back(m.data[0].get());
  return series;
}

// Those that could be read, in their order.
std::vector<Member> take_members(std::vector<Result<Member>>& results, const TrainJob& job,
                                 std::vector<LeftOut>& left_out) {
  std::vector<Member> members;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i]) {
      members.push_back(std::move(*results[i]));
    } else {
      left_out.push_back({job.coins[i].symbol, results[i].error()});
    }
  }
  return members;
}

}  // namespace

nn::NetShape shape_for(Kind kind, const std::vector<BranchModel>& branches, const Profile& profile) {
  nn::NetShape shape{{}, profile.hidden, profile.layers, 0};
  for (const BranchModel& b : branches) {
    const std::string prefix =
        kind == Kind::kUnified ? fmt::format("lstm_{}", market::to_string(b.interval)) : std::string("lstm");
    shape.branches.push_back({prefix, b.inputs.size()});
    shape.outputs += outputs_per_head(b.head);
  }
  return shape;
}

std::uint64_t network_seed(std::uint64_t pool_seed, std::size_t number) {
  constexpr std::uint64_t kFar = 0x9e3779b97f4a7c15;  // neighbouring pool seeds share no network
  return pool_seed + kFar * number;
}

std::vector<float> initial_params(const Pool& pool, std::size_t number) {
  const nn::ParamLayout layout(pool.shape);
  std::vector<float> params(layout.size());
  nn::init_params(layout, network_seed(pool.seed, number), params);
  return params;
}

Result<Pool> prepare(const TrainJob& job, std::size_t threads) {
  Pool pool{job.profile, job.seed, {}, {}, 0, {}, {}};
  std::vector<features::Selection> inputs;
  for (std::size_t b = 0; b < intervals_of(job.kind).size(); ++b)
    inputs.push_back(select_inputs(job, b));
  std::vector<Result<Member>> results(job.coins.size());
  parallel_for(results.size(), threads, [&](std::size_t i) {
    MOP_CHECK(job.coins[i].series.size() == inputs.size()) << job.coins[i].series.size();
    results[i] = read_coin(job, job.coins[i], inputs);
  });
  std::vector<Member> read = take_members(results, job, pool.left_out);
  if (read.empty()) return fail(pool.left_out.front().error);
  MOP_TRY_ASSIGN(
      pool.fit_targets_before,
      dataset::validation_opens(primaries(read), job.profile.validation_share, job.profile.lookback));
  std::vector<Result<void>> fitted(read.size());
  parallel_for(read.size(), threads,
               [&](std::size_t i) { fitted[i] = fit_member(job, pool.fit_targets_before, read[i]); });
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (fitted[i]) {
      pool.members.push_back(std::move(read[i]));
    } else {
      pool.left_out.push_back({read[i].model.symbol, fitted[i].error()});
    }
  }
  if (pool.members.empty()) return fail(pool.left_out.front().error);
  pool.shape = shape_for(job.kind, pool.members[0].model.branches, job.profile);
  MOP_TRY(pool.shape.validate());
  std::size_t sequences = 0;
  for (const Member& m : pool.members)
    sequences += m.builder->chunks(m.split.fit_begin, m.split.fit_end, job.profile.scored, 0).size();
  pool.schedule = schedule_for(job.profile, sequences);
  join(job, pool);
  return pool;
}

}  // namespace mop::train
