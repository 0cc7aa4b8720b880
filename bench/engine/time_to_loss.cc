// Our side of bench/engine/time_to_loss.py, on the newest 1000 candles of six stored series:
//   mop_bench_time_to_loss prepare DATA OUT
//     writes OUT/<id>.safetensors: what the original description's training of each series sees, and the
//     weights it starts from
//   mop_bench_time_to_loss train DATA THREADS SEEDS EPOCHS
//     trains the same networks at the same rate in sequence mode, each from SEEDS seeds; prints
//     {"<id>": [of each seed [of each epoch [seconds since raw candles, validation loss]]]}
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

// Chosen by this bench among 16 to 60 positions and 3 to 9 sequences.
constexpr std::size_t kScored = 30, kSequences = 6;

// The newest candles of one coin.
train::TrainJob job_of(const std::string& data, train::Kind kind, const train::Profile& profile,
                       const char* symbol) {
  PosixFs fs;
  SystemClock clock;
  store::CandleStore store(data, fs, clock);
  train::TrainJob job;
  job.kind = kind;
  job.profile = profile;
  const auto series = store.load(symbol, train::intervals_of(kind)[0]);
  MOP_CHECK(series.has_value()) << series.error().message;
  job.coins.push_back({symbol, {series->slice(series->size() - kCandles, series->size())}});
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
    for (const char* coin : kCoins)
      write_prepared(job_of(data, kind, train::v1_profile(), coin), directory);
  }
}

using Epochs = std::vector<std::vector<double>>;

Epochs train_one(train::TrainJob job) {
  Epochs epochs;
  const std::int64_t start = monotonic_micros();
  const auto models = train::train_models(job, [&](const train::EpochReport& e) {
    epochs.push_back({static_cast<double>(monotonic_micros() - start) * 1e-6, e.val_loss});
  });
  MOP_CHECK(models.has_value()) << models.error().message;
  return epochs;
}

void train_all(const std::string& data, std::size_t threads, std::size_t seeds, std::size_t epochs) {
  train::Profile profile = train::v1_profile();
  profile.scored = kScored;
  profile.batch_size = kSequences;
  profile.epochs = epochs;
  std::vector<std::string> lines(std::size(kKinds) * std::size(kCoins));
  parallel_for(lines.size(), threads, [&](std::size_t i) {
    const train::Kind kind = kKinds[i / std::size(kCoins)];
    const char* coin = kCoins[i % std::size(kCoins)];
    std::vector<Epochs> of_seed;
    for (std::size_t seed = 1; seed <= seeds; ++seed) {
      train::TrainJob job = job_of(data, kind, profile, coin);
      job.seed = seed;
      of_seed.push_back(train_one(std::move(job)));
    }
    lines[i] = fmt::format("\"{}\": {}", train::model_id(coin, kind), of_seed);
  });
  std::cout << fmt::format("{{{}}}\n", fmt::join(lines, ", "));
}

}  // namespace
}  // namespace mop::bench

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 && words[0] == "prepare") {
    mop::bench::prepare_all(words[1], words[2]);
    return 0;
  }
  if (words.size() == 5 && words[0] == "train") {
    mop::bench::train_all(words[1], std::stoul(words[2]), std::stoul(words[3]), std::stoul(words[4]));
    return 0;
  }
  std::cerr << "usage: mop_bench_time_to_loss prepare DATA OUT | train DATA THREADS SEEDS EPOCHS\n";
  return 2;
}
