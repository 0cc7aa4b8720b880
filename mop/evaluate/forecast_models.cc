#include "mop/evaluate/forecast_models.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <string_view>

#include "mop/base/parallel.h"
#include "mop/dataset/split.h"
#include "mop/dataset/targets.h"
#include "mop/evaluate/conformal.h"
#include "mop/evaluate/quantiles.h"

namespace mop::evaluate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// What the HAR baseline regresses on: realised volatilities and the hour, as far as the coin's history has
// them.
std::vector<std::size_t> har_columns(const dataset::SeriesData& data) {
  std::vector<std::size_t> columns;
  for (std::size_t f = 0; f < data.inputs(); ++f) {
    const std::string_view name = data.input_names[f];
    if (name.starts_with("har_") || name.starts_with("hour_")) columns.push_back(f);
  }
  return columns;
}

struct StepOne {
  std::size_t n = 0;
  double pinball = kNaN;  // mean
};

StepOne step_one_pinball(const Outcomes& outcomes, const Forecasts& forecasts) {
  StepOne score;
  double sum = 0.0;
  for (std::size_t row = 0; row < outcomes.size(); ++row) {
    const double z = scaled_target(outcomes, row, 0);
    if (std::isnan(z)) continue;
    sum += mean_pinball_loss(forecasts.levels, forecasts.quantiles(row, 0), z);
    ++score.n;
  }
  if (score.n > 0) score.pinball = sum / static_cast<double>(score.n);
  return score;
}

// At a draw the simpler one is champion.
std::string best_of(const train::BlockScore& score) {
  if (score.pinball < score.ewma && score.pinball < score.har) return "model";
  return score.har < score.ewma ? "har" : "ewma";
}

// One head over all models, each forecast with the same weight.
train::BlockScore over_all(std::span<train::TrainedModel* const> models, std::size_t head) {
  train::BranchModel all;
  for (const train::TrainedModel* m : models)
    all.folds.push_back(m->branches[head].all_blocks());
  return all.all_blocks();
}

void drop_first(std::size_t rows, Forecasts& f) {
  const auto drop = [&](std::vector<double>& values, std::size_t width) {
    values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rows * width));
  };
  drop(f.z, f.horizon * f.levels.size());
  drop(f.p_up, f.horizon);
  if (!f.log_range.empty()) drop(f.log_range, 1);
}

// Rows one thread takes at a time: some tenths of a second.
constexpr std::size_t kRowsAtOnce = 1024;

train::HeadForecasts forecast_in_parts(const train::Forecaster& forecaster, std::size_t head,
                                       std::span<const std::size_t> rows, const Effort& effort) {
  const std::size_t parts = std::max<std::size_t>(1, (rows.size() + kRowsAtOnce - 1) / kRowsAtOnce);
  std::vector<train::HeadForecasts> made(parts);
  std::atomic<std::size_t> done = 0;
  parallel_for(parts, effort.threads, [&](std::size_t i) {
    const auto part = rows.subspan(i * kRowsAtOnce, std::min(kRowsAtOnce, rows.size() - i * kRowsAtOnce));
    train::ForecastWorkspace workspace;
    made[i] = forecaster.forecast(head, part, workspace);
    const std::size_t so_far = done += part.size();
    if (effort.progress) effort.progress(so_far, rows.size());
  });
  train::HeadForecasts all = std::move(made[0]);
  for (std::size_t i = 1; i < parts; ++i) {
    all.z.insert(all.z.end(), made[i].z.begin(), made[i].z.end());
    all.log_range.insert(all.log_range.end(), made[i].log_range.begin(), made[i].log_range.end());
  }
  return all;
}

}  // namespace

Outcomes outcomes_of(const dataset::SeriesData& data, std::span<const std::size_t> rows, double tick_size,
                     UnixMillis limit) {
  const std::vector<std::size_t> columns = har_columns(data);
  Outcomes out;
  out.symbol = data.symbol;
  out.interval = data.interval;
  out.tick_size = tick_size;
  out.horizon = data.horizon;
  out.har_terms = columns.size();
  for (const std::size_t row : rows) {
    out.close_time.push_back(data.close_time[row]);
    out.close.push_back(data.close[row]);
    out.sigma.push_back(data.sigma[row]);
    for (std::size_t h = 1; h <= data.horizon; ++h) {
      out.y.push_back(data.target_closes_before(row, h, limit) ? data.y[row * data.horizon + h - 1] : kNaN);
    }
    out.next_log_range.push_back(data.target_closes_before(row, 1, limit) ? data.next_log_range[row] : kNaN);
    for (const std::size_t f : columns)
      out.har.push_back(static_cast<double>(data.row(row)[f]));
    out.last_return.push_back(row > 0 ? std::log(data.close[row] / data.close[row - 1]) : 0.0);
  }
  return out;
}

Forecasts forecasts_of(const train::Forecaster& forecaster, std::size_t head,
                       std::span<const std::size_t> rows, train::ForecastWorkspace& workspace) {
  return forecasts_of(forecaster, forecaster.forecast(head, rows, workspace));
}

Forecasts forecasts_of(const train::Forecaster& forecaster, train::HeadForecasts made) {
  Forecasts out{"model",
                made.horizon,
                std::move(made.levels),
                std::move(made.z),
                {},
                std::move(made.log_range),
                forecaster.model().trained_until};
  for (std::size_t row = 0; row < out.log_range.size(); ++row) {
    for (std::size_t step = 0; step < out.horizon; ++step) {
      out.p_up.push_back(p_up_from_quantiles(out.levels, out.quantiles(row, step)));
    }
  }
  return out;
}

LiveForecasts live_forecasts(const train::Forecaster& forecaster, std::size_t head, double tick_size,
                             UnixMillis first, UnixMillis last, const Effort& effort) {
  const train::BranchModel& branch = forecaster.model().branches[head];
  const dataset::SeriesData& data = forecaster.series(head);
  LiveForecasts live;
  live.rows = forecast_rows(forecaster, head, std::min(first, branch.calibration.until + 2), last);
  live.forecasts = forecasts_of(forecaster, forecast_in_parts(forecaster, head, live.rows, effort));
  AdaptiveConformal(branch.head.levels, branch.head.horizon, branch.calibration)
      .run(outcomes_of(data, live.rows, tick_size, INT64_MAX), live.forecasts);
  const auto wanted = std::find_if(live.rows.begin(), live.rows.end(),
                                   [&](std::size_t row) { return data.close_time[row] + 1 >= first; });
  drop_first(static_cast<std::size_t>(wanted - live.rows.begin()), live.forecasts);
  live.rows.erase(live.rows.begin(), wanted);
  live.outcomes = outcomes_of(data, live.rows, tick_size, INT64_MAX);
  return live;
}

std::vector<std::size_t> forecast_rows(const train::Forecaster& forecaster, std::size_t head,
                                       UnixMillis first, UnixMillis last) {
  const dataset::SeriesData& data = forecaster.series(head);
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < data.rows(); ++row) {
    const UnixMillis end = data.close_time[row] + 1;
    if (end >= first && end < last && forecaster.can_forecast(head, row)) rows.push_back(row);
  }
  return rows;
}

Result<void> score_validation(train::TrainedModel& model, std::span<const market::CandleSeries> series,
                              const dataset::Markets* markets, double tick_size) {
  MOP_TRY_ASSIGN(train::Forecaster forecaster, train::Forecaster::make(model, series, markets));
  train::ForecastWorkspace workspace;
  const dataset::SeriesData& primary = forecaster.series(0);
  const auto split = dataset::split_at(primary, model.fit_until, model.profile.lookback);
  for (std::size_t head = 0; head < forecaster.heads(); ++head) {
    const dataset::SeriesData& data = forecaster.series(head);
    train::BranchModel& branch = model.branches[head];
    branch.calibration = {};
    branch.validation = {};
    const auto all_rows = data.rows_with_history(model.profile.lookback, INT64_MAX);
    MOP_TRY_ASSIGN(branch.baselines,
                   fit_baselines(outcomes_of(data, all_rows, tick_size, INT64_MAX), branch.head.levels));
    if (split.validation_begin >= primary.rows()) continue;  // the coin stopped trading before the block
    const UnixMillis validation_begin = primary.close_time[split.validation_begin] + 1;
    const auto fit_rows = data.rows_with_history(model.profile.lookback, model.fit_until);
    const auto rows = forecast_rows(forecaster, head, validation_begin, INT64_MAX);
    const Outcomes fit = outcomes_of(data, fit_rows, tick_size, model.fit_until);
    const Outcomes outcomes = outcomes_of(data, rows, tick_size, INT64_MAX);
    Forecasts forecasts = forecasts_of(forecaster, head, rows, workspace);
    AdaptiveConformal conformal(branch.head.levels, branch.head.horizon, {});
    conformal.run(outcomes, forecasts);
    branch.calibration = conformal.state();
    const StepOne own = step_one_pinball(outcomes, forecasts);
    MOP_TRY_ASSIGN(const Baselines fitted, fit_baselines(fit, branch.head.levels));
    MOP_TRY_ASSIGN(const BaselineForecasts baselines, forecast_baselines(fitted, outcomes));
    if (own.n == 0) continue;
    branch.validation = {validation_begin,
                         data.close_time[rows.back()] + 2,
                         own.n,
                         own.pinball,
                         step_one_pinball(outcomes, baselines.ewma).pinball,
                         step_one_pinball(outcomes, baselines.har).pinball};
  }
  return {};
}

void name_champions(std::span<train::TrainedModel* const> models) {
  if (models.empty()) return;
  for (std::size_t head = 0; head < models[0]->branches.size(); ++head) {
    const std::string common = best_of(over_all(models, head));
    for (train::TrainedModel* m : models) {
      const train::BlockScore own = m->branches[head].all_blocks();
      m->branches[head].champion = own.n < kFewestForChampion ? common : best_of(own);
    }
  }
}

}  // namespace mop::evaluate
