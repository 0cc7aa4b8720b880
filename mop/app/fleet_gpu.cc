// The fleet's networks side by side on a GPU.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "mop/app/checkpoint_file.h"
#include "mop/app/fleet_work.h"
#include "mop/app/models.h"
#include "mop/base/clock.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/base/parallel.h"
#include "mop/train/device_fleet.h"

namespace mop::app {
namespace {

// Trainings whose networks the device can train.
struct DeviceWork {
  std::vector<Unit> units;
  std::vector<std::unique_ptr<CheckpointFile>> states;
  std::vector<train::NetworkJob> jobs;
};

std::vector<Training*> trainings_of(const std::vector<Unit>& units) {
  std::vector<Training*> trainings;
  for (const Unit& unit : units) {
    if (std::find(trainings.begin(), trainings.end(), unit.training) == trainings.end())
      trainings.push_back(unit.training);
  }
  return trainings;
}

// Fits what all networks need, on every core.
void prepare_all(Fleet& fleet, const std::vector<Training*>& trainings) {
  parallel_for(trainings.size(), thread_count(fleet.ctx), [&](std::size_t i) {
    Training& training = *trainings[i];
    if (interrupted()) return keep_error(training, fail(ErrorCode::kInterrupted, "interrupted"));
    const std::int64_t start = monotonic_micros();
    std::call_once(training.prepared, [&] { keep_error(training, prepare_training(fleet, training)); });
    if (training.pool && only_device(fleet.ctx))
      keep_error(training, train::check_device_can_train(*training.pool));
    training.micros += monotonic_micros() - start;
  });
}

bool can_train(const Training& training) {
  return !training.error && train::check_device_can_train(*training.pool).has_value();
}

void add_job(Fleet& fleet, const Unit& unit, DeviceWork& work) {
  work.states.push_back(std::make_unique<CheckpointFile>(
      fleet.ctx.fs, checkpoint_path(fleet, *unit.training, unit.network), fleet.options.resume));
  work.units.push_back(unit);
  work.jobs.push_back(
      {&*unit.training->pool, unit.network, epoch_observer(fleet, unit), work.states.back()->store()});
}

std::size_t memory_for(const Context& ctx, const nn::cuda::DeviceInfo& gpu) {
  const double asked = ctx.settings.vram_gib * 0x1p30, most = 0.9 * static_cast<double>(gpu.free_bytes);
  return static_cast<std::size_t>(asked > 0.0 ? std::min(asked, most) : most);
}

// What does not fit leaves the work with its whole training.
train::DevicePlan plan(Fleet& fleet, const nn::cuda::DeviceInfo& gpu, DeviceWork& work,
                       std::vector<Unit>& left) {
  train::DevicePlan plan = train::plan_waves(work.jobs, memory_for(fleet.ctx, gpu));
  if (!plan.too_large.empty() && !only_device(fleet.ctx)) {
    std::vector<const Training*> too_large;
    for (const std::size_t job : plan.too_large)
      too_large.push_back(work.units[job].training);
    DeviceWork fitting;
    for (const Unit& unit : work.units) {
      const bool fits = std::find(too_large.begin(), too_large.end(), unit.training) == too_large.end();
      fits ? add_job(fleet, unit, fitting) : left.push_back(unit);
    }
    work = std::move(fitting);
    plan = train::plan_waves(work.jobs, memory_for(fleet.ctx, gpu));
  }
  std::size_t most = 0;
  for (const train::Wave& wave : plan.waves)
    most = std::max(most, wave.bytes);
  fleet.progress->note(fmt::format("{}: {} networks in {} wave{}, {:.2f} of {:.1f} GiB", gpu.name,
                                   work.jobs.size(), plan.waves.size(), plan.waves.size() == 1 ? "" : "s",
                                   static_cast<double>(most) / 0x1p30,
                                   static_cast<double>(memory_for(fleet.ctx, gpu)) / 0x1p30));
  return plan;
}

void take_results(Fleet& fleet, DeviceWork& work, std::vector<Result<train::TrainedNetwork>> results,
                  std::int64_t micros) {
  for (std::size_t i = 0; i < work.units.size(); ++i) {
    Training& training = *work.units[i].training;
    training.micros += micros / static_cast<std::int64_t>(work.units.size());
    if (results[i]) {
      training.networks[work.units[i].network] = std::move(*results[i]);
      work.units[i].reach(fleet, 100);
    } else {
      keep_error(training, fail(results[i].error()));
      keep_error(training, work.states[i]->flush());
    }
  }
}

}  // namespace

std::vector<Unit> train_units_on(nn::cuda::Device& device, Fleet& fleet, const std::vector<Unit>& units) {
  prepare_all(fleet, trainings_of(units));
  DeviceWork work;
  std::vector<Unit> left, ended;
  for (const Unit& unit : units) {
    if (unit.training->error) {
      ended.push_back(unit);
    } else if (can_train(*unit.training)) {
      add_job(fleet, unit, work);
    } else {
      left.push_back(unit);
    }
  }
  const train::DevicePlan planned = plan(fleet, device.info(), work, left);
  const std::int64_t start = monotonic_micros();
  auto results = train::train_on_device(device, work.jobs, planned, [] { return interrupted(); });
  const std::int64_t micros = monotonic_micros() - start;
  log_info(fmt::format("{}: {:.2f} s for {} networks", device.info().name, static_cast<double>(micros) / 1e6,
                       work.jobs.size()));
  take_results(fleet, work, std::move(results), micros);
  ended.insert(ended.end(), work.units.begin(), work.units.end());
  const std::vector<Training*> trainings = trainings_of(ended);
  parallel_for(trainings.size(), thread_count(fleet.ctx),
               [&](std::size_t i) { end_training(fleet, *trainings[i]); });
  if (!left.empty()) {
    fleet.progress->note(
        fmt::format("{} networks do not fit the GPU or its kernels and are trained on the CPU", left.size()));
  }
  return left;
}

}  // namespace mop::app
