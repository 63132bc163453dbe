#include "core/report/export.h"

namespace pymemlab {

const std::vector<ExportFormat>& export_formats() {
  static const std::vector<ExportFormat> formats = {{"pyperf", export_pyperf},
                                                    {"google-benchmark", export_google_benchmark},
                                                    {"hyperfine", export_hyperfine},
                                                    {"csv", export_csv},
                                                    {"perfetto", export_perfetto}};
  return formats;
}

}  // namespace pymemlab
