#include "core/report/results.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "core/base/input_error.h"
#include "core/measure/fragmentation.h"
#include "core/report/arena_map_json.h"
#include "core/report/costs_json.h"
#include "core/report/latency_json.h"
#include "core/report/time_json.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

// The columns of a sample, in the order of the identity. One row a column; everything that prints
// samples walks this table.
struct SampleColumn {
  const char* name;
  Json (*value)(const FootprintSample& sample);
};
template <auto kField>
Json value_of(const FootprintSample& sample) {
  return sample.*kField;
}
constexpr std::array kColumns = {
    SampleColumn{"event", value_of<&FootprintSample::event>},
    SampleColumn{"allocated_bytes", value_of<&FootprintSample::allocated_bytes>},
    SampleColumn{"live_blocks", value_of<&FootprintSample::live_blocks>},
    SampleColumn{"live_bytes", value_of<&FootprintSample::live_bytes>},
    SampleColumn{"hook_bytes", value_of<&FootprintSample::hook_bytes>},
    SampleColumn{"rounding_bytes", value_of<&FootprintSample::rounding_bytes>},
    SampleColumn{"metadata_bytes", value_of<&FootprintSample::metadata_bytes>},
    SampleColumn{"free_block_bytes", value_of<&FootprintSample::free_block_bytes>},
    SampleColumn{"free_pool_bytes", value_of<&FootprintSample::free_pool_bytes>},
    SampleColumn{"structural_bytes", value_of<&FootprintSample::structural_bytes>},
    SampleColumn{"raw_free_bytes", value_of<&FootprintSample::raw_free_bytes>},
    SampleColumn{"unexplained_bytes", value_of<&FootprintSample::unexplained_bytes>},
    SampleColumn{"mapped_bytes", value_of<&FootprintSample::mapped_bytes>},
    SampleColumn{"resident_bytes", value_of<&FootprintSample::resident_bytes>},
    SampleColumn{"arenas", value_of<&FootprintSample::arenas>},
    SampleColumn{"residual_bytes", value_of<&FootprintSample::residual_bytes>},
    SampleColumn{"packed_bytes", value_of<&FootprintSample::packed_bytes>},
};

Json sample_json(const FootprintSample& sample) {
  Json json = Json::object();
  for (const SampleColumn& column : kColumns) json[column.name] = column.value(sample);
  return json;
}

Json series_json(const std::vector<FootprintSample>& series) {
  Json json = Json::object();
  for (const SampleColumn& column : kColumns) {
    Json values = Json::array();
    for (const FootprintSample& sample : series) values.push_back(column.value(sample));
    json[column.name] = std::move(values);
  }
  return json;
}

Json fragmentation_json(const Footprint& footprint, std::uint64_t arena_bytes) {
  Json json = Json::object();
  for (const Figure& figure : fragmentation(footprint, arena_bytes)) {
    json[std::string(figure.name)] =
        figure.value ? Json(*figure.value) : Json{{"value", nullptr}, {"reason", figure.reason}};
  }
  return json;
}

Json size_classes_json(const HeapSnapshot& heap) {
  Json rows = Json::array();
  if (!heap.in_use) return rows;
  for (std::size_t c = 0; c < heap.statistics.size_classes; ++c) {
    const SizeClassStatistics& row = heap.statistics.classes[c];
    const std::size_t blocks = row.live_blocks + row.available_blocks;
    rows.push_back({{"block_bytes", row.block_bytes},
                    {"pools", row.pools},
                    {"live_blocks", row.live_blocks},
                    {"available_blocks", row.available_blocks},
                    {"utilisation", blocks == 0 ? Json(nullptr)
                                                : Json(static_cast<double>(row.live_blocks) /
                                                       static_cast<double>(blocks))}});
  }
  return rows;
}

Json memory_json(const Footprint& footprint, std::uint64_t arena_bytes) {
  return {{"peak_live", sample_json(footprint.peak_live)},
          {"peak", sample_json(footprint.peak_mapped)},
          {"end", sample_json(footprint.end)},
          {"fragmentation", fragmentation_json(footprint, arena_bytes)},
          {"size_classes_at_peak", size_classes_json(footprint.peak_heap)},
          {"series", series_json(footprint.series)}};
}

Json lines_json(const std::string& text) {
  Json lines = Json::array();
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Json pymalloc_json(const Footprint& footprint) {
  if (!footprint.end_heap.in_use) return nullptr;
  const HeapStatistics& s = footprint.end_heap.statistics;
  return {{"text", lines_json(footprint.statistics_text)},
          {"arenas_total", s.arenas_total},
          {"arenas_highwater", s.arenas_highwater},
          {"arenas_current", s.arenas_current},
          {"allocated_bytes", s.allocated_bytes},
          {"available_bytes", s.available_bytes},
          {"unused_pools", s.unused_pools},
          {"unused_pool_bytes", s.unused_pool_bytes},
          {"header_bytes", s.header_bytes},
          {"quantization_bytes", s.quantization_bytes},
          {"alignment_bytes", s.alignment_bytes}};
}

Json engine_json(const Measurement& m) {
  if (!m.engine) return nullptr;
  return {{"name", "mimalloc"},
          {"version", m.engine->version},
          {"path", m.engine->path},
          {"note", "placement is not modelled"},
          {"text", lines_json(m.footprint ? m.footprint->statistics_text : "")}};
}

Json known(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json malloc_json(const std::optional<MallocIdentity>& malloc) {
  if (!malloc) return nullptr;
  return {{"name", malloc->name}, {"version", known(malloc->version)}, {"path", malloc->path}};
}

const char* touch_name(Touch touch) {
  switch (touch) {
    case Touch::none: return "none";
    case Touch::first: return "first";
    case Touch::all: return "all";
  }
  return "";
}

Json cell_json(const Measurement& m, const MeasuredTrace& trace) {
  const ReplayCounts& counts = trace.plan.counts;
  Json json = {{"trace", fmt::format("t{}", m.cell.trace)},
               {"target", m.cell.target},
               {"target_version", known(m.cell.target_version)},
               {"configuration", m.cell.configuration},
               {"build", m.cell.build},
               {"profile", m.cell.profile},
               {"system_malloc", m.cell.system_malloc.name},
               {"malloc", malloc_json(m.malloc)},
               {"arena_residue", m.cell.residue.text()},
               {"touch", touch_name(m.cell.touch)},
               {"replayed",
                {{"events", counts.issued},
                 {"skipped", counts.dead_or_unknown},
                 {"consequences_left_out", counts.nested},
                 {"failures_left_out", counts.failed},
                 {"issued_in_the_allocating_domain", counts.wrong_domain},
                 {"issued_as_new_blocks", counts.unknown_reallocs},
                 {"void", !m.void_reason.empty()},
                 {"void_reason", m.void_reason.empty() ? Json(nullptr) : Json(m.void_reason)}}},
               {"time", time_json(m)}};
  json["latency"] = m.latency ? latency_json(*m.latency) : Json(nullptr);
  if (!m.latency) json["latency_reason"] = known(m.latency_reason);
  if (!m.footprint) json["memory_reason"] = known(m.footprint_reason);
  json["memory"] =
      m.footprint ? memory_json(*m.footprint, m.cell.geometry.arena_bytes) : Json(nullptr);
  json["pymalloc"] = m.footprint ? pymalloc_json(*m.footprint) : Json(nullptr);
  json["engine"] = engine_json(m);
  if (m.footprint && m.footprint->arena_map)
    json["arena_map"] = arena_map_json(*m.footprint->arena_map, m.cell.geometry);
  json["costs"] = costs_json(m);
  return json;
}

Json summary_json(const MeasuredTrace& trace) {
  const ReplayPlan& plan = trace.plan;
  Json json = {{"events", plan.events},
               {"allocated_bytes", plan.clock_bytes},
               {"peak_live_bytes", plan.peak_live_bytes},
               {"peak_live_blocks", plan.peak_live_blocks},
               {"slots", plan.slots},
               {"source", trace.metadata.source},
               {"python", nullptr},
               {"pythonmalloc", nullptr},
               {"damage", nullptr},
               {"approximate", nullptr}};
  if (trace.approximate) json["approximate"] = *trace.approximate;
  if (trace.metadata.python) json["python"] = trace.metadata.python->version;
  if (trace.metadata.pythonmalloc) json["pythonmalloc"] = *trace.metadata.pythonmalloc;
  if (trace.damage) json["damage"] = *trace.damage;
  return json;
}

Json context_json(const RunContext& context) {
  return {{"command", context.command},
          {"seed", context.seed},
          {"left_out", context.left_out},
          {"started", context.started},
          {"load_average", context.load_average ? Json(*context.load_average) : Json(nullptr)},
          {"pymemlab", context.version},
          {"revision", known(context.revision)},
          {"compiler", context.compiler},
          {"build_type", context.build_type},
          {"host", known(context.machine.host)},
          {"cpu", known(context.machine.cpu)},
          {"cpus", context.machine.cpus},
          {"caches", known(context.machine.caches)},
          {"kernel", known(context.machine.kernel)},
          {"libc", known(context.machine.libc)}};
}

}  // namespace

Json results_document(const RunContext& context, const std::vector<MeasuredTrace>& traces,
                      const std::vector<Measurement>& measurements) {
  Json document = {{"schema", "pymemlab.results"},
                   {"schema_version", kResultsSchemaVersion},
                   {"context", context_json(context)},
                   {"traces", Json::array()},
                   {"cells", Json::array()}};
  for (std::size_t t = 0; t < traces.size(); ++t) {
    document["traces"].push_back({{"id", fmt::format("t{}", t)},
                                  {"digest", traces[t].digest},
                                  {"path", traces[t].path},
                                  {"summary", summary_json(traces[t])}});
  }
  for (const Measurement& m : measurements)
    document["cells"].push_back(cell_json(m, traces[m.cell.trace]));
  return document;
}

Json read_document(const std::string& path, const DocumentKind& kind) {
  std::ifstream file;
  if (path != "-") {
    std::error_code absent;
    if (std::filesystem::is_directory(path, absent)) throw InputError("{}: is a folder", path);
    file.open(path, std::ios::binary);
    if (!file) throw InputError("{}: cannot be opened: {}", path, std::strerror(errno));
  }
  Json document;
  try {
    document = Json::parse(path == "-" ? std::cin : file);
  } catch (const Json::parse_error& error) {
    throw InputError("{}: not JSON: byte {} is where it stops making sense", path, error.byte);
  }
  if (!document.is_object() || document.value("schema", Json()) != kind.schema) {
    throw InputError("{}: not {}: its \"schema\" is not \"{}\"", path, kind.noun, kind.schema);
  }
  const Json version = document.value("schema_version", Json());
  if (version != kind.version) {
    throw InputError("{}: {} of schema version {}; this pymemlab reads version {}", path, kind.noun,
                     version.dump(), kind.version);
  }
  return document;
}

Json read_results(const std::string& path) {
  return read_document(path, {.schema = "pymemlab.results",
                              .version = kResultsSchemaVersion,
                              .noun = "a results document"});
}

}  // namespace pymemlab
