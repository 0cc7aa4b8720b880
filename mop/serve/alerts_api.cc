#include "mop/serve/alerts_api.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/serve/alert_backscore.h"
#include "mop/serve/alert_json.h"
#include "mop/serve/api_query.h"
#include "mop/serve/schema.h"

namespace mop::serve {

struct AlertsSource::Open {
  store::Database database;
  std::optional<AlertBook> book;
  std::optional<Ledger> ledger;
};

AlertsSource::AlertsSource(std::string path) : path_(std::move(path)) {}
AlertsSource::~AlertsSource() = default;

Result<AlertsSource::Open*> AlertsSource::opened() {
  if (open_) return open_.get();
  MOP_TRY_ASSIGN(store::Database database, open_database(path_, store::Access::kWrite));
  auto open = std::make_unique<Open>(Open{std::move(database), {}, {}});
  MOP_TRY_ASSIGN(open->book, AlertBook::open(open->database));
  MOP_TRY_ASSIGN(open->ledger, Ledger::open(open->database));
  open_ = std::move(open);
  return open_.get();
}

namespace {

namespace bj = boost::json;

HttpReply failed(const Error& error) {
  const int status = error.code == ErrorCode::kNotFound          ? 404
                     : error.code == ErrorCode::kInvalidArgument ? 400
                     : error.code == ErrorCode::kRefused         ? 409
                                                                 : 503;
  return failure(status, to_string(error.code), error.message);
}

HttpReply reply_of(const Result<bj::value>& value, int status = 200) {
  if (!value) return failed(value.error());
  HttpReply reply;
  reply.status = status;
  reply.body = to_json_text(*value);
  return reply;
}

Result<std::int64_t> id_of(const ApiCall& call) {
  const auto id = whole_number(call.path[0]);
  if (id && *id > 0) return *id;
  return fail(ErrorCode::kNotFound,
              fmt::format("an id is a whole number above 0, was '{}'", shown(call.path[0])));
}

Result<BackScore> back_score_of(const ApiCall& call, AlertsSource::Open& open, const AlertSpec& spec) {
  std::vector<store::SeriesKey> series;
  for (const BoardSeries& one : call.board.series)
    series.push_back(one.key);
  const bool one_series = !spec.symbol.empty() && spec.interval.has_value();
  return back_score(*open.ledger, spec, series, one_series ? 2000 : 500);
}

Result<bj::value> with_back_score(const ApiCall& call, AlertsSource::Open& open, const StoredAlert& alert) {
  bj::object json = alert_json(alert);
  MOP_TRY_ASSIGN(const BackScore score, back_score_of(call, open, alert.spec));
  json["back_score"] = back_score_json(score);
  return bj::value(std::move(json));
}

UnixMillis now_of(const ApiCall& call) {
  return call.board.health.exchange_now;
}

Result<bj::value> added(const ApiCall& call) {
  MOP_TRY_ASSIGN(const AlertSpec spec, parse_alert(call.body));
  MOP_TRY_ASSIGN(AlertsSource::Open* const open, call.alerts->opened());
  MOP_TRY_ASSIGN(const StoredAlert alert, open->book->add(spec, now_of(call)));
  return with_back_score(call, *open, alert);
}

Result<bj::value> previewed(const ApiCall& call) {
  MOP_TRY_ASSIGN(const AlertSpec spec, parse_alert(call.body));
  MOP_TRY_ASSIGN(AlertsSource::Open* const open, call.alerts->opened());
  MOP_TRY_ASSIGN(const BackScore score, back_score_of(call, *open, spec));
  return bj::value({{"spec", spec_json(spec)}, {"back_score", back_score_json(score)}});
}

Result<bj::value> found(const ApiCall& call) {
  MOP_TRY_ASSIGN(const std::int64_t id, id_of(call));
  MOP_TRY_ASSIGN(AlertsSource::Open* const open, call.alerts->opened());
  MOP_TRY_ASSIGN(const StoredAlert alert, open->book->find(id));
  return with_back_score(call, *open, alert);
}

Result<bj::value> changed(const ApiCall& call) {
  MOP_TRY_ASSIGN(const std::int64_t id, id_of(call));
  MOP_TRY_ASSIGN(AlertsSource::Open* const open, call.alerts->opened());
  MOP_TRY_ASSIGN(const StoredAlert before, open->book->find(id));
  MOP_TRY_ASSIGN(const AlertSpec spec, parse_alert_change(before.spec, call.body));
  MOP_TRY_ASSIGN(const StoredAlert alert, open->book->change(id, spec, now_of(call)));
  return with_back_score(call, *open, alert);
}

Result<bj::value> removed(const ApiCall& call) {
  MOP_TRY_ASSIGN(const std::int64_t id, id_of(call));
  MOP_TRY_ASSIGN(AlertsSource::Open* const open, call.alerts->opened());
  MOP_TRY_ASSIGN(const StoredAlert alert, open->book->remove(id));
  return bj::value(alert_json(alert));
}

template <typename T, typename ToJson>
bj::array array_of(const std::vector<T>& all, ToJson to_json) {
  bj::array rows;
  for (const T& one : all)
    rows.push_back(to_json(one));
  return rows;
}

// Where the next page begins; null on the last.
template <typename T>
bj::value next_after(const std::vector<T>& page, std::int64_t limit) {
  return static_cast<std::int64_t>(page.size()) < limit ? bj::value(nullptr) : bj::value(page.back().id);
}

Result<bj::value> alerts_page(const ApiCall& call, std::int64_t after, std::int64_t limit) {
  MOP_TRY_ASSIGN(AlertsSource::Open* const open, call.alerts->opened());
  const auto owner = call.target.find("owner");
  MOP_TRY_ASSIGN(const auto page,
                 open->book->alerts(owner ? std::optional(std::string(*owner)) : std::nullopt, after,
                                    static_cast<std::size_t>(limit)));
  return bj::value({{"alerts", array_of(page, alert_json)}, {"next_after", next_after(page, limit)}});
}

Result<bj::value> firings_page(const ApiCall& call, FiringQuery query) {
  MOP_TRY_ASSIGN(AlertsSource::Open* const open, call.alerts->opened());
  query.undelivered_to = std::string(call.target.find("undelivered_to").value_or(""));
  MOP_TRY_ASSIGN(const auto page, open->book->firings(query));
  const auto limit = static_cast<std::int64_t>(query.limit);
  return bj::value({{"firings", array_of(page, firing_json)},
                    {"next_after", query.newest ? bj::value(nullptr) : next_after(page, limit)}});
}

Result<bj::value> deliveries_of(const ApiCall& call) {
  MOP_TRY_ASSIGN(const std::int64_t id, id_of(call));
  MOP_TRY_ASSIGN(AlertsSource::Open* const open, call.alerts->opened());
  MOP_TRY_ASSIGN(const auto all, open->book->deliveries(id));
  return bj::value({{"deliveries", array_of(all, delivery_json)}});
}

Result<AlertBook::Delivered> delivered(const ApiCall& call) {
  MOP_TRY_ASSIGN(const std::int64_t id, id_of(call));
  MOP_TRY_ASSIGN(AlertDelivery delivery, parse_delivery(call.body));
  delivery.firing = id;
  delivery.at = now_of(call);
  MOP_TRY_ASSIGN(AlertsSource::Open* const open, call.alerts->opened());
  return open->book->deliver(delivery);
}

}  // namespace

HttpReply list_alerts(const ApiCall& call) {
  const auto after = number_of(call, "after", 0, INT64_MAX, 0), limit = number_of(call, "limit", 1, 200, 100);
  if (!after) return after.error();
  if (!limit) return limit.error();
  return reply_of(alerts_page(call, *after, *limit));
}

HttpReply add_alert(const ApiCall& call) {
  const auto alert = added(call);
  HttpReply reply = reply_of(alert, 201);
  if (alert)
    reply.headers.emplace_back("Location", fmt::format("/api/v1/alerts/{}", alert->at("id").as_int64()));
  return reply;
}

HttpReply preview_alert(const ApiCall& call) {
  return reply_of(previewed(call));
}

HttpReply one_alert(const ApiCall& call) {
  return reply_of(found(call));
}

HttpReply change_alert(const ApiCall& call) {
  return reply_of(changed(call));
}

HttpReply remove_alert(const ApiCall& call) {
  return reply_of(removed(call));
}

HttpReply list_firings(const ApiCall& call) {
  const auto after = number_of(call, "after", 0, INT64_MAX, 0), limit = number_of(call, "limit", 1, 200, 100);
  const auto alert = number_of(call, "alert", 1, INT64_MAX, 0);
  if (!after) return after.error();
  if (!limit) return limit.error();
  if (!alert) return alert.error();
  const std::string order = call.target.find("order").value_or("oldest");
  if (order != "oldest" && order != "newest")
    return failure(400, "invalid_argument",
                   fmt::format("order must be oldest or newest, was '{}'", shown(order)));
  FiringQuery query{*after, static_cast<std::size_t>(*limit), std::nullopt, {}, order == "newest"};
  if (*alert > 0) query.alert = *alert;
  return reply_of(firings_page(call, query));
}

HttpReply list_deliveries(const ApiCall& call) {
  return reply_of(deliveries_of(call));
}

HttpReply add_delivery(const ApiCall& call) {
  const auto delivery = delivered(call);
  if (!delivery) return failed(delivery.error());
  return reply_of(bj::value(delivery_json(delivery->delivery)), delivery->first ? 201 : 200);
}

}  // namespace mop::serve
