option(PYMEMLAB_UNITY
  "Compile together what is not measured: sooner done from nothing, later after a small change" OFF)

# All sources of the target, or those given, as one where PYMEMLAB_UNITY is on. Names in their
# unnamed namespaces must differ then.
function(pymemlab_compile_together target)
  if(ARGN)
    set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
    set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP together)
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${PYMEMLAB_UNITY} UNITY_BUILD_BATCH_SIZE 0)
  if(PYMEMLAB_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # It takes a source that is included for a header.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# One call a module. MAY_INCLUDE is the module's row of the include order; .ci/check-includes reads
# these calls and holds every #include against them, so the order is stated here and nowhere else.
#
#   pymemlab_module(NAME pymalloc MAY_INCLUDE os SOURCES pymalloc.cc ...)
#
# Every module may include core/base. Modules are object libraries; the top-level file gathers them
# into the one static library that is installed.
function(pymemlab_module)
  cmake_parse_arguments(MODULE "" "NAME" "MAY_INCLUDE;SOURCES;LINK" ${ARGN})
  add_library(pymemlab_${MODULE_NAME} OBJECT ${MODULE_SOURCES})
  target_link_libraries(pymemlab_${MODULE_NAME} PUBLIC pymemlab_options ${MODULE_LINK})
  set_property(GLOBAL APPEND PROPERTY PYMEMLAB_MODULES pymemlab_${MODULE_NAME})
endfunction()

# A GoogleTest program for one folder of tests/, registered with CTest under its own name.
function(pymemlab_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;LINK;ARGS;LABELS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE pymemlab GTest::gtest_main GTest::gmock ${TEST_LINK})
  # Nothing is measured in a test, and compiling them is much of what tools/test takes.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  pymemlab_compile_together(${name})
  add_test(NAME ${name} COMMAND ${name} ${TEST_ARGS})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} LABELS "${TEST_LABELS}"
    ENVIRONMENT "PYMEMLAB=$<TARGET_FILE:pymemlab_cli>;PYMEMLAB_SOURCE=${PROJECT_SOURCE_DIR}")
endfunction()
