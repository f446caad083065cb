// The control page of a recorder, read without a mapping: a file that is cut must not raise SIGBUS.
#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "format/segment.h"

namespace tickforge {

class ControlPageFile {
 public:
  ControlPageFile(const std::string& directory, const std::string& journal);

  /// What the page says, if its recorder lives; nothing otherwise.
  std::optional<ControlPage> read_live();

 private:
  bool read(ControlPage& page) const;

  std::string path_;
  UniqueFd fd_;
};

}  // namespace tickforge
