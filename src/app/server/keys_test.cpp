// The table of configuration keys against its types, and against the code that is meant to read them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "app/server/config.hpp"
#include "app/server/references.hpp"
#include "platform/files/files.hpp"
#include "support/results.hpp"

namespace corral::app {
namespace {

using testing_support::fails_with;
using testing_support::value_of;

std::string sources_of_the_program() {
    std::string out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(CORRAL_SOURCES "/app")) {
        const std::string name = entry.path().filename();
        if (!name.ends_with(".cpp") || name.ends_with("_test.cpp") || name.starts_with("keys")) continue;
        out += value_of(files::read_file(entry.path()));
    }
    return out;
}

TEST(Keys, have_names_of_their_own_in_the_contracts_form) {
    std::set<std::string_view> seen;
    for (const Key& key : keys()) {
        EXPECT_TRUE(seen.insert(key.name).second) << key.name;
        EXPECT_TRUE(std::ranges::all_of(key.name, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; }))
            << key.name;
        EXPECT_FALSE(key.help.empty()) << key.name;
    }
}

TEST(Keys, every_one_is_read_somewhere_or_says_that_it_has_no_effect) {
    const std::string sources = sources_of_the_program();
    for (const Key& key : keys()) {
        const bool read = sources.find("\"" + std::string(key.name) + "\"") != std::string::npos;
        EXPECT_TRUE(read || key.pending) << key.name << " can be set and is ignored in silence";
    }
}

TEST(Keys, defaults_fit_their_types) {
    for (const Key& key : keys()) {
        if (key.type == KeyType::boolean) EXPECT_TRUE(parse_boolean(key.fallback)) << key.name;
        if (key.type == KeyType::duration) EXPECT_TRUE(parse_duration(key.fallback)) << key.name;
        if (key.type == KeyType::number) {
            EXPECT_FALSE(key.fallback.empty()) << key.name;
            EXPECT_EQ(key.fallback.find_first_not_of("0123456789"), std::string_view::npos) << key.name;
        }
        if (key.secret) EXPECT_TRUE(key.fallback.empty()) << key.name << ": a secret that all know";
    }
}

TEST(Keys, whatever_smells_of_a_secret_is_one) {
    for (const Key& key : keys()) {
        if (key.name == "OIDC_REDIRECT_URL") continue;  // every browser that signs in is shown it
        for (const char* word : {"SECRET", "ROOT_PASSWORD", "PRIVATE_KEY", "_URL", "TOKEN", "CREDENTIAL"})
            if (key.name.find(word) != std::string_view::npos && key.type == KeyType::text &&
                key.name != "OIDC_REDIRECT_URL")  // every browser sees it
                EXPECT_TRUE(key.secret) << key.name;
    }
}

TEST(ConfigurationReference, shows_every_key_with_what_it_does) {
    const std::string text = configuration_reference();
    for (const Key& key : keys()) {
        const auto at = text.find("\n| `" + std::string(key.name) + "` | ");
        ASSERT_NE(at, std::string::npos) << key.name;
        const std::string row = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
        EXPECT_NE(row.find(key.help), std::string::npos) << row;
        EXPECT_EQ(row.find("(no effect in this version)") != std::string::npos, key.pending) << row;
        EXPECT_EQ(row.find("(secret)") != std::string::npos, key.secret) << row;
    }
}

TEST(Reference, only_documents_that_exist_are_made) {
    EXPECT_TRUE(fails_with(Errc::not_found, reference("passwords")));
}

}  // namespace
}  // namespace corral::app
