# hither_library(NAME SOURCES ... HEADERS ... LINK ...): a static library of one folder, its headers checked to
# stand alone (target all_verify_interface_header_sets).
function(hither_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;LINK")
  add_library(${name} STATIC ${arg_SOURCES})
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${arg_HEADERS})
  target_link_libraries(${name} PUBLIC hither_flags ${arg_LINK})
endfunction()

# hither_program(NAME LINK ...): main.cc of this folder, built beside the other programs and installed.
function(hither_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE hither_flags ${arg_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${HITHER_PROGRAM_DIR})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# All tests that have more than one thread or start programs: what is worth a thread sanitizer.
add_custom_target(threads)

# Tests are compiled without optimisation, for they take minutes to compile and seconds to run; what they test is not.
#
# hither_test(NAME SOURCES ... LINK ... LABELS ... THREADS ... PROPERTIES ...): a GoogleTest program, one ctest per TEST.
# Unit tests under a sanitizer are one ctest for the whole program: there a process takes longer to start than most of
# its tests to run, and gtest names the one that fails. THREADS are the suites that have more than one thread, if they
# are few: the thread sanitizer then runs no others. Live tests wait much and run one at a time, so they begin first
# (COST), and the others beside them.
function(hither_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;LABELS;THREADS;PROPERTIES")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE hither_flags ${arg_LINK} GTest::gtest_main)
  target_compile_options(${name} PRIVATE -O0)
  if(arg_LABELS MATCHES "live|threads")
    add_dependencies(threads ${name})
  endif()
  if(HITHER_SANITIZE AND arg_LABELS MATCHES unit)
    set(filter "")
    if(HITHER_SANITIZE MATCHES thread AND arg_THREADS)
      list(TRANSFORM arg_THREADS APPEND ".*")
      list(JOIN arg_THREADS ":" filter)
      set(filter --gtest_filter=${filter})
    endif()
    add_test(NAME ${name} COMMAND ${name} --gtest_brief=1 ${filter})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 900 COST 100 ${arg_PROPERTIES})
  else()
    list(GET arg_LABELS 0 label)  # gtest_discover_tests takes no list for one
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES
      PROPERTIES LABELS ${label} TIMEOUT 120 ${arg_PROPERTIES})
  endif()
endfunction()
