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

// The windows that end with these rows.
void Forecaster::build(std::span<const Asked> asked, ForecastWorkspace& w) {
  const PreparedNetworks& networks = *asked[0].forecaster->networks_;
  asked[0].forecaster->builder_->shape(asked.size(), 1, w.sequences);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Forecaster& f = *asked[i].forecaster;
    MOP_CHECK(f.networks_.get() == &networks) << f.model_.id() << " has other networks";
    MOP_CHECK(f.can_forecast(asked[i].head, asked[i].row)) << "row " << asked[i].row;
    f.builder_->build_at({static_cast<std::size_t>(f.primary_row_[asked[i].head][asked[i].row]), 1}, i,
                         w.sequences);
  }
}

// Raw outputs (asked, outputs) of the windows that end with these rows: the mean over the networks.
std::span<const float> Forecaster::infer(std::span<const Asked> asked, ForecastWorkspace& w) {
  const PreparedNetworks& networks = *asked[0].forecaster->networks_;
  build(asked, w);
  w.sequences.number_rows();
  nn::SequenceBatch batch{w.sequences.batch, 1, {}};
  for (const auto& b : w.sequences.branches)
    batch.branches.push_back({b.steps, b.x, b.read_step, b.row_of, b.distinct});
  const auto first = w.inference.run(networks.front(), batch);
  if (networks.size() == 1) return first;
  w.mean.assign(first.begin(), first.end());
  for (std::size_t n = 1; n < networks.size(); ++n) {
    const auto y = w.inference.run(networks[n], batch);
    for (std::size_t i = 0; i < w.mean.size(); ++i)
      w.mean[i] += y[i];
  }
  for (float& y : w.mean)
    y /= static_cast<float>(networks.size());
  return w.mean;
}

// `raw`: the outputs of all heads for this row.
void Forecaster::add_forecast(const Asked& asked, std::span<const float> raw, HeadForecasts& to) const {
  const BranchModel& branch = model_.branches[asked.head];
  const std::size_t size = nn::raw_size(branch.head), numbers = branch.head.base.size();
  std::size_t offset = 0;
  for (std::size_t h = 0; h < asked.head; ++h)
    offset += outputs_per_head(model_.branches[h].head);
  const auto own = raw.subspan(offset, size + 1);
  to.horizon = branch.head.horizon;
  to.levels = branch.head.levels;
  to.z.resize(to.z.size() + numbers);
  nn::quantiles(branch.head, own.first(size), std::span(to.z).last(numbers));
  const double u = branch.range_mean + branch.range_sd * static_cast<double>(own[size]);
  to.log_range.push_back(data_[asked.head]->sigma[asked.row] * std::exp(u));
}

std::vector<HeadForecasts> Forecaster::forecast_together(std::span<const Asked> asked,
                                                         ForecastWorkspace& workspace) {
  const auto y = infer(asked, workspace);
  std::vector<HeadForecasts> out(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const std::size_t outputs = asked[i].forecaster->model_.shape.outputs;
    asked[i].forecaster->add_forecast(asked[i], y.subspan(i * outputs, outputs), out[i]);
  }
  return out;
}

HeadForecasts Forecaster::forecast(std::size_t head, std::span<const std::size_t> rows) {
  return forecast(head, rows, workspace_);
}

HeadForecasts Forecaster::forecast(std::size_t head, std::span<const std::size_t> rows,
                                   ForecastWorkspace& workspace) const {
  const nn::QuantileHead& shape = model_.branches[head].head;
  HeadForecasts out{shape.horizon, shape.levels, {}, {}};
  out.z.reserve(rows.size() * shape.base.size());
  out.log_range.reserve(rows.size());
  std::vector<Asked> asked;
  for (std::size_t i = 0; i < rows.size(); i += kBatch) {
    asked.clear();
    for (const std::size_t row : rows.subspan(i, std::min(kBatch, rows.size() - i)))
      asked.push_back({this, head, row});
    const auto y = infer(asked, workspace);
    for (std::size_t j = 0; j < asked.size(); ++j)
      add_forecast(asked[j], y.subspan(j * model_.shape.outputs, model_.shape.outputs), out);
  }
  return out;
}

Window Forecaster::window(std::size_t head, std::size_t row) {
  const Asked asked{this, head, row};
  const auto y = infer({&asked, 1}, workspace_);
  Window window{{}, {y.begin(), y.end()}};
  for (const auto& b : workspace_.sequences.branches)
    window.inputs.push_back(b.x);  // one sequence: (T, 1, F)
  return window;
}

}  // namespace mop::train
