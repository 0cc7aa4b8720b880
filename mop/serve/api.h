// The endpoints of api/openapi.yaml: one line each in api.cc.
#pragma once
#include <span>

#include "mop/serve/router.h"

namespace mop::serve {

std::span<const Route> api_routes();

}  // namespace mop::serve
