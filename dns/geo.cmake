# Where clients are and which room is nearest to them; pure, used by hither-dns, explain and the simulation.
hither_library(dns_geo
  SOURCES builtin_geo.cc client_map.cc geo_codec.cc geography.cc ranker.cc sites.cc
  HEADERS builtin_geo.h client_map.h geo_codec.h geography.h ranker.h sites.h
  LINK base_core topology_core)
set_source_files_properties(builtin_geo.cc PROPERTIES
  OBJECT_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/geo/country.bin
  COMPILE_DEFINITIONS HITHER_GEO_FILE="${CMAKE_CURRENT_SOURCE_DIR}/geo/country.bin")
target_compile_options(dns_geo PRIVATE $<$<CONFIG:Debug>:-O1>)
