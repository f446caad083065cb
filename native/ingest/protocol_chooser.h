// Which protocol a client speaks, by its first bytes.
#pragma once

#include <memory>

#include "ingest/batch_intake.h"
#include "ingest/client_session.h"

namespace tickforge {

std::unique_ptr<ProtocolChooser> make_protocol_chooser(IngestContext& context);

}  // namespace tickforge
