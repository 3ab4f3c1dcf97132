// Two controllers on one database: what one ends, the other refuses.
#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "identity/keys/keys.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "identity/service.hpp"
#include "support/database.hpp"
#include "support/testing.hpp"

namespace corral::identity {
namespace {

using testing_support::eventually;
using testing_support::ok;
using testing_support::value_of;

constexpr const char* master = "0123456789abcdef0123456789abcdef";

struct Controller {
    explicit Controller(const std::string& path, const Clock& clock)
        : database(value_of(testing_support::open_database_at(path))),
          directory(*database),
          service(*database, directory, clock, {.master_key = Secret(master)}),
          keys(*database, directory, clock, Secret(master)) {
        auto all = migrations();
        for (const auto& migration : audit::migrations()) all.push_back(migration);
        EXPECT_TRUE(ok(database->migrate(std::move(all))));
        EXPECT_TRUE(ok(seed(*database, directory, clock, Secret("root's password"))));
        EXPECT_TRUE(ok(service.load()));
    }
    Result<Caller> bearer(const std::string& token) const {
        http::Request request;
        request.headers.add("Authorization", "Bearer " + token);
        return service.authenticate(request, false);
    }
    Result<Caller> with_key(const std::string& encoded) const {
        http::Request request;
        request.headers.add("X-Api-Key", encoded);
        return service.authenticate(request, false);
    }
    std::string login() {
        return value_of(service.login({.email = "root", .password = Secret("root's password")}, "192.0.2.1")).token;
    }

    std::unique_ptr<db::Database> database;
    Directory directory;
    Service service;
    ApiKeys keys;
};

// SQLite belongs to one process, so this runs on PostgreSQL only.
TEST(PostgresControllers, tokens_and_keys_that_one_ends_are_refused_by_the_other) {
    const TempFolder folder;
    const FakeClock clock;
    Controller one(folder / "shared.db", clock);
    Controller other(folder / "shared.db", clock);
    const std::string first = one.login();
    const std::string second = one.login();
    ASSERT_TRUE(ok(other.bearer(first)));
    ASSERT_TRUE(ok(one.service.logout(value_of(one.bearer(first)), {})));
    EXPECT_TRUE(eventually([&] { return !other.bearer(first); }));
    EXPECT_TRUE(ok(other.bearer(second)));

    Caller root;
    root.principal = one.service.root();
    const std::string key =
        value_of(one.keys.create(root, {.name = "k", .key = "k", .secret = Secret("secret")})).encoded;
    EXPECT_TRUE(eventually([&] { return other.with_key(key).has_value(); }));
    ASSERT_TRUE(ok(one.keys.revoke(root, "k")));
    EXPECT_TRUE(eventually([&] { return !other.with_key(key); }));

    ASSERT_TRUE(ok(other.service.logout(value_of(other.bearer(second)), {.everywhere = true})));
    EXPECT_TRUE(eventually([&] { return !one.bearer(second); }));
    EXPECT_TRUE(ok(one.bearer(other.login())));
}

}  // namespace
}  // namespace corral::identity
