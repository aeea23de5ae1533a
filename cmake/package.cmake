# What `cmake --install` puts where, and the Debian package made from it (cpack -G DEB).
install(DIRECTORY ${PROJECT_SOURCE_DIR}/topology/examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
# Beside each other as in the tree, for they link to each other.
install(FILES README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
  FILES_MATCHING PATTERN "*.md" PATTERN "*.json" PATTERN man EXCLUDE)
# The country table is compiled in; whoever passes it on passes these on.
foreach(notice README.md NRO_NOTICE.txt COORDINATES_LICENSE.txt)
  install(FILES ${PROJECT_SOURCE_DIR}/dns/geo/${notice} DESTINATION ${CMAKE_INSTALL_DOCDIR}/dns/geo)
endforeach()
foreach(page hither.1 hither-topology.5 hither-backend.8 hither-dns.8 hither-lb.8)
  string(REGEX MATCH "[0-9]$" section ${page})
  install(FILES ${PROJECT_SOURCE_DIR}/docs/man/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

foreach(program hither-dns hither-lb)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${program}.service.in ${PROJECT_BINARY_DIR}/${program}.service @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${program}.service DESTINATION lib/systemd/system)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hither)
# The units name the programs by their full paths, so both kinds of installation need the same.
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_PACKAGE_CONTACT "The hither developers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "geo-aware DNS and load balancing across machine rooms")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
include(CPack)
