// All accounts and rights in memory, so that requests are answered without the database. The objects are immutable and
// shared: a change that is committed replaces the objects it touched, and whoever holds an old one keeps it. Lookups
// are without case. Any thread; a reader waits for nothing but a pointer that is being replaced. What other controllers
// on the same database commit is loaded when they announce it. Outlived by the database.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "identity/model.hpp"
#include "platform/db/db.hpp"
#include "platform/http/caller.hpp"

namespace corral::identity {

struct Account {
    User user;
    std::shared_ptr<const Principal> principal;
};
using AccountPtr = std::shared_ptr<const Account>;
using RolePtr = std::shared_ptr<const Role>;
using ClaimPtr = std::shared_ptr<const Claim>;
using KeyPtr = std::shared_ptr<const ApiKey>;

std::string lower(std::string_view);
// models-a 12: special characters become '_', then trimmed; upper case, as ids of roles, claims and keys are kept.
std::string normal_name(std::string_view);

class Directory {
public:
    explicit Directory(db::Database& database);

    // Everything anew: at start, and when somebody else changed the database. In order with the changes of this
    // process.
    Result<void> reload();

    // In a transaction, after the statements that changed, made or removed the object: once the transaction is durable,
    // and before its write() returns, the directory shows what the transaction left there. What hangs on the object
    // (rights of a role's holders, keys of an account) follows.
    void user_changed(db::Tx&, const std::string& id);
    void role_changed(db::Tx&, const std::string& id);
    void claim_made(db::Tx&, Claim as_stored);
    void claim_changed(db::Tx&, const std::string& id);
    void key_changed(db::Tx&, const std::string& id);

    // Null when there is none. An id wins over a name that looks like one.
    [[nodiscard]] AccountPtr account(std::string_view id_or_name_or_email) const;
    [[nodiscard]] AccountPtr account_with_id(const std::string& id) const;  // exactly
    [[nodiscard]] AccountPtr root() const;
    [[nodiscard]] KeyPtr key(std::string_view id_or_name_or_key) const;
    [[nodiscard]] RolePtr role(std::string_view name) const;  // as anybody may write it
    [[nodiscard]] RolePtr role_with_id(const std::string& id) const;
    [[nodiscard]] ClaimPtr claim(std::string_view name) const;
    [[nodiscard]] ClaimPtr claim_with_id(const std::string& id) const;

    // In order of creation.
    [[nodiscard]] std::vector<AccountPtr> accounts() const;
    [[nodiscard]] std::vector<RolePtr> roles() const;
    [[nodiscard]] std::vector<ClaimPtr> claims() const;
    [[nodiscard]] std::vector<KeyPtr> keys() const;
    // Rises with every change of what the above give.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }

private:
    using Place = std::pair<std::int64_t, std::string>;  // position or microseconds of creation; id
    template <class T>
    struct Shelf {
        std::map<Place, std::shared_ptr<const T>> in_order;
        std::unordered_map<std::string, std::shared_ptr<const T>> by_id;         // as key_of() writes it
        std::unordered_map<std::string, std::string> first_names, second_names;  // lower case → key
        [[nodiscard]] std::shared_ptr<const T> find(const std::string& name) const;
        [[nodiscard]] std::vector<std::shared_ptr<const T>> all() const;
        void put(std::shared_ptr<const T> item);
        void remove(const std::string& id);
    };
    struct Contents {
        Shelf<Account> accounts;
        Shelf<Role> roles;
        Shelf<Claim> claims;
        Shelf<ApiKey> keys;
        [[nodiscard]] AccountPtr account_of(User user) const;
    };
    static Contents load(db::Tx&);
    // After a commit, on the database's writing thread, which alone changes contents_ and so may read without the lock.
    void take_user(const std::string& id, const std::optional<User>& user);
    void take_role(const std::string& id, const std::optional<Role>& role);
    void take_claim(const std::string& id, const std::optional<Claim>& claim);
    void replace_accounts(const std::vector<AccountPtr>& again);
    template <class Change>
    void locked(Change change);

    db::Database& database_;
    mutable std::shared_mutex mutex_;
    Contents contents_;
    std::unique_ptr<db::Listening> listening_;  // for what other controllers change; ends before the rest goes
    std::atomic<std::uint64_t> generation_{0};
};

}  // namespace corral::identity
