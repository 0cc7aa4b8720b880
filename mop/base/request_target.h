#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mop {

/// "/api/v3/klines?symbol=BTCUSDT&limit=5", taken apart and percent-decoded.
struct Target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> parameters;  // as sent, repeated ones included

  /// The first value, if the parameter was sent.
  std::optional<std::string> find(std::string_view name) const;
};

/// Nothing when a percent sequence is broken or a decoded byte is a control character.
std::optional<Target> parse_target(std::string_view target);

}  // namespace mop
