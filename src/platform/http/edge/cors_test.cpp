#include "platform/http/edge/cors.hpp"

#include <gtest/gtest.h>

namespace corral::http {
namespace {

using Fields = std::vector<std::pair<const char*, const char*>>;

Request request_with(const Fields& fields) {
    Request request;
    request.method = Method::options;
    for (const auto& [name, value] : fields) request.headers.add(name, value);
    return request;
}

Cors of(std::vector<std::string> origins, std::vector<std::string> methods = {},
        std::vector<std::string> headers = {}) {
    return Cors(
        {.enabled = true, .origins = std::move(origins), .methods = std::move(methods), .headers = std::move(headers)});
}

constexpr const char* allow_origin = "Access-Control-Allow-Origin";

TEST(Cors, a_preflight_of_the_web_client_is_admitted) {
    const auto answer = of({"*"}).preflight(
        request_with({{"Origin", "http://ui.example"},
                      {"Access-Control-Request-Method", "PUT"},
                      {"Access-Control-Request-Headers", "authorization, content-type,x-source-id , X-FILTER"}}));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.get(allow_origin), "*");
    EXPECT_EQ(answer.headers.get("Access-Control-Allow-Headers"), "Authorization,Content-Type,X-Source-Id,X-Filter");
    EXPECT_EQ(answer.headers.get("Access-Control-Allow-Methods"), "PUT");
    EXPECT_EQ(answer.headers.find("Access-Control-Allow-Credentials"), std::nullopt);
    EXPECT_TRUE(answer.body.empty());
}

TEST(Cors, a_preflight_that_asks_for_too_much_is_refused_without_permission) {
    struct Case {
        Fields fields;
        int status;
    };
    for (const Case& c : {Case{{{"Origin", "http://ui.example"}}, 400},
                          Case{{{"Origin", "http://ui.example"}, {"Access-Control-Request-Method", "TRACE"}}, 405},
                          Case{{{"Origin", "http://ui.example"}, {"Access-Control-Request-Method", "put"}}, 405},
                          Case{{{"Origin", "http://ui.example"},
                                {"Access-Control-Request-Method", "PUT"},
                                {"Access-Control-Request-Headers", "Authorization,X-Strange"}},
                               403}}) {
        const auto answer = of({"*"}).preflight(request_with(c.fields));
        EXPECT_EQ(answer.status, c.status);
        EXPECT_EQ(answer.headers.find(allow_origin), std::nullopt);
        EXPECT_TRUE(answer.body.empty());
    }
}

TEST(Cors, a_foreign_origin_or_none_gets_an_answer_without_permission) {
    const Cors cors = of({"https://a.example"});
    for (const Fields& fields : {Fields{{"Origin", "https://b.example"}, {"Access-Control-Request-Method", "PUT"}},
                                 Fields{{"Origin", "https://a.example.evil"}, {"Access-Control-Request-Method", "PUT"}},
                                 Fields{{"Origin", "null"}, {"Access-Control-Request-Method", "PUT"}},
                                 Fields{{"Access-Control-Request-Method", "PUT"}}, Fields{}}) {
        const auto answer = cors.preflight(request_with(fields));
        EXPECT_EQ(answer.status, 200);
        EXPECT_TRUE(answer.headers.all().empty());
        Response served;
        cors.decorate(request_with(fields), served);
        EXPECT_EQ(served.headers.find(allow_origin), std::nullopt);
        EXPECT_EQ(served.headers.get("Vary"), "Origin") << "another origin gets another answer";
    }
}

TEST(Cors, configured_origins_are_echoed_without_case_and_no_cache_may_mix_them_up) {
    Response one;
    of({"https://a.example"}).decorate(request_with({{"Origin", "https://A.example"}}), one);
    EXPECT_EQ(one.headers.get(allow_origin), "https://A.example");
    EXPECT_EQ(one.headers.get("Vary"), "Origin");
    Response two;
    of({"https://a.example", "https://b.example"}).decorate(request_with({{"Origin", "https://b.example"}}), two);
    EXPECT_EQ(two.headers.get(allow_origin), "https://b.example");
    EXPECT_EQ(two.headers.get("Vary"), "Origin");
    Response all;
    of({"https://a.example", "*"}).decorate(request_with({{"Origin", "https://c.example"}}), all);
    EXPECT_EQ(all.headers.get(allow_origin), "*");
    EXPECT_EQ(all.headers.find("Vary"), std::nullopt) << "the same for everybody";
}

TEST(Cors, pages_may_read_the_headers_that_are_configured_and_by_default_none) {
    const Request request = request_with({{"Origin", "http://ui.example"}});
    Response usual;
    of({}).decorate(request, usual);
    EXPECT_EQ(usual.headers.find("Access-Control-Expose-Headers"), std::nullopt);
    Response told;
    Cors({.enabled = true, .exposed = {"X-Total-Count", "Link"}}).decorate(request, told);
    EXPECT_EQ(told.headers.get("Access-Control-Expose-Headers"), "X-Total-Count, Link");
}

TEST(Cors, configuration_adds_methods_and_headers_to_the_usual_ones) {
    const auto answer = of({}, {"PURGE"}, {"X-Strange"})
                            .preflight(request_with({{"Origin", "http://ui.example"},
                                                     {"Access-Control-Request-Method", "PURGE"},
                                                     {"Access-Control-Request-Headers", "x-strange,accept"}}));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.get("Access-Control-Allow-Headers"), "X-Strange,Accept");
}

TEST(Cors, switched_off_it_says_nothing) {
    const Cors off({.enabled = false, .origins = {"*"}, .methods = {}, .headers = {}});
    const Request request = request_with({{"Origin", "http://ui.example"}, {"Access-Control-Request-Method", "PUT"}});
    EXPECT_TRUE(off.preflight(request).headers.all().empty());
    Response served;
    off.decorate(request, served);
    EXPECT_TRUE(served.headers.all().empty());
}

}  // namespace
}  // namespace corral::http
