#include "mop/train/forecaster.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"

namespace mop::train {
namespace {

constexpr std::size_t kBatch = 64;  // windows per pass: the working set stays in cache

std::vector<std::vector<std::int64_t>> rows_with_windows(const dataset::SequenceBuilder& builder) {
  std::vector<std::vector<std::int64_t>> rows;
  for (std::size_t head = 0; head < builder.heads(); ++head) {
    rows.emplace_back(builder.series(head).rows(), -1);
  }
  for (std::size_t t = 0; t < builder.rows(); ++t) {
    if (!builder.has_window(t)) continue;
    for (std::size_t head = 0; head < builder.heads(); ++head) {
      const std::int64_t row = builder.row_of(head, t);
      if (row >= 0) rows[head][static_cast<std::size_t>(row)] = static_cast<std::int64_t>(t);
    }
  }
  return rows;
}

}  // namespace

std::shared_ptr<const PreparedNetworks> prepare_networks(const TrainedModel& model) {
  auto networks = std::make_shared<PreparedNetworks>();
  for (const TrainedNetwork& network : model.networks)
    networks->emplace_back(model.shape, network.params);
  return networks;
}

Forecaster::Forecaster(TrainedModel model, std::vector<std::shared_ptr<const dataset::SeriesData>> data,
                       std::shared_ptr<const PreparedNetworks> networks)
    : model_(std::move(model)), data_(std::move(data)), networks_(std::move(networks)) {
  MOP_CHECK(data_.size() == model_.branches.size()) << data_.size() << " series";
  MOP_CHECK(!networks_->empty()) << model_.id() << " has no network";
  rows_changed();
}

void Forecaster::rows_changed() {
  std::vector<dataset::SequenceBuilder::Branch> branches;
  for (std::size_t b = 0; b < data_.size(); ++b) {
    branches.push_back({data_[b].get(), model_.branches[b].scaler});
  }
  builder_ = std::make_unique<dataset::SequenceBuilder>(std::move(branches), model_.profile.lookback);
  primary_row_ = rows_with_windows(*builder_);
}

Result<Forecaster> Forecaster::make(TrainedModel model, std::span<const market::CandleSeries> series,
                                    const dataset::Markets* markets) {
  MOP_CHECK(series.size() == model.branches.size()) << series.size() << " series";
  std::vector<std::shared_ptr<const dataset::SeriesData>> data;
  for (std::size_t b = 0; b < series.size(); ++b) {
    const auto* market = markets == nullptr ? nullptr : markets->of(series[b].interval);
    MOP_TRY_ASSIGN(dataset::SeriesData built,
                   dataset::build_series_data(series[b], model.branches[b].inputs, model.horizon(), market));
    data.push_back(std::make_shared<const dataset::SeriesData>(std::move(built)));
  }
  auto networks = prepare_networks(model);
  return Forecaster(std::move(model), std::move(data), std::move(networks));
}

Forecaster Forecaster::over(TrainedModel model,
                            std::vector<std::shared_ptr<const dataset::SeriesData>> series,
                            std::shared_ptr<const PreparedNetworks> networks) {
  return {std::move(model), std::move(series), std::move(networks)};
}

Result<std::size_t> Forecaster::head_for(market::Interval interval) const {
  for (std::size_t head = 0; head < heads(); ++head) {
    if (model_.branches[head].interval == interval) return head;
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("model {} does not forecast {}", model_.id(), market::to_string(interval)));
}

// Raw outputs (rows, outputs) of the windows that end with these rows: the mean over the networks.
std::span<const float> Forecaster::infer(std::size_t head, std::span<const std::size_t> rows,
                                         ForecastWorkspace& w) const {
  std::vector<dataset::Chunk> windows;
  for (const std::size_t row : rows) {
    MOP_CHECK(can_forecast(head, row)) << "row " << row;
    windows.push_back({static_cast<std::size_t>(primary_row_[head][row]), 1});
  }
  builder_->build(windows, 1, w.sequences);
  nn::SequenceBatch batch{w.sequences.batch, 1, {}};
  for (const auto& b : w.sequences.branches)
    batch.branches.push_back({b.steps, b.x, b.read_step, b.row_of, b.distinct});
  const auto first = w.inference.run(networks_->front(), batch);
  if (networks_->size() == 1) return first;
  w.mean.assign(first.begin(), first.end());
  for (std::size_t n = 1; n < networks_->size(); ++n) {
    const auto y = w.inference.run((*networks_)[n], batch);
    for (std::size_t i = 0; i < w.mean.size(); ++i)
      w.mean[i] += y[i];
  }
  for (float& y : w.mean)
    y /= static_cast<float>(networks_->size());
  return w.mean;
}

HeadForecasts Forecaster::forecast(std::size_t head, std::span<const std::size_t> rows) {
  return forecast(head, rows, workspace_);
}

HeadForecasts Forecaster::forecast(std::size_t head, std::span<const std::size_t> rows,
                                   ForecastWorkspace& workspace) const {
  const BranchModel& branch = model_.branches[head];
  const std::size_t raw = nn::raw_size(branch.head), H = branch.head.horizon, K = branch.head.levels.size();
  std::size_t offset = 0;
  for (std::size_t h = 0; h < head; ++h)
    offset += outputs_per_head(model_.branches[h].head);

  HeadForecasts out{H, branch.head.levels, std::vector<double>(rows.size() * H * K), {}};
  out.log_range.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); i += kBatch) {
    const auto part = rows.subspan(i, std::min(kBatch, rows.size() - i));
    const auto y = infer(head, part, workspace);
    for (std::size_t j = 0; j < part.size(); ++j) {
      const auto own = y.subspan(j * model_.shape.outputs + offset, raw + 1);
      nn::quantiles(branch.head, own.first(raw), std::span(out.z).subspan((i + j) * H * K, H * K));
      const double u = branch.range_mean + branch.range_sd * static_cast<double>(own[raw]);
      out.log_range.push_back(data_[head]->sigma[part[j]] * std::exp(u));
    }
  }
  return out;
}

Window Forecaster::window(std::size_t head, std::size_t row) {
  const auto y = infer(head, std::span(&row, 1), workspace_);
  Window window{{}, {y.begin(), y.end()}};
  for (const auto& b : workspace_.sequences.branches)
    window.inputs.push_back(b.x);  // one sequence: (T, 1, F)
  return window;
}

}  // namespace mop::train
