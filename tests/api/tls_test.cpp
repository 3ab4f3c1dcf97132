// The encrypted listener, with a certificate that is made for the test.
#include <gtest/gtest.h>

#include <filesystem>

#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"
#include "platform/process/process.hpp"
#include "raw.hpp"
#include "server.hpp"

namespace corral::tests {
namespace {

class Tls : public testing::Test {
protected:
    void SetUp() override {
        const auto made = must(process::run(
            {.argv = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                      folder / "key.pem", "-out", folder / "certificate.pem"}}));
        ASSERT_EQ(made.exit_code, 0) << made.err;
        const auto encoded = [&](const char* name) { return crypto::base64(must(files::read_file(folder / name))); };
        flags = {"--TLS_ENABLED=true", "--TLS_PORT=0", "--DISABLE_HTTP_WHEN_TLS=true",
                 "--TLS_CERTIFICATE=" + encoded("certificate.pem"), "--TLS_PRIVATE_KEY=" + encoded("key.pem")};
    }
    static net::ClientRequest probe(const Server& server) {
        net::ClientRequest request;
        request.url = "https://127.0.0.1:" + std::to_string(server.port()) + "/api/health/probe";
        return request;
    }

    TempFolder folder;
    std::vector<std::string> flags;
};

TEST_F(Tls, requests_are_answered_to_who_trusts_the_certificate) {
    Server server({.flags = flags});
    net::HttpClient trusting({.ca_file = folder / "certificate.pem"});
    for (int i = 0; i < 2; ++i) {
        const auto answer = trusting.send(probe(server));
        ASSERT_TRUE(answer) << answer.error().detail;
        EXPECT_EQ(answer->status, 200);
        EXPECT_EQ(answer->body, "{\"status\":\"OK\"}\n");
    }
    // Large both ways: several records each.
    auto request = probe(server);
    request.url = "https://127.0.0.1:" + std::to_string(server.port()) + "/api/openapi.json";
    EXPECT_GT(must(trusting.send(request)).body.size(), 16384U);
    request.url = "https://127.0.0.1:" + std::to_string(server.port()) + "/api/v1/auth/token";
    request.method = "POST";
    request.body = "{\"email\":\"" + std::string(1U << 20, 'a') + "\"}";
    EXPECT_EQ(must(trusting.send(request)).status, 400);
}

TEST_F(Tls, a_client_that_does_not_trust_it_gets_no_connection) {
    Server server({.flags = flags});
    const auto refused = net::HttpClient().send(probe(server));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unavailable);
    EXPECT_TRUE(net::HttpClient({.accept_any_certificate = true}).send(probe(server)));
}

TEST_F(Tls, plain_http_is_not_spoken_on_the_encrypted_port) {
    Server server({.flags = flags});
    Raw plain(server.port());
    plain.send("GET /api/health/probe HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_EQ(plain.rest().find("HTTP/1.1"), std::string::npos);
    // And it does not disturb the others.
    EXPECT_TRUE(net::HttpClient({.ca_file = folder / "certificate.pem"}).send(probe(server)));
}

TEST_F(Tls, both_listeners_run_side_by_side) {
    std::erase(flags, "--DISABLE_HTTP_WHEN_TLS=true");
    Server server({.flags = flags});
    EXPECT_EQ(server.get("/health/probe").status, 200);
}

TEST_F(Tls, a_certificate_and_a_key_that_do_not_fit_stop_the_start) {
    const auto open = [&](const std::string& certificate, const std::string& key) {
        const auto config =
            app::Config::load({"--DATABASE_FOLDER=" + (folder / "data"), "--HYPERVISOR=fake", "--API_PORT=0",
                               "--API_ADDRESS=127.0.0.1", "--TLS_ENABLED=true", "--TLS_PORT=0", "--ROOT_PASSWORD=x",
                               "--TLS_CERTIFICATE=" + certificate, "--TLS_PRIVATE_KEY=" + key});
        auto app = app::App::open(must(config));
        if (!app) return std::move(app).error().code;
        const auto started = (*app)->start();
        return started ? Errc::internal : started.error().code;
    };
    EXPECT_EQ(open("", ""), Errc::invalid);
    EXPECT_EQ(open("not base64!", "bm8="), Errc::invalid);
    EXPECT_EQ(open("bm8gY2VydGlmaWNhdGU=", "bm8ga2V5"), Errc::invalid);
}

}  // namespace
}  // namespace corral::tests
