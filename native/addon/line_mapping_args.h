// A mapping of lines to records, as its file writes it (docs/INGEST.md).
#pragma once

#include <napi.h>

#include <string>

#include "base/error.h"
#include "lines/line_mapping.h"

namespace tickforge {

/// Reads JSON text; an empty text is the default mapping. Whether the rules make sense is for check_line_mapping() to say.
/// Errors: TF_LINE_MAPPING.
Result<LineMapping> read_line_mapping(Napi::Env env, const std::string& json);

}  // namespace tickforge
