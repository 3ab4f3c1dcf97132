// Settings of users.
#include "identity/accounts/configs.hpp"

#include "support/accounts_test.hpp"

namespace corral::identity {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

class UserConfigs : public testing_support::AccountsTest {
protected:
    void SetUp() override {
        AccountsTest::SetUp();
        ann_ = add("ann");
        ben_ = add("ben");
    }
    Caller ann_, ben_;
};

TEST_F(UserConfigs, are_replaced_by_slug_in_any_case_and_keep_id_and_slug) {
    const auto made = value_of(configs_.put(ann_, {.slug = "Theme", .name = "n", .value = "v"}));
    EXPECT_TRUE(made.created);
    EXPECT_EQ(made.config.type, "string");
    const auto again = value_of(configs_.put(ann_, {.slug = "theme", .name = "m", .type = "json", .value = ""}));
    EXPECT_FALSE(again.created);
    EXPECT_EQ(again.config.id, made.config.id);
    EXPECT_EQ(again.config.slug, "Theme");
    EXPECT_EQ(value_of(configs_.get(ann_, "THEME")).value, "");
    EXPECT_EQ(value_of(configs_.get(ann_, made.config.id)).type, "json");
}

TEST_F(UserConfigs, an_update_keeps_what_is_empty_and_makes_what_is_missing) {
    const auto fresh = value_of(configs_.update(ann_, "page&amp;size", {.type = "int", .value = "9"}));
    EXPECT_TRUE(fresh.created);
    EXPECT_EQ(fresh.config.slug, "page&size");
    EXPECT_EQ(fresh.config.name, "page&size");
    const auto same = value_of(configs_.update(ann_, "page&size", {.name = "Page size"}));
    EXPECT_FALSE(same.created);
    EXPECT_EQ(same.config.value, "9");
    EXPECT_EQ(same.config.name, "Page size");
    EXPECT_TRUE(refuses_field("/type", configs_.update(ann_, "page&size", {.type = "date"})));
}

TEST_F(UserConfigs, are_seen_by_their_user_only) {
    const auto made = value_of(configs_.put(ann_, {.slug = "s", .name = "n"}));
    for (const std::string& name : {std::string("s"), made.config.id}) {
        EXPECT_TRUE(fails_with(Errc::not_found, configs_.get(ben_, name)));
        EXPECT_TRUE(fails_with(Errc::not_found, configs_.remove(ben_, name)));
    }
    EXPECT_TRUE(value_of(configs_.put(ben_, {.slug = "s", .name = "n"})).created) << "a slug is a user's own";
    EXPECT_TRUE(ok(configs_.remove(ann_, "S")));
    EXPECT_TRUE(value_of(configs_.list(ann_)).empty());
    EXPECT_EQ(value_of(configs_.list(ben_)).size(), 1U);
}

TEST_F(UserConfigs, are_bounded_in_number_and_size) {
    EXPECT_TRUE(
        refuses_field("/value", configs_.put(ann_, {.slug = "s", .name = "n", .value = std::string(65'537, 'x')})));
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(ok(configs_.put(ann_, {.slug = "s" + std::to_string(i), .name = "n"})));
    EXPECT_TRUE(fails_with(Errc::invalid, configs_.put(ann_, {.slug = "one more", .name = "n"})));
    EXPECT_TRUE(ok(configs_.put(ann_, {.slug = "S7", .name = "replaced"})));
    EXPECT_EQ(value_of(configs_.list(ann_)).at(7).name, "replaced");
}

}  // namespace
}  // namespace corral::identity
