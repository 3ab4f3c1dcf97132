#include "app/server/config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/temp_folder.hpp"
#include "support/results.hpp"

namespace corral::app {
namespace {

using namespace std::chrono_literals;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

class ConfigTest : public testing::Test {
protected:
    void SetUp() override {
        for (const Key& key : keys()) ::unsetenv(std::string(key.name).c_str());
        file("environment:");
    }
    void TearDown() override { SetUp(); }
    void file(const std::string& content, const std::string& name = "config.yaml") {
        path_ = folder_ / name;
        std::ofstream(path_) << content << "\n";
    }
    // Always with a file, so that one in /etc plays no part.
    Result<Config> load(std::vector<std::string> flags = {}) {
        flags.push_back("--config=" + path_);
        return Config::load(flags);
    }
    static void env(const char* name, const char* value) { ::setenv(name, value, 1); }
    TempFolder folder_;
    std::string path_;
};

TEST_F(ConfigTest, Q82_the_environment_wins_over_flags_flags_over_the_file_and_all_over_the_default) {
    const auto prefix = [&](std::vector<std::string> flags = {}) {
        const auto config = value_of(load(std::move(flags)));
        const std::string shown = config.print();
        const auto line = shown.find("API_PREFIX = ");
        return shown.substr(line, shown.find('\n', line) - line);
    };
    EXPECT_EQ(prefix(), "API_PREFIX = /api  (default)");
    file("environment:\n  api_prefix: /file");
    EXPECT_EQ(prefix(), "API_PREFIX = /file  (file)");
    EXPECT_EQ(prefix({"--api_prefix=/flag"}), "API_PREFIX = /flag  (flag)");
    env("API_PREFIX", "/env");
    EXPECT_EQ(prefix({"--API_PREFIX=/flag"}), "API_PREFIX = /env  (environment)");
    env("API_PREFIX", "");
    EXPECT_EQ(prefix({"--API_PREFIX=/flag"}), "API_PREFIX = /flag  (flag)") << "empty counts as unset (Q82)";
    env("api_prefix", "/other");
    EXPECT_EQ(prefix({"--API_PREFIX=/flag"}), "API_PREFIX = /flag  (flag)") << "names in the environment are exact";
    ::unsetenv("api_prefix");
}

TEST_F(ConfigTest, flags_are_written_with_or_without_an_equals_sign_Q21) {
    const auto config =
        value_of(load({"--API_PORT", "8080", "--ROOT_PASSWORD=a=b", "--LOG_LEVEL=", "--API_PREFIX", "--x"}));
    EXPECT_EQ(config.number("API_PORT"), 8080);
    EXPECT_EQ(config.secret("ROOT_PASSWORD").reveal(), "a=b");
    EXPECT_EQ(config.text("API_PREFIX"), "--x") << "a value may look like a flag";
    EXPECT_EQ(config.text("LOG_LEVEL"), "");
    EXPECT_TRUE(config.is_set("LOG_LEVEL"));
    EXPECT_FALSE(config.is_set("LIBVIRT_URI"));
    EXPECT_TRUE(refuses_field("--API_PORT", Config::load({"--config", path_, "--API_PORT"})))
        << "a flag without its value does not mean the default";
}

TEST_F(ConfigTest, an_unknown_key_is_refused_with_the_nearest_one) {
    const auto flag = load({"--API_PROT=1"});
    EXPECT_TRUE(refuses_field("API_PROT", flag));
    EXPECT_NE(flag.error().message.find("did you mean API_PORT?"), std::string::npos) << flag.error().message;
    file("environment:\n  ENABLED_MODULE: api");
    const auto in_file = load();
    EXPECT_TRUE(refuses_field("ENABLED_MODULE", in_file));
    EXPECT_NE(in_file.error().message.find("ENABLED_MODULES"), std::string::npos);
    EXPECT_NE(in_file.error().message.find(path_), std::string::npos) << "and where it stands";
}

TEST_F(ConfigTest, a_misplaced_word_is_not_repeated_for_it_may_be_a_secret) {
    const auto config = load({"--ROOT_PASSWORD", "x", "hunter2"});
    ASSERT_TRUE(fails_with(Errc::invalid, config));
    EXPECT_EQ(config.error().message.find("hunter2"), std::string::npos);
    EXPECT_EQ(load({"-ROOT_PASSWORD=hunter2"}).error().message.find("hunter2"), std::string::npos);
}

TEST_F(ConfigTest, Q85_values_that_do_not_fit_their_type_are_refused_wherever_they_come_from) {
    for (const auto& [key, value] :
         {std::pair{"API_PORT", "http"}, std::pair{"API_PORT", "80 "}, std::pair{"API_PORT", "-1"},
          std::pair{"API_PORT", "1.5"}, std::pair{"API_PORT", "99999999999999999999"}, std::pair{"API_PORT", ""},
          std::pair{"TLS_ENABLED", "maybe"}, std::pair{"TLS_ENABLED", ""}, std::pair{"JWT_DURATION", "soon"},
          std::pair{"JWT_DURATION", ""}})
        EXPECT_TRUE(refuses_field(key, load({std::string("--") + key + "=" + value}))) << key << " " << value;
    env("API_PORT", "http");
    EXPECT_TRUE(refuses_field("API_PORT", load()));
    ::unsetenv("API_PORT");
    file("environment:\n  API_PORT: http");
    EXPECT_TRUE(refuses_field("API_PORT", load()));
}

TEST_F(ConfigTest, files_are_yaml_or_json) {
    file(
        "# comment\nenvironment:\n  API_PORT: 8080\n  TLS_ENABLED: yes\n  JWT_DURATION: 1h\n  API_PREFIX: ''\n"
        "  LIBVIRT_URI:\n  ROOT_PASSWORD: \"a: b # c\"\nreverse_proxy:\n  port: 1\n");
    const auto yaml = value_of(load());
    EXPECT_EQ(yaml.number("API_PORT"), 8080);
    EXPECT_TRUE(yaml.boolean("TLS_ENABLED"));
    EXPECT_EQ(yaml.duration("JWT_DURATION"), 1h);
    EXPECT_TRUE(yaml.is_set("API_PREFIX"));
    EXPECT_FALSE(yaml.is_set("LIBVIRT_URI")) << "null is unset";
    EXPECT_EQ(yaml.secret("ROOT_PASSWORD").reveal(), "a: b # c");
    file(R"({"environment": {"API_PORT": "8080", "tls_enabled": true, "ROOT_PASSWORD": "\u00e9\"x"}})", "config.json");
    const auto json = value_of(load());
    EXPECT_EQ(json.number("API_PORT"), 8080);
    EXPECT_TRUE(json.boolean("TLS_ENABLED"));
    EXPECT_EQ(json.secret("ROOT_PASSWORD").reveal(), "é\"x");
}

TEST_F(ConfigTest, a_file_that_says_nothing_is_fine_and_one_that_is_wrong_is_not_passed_over) {
    for (const char* content : {"", "environment:", "environment: {}", "# nothing", "{}"}) {
        file(content);
        EXPECT_TRUE(ok(load())) << content;
    }
    for (const char* content :
         {"enviroment:\n  API_PORT: 1", "API_PORT: 1", "environment: [API_PORT]", "environment: x", "- environment",
          "text", "environment:\n  API_PORT: [1, 2]", "environment:\n  API_PORT: {a: 1}", "environment: {",
          "{\"environment\": {\"API_PORT\": }"}) {
        file(content);
        EXPECT_TRUE(fails_with(Errc::invalid, load())) << content;
    }
    path_ = folder_ / "absent.yaml";
    EXPECT_TRUE(fails_with(Errc::invalid, load())) << "a file that was asked for must be there";
}

TEST_F(ConfigTest, Q86_a_section_without_effect_is_not_passed_over_in_silence) {
    file("environment: {}\nreverse_proxy:\n  port: 5080");
    EXPECT_EQ(value_of(load()).passed_over(), std::vector<std::string>{"reverse_proxy"});
    file("environment: {}\nreverse_proxy:");
    EXPECT_TRUE(value_of(load()).passed_over().empty());
}

TEST_F(ConfigTest, the_references_keys_are_taken_and_their_values_left_alone) {
    const auto config = value_of(load({"--DATABASE_SAVE_INTERVAL_MINUTES=often", "--MODE=production"}));
    EXPECT_EQ(config.text("DATABASE_SAVE_INTERVAL_MINUTES"), "often");
    EXPECT_EQ(config.text("MODE"), "production");
}

TEST_F(ConfigTest, a_key_with_two_names_is_one_key) {
    EXPECT_TRUE(value_of(load({"--PRL_DEVOPS_LOG_TO_FILE=true"})).boolean("LOG_TO_FILE"));
    file("environment:\n  prl_devops_log_file_path: /var/log/x");
    EXPECT_EQ(value_of(load()).text("LOG_FILE_PATH"), "/var/log/x");
    env("PRL_DEVOPS_LOG_TO_FILE", "true");
    EXPECT_TRUE(value_of(load()).boolean("LOG_TO_FILE"));
    env("LOG_TO_FILE", "false");
    EXPECT_FALSE(value_of(load()).boolean("LOG_TO_FILE")) << "the first name wins";
    ::unsetenv("PRL_DEVOPS_LOG_TO_FILE");
}

TEST_F(ConfigTest, files_are_looked_for_where_the_contract_says) {
    const auto files = configuration_files();
    const auto place = [&](const std::string& ending) {
        return std::ranges::find_if(files, [&](const std::string& f) { return f.ends_with(ending); }) - files.begin();
    };
    ASSERT_EQ(files.size(), 48U);
    EXPECT_EQ(files.front(), "/etc/corral/prldevops_config.local.yaml");
    EXPECT_LT(place("/app/prldevops_config.json"), place("/app/config.local.yaml")) << "endings before names";
    EXPECT_LT(place("/app/config.json"), place("/app/prldevops_config/prldevops_config.local.yaml"));
    EXPECT_LT(place("/prldevops_config/config.yml"), place("/etc/prl-devops-service/prldevops_config.local.yaml"));
    EXPECT_EQ(files.back(), "/etc/prl-devops-service/config.json");
}

TEST_F(ConfigTest, print_masks_secrets_and_names_every_key_once) {
    env("ROOT_PASSWORD", "hunter2");
    const auto config =
        value_of(load({"--JWT_HMACS_SECRET=hunter2", "--TLS_PRIVATE_KEY=hunter2", "--CATALOG_STORE=user:hunter2@x"}));
    const std::string shown = config.print();
    EXPECT_EQ(shown.find("hunter2"), std::string::npos);
    EXPECT_NE(shown.find("ROOT_PASSWORD = ***  (environment)\n"), std::string::npos);
    EXPECT_NE(shown.find("DATABASE_URL =   (default)\n"), std::string::npos) << "an unset secret is seen to be unset";
    for (const Key& key : keys())
        EXPECT_NE(("\n" + shown).find("\n" + std::string(key.name) + " = "), std::string::npos) << key.name;
}

TEST_F(ConfigTest, lists_are_cut_at_commas_and_trimmed) {
    using List = std::vector<std::string>;
    const auto list = [&](const char* value) {
        return value_of(load({std::string("--LOCAL_PATH_ROOTS=") + value})).list("LOCAL_PATH_ROOTS");
    };
    EXPECT_EQ(list("/a, /b c ,,  ,/d"), (List{"/a", "/b c", "/d"}));
    EXPECT_EQ(list(""), List{});
    EXPECT_EQ(list(" , "), List{});
}

TEST(ParseDuration, reads_units_sums_and_bare_seconds) {
    for (const auto& [text, time] : {std::pair<const char*, std::chrono::milliseconds>{"90s", 90s},
                                     {"1h30m", 90min},
                                     {"250ms", 250ms},
                                     {"15", 15s},
                                     {"1.5h", 90min},
                                     {"0", 0s},
                                     {"0s", 0s},
                                     {"2h3m4s5ms", 2h + 3min + 4s + 5ms},
                                     {".5s", 500ms}})
        EXPECT_EQ(value_of(parse_duration(text)), time) << text;
}

TEST(ParseDuration, refuses_what_is_no_time_of_this_world) {
    for (const char* text : {"", "s", "1d", "1 h", " 1s", "1s ", "-1s", "+1s", "1s-1s", "nan", "inf", "infs", "1e400s",
                             "99999999999h", "1h,2m", "0x10s", "1S"})
        EXPECT_TRUE(fails_with(Errc::invalid, parse_duration(text))) << text;
}

TEST(ParseBoolean, Q48_reads_the_usual_words_in_any_case_and_nothing_else) {
    for (const char* yes : {"1", "t", "T", "true", "TRUE", "True", "y", "yes", "on", "ON"})
        EXPECT_TRUE(value_of(parse_boolean(yes))) << yes;
    for (const char* no : {"0", "f", "false", "FALSE", "n", "No", "off"})
        EXPECT_FALSE(value_of(parse_boolean(no))) << no;
    for (const char* other : {"", "2", "tru", "yess", " true", "enabled"}) EXPECT_FALSE(parse_boolean(other)) << other;
}

}  // namespace
}  // namespace corral::app
