#include "mop/sim/archive.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "mop/base/escape_html.h"
#include "mop/base/sha256.h"
#include "mop/sim/candle_text.h"
#include "mop/sim/compression.h"

namespace mop::sim {
namespace {

constexpr std::string_view kBucket = "data.binance.vision";
constexpr std::string_view kChecksum = ".CHECKSUM";
constexpr std::size_t kMaxKeys = 1000;
constexpr UnixMillis kFirstMicros = 1'735'689'600'000;  // 2025-01-01

ApiReply xml(int status, std::string_view body) {
  return {status,
          {{"Content-Type", "application/xml"}},
          fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", body)};
}

ApiReply no_such_key(std::string_view key) {
  return xml(404, fmt::format("<Error><Code>NoSuchKey</Code><Message>The specified key does not exist."
                              "</Message><Key>{}</Key></Error>",
                              escape_html(key)));
}

// "2025-01-06T03:00:00.000Z"
std::string iso_time(UnixMillis t) {
  return fmt::format("{}T{:02}:{:02}:00.000Z", format_utc_date(t), t % kDay / kHour, t % kHour / kMinute);
}

// A continuation token is opaque to clients: the last name given, in hex.
std::string token_of(std::string_view name) {
  std::string token;
  for (const char c : name)
    token += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return token;
}

std::string name_of(std::string_view token) {
  std::string name;
  for (std::size_t i = 0; i + 1 < token.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(token.data() + i, token.data() + i + 2, byte, 16);
    name += static_cast<char>(byte);
  }
  return name;
}

std::size_t max_keys(const Target& target) {
  const std::string text = target.find("max-keys").value_or("1000");
  std::size_t value = kMaxKeys;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::min(value, kMaxKeys);
}

}  // namespace

bool Archive::serves(std::string_view path) {
  return path == "/" || path.starts_with("/data/") || path == fmt::format("/{}", kBucket) ||
         path == fmt::format("/{}/", kBucket);
}

ApiReply Archive::handle(const Target& target, MarketSource& market, UnixMillis now) {
  if (!target.path.starts_with("/data/")) return listing(target, market, now);
  const std::string key = target.path.substr(1);
  auto bytes = object(key, market, now);
  if (!bytes) return no_such_key(key);
  const bool is_zip = key.ends_with(".zip");
  return {200, {{"Content-Type", is_zip ? "application/zip" : "binary/octet-stream"}}, std::move(*bytes)};
}

std::string Archive::zip(const ArchiveFile& file, MarketSource& market, UnixMillis now) {
  const auto candles =
      market.candles(file.symbol, file.interval,
                     {file.begin, file.end - 1, std::numeric_limits<std::size_t>::max(), false}, now);
  const TimeUnit unit = file.begin >= kFirstMicros ? TimeUnit::kMicros : TimeUnit::kMillis;
  const std::string lines = candles ? klines_csv(*candles, unit) : std::string();
  std::string bytes = zipped(file.stem() + ".csv", lines, file.published());
  if (&market == &truth_) {
    const std::lock_guard lock(mutex_);
    facts_.try_emplace(file.folder() + file.stem(), Facts{bytes.size(), sha256_hex(bytes)});
  }
  return bytes;
}

Archive::Facts Archive::facts(const ArchiveFile& file, MarketSource& market, UnixMillis now) {
  if (&market == &truth_) {
    const std::lock_guard lock(mutex_);
    if (const auto known = facts_.find(file.folder() + file.stem()); known != facts_.end())
      return known->second;
  }
  const std::string bytes = zip(file, market, now);
  return {bytes.size(), sha256_hex(bytes)};
}

std::string Archive::checksum(const ArchiveFile& file, MarketSource& market, UnixMillis now) {
  return fmt::format("{}  {}.zip\n", facts(file, market, now).sha256, file.stem());
}

// The object's bytes; nothing when it is not there.
std::optional<std::string> Archive::object(std::string_view key, MarketSource& market, UnixMillis now) {
  const bool sum = key.ends_with(kChecksum);
  const auto file = parse_archive_key(sum ? key.substr(0, key.size() - kChecksum.size()) : key);
  if (!file || !is_published(*file, market, now)) return std::nullopt;
  return sum ? checksum(*file, market, now) : zip(*file, market, now);
}

ApiReply Archive::listing(const Target& target, MarketSource& market, UnixMillis now) {
  const std::string prefix = target.find("prefix").value_or("");
  const std::string delimiter = target.find("delimiter").value_or("");
  const bool v2 = target.find("list-type") == "2";
  std::string after = target.find(v2 ? "start-after" : "marker").value_or("");
  if (const auto token = target.find("continuation-token"); v2 && token) after = name_of(*token);
  if (!delimiter.empty() && delimiter != "/") {
    return xml(400, "<Error><Code>InvalidArgument</Code><Message>delimiter must be /</Message></Error>");
  }
  const std::size_t most = max_keys(target);
  auto entries = list_archive(prefix, after, !delimiter.empty(), most + 1, market, now);
  const bool truncated = entries.size() > most;
  if (truncated) entries.pop_back();

  std::string body = fmt::format(
      "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{}</Name>"
      "<Prefix>{}</Prefix><MaxKeys>{}</MaxKeys>",
      kBucket, escape_html(prefix), most);
  if (!delimiter.empty()) body += "<Delimiter>/</Delimiter>";
  body += v2 ? fmt::format("<KeyCount>{}</KeyCount>", entries.size())
             : fmt::format("<Marker>{}</Marker>", escape_html(after));
  body += fmt::format("<IsTruncated>{}</IsTruncated>", truncated);
  if (truncated && !entries.empty() && v2) {
    body += fmt::format("<NextContinuationToken>{}</NextContinuationToken>", token_of(entries.back().name));
  } else if (truncated && !entries.empty() && !delimiter.empty()) {
    body += fmt::format("<NextMarker>{}</NextMarker>", entries.back().name);
  }
  for (const ArchiveEntry& entry : entries) {
    if (entry.folder) continue;
    const auto file = parse_archive_key(entry.name.substr(0, entry.name.rfind(".zip") + 4));
    Facts of = facts(*file, market, now);
    if (entry.name.ends_with(kChecksum)) {
      const std::string sum = checksum(*file, market, now);
      of = {sum.size(), sha256_hex(sum)};
    }
    body += fmt::format(
        "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag><Size>{}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>",
        entry.name, iso_time(file->published()), of.sha256.substr(0, 32), of.size);
  }
  for (const ArchiveEntry& entry : entries) {
    if (entry.folder) body += fmt::format("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", entry.name);
  }
  return xml(200, body + "</ListBucketResult>");
}

}  // namespace mop::sim
