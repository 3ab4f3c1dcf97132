// The commands against an API of the test's making: what they ask for, what they print, and how they exit.
#include "app/cli/commands.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "base/temp_folder.hpp"
#include "support/canned_api.hpp"

namespace corral::cli {
namespace {

using testing_support::CannedApi;
using testing_support::fails_with;
using testing_support::value_of;

class CommandsTest : public testing::Test {
protected:
    void SetUp() override {
        ::setenv("XDG_CONFIG_HOME", folder_.path().c_str(), 1);
        ::setenv("CORRAL_TOKEN", "tok", 1);
        for (const char* name : {"CORRAL_URL", "CORRAL_API_KEY", "CORRAL_PASSWORD"}) ::unsetenv(name);
        context_.url = api_.url();
    }
    void TearDown() override {
        for (const char* name : {"XDG_CONFIG_HOME", "CORRAL_TOKEN", "CORRAL_PASSWORD"}) ::unsetenv(name);
    }
    struct Ran {
        int code = 0;
        std::string out, err;
    };
    template <class F>
    static Ran run(F command) {
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Ran out;
        out.code = command();
        std::fflush(stdout);
        out.out = testing::internal::GetCapturedStdout();
        out.err = testing::internal::GetCapturedStderr();
        return out;
    }
    CannedApi api_;
    TempFolder folder_;
    Context context_;
};

using ClientTest = CommandsTest;

constexpr const char* a_job =
    R"({"id":"j1","owner":"u","owner_name":"ann","state":"running","progress":40,"job_type":"catalog","job_operation":"push",
        "steps":[{"name":"s","display_name":"The step","weight":1,"state":"running","current_percentage":40,"eta":"3s"}],
        "created_at":"2026-01-02T03:04:05.5Z","updated_at":"2026-01-02T03:04:06Z"})";

TEST_F(CommandsTest, job_commands_show_stop_and_remove_jobs) {
    const std::string job = a_job;
    api_.answer(
        "GET /jobs",
        "[" + job + R"(,{"id":"j2","owner":"u","state":"failed","job_type":"x","created_at":"2026-01-02T03:04:05Z"}])");
    const Ran all = run([&] { return job_list(context_, ""); });
    EXPECT_EQ(all.code, ok);
    EXPECT_EQ(all.out,
              "ID  KIND          OWNER  STATE    PROGRESS  CREATED\n"
              "j1  catalog push  ann    running  40 %      2026-01-02T03:04:05\n"
              "j2  x             -      failed   0 %       2026-01-02T03:04:05\n");
    const Ran failed = run([&] { return job_list(context_, "failed"); });
    EXPECT_EQ(failed.out.find("j1"), std::string::npos);
    EXPECT_NE(failed.out.find("j2"), std::string::npos);
    api_.answer("GET /jobs/j1", job);
    const Ran shown = run([&] { return job_show(context_, "j1"); });
    EXPECT_NE(shown.out.find("Progress:   40 %"), std::string::npos) << shown.out;
    EXPECT_NE(shown.out.find("The step"), std::string::npos);
    api_.answer("POST /jobs/j1/cancel", "", 202);
    EXPECT_EQ(run([&] { return job_cancel(context_, "j1"); }).out, "j1 is being cancelled\n");
    api_.answer("DELETE /jobs/j1", "", 204);
    EXPECT_EQ(run([&] { return job_delete(context_, "j1"); }).out, "j1 deleted\n");
    EXPECT_EQ(run([&] { return job_show(context_, "gone"); }).code, not_found);
}

TEST_F(CommandsTest, waiting_for_a_job_ends_with_its_end) {
    api_.answer("GET /jobs/j1", a_job);
    api_.answer("GET /jobs/j1",
                R"({"id":"j1","state":"completed","progress":100,"created_at":"2026-01-02T03:04:05Z"})");
    const Ran done = run([&] { return job_wait(context_, "j1"); });
    EXPECT_EQ(done.code, ok);
    EXPECT_EQ(done.out, "j1 completed\n");
    api_.answer("GET /jobs/j2", R"({"id":"j2","state":"failed","error":"The disk is full","progress":100})");
    const Ran failed = run([&] { return job_wait(context_, "j2"); });
    EXPECT_EQ(failed.code, cli::failed);
    EXPECT_NE(failed.err.find("The disk is full"), std::string::npos);
}

TEST_F(CommandsTest, audit_list_asks_page_by_page_and_shows_who_did_what) {
    const std::string first =
        R"({"sequence":2,"time":"2026-01-02T03:04:05Z","actor_id":"a","actor_name":"ann","address":"10.0.0.1",
        "action":"job.cancel","object_type":"job","object_id":"j1","result":"done","detail":{"state":"running"}})";
    const std::string second =
        R"({"sequence":1,"time":"2026-01-02T03:04:04Z","actor_id":"","actor_name":"","address":"",
        "action":"request.refused","object_type":"route","object_id":"r","result":"refused"})";
    api_.answer("GET /audit?limit=500&actor=ann%20b", R"({"entries":[)" + first + R"(],"next_before":2})");
    api_.answer("GET /audit?limit=500&before=2&actor=ann%20b", R"({"entries":[)" + second + R"(],"dropped":3})");
    const Ran listed = run([&] { return audit_list(context_, {.actor = "ann b", .limit = 1000}); });
    EXPECT_EQ(listed.code, ok) << listed.err;
    EXPECT_EQ(listed.out,
              "TIME                  ACTOR  ADDRESS   ACTION           OBJECT  RESULT   DETAIL\n"
              "2026-01-02T03:04:05Z  ann    10.0.0.1  job.cancel       j1      done     state=running\n"
              "2026-01-02T03:04:04Z  -      -         request.refused  r       refused  -\n");
    EXPECT_NE(listed.err.find("3 refused attempts"), std::string::npos);
}

TEST_F(ClientTest, sends_its_credentials_and_reads_both_faces_of_errors) {
    Client client({.url = api_.url(), .token = Secret(std::string("tok")), .api_key = Secret(std::string("key"))});
    for (const auto& [status, code] :
         {std::pair{400, Errc::invalid}, std::pair{401, Errc::unauthenticated}, std::pair{403, Errc::forbidden},
          std::pair{404, Errc::not_found}, std::pair{409, Errc::conflict}, std::pair{413, Errc::too_large},
          std::pair{429, Errc::too_many}, std::pair{500, Errc::internal}, std::pair{501, Errc::unsupported},
          std::pair{502, Errc::upstream}, std::pair{503, Errc::unavailable}, std::pair{504, Errc::timeout},
          std::pair{302, Errc::internal}}) {
        const std::string path = "/s/" + std::to_string(status);
        api_.answer("GET " + path, R"({"message":"It is so"})", status);
        const auto answer = client.call("GET", "/v1" + path);
        EXPECT_TRUE(fails_with(code, answer)) << status;
        EXPECT_EQ(answer.error().message, "It is so");
    }
    api_.answer("GET /gate", R"({"error":"unauthorized_client","error_description":"A claim is missing"})", 401);
    EXPECT_EQ(client.call("GET", "/v1/gate").error().message, "A claim is missing");
    api_.answer("GET /proxy", "<html>Bad gateway</html>", 502);
    EXPECT_EQ(client.call("GET", "/v1/proxy").error().message, "The server answered 502");
    EXPECT_EQ(api_.asked().front().authorization, "Bearer tok");
    EXPECT_EQ(api_.asked().front().api_key, "key");
}

TEST_F(ClientTest, path_segments_are_encoded_whole) {
    EXPECT_EQ(path_segment("a b/c?d#e%f+g"), "a%20b%2Fc%3Fd%23e%25f%2Bg");
    EXPECT_EQ(path_segment("Az09-._~"), "Az09-._~");
    EXPECT_EQ(path_segment("é"), "%C3%A9");
    EXPECT_EQ(path_segment(".."), "..") << "refused by the server, not rewritten here";
}

TEST_F(CommandsTest, login_keeps_the_token_and_shows_it_to_nobody) {
    ::unsetenv("CORRAL_TOKEN");
    ::setenv("CORRAL_PASSWORD", "pass\"word", 1);
    api_.answer("POST /auth/token", R"({"token":"secret-token","email":"ann@x"})");
    const auto ran = run([&] { return login({}, {.url = api_.url() + "/", .user = "ann"}); });
    EXPECT_EQ(ran.code, cli::ok);
    EXPECT_EQ((ran.out + ran.err).find("secret-token"), std::string::npos);
    EXPECT_EQ(api_.asked().at(0).body, R"({"email":"ann","password":"pass\"word"})");
    EXPECT_EQ(api_.asked().at(0).authorization, "") << "nothing old is shown while signing in";
    EXPECT_EQ(value_of(load_session(api_.url())).token.reveal(), "secret-token");
    api_.answer("POST /auth/logout", "", 204);
    const auto out = run([&] { return logout({}); });
    EXPECT_EQ(out.code, cli::ok);
    EXPECT_EQ(out.err, "");
    EXPECT_EQ(api_.asked().at(1).what, "POST /auth/logout") << "the server ends it too";
    EXPECT_EQ(api_.asked().at(1).authorization, "Bearer secret-token");
    EXPECT_FALSE(load_session(api_.url()));
}

TEST_F(CommandsTest, login_that_is_refused_keeps_nothing) {
    ::unsetenv("CORRAL_TOKEN");
    ::setenv("CORRAL_PASSWORD", "hunter2", 1);
    api_.answer("POST /auth/token", R"({"message":"The user name or the password is wrong","code":401})", 401);
    const auto ran = run([&] { return login(context_, {.url = "", .user = "ann"}); });
    EXPECT_EQ(ran.code, not_signed_in);
    EXPECT_EQ(ran.err.find("hunter2"), std::string::npos);
    EXPECT_FALSE(load_session(api_.url()));
    EXPECT_EQ(run([&] { return login({}, {.url = "ftp://x", .user = "ann"}); }).code, usage);
}

TEST_F(CommandsTest, logout_without_a_server_forgets_the_token_and_says_that_it_lives) {
    ::unsetenv("CORRAL_TOKEN");
    ASSERT_TRUE(save_session({.url = "http://127.0.0.1:1", .token = Secret(std::string("t")), .api_key = {}}));
    const auto ran = run([] { return logout({}); });
    EXPECT_EQ(ran.code, cli::ok);
    EXPECT_NE(ran.err.find("until it expires"), std::string::npos);
    EXPECT_FALSE(load_session("http://127.0.0.1:1"));
}

TEST_F(CommandsTest, key_create_makes_the_secret_and_prints_what_the_header_takes) {
    api_.answer("POST /auth/api_keys", R"({"id":"1","name":"ci","key":"CI","encoded":"Q0k6eA==","user_id":"u"})", 201);
    const auto ran = run([&] { return key_create(context_, {.name = "ci", .expires = "2030-01-01T00:00:00Z"}); });
    EXPECT_EQ(ran.code, cli::ok);
    EXPECT_EQ(ran.out, "Q0k6eA==\n");
    const std::string body = api_.asked().at(0).body;
    const auto secret = body.find(R"("secret":")");
    EXPECT_EQ(body.substr(0, secret), R"({"name":"ci","key":"ci",)");
    EXPECT_EQ(body.substr(secret + 10 + 32), R"(","expires_at":"2030-01-01T00:00:00Z"})") << "32 letters";
    (void)run([&] { return key_create(context_, {.name = "ci"}); });
    EXPECT_NE(api_.asked().at(1).body, body) << "another one each time";
}

TEST_F(CommandsTest, keys_are_listed_revoked_and_deleted) {
    api_.answer("GET /auth/api_keys", R"([{"id":"1","name":"ci","key":"CI","user_id":"u","user_username":"ann"},)"
                                      R"({"id":"2","name":"b","key":"B","revoked":true,"forwarder":true,)"
                                      R"("expires_at":"2030-01-01T00:00:00Z"}])");
    EXPECT_EQ(run([&] { return key_list(context_); }).out,
              "NAME  KEY  OWNER  EXPIRES               STATE\n"
              "ci    CI   ann    never                 good\n"
              "b     B    -      2030-01-01T00:00:00Z  revoked forwarder\n");
    api_.answer("PUT /auth/api_keys/my%20key/revoke", "", 202);
    api_.answer("DELETE /auth/api_keys/ci", "", 202);
    EXPECT_EQ(run([&] { return key_revoke(context_, "my key"); }).code, cli::ok);
    EXPECT_EQ(run([&] { return key_delete(context_, "ci"); }).code, cli::ok);
    EXPECT_EQ(run([&] { return key_delete(context_, "none"); }).code, not_found);
}

TEST_F(CommandsTest, logs_asks_for_what_was_meant_and_prints_it_as_it_comes) {
    api_.answer("GET /logs?lines=200", "a line\n");
    api_.answer("GET /logs?lines=5&since=15m&level=warn&contains=a%20b", "another\n");
    EXPECT_EQ(run([&] { return logs(context_, {}); }).out, "a line\n");
    const LogOptions some{.lines = "5", .since = "15m", .level = "warn", .contains = "a b"};
    EXPECT_EQ(run([&] { return logs(context_, some); }).out, "another\n");
    api_.answer("GET /logs?lines=1", R"({"message":"No log is kept on disk","code":400})", 400);
    EXPECT_EQ(run([&] { return logs(context_, {.lines = "1", .since = "", .level = "", .contains = ""}); }).code,
              usage);
}

TEST_F(CommandsTest, vm_list_is_a_table_or_the_servers_json) {
    const std::string body =
        R"([{"ID":"1","Name":"web","State":"running","OS":"linux","internal_ip_address":"10.0.0.2"},)"
        R"({"ID":"2","Name":"db","State":"stopped"}])";
    api_.answer("GET /machines", body);
    const auto shown = run([&] { return vm_list(context_); });
    EXPECT_EQ(shown.code, cli::ok);
    EXPECT_EQ(shown.out,
              "ID  NAME  STATE    ADDRESS   OS\n1   web   running  10.0.0.2  linux\n2   db    stopped  -         -\n");
    context_.format = Format::json;
    EXPECT_EQ(run([&] { return vm_list(context_); }).out, body);
}

TEST_F(CommandsTest, what_is_not_there_exits_with_4_and_says_so) {
    const auto ran = run([&] { return vm_show(context_, "no pe"); });
    EXPECT_EQ(ran.code, not_found);
    EXPECT_EQ(ran.err, "corral: Nothing of that name\n");
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(api_.whats(), std::vector<std::string>{"GET /machines/no%20pe"});
}

TEST_F(CommandsTest, start_wakes_a_halted_machine_and_starts_another) {
    for (const auto& [state, verb] : {std::pair{"stopped", "start"}, std::pair{"running", "start"},
                                      std::pair{"suspended", "resume"}, std::pair{"paused", "resume"}}) {
        const std::string vm = std::string("vm-") + state;
        api_.answer("GET /machines/" + vm + "/status", std::string(R"({"id":"1","status":")") + state + "\"}");
        api_.answer("PUT /machines/" + vm + "/" + verb, "{}");
        EXPECT_EQ(run([&] { return vm_start(context_, vm); }).code, cli::ok) << state;
        EXPECT_EQ(api_.whats().back(), "PUT /machines/" + vm + "/" + verb);
    }
}

TEST_F(CommandsTest, force_is_asked_for_only_when_it_is_meant) {
    for (const char* what : {"PUT /machines/m/stop", "PUT /machines/m/stop?force=true", "DELETE /machines/m",
                             "DELETE /machines/m?force=true"})
        api_.answer(what, "{}");
    EXPECT_EQ(run([&] { return vm_stop(context_, "m", false); }).code, cli::ok);
    EXPECT_EQ(run([&] { return vm_stop(context_, "m", true); }).code, cli::ok);
    EXPECT_EQ(run([&] { return vm_delete(context_, "m", false); }).code, cli::ok);
    EXPECT_EQ(run([&] { return vm_delete(context_, "m", true); }).code, cli::ok);
    EXPECT_EQ(api_.whats(), (std::vector<std::string>{"PUT /machines/m/stop", "PUT /machines/m/stop?force=true",
                                                      "DELETE /machines/m", "DELETE /machines/m?force=true"}));
}

TEST_F(CommandsTest, exec_exits_as_the_guests_command_did_with_its_outputs_apart) {
    api_.answer("PUT /machines/m/execute?stderr=always", R"({"stdout":"out\nmore","stderr":"err","exit_code":3})");
    const auto ran = run([&] { return vm_exec(context_, "m", {"ls | wc"}); });
    EXPECT_EQ(ran.code, 3);
    EXPECT_EQ(ran.out, "out\nmore\n");
    EXPECT_EQ(ran.err, "err\n");
}

TEST_F(CommandsTest, exec_gives_one_word_to_the_guests_shell_and_several_to_the_program_as_they_are) {
    api_.answer("PUT /machines/m/execute?stderr=always", R"({"stdout":"","stderr":"","exit_code":0})");
    const auto command = [&](std::vector<std::string> words) {
        EXPECT_EQ(run([&] { return vm_exec(context_, "m", words); }).code, cli::ok);
        return std::string(value_of(json::parse(api_.asked().back().body)).at("command").as_string());
    };
    EXPECT_EQ(command({"cd /tmp && ls $HOME"}), "cd /tmp && ls $HOME");
    EXPECT_EQ(command({"echo", "a b", "$HOME", "it's", ""}), R"('echo' 'a b' '$HOME' 'it'\''s' '')");
}

TEST_F(CommandsTest, a_failure_to_execute_is_no_exit_code_of_the_guest) {
    api_.answer("PUT /machines/m/execute?stderr=always", R"({"message":"The machine is stopped","code":409})", 409);
    EXPECT_EQ(run([&] { return vm_exec(context_, "m", {"true"}); }).code, failed);
}

TEST_F(CommandsTest, pull_follows_its_job_to_the_end) {
    api_.answer("PUT /catalog/pull/async", R"({"id":"j1","state":"pending","progress":0})", 202);
    api_.answer("GET /jobs/j1", R"({"id":"j1","state":"running","progress":50,"message":"fetching"})");
    api_.answer("GET /jobs/j1",
                R"({"id":"j1","state":"completed","progress":100,"result_record_id":"m1","result_record_name":"web"})");
    const auto ran = run([&] {
        return pull(context_, {.image = "debian:12.7", .architecture = "arm64", .machine = "web", .start = true});
    });
    EXPECT_EQ(ran.code, cli::ok);
    EXPECT_EQ(ran.out, "m1 web\n");
    const auto sent = value_of(json::parse(api_.asked().front().body));
    EXPECT_EQ(sent.at("catalog_id").as_string(), "debian");
    EXPECT_EQ(sent.at("version").as_string(), "12.7");
    EXPECT_EQ(sent.at("architecture").as_string(), "arm64");
    EXPECT_TRUE(sent.at("start_after_pull").as_bool());
}

TEST_F(CommandsTest, a_pull_that_fails_says_why_and_exits_with_1) {
    api_.answer("PUT /catalog/pull/async", R"({"id":"j1","state":"pending"})", 202);
    api_.answer("GET /jobs/j1", R"({"id":"j1","state":"failed","error":"The image is damaged"})");
    const auto ran = run([&] { return pull(context_, {.image = "debian"}); });
    EXPECT_EQ(ran.code, failed);
    EXPECT_NE(ran.err.find("corral: The image is damaged\n"), std::string::npos) << ran.err;
}

TEST_F(CommandsTest, a_push_needs_a_version_before_it_asks_anybody) {
    const auto ran = run([&] { return push(context_, {.path = "disk.raw", .image = "debian"}); });
    EXPECT_EQ(ran.code, usage);
    EXPECT_TRUE(api_.asked().empty());
}

TEST_F(CommandsTest, list_reads_the_catalogs_groups_in_order) {
    api_.answer("GET /catalog",
                R"([{"debian":[{"catalog_id":"debian","version":"12","architecture":"x86_64","size":1500000,)"
                R"("tainted":true}]},{"ubuntu":[{"catalog_id":"ubuntu","version":"24","revoked":true}]}])");
    const auto ran = run([&] { return list_images(context_, ""); });
    EXPECT_EQ(ran.code, cli::ok);
    const auto debian = ran.out.find("\ndebian");
    EXPECT_LT(debian, ran.out.find("\nubuntu"));
    EXPECT_NE(ran.out.find("1.5 MB", debian), std::string::npos);
    EXPECT_NE(ran.out.find("tainted\n", debian), std::string::npos);
    EXPECT_TRUE(ran.out.ends_with("revoked\n"));
}

TEST(ParseImage, is_cut_at_the_first_colon) {
    EXPECT_EQ(parse_image("debian:12.7").id, "debian");
    EXPECT_EQ(parse_image("debian:12.7").version, "12.7");
    EXPECT_EQ(parse_image("debian").version, "");
    EXPECT_EQ(parse_image("a:b:c").version, "b:c");
}

TEST(GuestWords, everything_behind_the_machine_belongs_to_the_guest) {
    using Words = std::vector<std::string>;
    struct Case {
        Words arguments, ours, guests;
    };
    for (const Case& c :
         {Case{{"vm", "exec", "m", "ls", "--help", "-o", "x"}, {"vm", "exec", "m"}, {"ls", "--help", "-o", "x"}},
          Case{{"vm", "exec", "m", "--", "-l"}, {"vm", "exec", "m"}, {"-l"}},
          Case{{"vm", "exec", "m", "a", "--", "b"}, {"vm", "exec", "m"}, {"a", "--", "b"}},
          Case{{"-o", "json", "vm", "exec", "--url", "http://x", "m", "ls"},
               {"-o", "json", "vm", "exec", "--url", "http://x", "m"},
               {"ls"}},
          Case{{"vm", "exec", "--help"}, {"vm", "exec", "--help"}, {}},
          Case{{"vm", "exec", "m"}, {"vm", "exec", "m"}, {}}, Case{{"vm", "exec"}, {"vm", "exec"}, {}},
          Case{{"vm", "show", "m", "x"}, {"vm", "show", "m", "x"}, {}}, Case{{"pull", "vm"}, {"pull", "vm"}, {}}}) {
        Words arguments = c.arguments;
        EXPECT_EQ(take_guest_words(arguments), c.guests);
        EXPECT_EQ(arguments, c.ours);
    }
}

}  // namespace
}  // namespace corral::cli
