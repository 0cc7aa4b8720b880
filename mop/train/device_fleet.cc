#include "mop/train/device_fleet.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "mop/base/parallel.h"
#include "mop/nn/cuda/fleet.h"
#include "mop/train/pool_data.h"

namespace mop::train {
namespace {

// One network on the device, and what the host keeps of it.
struct Running {
  std::size_t job;
  const Pool& pool;
  std::uint64_t seed;
  std::string fingerprint;
  ChunkRows rows;
  TrainedNetwork net;
  std::uint64_t updates = 0;  // dropout's counter
  std::size_t steps = 0;      // of the running epoch
  bool fresh = true;          // was not resumed
  std::vector<nn::cuda::Chunk> validation;
  bool ended = false;
};

LossSum sum_of(std::span<const nn::cuda::ChunkLoss> losses) {
  LossSum sum;
  for (const nn::cuda::ChunkLoss& own : losses)
    sum.add({own.loss, static_cast<std::size_t>(own.pairs)});
  return sum;
}

// Jobs that fit on the device together, from their start to their end.
class WaveTraining {
 public:
  WaveTraining(nn::cuda::Device& device, std::span<const NetworkJob> jobs) : fleet_(device), jobs_(jobs) {}

  Result<void> add(std::size_t job) {
    const NetworkJob& asked = jobs_[job];
    const Pool& pool = *asked.pool;
    if (!places_.contains(&pool)) {
      MOP_TRY_ASSIGN(places_[&pool], fleet_.add_pool(pool_data(pool)));
    }
    Running r{job,
              pool,
              network_seed(pool.seed, asked.number),
              training_fingerprint(pool, asked.number),
              ChunkRows(pool),
              {},
              0,
              0,
              true,
              {},
              false};
    nn::cuda::NetworkState start{initial_params(pool, asked.number), {}};
    start.adam.mean.assign(start.params.size(), 0.0f);
    start.adam.square = start.adam.mean;
    std::vector<float> best = start.params;
    const std::string saved = asked.store.load ? asked.store.load() : std::string();
    if (auto state = parse_checkpoint(saved, r.fingerprint, start.params.size())) {
      r.fresh = false;
      r.net = {{}, state->epochs, state->best_epoch, state->train_loss, state->best_val_loss};
      r.updates = state->updates;
      start = {std::move(state->params), std::move(state->adam)};
      best = std::move(state->best);
    }
    for (std::size_t m = 0; m < pool.members.size(); ++m) {
      const auto own = r.rows.of(validation_chunks(pool, m));
      r.validation.insert(r.validation.end(), own.begin(), own.end());
    }
    MOP_TRY(fleet_.add_network(network_data(pool, asked.number, places_[&pool]), start, best));
    running_.push_back(std::move(r));
    return {};
  }

  /// Every network to its end; what has ended goes to `results` at once.
  Result<void> run(std::vector<Result<TrainedNetwork>>& results, const std::function<bool()>& stop) {
    MOP_TRY(fleet_.start());
    for (std::size_t i = 0; i < running_.size(); ++i)
      fleet_.set_validation(i, running_[i].validation);
    MOP_TRY(fleet_.validate());
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (running_[i].fresh) running_[i].net = untrained({}, validation(i));
    }
    while (collect_ended(results) < running_.size()) {
      if (stop()) return save_all();
      begin_epoch();
      MOP_TRY(fleet_.train());
      MOP_TRY(fleet_.validate());
      MOP_TRY(finish_epoch());
    }
    return {};
  }

 private:
  Validation validation(std::size_t i) const {
    const Running& r = running_[i];
    const auto losses = fleet_.validation_losses(i);
    std::vector<LossSum> members(r.pool.members.size());
    for (std::size_t c = 0; c < losses.size(); ++c) {
      members[static_cast<std::size_t>(r.validation[c].member)].add(
          {losses[c].loss, static_cast<std::size_t>(losses[c].pairs)});
    }
    return validation_of(members);
  }

  // How many have ended.
  std::size_t collect_ended(std::vector<Result<TrainedNetwork>>& results) {
    for (std::size_t i = 0; i < running_.size(); ++i) {
      Running& r = running_[i];
      if (r.ended || goes_on(r.pool, r.net)) continue;
      r.ended = true;
      keep_best(r.pool, fleet_.best(i), r.net);
      results[r.job] = std::move(r.net);
      fleet_.set_fit(i, {}, {}, 0);
      fleet_.set_validation(i, {});
    }
    return static_cast<std::size_t>(
        std::ranges::count_if(running_, [](const Running& r) { return r.ended; }));
  }

  void begin_epoch() {
    std::vector<std::vector<nn::cuda::Chunk>> chunks(running_.size());
    parallel_for(running_.size(), usable_cores(), [&](std::size_t i) {
      const Running& r = running_[i];
      if (!r.ended) chunks[i] = r.rows.of(fit_chunks(r.pool, r.seed, r.net.epochs));
    });
    for (std::size_t i = 0; i < running_.size(); ++i) {
      Running& r = running_[i];
      if (r.ended) continue;
      const std::size_t batch = r.pool.schedule.batch;
      r.steps = (chunks[i].size() + batch - 1) / batch;
      std::vector<double> rates;
      for (std::size_t step = 0; step < r.steps; ++step)
        rates.push_back(learning_rate(r.pool.profile, progress_at(r.pool, r.net.epochs, step, r.steps)));
      fleet_.set_fit(i, chunks[i], rates, r.updates);
    }
  }

  Result<void> finish_epoch() {
    for (std::size_t i = 0; i < running_.size(); ++i) {
      Running& r = running_[i];
      if (r.ended) continue;
      r.updates += r.steps;
      const double loss = sum_of(fleet_.fit_losses(i)).mean();
      if (end_epoch(r.pool, loss, validation(i), r.net, jobs_[r.job].observe)) fleet_.keep_best(i);
      const CheckpointStore& store = jobs_[r.job].store;
      if (store.save && goes_on(r.pool, r.net) && (!store.due || store.due())) MOP_TRY(save(i));
    }
    return {};
  }

  Result<void> save(std::size_t i) const {
    const Running& r = running_[i];
    nn::cuda::NetworkState now = fleet_.state(i);
    return jobs_[r.job].store.save(
        to_checkpoint({std::move(now.params), fleet_.best(i), std::move(now.adam), r.updates, r.net.epochs,
                       r.net.best_epoch, r.net.train_loss, r.net.best_val_loss},
                      r.fingerprint));
  }

  Result<void> save_all() const {
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (!running_[i].ended && running_[i].net.epochs > 0 && jobs_[running_[i].job].store.save)
        MOP_TRY(save(i));
    }
    return fail(ErrorCode::kInterrupted, "training was interrupted");
  }

  nn::cuda::Fleet fleet_;
  std::span<const NetworkJob> jobs_;
  std::map<const Pool*, std::size_t> places_;
  std::vector<Running> running_;
};

void train_wave(nn::cuda::Device& device, std::span<const NetworkJob> jobs, const Wave& wave,
                const std::function<bool()>& stop, std::vector<Result<TrainedNetwork>>& results) {
  WaveTraining training(device, jobs);
  Result<void> outcome;
  for (const std::size_t job : wave.jobs) {
    if (outcome) outcome = training.add(job);
  }
  if (outcome) outcome = training.run(results, stop);
  if (outcome) return;
  for (const std::size_t job : wave.jobs) {
    if (!results[job]) results[job] = fail(outcome.error());
  }
}

}  // namespace

DevicePlan plan_waves(std::span<const NetworkJob> jobs, std::size_t memory_bytes) {
  DevicePlan plan;
  std::map<const Pool*, std::size_t> pool_bytes;
  std::vector<const Pool*> in_wave;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Pool* pool = jobs[i].pool;
    if (!pool_bytes.contains(pool)) pool_bytes[pool] = nn::cuda::Fleet::bytes_of(pool_size(*pool));
    const std::size_t network = nn::cuda::Fleet::bytes_of(network_data(*pool, jobs[i].number, 0));
    if (network + pool_bytes[pool] > memory_bytes) {
      plan.too_large.push_back(i);
      continue;
    }
    const bool there = std::ranges::find(in_wave, pool) != in_wave.end();
    const std::size_t more = network + (there ? 0 : pool_bytes[pool]);
    if (plan.waves.empty() || plan.waves.back().bytes + more > memory_bytes) {
      plan.waves.push_back({{i}, network + pool_bytes[pool]});
      in_wave = {pool};
      continue;
    }
    plan.waves.back().jobs.push_back(i);
    plan.waves.back().bytes += more;
    if (!there) in_wave.push_back(pool);
  }
  return plan;
}

Result<void> check_device_can_train(const Pool& pool) {
  return nn::cuda::Fleet::check(pool.shape, pool.members[0].model.branches[0].head.levels.size());
}

std::vector<Result<TrainedNetwork>> train_on_device(nn::cuda::Device& device,
                                                    std::span<const NetworkJob> jobs, const DevicePlan& plan,
                                                    const std::function<bool()>& stop) {
  std::vector<Result<TrainedNetwork>> results(
      jobs.size(), fail(ErrorCode::kUnsupported,
                        "the network needs more memory than the device has; give mop more of "
                        "it with --vram, or use --device cpu"));
  for (const Wave& wave : plan.waves)
    train_wave(device, jobs, wave, stop, results);
  return results;
}

}  // namespace mop::train
