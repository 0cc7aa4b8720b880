#pragma once
#include <string>

namespace mop::features {

/// docs/indicators.md, made from the registry: `mop features --list --markdown`.
std::string indicators_page();

}  // namespace mop::features
