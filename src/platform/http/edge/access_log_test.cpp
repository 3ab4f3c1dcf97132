#include "platform/http/edge/access_log.hpp"

#include <gtest/gtest.h>

#include "base/log.hpp"
#include "support/testing.hpp"

namespace corral::http {
namespace {

// What the log says while it lives.
class Lines {
public:
    Lines() {
        log::set_tap([this](log::Level, std::string_view line) { text_ += std::string(line) + "\n"; });
    }
    ~Lines() { log::set_tap({}); }
    Lines(const Lines&) = delete;
    Lines& operator=(const Lines&) = delete;
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
};

std::string logged(const std::string& target, const Caller& who, const Route* route = nullptr) {
    const Lines lines;
    Request request;
    request.method_text = "GET";
    request.target = target;
    request.peer = "192.0.2.1";
    request.request_id = "r-1";
    AccessLog().end({.request = request,
                     .route = route,
                     .caller = who,
                     .status = 200,
                     .bytes = 12,
                     .took = std::chrono::microseconds{345}});
    return lines.text();
}

TEST(AccessLog, says_who_asked_for_what_and_what_came_of_it) {
    const Route route =
        get("/v1/things/{thing}", signed_in(), "", [](const Caller&, PathText) -> Result<void> { return {}; });
    Caller who = testing_support::caller("ann");
    who.api_key_id = "k1";
    EXPECT_EQ(logged("/api/things/7?x=1", who, &route),
              "request method=GET route=/v1/things/{thing} target=\"/api/things/7?x=1\" status=200 bytes=12 us=345 "
              "user=ann key=k1 peer=192.0.2.1 id=r-1\n");
    EXPECT_NE(logged("/nope", {}).find("route=- target=/nope status=200 bytes=12 us=345 user=- key=-"),
              std::string::npos);
}

TEST(AccessLog, health_is_not_logged_and_nobody_hides_behind_the_word) {
    const Route probe =
        get("/health/probe", open_to_anyone("a test"), "", [](const Caller&) -> Result<void> { return {}; });
    EXPECT_EQ(logged("/api/v1/health/probe", {}, &probe), "");
    EXPECT_NE(logged("/api/v1/machines?x=/health/", {}), "");
}

TEST(AccessLog, shows_no_token_of_a_query) {
    EXPECT_EQ(logged("/ws?access_token=secret-1&authorization=secret-2", {}).find("secret"), std::string::npos);
}

TEST(LoggableTarget, hides_tokens_and_is_bounded) {
    EXPECT_EQ(loggable_target("/ws?access_token=abc&x=1&authorization=def"),
              "/ws?access_token=***&x=1&authorization=***");
    EXPECT_EQ(loggable_target("/ws?a=1&access_token=abc"), "/ws?a=1&access_token=***");
    EXPECT_EQ(loggable_target("http://host?80/ws?access_token=a&access_token=b"),
              "http://host?80/ws?access_token=***&access_token=***");
    EXPECT_EQ(loggable_target("/ws?access_token=a&access_token=b"), "/ws?access_token=***&access_token=***");
    EXPECT_EQ(loggable_target("/machines?filter=x"), "/machines?filter=x");
    EXPECT_EQ(loggable_target("/ws?acc%65ss_token=abc&%zz=def&c"), "/ws?acc%65ss_token=***&%zz=***&c")
        << "a name is known in every spelling";
    EXPECT_LE(loggable_target("/" + std::string(10'000, 'x')).size(), 1024U);
}

}  // namespace
}  // namespace corral::http
