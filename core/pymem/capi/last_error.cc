#include <string>

#include "core/pymem/capi/interpreter.h"

namespace pymemlab::capi {
namespace {

thread_local std::string t_last_error;

}  // namespace

void set_last_error(std::string_view sentence) noexcept { t_last_error = sentence; }

}  // namespace pymemlab::capi

const char* PyMemLab_LastError() { return pymemlab::capi::t_last_error.c_str(); }
