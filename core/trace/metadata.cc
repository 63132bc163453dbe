#include "core/trace/metadata.h"

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

using nlohmann::json;

constexpr int kMetadataFormat = 1;

// Takes known keys out of an object, one by one; what is left belongs to `extra`.
class KeyTaker {
 public:
  KeyTaker(const json& object, std::string where) : left_(object), where_(std::move(where)) {}

  template <typename T>
  void take(const char* key, const char* wanted, T& value) {
    const auto found = left_.find(key);
    if (found == left_.end()) return;
    if (!found->is_null() || accepts_null(value)) {
      try {
        read(*found, value);
      } catch (const json::exception&) {
        throw InputError("{}: metadata key \"{}\" is {}; wanted {}", where_, key, found->dump(),
                         wanted);
      }
    }
    left_.erase(found);
  }

  [[nodiscard]] json left() && { return std::move(left_); }

 private:
  template <typename T>
  static bool accepts_null(const T&) {
    return false;
  }
  template <typename T>
  static bool accepts_null(const std::optional<T>&) {
    return true;
  }

  template <typename T>
  static void read(const json& from, T& value) {
    // nlohmann converts between numbers and booleans silently; a trace must mean what it says.
    if constexpr (std::is_unsigned_v<T>) {
      if (!from.is_number_unsigned()) throw json::type_error::create(302, "not a count", &from);
    } else if constexpr (std::is_integral_v<T>) {
      if (!from.is_number_integer()) throw json::type_error::create(302, "not a number", &from);
    }
    from.get_to(value);
  }
  template <typename T>
  static void read(const json& from, std::optional<T>& value) {
    if (from.is_null()) {
      value.reset();
    } else {
      read(from, value.emplace());
    }
  }

  json left_;
  std::string where_;
};

json to_json(const PythonFacts& python) {
  return {{"version", python.version},       {"implementation", python.implementation},
          {"build", python.build},           {"alignment", python.alignment},
          {"pool_bytes", python.pool_bytes}, {"arena_bytes", python.arena_bytes}};
}

PythonFacts python_from_json(const json& object, const std::string& place) {
  PythonFacts python;
  KeyTaker keys(object, place + ": python");
  keys.take("version", "a string", python.version);
  keys.take("implementation", "a string", python.implementation);
  keys.take("build", "a string", python.build);
  keys.take("alignment", "a number of bytes", python.alignment);
  keys.take("pool_bytes", "a number of bytes", python.pool_bytes);
  keys.take("arena_bytes", "a number of bytes", python.arena_bytes);
  return python;
}

}  // namespace

json to_json(const TraceMetadata& metadata) {
  json object = metadata.extra.is_object() ? metadata.extra : json::object();
  object["format"] = kMetadataFormat;
  object["python"] = metadata.python ? to_json(*metadata.python) : json();
  object["source"] = metadata.source;
  object["pythonmalloc"] = metadata.pythonmalloc ? json(*metadata.pythonmalloc) : json();
  object["command"] = metadata.command;
  object["pid"] = metadata.pid;
  object["parent"] = metadata.parent ? json(*metadata.parent) : json();
  object["started"] = metadata.started;
  object["platform"] = metadata.platform;
  object["columns"] = metadata.columns;
  object["unknown"] = metadata.unknown;
  return object;
}

TraceMetadata metadata_from_json(const json& object, const std::string& place) {
  if (!object.is_object()) throw InputError("{}: the metadata is not a JSON object", place);
  TraceMetadata metadata;
  KeyTaker keys(object, place);
  int format = kMetadataFormat;
  json python;
  keys.take("format", "a number", format);
  keys.take("python", "an object or null", python);
  keys.take("source", "a string", metadata.source);
  keys.take("pythonmalloc", "a string or null", metadata.pythonmalloc);
  keys.take("command", "an array of strings", metadata.command);
  keys.take("pid", "a number", metadata.pid);
  keys.take("parent", "a number or null", metadata.parent);
  keys.take("started", "a string", metadata.started);
  keys.take("platform", "a string", metadata.platform);
  keys.take("columns", "an array of strings", metadata.columns);
  keys.take("unknown", "an array of strings", metadata.unknown);
  metadata.extra = std::move(keys).left();
  if (!python.is_null()) {
    if (!python.is_object())
      throw InputError("{}: metadata key \"python\" is {}; wanted an object or null", place,
                       python.dump());
    metadata.python = python_from_json(python, place);
  }
  return metadata;
}

}  // namespace pymemlab
