// Segments that an import is about to make part of the log (docs/FORMAT.md, section "Files").
#pragma once

#include <string>
#include <vector>

namespace tickforge {

/// Takes the names out of `names`, all those of a directory, that its `<journal>.pending` files list. Readers look at
/// what is left; writers count all. Errors: none, a file that is gone lists nothing any more.
void remove_pending(const std::string& directory, std::vector<std::string>& names);

}  // namespace tickforge
