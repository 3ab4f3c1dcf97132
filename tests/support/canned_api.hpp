// An API of the test's making on a free port of 127.0.0.1, for tests of clients: answers what it was told to, the last
// answer of each kind again and again, everything else with 404; remembers what it was asked. Any thread.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "platform/crypto/crypto.hpp"
#include "platform/net/server.hpp"
#include "support/results.hpp"

namespace corral::testing_support {

class CannedApi final : public http::Authenticator {
public:
    CannedApi() { EXPECT_TRUE(ok(server_.start())); }
    ~CannedApi() override {
        server_.stop();
        workers_.stop();
    }
    CannedApi(const CannedApi&) = delete;
    CannedApi& operator=(const CannedApi&) = delete;

    struct Asked {
        std::string what;  // "PUT /machines/m/start?force=true"
        std::string body, authorization, api_key;
    };
    void answer(const std::string& what, std::string body, int status = 200) {
        std::lock_guard lock(mutex_);
        answers_[what].emplace_back(status, std::move(body));
    }
    std::vector<Asked> asked() {
        std::lock_guard lock(mutex_);
        return asked_;
    }
    std::vector<std::string> whats() {
        std::vector<std::string> out;
        for (const Asked& one : asked()) out.push_back(one.what);
        return out;
    }
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }

private:
    Result<Caller> authenticate(const http::Request&, bool) const override { return Caller{}; }
    std::vector<http::Route> table() {
        std::vector<http::Route> out;
        for (const char* pattern :
             {"/v1/{a}", "/v1/{a}/{b}", "/v1/{a}/{b}/{c}", "/v1/{a}/{b}/{c}/{d}", "/v1/{a}/{b}/{c}/{d}/{e}"}) {
            http::Route route{.methods = {http::Method::get, http::Method::post, http::Method::put, http::Method::del},
                              .pattern = pattern,
                              .access = http::open_to_anyone("test"),
                              .summary = "test"};
            route.handle = [this](const http::Call& call, const http::Route&) { return serve(call.request); };
            out.push_back(std::move(route));
        }
        return out;
    }
    Result<http::Response> serve(const http::Request& request) {
        std::lock_guard lock(mutex_);
        const std::string what = request.method_text + " " + request.target.substr(std::string("/api/v1").size());
        asked_.push_back({what, request.body, std::string(request.headers.get("Authorization")),
                          std::string(request.headers.get("X-Api-Key"))});
        auto& known = answers_[what];
        http::Response response;
        response.status = known.empty() ? 404 : known.front().first;
        response.body = known.empty() ? R"({"message":"Nothing of that name","code":404})" : known.front().second;
        if (known.size() > 1) known.pop_front();
        return response;
    }
    std::mutex mutex_;  // guards both
    std::map<std::string, std::deque<std::pair<int, std::string>>> answers_;
    std::vector<Asked> asked_;
    const bool crypto_ready_ = (crypto::init(), true);  // request ids are random
    http::Dispatcher dispatcher_{table(), *this, {.prefix = "/api", .cors = {}, .version = "1"}};
    tasks::Pool workers_{"test", 2};
    net::Server server_{dispatcher_, workers_, {.address = "127.0.0.1", .port = 0, .threads = 1}};
};

}  // namespace corral::testing_support
