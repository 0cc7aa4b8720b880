#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace mop::app {

/// Tells when other model files lie in a directory than before, once no file has changed for a while: `mop
/// train` replaces them one after the other.
class ModelWatch {
 public:
  static constexpr std::int64_t kSettledAfterUs = 10'000'000;

  /// What lies there now is known.
  explicit ModelWatch(std::string directory);

  /// True once for every set of files that has stood still for kSettledAfterUs of this clock.
  bool changed(std::int64_t monotonic_us);
  /// The same without waiting until they stand still: somebody says that they do.
  bool changed_now();

 private:
  std::vector<std::string> look() const;

  std::string directory_;
  std::vector<std::string> known_, seen_;  // name, size and time of change of each file
  std::int64_t seen_since_us_ = 0;
};

}  // namespace mop::app
