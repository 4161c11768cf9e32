install(FILES README.md LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY deploy/files/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/deploy)
install(DIRECTORY deploy/files/systemd/ DESTINATION lib/systemd/system FILES_MATCHING PATTERN "*.service")
install(FILES deploy/files/systemd/drover.conf DESTINATION lib/sysusers.d)

# Only what is installed has to be built: `ninja programs && cpack`.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY TRUE)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME drover)
set(CPACK_PACKAGE_CONTACT "the drover authors <drover@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What shlibdeps cannot know: libzmq before 4.3.3 has known holes.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libzmq5 (>= 4.3.3)")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
file(WRITE ${PROJECT_BINARY_DIR}/debian/postinst "#!/bin/sh
set -e
# the user of drover-fleet.service, where systemd is
if [ \"$1\" = configure ] && command -v systemd-sysusers >/dev/null; then systemd-sysusers drover.conf; fi
")
file(CHMOD ${PROJECT_BINARY_DIR}/debian/postinst PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/debian/postinst)
set(CPACK_STRIP_FILES ON)
include(CPack)
