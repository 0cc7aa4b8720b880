#include "mop/store/metadata.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"

namespace mop::store {
namespace {

namespace bj = boost::json;

constexpr std::int64_t kFormat = 1;

bj::object to_json(const Gap& gap) {
  return {{"from", gap.from}, {"to", gap.to}, {"missing", gap.missing}, {"kind", to_string(gap.kind)}};
}

bj::object to_json(const SourceRange& range) {
  return {{"from", range.from}, {"to", range.to}, {"source", range.source}};
}

bj::object to_json(const FileMetadata& file) {
  bj::array sources(file.sources.begin(), file.sources.end());
  bj::array gaps;
  for (const Gap& gap : file.gaps)
    gaps.push_back(to_json(gap));
  bj::array ranges;
  for (const SourceRange& range : file.ranges)
    ranges.push_back(to_json(range));
  return {{"symbol", file.symbol},
          {"timeframe", market::to_string(file.interval)},
          {"rows", file.rows},
          {"bytes", file.bytes},
          {"first_open_time", file.first_open_time},
          {"last_open_time", file.last_open_time},
          {"last_updated", file.last_updated},
          {"sources", std::move(sources)},
          {"ranges", std::move(ranges)},
          {"content_hash", file.content_hash.text()},
          {"gaps", std::move(gaps)}};
}

// Reads members of one JSON object; ok() is false once one was missing or of another type.
class Members {
 public:
  explicit Members(const bj::value& value) : object_(value.if_object()), ok_(object_ != nullptr) {}

  bool ok() const { return ok_; }
  bool has(std::string_view key) const { return ok_ && object_->contains(key); }
  std::int64_t integer(std::string_view key) {
    const bj::value* v = find(key);
    bj::error_code error;
    const auto n = v != nullptr ? v->to_number<std::int64_t>(error) : 0;
    ok_ = ok_ && !error && n >= 0;
    return n;
  }
  std::string_view text(std::string_view key) {
    const bj::value* v = find(key);
    const bj::string* s = v != nullptr ? v->if_string() : nullptr;
    ok_ = ok_ && s != nullptr;
    return s != nullptr ? std::string_view(*s) : std::string_view();
  }
  const bj::array& array(std::string_view key) {
    static const bj::array kNone;
    const bj::value* v = find(key);
    const bj::array* a = v != nullptr ? v->if_array() : nullptr;
    ok_ = ok_ && a != nullptr;
    return a != nullptr ? *a : kNone;
  }

 private:
  const bj::value* find(std::string_view key) {
    const bj::value* v = ok_ ? object_->if_contains(key) : nullptr;
    ok_ = v != nullptr;
    return v;
  }

  const bj::object* object_;
  bool ok_;
};

std::optional<Gap> read_gap(const bj::value& value) {
  Members m(value);
  Gap gap{};
  gap.from = m.integer("from");
  gap.to = m.integer("to");
  gap.missing = static_cast<std::size_t>(m.integer("missing"));
  const auto kind = parse_gap_kind(m.text("kind"));
  if (!m.ok() || !kind || gap.to < gap.from) return std::nullopt;
  gap.kind = *kind;
  return gap;
}

// Entries of MOP 0.1 have no ranges: with one source it delivered everything.
std::optional<std::vector<SourceRange>> read_ranges(Members& m, const FileMetadata& file) {
  std::vector<SourceRange> ranges;
  if (!m.has("ranges")) {
    const std::string source = file.sources.size() == 1 ? file.sources.front() : "unknown";
    if (file.rows > 0) assign_source(ranges, file.first_open_time, file.last_open_time, source);
    return ranges;
  }
  for (const bj::value& item : m.array("ranges")) {
    Members range(item);
    SourceRange read{range.integer("from"), range.integer("to"), std::string(range.text("source"))};
    if (!range.ok()) return std::nullopt;
    ranges.push_back(std::move(read));
  }
  if (!are_in_order(ranges)) return std::nullopt;
  return ranges;
}

std::optional<FileMetadata> read_file(const bj::value& value) {
  Members m(value);
  FileMetadata file;
  file.symbol = m.text("symbol");
  const auto interval = market::parse_interval(m.text("timeframe"));
  file.rows = static_cast<std::size_t>(m.integer("rows"));
  file.bytes = static_cast<std::uint64_t>(m.integer("bytes"));
  file.first_open_time = m.integer("first_open_time");
  file.last_open_time = m.integer("last_open_time");
  file.last_updated = m.integer("last_updated");
  const auto hash = ContentHash::parse(m.text("content_hash"));
  for (const bj::value& source : m.array("sources")) {
    if (!source.is_string()) return std::nullopt;
    file.sources.emplace_back(source.get_string());
  }
  for (const bj::value& item : m.array("gaps")) {
    const auto gap = read_gap(item);
    if (!gap) return std::nullopt;
    file.gaps.push_back(*gap);
  }
  auto ranges = read_ranges(m, file);
  if (!m.ok() || !interval || !hash || !ranges) return std::nullopt;
  file.ranges = std::move(*ranges);
  file.interval = *interval;
  file.content_hash = *hash;
  return file;
}

}  // namespace

std::size_t FileMetadata::missing() const {
  std::size_t sum = 0;
  for (const Gap& gap : gaps)
    sum += gap.missing;
  return sum;
}

std::string_view FileMetadata::source_at(UnixMillis open_time) const {
  for (const SourceRange& range : ranges) {
    if (range.from <= open_time && open_time <= range.to) return range.source;
  }
  return "unknown";
}

const FileMetadata* Metadata::find(std::string_view symbol, market::Interval interval) const {
  for (const FileMetadata& file : files) {
    if (file.symbol == symbol && file.interval == interval) return &file;
  }
  return nullptr;
}

void Metadata::put(FileMetadata file) {
  remove(file.symbol, file.interval);
  const auto before = [](const FileMetadata& a, const FileMetadata& b) {
    return std::tie(a.symbol, a.interval) < std::tie(b.symbol, b.interval);
  };
  const auto at = std::upper_bound(files.begin(), files.end(), file, before);
  files.insert(at, std::move(file));
}

void Metadata::remove(std::string_view symbol, market::Interval interval) {
  const auto same = [&](const FileMetadata& f) { return f.symbol == symbol && f.interval == interval; };
  files.erase(std::remove_if(files.begin(), files.end(), same), files.end());
}

std::string candle_file_name(std::string_view symbol, market::Interval interval) {
  return fmt::format("{}_{}.csv", symbol, market::to_string(interval));
}

std::string to_text(const Metadata& metadata) {
  bj::object files;
  for (const FileMetadata& file : metadata.files) {
    files[candle_file_name(file.symbol, file.interval)] = to_json(file);
  }
  return to_json_text(bj::object{{"format", kFormat}, {"files", std::move(files)}}, 1) + "\n";
}

Result<Metadata> parse_metadata(std::string_view text) {
  MOP_TRY_ASSIGN(const bj::value document, parse_json(text, "metadata.json"));
  Members top(document);
  const std::int64_t format = top.integer("format");
  if (top.ok() && format > kFormat) {
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("metadata.json has format {}, this mop knows up to {}; use the newer mop that wrote "
                    "it, or delete the file to have it rebuilt",
                    format, kFormat));
  }
  const bj::value* const files = top.ok() ? document.get_object().if_contains("files") : nullptr;
  if (files == nullptr || !files->is_object()) {
    return fail(ErrorCode::kCorrupt, "metadata.json must be an object with `format` and `files`");
  }
  Metadata metadata;
  for (const auto& [name, value] : files->get_object()) {
    if (auto file = read_file(value)) metadata.put(std::move(*file));
  }
  return metadata;
}

Result<Metadata> read_metadata(Fs& fs, const std::string& directory) {
  const auto text = fs.read(directory + "/metadata.json");
  if (!text && text.error().code == ErrorCode::kNotFound) return Metadata{};
  if (!text) return fail(text.error());
  return parse_metadata(*text);
}

}  // namespace mop::store
