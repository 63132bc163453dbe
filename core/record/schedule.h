// When a recording is on: as requested, and as signals say.
#pragma once

#include <chrono>
#include <optional>

namespace pymemlab {

struct ScheduleRequest {
  bool start_paused = false;
  std::optional<std::chrono::nanoseconds> start_after = {};  // the command's start; implies paused
  std::optional<std::chrono::nanoseconds> stop_after = {};   // recording's start
  [[nodiscard]] bool begins_paused() const noexcept { return start_paused || start_after; }
};

class Schedule {
 public:
  using Clock = std::chrono::steady_clock;

  Schedule(const ScheduleRequest& request, Clock::time_point now);

  [[nodiscard]] bool paused() const noexcept { return paused_; }
  // Whether paused() is another than before. SIGUSR1 to this process starts recording and SIGUSR2
  // stops it, as often as they come; from then on no time that was requested for it counts.
  [[nodiscard]] bool changes(Clock::time_point now);
  // Whether the time that was requested for it has passed.
  [[nodiscard]] bool has_run_out() const noexcept { return has_run_out_; }

 private:
  void start(Clock::time_point now);
  void stop();

  bool paused_;
  std::optional<std::chrono::nanoseconds> stop_after_;
  std::optional<Clock::time_point> start_at_;
  std::optional<Clock::time_point> stop_at_;
  bool has_run_out_ = false;
};

}  // namespace pymemlab
