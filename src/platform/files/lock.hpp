// A file that one process holds.
#pragma once

#include <string>

#include "platform/files/files.hpp"

namespace corral::files {

// Held until the descriptor is closed (flock; the file is made when missing and never removed). Errc::conflict when
// another descriptor holds it, in this process or another.
Result<Descriptor> lock_file(const std::string& path);

}  // namespace corral::files
