// A whole Corral in this process: the real server on a free port of 127.0.0.1, the fake hypervisor, and a data folder
// that goes with it. Called over HTTP by the client that the command line uses.
//
//     Server server({.accounts = {{.name = "ann", .claims = {"LIST_VM"}}}});
//     EXPECT_EQ(server.get("/v1/machines", {.as = "ann"}).status, 200);
//     EXPECT_EQ(server.put("/v1/machines/web/start", "", {.as = "ann"}).at("/error"), "unauthorized_client");
//
// Whoever cannot be started or called throws, so that a test shows what it is about and nothing else. One thread owns
// a Server; any thread may call it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/cli/client.hpp"
#include "app/server/app.hpp"
#include "base/temp_folder.hpp"
#include "machines/driver.hpp"
#include "platform/db/db.hpp"
#include "platform/net/http_client.hpp"
#include "support/results.hpp"

namespace corral::tests {

using testing_support::eventually;

constexpr std::string_view root_password = "Correct-Horse-7";
constexpr std::string_view token_secret = "the tests sign their tokens with this";

// Somebody who is known when the server starts, with exactly these rights and no password.
struct Account {
    std::string name;
    std::vector<std::string> claims;
    std::vector<std::string> roles;
};

// How a call is made: as whom ("root", an account, "" for nobody) and with which headers.
struct Ask {
    std::string as = "root";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string content_type = "application/json";
};

struct Answer {
    int status = 0;
    http::Headers headers;
    std::string body;

    // The JSON member at a pointer (RFC 6901): a text as it is, everything else as JSON; "(absent)" when it is not
    // there. "" is the whole body.
    [[nodiscard]] std::string at(std::string_view pointer) const;
    // Elements of the array, or members of the object, at a pointer; -1 when it is neither.
    [[nodiscard]] int size(std::string_view pointer = "") const;
    template <class T>
    [[nodiscard]] T as() const {
        auto value = json::read<T>(body);
        if (!value) throw std::runtime_error("not the expected JSON: " + body);
        return std::move(*value);
    }
};

class Server {
public:
    struct Options {
        std::vector<Account> accounts;
        std::vector<std::string> flags;  // "--KEY=value"
        // Makes the hypervisor, given the folder of its state; empty: the fake one, by configuration.
        std::function<std::unique_ptr<machines::Driver>(const std::string& folder)> hypervisor;
        const Server* beside = nullptr;  // another controller on the database of that one; PostgreSQL only
    };
    Server() : Server(Options{}) {}
    explicit Server(Options options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void stop();     // as SIGTERM does: drains; what jobs had not done is left to the next start
    void restart();  // on the same data, perhaps another port

    [[nodiscard]] int port() const { return app_->port(); }
    [[nodiscard]] std::string url() const;
    [[nodiscard]] app::App& app() { return *app_; }
    [[nodiscard]] const std::string& folder() const { return folder_.path(); }
    [[nodiscard]] std::string operator/(const std::string& name) const { return folder_ / name; }

    [[nodiscard]] std::string user_id(const std::string& name) const { return users_.at(name); }
    [[nodiscard]] std::string token(const std::string& name) const;
    [[nodiscard]] cli::Client client(const std::string& name = "root") const;

    // `path` starts below /api.
    Answer call(std::string_view method, const std::string& path, std::string body, const Ask& ask = {});
    Answer get(const std::string& path, const Ask& ask = {}) { return call("GET", path, "", ask); }
    Answer put(const std::string& path, std::string body, const Ask& ask = {}) {
        return call("PUT", path, std::move(body), ask);
    }
    Answer post(const std::string& path, std::string body, const Ask& ask = {}) {
        return call("POST", path, std::move(body), ask);
    }
    Answer del(const std::string& path, const Ask& ask = {}) { return call("DELETE", path, "", ask); }

    // Behind the server's back: for states that no route of this version reaches.
    void change(const std::function<void(db::Tx&)>& work);

private:
    void prepare();
    void open();

    TempFolder folder_;
    std::string database_ = folder_ / "corral.db";
    Options options_;
    std::map<std::string, std::string> users_;  // name → id
    std::unique_ptr<app::App> app_;
    net::HttpClient http_;
};

// The value, or an exception with what the error says.
template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message + " (" + result.error().detail + ")");
    return std::move(*result);
}
inline void must(Result<void> result) {
    if (!result) throw std::runtime_error(result.error().message + " (" + result.error().detail + ")");
}

// Waits for a job's end; the job.
Answer finished_job(Server& server, const std::string& id);

}  // namespace corral::tests
