// Our side of bench/engine/time_to_loss.py, on the newest 1000 candles of six stored series:
//   mop_bench_time_to_loss prepare DATA OUT     writes OUT/<id>.safetensors: what the original description's
//                                               training of each series sees, and the weights it starts from
//   mop_bench_time_to_loss train DATA THREADS   trains them in the default mode, one step ahead, the coins of
//   a
//                                               timeframe together; prints {"<id>": [[seconds since the
//                                               timeframe's training began, validation loss], ...]}
#include <chrono>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mop/base/check.h"
#include "mop/base/clock.h"
#include "mop/base/fs.h"
#include "mop/base/parallel.h"
#include "mop/nn/param_layout.h"
#include "mop/nn/safetensors.h"
#include "mop/store/candle_store.h"
#include "mop/train/preparation.h"
#include "mop/train/targets.h"
#include "mop/train/trainer.h"

namespace mop::bench {
namespace {

constexpr std::size_t kCandles = 1000;

constexpr const char* kCoins[] = {"BTCUSDT", "ETHUSDT", "SOLUSDT"};
constexpr train::Kind kKinds[] = {train::Kind::k15m, train::Kind::k1h};

// The newest candles of one coin, or of the three together.
train::TrainJob job_of(const std::string& data, train::Kind kind, const train::Profile& profile,
                       std::span<const char* const> coins) {
  PosixFs fs;
  SystemClock clock;
  store::CandleStore store(data, fs, clock);
  train::TrainJob job;
  job.kind = kind;
  job.profile = profile;
  for (const char* symbol : coins) {
    const auto series = store.load(symbol, train::intervals_of(kind)[0]);
    MOP_CHECK(series.has_value()) << series.error().message;
    job.coins.push_back({symbol, {series->slice(series->size() - kCandles, series->size())}});
  }
  return job;
}

// Rows of [begin, end) that have a window and a target: their numbers, z one step ahead, the standardised
// log-range (NaN where there is none).
void add_part(const train::Member& p, const std::string& name, std::size_t begin, std::size_t end,
              UnixMillis limit, std::vector<nn::NamedTensor>& out) {
  const dataset::SeriesData& data = *p.data[0];
  const train::BranchModel& branch = p.model.branches[0];
  std::vector<float> rows, z, range;
  for (std::size_t t = begin; t < end; ++t) {
    if (!p.builder->has_window(t) || !data.target_closes_before(t, 1, limit) || std::isnan(data.z(t, 1)))
      continue;
    rows.push_back(static_cast<float>(t));
    z.push_back(static_cast<float>(data.z(t, 1)));
    range.push_back(static_cast<float>((train::Objective::range_target(data, t, limit) - branch.range_mean) /
                                       branch.range_sd));
  }
  const std::size_t n = rows.size();
  out.push_back({name + ".row", {n}, std::move(rows)});
  out.push_back({name + ".z", {n}, std::move(z)});
  out.push_back({name + ".range", {n}, std::move(range)});
}

void write_prepared(const train::TrainJob& job, const std::string& directory) {
  auto prepared = train::prepare(job);
  MOP_CHECK(prepared.has_value()) << prepared.error().message;
  const train::Member& p = prepared->members[0];
  const train::BranchModel& branch = p.model.branches[0];
  nn::TensorFile file;
  const std::size_t rows = p.data[0]->rows(), inputs = branch.inputs.size();
  std::vector<float> x(rows * inputs);
  for (std::size_t t = 0; t < rows; ++t) {
    if (p.data[0]->history[t] > 0)
      branch.scaler.apply(p.data[0]->row(t), std::span(x).subspan(t * inputs, inputs));
  }
  file.tensors.push_back({"x", {rows, inputs}, std::move(x)});
  add_part(p, "fit", p.split.fit_begin, p.split.fit_end, prepared->fit_targets_before, file.tensors);
  add_part(p, "validation", p.split.validation_begin, p.split.validation_end, INT64_MAX, file.tensors);
  const std::vector<float> levels(branch.head.levels.begin(), branch.head.levels.end());
  const std::vector<float> base(branch.head.base.begin(), branch.head.base.end());
  file.tensors.push_back({"levels", {levels.size()}, levels});
  file.tensors.push_back({"base", {base.size()}, base});
  const nn::ParamLayout layout(prepared->shape);
  const std::vector<float> params = train::initial_params(*prepared, 0);
  for (const nn::Tensor& t : layout.tensors()) {
    const auto first = params.begin() + static_cast<std::ptrdiff_t>(t.offset);
    file.tensors.push_back({t.name, t.dims, {first, first + static_cast<std::ptrdiff_t>(t.size)}});
  }
  PosixFs fs;
  const auto written = fs.write_atomically(fmt::format("{}/{}.safetensors", directory, p.model.id()),
                                           nn::to_safetensors(file));
  MOP_CHECK(written.has_value()) << written.error().message;
}

void prepare_all(const std::string& data, const std::string& directory) {
  for (const train::Kind kind : kKinds) {
    for (const char* const& coin : kCoins)
      write_prepared(job_of(data, kind, train::v1_profile(), std::span(&coin, 1)), directory);
  }
}

void train_all(const std::string& data, std::size_t threads) {
  train::Profile profile = train::default_profile();
  profile.horizon = 1;  // what the original description forecasts
  profile.ensemble = 1;
  std::vector<std::vector<std::vector<std::vector<double>>>> epochs(
      std::size(kKinds), std::vector<std::vector<std::vector<double>>>(std::size(kCoins)));
  parallel_for(std::size(kKinds), threads, [&](std::size_t i) {
    const auto job = job_of(data, kKinds[i], profile, kCoins);
    const std::int64_t start = monotonic_micros();
    const auto models = train::train_models(job, [&](const train::EpochReport& e) {
      const double seconds = static_cast<double>(monotonic_micros() - start) * 1e-6;
      for (std::size_t coin = 0; coin < std::size(kCoins); ++coin)
        epochs[i][coin].push_back({seconds, e.member_val_losses[coin]});
    });
    MOP_CHECK(models.has_value()) << models.error().message;
  });
  std::string text;
  for (std::size_t i = 0; i < std::size(kKinds); ++i) {
    for (std::size_t coin = 0; coin < std::size(kCoins); ++coin) {
      text += fmt::format("{}\"{}\": {}", text.empty() ? "" : ", ", train::model_id(kCoins[coin], kKinds[i]),
                          epochs[i][coin]);
    }
  }
  std::cout << '{' << text << "}\n";
}

}  // namespace
}  // namespace mop::bench

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 && words[0] == "prepare") {
    mop::bench::prepare_all(words[1], words[2]);
    return 0;
  }
  if (words.size() == 3 && words[0] == "train") {
    mop::bench::train_all(words[1], std::stoul(words[2]));
    return 0;
  }
  std::cerr << "usage: mop_bench_time_to_loss prepare DATA OUT | train DATA THREADS\n";
  return 2;
}
