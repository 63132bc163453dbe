#include "core/record/schedule.h"

#include <utility>

#include "core/os/program.h"

namespace pymemlab {

Schedule::Schedule(const ScheduleRequest& request, Clock::time_point now)
    : paused_(request.begins_paused()), stop_after_(request.stop_after) {
  if (request.start_after) start_at_ = now + *request.start_after;
  if (!paused_) start(now);
}

bool Schedule::changes(Clock::time_point now) {
  const bool before = paused_;
  const Program::Wish wish = Program::take_wish();
  if (wish == Program::Wish::start || (start_at_ && now >= *start_at_)) start(now);
  has_run_out_ |= stop_at_ && now >= *stop_at_;
  if (wish == Program::Wish::stop || has_run_out_) stop();
  return paused_ != before;
}

void Schedule::start(Clock::time_point now) {
  paused_ = false;
  start_at_.reset();
  if (stop_after_) stop_at_ = now + *std::exchange(stop_after_, std::nullopt);
}

void Schedule::stop() {
  paused_ = true;
  start_at_.reset();
  stop_at_.reset();
}

}  // namespace pymemlab
