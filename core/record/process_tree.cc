#include "core/record/process_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include "core/os/file.h"

namespace pymemlab {
namespace {

constexpr std::size_t kMostNameBytes = 40;

nlohmann::json exit_json(const RecordedProcess& process) {
  if (process.replaced) return "exec";
  if (!process.exit) return nullptr;
  nlohmann::json json = {{"status", process.exit->code}};
  if (process.exit->signal != 0) json["signal"] = process.exit->signal;
  return json;
}

nlohmann::json process_json(const RecordedProcess& process) {
  const auto file_name = [](const std::string& path) {
    return std::filesystem::path(path).filename().string();
  };
  nlohmann::json json = {
      {"trace", file_name(process.trace)}, {"pid", process.pid},
      {"parent", process.parent},          {"forked_from", nullptr},
      {"command", process.command},        {"python", process.python},
      {"events", process.events},          {"bytes", process.bytes},
      {"exit", exit_json(process)},        {"loss", nullptr},
  };
  if (process.forked_from) {
    json["forked_from"] = {{"trace", file_name(process.forked_from->trace)},
                           {"events", process.forked_from->events}};
  }
  if (process.loss) json["loss"] = *process.loss;
  return json;
}

}  // namespace

std::string short_name(const std::vector<std::string>& command) {
  if (command.empty()) return "python";
  const std::string program = std::filesystem::path(command[0]).filename().string();
  if (program.rfind("python", 0) != 0) return program;
  for (std::size_t i = 1; i < command.size(); ++i) {
    const std::string& word = command[i];
    if (word == "-m" && i + 1 < command.size()) return command[i + 1];
    if (word == "-c" || word == "-") break;
    if (word == "-W" || word == "-X") {
      ++i;
    } else if (word[0] != '-') {
      return std::filesystem::path(word).stem().string();
    }
  }
  return program;
}

std::string TraceNames::next(int pid, const std::vector<std::string>& command) {
  std::string name = short_name(command).substr(0, kMostNameBytes);
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '.' && c != '_' && c != '-'; },
      '_');
  const unsigned number = ++programs_[pid];
  return number == 1 ? fmt::format("{}-{}.pmtrace", pid, name)
                     : fmt::format("{}.{}-{}.pmtrace", pid, number, name);
}

void write_tree(const RecordRequest& request, const RecordResult& result) {
  nlohmann::json processes = nlohmann::json::array();
  for (const RecordedProcess& process : result.processes)
    processes.push_back(process_json(process));
  const nlohmann::json tree = {
      {"schema", "pymemlab.process-tree"},   {"schema_version", 1},
      {"command", request.command},          {"exit_status", result.program.code},
      {"not_recorded", result.not_recorded}, {"processes", processes}};
  const std::string text =
      tree.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  File file = File::open_to_write((std::filesystem::path(request.output) / kTreeFile).string());
  file.write(std::as_bytes(std::span(text)));
  file.close();
}

}  // namespace pymemlab
