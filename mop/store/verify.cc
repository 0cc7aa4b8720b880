#include "mop/store/verify.h"

#include <algorithm>

#include <fmt/format.h>

namespace mop::store {
namespace {

RowProblem stale(std::string message) {
  return {0, 0, "metadata", message + "; `mop verify --repair` rebuilds it"};
}

std::string mismatch(std::string_view what, const auto& said, const auto& is) {
  return fmt::format("metadata.json says {} {}, the file has {}", what, said, is);
}

// The first thing the entry says that the file's bytes contradict.
void compare(const FileMetadata* saved, std::string_view bytes, const FileScan& found,
             std::vector<RowProblem>& problems) {
  if (saved == nullptr) {
    problems.push_back(stale("metadata.json has no entry for this file"));
    return;
  }
  const UnixMillis first = found.rows.empty() ? 0 : found.rows.front().open_time;
  const UnixMillis last = found.rows.empty() ? 0 : found.rows.back().open_time;
  ContentHash hash;
  hash.extend(bytes);
  if (saved->bytes != bytes.size()) {
    problems.push_back(stale(mismatch("bytes", saved->bytes, bytes.size())));
  } else if (saved->rows != found.lines) {
    problems.push_back(stale(mismatch("rows", saved->rows, found.lines)));
  } else if (saved->first_open_time != first) {
    problems.push_back(stale(mismatch("first_open_time", saved->first_open_time, first)));
  } else if (saved->last_open_time != last) {
    problems.push_back(stale(mismatch("last_open_time", saved->last_open_time, last)));
  } else if (!(saved->content_hash == hash)) {
    problems.push_back(stale(mismatch("content_hash", saved->content_hash.text(), hash.text())));
  }
}

}  // namespace

Result<VerifyReport> verify_file(Fs& fs, const std::string& path, std::string_view symbol,
                                 market::Interval interval, const FileMetadata* saved) {
  MOP_TRY_ASSIGN(const std::string bytes, fs.read(path));
  FileScan found = scan(bytes, interval);
  VerifyReport report;
  report.symbol = symbol;
  report.interval = interval;
  report.rows = found.rows.size();
  report.problems = std::move(found.problems);
  compare(saved, bytes, found, report.problems);

  std::vector<UnixMillis> times;
  for (const market::Candle& c : found.rows)
    times.push_back(c.open_time);
  std::sort(times.begin(), times.end());
  const auto before = saved != nullptr ? std::span<const Gap>(saved->gaps) : std::span<const Gap>();
  report.holes = classify(market::find_holes(times, interval), interval, before);
  return report;
}

}  // namespace mop::store
