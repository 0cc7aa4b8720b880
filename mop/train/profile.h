#pragma once
#include <cstddef>
#include <string>

namespace mop::train {

/// How a model is built and trained. Two are shipped; mop.toml may change their figures.
struct Profile {
  std::string name;
  std::size_t hidden = 64;         // LSTM units per layer
  std::size_t layers = 2;          // LSTM layers
  double dropout = 0.3;            // between layers, 0..1
  double learning_rate = 0.005;    // Adam's step
  bool one_cycle = false;          // warm up over the first tenth, then fall to zero along a cosine
  double weight_decay = 0.0;       // decoupled (AdamW)
  double gradient_clip = 1.0;      // largest global L2 norm of a gradient
  std::size_t batch_size = 64;     // sequences per step; see schedule_for()
  std::size_t scored = 1;          // positions scored per sequence; 1 = window mode, more = sequence mode
  std::size_t epochs = 150;        // at most
  std::size_t patience = 150;      // epochs without a better validation loss before training stops
  std::size_t least_updates = 0;   // what a short history is given more epochs for
  double half_life_days = 0.0;     // a candle this old weighs half in the loss; 0 = all weigh the same
  std::size_t lookback = 60;       // candles the network reads before it answers
  std::size_t horizon = 1;         // candles ahead that are forecast
  double validation_share = 0.15;  // newest part of the history that stops the training
  bool pooled = false;             // all coins are learnt together and read what the market did
  std::size_t ensemble = 1;        // networks whose raw outputs are averaged

  bool operator==(const Profile&) const = default;
};

/// SHA-256 over every setting: equal profiles have equal fingerprints, in every build.
std::string fingerprint_of(const Profile& profile);

/// How much of a profile a history fills.
struct Schedule {
  std::size_t batch;   // sequences per step
  std::size_t epochs;  // at most
};

/// The profile's own figures, but where least_updates is set: batches small enough for kLeastSteps steps an
/// epoch (not below kSmallestBatch), and as many epochs as it takes for least_updates steps altogether.
inline constexpr std::size_t kLeastSteps = 50, kSmallestBatch = 8;
Schedule schedule_for(const Profile& profile, std::size_t sequences);

/// The original description's settings, unchanged: window mode, one step ahead.
Profile v1_profile();

/// What scores better at the same network size: seven steps ahead, sequence mode, a lower learning rate.
Profile default_profile();

}  // namespace mop::train
