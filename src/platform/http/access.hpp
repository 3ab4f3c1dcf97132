// Who may use a route. Every row of a route table names one; there is no default and no way to leave it out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/http/caller.hpp"

namespace corral::http {

class Access {
public:
    enum class Kind { open, signed_in, all_claims, any_claim, super_user };

    [[nodiscard]] bool needs_credentials() const { return kind_ != Kind::open; }
    [[nodiscard]] bool admits(const Caller&) const;
    // Names the caller lacks, for the error text: "[A B]".
    [[nodiscard]] std::string missing(const Caller&) const;
    [[nodiscard]] Kind kind() const { return kind_; }
    [[nodiscard]] const std::vector<std::string>& claims() const { return claims_; }
    [[nodiscard]] const std::string& reason() const { return reason_; }  // why an open route is open
    [[nodiscard]] std::string describe() const;                          // one line for the matrix and the documents

private:
    friend Access all_of(std::vector<std::string>);
    friend Access any_of(std::vector<std::string>);
    friend Access super_users();
    friend Access signed_in();
    friend Access open_to_anyone(std::string);
    Access(Kind kind, std::vector<std::string> claims, std::string reason)
        : kind_(kind), claims_(std::move(claims)), reason_(std::move(reason)) {}
    Kind kind_;
    std::vector<std::string> claims_;
    std::string reason_;
};

Access all_of(std::vector<std::string> claims);
Access any_of(std::vector<std::string> claims);
Access super_users();
Access signed_in();
Access open_to_anyone(std::string reason);

}  // namespace corral::http
