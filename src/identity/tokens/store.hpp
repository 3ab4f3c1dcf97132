// SQL of tokens: one function a query; each takes the transaction it belongs to.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "platform/db/db.hpp"

namespace corral::identity::store {

std::vector<std::tuple<std::string, Time>> revoked_tokens(db::Tx&);  // id, end
void insert_revoked_token(db::Tx&, const std::string& id, Time expires);
void delete_revoked_tokens(db::Tx&, Time expired_by);

}  // namespace corral::identity::store
