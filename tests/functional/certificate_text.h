// A certificate of a profile as `mop canaries` writes it; running that would take minutes.
#pragma once
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "mop/app/settings.h"
#include "mop/base/build_info.h"
#include "mop/base/json.h"
#include "mop/evaluate/certificate.h"

namespace mop::functional {

/// For models/canaries.json: every canary passed. `settings`: the text of a mop.toml with a [default].
inline std::string certificate_of(const std::string& settings) {
  boost::json::array canaries;
  for (const std::string_view name : evaluate::kCanaryNames)
    canaries.push_back(
        {{"name", std::string(name)}, {"passed", true}, {"figure", 0.0}, {"limit", 1.0}, {"meaning", ""}});
  canaries.erase(canaries.begin(), canaries.begin() + 3);  // those are run on every model
  const train::Profile profile = app::parse_settings(settings, "mop.toml").value().standard;
  return to_json_text(boost::json::object{{"program", std::string(build_info().version)},
                                          {"profile", train::fingerprint_of(profile)},
                                          {"canaries", canaries}});
}

}  // namespace mop::functional
