// SQL of the installation's own notes.
#pragma once

#include <string>

#include "platform/db/db.hpp"

namespace corral::app::store {

// The value of `name`, which is `value` when there was none.
std::string keep_first(db::Tx& tx, const std::string& name, const std::string& value);

}  // namespace corral::app::store
