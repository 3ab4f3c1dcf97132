// The object graph as the service runs on it, with the fake hypervisor: what configuration it takes, and rules that
// hold for every row of the whole route table.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "app/server/app.hpp"
#include "app/server/references.hpp"
#include "base/log.hpp"
#include "base/temp_folder.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"
#include "support/results.hpp"

namespace corral::app {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

class AppTest : public testing::Test {
protected:
    static void SetUpTestSuite() { crypto::init(); }
    void SetUp() override {
        for (const Key& key : keys()) ::unsetenv(std::string(key.name).c_str());
        ASSERT_TRUE(ok(files::replace_file(folder_ / "none.yaml", "")));
        listen();
    }
    // Until a service has ended, which takes the log back.
    void listen() {
        log::set_tap([this](log::Level, std::string_view line) { log_ += std::string(line) + "\n"; });
    }
    void TearDown() override { log::set_tap({}); }
    Result<std::unique_ptr<App>> open(std::vector<std::string> flags = {}) {
        flags.insert(flags.begin(),
                     {"--config=" + folder_ / "none.yaml", "--DATABASE_FOLDER=" + folder_ / "data", "--HYPERVISOR=fake",
                      "--API_PORT=0", "--API_ADDRESS=127.0.0.1", "--ROOT_PASSWORD=Correct-Horse-7!"});
        return App::open(value_of(Config::load(flags)));
    }
    static http::Response ask(const App& app, http::Method method, const std::string& target,
                              const std::string& body = "") {
        http::Request request;
        request.method = method;
        request.method_text = std::string(to_text(method));
        request.target = target;
        request.body = body;
        const auto admission = app.dispatcher().admit(request);
        return admission.refusal ? *admission.refusal : app.dispatcher().run(admission, request);
    }
    static bool serves(const App& app, const std::string& path) {
        return ask(app, http::Method::get, path).status != 404;
    }
    TempFolder folder_;
    std::string log_;
};

TEST_F(AppTest, starts_stops_and_starts_again_on_its_data) {
    for (int i = 0; i < 2; ++i) {
        const auto app = value_of(open());
        ASSERT_TRUE(ok(app->start()));
        EXPECT_GT(app->port(), 0);
        app->stop();
        app->stop();
    }
    EXPECT_EQ(log_.find("Correct-Horse-7"), std::string::npos);
}

TEST_F(AppTest, Q44_a_weak_password_of_root_is_told_and_not_repeated) {
    ASSERT_TRUE(ok(open({"--ROOT_PASSWORD=hunter2"})));
    EXPECT_NE(log_.find("ROOT_PASSWORD is weak"), std::string::npos) << log_;
    EXPECT_EQ(log_.find("hunter2"), std::string::npos) << log_;
    log_.clear();
    listen();
    ASSERT_TRUE(ok(open()));
    EXPECT_EQ(log_.find("weak"), std::string::npos) << log_;
}

TEST_F(AppTest, keys_whose_values_cannot_work_are_refused_by_name) {
    for (const auto& [key, value] :
         {std::pair{"DATABASE_URL", "postgresql://ann:hunter2@db:port/corral"}, std::pair{"JWT_SIGN_ALGORITHM", "none"},
          std::pair{"HYPERVISOR", "vmware"}, std::pair{"API_PORT", "65536"}, std::pair{"WORKER_THREADS", "0"},
          std::pair{"WORKER_THREADS", "100000"}}) {
        const auto app = open({std::string("--") + key + "=" + value});
        EXPECT_TRUE(refuses_field(key, app));
        EXPECT_EQ(app.error().message.find("hunter2"), std::string::npos);
    }
}

TEST_F(AppTest, tls_needs_a_certificate_and_a_key_that_work_together) {
    EXPECT_TRUE(refuses_field("TLS_CERTIFICATE", open({"--TLS_ENABLED=true"})));
    EXPECT_TRUE(refuses_field("TLS_CERTIFICATE", open({"--TLS_ENABLED=true", "--TLS_CERTIFICATE=not base64"})));
    EXPECT_TRUE(refuses_field("TLS_PRIVATE_KEY", open({"--TLS_ENABLED=true", "--TLS_CERTIFICATE=cGVt"})));
    EXPECT_TRUE(refuses_field("TLS_PORT", open({"--TLS_ENABLED=true", "--TLS_CERTIFICATE=cGVt",
                                                "--TLS_PRIVATE_KEY=a2V5", "--TLS_PORT=70000"})));
    // In lines, as base64(1) prints it; then it is the PEM inside that is wrong.
    const auto wrapped = value_of(
        open({"--TLS_ENABLED=true", "--TLS_CERTIFICATE=cG\nVt\n", "--TLS_PRIVATE_KEY=a2V5\r\n", "--TLS_PORT=0"}));
    EXPECT_TRUE(fails_with(Errc::invalid, wrapped->start()));
}

TEST_F(AppTest, keys_without_effect_are_told_and_do_not_stop_the_start) {
    ASSERT_TRUE(ok(open({"--REVERSE_PROXY_PORT=http", "--AMPLITUDE_API_KEY=key"})));
    for (const char* key : {"REVERSE_PROXY_PORT", "AMPLITUDE_API_KEY"})
        EXPECT_NE(log_.find(std::string("no effect in this version key=") + key), std::string::npos) << log_;
    EXPECT_EQ(log_.find("key=MODE"), std::string::npos) << "the default asks for nothing";
}

TEST_F(AppTest, modules_that_are_off_have_no_routes_Q8) {
    // One after the other: a data folder has one server.
    auto app = value_of(open());
    for (const char* path : {"/api/v1/machines", "/api/v1/catalog", "/api/v1/jobs"})
        EXPECT_TRUE(serves(*app, path)) << path;
    app.reset();
    app = value_of(open({"--ENABLED_MODULES=api"}));
    EXPECT_TRUE(serves(*app, "/api/v1/jobs"));
    EXPECT_FALSE(serves(*app, "/api/v1/machines"));
    EXPECT_FALSE(serves(*app, "/api/v1/catalog"));
    app.reset();
    app = value_of(open({"--ENABLED_MODULES= Catalog"}));
    EXPECT_TRUE(serves(*app, "/api/v1/catalog")) << "names have no case";
    EXPECT_FALSE(serves(*app, "/api/v1/machines"));
    EXPECT_TRUE(serves(*app, "/api/v1/jobs")) << "api is always on";
}

TEST_F(AppTest, a_module_that_cannot_run_is_an_error_in_log_and_health) {
    const auto app = value_of(open({"--ENABLED_MODULES=api,orchestrator,host", "--HYPERVISOR=parallels"}));
    EXPECT_FALSE(serves(*app, "/api/v1/machines"));
    EXPECT_NE(log_.find("module=orchestrator"), std::string::npos) << log_;
    EXPECT_NE(log_.find("Machines cannot be run here"), std::string::npos);
    const std::string health = ask(*app, http::Method::get, "/api/health/system").body;
    EXPECT_NE(health.find("orchestrator"), std::string::npos) << health;
    EXPECT_NE(health.find("Hypervisor"), std::string::npos);
}

TEST_F(AppTest, cors_follows_its_module_or_its_switch) {
    EXPECT_TRUE(value_of(open())->dispatcher().cors().enabled());
    EXPECT_FALSE(value_of(open({"--ENABLED_MODULES=api"}))->dispatcher().cors().enabled());
    EXPECT_TRUE(value_of(open({"--ENABLED_MODULES=api", "--ENABLE_CORS=true"}))->dispatcher().cors().enabled());
    EXPECT_FALSE(value_of(open({"--CORS_ALLOWED_ORIGINS=https://a.example"}))
                     ->dispatcher()
                     .cors()
                     .origin_allowed("https://b.example"));
}

TEST_F(AppTest, a_database_that_cannot_be_opened_ends_the_start) {
    ASSERT_TRUE(ok(files::make_folders(folder_ / "data")));
    ASSERT_TRUE(ok(files::replace_file(folder_ / "data/corral.db", std::string(4096, 'x'))));
    EXPECT_TRUE(fails_with(Errc::unavailable, open()));
}

TEST_F(AppTest, every_row_says_what_it_is_who_may_use_it_and_why) {
    const auto app = value_of(open());
    std::set<std::string> ids;
    for (const http::Route& row : app->dispatcher().table()) {
        EXPECT_FALSE(row.module.empty()) << row.pattern;
        EXPECT_FALSE(row.summary.empty()) << row.pattern;
        EXPECT_TRUE(ids.insert(row.operation_id).second) << row.operation_id << " names two rows";
        EXPECT_TRUE(row.handle || row.open_socket) << row.pattern;
        if (row.access.kind() == http::Access::Kind::open) EXPECT_FALSE(row.access.reason().empty()) << row.pattern;
        if (!row.access.claims().empty())
            for (const auto& claim : row.access.claims())
                EXPECT_TRUE(std::ranges::all_of(claim, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; }))
                    << claim;
    }
}

// What a reader of the document relies on: https://spec.openapis.org/oas/v3.1.0.
class ApiDocument : public AppTest {
protected:
    void SetUp() override {
        AppTest::SetUp();
        document_ = value_of(json::parse(value_of(reference("openapi"))));
    }
    static std::vector<std::string> references_in(const std::string& text) {
        constexpr std::string_view mark = R"("$ref":"#/components/schemas/)";
        std::vector<std::string> out;
        for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1))
            out.push_back(text.substr(at + mark.size(), text.find('"', at + mark.size()) - at - mark.size()));
        return out;
    }
    json::Value document_;
};

TEST_F(ApiDocument, every_reference_leads_somewhere_and_every_schema_is_an_object) {
    const auto& schemas = document_.at("components").at("schemas").as_object();
    EXPECT_GT(schemas.size(), 10U);
    for (const std::string& name : references_in(json::serialize(document_)))
        EXPECT_TRUE(schemas.contains(name)) << name;
    for (const auto& [name, schema] : schemas) {
        ASSERT_EQ(schema.at("type").as_string(), "object") << name;
        if (const auto* required = schema.as_object().if_contains("required"))
            for (const auto& member : required->as_array())
                EXPECT_TRUE(schema.at("properties").as_object().contains(member.as_string())) << name << " " << member;
    }
}

TEST_F(ApiDocument, every_operation_is_complete_and_has_a_name_of_its_own) {
    std::set<std::string> ids;
    for (const auto& [path, methods] : document_.at("paths").as_object()) {
        std::set<std::string> in_path;
        for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1))
            in_path.emplace(path.substr(at + 1, path.find('}', at) - at - 1));
        for (const auto& [method, operation] : methods.as_object()) {
            const std::string where = std::string(method) + " " + std::string(path);
            EXPECT_TRUE(ids.emplace(operation.at("operationId").as_string()).second) << where;
            EXPECT_FALSE(operation.at("summary").as_string().empty()) << where;
            EXPECT_EQ(operation.at("tags").as_array().size(), 1U) << where;
            EXPECT_GE(operation.at("responses").as_object().size(), 2U) << where;
            std::set<std::string> declared;
            std::set<std::string> names;
            for (const auto& parameter : operation.at("parameters").as_array()) {
                EXPECT_TRUE(names.emplace(parameter.at("name").as_string()).second) << where;
                if (parameter.at("in").as_string() == "path") declared.emplace(parameter.at("name").as_string());
            }
            EXPECT_EQ(declared, in_path) << where;
            EXPECT_FALSE(method == "get" && operation.as_object().contains("requestBody")) << where;
        }
    }
}

TEST_F(AppTest, the_authorization_matrix_has_every_row_and_lets_nobody_in_who_is_not_admitted) {
    const auto app = value_of(open());
    const std::string matrix = authorization_matrix(app->dispatcher());
    for (const http::Route& row : app->dispatcher().table()) {
        for (const http::Method method : row.methods) {
            const auto at = matrix.find("\n| `" + row.pattern + "` | " + std::string(to_text(method)) + " | " +
                                        row.access.describe() + " | ");
            ASSERT_NE(at, std::string::npos) << row.pattern;
            const std::string line = matrix.substr(at + 1, matrix.find('\n', at + 1) - at - 1);
            const bool open_row = row.access.kind() == http::Access::Kind::open;
            const bool any = open_row || row.access.kind() == http::Access::Kind::signed_in;
            EXPECT_TRUE(line.ends_with(std::string("| ") + (open_row ? "in" : "401") + " | " + (any ? "in" : "401") +
                                       " | in |"))
                << line;
        }
    }
}

}  // namespace
}  // namespace corral::app
