// SQL of identity: one function a query; each takes the transaction it belongs to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "identity/model.hpp"
#include "platform/db/db.hpp"

namespace corral::identity::store {

std::vector<Claim> claims(db::Tx&);
void insert_claim(db::Tx&, const Claim&);
void delete_claim(db::Tx&, const std::string& id);

std::vector<Role> roles(db::Tx&);  // with their claims
void insert_role(db::Tx&, const Role&);
void delete_role(db::Tx&, const std::string& id);
void grant_to_role(db::Tx&, const std::string& role, const std::string& claim);
void take_from_role(db::Tx&, const std::string& role, const std::string& claim);

std::vector<User> users(db::Tx&);  // with roles and direct claims, in order of creation
void insert_user(db::Tx&, const User&);
void update_user(db::Tx&, const User&);  // the row itself, not its grants
void delete_user(db::Tx&, const std::string& id);
int failed_logins(db::Tx&, const std::string& user);
int count_failed_login(db::Tx&, const std::string& user);  // one more; how many now
void clear_failed_logins(db::Tx&, const std::string& user);
std::optional<Time> locked_until(db::Tx&, const std::string& user);
void lock_until(db::Tx&, const std::string& user, Time until);
void grant_role(db::Tx&, const std::string& user, const std::string& role);
void take_role(db::Tx&, const std::string& user, const std::string& role);
void grant_claim(db::Tx&, const std::string& user, const std::string& claim);
void take_claim(db::Tx&, const std::string& user, const std::string& claim);

std::vector<ApiKey> api_keys(db::Tx&);
void insert_api_key(db::Tx&, const ApiKey&);
void update_api_key(db::Tx&, const ApiKey&);
void delete_api_key(db::Tx&, const std::string& id);

}  // namespace corral::identity::store
