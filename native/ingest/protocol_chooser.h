// Which protocol a client speaks, by its first bytes.
#pragma once

#include <memory>

#include "ingest/protocol_input.h"
#include "ingest/ingest_context.h"

namespace tickforge {

std::unique_ptr<ProtocolChooser> make_protocol_chooser(IngestContext& context);

}  // namespace tickforge
