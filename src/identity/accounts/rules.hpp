// Who may change whom, and who may give what (README of the contract: granting; quirks Q3, Q4). Each answers with
// Errc::forbidden, or Errc::invalid where nobody may. Pure functions over values.
#pragma once

#include "base/error.hpp"
#include "identity/model.hpp"
#include "platform/http/caller.hpp"

namespace corral::identity {

bool is_root(const User&);
bool is_super_user(const User&);

// A role by who holds it or every claim in it; SUPER_USER by super users only.
Result<void> may_give_role(const Caller&, const Role&);
// A claim by who holds it in effect.
Result<void> may_give_claim(const Caller&, const std::string& claim);
// Accounts of super users are changed by super users only.
Result<void> may_change(const Caller&, const User&);
// A new password or e-mail address gives the account away, so it takes everything that account may do. `target` are its
// effective claims, `common` those that everybody who may create accounts can have anyway.
Result<void> may_take_over(const Caller&, const User&, const std::vector<std::string>& target,
                           const std::vector<std::string>& common);
// Roles and claims that are built in are changed by root only.
Result<void> may_change_built_in(const Caller&, bool internal);

}  // namespace corral::identity
