# What every target of ours is compiled with: one INTERFACE target, so nothing leaks into third-party code.
add_library(hither_flags INTERFACE)
target_compile_features(hither_flags INTERFACE cxx_std_20)
target_include_directories(hither_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(hither_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Wno-missing-field-initializers  # designated initialisers leave members at their defaults on purpose
  -fno-omit-frame-pointer)
if(CMAKE_UNITY_BUILD)
  # Several files are compiled as one, in which a name of one file is no concern of the next. Preset lint has them each
  # by itself, with these warnings.
  target_compile_options(hither_flags INTERFACE -Wno-shadow $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()
if(HITHER_WERROR)
  target_compile_options(hither_flags INTERFACE -Werror)
endif()
if(HITHER_SANITIZE)
  string(REPLACE ";" "," sanitizers "${HITHER_SANITIZE}")
  target_compile_options(hither_flags INTERFACE -fsanitize=${sanitizers} -fno-sanitize-recover=all)
  target_link_options(hither_flags INTERFACE -fsanitize=${sanitizers})
endif()
target_link_options(hither_flags INTERFACE -Wl,--as-needed)
