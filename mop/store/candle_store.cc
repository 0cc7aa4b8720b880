#include "mop/store/candle_store.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/base/log.h"
#include "mop/market/symbol.h"
#include "mop/store/candle_csv.h"
#include "mop/store/combine.h"

namespace mop::store {
namespace {

using market::Candle;

constexpr DurationMillis kLockPatience = 10 * kSecond;
constexpr DurationMillis kLockRetry = 50;
constexpr std::string_view kUnknownSource = "unknown";  // files that came without a merge

std::string rows_text(std::span<const Candle> candles) {
  std::string text;
  text.reserve(candles.size() * 128);
  for (const Candle& c : candles)
    append_row(text, c);
  return text;
}

Result<void> check_input(std::string_view symbol, market::Interval interval,
                         std::span<const Candle> candles) {
  for (std::size_t i = 0; i < candles.size(); ++i) {
    if (const auto valid = market::validate(candles[i], interval); !valid) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} {}: {}", symbol, market::to_string(interval), valid.error().message));
    }
    if (i > 0 && candles[i].open_time <= candles[i - 1].open_time) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} {}: candles to store must ascend and be unique, {} comes after {}", symbol,
                              market::to_string(interval), format_utc(candles[i].open_time),
                              format_utc(candles[i - 1].open_time)));
    }
  }
  return {};
}

// Everything the metadata says about a file's content, from its complete lines. Errors: kCorrupt.
Result<FileMetadata> describe(std::string_view complete, std::string_view symbol, market::Interval interval,
                              std::span<const Gap> before, const std::string& path) {
  FileMetadata file;
  file.symbol = symbol;
  file.interval = interval;
  file.bytes = complete.size();
  file.content_hash.extend(complete);
  if (complete.empty()) return file;
  MOP_TRY_ASSIGN(const market::CandleSeries series, parse_series(complete, symbol, interval, path));
  file.rows = series.size();
  if (file.rows == 0) return file;
  file.first_open_time = series.open_time.front();
  file.last_open_time = series.open_time.back();
  file.gaps = classify(market::find_holes(series.open_time, interval), interval, before);
  return file;
}

void add_source(FileMetadata& file, std::string_view source) {
  if (std::find(file.sources.begin(), file.sources.end(), source) == file.sources.end()) {
    file.sources.emplace_back(source);
  }
}

// What the old entry knew of the sources; rows it knew nothing of are of nobody known.
void keep_sources(FileMetadata& file, const FileMetadata* old) {
  if (old != nullptr) {
    file.sources = old->sources;
    file.ranges = old->ranges;
  }
  if (file.rows == 0) return;
  if (file.ranges.empty() || file.ranges.front().from > file.first_open_time) {
    const UnixMillis end = file.ranges.empty() ? file.last_open_time : file.ranges.front().from - 1;
    assign_source(file.ranges, file.first_open_time, end, kUnknownSource);
  }
  if (file.ranges.back().to < file.last_open_time) {
    assign_source(file.ranges, file.ranges.back().to + 1, file.last_open_time, kUnknownSource);
  }
  for (const SourceRange& range : file.ranges) {
    if (range.source == kUnknownSource) add_source(file, kUnknownSource);
  }
}

// The entry after `fresh` rows were appended, without reading the file.
void extend(FileMetadata& file, std::span<const Candle> fresh, std::string_view text) {
  std::vector<UnixMillis> times{file.last_open_time};
  for (const Candle& c : fresh)
    times.push_back(c.open_time);
  const auto gaps = classify(market::find_holes(times, file.interval), file.interval, file.gaps);
  file.gaps.insert(file.gaps.end(), gaps.begin(), gaps.end());
  file.rows += fresh.size();
  file.last_open_time = times.back();
  file.bytes += text.size();
  file.content_hash.extend(text);
}

bool same_but_for_update_time(const FileMetadata& a, const FileMetadata& b) {
  return a.rows == b.rows && a.bytes == b.bytes && a.content_hash == b.content_hash && a.gaps == b.gaps &&
         a.sources == b.sources && a.ranges == b.ranges;
}

// Of rows that overlap stored ones: a foreign exchange's only where nothing or its own is stored.
std::vector<Candle> allowed(const FileMetadata& entry, std::span<const Candle> stored,
                            std::span<const Candle> overlap, std::string_view source) {
  std::vector<Candle> kept(overlap.begin(), overlap.end());
  if (!is_foreign(source)) return kept;
  std::erase_if(kept, [&](const Candle& c) {
    const auto same_time = [&](const Candle& s) { return s.open_time == c.open_time; };
    return entry.source_at(c.open_time) != source && std::any_of(stored.begin(), stored.end(), same_time);
  });
  return kept;
}

StoreReport report_of(const FileMetadata& file) {
  StoreReport report;
  report.rows_before = report.rows = file.rows;
  report.first_open_time = file.first_open_time;
  report.last_open_time = file.last_open_time;
  report.gaps = file.gaps;
  return report;
}

std::optional<SeriesKey> series_of(std::string_view name) {
  constexpr std::string_view kEnding = ".csv";
  if (!name.ends_with(kEnding)) return std::nullopt;
  name.remove_suffix(kEnding.size());
  const std::size_t bar = name.rfind('_');
  if (bar == std::string_view::npos || bar == 0) return std::nullopt;
  const auto interval = market::parse_interval(name.substr(bar + 1));
  const auto symbol = name.substr(0, bar);
  const auto plain = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  if (!interval || !std::all_of(symbol.begin(), symbol.end(), plain)) return std::nullopt;
  return SeriesKey{std::string(symbol), *interval};
}

}  // namespace

CandleStore::CandleStore(std::string directory, Fs& fs, Clock& clock)
    : directory_(std::move(directory)), fs_(fs), clock_(clock) {}

std::string CandleStore::path(std::string_view symbol, market::Interval interval) const {
  return fmt::format("{}/{}", directory_, candle_file_name(symbol, interval));
}

Result<std::string> CandleStore::read_rows(std::string_view symbol, market::Interval interval) {
  const std::string file = path(symbol, interval);
  auto bytes = fs_.read(file);
  if (!bytes && bytes.error().code != ErrorCode::kNotFound) return bytes;
  const std::size_t complete = bytes ? bytes->size() - torn_bytes(*bytes) : 0;
  const bool only_header = bytes && complete == kCandleHeader.size() + 1 && bytes->starts_with(kCandleHeader);
  if (complete == 0 || only_header) {
    const std::string_view frame = market::to_string(interval);
    return fail(ErrorCode::kNotFound,
                fmt::format("no candles of {} {} in {}; run `mop fetch --symbols {} --timeframes {}`", symbol,
                            frame, directory_, symbol, frame));
  }
  if (const std::size_t torn = torn_bytes(*bytes); torn > 0) {
    log_warning(fmt::format("{}: the last row was cut short after {} bytes and is ignored", file, torn));
  }
  return bytes;
}

Result<market::CandleSeries> CandleStore::load(std::string_view symbol, market::Interval interval) {
  MOP_TRY_ASSIGN(const std::string bytes, read_rows(symbol, interval));
  return parse_series(bytes, symbol, interval, path(symbol, interval));
}

Result<std::vector<Candle>> CandleStore::load_candles(std::string_view symbol, market::Interval interval) {
  MOP_TRY_ASSIGN(const std::string bytes, read_rows(symbol, interval));
  return parse_candles(bytes, interval, path(symbol, interval));
}

Result<FileLock> CandleStore::lock_directory() {
  for (DurationMillis waited = 0;; waited += kLockRetry) {
    auto lock = FileLock::acquire(directory_ + "/.lock");
    if (lock || lock.error().code != ErrorCode::kUnavailable || waited >= kLockPatience) return lock;
    clock_.sleep_for(kLockRetry);
  }
}

Result<void> CandleStore::save(const Metadata& metadata) {
  return fs_.write_atomically(directory_ + "/metadata.json", to_text(metadata));
}

Result<Metadata> CandleStore::saved_metadata_or_none() {
  auto saved = read_metadata(fs_, directory_);
  if (saved || saved.error().code != ErrorCode::kCorrupt) return saved;
  log_warning(fmt::format("{}/metadata.json is rebuilt: {}", directory_, saved.error().message));
  return Metadata{};
}

Result<std::optional<FileMetadata>> CandleStore::current_entry(const Metadata& saved, std::string_view symbol,
                                                               market::Interval interval) {
  const std::string file = path(symbol, interval);
  const auto size = fs_.size(file);
  if (!size && size.error().code == ErrorCode::kNotFound) return std::optional<FileMetadata>();
  if (!size) return fail(size.error());
  const FileMetadata* const entry = saved.find(symbol, interval);
  if (entry != nullptr && entry->bytes == *size) return std::optional(*entry);

  MOP_TRY_ASSIGN(const std::string bytes, fs_.read(file));
  const std::string_view complete = std::string_view(bytes).substr(0, bytes.size() - torn_bytes(bytes));
  const std::span<const Gap> before =
      entry != nullptr ? std::span<const Gap>(entry->gaps) : std::span<const Gap>();
  MOP_TRY_ASSIGN(FileMetadata rebuilt, describe(complete, symbol, interval, before, file));
  keep_sources(rebuilt, entry);
  rebuilt.last_updated =
      entry != nullptr && same_but_for_update_time(rebuilt, *entry) ? entry->last_updated : clock_.now();
  return std::optional(std::move(rebuilt));
}

// Writes a whole file anew. Its entry is voided first: were the new file as long as the old one and the
// process killed before the metadata follow, nothing would show that the hash is stale.
Result<FileMetadata> CandleStore::rewrite(Metadata& saved, FileMetadata entry, std::string_view text) {
  if (saved.find(entry.symbol, entry.interval) != nullptr) {
    entry.bytes = 0;
    saved.put(entry);
    MOP_TRY(save(saved));
  }
  const std::string file = path(entry.symbol, entry.interval);
  MOP_TRY_ASSIGN(FileMetadata described, describe(text, entry.symbol, entry.interval, entry.gaps, file));
  MOP_TRY(fs_.write_atomically(file, text));
  described.sources = std::move(entry.sources);
  described.ranges = std::move(entry.ranges);
  return described;
}

Result<FileMetadata> CandleStore::insert(Metadata& saved, FileMetadata entry, std::span<const Candle> overlap,
                                         std::span<const Candle> fresh, std::string_view source,
                                         StoreReport& report) {
  const std::string file = path(entry.symbol, entry.interval);
  MOP_TRY_ASSIGN(const std::string bytes, fs_.read(file));
  const std::size_t begin = offset_of(bytes, overlap.front().open_time);
  const std::size_t end = offset_of(bytes, overlap.back().open_time + 1);
  MOP_TRY_ASSIGN(const auto stored, parse_rows(bytes, begin, end, entry.interval, file));
  const Combined combined = combine(stored, allowed(entry, stored, overlap, source));
  report.rows_added = combined.added;
  report.rows_changed = combined.changed;
  if (combined.added + combined.changed == 0) return append(saved, std::move(entry), fresh, source, report);
  MOP_TRY(note_revisions(entry, combined.revisions, source));
  report.rows_added += fresh.size();
  const std::string_view all = bytes;
  std::string text(all.substr(0, begin));
  text += rows_text(combined.candles);
  text += all.substr(end, entry.bytes - end);
  text += rows_text(fresh);
  for (const Taken& taken : combined.taken)
    assign_source(entry.ranges, taken.from, taken.to, source);
  if (!fresh.empty()) assign_source(entry.ranges, fresh.front().open_time, fresh.back().open_time, source);
  return rewrite(saved, std::move(entry), text);
}

Result<FileMetadata> CandleStore::append(Metadata& saved, FileMetadata entry, std::span<const Candle> fresh,
                                         std::string_view source, StoreReport& report) {
  const std::string file = path(entry.symbol, entry.interval);
  MOP_TRY_ASSIGN(const std::uint64_t size, fs_.size(file));
  if (fresh.empty() && size == entry.bytes) return entry;
  const std::string text = rows_text(fresh);
  if (!fresh.empty() && (entry.ranges.empty() || entry.ranges.back().source != source)) {
    // Said before the rows are there: rows that a crash leaves without an entry then have a source.
    assign_source(entry.ranges, fresh.front().open_time, fresh.back().open_time, source);
    saved.put(entry);
    MOP_TRY(save(saved));
  } else if (!fresh.empty()) {
    assign_source(entry.ranges, fresh.front().open_time, fresh.back().open_time, source);
  }
  MOP_TRY(fs_.append_at(file, entry.bytes, text));  // cuts a torn tail as well
  extend(entry, fresh, text);
  report.rows_added += fresh.size();
  return entry;
}

// One line of JSON for each replaced row: what it was, what it is, who said so and when.
Result<void> CandleStore::note_revisions(const FileMetadata& entry, std::span<const Revision> revisions,
                                         std::string_view source) {
  if (revisions.empty()) return {};
  const auto row = [](const Candle& c) {
    std::string text;
    append_row(text, c);
    text.pop_back();
    return text;
  };
  std::string lines;
  for (const Revision& r : revisions) {
    lines += to_json_text(boost::json::object{{"noted_at", clock_.now()},
                                              {"symbol", entry.symbol},
                                              {"timeframe", market::to_string(entry.interval)},
                                              {"open_time", r.before.open_time},
                                              {"before", row(r.before)},
                                              {"before_source", entry.source_at(r.before.open_time)},
                                              {"after", row(r.after)},
                                              {"after_source", source}}) +
             "\n";
  }
  const std::string log = directory_ + "/revisions.ndjson";
  const auto size = fs_.size(log);
  if (!size && size.error().code != ErrorCode::kNotFound) return fail(size.error());
  return fs_.append_at(log, size.value_or(0), lines);
}

Result<StoreReport> CandleStore::merge(std::string_view symbol, market::Interval interval,
                                       std::span<const Candle> candles, std::string_view source) {
  MOP_TRY(check_input(symbol, interval, candles));
  const std::scoped_lock one_at_a_time(mutex_);
  MOP_TRY_ASSIGN(const FileLock lock, lock_directory());
  MOP_TRY_ASSIGN(Metadata saved, saved_metadata_or_none());
  MOP_TRY_ASSIGN(std::optional<FileMetadata> present, current_entry(saved, symbol, interval));
  const bool first_rows = !present || present->rows == 0;
  if (first_rows && candles.empty()) return StoreReport{};

  FileMetadata entry = present.value_or(FileMetadata{});
  StoreReport counts;
  counts.rows_before = entry.rows;
  if (first_rows) {
    entry.symbol = symbol;
    entry.interval = interval;
    entry.sources.clear();
    entry.ranges.clear();
    assign_source(entry.ranges, candles.front().open_time, candles.back().open_time, source);
    counts.rows_added = candles.size();
    MOP_TRY_ASSIGN(
        entry, rewrite(saved, std::move(entry), fmt::format("{}\n{}", kCandleHeader, rows_text(candles))));
  } else {
    const auto later = std::partition_point(
        candles.begin(), candles.end(), [&](const Candle& c) { return c.open_time <= entry.last_open_time; });
    const auto split = static_cast<std::size_t>(later - candles.begin());
    auto stored = split > 0 ? insert(saved, std::move(entry), candles.first(split), candles.subspan(split),
                                     source, counts)
                            : append(saved, std::move(entry), candles, source, counts);
    if (!stored) return fail(stored.error());
    entry = std::move(*stored);
  }
  return finish_merge(saved, std::move(entry), counts, source);
}

Result<StoreReport> CandleStore::finish_merge(Metadata& saved, FileMetadata entry, const StoreReport& counts,
                                              std::string_view source) {
  const FileMetadata* const old = saved.find(entry.symbol, entry.interval);
  if (counts.rows_added + counts.rows_changed > 0) {
    add_source(entry, source);
    entry.last_updated = clock_.now();
  }
  StoreReport report = report_of(entry);
  report.rows_before = counts.rows_before;
  report.rows_added = counts.rows_added;
  report.rows_changed = counts.rows_changed;
  if (old != nullptr && same_but_for_update_time(entry, *old)) return report;
  saved.put(std::move(entry));
  MOP_TRY(save(saved));
  return report;
}

Result<void> CandleStore::mark_no_trades(std::string_view symbol, market::Interval interval, UnixMillis from,
                                         UnixMillis to) {
  const std::scoped_lock one_at_a_time(mutex_);
  MOP_TRY_ASSIGN(const FileLock lock, lock_directory());
  MOP_TRY_ASSIGN(Metadata saved, saved_metadata_or_none());
  MOP_TRY_ASSIGN(std::optional<FileMetadata> entry, current_entry(saved, symbol, interval));
  if (!entry) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no candles of {} {} in {}", symbol, market::to_string(interval), directory_));
  }
  const DurationMillis step = market::length_of(interval);
  std::vector<Gap> known = entry->gaps;
  known.push_back({(from + step - 1) / step * step, to / step * step, 0, GapKind::kNoTrades});
  std::vector<market::Hole> holes;
  for (const Gap& gap : entry->gaps)
    holes.push_back({gap.from, gap.to, gap.missing});
  entry->gaps = classify(holes, interval, known);
  saved.put(std::move(*entry));
  return save(saved);
}

std::vector<SeriesKey> CandleStore::series() const {
  std::vector<SeriesKey> found;
  for (const std::string& name : fs_.list(directory_)) {
    if (auto key = series_of(name)) found.push_back(std::move(*key));
  }
  return found;
}

// Brings every entry in line with its file; true when one had to change.
Result<bool> CandleStore::refresh(Metadata& metadata) {
  bool changed = false;
  Metadata fresh;
  for (const SeriesKey& key : series()) {
    MOP_TRY_ASSIGN(std::optional<FileMetadata> entry, current_entry(metadata, key.symbol, key.interval));
    if (!entry) continue;
    const FileMetadata* const old = metadata.find(key.symbol, key.interval);
    changed = changed || old == nullptr || !same_but_for_update_time(*entry, *old);
    fresh.put(std::move(*entry));
  }
  changed = changed || fresh.files.size() != metadata.files.size();
  metadata = std::move(fresh);
  return changed;
}

Result<Metadata> CandleStore::metadata() {
  const std::scoped_lock one_at_a_time(mutex_);
  MOP_TRY_ASSIGN(Metadata metadata, saved_metadata_or_none());
  MOP_TRY_ASSIGN(const bool stale, refresh(metadata));
  if (!stale) return metadata;
  const auto lock = FileLock::acquire(directory_ + "/.lock");
  if (!lock) return metadata;  // another process merges, or the directory is read-only: saving can wait
  MOP_TRY_ASSIGN(metadata, saved_metadata_or_none());
  MOP_TRY(refresh(metadata));
  if (const auto saved = save(metadata); !saved) log_warning(saved.error().message);
  return metadata;
}

Result<market::CandleSeries> CandleStore::load_spliced(std::string_view symbol, market::Interval interval) {
  MOP_TRY_ASSIGN(const market::CandleSeries series, load(symbol, interval));
  const auto known = market::find_symbol(symbol);
  if (!known || known->successor.empty() || !fs_.exists(path(known->successor, interval))) return series;
  MOP_TRY_ASSIGN(const market::CandleSeries later, load(known->successor, interval));
  return market::splice(series, later);
}

// True when the entry changed. Only what a killed merge can have left is touched.
Result<bool> CandleStore::settle_file(Metadata& saved, const SeriesKey& key) {
  const std::string file = path(key.symbol, key.interval);
  MOP_TRY_ASSIGN(const std::string bytes, fs_.read(file));
  const FileMetadata* const entry = saved.find(key.symbol, key.interval);
  if (entry != nullptr && entry->bytes == bytes.size()) return false;
  const std::string_view all = bytes;
  if (entry != nullptr && entry->bytes > 0) {
    ContentHash before;
    before.extend(all.substr(0, entry->bytes));
    if (entry->bytes > all.size() || !(before == entry->content_hash)) return false;
  }
  const std::size_t complete = bytes.size() - torn_bytes(bytes);
  if (!scan(all.substr(0, complete), key.interval).problems.empty()) return false;
  if (complete < bytes.size()) MOP_TRY(fs_.append_at(file, complete, ""));
  MOP_TRY_ASSIGN(std::optional<FileMetadata> rebuilt, current_entry(saved, key.symbol, key.interval));
  if (rebuilt) saved.put(std::move(*rebuilt));
  return true;
}

Result<void> CandleStore::settle() {
  const std::scoped_lock one_at_a_time(mutex_);
  if (series().empty()) return {};
  const auto lock = FileLock::acquire(directory_ + "/.lock");
  if (!lock) return {};  // a merge is running, or the directory is read-only
  auto saved = read_metadata(fs_, directory_);
  if (!saved) return {};  // verify tells
  bool changed = false;
  for (const SeriesKey& key : series()) {
    MOP_TRY_ASSIGN(const bool settled, settle_file(*saved, key));
    changed = changed || settled;
  }
  return changed ? save(*saved) : Result<void>();
}

Result<RepairReport> CandleStore::repair(std::string_view symbol, market::Interval interval) {
  const std::scoped_lock one_at_a_time(mutex_);
  MOP_TRY_ASSIGN(const FileLock lock, lock_directory());
  const std::string file = path(symbol, interval);
  MOP_TRY_ASSIGN(const std::string bytes, fs_.read(file));
  MOP_TRY_ASSIGN(Metadata saved, saved_metadata_or_none());
  FileScan found = scan(bytes, interval);
  if (!found.problems.empty() && found.problems.front().rule == "header") {
    return fail(ErrorCode::kCorrupt, fmt::format("{} line 1: {}", file, found.problems.front().message));
  }
  RepairReport report;
  report.rows_before = found.lines;
  report.torn_tail_cut = torn_bytes(bytes) > 0;

  const FileMetadata* const old = saved.find(symbol, interval);
  FileMetadata entry = old != nullptr ? *old : FileMetadata{};
  entry.symbol = symbol;
  entry.interval = interval;
  const std::string text =
      fmt::format("{}\n{}", kCandleHeader, rows_text(last_versions(std::move(found.rows))));
  if (text != bytes) {
    report.kept_aside = file + ".before-repair";
    MOP_TRY(fs_.write_atomically(report.kept_aside, bytes));
  }
  MOP_TRY_ASSIGN(entry, rewrite(saved, std::move(entry), text));
  keep_sources(entry, nullptr);
  entry.last_updated = clock_.now();
  report.rows = entry.rows;
  report.dropped = report.rows_before - report.rows;
  saved.put(std::move(entry));
  MOP_TRY(save(saved));
  return report;
}

}  // namespace mop::store
