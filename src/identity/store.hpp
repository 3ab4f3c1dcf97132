// SQL of logins and API keys: one function a query; each takes the transaction it belongs to. Accounts and their
// rights: accounts/store.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "identity/model.hpp"
#include "platform/db/db.hpp"

namespace corral::identity::store {

int failed_logins(db::Tx&, const std::string& user);
int count_failed_login(db::Tx&, const std::string& user);  // one more; how many now
void clear_failed_logins(db::Tx&, const std::string& user);
std::optional<Time> locked_until(db::Tx&, const std::string& user);
void lock_until(db::Tx&, const std::string& user, Time until);
// Only where it is still `old`: the same password in another form.
void replace_password_hash(db::Tx&, const std::string& user, const std::string& old, const std::string& fresh);
// Every token of the account that is out is refused from here on. Its keys are not touched.
void end_tokens(db::Tx&, const std::string& user);

std::vector<ApiKey> api_keys(db::Tx&);  // in order of creation
std::optional<ApiKey> api_key(db::Tx&, const std::string& id);
void insert_api_key(db::Tx&, const ApiKey&);
// Only where it is still `old`: the same secret in another form.
void replace_key_mac(db::Tx&, const std::string& id, const std::string& old, const std::string& fresh);
void update_api_key(db::Tx&, const ApiKey&);
void delete_api_key(db::Tx&, const std::string& id);

}  // namespace corral::identity::store
