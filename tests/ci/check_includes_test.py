"""The include check finds what it is there to find."""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".ci", "check-includes")

TREE = {
    "core/base/CMakeLists.txt": "pymemlab_module(NAME base SOURCES check.cc)",
    "core/base/check.h": "#include <cstddef>\n",
    "core/os/CMakeLists.txt": "pymemlab_module(NAME os SOURCES clock.cc)",
    "core/os/clock.h": '#include "core/base/check.h"\n',
    "core/trace/CMakeLists.txt": "pymemlab_module(NAME trace\n  MAY_INCLUDE os SOURCES reader.cc)",
    "core/trace/reader.h": '#include "core/os/clock.h"\n#include "core/trace/event.h"\n',
    "core/record/CMakeLists.txt": "pymemlab_module(NAME record MAY_INCLUDE os trace SOURCES collector.cc)",
    "core/record/collector.cc": '#include "core/record/agent/ring.h"\n',
    "core/record/agent/agent.cc": '#include "core/record/agent/ring.h"\n',
    "workloads/CMakeLists.txt": "pymemlab_module(NAME workloads MAY_INCLUDE trace SOURCES churn.cc)",
    "workloads/churn.cc": '#include "core/trace/reader.h"\n#include "workloads/workload.h"\n',
}


def check(changes=None):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**TREE, **(changes or {})}.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run([sys.executable, CHECK, root], stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout


class CheckIncludes(unittest.TestCase):
    def assert_breach(self, changes, line):
        status, output = check(changes)
        self.assertEqual(status, 1, output)
        self.assertIn(line, output)

    def test_a_tree_that_keeps_the_order_passes(self):
        self.assertEqual(check(), (0, "6 files in 5 modules keep the include order\n"))

    def test_an_include_against_the_order_is_named_with_its_line(self):
        self.assert_breach({"core/os/clock.h": '\n#include "core/trace/reader.h"\n'}, "core/os/clock.h:2:")

    def test_what_a_row_does_not_name_is_refused_even_if_a_lower_module_may(self):
        self.assert_breach({"workloads/churn.cc": '#include "core/os/clock.h"\n'}, "workloads/churn.cc:1:")

    def test_the_agent_may_not_include_even_base(self):
        self.assert_breach(
            {"core/record/agent/agent.cc": '#include "core/base/check.h"\n'}, "core/record/agent/agent.cc:1:"
        )

    def test_a_path_that_does_not_start_at_the_root_is_refused(self):
        self.assert_breach({"core/trace/reader.h": '#include "event.h"\n'}, "core/trace/reader.h:1:")

    def test_a_circle_among_the_rows_is_refused(self):
        self.assert_breach(
            {"core/os/CMakeLists.txt": "pymemlab_module(NAME os MAY_INCLUDE trace SOURCES clock.cc)"},
            "module os: MAY_INCLUDE leads back to os",
        )

    def test_a_row_that_names_no_module_is_refused(self):
        self.assert_breach(
            {"core/os/CMakeLists.txt": "pymemlab_module(NAME os MAY_INCLUDE util SOURCES clock.cc)"}, "names util"
        )


if __name__ == "__main__":
    unittest.main()
