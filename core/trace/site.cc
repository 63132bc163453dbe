#include "core/trace/site.h"

#include <fmt/format.h>

namespace pymemlab {

std::string line_text(const SiteTable& sites, SiteNumber number) {
  const Site& site = sites[number - 1];
  return fmt::format("{}:{} in {}", site.file, site.line, site.function);
}

std::string site_text(const SiteTable& sites, SiteNumber number) {
  if (number == kNoSite || number > sites.size()) return "no Python line";
  std::string text = line_text(sites, number);
  for (SiteNumber caller = sites[number - 1].caller; caller != kNoSite;
       caller = sites[caller - 1].caller)
    text += " < " + line_text(sites, caller);
  return text;
}

}  // namespace pymemlab
