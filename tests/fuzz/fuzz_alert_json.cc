#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/serve/alert_json.h"

// What is accepted reads back to the same, and can be observed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mop::serve;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto spec = parse_alert(bytes)) {
    if (parse_alert(mop::to_json_text(spec_json(*spec))) != *spec) std::abort();
    AlertState state;
    AlertDay day;
    for (const double value : {0.0, 1.0, spec->threshold, -spec->threshold})
      (void)observe(*spec, value, 1, false, 2, state, day);
  }
  (void)parse_alert_change({}, bytes);
  (void)parse_delivery(bytes);
  return 0;
}
