// The files that the report's page is made of, put into the program by the build
// (cmake/embed.cmake): an installed pymemlab needs none beside it.
#pragma once

#include <string_view>

namespace pymemlab {

extern const std::string_view kPageHtml;    // core/report/html/report.html
extern const std::string_view kPageStyle;   // core/report/html/report.css
extern const std::string_view kPageScript;  // core/report/html/*.js, in the order of CMakeLists.txt
extern const std::string_view kEchartsScript;  // third_party/echarts

}  // namespace pymemlab
