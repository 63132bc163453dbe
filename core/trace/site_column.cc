#include "core/trace/site_column.h"

#include <algorithm>
#include <limits>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

[[noreturn]] void refuse(const ChunkReader& chunk) {
  throw InputError("{}: impossible coding: a site column that does not fit its events",
                   chunk.place());
}

void put_text(Bytes& table, const std::string& text) {
  put_varint(table, text.size());
  table.insert(table.end(), text.begin(), text.end());
}

std::string take_text(VarintReader& from, const ChunkReader& chunk) {
  const std::uint64_t length = from.next();
  const std::uint8_t* text = length <= kMaxSiteTextBytes ? from.take(length) : nullptr;
  if (text == nullptr) refuse(chunk);
  return {reinterpret_cast<const char*>(text), length};
}

}  // namespace

Bytes encode_sites(const std::vector<SiteNumber>& sites, SiteNumber known) {
  SitePredictor predictor;
  predictor.start(known);
  Bytes column;
  for (const SiteNumber site : sites) {
    put_varint(column, site == predictor.next() ? 0 : std::uint64_t{site} + 1);
    predictor.take(site);
  }
  return column;
}

void put_site(Bytes& table, const Site& site) {
  put_varint(table, site.caller);
  put_varint(table, site.line);
  put_text(table, site.file);
  put_text(table, site.function);
}

SiteTable read_site_table(ChunkReader& chunk, std::uint16_t column, SiteNumber known) {
  SiteTable added;
  Bytes buffer;
  const std::size_t bytes = chunk.column(column, kMaxColumnBytes, buffer);
  VarintReader from(buffer.data(), bytes);
  while (!from.at_end()) {
    const std::uint64_t caller = from.next();
    const std::uint64_t line = from.next();
    if (caller > known || line > std::numeric_limits<std::uint32_t>::max() || known == kMaxSites)
      refuse(chunk);
    Site site{static_cast<SiteNumber>(caller), static_cast<std::uint32_t>(line), {}, {}};
    site.file = take_text(from, chunk);
    site.function = take_text(from, chunk);
    added.push_back(std::move(site));
    ++known;
  }
  if (from.failed()) refuse(chunk);
  return added;
}

void read_sites(ChunkReader& chunk, std::uint16_t column, SiteNumber known, EventBatch& batch) {
  Bytes buffer;
  const std::size_t bytes = chunk.column(column, batch.events.size() * kVarintMaxBytes, buffer);
  batch.sites.clear();
  if (bytes == 0) return;
  const auto returned = static_cast<std::size_t>(
      std::count_if(batch.events.begin(), batch.events.end(), returns_block));
  VarintReader from(buffer.data(), bytes);
  SitePredictor predictor;
  predictor.start(known);
  batch.sites.reserve(returned);
  while (!from.at_end() && batch.sites.size() < returned) {
    const std::uint64_t code = from.next();
    if (code > std::uint64_t{known} + 1) refuse(chunk);
    const SiteNumber site = code == 0 ? predictor.next() : static_cast<SiteNumber>(code - 1);
    predictor.take(site);
    batch.sites.push_back(site);
  }
  if (from.failed() || !from.at_end() || batch.sites.size() != returned) refuse(chunk);
}

}  // namespace pymemlab
