// Users, roles and claims: who may change what of whom. Methods block on the database; thread-safe. The database, the
// directory and the clock outlive it.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "identity/accounts/responses.hpp"
#include "identity/directory.hpp"
#include "platform/db/db.hpp"
#include "platform/http/caller.hpp"

namespace corral::identity {

class Accounts {
public:
    Accounts(db::Database& database, Directory& directory, const Clock& clock)
        : database_(database), directory_(directory), clock_(clock) {}

    [[nodiscard]] Result<std::vector<UserResponse>> users() const;

private:
    [[maybe_unused]] db::Database& database_;
    Directory& directory_;
    [[maybe_unused]] const Clock& clock_;
};

}  // namespace corral::identity
