#include "platform/metrics/metrics.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace corral::metrics {
namespace {

class MetricsTest : public testing::Test {
protected:
    void answered(const http::Route* route, int status, http::Method method = http::Method::get,
                  std::chrono::milliseconds took = {}) {
        http::Request request;
        request.method = method;
        metrics_.requests().end(
            {.request = request, .route = route, .caller = nobody_, .status = status, .bytes = 10, .took = took});
    }
    // The value of a series, as it stands in the text.
    std::string value(const std::string& series) {
        const std::string text = "\n" + metrics_.text();
        const auto at = text.find("\n" + series + " ");
        if (at == std::string::npos) return "(absent)";
        const auto from = at + series.size() + 2;
        return text.substr(from, text.find('\n', from) - from);
    }
    Caller nobody_;
    http::Route row_ = http::get("/v1/things/{thing}", http::open_to_anyone("test"), "Test",
                                 [](const Caller&, http::PathText) -> Result<void> { return {}; });
    Metrics metrics_{"1.2.3"};
};

TEST_F(MetricsTest, requests_are_counted_by_method_row_and_status) {
    answered(&row_, 200);
    answered(&row_, 200);
    answered(&row_, 404);
    answered(&row_, 200, http::Method::put);
    answered(nullptr, 404);
    answered(nullptr, 404, http::Method::other);
    const std::string row = "route=\"/v1/things/{thing}\"";
    EXPECT_EQ(value("corral_http_requests_total{method=\"GET\"," + row + ",status=\"200\"}"), "2");
    EXPECT_EQ(value("corral_http_requests_total{method=\"GET\"," + row + ",status=\"404\"}"), "1");
    EXPECT_EQ(value("corral_http_requests_total{method=\"PUT\"," + row + ",status=\"200\"}"), "1");
    EXPECT_EQ(value("corral_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}"), "1");
    EXPECT_EQ(value("corral_http_requests_total{method=\"other\",route=\"none\",status=\"404\"}"), "1");
    EXPECT_EQ(value("corral_http_response_bytes_total"), "60");
}

TEST_F(MetricsTest, times_fall_into_buckets_and_open_sockets_into_none) {
    using namespace std::chrono_literals;
    answered(&row_, 200, http::Method::get, 3ms);
    answered(&row_, 500, http::Method::get, 70ms);
    answered(&row_, 101, http::Method::get, 3h);
    const std::string labels = "{method=\"GET\",route=\"/v1/things/{thing}\"";
    EXPECT_EQ(value("corral_http_request_duration_seconds_bucket" + labels + ",le=\"0.0025\"}"), "0");
    EXPECT_EQ(value("corral_http_request_duration_seconds_bucket" + labels + ",le=\"0.005\"}"), "1");
    EXPECT_EQ(value("corral_http_request_duration_seconds_bucket" + labels + ",le=\"+Inf\"}"), "2");
    EXPECT_EQ(value("corral_http_request_duration_seconds_count" + labels + "}"), "2");
}

TEST_F(MetricsTest, other_figures_are_asked_for_at_each_scrape) {
    int asked = 0;
    metrics_.add_gauge("corral_things", "Things", [&] {
        ++asked;
        return std::vector<Sample>{{2.5, {{"state", "a \"b\""}}}, {static_cast<double>(asked), {{"state", "c"}}}};
    });
    EXPECT_EQ(value("corral_things{state=\"c\"}"), "1");
    EXPECT_EQ(value("corral_things{state=\"c\"}"), "2");
    EXPECT_EQ(value("corral_things{state=\"a \\\"b\\\"\"}"), "2.5");
    EXPECT_EQ(value("corral_build_info{version=\"1.2.3\"}"), "1");
    EXPECT_NE(metrics_.text().find("# TYPE corral_things gauge\n"), std::string::npos);
}

TEST_F(MetricsTest, the_process_is_described) {
    const ProcessFigures now = process_figures();
    EXPECT_GT(now.resident_bytes, 1U << 20U);
    EXPECT_GE(now.virtual_bytes, now.resident_bytes);
    EXPECT_GE(now.threads, 1U);
    EXPECT_GE(now.open_files, 3U);
    EXPECT_GT(now.start_seconds, 1.0e9);
    EXPECT_NE(value("process_resident_memory_bytes"), "(absent)");
    EXPECT_NE(metrics_.text().find("# TYPE process_cpu_seconds_total counter\n"), std::string::npos);
}

TEST_F(MetricsTest, many_threads_count_what_they_count) {
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 500; ++i) answered(&row_, 200 + i % 5);
            });
    }
    int total = 0;
    for (int status = 200; status < 205; ++status)
        total += std::stoi(value("corral_http_requests_total{method=\"GET\",route=\"/v1/things/{thing}\",status=\"" +
                                 std::to_string(status) + "\"}"));
    EXPECT_EQ(total, 2000);
}

}  // namespace
}  // namespace corral::metrics
