// SQL of API keys beyond identity/store.hpp; each function takes the transaction it belongs to.
#pragma once

#include <string>

#include "platform/db/db.hpp"

namespace corral::identity::store {

bool api_key_exists(db::Tx&, const std::string& id_name_or_key);  // without case

}  // namespace corral::identity::store
