# What `cmake --install` puts where: the program, the agent (core/record/agent), the traces, and two
# libraries with their headers as a CMake package (find_package(pymemlab)): the modules, static, as
# pymemlab::pymemlab, and the C API, shared, as pymemlab::pymem and for pkg-config.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/pymemlab")
install(TARGETS pymemlab_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS pymemlab pymemlab_options EXPORT pymemlab ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT pymemlab NAMESPACE pymemlab:: FILE pymemlab-targets.cmake DESTINATION "${package_dir}")
install(DIRECTORY core workloads DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/pymemlab"
  FILES_MATCHING PATTERN "*.h" PATTERN "agent" EXCLUDE PATTERN "capi" EXCLUDE PATTERN "python" EXCLUDE)
install(TARGETS pymemlab_pymem_api EXPORT pymemlab-pymem LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT pymemlab-pymem NAMESPACE pymemlab:: FILE pymemlab-pymem-targets.cmake DESTINATION "${package_dir}")
install(FILES core/pymem/capi/pymem.h core/pymem/capi/pymem.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/pymemlab")
set(pkg_config_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH prefix_from_pc "/prefix/${pkg_config_dir}" "/prefix")
configure_file("${PROJECT_SOURCE_DIR}/cmake/pymemlab.pc.in" "${PROJECT_BINARY_DIR}/pymemlab.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/pymemlab.pc" DESTINATION "${pkg_config_dir}")
install(DIRECTORY traces/ DESTINATION "${CMAKE_INSTALL_DATADIR}/pymemlab/traces"
  FILES_MATCHING PATTERN "*.pmtrace")
# The report's page holds ECharts, whose licence asks to come along.
install(FILES third_party/echarts/LICENSE third_party/echarts/NOTICE third_party/echarts/licenses/LICENSE-d3
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/pymemlab/echarts")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/pymemlab-config.cmake.in"
  "${PROJECT_BINARY_DIR}/pymemlab-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/pymemlab-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/pymemlab-config.cmake"
  "${PROJECT_BINARY_DIR}/pymemlab-config-version.cmake" DESTINATION "${package_dir}")
