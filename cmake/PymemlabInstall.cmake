# What `cmake --install` puts where: the program, the agent (core/record/agent), the library with its
# headers as a CMake package (find_package(pymemlab), target pymemlab::pymemlab), the traces.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/pymemlab")
install(TARGETS pymemlab_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS pymemlab pymemlab_options EXPORT pymemlab ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT pymemlab NAMESPACE pymemlab:: FILE pymemlab-targets.cmake DESTINATION "${package_dir}")
install(DIRECTORY core workloads DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/pymemlab"
  FILES_MATCHING PATTERN "*.h" PATTERN "agent" EXCLUDE PATTERN "python" EXCLUDE)
install(DIRECTORY traces/ DESTINATION "${CMAKE_INSTALL_DATADIR}/pymemlab/traces"
  FILES_MATCHING PATTERN "*.pmtrace")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/pymemlab-config.cmake.in"
  "${PROJECT_BINARY_DIR}/pymemlab-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/pymemlab-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/pymemlab-config.cmake"
  "${PROJECT_BINARY_DIR}/pymemlab-config-version.cmake" DESTINATION "${package_dir}")
