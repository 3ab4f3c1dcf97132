// A reference database (`data.json`, models-a 13) as far as accounts go, and how it is taken over. Values and free
// functions; import blocks on the database.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "identity/directory.hpp"
#include "platform/json/json.hpp"

namespace corral::identity {

struct ReferenceDatabase {
    struct Named {  // what users and roles hold: whole copies there, of which the id counts
        std::string id;
    };
    struct Claim {
        std::string id, description, group, resource, action;
        bool internal = false;
    };
    struct Role {
        std::string id, description;
        bool internal = false;
        std::vector<Named> claims;
    };
    struct User {
        std::string id, username, name, email, password;
        std::string created_at, updated_at;
        std::vector<Named> roles, claims;
    };
    struct ApiKey {
        std::string id, name, key, secret, type, user_id;
        bool revoked = false;
        std::string created_at, updated_at, revoked_at, expires_at;
    };
    struct Config {
        std::string id, user_id, slug, name, type, value;
        std::string created_at, updated_at;
    };
    std::vector<Claim> claims;
    std::vector<Role> roles;
    std::vector<User> users;
    std::vector<ApiKey> api_keys;
    std::vector<Config> user_configs;
    // Kinds that are not taken over, with how many there are: "catalog_managers" → 2.
    std::map<std::string, std::size_t> other;
};

// `file` is the content of data.json, plain or encrypted; `private_key` (PEM) opens the latter. Errc::invalid when it
// is neither, or when the key does not fit.
Result<ReferenceDatabase> read_reference(const std::string& file, const Secret& private_key);

struct ImportOptions {
    bool unsalted = false;  // it ran with SECURITY_PASSWORD_SALT_PASSWORD=false
};

struct ImportReport {
    struct Kind {
        std::string name;
        std::size_t taken = 0, here = 0, refused = 0;
    };
    std::vector<Kind> kinds;         // claims, roles, users, API keys, user settings
    std::vector<std::string> notes;  // a sentence for what was not taken or works otherwise here
};

// In one transaction, after the built-in claims and roles. What is here already, by id or name, is left as it is, so it
// can be run again; only the built-in roles get the claims that they had there. Passwords and secrets go on working:
// they are kept as the hashes they are until they are used for the first time.
Result<ImportReport> import_reference(db::Database&, Directory&, const Clock&, const ReferenceDatabase&,
                                      const ImportOptions&);

}  // namespace corral::identity
