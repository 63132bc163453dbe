#include <array>

#include "core/base/units.h"
#include "core/report/cell_names.h"
#include "core/report/export.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

struct Track {
  const char* name;
  const char* unit;  // the name of its value
  const char* column;
};
constexpr std::array kTracks = {
    Track{"live", "bytes", "live_bytes"}, Track{"mapped", "bytes", "mapped_bytes"},
    Track{"resident", "bytes", "resident_bytes"}, Track{"arenas", "arenas", "arenas"}};

void add_counters(Json& events, std::size_t process, const Json& series) {
  const Json& clock = series.at("allocated_bytes");
  for (const Track& track : kTracks) {
    const Json& values = series.at(track.column);
    for (std::size_t i = 0; i < clock.size(); ++i) {
      if (values[i].is_null()) continue;
      events.push_back({{"ph", "C"},
                        {"name", track.name},
                        {"pid", process},
                        {"ts", clock[i].get<double>() / static_cast<double>(kKiB)},
                        {"args", {{track.unit, values[i]}}}});
    }
  }
}

}  // namespace

std::string export_perfetto(const Json& results) {
  Json events = Json::array();
  std::size_t process = 0;
  for (const NamedCell& named : named_cells(results)) {
    ++process;
    events.push_back({{"ph", "M"},
                      {"name", "process_name"},
                      {"pid", process},
                      {"args", {{"name", named.name}}}});
    const Json& memory = named.cell.at("memory");
    if (!memory.is_null()) add_counters(events, process, memory.at("series"));
  }
  const Json document = {
      {"displayTimeUnit", "ms"},
      {"otherData", {{"time", "one microsecond is one KiB of the allocation clock"}}},
      {"traceEvents", std::move(events)}};
  return document.dump() + "\n";
}

}  // namespace pymemlab
