// Kinds of callers for the authorization matrix: real tokens and keys of a real server, good ones and bad ones, each
// with what it may do by the rules of the contract, told without the code under test.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server.hpp"

namespace corral::tests {

struct Rights {
    std::set<std::string> claims;  // effective ones
    bool super_user = false;       // passes every check
};

struct CallerKind {
    std::string name;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string query;             // "access_token=…"
    std::optional<Rights> rights;  // none: nobody, whatever is asked for
};

// Accounts that the kinds need; for Server::Options.
std::vector<Account> accounts_of_callers(const std::vector<std::string>& single_claims);
// At least 25 kinds, and one for each of the single claims. Makes keys through the API, and blocks and revokes through
// it.
std::vector<CallerKind> callers_of(Server&, const std::vector<std::string>& single_claims);

// What an access column of docs/reference/authorization.md says of a caller: "open: …", "any credential",
// "role SUPER_USER", "A and B", "A or B".
bool let_in(const std::string& access, const std::optional<Rights>&);

}  // namespace corral::tests
