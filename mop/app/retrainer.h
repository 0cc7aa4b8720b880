// Trains the models again when they are old or do badly, in a process of its own, while this one serves.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mop/app/child_process.h"
#include "mop/base/fs.h"
#include "mop/base/result.h"
#include "mop/store/candle_store.h"

namespace mop::app {

/// When to train again; may change at any time.
struct RetrainRules {
  double after_days = 0.0;  // since the newest candle that any model has learnt from; 0: never for this
  bool on_drift = false;    // when live scores demoted a champion
  DurationMillis expires_after = 60 * kDay;  // of a model; its figures then speak for it no more
};

/// What must be known of the models in use.
struct FleetState {
  UnixMillis trained_until = 0;           // the newest of all models
  std::vector<store::SeriesKey> demoted;  // whose champions live scores demoted
};

/// The command lines of one retraining, behind the program's name.
struct RetrainPlan {
  std::vector<std::string> canaries;  // run first, when no certificate of the profile is there; else empty
  std::vector<std::string> train;     // --models-dir, --until and --resume are added
};

struct RetrainerOptions {
  std::string program = "/proc/self/exe";
  std::string models_dir;
  std::string output = "logs/retraining.out";  // what the processes print
  std::function<RetrainPlan()> plan;           // asked at every start
};

/// One attempt a day at most, whatever came of the last. Models are trained into <models_dir>/.retrain and
/// looked at one by one (model_review.h); those that may forecast are moved into models_dir, the others are
/// told in the log and deleted. An attempt that was stopped goes on at the next start, on the same candles.
/// One thread at a time; the process it starts ends with that thread.
class Retrainer {
 public:
  /// `fs` must outlive it.
  Retrainer(Fs& fs, RetrainerOptions options);

  void follow(const RetrainRules& rules) { rules_ = rules; }
  /// To be called every now and then with the exchange's time; takes milliseconds. Failures are logged.
  void turn(UnixMillis now, const FleetState& fleet);
  bool busy() const { return stage_ != Stage::kIdle; }
  /// Ends the process, which keeps its state.
  void stop();

 private:
  enum class Stage : std::uint8_t { kIdle, kCanaries, kTraining, kReview };
  struct Attempt {
    UnixMillis started = 0;  // 0: there was none
    bool finished = true;
  };

  std::optional<std::string> due(UnixMillis now, const FleetState& fleet) const;
  void begin(UnixMillis now, const std::string& why);
  Result<void> start_canaries();
  Result<void> start_training();
  Result<void> run(std::vector<std::string> arguments);
  void next(int exit_status);
  void end(const std::string& failure);
  std::vector<std::string> trained_files();
  void review_one(UnixMillis now, const FleetState& fleet);
  Result<std::optional<std::string>> review(const std::string& name, UnixMillis now, const FleetState& fleet);
  Result<void> note(const Attempt& attempt);
  std::string work(const std::string& name) const { return options_.models_dir + "/.retrain/" + name; }

  Fs& fs_;
  const RetrainerOptions options_;
  RetrainRules rules_;
  Attempt attempt_;
  Stage stage_ = Stage::kIdle;
  RetrainPlan plan_;
  bool resume_ = false;
  std::optional<ChildProcess> child_;
  std::vector<std::string> unreviewed_;  // file names
  std::size_t taken_ = 0, refused_ = 0;
};

}  // namespace mop::app
