# Every library we use, once, as an imported target. All are Debian 12 packages (tools/packages.txt).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares)
pkg_check_modules(ldns REQUIRED IMPORTED_TARGET ldns)
pkg_check_modules(maxminddb REQUIRED IMPORTED_TARGET libmaxminddb)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)

# Asio has no package file of any kind; it is headers, compiled once in io/asio_impl.cc.
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(hither_asio INTERFACE)
target_include_directories(hither_asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
target_compile_definitions(hither_asio INTERFACE ASIO_STANDALONE ASIO_SEPARATE_COMPILATION ASIO_NO_DEPRECATED
  # Whether it sees aligned_alloc depends on what was included before: let no two files disagree.
  ASIO_DISABLE_STD_ALIGNED_ALLOC)
if(HITHER_SANITIZE MATCHES thread)
  # The thread sanitizer does not know fences; Asio's own are beside the locks that it does know.
  target_compile_definitions(hither_asio INTERFACE ASIO_DISABLE_FENCED_BLOCK)
endif()
target_link_libraries(hither_asio INTERFACE Threads::Threads)

if(BUILD_TESTING)
  find_package(GTest REQUIRED)
endif()
