#include "mop/serve/schema.h"

#include <array>
#include <string_view>

namespace mop::serve {
namespace {

// docs/formats/ledger.md. The triggers make the ledger append-only for everybody who does not drop them
// first.
constexpr std::string_view kLedger = R"sql(
CREATE TABLE chain (
  seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('model', 'forecast', 'missed')),
  hash TEXT NOT NULL
) STRICT;
CREATE TABLE models (
  seq INTEGER PRIMARY KEY REFERENCES chain (seq),
  sha256 TEXT NOT NULL,
  interval TEXT NOT NULL,
  id TEXT NOT NULL,
  horizon INTEGER NOT NULL,
  levels BLOB NOT NULL,
  static_y BLOB NOT NULL,
  ewma_z BLOB NOT NULL,
  har_residual BLOB NOT NULL,
  spike_threshold REAL,
  trained_until INTEGER NOT NULL,
  UNIQUE (sha256, interval)
) STRICT;
CREATE TABLE forecasts (
  seq INTEGER PRIMARY KEY REFERENCES chain (seq),
  symbol TEXT NOT NULL,
  interval TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  made_at INTEGER NOT NULL,
  close REAL NOT NULL,
  tick_size REAL NOT NULL,
  sigma REAL NOT NULL,
  champion TEXT NOT NULL,
  reason TEXT NOT NULL,
  model_sha256 TEXT NOT NULL,
  input_hash TEXT NOT NULL,
  z BLOB NOT NULL,
  p_up BLOB NOT NULL,
  log_range REAL,
  har_scale BLOB NOT NULL,
  UNIQUE (symbol, interval, as_of),
  FOREIGN KEY (model_sha256, interval) REFERENCES models (sha256, interval)
) STRICT;
CREATE TABLE missed (
  seq INTEGER PRIMARY KEY REFERENCES chain (seq),
  symbol TEXT NOT NULL,
  interval TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  noted_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  UNIQUE (symbol, interval, as_of)
) STRICT;
CREATE TABLE scores (
  seq INTEGER NOT NULL REFERENCES forecasts (seq),
  step INTEGER NOT NULL,
  close REAL NOT NULL,
  high REAL NOT NULL,
  low REAL NOT NULL,
  z REAL NOT NULL,
  pinball REAL NOT NULL,
  pinball_static REAL NOT NULL,
  pinball_ewma REAL NOT NULL,
  pinball_har REAL NOT NULL,
  in50 INTEGER,
  in80 INTEGER,
  in90 INTEGER,
  in95 INTEGER,
  direction INTEGER,
  log_range_error REAL,
  PRIMARY KEY (seq, step)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER chain_update BEFORE UPDATE ON chain BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER chain_delete BEFORE DELETE ON chain BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER models_update BEFORE UPDATE ON models BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER models_delete BEFORE DELETE ON models BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER forecasts_update BEFORE UPDATE ON forecasts
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER forecasts_delete BEFORE DELETE ON forecasts
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER missed_update BEFORE UPDATE ON missed BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER missed_delete BEFORE DELETE ON missed BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
)sql";

// docs/decisions/0006-alerts.md. Firings outlive their alert.
constexpr std::string_view kAlerts = R"sql(
CREATE TABLE alerts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  owner TEXT NOT NULL,
  spec TEXT NOT NULL CHECK (json_valid(spec))
) STRICT;
CREATE INDEX alerts_of_owner ON alerts (owner, id);
CREATE TABLE alert_states (
  alert INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  symbol TEXT NOT NULL,
  interval TEXT NOT NULL,
  armed INTEGER NOT NULL,
  as_of INTEGER NOT NULL,
  last_sent INTEGER NOT NULL,
  PRIMARY KEY (alert, symbol, interval)
) STRICT, WITHOUT ROWID;
CREATE TABLE firings (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  alert INTEGER NOT NULL,
  owner TEXT NOT NULL,
  kind TEXT NOT NULL,
  symbol TEXT NOT NULL,
  interval TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  at INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('sent', 'quiet', 'cooldown', 'budget', 'missed')),
  value REAL NOT NULL,
  text TEXT NOT NULL,
  UNIQUE (alert, symbol, interval, as_of)
) STRICT;
CREATE TABLE deliveries (
  firing INTEGER NOT NULL REFERENCES firings (id) ON DELETE CASCADE,
  channel TEXT NOT NULL,
  at INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'failed')),
  detail TEXT NOT NULL,
  PRIMARY KEY (firing, channel)
) STRICT, WITHOUT ROWID;
)sql";

// B0, persistence: what comes out beside the median and beside the forecast's close.
constexpr std::string_view kPersistence = R"sql(
ALTER TABLE scores ADD COLUMN abs_error REAL;
ALTER TABLE scores ADD COLUMN abs_move REAL;
)sql";

// Element n leads from version n to n + 1. Append only: a released one never changes.
constexpr std::array<std::string_view, 3> kMigrations{kLedger, kAlerts, kPersistence};

}  // namespace

Result<store::Database> open_database(const std::string& path, store::Access access,
                                      DurationMillis busy_timeout) {
  return store::Database::open(path, access, kMigrations, busy_timeout);
}

}  // namespace mop::serve
