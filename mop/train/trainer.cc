#include "mop/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mop/base/interrupt.h"
#include "mop/base/rng.h"
#include "mop/nn/adam.h"
#include "mop/nn/cpu/network.h"
#include "mop/train/preparation.h"
#include "mop/train/targets.h"

namespace mop::train {
namespace {

constexpr std::uint64_t kShuffleStream = 1;

nn::SequenceBatch view(const dataset::Sequences& s) {
  nn::SequenceBatch batch{s.batch, s.scored, {}};
  for (const auto& branch : s.branches)
    batch.branches.push_back({branch.steps, branch.x, branch.read_step, branch.row_of, branch.distinct});
  return batch;
}

double learning_rate(const Profile& p, double progress) {  // progress 0..1 through all epochs
  constexpr double kWarmUp = 0.1;
  if (!p.one_cycle) return p.learning_rate;
  if (progress < kWarmUp) return p.learning_rate * (0.1 + 0.9 * progress / kWarmUp);
  return p.learning_rate * 0.5 * (1.0 + std::cos(std::numbers::pi * (progress - kWarmUp) / (1.0 - kWarmUp)));
}

nn::AdamOptions adam_options(const Profile& p) {
  return {.lr = p.learning_rate, .weight_decay = p.weight_decay};
}

// One model's training: owns what changes from step to step.
class Training {
 public:
  Training(Preparation& p, const Profile& profile)
      : p_(p),
        profile_(profile),
        network_(p.model.shape),
        objective_(*p.builder, p.model.branches),
        adam_(p.model.params.size(), adam_options(profile)),
        grads_(p.model.params.size()) {}

  double validation_loss() {
    LossSum sum;
    const auto chunks =
        p_.builder->chunks(p_.split.validation_begin, p_.split.validation_end, profile_.scored, 0);
    for (std::size_t i = 0; i < chunks.size(); i += kValidationBatch) {
      const auto part = std::span(chunks).subspan(i, std::min(kValidationBatch, chunks.size() - i));
      p_.builder->build(part, profile_.scored, sequences_);
      const auto y = network_.infer(view(sequences_), p_.model.params);
      sum.add(objective_.loss(part, sequences_, INT64_MAX, y, {}));
    }
    return sum.mean();
  }

  /// Mean loss of one pass over the fit part; NaN when it diverged. Errors: kInterrupted.
  Result<double> run_epoch(std::size_t epoch) {
    auto chunks = shuffled_chunks(epoch);
    const std::size_t batch = profile_.batch_size, steps = (chunks.size() + batch - 1) / batch;
    LossSum sum;
    for (std::size_t step = 0; step < steps; ++step) {
      if (interrupted()) return fail(ErrorCode::kInterrupted, "training was interrupted");
      const auto part =
          std::span(chunks).subspan(step * batch, std::min(batch, chunks.size() - step * batch));
      const double progress =
          (static_cast<double>(epoch) + static_cast<double>(step) / static_cast<double>(steps)) /
          static_cast<double>(profile_.epochs);
      sum.add(train_step(part, learning_rate(profile_, progress)));
      if (!std::isfinite(sum.pinball)) break;
    }
    return sum.mean();
  }

  TrainingState state(const std::vector<float>& best) const {
    const TrainedModel& m = p_.model;
    return {m.params, best, adam_.state(), counter_, m.epochs, m.best_epoch, m.train_loss, m.best_val_loss};
  }
  /// Goes on from a state; returns the best weights so far.
  std::vector<float> resume(TrainingState state) {
    TrainedModel& m = p_.model;
    m.params = std::move(state.params);
    m.epochs = state.epochs;
    m.best_epoch = state.best_epoch;
    m.train_loss = state.train_loss;
    m.best_val_loss = state.best_val_loss;
    adam_ = nn::Adam(std::move(state.adam), adam_options(profile_));
    counter_ = state.updates;
    return std::move(state.best);
  }

 private:
  static constexpr std::size_t kValidationBatch = 64;

  std::vector<dataset::Chunk> shuffled_chunks(std::size_t epoch) {
    Rng rng(p_.model.seed, (static_cast<std::uint64_t>(epoch) << 8) | kShuffleStream);
    const std::size_t offset = rng.below(profile_.scored);
    auto chunks = p_.builder->chunks(p_.split.fit_begin, p_.split.fit_end, profile_.scored, offset);
    for (std::size_t i = chunks.size(); i > 1; --i)
      std::swap(chunks[i - 1], chunks[rng.below(i)]);
    return chunks;
  }

  LossSum train_step(std::span<const dataset::Chunk> chunks, double rate) {
    p_.builder->build(chunks, profile_.scored, sequences_);
    const nn::SequenceBatch batch = view(sequences_);
    const nn::Dropout dropout{static_cast<float>(profile_.dropout), p_.model.seed, counter_++};
    const auto y = network_.forward(batch, p_.model.params, dropout);
    dy_.resize(y.size());
    const LossSum loss = objective_.loss(chunks, sequences_, p_.split.fit_targets_before, y, dy_);
    if (loss.pairs == 0 || !std::isfinite(loss.pinball)) return loss;
    network_.backward(batch, p_.model.params, dy_, grads_);
    nn::clip_gradient(grads_, profile_.gradient_clip);
    adam_.step(p_.model.params, grads_, rate);
    return loss;
  }

  Preparation& p_;
  const Profile& profile_;
  nn::cpu::Network network_;
  Objective objective_;
  nn::Adam adam_;
  std::vector<float> grads_, dy_;
  dataset::Sequences sequences_;
  std::uint64_t counter_ = 0;
};

}  // namespace

Result<TrainedModel> train_model(const TrainJob& job, const EpochObserver& observe,
                                 const CheckpointStore& store) {
  MOP_TRY_ASSIGN(Preparation p, prepare(job));
  Training training(p, job.profile);
  TrainedModel& model = p.model;
  const std::string fingerprint = training_fingerprint(model);
  std::vector<float> best = model.params;
  const std::string saved = store.load ? store.load() : std::string();
  if (auto state = parse_checkpoint(saved, fingerprint, model.params.size())) {
    best = training.resume(std::move(*state));
  } else {
    model.best_val_loss = training.validation_loss();  // of the baseline every model starts from
    model.train_loss = std::numeric_limits<double>::quiet_NaN();
  }
  while (model.epochs < job.profile.epochs && model.epochs - model.best_epoch < job.profile.patience) {
    MOP_TRY_ASSIGN(const double train_loss, training.run_epoch(model.epochs));
    const double val_loss = std::isfinite(train_loss) ? training.validation_loss() : train_loss;
    ++model.epochs;
    model.train_loss = train_loss;
    if (val_loss < model.best_val_loss) {
      model.best_val_loss = val_loss;
      model.best_epoch = model.epochs;
      best = model.params;
    }
    observe({model.epochs, job.profile.epochs, train_loss, val_loss, model.best_val_loss});
    if (!std::isfinite(val_loss)) break;
    if (store.save && model.epochs < job.profile.epochs) {
      MOP_TRY(store.save(to_checkpoint(training.state(best), fingerprint)));
    }
  }
  model.params = std::move(best);
  return std::move(model);
}

}  // namespace mop::train
