#include "core/trace/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <utility>

#include "core/base/input_error.h"
#include "core/trace/trace_decoder.h"

namespace pymemlab {
namespace {

template <typename Element>
void append(std::vector<Element>& to, std::vector<Element>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

}  // namespace

class TraceReader::Impl {
 public:
  Impl(File file, const TraceReaderOptions& options);

  [[nodiscard]] bool next(EventBatch& batch);
  [[nodiscard]] const TraceDecoder& decoder() const noexcept { return decoder_; }
  [[nodiscard]] bool has_column(std::string_view name) const noexcept {
    const std::vector<std::string>& columns = seen.metadata.columns;
    return std::find(columns.begin(), columns.end(), name) != columns.end();
  }

  // As of the last call of next(), wherever decoding is.
  TraceStart seen;
  Slot slots = 0;
  std::uint64_t digest = TraceDigest().value();
  std::optional<std::string> damage;

 private:
  void decode() { has_next_ = decoder_.next(next_); }

  TraceDecoder decoder_;
  std::launch policy_;
  DecodedChunk next_;
  bool has_next_ = false;
  std::future<void> decoding_;  // the last member: its end waits for a thread that uses the others
};

// The first chunk tells whether anything can be read.
TraceReader::Impl::Impl(File file, const TraceReaderOptions& options)
    : decoder_(std::move(file), options),
      policy_(options.ahead && decoder_.can_seek() ? std::launch::async : std::launch::deferred) {
  seen = decoder_.take_start();
  slots = decoder_.slots();
  decode();
  if (!has_next_ && decoder_.damage())
    throw InputError("{}; not one chunk of events is whole", *decoder_.damage());
}

bool TraceReader::Impl::next(EventBatch& batch) {
  if (decoding_.valid()) decoding_.get();
  if (std::optional<TraceMetadata> more = std::exchange(next_.metadata, std::nullopt))
    seen.metadata = *std::move(more);
  if (!has_next_) {
    damage = decoder_.damage();
    return false;
  }
  append(seen.marks, next_.marks);
  append(seen.sites, next_.sites);
  slots = next_.slots;
  digest = next_.digest;
  std::swap(batch, next_.batch);
  has_next_ = false;
  decoding_ = std::async(policy_, [this] { decode(); });
  return true;
}

TraceReader TraceReader::open(const std::string& path, TraceReaderOptions options) {
  return TraceReader(std::make_unique<Impl>(File::open_to_read(path), options));
}

TraceReader::TraceReader(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
TraceReader::TraceReader(TraceReader&&) noexcept = default;
TraceReader& TraceReader::operator=(TraceReader&&) noexcept = default;
TraceReader::~TraceReader() = default;

const std::string& TraceReader::path() const noexcept { return impl_->decoder().path(); }
const TraceMetadata& TraceReader::metadata() const noexcept { return impl_->seen.metadata; }
bool TraceReader::has_addresses() const noexcept { return impl_->has_column("address"); }
bool TraceReader::has_sites() const noexcept { return impl_->has_column("site"); }
std::optional<std::uint64_t> TraceReader::total_events() const noexcept {
  return impl_->decoder().total_events();
}
const std::vector<LiveBlock>& TraceReader::initial_blocks() const noexcept {
  return impl_->seen.blocks;
}
bool TraceReader::next(EventBatch& batch) { return impl_->next(batch); }
const std::optional<std::string>& TraceReader::damage() const noexcept { return impl_->damage; }
const std::vector<std::string>& TraceReader::marks() const noexcept { return impl_->seen.marks; }
const SiteTable& TraceReader::sites() const noexcept { return impl_->seen.sites; }
Slot TraceReader::slots() const noexcept { return impl_->slots; }
std::string TraceReader::digest() const { return digest_text(impl_->digest); }

}  // namespace pymemlab
