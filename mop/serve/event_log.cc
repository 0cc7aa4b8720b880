#include "mop/serve/event_log.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "mop/base/check.h"

namespace mop::serve {
namespace {

constexpr std::string_view kReconnectAfter = "retry: 2000\n";

std::string_view name_of(ServiceEvent::Kind kind) {
  switch (kind) {
    case ServiceEvent::Kind::kForecast:
      return "forecast";
    case ServiceEvent::Kind::kScore:
      return "score";
    case ServiceEvent::Kind::kAlert:
      return "alert";
    case ServiceEvent::Kind::kHealth:
      return "health";
  }
  return "";
}

EventFrame frame(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// The number behind "<epoch>-".
std::optional<std::int64_t> number_in(std::string_view id, std::string_view epoch) {
  if (!id.starts_with(epoch) || id.size() < epoch.size() + 2 || id[epoch.size()] != '-') return std::nullopt;
  std::int64_t number = 0;
  const char* const last = id.data() + id.size();
  const auto [end, error] = std::from_chars(id.data() + epoch.size() + 1, last, number);
  if (error != std::errc() || end != last || number < 0) return std::nullopt;
  return number;
}

}  // namespace

std::string EventLog::id(std::int64_t number) const {
  return fmt::format("{}-{}", epoch_, number);
}

EventFrame EventLog::add(const ServiceEvent& event) {
  MOP_CHECK(event.json.find('\n') == std::string::npos) << "an event must be one line: " << event.json;
  ++newest_;
  frames_.push_back(
      frame(fmt::format("id: {}\nevent: {}\ndata: {}\n\n", id(newest_), name_of(event.kind), event.json)));
  if (frames_.size() > kept_) frames_.pop_front();
  return frames_.back();
}

std::vector<EventFrame> EventLog::opening(std::string_view last_event_id) const {
  if (last_event_id.empty()) return {frame(fmt::format("{}id: {}\n\n", kReconnectAfter, id(newest_)))};
  const auto seen = number_in(last_event_id, epoch_);
  const std::int64_t before_oldest = newest_ - static_cast<std::int64_t>(frames_.size());
  if (!seen || *seen > newest_ || *seen < before_oldest) {
    const std::string_view why = seen && *seen <= newest_ ? "the events behind that id are no longer kept"
                                                          : "that id is not of this run of the service";
    return {frame(fmt::format("{}id: {}\nevent: reset\ndata: {{\"reason\":\"{}\"}}\n\n", kReconnectAfter,
                              id(newest_), why))};
  }
  std::vector<EventFrame> frames{frame(std::string(kReconnectAfter) + "\n")};
  frames.insert(frames.end(), frames_.begin() + (*seen - before_oldest), frames_.end());
  return frames;
}

}  // namespace mop::serve
