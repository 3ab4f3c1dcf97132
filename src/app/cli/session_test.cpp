#include "app/cli/session.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/temp_folder.hpp"
#include "support/results.hpp"

namespace corral::cli {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class SessionTest : public testing::Test {
protected:
    void SetUp() override {
        for (const char* name : {"CORRAL_URL", "CORRAL_TOKEN", "CORRAL_API_KEY", "CORRAL_PASSWORD"}) ::unsetenv(name);
        ::setenv("XDG_CONFIG_HOME", (folder_ / "config").c_str(), 1);
    }
    void TearDown() override {
        SetUp();
        ::unsetenv("XDG_CONFIG_HOME");
    }
    static void keep(const char* url, const char* token) {
        ASSERT_TRUE(ok(save_session({.url = url, .token = Secret(std::string(token)), .api_key = {}})));
    }
    TempFolder folder_;
};

TEST_F(SessionTest, what_login_kept_is_used_again_and_private) {
    keep("http://a:1", "tok");
    struct stat info{};
    ASSERT_EQ(::stat(session_file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat(std::filesystem::path(session_file()).parent_path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
    const auto session = value_of(load_session(""));
    EXPECT_EQ(session.url, "http://a:1");
    EXPECT_EQ(session.token.reveal(), "tok");
    EXPECT_EQ(value_of(load_session("http://a:1/")).token.reveal(), "tok") << "a slash at the end is the same server";
}

TEST_F(SessionTest, credentials_kept_for_one_server_are_never_sent_to_another) {
    keep("http://a:1", "tok");
    for (const char* other : {"http://b:1", "http://a:2", "https://a:1", "http://a:1.evil", "http://a"}) {
        const auto session = load_session(other);
        EXPECT_TRUE(fails_with(Errc::unauthenticated, session)) << other;
        EXPECT_NE(session.error().message.find(other), std::string::npos);
    }
    ::setenv("CORRAL_URL", "http://b:1", 1);
    EXPECT_TRUE(fails_with(Errc::unauthenticated, load_session("")));
    EXPECT_EQ(value_of(load_session("http://a:1")).token.reveal(), "tok") << "the flag wins over CORRAL_URL";
}

TEST_F(SessionTest, credentials_of_the_environment_win_over_kept_ones) {
    keep("http://a:1", "kept");
    ::setenv("CORRAL_API_KEY", "key", 1);
    const auto by_key = value_of(load_session(""));
    EXPECT_EQ(by_key.api_key.reveal(), "key");
    EXPECT_TRUE(by_key.token.empty()) << "not both";
    EXPECT_EQ(by_key.url, "http://a:1");
    ::setenv("CORRAL_TOKEN", "tok", 1);
    EXPECT_EQ(value_of(load_session("http://b:1/")).token.reveal(), "tok");
    EXPECT_EQ(value_of(load_session("http://b:1/")).url, "http://b:1");
}

TEST_F(SessionTest, without_any_the_answer_says_what_to_do) {
    const auto session = load_session("");
    ASSERT_TRUE(fails_with(Errc::unauthenticated, session));
    EXPECT_NE(session.error().message.find("corral login http://127.0.0.1:3080"), std::string::npos);
}

TEST_F(SessionTest, logout_forgets_and_may_be_repeated) {
    keep("http://a:1", "tok");
    EXPECT_TRUE(ok(forget_session()));
    EXPECT_FALSE(std::filesystem::exists(session_file()));
    EXPECT_TRUE(ok(forget_session()));
    EXPECT_FALSE(load_session(""));
}

TEST_F(SessionTest, a_damaged_file_is_an_error_and_no_crash) {
    keep("http://a:1", "tok");
    std::ofstream(session_file()) << "{\"url\": 5}";
    EXPECT_FALSE(load_session(""));
}

TEST_F(SessionTest, the_password_may_come_from_the_environment) {
    ::setenv("CORRAL_PASSWORD", "pass word", 1);
    EXPECT_EQ(value_of(ask_password("never shown")).reveal(), "pass word");
}

}  // namespace
}  // namespace corral::cli
