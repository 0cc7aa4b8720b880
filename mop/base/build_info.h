#pragma once
#include <string_view>

namespace mop {

struct BuildInfo {
  std::string_view version;  // from project() in CMakeLists.txt
  std::string_view commit;   // git describe at configure time, "-dirty" when the tree had changes
  std::string_view flags;    // build type, compiler, options
  bool cuda;                 // the CUDA fleet backend is linked in
};

BuildInfo build_info();

}  // namespace mop
