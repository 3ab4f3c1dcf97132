// `corral serve` up to the point where it would go on for ever.
#include "app/server/serve.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "app/server/config.hpp"
#include "base/temp_folder.hpp"
#include "platform/files/files.hpp"
#include "support/results.hpp"

namespace corral::app {
namespace {

using testing_support::ok;

class ServeTest : public testing::Test {
protected:
    void SetUp() override {
        for (const Key& key : keys()) ::unsetenv(std::string(key.name).c_str());
        ASSERT_TRUE(ok(files::replace_file(folder_ / "none.yaml", "")));
    }
    struct Ran {
        int code = 0;
        std::string out, err;
    };
    Ran run(std::vector<std::string> flags) {
        flags.push_back("--config=" + folder_ / "none.yaml");
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Ran out;
        out.code = serve(flags);
        std::fflush(stdout);
        out.out = testing::internal::GetCapturedStdout();
        out.err = testing::internal::GetCapturedStderr();
        return out;
    }
    TempFolder folder_;
};

TEST_F(ServeTest, print_config_shows_what_would_be_in_force_and_ends) {
    const auto ran = run({"--API_PORT=8080", "--print-config", "--ROOT_PASSWORD=hunter2"});
    EXPECT_EQ(ran.code, 0);
    EXPECT_NE(ran.out.find("API_PORT = 8080  (flag)\n"), std::string::npos);
    EXPECT_EQ((ran.out + ran.err).find("hunter2"), std::string::npos);
}

TEST_F(ServeTest, a_wrong_configuration_exits_with_2_and_one_sentence) {
    for (const char* flag : {"--API_PROT=1", "--API_PORT=http", "stray"}) {
        const auto ran = run({flag});
        EXPECT_EQ(ran.code, 2) << flag;
        EXPECT_TRUE(ran.err.starts_with("corral: ")) << ran.err;
        EXPECT_EQ(ran.out, "");
    }
}

}  // namespace
}  // namespace corral::app
