#include "identity/accounts/passwords.hpp"

#include <algorithm>
#include <string_view>

namespace corral::identity {

Result<void> PasswordRules::check(const Secret& password, const std::string& path) const {
    const std::string& text = password.reveal();
    Error error{Errc::invalid, "The password is not strong enough"};
    const auto refuse = [&](std::string problem) { error.fields.push_back({path, std::move(problem)}); };
    const auto has_one_of = [&](std::string_view set) { return text.find_first_of(set) != std::string::npos; };
    const auto has_between = [&](char from, char to) {
        return std::ranges::any_of(text, [&](char c) { return c >= from && c <= to; });
    };
    const std::size_t least = std::max<std::size_t>(min_length, 8);
    const std::size_t most = std::min(max_length, password_limit);
    if (text.size() < least) refuse("must have at least " + std::to_string(least) + " bytes");
    if (text.size() > most) refuse("may have at most " + std::to_string(most) + " bytes");
    if (lowercase && !has_between('a', 'z')) refuse("must have a lower-case letter");
    if (uppercase && !has_between('A', 'Z')) refuse("must have an upper-case letter");
    if (number && !has_between('0', '9')) refuse("must have a digit");
    if (special && !has_one_of("!@#$%^&*()_+.?")) refuse("must have one of ! @ # $ % ^ & * ( ) _ + . ?");
    if (error.fields.empty()) return {};
    return error;
}

}  // namespace corral::identity
