// What the unit tests of several modules share: callers, a database of their own, and all of results.hpp.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/crypto/crypto.hpp"
#include "platform/db/db.hpp"
#include "platform/http/caller.hpp"
#include "support/database.hpp"
#include "support/results.hpp"

namespace corral::testing_support {

inline const bool crypto_is_ready = (crypto::init(), true);

inline Caller caller(const std::string& id, std::vector<std::string> claims = {}, std::vector<std::string> roles = {}) {
    auto principal = std::make_shared<Principal>();
    principal->user_id = UserId(id);
    principal->username = id;
    principal->name = "Name of " + id;
    principal->email = id + "@example.org";
    principal->claims = std::move(claims);
    principal->roles = std::move(roles);
    std::ranges::sort(principal->claims);
    std::ranges::sort(principal->roles);
    principal->super_user = std::ranges::binary_search(principal->roles, "SUPER_USER");
    principal->root = id == "root";
    Caller out;
    out.principal = std::move(principal);
    return out;
}

inline Caller super_user() { return caller("root", {}, {"SUPER_USER"}); }

// A file, not ":memory:": there readers and the writer would lock each other out of tables.
inline std::unique_ptr<db::Database> open_database(const std::string& folder,
                                                   std::initializer_list<std::vector<db::Migration>> modules) {
    auto database = value_of(open_database_at(folder + "/test.db"));
    std::vector<db::Migration> all;
    for (const auto& list : modules) all.insert(all.end(), list.begin(), list.end());
    EXPECT_TRUE(ok(database->migrate(std::move(all))));
    return database;
}

}  // namespace corral::testing_support
