// `mop doctor`: the stored candles and models, and how old they are.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mop/app/doctor.h"
#include "mop/app/series_text.h"
#include "mop/base/interrupt.h"
#include "mop/evaluate/certificate.h"
#include "mop/train/model_file.h"

namespace mop::app {
namespace {

using Names = std::vector<std::string>;

// "a, b, c, d and 3 more".
std::string some_of(const Names& names) {
  constexpr std::size_t kNamed = 4;
  const std::size_t shown = std::min(names.size(), kNamed);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

struct StoredData {
  std::size_t files = 0, rows = 0, dead = 0;
  Names stale, unknown;   // unknown: metadata.json does not describe the file as it is
  UnixMillis newest = 0;  // close time of the newest candle of all
};

void take_in(StoredData& data, const store::FileMetadata& entry, const std::string& name, UnixMillis now) {
  data.rows += entry.rows;
  if (entry.rows > 0)
    data.newest = std::max(data.newest, entry.last_open_time + market::length_of(entry.interval));
  const SeriesState state = state_of(entry, now);
  data.dead += state == SeriesState::kDead ? 1 : 0;
  if (state == SeriesState::kStale) data.stale.push_back(name);
}

StoredData look_at_series(Fs& fs, const store::CandleStore& store, const store::Metadata& metadata,
                          std::span<const store::SeriesKey> selected, UnixMillis now) {
  StoredData data;
  for (const store::SeriesKey& series : selected) {
    const auto size = fs.size(store.path(series.symbol, series.interval));
    if (!size) continue;
    ++data.files;
    const std::string name = fmt::format("{} {}", series.symbol, market::to_string(series.interval));
    const store::FileMetadata* const entry = metadata.find(series.symbol, series.interval);
    if (entry == nullptr || entry->bytes != *size) {
      data.unknown.push_back(name);
    } else {
      take_in(data, *entry, name, now);
    }
  }
  return data;
}

Check data_row(const StoredData& data, std::size_t selected, UnixMillis now) {
  Check row{"data", CheckState::kOk,
            fmt::format("{} of {} series, {} rows", data.files, selected, with_commas(data.rows)), ""};
  if (data.newest > 0) {
    row.found += data.newest <= now
                     ? fmt::format(", newest candle closed {} ago", format_duration(now - data.newest))
                     : fmt::format(", newest candle closes {} UTC", format_utc(data.newest));
  }
  if (data.dead > 0) row.found += fmt::format("; {} of coins that no longer trade", data.dead);
  const auto warn = [&row](const std::string& found, const std::string& remedy) {
    row.state = CheckState::kWarn;
    row.found += "; " + found;
    row.remedy = remedy;
  };
  if (data.newest > now + kMinute)
    warn("that is in the future",
         "set the clock, or keep candles of a simulation in a --data-dir of their own");
  if (!data.stale.empty())
    warn(fmt::format("{} stale: {}", data.stale.size(), some_of(data.stale)),
         "`mop fetch` brings them up to date");
  if (!data.unknown.empty())
    warn(fmt::format("metadata.json does not describe {} as it is", some_of(data.unknown)),
         "`mop verify` reads the files and puts it right, or says what is wrong with them");
  return row;
}

struct FoundModels {
  std::size_t there = 0;
  Names unreadable, uncertified, expired;
  UnixMillis oldest = 0, newest = 0;  // trained_until
};

void take_in(FoundModels& found, const train::TrainedModel& model, bool trades, DurationMillis expires_after,
             UnixMillis now) {
  found.oldest = found.oldest == 0 ? model.trained_until : std::min(found.oldest, model.trained_until);
  found.newest = std::max(found.newest, model.trained_until);
  if (!evaluate::certificate_mark(model).empty()) found.uncertified.push_back(model.id());
  if (trades && now - model.trained_until > expires_after) found.expired.push_back(model.id());
}

std::string ago(UnixMillis until, UnixMillis now) {
  return format_duration(std::max<DurationMillis>(now - until, 0)) + " ago";
}

Check models_row(const FoundModels& found, std::size_t selected, const std::string& directory,
                 UnixMillis now) {
  Check row{"models", CheckState::kOk, fmt::format("{} of {} in {}", found.there, selected, directory), ""};
  const auto tell = [&row](CheckState state, const std::string& what, const std::string& remedy) {
    row.state = state;
    row.found += "; " + what;
    row.remedy = remedy;
  };
  if (found.newest > 0) row.found += ", learnt until " + ago(found.newest, now);
  if (found.oldest != found.newest) row.found += ", the oldest until " + ago(found.oldest, now);
  if (!found.uncertified.empty())
    tell(CheckState::kWarn,
         fmt::format("{} not certified: {}", found.uncertified.size(), some_of(found.uncertified)),
         "`mop canaries && mop train` certifies them; `mop predict` says what each lacks");
  if (!found.expired.empty())
    tell(CheckState::kWarn,
         fmt::format("{} too old to forecast: {}", found.expired.size(), some_of(found.expired)),
         "train them on newer candles: `mop fetch && mop canaries && mop train`");
  if (!found.unreadable.empty())
    tell(CheckState::kFail,
         fmt::format("{} unreadable: {}", found.unreadable.size(), found.unreadable.front()),
         "`mop train` writes them anew; until then `mop serve` does not start");
  return row;
}

}  // namespace

Check check_data(Fs& fs, Clock& clock, const std::string& directory,
                 std::span<const store::SeriesKey> selected, UnixMillis now) {
  const auto metadata = store::read_metadata(fs, directory);
  if (!metadata) {
    return {"data", CheckState::kFail, metadata.error().message,
            metadata.error().code == ErrorCode::kCorrupt
                ? "`mop verify --repair` writes it anew from the candle files"
                : "let this user and this mop read it, or name another --data-dir"};
  }
  const store::CandleStore store(directory, fs, clock);
  const StoredData data = look_at_series(fs, store, *metadata, selected, now);
  if (data.files == 0) {
    return {"data", CheckState::kWarn,
            fmt::format("none of {} series is stored in {}", selected.size(), directory),
            "collect candles with `mop fetch`"};
  }
  return data_row(data, selected.size(), now);
}

Check check_models(Fs& fs, const std::string& directory, std::span<const ModelName> selected,
                   DurationMillis expires_after, UnixMillis now) {
  FoundModels found;
  for (const auto& [symbol, kind] : selected) {
    if (interrupted()) break;
    const auto model = train::load_model(fs, directory, symbol.name, kind);
    if (!model && model.error().code == ErrorCode::kNotFound) continue;
    ++found.there;
    if (model) {
      take_in(found, *model, !symbol.ended || *symbol.ended > now, expires_after, now);
    } else {
      found.unreadable.push_back(model.error().message);
    }
  }
  if (found.there == 0) {
    return {"models", CheckState::kWarn, fmt::format("none of {} is in {}", selected.size(), directory),
            "train with `mop canaries && mop train`"};
  }
  return models_row(found, selected.size(), directory, now);
}

}  // namespace mop::app
