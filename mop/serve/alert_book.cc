#include "mop/serve/alert_book.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/serve/alert_json.h"

namespace mop::serve {
namespace {

using store::Rows;
using store::Transaction;

constexpr std::string_view kAlertColumns = "id, created_at, changed_at, spec";
constexpr std::string_view kFiringColumns =
    "id, alert, owner, kind, symbol, interval, as_of, at, outcome, value, text";

Result<StoredAlert> alert_from(const Rows& rows) {
  StoredAlert alert{rows.integer(0), rows.integer(1), rows.integer(2), {}};
  auto spec = parse_alert(rows.text(3));
  if (!spec)
    return fail(ErrorCode::kCorrupt,
                fmt::format("alert {} cannot be read: {}", alert.id, spec.error().message));
  alert.spec = std::move(*spec);
  return alert;
}

Result<AlertFiring> firing_from(const Rows& rows) {
  AlertFiring f;
  f.id = rows.integer(0);
  f.alert = rows.integer(1);
  f.owner = rows.text(2);
  const auto kind = parse_alert_kind(rows.text(3));
  f.series.symbol = rows.text(4);
  MOP_TRY_ASSIGN(f.series.interval, market::parse_interval(rows.text(5)));
  f.as_of = rows.integer(6);
  f.at = rows.integer(7);
  const auto outcome = parse_alert_outcome(rows.text(8));
  if (!kind || !outcome)
    return fail(ErrorCode::kCorrupt, fmt::format("firing {} has an unknown kind or outcome", f.id));
  f.kind = *kind;
  f.outcome = *outcome;
  f.value = rows.real(9);
  f.text = rows.text(10);
  return f;
}

template <typename T, typename From>
Result<std::vector<T>> all_of(Rows rows, From from) {
  std::vector<T> all;
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) return all;
    MOP_TRY_ASSIGN(T one, from(rows));
    all.push_back(std::move(one));
  }
}

Result<std::int64_t> number_of(Rows rows) {
  MOP_TRY(rows.next());
  return rows.integer(0);
}

std::string spec_text(const AlertSpec& spec) {
  return to_json_text(spec_json(spec));
}

// Whether what the alert saw so far still means something.
bool looks_alike(AlertSpec a, const AlertSpec& b) {
  a.owner = b.owner;
  a.note = b.note;
  a.enabled = b.enabled;
  a.once = b.once;
  a.cooldown = b.cooldown;
  a.expires_at = b.expires_at;
  a.quiet = b.quiet;
  a.daily_budget = b.daily_budget;
  return a == b;
}

}  // namespace

struct AlertBook::Statements {
  store::Statement add, change, remove, find, page, page_of, count, count_of, states, put_state, drop_states,
      day, add_firing, switch_off, firings, newest_firings, firing, add_delivery, deliveries, delivery,
      forget, version;

  static Result<Statements> prepare(store::Database& db) {
    const auto sql = [&](std::string_view text) { return db.prepare(text); };
    MOP_TRY_ASSIGN(auto add,
                   sql("INSERT INTO alerts (created_at, changed_at, owner, spec) VALUES (?1, ?1, ?2, ?3) "
                       "RETURNING id"));
    MOP_TRY_ASSIGN(auto change,
                   sql("UPDATE alerts SET changed_at = ?2, owner = ?3, spec = ?4 WHERE id = ?1"));
    MOP_TRY_ASSIGN(auto remove, sql("DELETE FROM alerts WHERE id = ?1"));
    MOP_TRY_ASSIGN(auto find, sql(fmt::format("SELECT {} FROM alerts WHERE id = ?1", kAlertColumns)));
    MOP_TRY_ASSIGN(auto page, sql(fmt::format("SELECT {} FROM alerts WHERE id > ?1 ORDER BY id LIMIT ?2",
                                              kAlertColumns)));
    MOP_TRY_ASSIGN(auto page_of,
                   sql(fmt::format("SELECT {} FROM alerts WHERE id > ?1 AND owner = ?3 ORDER BY id "
                                   "LIMIT ?2",
                                   kAlertColumns)));
    MOP_TRY_ASSIGN(auto count, sql("SELECT count(*) FROM alerts"));
    MOP_TRY_ASSIGN(auto count_of, sql("SELECT count(*) FROM alerts WHERE owner = ?1 AND id <> ?2"));
    MOP_TRY_ASSIGN(auto states,
                   sql("SELECT alert, symbol, interval, armed, as_of, last_sent FROM alert_states"));
    MOP_TRY_ASSIGN(
        auto put_state,
        sql("INSERT OR REPLACE INTO alert_states (alert, symbol, interval, armed, as_of, last_sent) "
            "SELECT ?1, ?2, ?3, ?4, ?5, ?6 FROM alerts WHERE id = ?1"));
    MOP_TRY_ASSIGN(auto drop_states, sql("DELETE FROM alert_states WHERE alert = ?1"));
    MOP_TRY_ASSIGN(auto day,
                   sql("SELECT count(*) FROM firings WHERE alert = ?1 AND outcome = 'sent' AND at >= ?2 "
                       "AND at < ?3"));
    MOP_TRY_ASSIGN(
        auto add_firing,
        sql("INSERT INTO firings (alert, owner, kind, symbol, interval, as_of, at, outcome, value, text) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING RETURNING id"));
    MOP_TRY_ASSIGN(auto switch_off, sql("UPDATE alerts SET spec = json_set(spec, '$.enabled', json('false')) "
                                        "WHERE id = ?1 AND json_extract(spec, '$.once')"));
    const auto firings_page = [&](std::string_view order) {
      return sql(
          fmt::format("SELECT {} FROM firings WHERE id > ?1 AND (?3 IS NULL OR alert = ?3) AND "
                      "(?4 = '' OR (outcome = 'sent' AND NOT EXISTS (SELECT 1 FROM deliveries WHERE "
                      "firing = firings.id AND channel = ?4))) ORDER BY id {} LIMIT ?2",
                      kFiringColumns, order));
    };
    MOP_TRY_ASSIGN(auto firings, firings_page("ASC"));
    MOP_TRY_ASSIGN(auto newest_firings, firings_page("DESC"));
    MOP_TRY_ASSIGN(auto firing, sql(fmt::format("SELECT {} FROM firings WHERE id = ?1", kFiringColumns)));
    MOP_TRY_ASSIGN(
        auto add_delivery,
        sql("INSERT INTO deliveries (firing, channel, at, outcome, detail) VALUES (?1, ?2, ?3, ?4, ?5) "
            "ON CONFLICT DO NOTHING RETURNING firing"));
    MOP_TRY_ASSIGN(auto deliveries,
                   sql("SELECT firing, channel, outcome, detail, at FROM deliveries WHERE firing = ?1"));
    MOP_TRY_ASSIGN(auto delivery, sql("SELECT firing, channel, outcome, detail, at FROM deliveries WHERE "
                                      "firing = ?1 AND channel = ?2"));
    MOP_TRY_ASSIGN(auto forget, sql("DELETE FROM firings WHERE at < ?1"));
    MOP_TRY_ASSIGN(auto version, sql("PRAGMA data_version"));
    return Statements{
        std::move(add),        std::move(change),       std::move(remove),      std::move(find),
        std::move(page),       std::move(page_of),      std::move(count),       std::move(count_of),
        std::move(states),     std::move(put_state),    std::move(drop_states), std::move(day),
        std::move(add_firing), std::move(switch_off),   std::move(firings),     std::move(newest_firings),
        std::move(firing),     std::move(add_delivery), std::move(deliveries),  std::move(delivery),
        std::move(forget),     std::move(version)};
  }
};

AlertBook::AlertBook(store::Database& database, std::unique_ptr<Statements> sql)
    : database_(&database), sql_(std::move(sql)) {}
AlertBook::AlertBook(AlertBook&&) noexcept = default;
AlertBook& AlertBook::operator=(AlertBook&&) noexcept = default;
AlertBook::~AlertBook() = default;

Result<AlertBook> AlertBook::open(store::Database& database) {
  MOP_TRY_ASSIGN(Statements sql, Statements::prepare(database));
  return AlertBook(database, std::make_unique<Statements>(std::move(sql)));
}

Result<void> AlertBook::check_room(const AlertSpec& spec, std::int64_t besides) {
  MOP_TRY_ASSIGN(const std::int64_t all, number_of(sql_->count.query({})));
  if (besides == 0 && all >= kMostAlerts)
    return fail(ErrorCode::kRefused,
                fmt::format("there may be {} alerts, and there are; delete one first", kMostAlerts));
  MOP_TRY_ASSIGN(const std::int64_t of_owner, number_of(sql_->count_of.query({spec.owner, besides})));
  if (of_owner >= kMostOfOwner)
    return fail(ErrorCode::kRefused,
                fmt::format("one owner may have {} alerts, and '{}' has; delete one first", kMostOfOwner,
                            spec.owner));
  return {};
}

Result<StoredAlert> AlertBook::add(const AlertSpec& spec, UnixMillis now) {
  MOP_TRY(validate(spec));
  MOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  MOP_TRY(check_room(spec, 0));
  MOP_TRY_ASSIGN(const std::int64_t id, number_of(sql_->add.query({now, spec.owner, spec_text(spec)})));
  MOP_TRY(transaction.commit());
  return StoredAlert{id, now, now, spec};
}

Result<StoredAlert> AlertBook::change(std::int64_t id, const AlertSpec& spec, UnixMillis now) {
  MOP_TRY(validate(spec));
  MOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  MOP_TRY_ASSIGN(StoredAlert alert, find(id));
  MOP_TRY(check_room(spec, id));
  // One that is switched on again must not tell what happened meanwhile.
  if (!looks_alike(alert.spec, spec) || (spec.enabled && !alert.spec.enabled))
    MOP_TRY(sql_->drop_states.run({id}));
  MOP_TRY(sql_->change.run({id, now, spec.owner, spec_text(spec)}));
  MOP_TRY(transaction.commit());
  alert.changed_at = now;
  alert.spec = spec;
  return alert;
}

Result<StoredAlert> AlertBook::remove(std::int64_t id) {
  MOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  MOP_TRY_ASSIGN(StoredAlert alert, find(id));
  MOP_TRY(sql_->remove.run({id}));
  MOP_TRY(transaction.commit());
  return alert;
}

Result<StoredAlert> AlertBook::find(std::int64_t id) {
  MOP_TRY_ASSIGN(auto found, all_of<StoredAlert>(sql_->find.query({id}), alert_from));
  if (found.empty())
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no alert {}; /api/v1/alerts lists those there are", id));
  return std::move(found.front());
}

Result<std::vector<StoredAlert>> AlertBook::alerts(std::optional<std::string> owner, std::int64_t after,
                                                   std::size_t limit) {
  const auto most = static_cast<std::int64_t>(limit);
  if (owner) return all_of<StoredAlert>(sql_->page_of.query({after, most, *owner}), alert_from);
  return all_of<StoredAlert>(sql_->page.query({after, most}), alert_from);
}

Result<std::vector<StoredState>> AlertBook::states() {
  return all_of<StoredState>(sql_->states.query({}), [](const Rows& rows) -> Result<StoredState> {
    StoredState s;
    s.alert = rows.integer(0);
    s.series.symbol = rows.text(1);
    MOP_TRY_ASSIGN(s.series.interval, market::parse_interval(rows.text(2)));
    s.state = {rows.integer(3) != 0, rows.integer(4), rows.integer(5)};
    return s;
  });
}

Result<AlertDay> AlertBook::day(std::int64_t alert, UnixMillis now) {
  const std::int64_t day = now / kDay;
  MOP_TRY_ASSIGN(const std::int64_t sent, number_of(sql_->day.query({alert, day * kDay, (day + 1) * kDay})));
  return AlertDay{day, sent};
}

Result<void> AlertBook::note(std::span<const StoredState> states, std::vector<AlertFiring>& firings) {
  MOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  for (const StoredState& s : states)
    MOP_TRY(
        sql_->put_state.run({s.alert, s.series.symbol, market::to_string(s.series.interval),
                             std::int64_t{s.state.armed.value_or(false)}, s.state.as_of, s.state.last_sent}));
  for (AlertFiring& f : firings) {
    Rows rows = sql_->add_firing.query({f.alert, f.owner, to_string(f.kind), f.series.symbol,
                                        market::to_string(f.series.interval), f.as_of, f.at,
                                        to_string(f.outcome), f.value, f.text});
    MOP_TRY_ASSIGN(const bool added, rows.next());
    f.id = added ? rows.integer(0) : 0;
  }
  for (const AlertFiring& f : firings) {
    if (f.id != 0 && f.outcome == AlertOutcome::kSent) MOP_TRY(sql_->switch_off.run({f.alert}));
  }
  MOP_TRY(transaction.commit());
  std::erase_if(firings, [](const AlertFiring& f) { return f.id == 0; });
  return {};
}

Result<std::vector<AlertFiring>> AlertBook::firings(const FiringQuery& q) {
  const store::Value alert = q.alert ? store::Value(*q.alert) : store::Value(std::monostate{});
  return all_of<AlertFiring>(
      (q.newest ? sql_->newest_firings : sql_->firings)
          .query({q.after, static_cast<std::int64_t>(q.limit), alert, q.undelivered_to}),
      firing_from);
}

namespace {

Result<AlertDelivery> delivery_from(const Rows& rows) {
  return AlertDelivery{rows.integer(0), rows.text(1), rows.text(2), rows.text(3), rows.integer(4)};
}

}  // namespace

Result<AlertBook::Delivered> AlertBook::deliver(const AlertDelivery& d) {
  MOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*database_));
  MOP_TRY_ASSIGN(const auto firing, all_of<AlertFiring>(sql_->firing.query({d.firing}), firing_from));
  if (firing.empty())
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no firing {}; /api/v1/firings lists those there are", d.firing));
  if (firing.front().outcome != AlertOutcome::kSent)
    return fail(ErrorCode::kRefused, fmt::format("firing {} was not to be sent: its outcome is {}", d.firing,
                                                 to_string(firing.front().outcome)));
  Delivered delivered{d, true};
  {
    Rows rows = sql_->add_delivery.query({d.firing, d.channel, d.at, d.outcome, d.detail});
    MOP_TRY_ASSIGN(delivered.first, rows.next());
  }
  MOP_TRY_ASSIGN(auto stored,
                 all_of<AlertDelivery>(sql_->delivery.query({d.firing, d.channel}), delivery_from));
  MOP_TRY(transaction.commit());
  delivered.delivery = std::move(stored.front());
  return delivered;
}

Result<std::vector<AlertDelivery>> AlertBook::deliveries(std::int64_t firing) {
  return all_of<AlertDelivery>(sql_->deliveries.query({firing}), delivery_from);
}

Result<void> AlertBook::forget_old(UnixMillis now) {
  return sql_->forget.run({now - kKeptFor});
}

Result<std::int64_t> AlertBook::version() {
  return number_of(sql_->version.query({}));
}

}  // namespace mop::serve
