// Delta debugging: the shortest list it can find that still fails.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace pymemlab {

// REQUIRES: fails(items). Leaves out runs of items, first long ones, in the end single ones, as
// long as the rest fails; asks at most `most_runs` times. What is left fails, and unless the runs
// ran out no single item of it can be spared. `fails` may itself take items out of what it is
// given that it fails without.
template <typename T>
std::vector<T> minimised(std::vector<T> items, const std::function<bool(std::vector<T>&)>& fails,
                         std::size_t most_runs = 2000) {
  std::size_t run = std::max<std::size_t>(1, items.size() / 2);
  while (run > 0 && !items.empty()) {
    bool spared = false;
    for (std::size_t at = 0; at < items.size();) {
      if (most_runs-- == 0) return items;
      const std::size_t end = std::min(at + run, items.size());
      std::vector<T> without(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(at));
      without.insert(without.end(), items.begin() + static_cast<std::ptrdiff_t>(end), items.end());
      if (!fails(without)) {
        at = end;
        continue;
      }
      items = std::move(without);
      spared = true;
    }
    if (!spared) run /= 2;
    if (spared) run = std::clamp<std::size_t>(items.size() / 2, 1, run);
  }
  return items;
}

}  // namespace pymemlab
