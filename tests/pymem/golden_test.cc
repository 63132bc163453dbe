// What the model says when memory is misused, per profile, as files: goldens/3.11.txt and so on.
// Addresses are masked; serial numbers are not, for the model's do not vary.
#include "tests/golden.h"

#include <gtest/gtest.h>

#include "tests/masking.h"
#include "tests/pymem/memory_fixture.h"
#include "tests/pymem/misuses.h"

namespace pymemlab {
namespace {

TEST(Goldens, AreWhatEveryProfileSaysOfEveryMisuse) {
  for (const Profile& profile : profiles()) {
    std::string text;
    for (const Misuse& misuse : misuses()) {
      const CommandResult outcome = outcome_of(misuse, profile, "pymalloc_debug");
      text += fmt::format("=== {}, exit status {}\n{}", misuse.name, outcome.status,
                          masked_addresses(outcome.err));
    }
    text += "=== PYTHONMALLOC=foo\n" + unknown_allocator_text(profile, "foo");
    expect_golden(fmt::format("tests/pymem/goldens/{}.txt", profile.name), text);
  }
}

}  // namespace
}  // namespace pymemlab
