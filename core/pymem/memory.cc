#include "core/pymem/memory.h"

#include <cstdio>

#include "core/base/check.h"

namespace pymemlab {
namespace {

constexpr std::array kPythonDomains = {Domain::raw, Domain::mem, Domain::obj};

bool is_python_domain(Domain domain) noexcept { return index(domain) < kPythonDomains.size(); }

void write_to_stderr(void*, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

TextSink stderr_sink() noexcept { return {.write = write_to_stderr}; }

Memory::Memory(const MemoryOptions& options)
    : profile_(*options.profile),
      geometry_(options.geometry.value_or(profile_.geometry)),
      usable_bytes_(options.usable_bytes),
      statistics_sink_(options.statistics_sink),
      malloc_stats_(options.malloc_stats),
      libc_(options.libc),
      mimalloc_(options.configuration->mem_and_obj == Base::mimalloc
                    ? &MimallocEngine::of_this_machine()
                    : nullptr),
      mem_and_obj_(options.configuration->mem_and_obj),
      raw_(options.configuration->raw(profile_)),
      arenas_(options.arenas.value_or(profile_.advises_huge_pages ? huge_page_advised_arenas()
                                                                  : mmap_arenas())),
      hooks_(profile_, options.debug_reporter, options.gil) {
  if (mem_and_obj_ == Base::pymalloc) {
    heap_ = make_small_heap(geometry_, &records_[index(Domain::raw)], &arenas_,
                            {.count_costs = options.count_costs,
                             .realloc_zero_asks_one = profile_.realloc_zero_asks_one,
                             .before_new_arena = malloc_stats_ ? report_statistics : nullptr,
                             .before_new_arena_context = this,
                             .nominal_base = options.nominal_base,
                             .nominal_base_context = options.nominal_base_context});
    heap_record_ = heap_->record();
  }
  records_[index(Domain::libc)] = libc_allocator();
  set_allocator(Domain::raw, base_record(raw_));
  set_allocator(Domain::mem, base_record(mem_and_obj_));
  set_allocator(Domain::obj, base_record(mem_and_obj_));
  if (options.configuration->debug) setup_debug_hooks();
}

AllocatorRecord Memory::get_allocator(Domain domain) const noexcept {
  return is_python_domain(domain) ? record(domain) : AllocatorRecord{};
}

void Memory::set_allocator(Domain domain, const AllocatorRecord& record) noexcept {
  if (!is_python_domain(domain)) return;
  records_[index(domain)] = record;
  layers_[index(domain)] = layers_of(domain);
}

void Memory::setup_debug_hooks() noexcept {
  for (const Domain domain : kPythonDomains) {
    hooks_.set_up(domain, records_[index(domain)]);
    layers_[index(domain)] = layers_of(domain);
  }
  debug_hooks_set_up_ = true;
}

Memory::Layers Memory::layers_of(Domain domain) const noexcept {
  const Base configured = domain == Domain::raw ? raw_ : mem_and_obj_;
  const AllocatorRecord* layer = &record(domain);
  const bool hooked = hooks_.inner(domain).malloc != nullptr && *layer != libc_ &&
                      *layer != base_record(mem_and_obj_);
  if (hooked) layer = &hooks_.inner(domain);
  return {.hooked = hooked, .base = *layer == libc_ ? Base::libc : configured};
}

BlockCost Memory::cost(Domain domain, const void* block) const noexcept {
  PYMEMLAB_DCHECK(is_python_domain(domain));
  const Layers layers = layers_[index(domain)];
  const auto* base = static_cast<const std::byte*>(block);
  std::size_t hook_bytes = 0;
  const auto undress = [&] {
    base -= kDebugHeaderBytes;
    hook_bytes += hooks_.bytes_per_block();
  };
  if (layers.hooked) undress();
  if (layers.base == Base::mimalloc)
    return {false, base, hook_bytes, mimalloc_->usable_bytes(base)};
  if (layers.base == Base::pymalloc) {
    if (heap_->owns(base)) return {true, base, hook_bytes, heap_->block_bytes(base)};
    if (layers_[index(Domain::raw)].hooked) undress();
  }
  return {false, base, hook_bytes, usable_bytes_(base)};
}

std::string Memory::statistics_text() const {
  switch (base_in_use()) {
    case Base::libc: return {};
    case Base::mimalloc: return mimalloc_statistics_text(mimalloc_->heap());
    case Base::pymalloc: break;
  }
  const bool numbered =
      profile_.serial != Serial::none && hooks_.is_hook(Domain::obj, record(Domain::obj));
  return pymemlab::statistics_text(
      heap_->statistics(), geometry_,
      numbered ? std::optional(hooks_.serial()) : std::optional<std::uint64_t>());
}

void Memory::report_at_exit() const noexcept {
  if (malloc_stats_) report_statistics(const_cast<Memory*>(this));  // which only reads it
}

// What serves obj as far as CPython can see: its versions look below their own debug hook in
// different ways, and none looks below a foreign record. libc stands for all it cannot tell.
Base Memory::base_in_use() const noexcept {
  const AllocatorRecord& current = record(Domain::obj);
  const bool look_below =
      profile_.remembers_debug_hooks ? debug_hooks_set_up_ : hooks_.is_hook(Domain::obj, current);
  const AllocatorRecord& served_by = look_below ? hooks_.inner(Domain::obj) : current;
  return served_by.malloc == base_record(mem_and_obj_).malloc ? mem_and_obj_ : Base::libc;
}

std::int64_t Memory::allocated_blocks() const noexcept {
  if (mimalloc_ != nullptr) return static_cast<std::int64_t>(mimalloc_->heap().blocks);
  return heap_ ? heap_->allocated_blocks() : 0;
}

const Configuration* Memory::current_configuration() const noexcept {
  for (const Configuration& configuration : all_configurations()) {
    if (configuration.mem_and_obj != Base::libc && configuration.mem_and_obj != mem_and_obj_)
      continue;
    bool matches = true;
    for (const Domain domain : kPythonDomains) {
      const AllocatorRecord base = base_record(domain == Domain::raw ? configuration.raw(profile_)
                                                                     : configuration.mem_and_obj);
      const AllocatorRecord& current = record(domain);
      matches &= configuration.debug
                     ? current == hooks_.record(domain) && hooks_.inner(domain) == base
                     : current == base;
    }
    if (matches) return &configuration;
  }
  return nullptr;
}

AllocatorRecord Memory::base_record(Base base) const noexcept {
  switch (base) {
    case Base::libc: return libc_;
    case Base::pymalloc: return heap_record_;
    case Base::mimalloc: return mimalloc_->record();
  }
  return libc_;
}

void Memory::report_statistics(void* memory) noexcept {
  const auto& self = *static_cast<const Memory*>(memory);
  const std::string text = self.statistics_text();
  if (!text.empty()) self.statistics_sink_.write(self.statistics_sink_.context, text);
}

}  // namespace pymemlab
