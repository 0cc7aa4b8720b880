#include "mop/train/trainer.h"

#include <algorithm>
#include <cmath>

#include "mop/base/interrupt.h"
#include "mop/nn/adam.h"
#include "mop/nn/cpu/network.h"

namespace mop::train {
namespace {

nn::SequenceBatch view(const dataset::Sequences& s) {
  nn::SequenceBatch batch{s.batch, s.scored, {}};
  for (const auto& branch : s.branches)
    batch.branches.push_back({branch.steps, branch.x, branch.read_step, branch.row_of, branch.distinct});
  return batch;
}

// One network's training: owns what changes from step to step, reads the pool.
class Training {
 public:
  Training(const Pool& pool, std::size_t number)
      : pool_(pool),
        profile_(pool.profile),
        seed_(network_seed(pool.seed, number)),
        network_(pool.shape),
        objective_(pool.members, profile_.half_life_days),
        adam_(network_.layout().size(), adam_options(profile_)),
        grads_(network_.layout().size()) {
    net.params = initial_params(pool, number);
  }

  TrainedNetwork net;  // as it stands

  Validation validate() {
    std::vector<LossSum> members;
    for (std::size_t m = 0; m < pool_.members.size(); ++m)
      members.push_back(validation_loss(m));
    return validation_of(members);
  }

  /// Mean loss of one pass over the fit part; NaN when it diverged. Errors: kInterrupted.
  Result<double> run_epoch() {
    const auto chunks = fit_chunks(pool_, seed_, net.epochs);
    const std::size_t batch = pool_.schedule.batch, steps = (chunks.size() + batch - 1) / batch;
    LossSum sum;
    for (std::size_t step = 0; step < steps; ++step) {
      if (interrupted()) return fail(ErrorCode::kInterrupted, "training was interrupted");
      const auto part =
          std::span(chunks).subspan(step * batch, std::min(batch, chunks.size() - step * batch));
      const double progress = progress_at(pool_, net.epochs, step, steps);
      sum.add(train_step(part, learning_rate(profile_, progress)));
      if (!std::isfinite(sum.pinball)) break;
    }
    return sum.mean();
  }

  TrainingState state(const std::vector<float>& best) const {
    return {net.params, best,           adam_.state(),  counter_,
            net.epochs, net.best_epoch, net.train_loss, net.best_val_loss};
  }
  /// Goes on from a state; returns the best weights so far.
  std::vector<float> resume(TrainingState state) {
    net = {std::move(state.params), state.epochs, state.best_epoch, state.train_loss, state.best_val_loss};
    adam_ = nn::Adam(std::move(state.adam), adam_options(profile_));
    counter_ = state.updates;
    return std::move(state.best);
  }

 private:
  static constexpr std::size_t kValidationBatch = 64;

  LossSum validation_loss(std::size_t member) {
    LossSum sum;
    const std::vector<MemberChunk> chunks = validation_chunks(pool_, member);
    for (std::size_t i = 0; i < chunks.size(); i += kValidationBatch) {
      const auto part = std::span(chunks).subspan(i, std::min(kValidationBatch, chunks.size() - i));
      build(part);
      const auto y = network_.infer(view(sequences_), net.params);
      sum.add(objective_.loss(part, sequences_, INT64_MAX, y, {}));
    }
    return sum;
  }

  void build(std::span<const MemberChunk> chunks) {
    pool_.members[0].builder->shape(chunks.size(), profile_.scored, sequences_);
    for (std::size_t b = 0; b < chunks.size(); ++b)
      pool_.members[chunks[b].member].builder->build_at(chunks[b].rows, b, sequences_);
    sequences_.number_rows();
  }

  LossSum train_step(std::span<const MemberChunk> chunks, double rate) {
    build(chunks);
    const nn::SequenceBatch batch = view(sequences_);
    const nn::Dropout dropout{static_cast<float>(profile_.dropout), seed_, counter_++};
    LossSum loss;
    if (objective_.take(chunks, sequences_, pool_.fit_targets_before) == 0) return loss;
    const auto compare = [this, &loss](const nn::cpu::TrainedRows& rows) {
      loss.add(objective_.loss(rows.first, rows.count, rows.y, rows.dy));
    };
    network_.gradients(batch, net.params, dropout, compare, grads_);
    if (!std::isfinite(loss.pinball)) return loss;
    nn::clip_gradient(grads_, profile_.gradient_clip);
    adam_.step(net.params, grads_, rate);
    return loss;
  }

  const Pool& pool_;
  const Profile& profile_;
  std::uint64_t seed_;
  nn::cpu::Network network_;
  Objective objective_;
  nn::Adam adam_;
  std::vector<float> grads_;
  dataset::Sequences sequences_;
  std::uint64_t counter_ = 0;
};

}  // namespace

Result<TrainedNetwork> train_network(const Pool& pool, std::size_t number, const EpochObserver& observe,
                                     const CheckpointStore& store) {
  Training training(pool, number);
  TrainedNetwork& net = training.net;
  const std::string fingerprint = training_fingerprint(pool, number);
  std::vector<float> best = net.params;
  const std::string saved = store.load ? store.load() : std::string();
  if (auto state = parse_checkpoint(saved, fingerprint, net.params.size())) {
    best = training.resume(std::move(*state));
  } else {
    net = untrained(std::move(net.params), training.validate());
  }
  while (goes_on(pool, net)) {
    MOP_TRY_ASSIGN(const double train_loss, training.run_epoch());
    if (end_epoch(pool, train_loss, training.validate(), net, observe)) best = net.params;
    if (store.save && net.epochs < pool.schedule.epochs && std::isfinite(net.train_loss)) {
      MOP_TRY(store.save(to_checkpoint(training.state(best), fingerprint)));
    }
  }
  keep_best(pool, std::move(best), net);
  return std::move(net);
}

std::vector<TrainedModel> models_of(const Pool& pool, const std::vector<TrainedNetwork>& networks) {
  std::vector<TrainedModel> models;
  for (const Member& m : pool.members) {
    models.push_back(m.model);
    models.back().networks = networks;
  }
  return models;
}

Result<std::vector<TrainedModel>> train_models(const TrainJob& job, const EpochObserver& observe) {
  MOP_TRY_ASSIGN(const Pool pool, prepare(job));
  std::vector<TrainedNetwork> networks;
  for (std::size_t number = 0; number < job.profile.ensemble; ++number) {
    MOP_TRY_ASSIGN(TrainedNetwork network, train_network(pool, number, observe));
    networks.push_back(std::move(network));
  }
  return models_of(pool, networks);
}

}  // namespace mop::train
