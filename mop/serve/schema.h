// The tables of mop.db, and how they came to be.
#pragma once
#include <string>

#include "mop/base/result.h"
#include "mop/store/database.h"

namespace mop::serve {

/// Opens mop.db; kWrite makes it or brings its tables up to date. Errors: as store::Database::open.
Result<store::Database> open_database(const std::string& path, store::Access access,
                                      DurationMillis busy_timeout = store::Database::kBusyTimeout);

}  // namespace mop::serve
