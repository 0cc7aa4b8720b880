# Writes build_info.cc: version (from project()), commit and flags, for `mop --version`.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE MOP_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT MOP_COMMIT)
  set(MOP_COMMIT "unknown")
endif()
string(TOUPPER "${CMAKE_BUILD_TYPE}" MOP_BUILD_TYPE_UPPER)
string(STRIP "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${MOP_BUILD_TYPE_UPPER}}" MOP_BUILD_FLAGS)
if(MOP_SANITIZE)
  string(APPEND MOP_BUILD_FLAGS " -fsanitize=${MOP_SANITIZE}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/build_info.cc.in ${PROJECT_BINARY_DIR}/build_info.cc @ONLY)
set(MOP_BUILD_INFO_CC ${PROJECT_BINARY_DIR}/build_info.cc)
