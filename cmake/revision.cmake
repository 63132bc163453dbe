# Writes the source's revision to OUTPUT, touching it only when it has changed.
execute_process(COMMAND git describe --always --dirty WORKING_DIRECTORY "${SOURCE}"
  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "#define PYMEMLAB_REVISION \"${revision}\"\n")
