// Expected texts kept as files beside the tests. A test program that links golden.cc takes
// --update-goldens, which writes the files as the code has it now: read the difference before you
// commit it.
#pragma once

#include <string>
#include <string_view>

namespace pymemlab {

// `path` from the top of the source tree: "tests/pymem/goldens/3.6.txt". With --update-goldens the
// file becomes `text`, else it must be.
void expect_golden(const std::string& path, std::string_view text);

}  // namespace pymemlab
