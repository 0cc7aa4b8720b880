# Flags every room is compiled with. No -ffast-math and no -march=native anywhere: results must not
# depend on the build machine, and Highway picks the instruction set at run time.
add_library(mop_warnings INTERFACE)
set(cxx $<COMPILE_LANGUAGE:CXX>)
target_compile_options(mop_warnings INTERFACE
  "$<${cxx}:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wnon-virtual-dtor;-Wold-style-cast>"
  "$<$<AND:${cxx},$<BOOL:${MOP_WERROR}>>:-Werror>"
  "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>")  # GCC 12 sees overlaps in std::string operator+ that are not there (bug 105651)
# Bit-equal batch and stream results on every CPU: the compiler may not fuse a*b+c on its own.
target_compile_options(mop_warnings INTERFACE "$<${cxx}:-ffp-contract=off>")

if(MOP_SANITIZE)
  # GCC's manual: sanitizers make it see uninitialized variables that are none (here in std::regex).
  target_compile_options(mop_warnings INTERFACE "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized>")
  add_compile_options(-fsanitize=${MOP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MOP_SANITIZE})
endif()
