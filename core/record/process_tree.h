// A folder with one trace of each process of a tree: what the files are called, and the summary
// beside them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/record/recorder.h"

namespace pymemlab {

// The summary's name in the folder.
inline constexpr char kTreeFile[] = "tree.json";

// Names a process's trace for its id and its command: "4711-app.pmtrace". The next program in the
// same process (exec keeps the id) is "4711.2-worker.pmtrace".
class TraceNames {
 public:
  [[nodiscard]] std::string next(int pid, const std::vector<std::string>& command);

 private:
  std::map<int, unsigned> programs_;  // by process
};

// What a process is called: the script or module it runs, else the program.
[[nodiscard]] std::string short_name(const std::vector<std::string>& command);

// Writes the summary into request.output. Throws InputError.
void write_tree(const RecordRequest& request, const RecordResult& result);

}  // namespace pymemlab
