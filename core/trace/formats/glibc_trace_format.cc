#include "core/trace/formats/glibc_trace_format.h"

#include <optional>
#include <span>

#include "core/trace/formats/byte_reader.h"
#include "core/trace/formats/call_log.h"
#include "core/trace/little_endian.h"

namespace pymemlab {
namespace {

// thread i32 | type and path u32 | ptr1 | ptr2 | size | size2 | size3 | two words unused
constexpr std::size_t kRecordBytes = 64;
constexpr std::uint64_t kMagicPointer = 0x1234;
constexpr std::uint64_t kPointerBytes = 8;

enum class Type : std::uint8_t {
  unused = 0,
  malloc = 1,
  calloc = 2,
  free = 3,
  realloc = 4,
  memalign = 5,
  valloc = 6,
  pvalloc = 7,
  posix_memalign = 8,
  magic = 255,
};

struct Record {
  std::uint64_t thread = 0;
  Type type = Type::unused;
  std::uint64_t pointer1 = 0;  // what free and realloc were given
  std::uint64_t pointer2 = 0;  // what the others, and realloc, returned
  std::uint64_t size = 0;
};

Record decode(const std::uint8_t* from) {
  return {.thread = get_fixed<std::uint32_t>(from),
          .type = static_cast<Type>(from[4]),
          .pointer1 = get_fixed<std::uint64_t>(from + 8),
          .pointer2 = get_fixed<std::uint64_t>(from + 16),
          .size = get_fixed<std::uint64_t>(from + 24)};
}

class GlibcTraceImporter {
 public:
  GlibcTraceImporter(const std::string& from, const std::string& to,
                     const TraceWriterOptions& options)
      : input_(from),
        calls_(from, to,
               {.source = "glibc-trace",
                .unknown = {"python", "domains", "calloc", "alignment", "arenas"}},
               options, TakenAddress::late_free) {}
  ConversionReport run();

 private:
  void take(const Record& record, std::uint64_t offset);
  [[nodiscard]] std::optional<std::string> damage(std::uint64_t last) const;

  ByteReader input_;
  CallLog calls_;
};

ConversionReport GlibcTraceImporter::run() {
  std::uint64_t offset = 0;
  while (const auto bytes = input_.take(kRecordBytes)) {
    const Record record = decode(bytes->data());
    if (offset == 0 && record.type != Type::magic)
      input_.fail_at(0, "no trace of the GNU C library's: wanted its magic record of {} bytes",
                     kRecordBytes);
    take(record, offset);
    offset = input_.offset();
  }
  if (offset == 0)
    input_.fail_at(0, "no trace of the GNU C library's: wanted its magic record of {} bytes",
                   kRecordBytes);
  return calls_.finish(damage(offset));
}

void GlibcTraceImporter::take(const Record& record, std::uint64_t offset) {
  if (record.type == Type::unused) return;
  if (record.type == Type::magic) {
    if (record.pointer1 != kMagicPointer || record.size != kPointerBytes)
      input_.fail_at(offset,
                     "a magic record of another machine: wanted pointer {:#x} and size {}, "
                     "of little-endian 64-bit numbers",
                     kMagicPointer, kPointerBytes);
    return;
  }
  calls_.thread(record.thread);
  switch (record.type) {
    case Type::malloc: return calls_.malloc(record.pointer2, record.size);
    case Type::calloc: return calls_.calloc(record.pointer2, 1, record.size);
    case Type::free: return calls_.free(record.pointer1);
    case Type::realloc: return calls_.realloc(record.pointer1, record.pointer2, record.size);
    case Type::memalign:
    case Type::valloc:
    case Type::pvalloc:
    case Type::posix_memalign:
      calls_.note("aligned requests became plain ones");
      return calls_.malloc(record.pointer2, record.size);
    default: break;
  }
  input_.fail_at(offset, "a record of type {}: wanted 0 to 8, or 255",
                 static_cast<unsigned>(record.type));
}

std::optional<std::string> GlibcTraceImporter::damage(std::uint64_t last) const {
  if (input_.damage()) return input_.damage();
  if (input_.offset() == last) return std::nullopt;
  return fmt::format("{}: is cut off inside the record at byte {}; what is before it was read",
                     input_.path(), last);
}

}  // namespace

ConversionReport import_glibc_trace(const std::string& from, const std::string& to,
                                    const TraceWriterOptions& options) {
  return GlibcTraceImporter(from, to, options).run();
}

bool is_glibc_trace(std::string_view head) noexcept {
  if (head.size() < kRecordBytes) return false;
  const Record first = decode(reinterpret_cast<const std::uint8_t*>(head.data()));
  return first.type == Type::magic && first.pointer1 == kMagicPointer;
}

}  // namespace pymemlab
