#include "core/record/recorder.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "core/base/input_error.h"
#include "core/os/debugger.h"
#include "core/os/preload.h"
#include "core/record/process_recording.h"
#include "core/record/process_tree.h"
#include "core/record/ring_table.h"

namespace pymemlab {
namespace {

// Between two looks for new processes.
constexpr std::chrono::milliseconds kNap{2};

std::string utc_now() {
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

// One recorded process and the thread that drains its ring.
struct Recorded {
  explicit Recorded(std::unique_ptr<ProcessRecording> made)
      : recording(std::move(made)), thread([this] { recording->run(); }) {}
  std::unique_ptr<ProcessRecording> recording;
  std::thread thread;
  bool replaced = false;
  bool finished = false;
  RecordedProcess result;
};

// Whose processes are recorded.
class Host {
 public:
  virtual ~Host() = default;
  [[nodiscard]] virtual int id() const noexcept = 0;
  // How it ended, or nothing while it runs, or if that is not known.
  [[nodiscard]] virtual std::optional<ExitStatus> exit() = 0;
  // Whether it has ended.
  [[nodiscard]] virtual bool has_ended() = 0;
};

class Command : public Host {
 public:
  explicit Command(Program program) noexcept : program_(std::move(program)) {}
  [[nodiscard]] int id() const noexcept override { return program_.id(); }
  [[nodiscard]] std::optional<ExitStatus> exit() override { return program_.ended(); }
  [[nodiscard]] bool has_ended() override { return program_.ended().has_value(); }

 private:
  Program program_;
};

class RunningProcess : public Host {
 public:
  explicit RunningProcess(int id) noexcept : watch_(id) {}
  [[nodiscard]] int id() const noexcept override { return watch_.id(); }
  [[nodiscard]] std::optional<ExitStatus> exit() override { return watch_.exit(); }
  [[nodiscard]] bool has_ended() override { return watch_.has_ended(); }

 private:
  ProcessWatch watch_;
};

// All recordings of one command.
class Recorder {
 public:
  Recorder(const RecordRequest& request, RingTable& table, Host& host)
      : request_(request),
        table_(table),
        host_(host),
        started_(utc_now()),
        schedule_(request.schedule, Schedule::Clock::now()) {}

  void run();
  [[nodiscard]] RecordResult result();

 private:
  void pause_or_go_on();
  void meet_processes();
  void finish_ended();
  void finish(Recorded& recorded);
  [[nodiscard]] bool is_over();
  [[nodiscard]] bool is_left();
  [[nodiscard]] std::optional<ExitStatus> exit_of(const Recorded& recorded);

  const RecordRequest& request_;
  RingTable& table_;
  Host& host_;
  std::string started_;
  Schedule schedule_;
  RecordedForks forks_;
  TraceNames names_;
  std::vector<std::unique_ptr<Recorded>> all_;
};

void Recorder::run() {
  for (;;) {
    // Asked before looking for processes: one that started before the last one ended is found.
    const bool over = is_over();
    pause_or_go_on();
    const std::size_t known = all_.size();
    meet_processes();
    if (is_left() || (over && all_.size() == known)) break;
    finish_ended();
    std::this_thread::sleep_for(kNap);
  }
  const bool runs_on = !host_.has_ended();
  for (const auto& recorded : all_) {
    if (runs_on) recorded->recording->set_paused(true);
    recorded->recording->stop();
    finish(*recorded);
  }
}

// The times asked for count from the command's start, or, of a process that ran before, from that
// of its recording.
void Recorder::pause_or_go_on() {
  const Schedule::Clock::time_point now = Schedule::Clock::now();
  if (request_.runs_already && (all_.empty() || !all_.front()->recording->has_begun())) {
    schedule_ = Schedule(request_.schedule, now);
    return;
  }
  if (!schedule_.changes(now)) return;
  table_.set_paused(schedule_.paused());
  for (const auto& recorded : all_) recorded->recording->set_paused(schedule_.paused());
}

void Recorder::meet_processes() {
  for (std::unique_ptr<RingReader>& ring : table_.taken()) {
    const int pid = static_cast<int>(ring->header().owner);
    for (const auto& earlier : all_) {
      if (earlier->finished || earlier->recording->pid() != pid) continue;
      earlier->replaced = true;
      earlier->recording->stop();
    }
    const std::string path = request_.all_processes ? (std::filesystem::path(request_.output) /
                                                       names_.next(pid, command_of(ring->header())))
                                                          .string()
                                                    : request_.output;
    all_.push_back(std::make_unique<Recorded>(std::make_unique<ProcessRecording>(
        request_, started_, forks_, std::move(ring), path, schedule_.paused())));
  }
}

// A single trace is finished at the end, because it holds how the command ended.
void Recorder::finish_ended() {
  if (!request_.all_processes) return;
  for (const auto& recorded : all_) {
    if (!recorded->finished && recorded->recording->has_run()) finish(*recorded);
  }
}

void Recorder::finish(Recorded& recorded) {
  if (recorded.finished) return;
  recorded.thread.join();
  recorded.result = recorded.recording->finish(exit_of(recorded), recorded.replaced);
  recorded.finished = true;
}

// Of the first process's single trace: the command's own end, whoever was recorded.
std::optional<ExitStatus> Recorder::exit_of(const Recorded& recorded) {
  if (recorded.replaced) return std::nullopt;
  if (!request_.all_processes || recorded.recording->pid() == host_.id()) return host_.exit();
  return recorded.recording->exit();
}

// When the command has ended and the recorded processes too, which may be descendants that outlive
// it. Told to stop, we do not wait for such.
bool Recorder::is_over() {
  if (!host_.has_ended()) return false;
  if (Program::told_to_stop()) return true;
  return std::all_of(all_.begin(), all_.end(),
                     [](const auto& recorded) { return recorded->recording->has_run(); });
}

// A process that is not ours runs on when we have what we wanted, or it could not take its ring.
bool Recorder::is_left() {
  return request_.runs_already &&
         (Program::told_to_stop() || schedule_.has_run_out() || table_.turned_away() != 0);
}

RecordResult Recorder::result() {
  RecordResult result;
  result.program = host_.exit().value_or(ExitStatus{});
  result.hooked = !all_.empty();
  result.not_recorded = table_.turned_away();
  for (const auto& recorded : all_) {
    // Not known as long as nobody has waited for it.
    if (!recorded->result.exit) recorded->result.exit = exit_of(*recorded);
    result.processes.push_back(std::move(recorded->result));
    if (!result.loss) result.loss = result.processes.back().loss;
  }
  return result;
}

// The command has run, so nothing that fails now may look as if it had not.
void keep_tree(const RecordRequest& request, RecordResult& result) {
  try {
    write_tree(request, result);
  } catch (const InputError& error) {
    result.tree_loss = fmt::format("{}; the summary of the tree is lost", error.what());
  }
}

// Where the traces go, and what is left there if there are none.
class Output {
 public:
  // Throws InputError if it cannot be written.
  explicit Output(const RecordRequest& request);
  void discard() const;

 private:
  std::string path_;
  bool existed_;
};

Output::Output(const RecordRequest& request) : path_(request.output) {
  std::error_code error;
  existed_ = std::filesystem::exists(path_, error);
  if (request.all_processes) {
    std::filesystem::create_directory(path_, error);
    if (error) throw InputError("{}: cannot be created: {}", path_, error.message());
    if (!std::filesystem::is_empty(path_, error)) {
      throw InputError("{}: is not an empty folder; name a new one for the traces", path_);
    }
    if (access(path_.c_str(), W_OK | X_OK) != 0)
      throw InputError("{}: cannot be written: {}", path_, std::strerror(errno));
  } else if (!std::ofstream(path_, std::ios::app)) {
    // Appending: a file that is there keeps its content until there is something to record.
    throw InputError("{}: cannot be created: {}", path_, std::strerror(errno));
  }
}

void Output::discard() const {
  std::error_code gone;
  if (!existed_) std::filesystem::remove(path_, gone);
}

// Every CPython comes to one of them soon, whatever its compiler has inlined, unless it sleeps:
// with the GIL held, which the last is about to release, and not from inside an allocator.
constexpr std::array kSafePlaces = {"PyObject_Malloc", "PyObject_Free", "PyMem_Malloc",
                                    "PyMem_Free",      "PyUnicode_New", "PyEval_SaveThread"};

// Puts the agent into the process, with rings from `table`.
void enter(int pid, const Preload& preload, const RingTable& table, std::chrono::seconds patience) {
  const int answer = call_with_debugger({.process = pid,
                                         .library = preload.component(),
                                         .function = ring::kAttachFunction,
                                         .argument = table.path(),
                                         .safe_at = {kSafePlaces.begin(), kSafePlaces.end()},
                                         .patience = patience});
  switch (static_cast<ring::Attached>(answer)) {
    case ring::Attached::yes: return;
    case ring::Attached::no_python:
      throw InputError("attach: process {} has no CPython that can be hooked", pid);
    case ring::Attached::before:
      throw InputError(
          "attach: process {} is being recorded, or was until nobody read what it recorded, or was "
          "forked by one that was; if `pymemlab record` does it, send that SIGUSR1 to start, "
          "SIGUSR2 "
          "to stop",
          pid);
    case ring::Attached::no_table: break;
  }
  throw InputError(
      "attach: process {} cannot open {}: it is another user's, or in another container", pid,
      table.path());
}

}  // namespace

RecordResult record(const RecordRequest& request) {
  survive_file_size_limit();
  const Preload preload("libpymemlab-agent.so");
  const Output output(request);
  RecordResult result;
  try {
    RingTable table({.follow_tree = request.all_processes,
                     .paused = request.schedule.begins_paused(),
                     .checkpoints = request.checkpoints,
                     .checkpoint_every = request.checkpoint_every,
                     .site_depth = request.site_depth});
    Command command(Program::start(
        request.command,
        {{"LD_PRELOAD", preload.list()},
         {ring::kTableVariable, table.variable(preload.component())}},
        request.output_to_stderr ? Program::Output::to_stderr : Program::Output::own));
    allow_many_files();
    Recorder recorder(request, table, command);
    recorder.run();
    result = recorder.result();
    if (request.all_processes && result.hooked) keep_tree(request, result);
  } catch (const InputError&) {
    output.discard();
    throw;
  }
  if (!result.hooked) output.discard();
  return result;
}

RecordResult attach(RecordRequest request, int pid, std::chrono::seconds patience) {
  request.runs_already = true;
  survive_file_size_limit();
  const Preload preload("libpymemlab-agent.so");
  const Output output(request);
  try {
    RunningProcess process(pid);
    RingTable table({.paused = request.schedule.begins_paused(), .site_depth = request.site_depth});
    Program::note_requests();
    enter(pid, preload, table, patience);
    Recorder recorder(request, table, process);
    recorder.run();
    RecordResult result = recorder.result();
    if (!result.hooked) output.discard();
    return result;
  } catch (const InputError&) {
    output.discard();
    throw;
  }
}

}  // namespace pymemlab
