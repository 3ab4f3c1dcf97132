// Proves that what runs on network threads reads memory only: the real service is held up at its database and at its
// hypervisor, and whatever belongs on a network thread must be done all the same.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

#include "app/server/app.hpp"
#include "base/temp_folder.hpp"
#include "drivers/hypervisor/fake/fake_driver.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"
#include "support/results.hpp"

namespace corral::app {
namespace {

using testing_support::eventually;
using testing_support::ok;
using testing_support::value_of;

// Whoever passes while it is shut waits until it opens.
class Gate {
public:
    void shut() {
        std::lock_guard lock(mutex_);
        shut_ = true;
    }
    void open() {
        {
            std::lock_guard lock(mutex_);
            shut_ = false;
        }
        opened_.notify_all();
    }
    void pass() {
        std::unique_lock lock(mutex_);
        if (!shut_) return;
        ++held_;
        opened_.wait(lock, [&] { return !shut_; });
        --held_;
    }
    [[nodiscard]] int held() const { return held_; }

private:
    std::mutex mutex_;
    std::condition_variable opened_;
    bool shut_ = false;
    std::atomic<int> held_ = 0;
};

Gate database_gate;  // NOLINT: SQLite calls back without a way to carry state from before the connection

int at_statement(unsigned /*what*/, void* /*unused*/, void* /*statement*/, void* /*sql*/) {
    database_gate.pass();
    return 0;
}

// Every connection that is opened from now on asks the gate before each statement
// (sqlite.org/c3ref/auto_extension.html).
int at_connection(sqlite3* connection, char** /*error*/, const sqlite3_api_routines* /*unused*/) {
    return sqlite3_trace_v2(connection, SQLITE_TRACE_STMT, at_statement, nullptr);
}

class GatedDriver final : public machines::Driver {
public:
    explicit GatedDriver(Gate& gate) : gate_(gate) {}
    [[nodiscard]] machines::DriverInfo info() const override { return gate_.pass(), fake_.info(); }
    Result<std::vector<machines::Observed>> list() override { return gate_.pass(), fake_.list(); }
    Result<machines::Observed> observe(const std::string& id) override { return gate_.pass(), fake_.observe(id); }
    Result<machines::Observed> create(const machines::Spec& spec, const machines::Op& op) override {
        return gate_.pass(), fake_.create(spec, op);
    }
    Result<void> power(const std::string& id, machines::PowerAction action, const machines::Op& op) override {
        return gate_.pass(), fake_.power(id, action, op);
    }
    Result<void> destroy(const std::string& id, const machines::Op& op) override {
        return gate_.pass(), fake_.destroy(id, op);
    }
    Result<machines::Observed> change(const std::string& id, const machines::Changes& changes,
                                      const machines::Op& op) override {
        return gate_.pass(), fake_.change(id, changes, op);
    }
    Result<std::string> freeze_disk_for_clone(const std::string& id, const machines::Op& op) override {
        return gate_.pass(), fake_.freeze_disk_for_clone(id, op);
    }
    void listen(machines::ChangeListener listener) override { fake_.listen(std::move(listener)); }

private:
    Gate& gate_;
    drivers::FakeDriver fake_;
};

class InlineRows : public testing::Test {
protected:
    void SetUp() override {
        crypto::init();
        for (const Key& key : keys()) ::unsetenv(std::string(key.name).c_str());
        ASSERT_TRUE(ok(files::replace_file(folder_ / "none.yaml", "")));
        sqlite3_auto_extension(reinterpret_cast<void (*)()>(at_connection));
        const auto config =
            value_of(Config::load({"--config=" + folder_ / "none.yaml", "--DATABASE_FOLDER=" + folder_ / "data",
                                   "--ROOT_PASSWORD=Correct-Horse-7"}));
        app_ = value_of(App::open(config, std::make_unique<GatedDriver>(driver_gate_)));
    }
    void TearDown() override {
        release();
        app_.reset();
        sqlite3_reset_auto_extension();
    }
    void hold_up() {
        database_gate.shut();
        driver_gate_.shut();
    }
    void release() {
        database_gate.open();
        driver_gate_.open();
    }
    // Runs elsewhere, so that the test goes on when it hangs.
    template <class F>
    static auto elsewhere(F work) {
        return std::async(std::launch::async, std::move(work));
    }
    template <class T>
    static bool ends(const std::future<T>& work) {
        return work.wait_for(std::chrono::seconds{20}) == std::future_status::ready;
    }
    [[nodiscard]] http::Response run(http::Method method, const std::string& target, const std::string& body = "",
                                     const std::string& token = "") const {
        http::Request request;
        request.method = method;
        request.method_text = std::string(to_text(method));
        request.target = target;
        request.body = body;
        if (!token.empty()) request.headers.add("Authorization", "Bearer " + token);
        const auto admission = app_->dispatcher().admit(request);
        return admission.refusal ? *admission.refusal : app_->dispatcher().run(admission, request);
    }
    [[nodiscard]] std::string token() const {
        const auto answer =
            run(http::Method::post, "/api/auth/token", R"({"email":"root","password":"Correct-Horse-7"})");
        return std::string(value_of(json::parse(answer.body)).at("token").as_string());
    }
    TempFolder folder_;
    Gate driver_gate_;
    std::unique_ptr<App> app_;
};

TEST_F(InlineRows, take_no_database_and_no_hypervisor) {
    hold_up();
    int rows = 0;
    for (const http::Route& row : app_->dispatcher().table()) {
        if (!row.runs_inline) continue;
        ++rows;
        EXPECT_TRUE(row.request_schema.empty()) << row.pattern << ": to read a body is work for a worker";
        auto answer = elsewhere([&row] {
            Caller root;
            root.principal = std::make_shared<const Principal>(Principal{.super_user = true, .root = true});
            const http::Request request;
            return row.handle(http::Call{request, root, {"a", "b", "c", "d"}}, row);
        });
        EXPECT_TRUE(ends(answer)) << row.pattern << " waits";
        release();  // lets the future end when it hangs
        const auto given = answer.get();
        EXPECT_TRUE(given || given.error().code == Errc::not_found) << row.pattern << " " << given.error().message;
        hold_up();
    }
    EXPECT_GE(rows, 5) << "the probe, the home page and the API documents at least";
}

TEST_F(InlineRows, nor_does_finding_out_who_asks) {
    const std::string good = token();
    hold_up();
    for (const std::string& shown : {good, good + "x", std::string("a.b.c")}) {
        auto admitted = elsewhere([&] {
            http::Request request;
            request.target = "/api/v1/machines";
            request.headers.add("Authorization", "Bearer " + shown);
            return !app_->dispatcher().admit(request).refusal.has_value();
        });
        const bool in_time = ends(admitted);
        EXPECT_TRUE(in_time);
        if (!in_time) release();
        EXPECT_EQ(admitted.get(), shown == good);
    }
    auto by_key = elsewhere([&] {
        http::Request request;
        request.target = "/api/v1/machines";
        request.headers.add("X-Api-Key", crypto::base64("key:secret"));
        return app_->dispatcher().admit(request).refusal.has_value();
    });
    EXPECT_TRUE(ends(by_key));
    release();
    EXPECT_TRUE(by_key.get());
}

// What makes the test above worth something: rows that do use them are really held up.
TEST_F(InlineRows, others_are_held_up_by_the_gates_of_this_test) {
    const std::string root = token();
    hold_up();
    const int before = database_gate.held();
    auto reads = elsewhere([&] { return run(http::Method::get, "/api/v1/catalog", "", root).status; });
    EXPECT_TRUE(eventually([&] { return database_gate.held() > before; }));
    auto asks = elsewhere([&] { return run(http::Method::get, "/api/health/system").status; });
    EXPECT_TRUE(eventually([&] { return driver_gate_.held() > 0; }));
    EXPECT_EQ(reads.wait_for(std::chrono::seconds{0}), std::future_status::timeout);
    release();
    EXPECT_EQ(reads.get(), 200);
    EXPECT_EQ(asks.get(), 200);
}

}  // namespace
}  // namespace corral::app
