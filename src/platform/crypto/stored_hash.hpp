// How a stored password hash says that it is a bcrypt hash of the password alone, without the suffix that
// verify_password() otherwise appends.
#pragma once

#include <string_view>

namespace corral::crypto {

constexpr std::string_view without_suffix = "unsalted:";

}  // namespace corral::crypto
