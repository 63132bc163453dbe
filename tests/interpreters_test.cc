// That the interpreters which take turns leave none out: part of every program whose cases they
// share.
#include "tests/interpreters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pymemlab {
namespace {

TEST(InterpretersInTurn, AreTheNewestAndEachOfTheOthersInAsManyCases) {
  EXPECT_TRUE(in_turn(0, 0).empty());
  for (std::size_t count = 1; count < 20; ++count) {
    for (std::size_t first_case = 0; first_case < 40; ++first_case) {
      std::set<std::size_t> reached;
      for (std::size_t i = 0; i + 1 < count || i == 0; ++i) {
        const std::vector<std::size_t> turn = in_turn(first_case + i, count);
        EXPECT_EQ(turn.size(), std::min<std::size_t>(count, 2));
        EXPECT_EQ(turn.back(), count - 1);
        reached.insert(turn.begin(), turn.end());
      }
      EXPECT_EQ(reached.size(), count) << "from case " << first_case;
    }
  }
}

// {the case: the interpreters that it runs on} of this program.
std::map<std::string, std::set<std::string>> cases_of_this_program() {
  std::map<std::string, std::set<std::string>> cases;
  const testing::UnitTest& program = *testing::UnitTest::GetInstance();
  for (int i = 0; i < program.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *program.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const std::string name = suite.GetTestInfo(j)->name();
      const std::size_t slash = name.find("/Python_");
      if (slash == std::string::npos) continue;
      cases[std::string(suite.name()) + "." + name.substr(0, slash)].insert(name.substr(slash + 1));
    }
  }
  return cases;
}

TEST(InterpretersInTurn, ReachEveryOneInTheCasesOfThisProgram) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  const auto cases = cases_of_this_program();
  std::set<std::string> reached;
  for (const auto& [name, names] : cases) reached.insert(names.begin(), names.end());
  // Fewer cases than interpreters would be too few.
  ASSERT_GE(cases.size() + 1, interpreters().size());
  for (const Interpreter& interpreter : interpreters())
    EXPECT_EQ(reached.count(interpreter.test_name()), 1u) << interpreter;
}

}  // namespace
}  // namespace pymemlab
