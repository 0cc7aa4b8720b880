# Writes dashboard.cc, which carries the files of web/dist (built by scripts/web.sh) inside the program; without them it
# carries none. Included, it sets MOP_DASHBOARD_CC and the rule that writes it; with -P it is that rule.
set(type_of_html "text/html")
set(type_of_js "text/javascript")
set(type_of_css "text/css")

function(mop_write_dashboard dist out)
  file(GLOB_RECURSE files RELATIVE ${dist} ${dist}/*)
  list(SORT files)
  set(arrays "")
  set(rows "")
  set(number 0)
  foreach(file IN LISTS files)
    get_filename_component(extension ${file} LAST_EXT)
    string(SUBSTRING "${extension}" 1 -1 extension)
    if(NOT DEFINED type_of_${extension})
      message(FATAL_ERROR "${dist}/${file}: no content type is known for .${extension}; add it to cmake/MopDashboard.cmake")
    endif()
    file(READ ${dist}/${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
    string(APPEND arrays "constexpr char kFile${number}[] = {${bytes}'\\0'};\n")
    string(REGEX REPLACE "^index.html$" "" path "${file}")
    string(APPEND rows "    {\"/${path}\", \"${type_of_${extension}}; charset=utf-8\", {kFile${number}, sizeof(kFile${number}) - 1}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  set(body "  return {};\n")
  if(rows)
    set(body "  static constexpr DashboardFile kFiles[] = {\n${rows}  };\n  return kFiles;\n")
  endif()
  file(WRITE ${out}.new "#include \"mop/serve/dashboard.h\"\n\nnamespace mop::serve {\nnamespace {\n${arrays}}  // namespace\n
std::span<const DashboardFile> dashboard_files() noexcept {\n${body}}\n\n}  // namespace mop::serve\n")
  file(RENAME ${out}.new ${out})
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  mop_write_dashboard(${DIST} ${OUT})
  return()
endif()

set(MOP_DASHBOARD_CC ${PROJECT_BINARY_DIR}/dashboard.cc)
file(GLOB_RECURSE dashboard_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/web/dist/*)
# What is there is written down, so that a file that is gone is noticed too.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/dashboard_files.txt CONTENT "${dashboard_sources}\n" @ONLY)
add_custom_command(OUTPUT ${MOP_DASHBOARD_CC}
  COMMAND ${CMAKE_COMMAND} -DDIST=${PROJECT_SOURCE_DIR}/web/dist -DOUT=${MOP_DASHBOARD_CC} -P ${CMAKE_CURRENT_LIST_FILE}
  DEPENDS ${dashboard_sources} ${PROJECT_BINARY_DIR}/dashboard_files.txt ${CMAKE_CURRENT_LIST_FILE}
  VERBATIM)
