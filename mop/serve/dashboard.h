// The dashboard's files (web/), carried inside the program.
#pragma once
#include <span>
#include <string_view>

namespace mop::serve {

struct DashboardFile {
  std::string_view path;  // "/", "/assets/app.js"
  std::string_view content_type, bytes;
};

/// Empty when the program was built without them (scripts/web.sh). Defined in a file that
/// cmake/MopDashboard.cmake writes.
std::span<const DashboardFile> dashboard_files() noexcept;

}  // namespace mop::serve
