#include "core/pymem/gil.h"

#include "core/base/check.h"

namespace pymemlab {

void Gil::acquire() noexcept {
  PYMEMLAB_CHECK(!is_held_by_this_thread());
  std::unique_lock lock(mutex_);
  released_.wait(lock, [this] { return holder_.load() == std::thread::id(); });
  holder_ = std::this_thread::get_id();
}

void Gil::release() noexcept {
  PYMEMLAB_CHECK(is_held_by_this_thread());
  {
    const std::scoped_lock lock(mutex_);
    holder_ = std::thread::id();
  }
  released_.notify_one();
}

GilCheck Gil::check(const Profile& profile) noexcept {
  const auto is_holder = [](void* gil) {
    return static_cast<const Gil*>(gil)->is_held_by_this_thread();
  };
  const auto is_holder_or_nobody_knows = [](void* gil) {
    const auto* self = static_cast<const Gil*>(gil);
    return self->had_sub_interpreter_ || self->is_held_by_this_thread();
  };
  return {.is_held = profile.gil_check_asks_thread_state ? +is_holder : +is_holder_or_nobody_knows,
          .context = this};
}

}  // namespace pymemlab
