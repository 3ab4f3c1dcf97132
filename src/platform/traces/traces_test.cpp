// Spans against a receiver of the test's making, and the two formats against their standards.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "platform/traces/traceparent.hpp"
#include "platform/traces/tracer.hpp"
#include "support/canned_api.hpp"

namespace corral::traces {
namespace {

using testing_support::CannedApi;
using testing_support::eventually;
using testing_support::fails_with;
using testing_support::value_of;

const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string span = "00f067aa0ba902b7";

TEST(TraceParent, is_read_as_the_standard_says) {
    const auto sampled = parse_trace_parent("00-" + trace + "-" + span + "-01");
    ASSERT_TRUE(sampled);
    EXPECT_EQ(sampled->trace_id, trace);
    EXPECT_EQ(sampled->span_id, span);
    EXPECT_TRUE(sampled->sampled);
    EXPECT_FALSE(parse_trace_parent("00-" + trace + "-" + span + "-00")->sampled);
    EXPECT_TRUE(parse_trace_parent("00-" + trace + "-" + span + "-0b")->sampled) << "other flags may come";
    EXPECT_TRUE(parse_trace_parent("cc-" + trace + "-" + span + "-01-what-comes")) << "a later version";
    EXPECT_EQ(to_text(*sampled), "00-" + trace + "-" + span + "-01");
    for (const std::string& bad :
         {std::string(), "00-" + trace + "-" + span, "ff-" + trace + "-" + span + "-01",
          "00-" + trace + "-" + span + "-01-more", "cc-" + trace + "-" + span + "-01.more",
          "00-" + std::string(32, '0') + "-" + span + "-01", "00-" + trace + "-" + std::string(16, '0') + "-01",
          "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + span + "-01", "00-" + trace + "-" + span + "-0g",
          "0x-" + trace + "-" + span + "-01", "00_" + trace + "-" + span + "-01"})
        EXPECT_FALSE(parse_trace_parent(bad)) << bad;
}

TEST(TraceParent, a_child_goes_on_with_the_trace_and_the_choice) {
    crypto::init();
    const TraceParent parent{trace, span, false};
    const auto child = child_of(parent, 1);
    EXPECT_EQ(child.trace_id, trace);
    EXPECT_NE(child.span_id, span);
    EXPECT_FALSE(child.sampled);
    EXPECT_TRUE(child_of(std::nullopt, 1).sampled);
    EXPECT_FALSE(child_of(std::nullopt, 0).sampled);
    EXPECT_NE(child_of(std::nullopt, 1).trace_id, child_of(std::nullopt, 1).trace_id);
    EXPECT_TRUE(parse_trace_parent(to_text(child_of(std::nullopt, 1))));
    int chosen = 0;
    for (int i = 0; i < 2000; ++i) chosen += child_of(std::nullopt, 0.5).sampled ? 1 : 0;
    EXPECT_GT(chosen, 800);
    EXPECT_LT(chosen, 1200);
}

TEST(Otlp, is_the_json_form_of_the_protocol) {
    Span one{.trace_id = trace,
             .span_id = span,
             .parent_id = "",
             .name = "GET /api/v1/machines",
             .start = *from_rfc3339("2026-01-01T00:00:00.000001Z"),
             .end = *from_rfc3339("2026-01-01T00:00:01Z"),
             .failed = true,
             .texts = {{"http.request.method", "GET"}},
             .numbers = {{"http.response.status_code", 502}}};
    EXPECT_EQ(boost::json::parse(to_otlp({.service_name = "s", .service_version = "1", .instance = ""}, {one})),
              boost::json::parse(R"({"resourceSpans":[{"resource":{"attributes":[
                  {"key":"service.name","value":{"stringValue":"s"}},
                  {"key":"service.version","value":{"stringValue":"1"}}]},
                "scopeSpans":[{"scope":{"name":"corral","version":"1"},"spans":[{
                  "traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"GET /api/v1/machines",
                  "kind":2,"startTimeUnixNano":"1767225600000001000","endTimeUnixNano":"1767225601000000000",
                  "attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},
                                {"key":"http.response.status_code","value":{"intValue":"502"}}],
                  "status":{"code":2}}]}]}]})"));
}

TEST(OtlpHeaders, are_pairs_and_no_value_is_repeated_in_an_error) {
    const auto headers = value_of(parse_headers(Secret("a=b, Authorization=Basic%20eDp5 ,")));
    ASSERT_EQ(headers.size(), 2U);
    EXPECT_EQ(headers[1].first, "Authorization");
    EXPECT_EQ(headers[1].second.reveal(), "Basic eDp5");
    for (const char* bad : {"hunter2", "=hunter2", "a=%zzhunter2"}) {
        const auto result = parse_headers(Secret(bad));
        ASSERT_TRUE(fails_with(Errc::invalid, result)) << bad;
        EXPECT_EQ(result.error().message.find("hunter2"), std::string::npos);
    }
}

class TracerTest : public testing::Test {
protected:
    Tracer::Options options() {
        return {.endpoint = collector_.url() + "/api/",
                .headers = {{"X-Api-Key", Secret("from the configuration")}},
                .resource = {.service_name = "corral-test"},
                .client = {},
                .queue = 4,
                .period = std::chrono::milliseconds{5}};
    }
    void request(Tracer& tracer, const std::string& parent = "", int status = 200) {
        http::Request request;
        request.target = request.path = "/v1/things/7";
        if (!parent.empty()) request.headers.add("traceparent", parent);
        tracer.begin(request);
        last_ = request.trace_parent;
        tracer.end({.request = request, .route = &row_, .caller = nobody_, .status = status, .bytes = 3});
    }
    // All spans that the collector was sent.
    boost::json::array spans() {
        boost::json::array out;
        for (const auto& asked : collector_.asked())
            for (const auto& one :
                 boost::json::parse(asked.body).at_pointer("/resourceSpans/0/scopeSpans/0/spans").as_array())
                out.push_back(one);
        return out;
    }
    CannedApi collector_;
    SystemClock clock_;
    Caller nobody_;
    std::string last_;
    http::Route row_ = http::get("/v1/things/{thing}", http::open_to_anyone("test"), "Test",
                                 [](const Caller&, http::PathText) -> Result<void> { return {}; });
};

TEST_F(TracerTest, a_request_becomes_a_span_of_the_callers_trace) {
    collector_.answer("POST /traces", "{}");
    Tracer tracer(clock_, options());
    request(tracer, "00-" + trace + "-" + span + "-01", 503);
    ASSERT_TRUE(eventually([&] { return tracer.sent() == 1; }));
    const auto sent = spans().at(0).as_object();
    EXPECT_EQ(sent.at("traceId").as_string(), trace);
    EXPECT_EQ(sent.at("parentSpanId").as_string(), span);
    EXPECT_EQ(sent.at("name").as_string(), "GET /api/v1/things/{thing}");
    EXPECT_EQ(sent.at("spanId").as_string(), parse_trace_parent(last_)->span_id) << "what outgoing calls carry on";
    EXPECT_EQ(sent.at("status").at("code").as_int64(), 2);
    EXPECT_EQ(collector_.asked().front().api_key, "from the configuration");
}

TEST_F(TracerTest, what_the_caller_does_not_sample_is_passed_on_and_not_sent) {
    collector_.answer("POST /traces", "{}");
    Tracer tracer(clock_, options());
    request(tracer, "00-" + trace + "-" + span + "-00");
    EXPECT_EQ(last_.substr(3, 32), trace);
    EXPECT_TRUE(last_.ends_with("-00"));
    request(tracer, "not one");  // begins a trace
    ASSERT_TRUE(eventually([&] { return tracer.sent() == 1; }));
    EXPECT_NE(spans().at(0).at("traceId").as_string(), trace);
    EXPECT_FALSE(spans().at(0).as_object().contains("parentSpanId"));
}

TEST_F(TracerTest, spans_wait_for_a_collector_that_is_away_and_the_queue_has_an_end) {
    collector_.answer("POST /traces", "{}", 503);
    collector_.answer("POST /traces", "{}", 503);
    collector_.answer("POST /traces", "{}", 200);
    Tracer tracer(clock_, options());
    request(tracer);
    ASSERT_TRUE(eventually([&] { return tracer.sent() == 1; })) << "the third attempt gets through";
    EXPECT_EQ(tracer.dropped(), 0U);
}

TEST_F(TracerTest, nothing_waits_for_a_collector_that_is_not_there) {
    auto unreachable = options();
    unreachable.endpoint = "http://127.0.0.1:1";
    unreachable.period = std::chrono::hours{1};
    Tracer tracer(clock_, unreachable);
    for (int i = 0; i < 10; ++i) request(tracer);
    EXPECT_GE(tracer.dropped(), 6U);
    EXPECT_EQ(tracer.sent(), 0U);
}

TEST_F(TracerTest, what_is_refused_for_good_is_dropped) {
    collector_.answer("POST /traces", "{}", 400);
    Tracer tracer(clock_, options());
    request(tracer);
    EXPECT_TRUE(eventually([&] { return tracer.dropped() == 1; }));
}

TEST_F(TracerTest, what_is_queued_at_the_end_is_sent) {
    collector_.answer("POST /traces", "{}");
    auto slow = options();
    slow.period = std::chrono::hours{1};  // its first round may be over, the next one never comes
    {
        Tracer tracer(clock_, slow);
        for (int i = 0; i < 3; ++i) request(tracer);
    }
    EXPECT_EQ(spans().size(), 3U);
}

}  // namespace
}  // namespace corral::traces
