#include "mop/store/sources.h"

#include <algorithm>

namespace mop::store {

void assign_source(std::vector<SourceRange>& ranges, UnixMillis from, UnixMillis to,
                   std::string_view source) {
  std::vector<SourceRange> result;
  result.reserve(ranges.size() + 2);
  const auto add = [&](SourceRange range) {
    if (range.to < range.from) return;
    if (!result.empty() && result.back().source == range.source) {
      result.back().to = range.to;
    } else {
      result.push_back(std::move(range));
    }
  };
  bool added = false;
  for (const SourceRange& range : ranges) {
    add({range.from, std::min(range.to, from - 1), range.source});
    if (!added && range.to >= from) {
      add({from, to, std::string(source)});
      added = true;
    }
    add({std::max(range.from, to + 1), range.to, range.source});
  }
  if (!added) add({from, to, std::string(source)});
  ranges = std::move(result);
}

bool is_foreign(std::string_view source) {
  return source.starts_with("ccxt:");
}

bool are_in_order(std::span<const SourceRange> ranges) {
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].to < ranges[i].from || (i > 0 && ranges[i].from <= ranges[i - 1].to)) return false;
  }
  return true;
}

}  // namespace mop::store
