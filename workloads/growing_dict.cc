// Inverted indexes: a dictionary from words to lists of positions that grows from empty, its table
// replaced by a larger one each time it is full. Then the rarer words are deleted, and the index
// goes as a whole while the next one, of another size, is already growing.
#include <algorithm>
#include <optional>
#include <vector>

#include "workloads/generators.h"
#include "workloads/python_objects.h"

namespace pymemlab {
namespace {

struct Word {
  Slot key;
  GrowingList positions;
  std::vector<Slot> numbers;
};

class Index {
 public:
  explicit Index(Program& program) : dict_(program) {}

  void add_word(Program& program) {
    Random& random = program.random();
    const Slot key = program.malloc(Domain::obj, str_bytes(random.between(2, 14)));
    words_.push_back({.key = key, .positions = GrowingList(program), .numbers = {}});
    dict_.insert(program);
    add_position(program, words_.back());
  }
  void add_position(Program& program) {
    add_position(program, words_[program.random().below(words_.size())]);
  }
  // Every word that occurred once: its entry goes, the dictionary's table keeps its size.
  void delete_rare_words(Program& program) {
    std::erase_if(words_, [&](Word& word) {
      if (word.numbers.size() > 1) return false;
      drop(program, word);
      return true;
    });
  }
  void free(Program& program) {
    for (Word& word : words_) drop(program, word);
    dict_.free(program);
  }
  [[nodiscard]] std::size_t words() const noexcept { return words_.size(); }

 private:
  static void add_position(Program& program, Word& word) {
    word.numbers.push_back(program.malloc(Domain::obj, kIntBytes));
    word.positions.append(program);
  }
  static void drop(Program& program, Word& word) {
    for (const Slot number : word.numbers) program.free(Domain::obj, number);
    word.positions.free(program);
    program.free(Domain::obj, word.key);
  }

  GrowingDict dict_;
  std::vector<Word> words_;
};

}  // namespace

void generate_growing_dict(const WorkloadParameters& parameters, TraceWriter& trace) {
  Program program(parameters, trace);
  Random& random = program.random();
  const std::uint64_t most_words = std::clamp<std::uint64_t>(parameters.events / 40, 1, 60'000);
  std::optional<Index> previous;
  Index index(program);
  std::uint64_t words_wanted = most_words;
  while (program.goes_on()) {
    if (index.words() == 0 || random.chance(1, 3)) {
      index.add_word(program);
    } else {
      index.add_position(program);
    }
    if (index.words() < words_wanted) continue;
    if (previous) previous->free(program);
    index.delete_rare_words(program);
    previous = std::move(index);
    index = Index(program);
    words_wanted = random.between(most_words / 4 + 1, most_words);
  }
  program.begin_teardown();
  if (previous) previous->free(program);
  index.free(program);
}

}  // namespace pymemlab
