# The tests of dns/geo.cmake.
hither_test(dns_geo_test
  SOURCES builtin_geo_test.cc client_map_test.cc geography_test.cc ranker_test.cc sites_test.cc
  LINK dns_geo
  LABELS unit threads
  THREADS ClientMap)
