#include "core/record/agent/sites.h"

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "core/record/agent/ring.h"
#include "core/record/agent/ring_writer.h"
#include "core/record/agent/table.h"

namespace pymemlab::agent {
namespace {

// Where CPython keeps what we read: offsets in bytes in 64-bit release builds. kAbsent where a
// version has no such thing.
constexpr int kAbsent = -1;
struct Layout {
  unsigned minor;
  int thread_frame;  // the current frame, or what holds it
  int holder_frame;  // in what holds it
  int frame_back;    // the caller's frame
  int frame_code;    // its code object
  int frame_at;      // a pointer to the instruction, or its number (int)
  int frame_owner;   // a byte: kOwnedByC for frames that are no Python function's
  int code_file;     // str
  int code_name;     // str, qualified where there is one
  int code_first;    // line, int
  int code_start;    // the first instruction; kAbsent: frame_at is a number
  int at_bytes;      // that a number counts
  int text_ascii;    // of a str: the characters if all are ASCII,
  int text_compact;  // and if not
};
constexpr std::array kLayouts = {
    Layout{6, 24, kAbsent, 24, 32, 120, kAbsent, 96, 104, 36, kAbsent, 1, 48, 72},
    Layout{7, 24, kAbsent, 24, 32, 104, kAbsent, 96, 104, 36, kAbsent, 1, 48, 72},
    Layout{8, 24, kAbsent, 24, 32, 104, kAbsent, 104, 112, 40, kAbsent, 1, 48, 72},
    Layout{9, 24, kAbsent, 24, 32, 104, kAbsent, 104, 112, 40, kAbsent, 1, 48, 72},
    Layout{10, 24, kAbsent, 24, 32, 96, kAbsent, 104, 112, 40, kAbsent, 2, 48, 72},
    Layout{11, 56, 8, 48, 32, 56, kAbsent, 112, 128, 72, 184, 1, 48, 72},
    Layout{12, 56, 0, 8, 0, 56, 70, 112, 128, 68, 192, 1, 40, 56},
    Layout{13, 72, kAbsent, 8, 0, 56, 70, 112, 128, 68, 200, 1, 40, 56},
};
constexpr std::uint8_t kOwnedByC = 3;
constexpr int kTextLength = 16;  // in characters
constexpr int kTextState = 32;   // bits 2-4: bytes a character; 5: compact; 6: all are ASCII

// A line of a function that was called from a site. One table for all, open addressing; what is in
// it stays.
struct Node {
  const char* code;
  const char* file;  // with first: tells a code object from a later one at its address
  std::int32_t at;   // byte of the instruction
  std::int32_t first;
  std::uint32_t caller;
  std::uint32_t number;  // 0: free
};
constexpr std::size_t kNodes = std::size_t{1} << 21;
constexpr std::uint32_t kMostSites = kNodes / 2;
static_assert(kMostSites < kMostSiteNumbers);

const Layout* g_layout;
PythonApi g_api;
unsigned g_depth;
Node* g_nodes;
std::uint32_t g_sites;
std::atomic<bool> g_locked;

// Interpreters with a GIL of their own may come at once.
class Locked {
 public:
  Locked() noexcept {
    while (g_locked.exchange(true, std::memory_order_acquire)) sched_yield();
  }
  ~Locked() { g_locked.store(false, std::memory_order_release); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
};

template <typename Value>
Value read(const char* object, int offset) noexcept {
  Value value;
  std::memcpy(&value, object + offset, sizeof value);
  return value;
}

const char* pointer(const char* object, int offset) noexcept {
  return read<const char*>(object, offset);
}

// The record that tells of a new site: caller and line, the file's name and a zero, the function's.
class SiteText {
 public:
  static constexpr std::size_t kMostTextBytes = 480;  // of each name; of a longer one, its end

  SiteText(std::uint32_t caller, std::uint32_t line) noexcept {
    std::memcpy(bytes_, &caller, sizeof caller);
    std::memcpy(bytes_ + sizeof caller, &line, sizeof line);
  }
  void add_zero() noexcept { bytes_[size_++] = 0; }
  // A str as UTF-8.
  void add(const char* text) noexcept;
  [[nodiscard]] const char* data() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  void add_character(std::uint32_t character) noexcept;

  char bytes_[8 + 2 * kMostTextBytes + 8] = {};
  std::size_t size_ = 8;
};

void SiteText::add_character(std::uint32_t character) noexcept {
  const auto put = [this](std::uint32_t byte) { bytes_[size_++] = static_cast<char>(byte); };
  if (character < 0x80) return put(character);
  if (character < 0x800) {
    put(0xC0 | character >> 6);
  } else {
    if (character < 0x10000) {
      put(0xE0 | character >> 12);
    } else {
      put(0xF0 | character >> 18);
      put(0x80 | (character >> 12 & 0x3F));
    }
    put(0x80 | (character >> 6 & 0x3F));
  }
  put(0x80 | (character & 0x3F));
}

void SiteText::add(const char* text) noexcept {
  constexpr unsigned kCompact = 1u << 5;
  constexpr unsigned kAscii = 1u << 6;
  const auto state = read<unsigned>(text, kTextState);
  if ((state & kCompact) == 0) return;
  const auto length = static_cast<std::size_t>(read<std::ptrdiff_t>(text, kTextLength));
  const unsigned width = state >> 2 & 7u;
  const char* characters =
      text + ((state & kAscii) != 0 ? g_layout->text_ascii : g_layout->text_compact);
  const std::size_t most = (state & kAscii) != 0 ? kMostTextBytes : kMostTextBytes / 4;
  for (std::size_t i = length - std::min(length, most); i < length; ++i) {
    std::uint32_t character = 0;
    std::memcpy(&character, characters + i * width, width);
    if (character != 0) add_character(character);
  }
}

const char* current_frame(const char* thread) noexcept {
  const char* frame = pointer(thread, g_layout->thread_frame);
  if (g_layout->holder_frame == kAbsent || frame == nullptr) return frame;
  return pointer(frame, g_layout->holder_frame);
}

// From `frame` on outwards, the first that is a Python function's.
const char* function_frame(const char* frame) noexcept {
  while (frame != nullptr) {
    const bool is_c = g_layout->frame_owner != kAbsent &&
                      read<std::uint8_t>(frame, g_layout->frame_owner) == kOwnedByC;
    if (!is_c && pointer(frame, g_layout->frame_code) != nullptr) return frame;
    frame = pointer(frame, g_layout->frame_back);
  }
  return nullptr;
}

Node node_of(const char* frame) noexcept {
  const char* code = pointer(frame, g_layout->frame_code);
  Node node = {.code = code,
               .file = pointer(code, g_layout->code_file),
               .at = 0,
               .first = read<std::int32_t>(code, g_layout->code_first),
               .caller = 0,
               .number = 0};
  if (g_layout->code_start == kAbsent) {
    node.at = read<std::int32_t>(frame, g_layout->frame_at) * g_layout->at_bytes;
  } else {
    node.at = static_cast<std::int32_t>(pointer(frame, g_layout->frame_at) -
                                        (code + g_layout->code_start));
  }
  return node;
}

void tell(const Node& node) noexcept {
  const int line = g_api.line_of(const_cast<char*>(node.code), node.at);
  SiteText text(node.caller, line < 0 ? 0 : static_cast<std::uint32_t>(line));
  text.add(node.file);
  text.add_zero();
  text.add(pointer(node.code, g_layout->code_name));
  emit_text(ring::Kind::new_site, text.data(), text.size(), node.number);
}

// The site's number; 0 if the table is full.
std::uint32_t number_of(Node node) noexcept {
  const std::uint64_t mixed =
      (reinterpret_cast<std::uint64_t>(node.code) >> 4) * 0x9E3779B97F4A7C15u ^
      (static_cast<std::uint64_t>(static_cast<std::uint32_t>(node.at)) | std::uint64_t{node.caller}
                                                                             << 32) *
          0xC2B2AE3D27D4EB4Fu;
  std::size_t place = (mixed >> 32 ^ mixed) % kNodes;
  for (;; place = (place + 1) % kNodes) {
    const Node& known = g_nodes[place];
    if (known.number == 0) break;
    if (known.code == node.code && known.at == node.at && known.caller == node.caller &&
        known.file == node.file && known.first == node.first)
      return known.number;
  }
  if (g_sites == kMostSites) return 0;
  node.number = ++g_sites;
  g_nodes[place] = node;
  tell(node);
  return node.number;
}

const Layout* layout_of(const PythonApi& api) noexcept {
  unsigned minor = 0;
  if (std::sscanf(api.version(), "3.%u.", &minor) != 1) return nullptr;
  const auto* found = std::find_if(kLayouts.begin(), kLayouts.end(),
                                   [minor](const Layout& layout) { return layout.minor == minor; });
  return found == kLayouts.end() ? nullptr : found;
}

}  // namespace

bool arm_sites(const PythonApi& api, unsigned depth) noexcept {
  g_depth = std::min(depth, ring::kMostSiteDepth);
  if (g_nodes != nullptr) return true;  // a forked child, or another collector
  const Layout* layout = layout_of(api);
  if (layout == nullptr || api.debug_counter != nullptr || api.current_thread == nullptr ||
      api.line_of == nullptr || api.own_thread == nullptr)
    return false;
  void* nodes = mmap(nullptr, kNodes * sizeof(Node), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (nodes == MAP_FAILED) return false;
  g_layout = layout;
  g_api = api;
  g_nodes = static_cast<Node*>(nodes);
  return true;
}

std::uint32_t current_site(bool holds_gil) noexcept {
  const auto* thread = static_cast<const char*>(g_api.current_thread());
  if (thread == nullptr) return 0;
  // Up to 3.11 the current thread is whichever holds the GIL.
  if (!holds_gil && g_layout->minor < 12 && g_api.own_thread() != thread) return 0;
  Node stack[ring::kMostSiteDepth];
  unsigned lines = 0;
  for (const char* frame = function_frame(current_frame(thread));
       frame != nullptr && lines < g_depth;
       frame = function_frame(pointer(frame, g_layout->frame_back)))
    stack[lines++] = node_of(frame);
  if (lines == 0) return 0;
  const Locked locked;
  std::uint32_t site = 0;
  while (lines > 0) {
    Node& node = stack[--lines];
    node.caller = site;
    site = number_of(node);
  }
  return site;
}

void forget_sites() noexcept {
  const Locked locked;
  madvise(g_nodes, kNodes * sizeof(Node), MADV_DONTNEED);
  g_sites = 0;
}

void forget_site_threads() noexcept { g_locked.store(false); }

}  // namespace pymemlab::agent
