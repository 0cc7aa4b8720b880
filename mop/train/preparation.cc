#include "mop/train/preparation.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"
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

// Rows of one head that the fit part may learn from.
std::vector<std::size_t> fit_rows_of(const dataset::SequenceBuilder& builder, const dataset::FitSplit& split,
                                     std::size_t head) {
  std::vector<std::size_t> rows;
  for (std::size_t t = split.fit_begin; t < split.fit_end; ++t) {
    if (!builder.has_window(t)) continue;
    const std::int64_t row = builder.row_of(head, t);
    if (row >= 0) rows.push_back(static_cast<std::size_t>(row));
  }
  return rows;
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

// Inputs of every branch, scaled by what its fit part says.
Result<void> prepare_branches(const TrainJob& job, Preparation& p) {
  for (const market::CandleSeries& series : job.series) {
    features::Selection selection = dataset::select_inputs_for(series);
    MOP_TRY_ASSIGN(dataset::SeriesData data,
                   dataset::build_series_data(series, selection.used, job.profile.horizon));
    p.data.push_back(std::make_unique<dataset::SeriesData>(std::move(data)));
    BranchModel branch;
    branch.interval = series.interval;
    branch.inputs = p.data.back()->input_names;
    branch.skipped = std::move(selection.skipped);
    p.model.branches.push_back(std::move(branch));
  }
  const dataset::SeriesData& primary = *p.data[0];
  MOP_TRY_ASSIGN(p.split,
                 dataset::split_for_fit(primary, job.profile.validation_share, job.profile.lookback));
  std::vector<dataset::SequenceBuilder::Branch> branches;
  for (std::size_t b = 0; b < p.data.size(); ++b) {
    const std::size_t fit_rows = p.data[b]->first_at_or_after(p.split.fit_targets_before);
    const auto& history = p.data[b]->history;
    const auto fit_end = history.begin() + static_cast<std::ptrdiff_t>(fit_rows);
    if (std::all_of(history.begin(), fit_end, [](std::uint32_t h) { return h == 0; })) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("{} {}: no usable candle before {}; fetch more history", job.symbol,
                      market::to_string(p.data[b]->interval), format_utc(p.split.fit_targets_before)));
    }
    p.model.branches[b].scaler = dataset::fit_scaler(*p.data[b], fit_rows);
    branches.push_back({p.data[b].get(), dataset::scale_rows(*p.data[b], p.model.branches[b].scaler)});
  }
  p.builder = std::make_unique<dataset::SequenceBuilder>(std::move(branches), job.profile.lookback);
  return {};
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

Result<Preparation> prepare(const TrainJob& job) {
  MOP_CHECK(job.series.size() == intervals_of(job.kind).size()) << job.series.size();
  Preparation p;
  TrainedModel& model = p.model;
  model.symbol = job.symbol;
  model.kind = job.kind;
  model.profile = job.profile;
  model.seed = job.seed;
  MOP_TRY(prepare_branches(job, p));
  for (std::size_t head = 0; head < p.data.size(); ++head) {
    const auto rows = fit_rows_of(*p.builder, p.split, head);
    MOP_TRY_ASSIGN(model.branches[head].head, base_head(*p.data[head], rows, p.split.fit_targets_before));
    fit_range(*p.data[head], rows, p.split.fit_targets_before, model.branches[head]);
    model.samples += rows.size();
  }
  model.shape = shape_for(job.kind, model.branches, job.profile);
  MOP_TRY(model.shape.validate());
  const nn::ParamLayout layout(model.shape);
  model.params.resize(layout.size());
  nn::init_params(layout, job.seed, model.params);
  model.data_from = p.data[0]->close_time.front();
  for (const auto& data : p.data) {
    model.data_from = std::min(model.data_from, data->close_time.front());
    model.trained_until = std::max(model.trained_until, data->close_time.back());
  }
  return p;
}

}  // namespace mop::train
