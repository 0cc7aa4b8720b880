#include "mop/train/epochs.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "mop/base/rng.h"
#include "mop/nn/bf16.h"

namespace mop::train {
namespace {

constexpr std::uint64_t kShuffleStream = 1;

void append_chunks(const Pool& pool, std::size_t member, std::size_t begin, std::size_t end,
                   std::size_t offset, std::vector<MemberChunk>& to) {
  for (const auto& rows : pool.members[member].builder->chunks(begin, end, pool.profile.scored, offset))
    to.push_back({member, rows});
}

}  // namespace

nn::AdamOptions adam_options(const Profile& profile) {
  return {.lr = profile.learning_rate, .weight_decay = profile.weight_decay};
}

double progress_at(const Pool& pool, std::size_t epoch, std::size_t step, std::size_t steps) {
  return (static_cast<double>(epoch) + static_cast<double>(step) / static_cast<double>(steps)) /
         static_cast<double>(pool.schedule.epochs);
}

double learning_rate(const Profile& p, double progress) {
  constexpr double kWarmUp = 0.1;
  if (!p.one_cycle) return p.learning_rate;
  if (progress < kWarmUp) return p.learning_rate * (0.1 + 0.9 * progress / kWarmUp);
  return p.learning_rate * 0.5 * (1.0 + std::cos(std::numbers::pi * (progress - kWarmUp) / (1.0 - kWarmUp)));
}

std::vector<MemberChunk> fit_chunks(const Pool& pool, std::uint64_t network_seed, std::size_t epoch) {
  Rng rng(network_seed, (static_cast<std::uint64_t>(epoch) << 8) | kShuffleStream);
  const std::size_t offset = rng.below(pool.profile.scored);
  std::vector<MemberChunk> chunks;
  for (std::size_t m = 0; m < pool.members.size(); ++m)
    append_chunks(pool, m, pool.members[m].split.fit_begin, pool.members[m].split.fit_end, offset, chunks);
  for (std::size_t i = chunks.size(); i > 1; --i)
    std::swap(chunks[i - 1], chunks[rng.below(i)]);
  return chunks;
}

std::vector<MemberChunk> validation_chunks(const Pool& pool, std::size_t member) {
  std::vector<MemberChunk> chunks;
  const dataset::FitSplit& split = pool.members[member].split;
  append_chunks(pool, member, split.validation_begin, split.validation_end, 0, chunks);
  return chunks;
}

Validation validation_of(const std::vector<LossSum>& members) {
  LossSum sum;
  std::vector<double> of_member;
  for (const LossSum& own : members) {
    sum.add(own);
    of_member.push_back(own.mean());
  }
  return {sum.mean(), std::move(of_member)};
}

TrainedNetwork untrained(std::vector<float> params, const Validation& baseline) {
  return {std::move(params), 0, 0, std::numeric_limits<double>::quiet_NaN(), baseline.mean};
}

bool goes_on(const Pool& pool, const TrainedNetwork& net) {
  const bool diverged = net.epochs > 0 && !std::isfinite(net.train_loss);
  return !diverged && net.epochs < pool.schedule.epochs &&
         net.epochs - net.best_epoch < pool.profile.patience;
}

bool end_epoch(const Pool& pool, double train_loss, Validation validation, TrainedNetwork& net,
               const EpochObserver& observe) {
  if (!std::isfinite(train_loss)) validation = {train_loss, {}};
  ++net.epochs;
  // A validation that is no number ends the training as well.
  net.train_loss = std::isfinite(validation.mean) ? train_loss : validation.mean;
  const bool better = validation.mean < net.best_val_loss;
  if (better) {
    net.best_val_loss = validation.mean;
    net.best_epoch = net.epochs;
  }
  observe({net.epochs, pool.schedule.epochs, train_loss, validation.mean, net.best_val_loss,
           std::move(validation.of_member)});
  return better;
}

void keep_best(const Pool& pool, std::vector<float> best, TrainedNetwork& net) {
  net.params = std::move(best);
  nn::round_recurrent_weights(nn::ParamLayout(pool.shape), net.params);
}

}  // namespace mop::train
