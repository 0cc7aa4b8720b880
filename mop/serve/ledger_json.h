// The ledger's figures as JSON (docs/formats/ledger.md); names are those of `mop evaluate --json`.
#pragma once
#include "mop/serve/ledger.h"

namespace boost::json {
class object;
}

namespace mop::serve {

/// Unknown figures are null.
boost::json::object to_json(const LiveScores& scores);
boost::json::object to_json(const LedgerReport& report);

}  // namespace mop::serve
