// One live line on stderr when it is a terminal, plain lines (one per 10 %) otherwise, nothing when quiet.
#pragma once
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace mop {

class Progress {
 public:
  /// `total` steps; `what` is e.g. "training". quiet prints nothing at all.
  Progress(std::string what, std::size_t total, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` steps are finished; `detail` says which, e.g. "BTCUSDT 15m". Thread-safe. Shows percent and ETA.
  void update(std::size_t done, std::string_view detail);
  /// A line that stays, above the live one.
  void note(std::string_view line);

 private:
  std::string line_text(std::size_t done, std::string_view detail) const;

  std::mutex mutex_;
  std::string what_;
  std::size_t total_;
  bool quiet_, live_;
  std::int64_t start_us_;
  std::int64_t last_drawn_us_ = 0;
  std::size_t last_tenth_ = 0;
  bool drawn_ = false;
};

}  // namespace mop
