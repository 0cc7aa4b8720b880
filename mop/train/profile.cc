#include "mop/train/profile.h"

#include <algorithm>

#include <fmt/format.h>

#include "mop/base/sha256.h"
#include "mop/dataset/targets.h"

namespace mop::train {

std::string fingerprint_of(const Profile& profile) {
  // Stops compiling when a setting is added, so that none is forgotten.
  const auto& [name, hidden, layers, dropout, learning_rate, one_cycle, weight_decay, gradient_clip,
               batch_size, scored, epochs, patience, least_updates, half_life_days, lookback, horizon,
               validation_share, pooled, ensemble] = profile;
  return sha256_hex(fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", name, hidden,
                                layers, dropout, learning_rate, one_cycle, weight_decay, gradient_clip,
                                batch_size, scored, epochs, patience, least_updates, half_life_days, lookback,
                                horizon, validation_share, pooled, ensemble));
}

Schedule schedule_for(const Profile& profile, std::size_t sequences) {
  if (profile.least_updates == 0) return {profile.batch_size, profile.epochs};
  const std::size_t smallest = std::min(kSmallestBatch, profile.batch_size);
  const std::size_t batch = std::clamp(sequences / kLeastSteps, smallest, profile.batch_size);
  const std::size_t steps = std::max<std::size_t>((sequences + batch - 1) / batch, 1);
  return {batch, std::max(profile.epochs, (profile.least_updates + steps - 1) / steps)};
}

Profile v1_profile() {
  Profile p;
  p.name = "v1";
  return p;
}

Profile default_profile() {
  Profile p;
  p.name = "default";
  p.dropout = 0.2;
  p.learning_rate = 0.001;
  p.one_cycle = true;
  p.weight_decay = 0.01;
  p.scored = 60;
  p.epochs = 4;
  p.patience = 50;
  p.least_updates = 500;
  p.horizon = dataset::kDefaultHorizon;
  p.pooled = true;
  p.ensemble = 4;
  return p;
}

}  // namespace mop::train
