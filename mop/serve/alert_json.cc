#include "mop/serve/alert_json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <string>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/serve/http_message.h"

namespace mop::serve {
namespace {

namespace bj = boost::json;

constexpr std::size_t kMostChannel = 100, kMostDetail = 300;

std::string minute_text(int minute) {
  return fmt::format("{:02d}:{:02d}", minute / 60, minute % 60);
}

std::optional<int> parse_minute(std::string_view text) {
  int hour = 0, minute = 0;
  const auto number = [](std::string_view digits, int& to) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), to);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (text.size() != 5 || text[2] != ':' || !number(text.substr(0, 2), hour) ||
      !number(text.substr(3), minute) || hour < 0 || hour > 23 || minute < 0 || minute > 59)
    return std::nullopt;
  return hour * 60 + minute;
}

// Reads the fields of one object; remembers the first rule that is broken, and which fields were read.
class Fields {
 public:
  Fields(const bj::object& object, std::string_view what) : object_(object), what_(what) {}

  // Null counts as absent.
  const bj::value* given(std::string_view name) {
    const auto at = object_.find(name);
    if (at == object_.end()) return nullptr;
    known_.insert(name);
    return at->value().is_null() ? nullptr : &at->value();
  }
  void text(std::string_view name, std::string& to) {
    const bj::value* v = given(name);
    if (v == nullptr) return;
    if (!v->is_string()) return broken(name, "must be a text");
    to = v->as_string();
  }
  void number(std::string_view name, double& to) {
    const bj::value* v = given(name);
    if (v == nullptr) return;
    if (!v->is_number()) return broken(name, "must be a number");
    to = v->to_number<double>();
  }
  void integer(std::string_view name, std::int64_t& to) {
    const bj::value* v = given(name);
    if (v == nullptr) return;
    if (!v->is_int64()) return broken(name, "must be a whole number");
    to = v->as_int64();
  }
  void flag(std::string_view name, bool& to) {
    const bj::value* v = given(name);
    if (v == nullptr) return;
    if (!v->is_bool()) return broken(name, "must be true or false");
    to = v->as_bool();
  }
  void broken(std::string_view name, std::string_view rule) {
    if (error_.empty()) error_ = fmt::format("{} {}", name, rule);
  }

  Result<void> end() const {
    if (!error_.empty()) return fail(ErrorCode::kInvalidArgument, error_);
    if (known_.size() == object_.size()) return {};
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{} has a field that is not known; api/openapi.yaml lists those it may have", what_));
  }

 private:
  const bj::object& object_;
  std::string_view what_;
  std::set<std::string_view> known_;
  std::string error_;
};

template <typename Enum, typename Parse>
void choice(Fields& fields, std::string_view name, std::string_view choices, Enum& to, Parse parse) {
  std::string text;
  fields.text(name, text);
  if (text.empty()) return;
  if (const auto parsed = parse(text)) {
    to = *parsed;
  } else {
    fields.broken(name, fmt::format("must be one of {}, was '{}'", choices, shown(text)));
  }
}

void quiet_hours(Fields& fields, std::optional<QuietHours>& to) {
  const bj::value* v = fields.given("quiet_hours");
  if (v == nullptr) return;
  std::string from, until;
  if (!v->is_object()) return fields.broken("quiet_hours", "must be an object with from and to, UTC");
  Fields inside(v->get_object(), "quiet_hours");
  inside.text("from", from);
  inside.text("to", until);
  const auto a = parse_minute(from), b = parse_minute(until);
  if (!inside.end() || !a || !b)
    return fields.broken("quiet_hours", R"(must be like {"from":"22:00","to":"07:00"}, UTC)");
  to = QuietHours{*a, *b};
}

void scope(Fields& fields, AlertSpec& spec) {
  fields.text("owner", spec.owner);
  fields.text("note", spec.note);
  fields.text("symbol", spec.symbol);
  std::string timeframe;
  fields.text("timeframe", timeframe);
  if (timeframe.empty()) return;
  if (const auto interval = market::parse_interval(timeframe)) {
    spec.interval = *interval;
  } else {
    fields.broken("timeframe", "must be 15m or 1h, or null for both");
  }
}

void level(Fields& fields, AlertSpec& spec) {
  const AlertRules& rules = rules_of(spec.kind);
  const auto only = [&](std::string_view name, bool has) {
    if (!has && fields.given(name) != nullptr)
      fields.broken(name, fmt::format("is not for alerts of kind {}", to_string(spec.kind)));
    return has;
  };
  if (only("side", rules.above)) choice(fields, "side", "above, below, either", spec.side, parse_alert_side);
  if (only("threshold", rules.most > 0.0)) {
    spec.threshold = std::nan("");
    fields.number("threshold", spec.threshold);
    if (std::isnan(spec.threshold))
      fields.broken("threshold",
                    fmt::format("is needed: {}, {:g}..{:g}", rules.unit, rules.least, rules.most));
  }
  if (only("hysteresis", rules.most > 0.0)) {
    spec.hysteresis = default_hysteresis(spec.kind, spec.threshold);
    fields.number("hysteresis", spec.hysteresis);
  }
  if (only("window", rules.window)) fields.integer("window", spec.window);
  if (only("step", rules.step)) fields.integer("step", spec.step);
}

void limits(Fields& fields, AlertSpec& spec) {
  std::int64_t cooldown_s = spec.cooldown / kSecond, expires_at = -1;
  fields.integer("cooldown_s", cooldown_s);
  if (cooldown_s < 0 || cooldown_s > 30 * kDay / kSecond)
    fields.broken("cooldown_s", fmt::format("must be 0..2592000 (30 days), was {}", cooldown_s));
  else
    spec.cooldown = cooldown_s * kSecond;
  if (fields.given("expires_at") != nullptr) {
    fields.integer("expires_at", expires_at);
    spec.expires_at = expires_at;
  }
  quiet_hours(fields, spec.quiet);
  fields.integer("daily_budget", spec.daily_budget);
  fields.flag("once", spec.once);
  fields.flag("enabled", spec.enabled);
}

Result<AlertSpec> spec_of(const bj::object& object) {
  AlertSpec spec;
  Fields fields(object, "an alert");
  std::string kind;
  fields.text("kind", kind);
  const auto parsed = parse_alert_kind(kind);
  if (!parsed) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("kind must be one of price, move, forecast, p_up, spike, outside_band, stale, model, "
                    "was '{}'",
                    shown(kind)));
  }
  spec.kind = *parsed;
  scope(fields, spec);
  level(fields, spec);
  limits(fields, spec);
  MOP_TRY(fields.end());
  MOP_TRY(validate(spec));
  return spec;
}

Result<bj::object> object_of(std::string_view json, std::string_view what) {
  auto value = parse_json(json, what);
  if (!value) return fail(ErrorCode::kInvalidArgument, value.error().message);
  if (!value->is_object())
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} must be one JSON object", what));
  return value->get_object();
}

}  // namespace

bj::object spec_json(const AlertSpec& s) {
  const AlertRules& rules = rules_of(s.kind);
  const bj::value none = nullptr;
  bj::object json;
  json["owner"] = s.owner;
  json["note"] = s.note;
  json["kind"] = to_string(s.kind);
  json["symbol"] = s.symbol.empty() ? none : bj::value(s.symbol);
  json["timeframe"] = s.interval ? bj::value(market::to_string(*s.interval)) : none;
  json["side"] = rules.above ? bj::value(to_string(s.side)) : none;
  json["threshold"] = rules.most > 0.0 ? bj::value(s.threshold) : none;
  json["hysteresis"] = rules.most > 0.0 ? bj::value(s.hysteresis) : none;
  json["window"] = rules.window ? bj::value(s.window) : none;
  json["step"] = rules.step ? bj::value(s.step) : none;
  json["cooldown_s"] = s.cooldown / kSecond;
  json["expires_at"] = s.expires_at ? bj::value(*s.expires_at) : none;
  json["quiet_hours"] = nullptr;
  if (s.quiet) json["quiet_hours"] = {{"from", minute_text(s.quiet->from)}, {"to", minute_text(s.quiet->to)}};
  json["daily_budget"] = s.daily_budget;
  json["once"] = s.once;
  json["enabled"] = s.enabled;
  return json;
}

bj::object alert_json(const StoredAlert& alert) {
  return {{"id", alert.id},
          {"created_at", alert.created_at},
          {"changed_at", alert.changed_at},
          {"spec", spec_json(alert.spec)}};
}

bj::object back_score_json(const BackScore& s) {
  const bool any = s.forecasts > 0;
  return {{"forecasts", s.forecasts},
          {"first_close_time", any ? bj::value(s.first) : bj::value(nullptr)},
          {"last_close_time", any ? bj::value(s.last) : bj::value(nullptr)},
          {"days", s.days},
          {"sent", s.sent},
          {"sent_per_day", s.days > 0.0 ? static_cast<double>(s.sent) / s.days : std::nan("")},
          {"judged", s.judged},
          {"right", s.right},
          {"precision",
           s.judged > 0 ? static_cast<double>(s.right) / static_cast<double>(s.judged) : std::nan("")}};
}

bj::object firing_json(const AlertFiring& f) {
  return {{"id", f.id},
          {"alert", f.alert},
          {"owner", f.owner},
          {"kind", to_string(f.kind)},
          {"symbol", f.series.symbol},
          {"timeframe", market::to_string(f.series.interval)},
          {"as_of_close_time", f.as_of},
          {"at", f.at},
          {"outcome", to_string(f.outcome)},
          {"value", f.value},
          {"text", f.text}};
}

bj::object delivery_json(const AlertDelivery& d) {
  return {{"firing", d.firing},
          {"channel", d.channel},
          {"at", d.at},
          {"outcome", d.outcome},
          {"detail", d.detail}};
}

Result<AlertSpec> parse_alert(std::string_view json) {
  MOP_TRY_ASSIGN(const bj::object object, object_of(json, "an alert"));
  return spec_of(object);
}

Result<AlertSpec> parse_alert_change(const AlertSpec& spec, std::string_view json) {
  MOP_TRY_ASSIGN(const bj::object change, object_of(json, "a change of an alert"));
  bj::object object = spec_json(spec);
  if (change.contains("threshold") || change.contains("kind")) object.erase("hysteresis");
  if (change.contains("kind")) {
    for (const char* name : {"side", "threshold", "window", "step"})
      object.erase(name);
  }
  for (const auto& [name, value] : change)
    object[name] = value;
  return spec_of(object);
}

Result<AlertDelivery> parse_delivery(std::string_view json) {
  MOP_TRY_ASSIGN(const bj::object object, object_of(json, "a delivery"));
  AlertDelivery delivery;
  delivery.outcome = "delivered";
  Fields fields(object, "a delivery");
  fields.text("channel", delivery.channel);
  fields.text("outcome", delivery.outcome);
  fields.text("detail", delivery.detail);
  if (delivery.channel.empty() || delivery.channel.size() > kMostChannel)
    fields.broken("channel", fmt::format("must have 1..{} bytes", kMostChannel));
  if (delivery.outcome != "delivered" && delivery.outcome != "failed")
    fields.broken("outcome", "must be delivered or failed");
  if (delivery.detail.size() > kMostDetail)
    fields.broken("detail", fmt::format("may have {} bytes", kMostDetail));
  MOP_TRY(fields.end());
  return delivery;
}

ServiceEvent alert_event(const AlertFiring& firing) {
  return {ServiceEvent::Kind::kAlert, to_json_text(firing_json(firing))};
}

}  // namespace mop::serve
