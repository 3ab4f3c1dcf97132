// Accounts over a database of their own, with the events they tell, for tests of identity.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "identity/accounts/configs.hpp"
#include "identity/accounts/service.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "support/testing.hpp"

namespace corral::testing_support {

class AccountsTest : public testing::Test {
protected:
    using UserRef = identity::Accounts::UserRef;
    static constexpr const char* password = "Valid-Passw0rd!";

    void SetUp() override {
        ASSERT_TRUE(ok(identity::seed(*database_, directory_, clock_, Secret("root's password"))));
        events_.listen([this](const events::Event& event) {
            const std::lock_guard lock(mutex_);
            told_.push_back(event.message + " " + event.body);
        });
    }

    // Somebody with exactly these rights.
    Caller add(const std::string& name, std::vector<std::string> claims = {}, std::vector<std::string> roles = {}) {
        identity::UserCreateRequest request{.username = name, .name = name, .email = name + "@example.org"};
        request.password = Secret(password);
        clock_.advance(std::chrono::milliseconds{1});  // lists are in order of creation
        request.claims = {"LIST"};
        request.roles = {"USER"};
        value_of(accounts_.create_user(root(), request));
        EXPECT_TRUE(ok(accounts_.take_role(root(), UserRef(name), "USER")));
        EXPECT_TRUE(ok(accounts_.take_claim(root(), UserRef(name), "LIST")));
        for (const auto& claim : claims) EXPECT_TRUE(ok(accounts_.give_claim(root(), UserRef(name), {.name = claim})));
        for (const auto& role : roles) EXPECT_TRUE(ok(accounts_.give_role(root(), UserRef(name), {.name = role})));
        told();
        return as(name);
    }
    Caller as(const std::string& name) {
        Caller out;
        if (const auto account = directory_.account(name)) out.principal = account->principal;
        return out;
    }
    Caller root() { return as("root"); }
    static identity::UserCreateRequest wanted(const std::string& name) {
        identity::UserCreateRequest request{.username = name, .name = name, .email = name + "@example.org"};
        request.password = Secret(password);
        return request;
    }
    static identity::UserUpdateRequest new_password(const std::string& text) {
        identity::UserUpdateRequest request;
        request.password = Secret(text);
        return request;
    }
    identity::UserResponse user(const std::string& name) { return value_of(accounts_.user(UserRef(name))); }
    std::string id_of(const std::string& name) { return user(name).id; }
    bool has_role(const std::string& name, const std::string& role) {
        return std::ranges::count(user(name).roles, role) == 1;
    }
    // What was told since the last call.
    std::vector<std::string> told() {
        const std::lock_guard lock(mutex_);
        return std::exchange(told_, {});
    }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ =
        open_database(folder_.path(), {audit::migrations(), identity::migrations(), events::migrations()});
    events::EventLog events_{*database_, clock_};
    identity::Directory directory_{*database_};
    identity::Accounts accounts_{*database_, directory_, events_, clock_, {}};
    identity::Configs configs_{*database_, clock_};

private:
    std::mutex mutex_;
    std::vector<std::string> told_;
};

}  // namespace corral::testing_support
