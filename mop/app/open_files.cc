#include "mop/app/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace mop::app {

std::size_t connections_that_fit(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t needed = wanted + kOwnFiles;
  if (limit.rlim_cur < needed) {
    const rlimit raised{std::min(needed, limit.rlim_max), limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  const rlim_t left = limit.rlim_cur > kOwnFiles ? limit.rlim_cur - kOwnFiles : 1;
  return std::min(wanted, static_cast<std::size_t>(left));
}

}  // namespace mop::app
