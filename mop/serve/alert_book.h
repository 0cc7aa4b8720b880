// Alerts, what they saw, when they fired and who was told, in mop.db.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mop/serve/alert.h"
#include "mop/store/database.h"

namespace mop::serve {

struct StoredAlert {
  std::int64_t id = 0;
  UnixMillis created_at = 0, changed_at = 0;  // exchange's clock
  AlertSpec spec;
};

/// The state of one alert for one series.
struct StoredState {
  std::int64_t alert = 0;
  store::SeriesKey series;
  AlertState state;
};

/// One crossing, told or not.
struct AlertFiring {
  std::int64_t id = 0;  // grows; 0: not stored yet
  std::int64_t alert = 0;
  std::string owner;
  AlertKind kind = AlertKind::kPrice;
  store::SeriesKey series;
  UnixMillis as_of = 0;  // the close it was found at
  UnixMillis at = 0;     // when, by the exchange's clock
  AlertOutcome outcome = AlertOutcome::kSent;
  double value = 0.0;
  std::string text;
};

/// That a firing reached a channel, or why not. `outcome` is "delivered" or "failed".
struct AlertDelivery {
  std::int64_t firing = 0;
  std::string channel, outcome, detail;
  UnixMillis at = 0;
};

struct FiringQuery {
  std::int64_t after = 0;  // ids above it
  std::size_t limit = 100;
  std::optional<std::int64_t> alert;  // of this one only
  std::string undelivered_to;         // sent, and with no record of this channel; empty: all
  bool newest = false;                // the newest ones, newest first; otherwise the oldest, ascending
};

/// One connection's view; used by one thread at a time.
class AlertBook {
 public:
  static constexpr std::int64_t kMostAlerts = 1000, kMostOfOwner = 50;
  static constexpr DurationMillis kKeptFor = 180 * kDay;  // firings

  /// `database` (open_database) must outlive it. Errors: as store::Database::prepare.
  static Result<AlertBook> open(store::Database& database);
  AlertBook(AlertBook&&) noexcept;
  AlertBook& operator=(AlertBook&&) noexcept;
  ~AlertBook();

  /// Errors: kInvalidArgument (validate), kRefused when there are too many, and as store::Statement::run.
  Result<StoredAlert> add(const AlertSpec& spec, UnixMillis now);
  /// What it saw is forgotten, as of a new one; when only `enabled`, note or owner changed it is not. Errors:
  /// kNotFound, and as add().
  Result<StoredAlert> change(std::int64_t id, const AlertSpec& spec, UnixMillis now);
  /// Its firings stay. Errors: kNotFound, and as store::Statement::run.
  Result<StoredAlert> remove(std::int64_t id);
  /// Errors: kNotFound.
  Result<StoredAlert> find(std::int64_t id);
  /// Alerts above an id, ascending, of one owner when he is named.
  Result<std::vector<StoredAlert>> alerts(std::optional<std::string> owner, std::int64_t after,
                                          std::size_t limit);

  Result<std::vector<StoredState>> states();
  /// How many of an alert were sent in the UTC day of `now`.
  Result<AlertDay> day(std::int64_t alert, UnixMillis now);

  /// States and firings of one close in one transaction; gives the firings their ids. What stands there
  /// already of the same alert, series and close is left as it is and dropped from `firings`; an alert with
  /// `once` is switched off by one that is sent. Errors: as store::Statement::run, and nothing is stored.
  Result<void> note(std::span<const StoredState> states, std::vector<AlertFiring>& firings);

  Result<std::vector<AlertFiring>> firings(const FiringQuery& query);
  struct Delivered {
    AlertDelivery delivery;
    bool first = true;  // false: it was recorded before; that one is returned
  };
  /// Errors: kNotFound when there is no such firing, kRefused when it was not to be sent.
  Result<Delivered> deliver(const AlertDelivery& delivery);
  Result<std::vector<AlertDelivery>> deliveries(std::int64_t firing);

  /// Drops firings older than kKeptFor, and their deliveries.
  Result<void> forget_old(UnixMillis now);

  /// Another number whenever another connection has changed the file.
  Result<std::int64_t> version();

 private:
  struct Statements;
  AlertBook(store::Database& database, std::unique_ptr<Statements> sql);
  Result<void> check_room(const AlertSpec& spec, std::int64_t besides);

  store::Database* database_;
  std::unique_ptr<Statements> sql_;
};

}  // namespace mop::serve
