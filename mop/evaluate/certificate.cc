#include "mop/evaluate/certificate.h"

#include <algorithm>

namespace mop::evaluate {
namespace {

void append(std::string& list, std::string_view name) {
  if (!list.empty()) list += ", ";
  list += name;
}

}  // namespace

std::string certificate_mark(const train::TrainedModel& model) {
  std::string failed, not_run;
  for (const std::string_view name : kCanaryNames) {
    const auto canary = std::find_if(model.certificate.begin(), model.certificate.end(),
                                     [&](const train::Canary& c) { return c.name == name; });
    if (canary == model.certificate.end()) {
      append(not_run, name);
    } else if (!canary->passed) {
      append(failed, name);
    }
  }
  if (failed.empty() && not_run.empty()) return "";
  std::string mark = "not certified: ";
  if (!failed.empty()) mark += "failed " + failed;
  if (!not_run.empty()) mark += (failed.empty() ? "not run: " : "; not run: ") + not_run;
  return mark;
}

}  // namespace mop::evaluate
