// SQL of accounts, their settings, roles and claims: one function a query; each takes the transaction it belongs to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "identity/model.hpp"
#include "platform/db/db.hpp"

namespace corral::identity::store {

std::vector<Claim> claims(db::Tx&);
std::optional<Claim> claim(db::Tx&, const std::string& id);
// As it is stored: with its place in lists. Nothing, when there is one of that id.
std::optional<Claim> insert_claim(db::Tx&, Claim);
void delete_claim(db::Tx&, const std::string& id);  // also what roles and users hold of it
// Who holds it directly, without root.
bool claim_is_held(db::Tx&, const std::string& id);

std::vector<Role> roles(db::Tx&);  // with their claims
std::optional<Role> role(db::Tx&, const std::string& id);
void insert_role(db::Tx&, const Role&);
void delete_role(db::Tx&, const std::string& id);
bool role_is_held(db::Tx&, const std::string& id);
bool grant_to_role(db::Tx&, const std::string& role, const std::string& claim);   // false: it had it
bool take_from_role(db::Tx&, const std::string& role, const std::string& claim);  // false: it had it not

std::vector<User> users(db::Tx&);  // with roles and direct claims, in order of creation
std::optional<User> user(db::Tx&, const std::string& id);
// The id of an account, other than `except`, that goes by this name: as id, user name or e-mail, without case.
std::optional<std::string> user_called(db::Tx&, const std::string& name, const std::string& except);
void insert_user(db::Tx&, const User&);
void update_user(db::Tx&, const User&);  // the row itself, not its grants
void delete_user(db::Tx&, const std::string& id);
bool grant_role(db::Tx&, const std::string& user, const std::string& role);    // false: had it
bool take_role(db::Tx&, const std::string& user, const std::string& role);     // false: had it not
bool grant_claim(db::Tx&, const std::string& user, const std::string& claim);  // false: had it
bool take_claim(db::Tx&, const std::string& user, const std::string& claim);   // false: had it not

std::vector<UserConfig> configs(db::Tx&, const std::string& user);  // in order of creation
std::int64_t count_configs(db::Tx&, const std::string& user);
std::optional<UserConfig> config(db::Tx&, const std::string& user, const std::string& id_or_slug);  // without case
std::optional<UserConfig> config_with_slug(db::Tx&, const std::string& user, const std::string& slug);
void insert_config(db::Tx&, const UserConfig&);
void update_config(db::Tx&, const UserConfig&);  // name, type and value
void delete_config(db::Tx&, const std::string& id);

}  // namespace corral::identity::store
