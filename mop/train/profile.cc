#include "mop/train/profile.h"

#include "mop/dataset/targets.h"

namespace mop::train {

Profile v1_profile() {
  Profile p;
  p.name = "v1";
  return p;
}

Profile default_profile() {
  Profile p;
  p.name = "default";
  p.hidden = 32;
  p.dropout = 0.2;
  p.learning_rate = 0.002;
  p.one_cycle = true;
  p.weight_decay = 0.01;
  p.batch_size = 16;
  p.scored = 60;
  p.epochs = 12;
  p.patience = 4;
  p.horizon = dataset::kDefaultHorizon;
  p.pooled = true;
  p.ensemble = 4;
  return p;
}

}  // namespace mop::train
