#include "tests/golden.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace pymemlab {
namespace {

bool g_update = false;

}  // namespace

void expect_golden(const std::string& path, std::string_view text) {
  const char* root = std::getenv("PYMEMLAB_SOURCE");
  ASSERT_NE(root, nullptr) << "PYMEMLAB_SOURCE says where the source tree is";
  const std::string file = std::string(root) + "/" + path;
  if (g_update) {
    std::ofstream(file, std::ios::binary) << text;
    return;
  }
  std::ostringstream wanted;
  wanted << std::ifstream(file, std::ios::binary).rdbuf();
  EXPECT_EQ(wanted.str(), text) << path;
}

}  // namespace pymemlab

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--update-goldens") pymemlab::g_update = true;
  }
  return RUN_ALL_TESTS();
}
