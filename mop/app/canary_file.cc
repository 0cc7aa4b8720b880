#include "mop/app/canary_file.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/build_info.h"
#include "mop/base/json.h"
#include "mop/base/log.h"

namespace mop::app {
namespace bj = boost::json;
namespace {

double number_or_nan(const bj::value& v) {
  return v.is_null() ? std::numeric_limits<double>::quiet_NaN() : v.to_number<double>();
}

// Throws what Boost.JSON throws when a field is missing or of another type.
std::vector<train::Canary> canaries_in(const bj::value& document) {
  std::vector<train::Canary> canaries;
  for (const bj::value& c : document.at("canaries").as_array()) {
    canaries.push_back({bj::value_to<std::string>(c.at("name")), c.at("passed").as_bool(),
                        number_or_nan(c.at("figure")), bj::value_to<std::string>(c.at("meaning")),
                        number_or_nan(c.at("limit"))});
  }
  return canaries;
}

}  // namespace

std::string canary_file_path(const std::string& models_dir) {
  return models_dir + "/canaries.json";
}

std::vector<train::Canary> stored_canaries(const Context& ctx, const std::string& models_dir,
                                           const train::Profile& profile) {
  const std::string path = canary_file_path(models_dir);
  if (!ctx.fs.exists(path)) return {};
  const auto text = ctx.fs.read(path);
  if (!text) {
    log_warning(text.error().message);
    return {};
  }
  const auto document = parse_json(*text, path);
  if (!document) {
    log_warning(document.error().message);
    return {};
  }
  try {
    if (bj::value_to<std::string>(document->at("program")) == build_info().version &&
        bj::value_to<std::string>(document->at("profile")) == train::fingerprint_of(profile))
      return canaries_in(*document);
    log_warning(fmt::format("{} is of another program or profile; run `mop canaries` again", path));
  } catch (const std::exception& e) {
    log_warning(fmt::format("{} is not what `mop canaries` writes ({}); run it again", path, e.what()));
  }
  return {};
}

}  // namespace mop::app
