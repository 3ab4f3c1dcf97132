// What a password must be like (behaviour-a 1.7). Values; any thread.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "identity/model.hpp"

namespace corral::identity {

struct PasswordRules {
    std::size_t min_length = 12;              // bytes; never below 8
    std::size_t max_length = password_limit;  // bytes; never above password_limit
    bool lowercase = true, uppercase = true, number = true, special = true;

    // Every rule that is broken, as a problem of the member `path`, in one Errc::invalid.
    [[nodiscard]] Result<void> check(const Secret& password, const std::string& path) const;
};

}  // namespace corral::identity
