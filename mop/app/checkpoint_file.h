// Where `mop train` keeps the state of a network that has not finished: beside the models, as
// <training>.checkpoint.
#pragma once
#include <cstdint>
#include <string>

#include "mop/base/fs.h"
#include "mop/base/result.h"
#include "mop/train/checkpoint.h"

namespace mop::app {

/// Written every few seconds at most, so that a kill loses seconds and short epochs do not wait for the disk.
class CheckpointFile {
 public:
  /// With `resume` a training goes on from what is stored, otherwise it starts anew. Borrows `fs`.
  CheckpointFile(Fs& fs, std::string path, bool resume);

  /// For train_network(); borrows this.
  train::CheckpointStore store();
  /// Writes what was saved last and is not on disk yet: for a training that was stopped. Errors: kIo.
  Result<void> flush();
  /// For a training whose model is stored. Errors: kIo.
  Result<void> remove() { return fs_.remove(path_); }

 private:
  bool is_due() const;

  Fs& fs_;
  std::string path_;
  bool resume_;
  std::string unwritten_;
  std::int64_t written_us_;  // when, on the monotonic clock
};

}  // namespace mop::app
