// A commit whose answer is lost on the way: between the controller and the server stands a relay that cuts the line at
// the COMMIT, before or after the server got it.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "base/temp_folder.hpp"
#include "platform/db/db.hpp"
#include "support/postgres_server.hpp"
#include "support/results.hpp"

namespace corral::db {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::PostgresServer;
using testing_support::value_of;

class Relay {
public:
    enum class Cut { never, before, after };
    explicit Relay(std::string server) : server_(std::move(server)), listener_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        const auto address = at(folder_.path());
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener_, 16), 0);
        acceptor_ = std::jthread([this] {
            for (int client = 0; (client = ::accept(listener_, nullptr, nullptr)) >= 0;)
                relays_.emplace_back([this, client] { pass(client); });
        });
    }
    ~Relay() {
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        relays_.clear();  // ends with the sessions, which are gone by now
        ::close(listener_);
    }
    [[nodiscard]] const std::string& folder() const { return folder_.path(); }
    std::atomic<Cut> next = Cut::never;

private:
    static sockaddr_un at(const std::string& folder) {
        sockaddr_un out{.sun_family = AF_UNIX, .sun_path = {}};
        (folder + "/.s.PGSQL.5432").copy(out.sun_path, sizeof out.sun_path - 1);
        return out;
    }
    void pass(int client) {
        const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const auto address = at(server_);
        if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) relay(client, server);
        ::close(client);
        ::close(server);
    }
    void relay(int client, int server) {
        std::array<char, 65536> buffer{};
        std::array<pollfd, 2> both{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
        bool last = false;
        while (::poll(both.data(), both.size(), -1) > 0)
            for (const auto& [from, asked, events] : both) {
                if (events == 0) continue;
                const auto size = ::read(from, buffer.data(), buffer.size());
                if (size <= 0 || (last && from == server)) return;
                const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
                if (from == client && text.find("; COMMIT") != std::string_view::npos) {
                    const Cut cut = next.exchange(Cut::never);
                    if (cut == Cut::before) return;
                    last = cut == Cut::after;
                }
                if (::write(from == client ? server : client, buffer.data(), text.size()) != size) return;
            }
    }

    std::string server_;
    TempFolder folder_;
    int listener_;
    std::vector<std::jthread> relays_;
    std::jthread acceptor_;
};

class PostgresCommitTest : public testing::Test {
protected:
    void SetUp() override {
        const std::string url =
            PostgresServer::shared().url(testing::UnitTest::GetInstance()->current_test_info()->name());
        const auto host = url.find("host=") + 5;
        const auto folder = url.substr(host, url.find('&', host) - host);
        relay_ = std::make_unique<Relay>(folder);
        database_ =
            value_of(open_postgres(Secret(std::string(url).replace(host, folder.size(), relay_->folder())), "a1"));
        ASSERT_TRUE(ok(database_->migrate({{1, "one", "CREATE TABLE t (k TEXT PRIMARY KEY)"}})));
    }
    Result<void> insert(const std::string& key) {
        return database_->write([&](Tx& tx) {
            tx.exec("INSERT INTO t VALUES (:1)", key);
            tx.after_commit([&] { ++hooks_; });
        });
    }
    std::vector<std::string> keys() {
        return value_of(database_->read([](Tx& tx) { return tx.all<std::string>("SELECT k FROM t ORDER BY k"); }));
    }
    std::unique_ptr<Relay> relay_;
    std::unique_ptr<Database> database_;
    int hooks_ = 0;
};

TEST_F(PostgresCommitTest, that_the_server_has_is_a_success_although_its_answer_was_lost) {
    relay_->next = Relay::Cut::after;
    EXPECT_TRUE(ok(insert("a")));
    EXPECT_EQ(hooks_, 1);
    EXPECT_EQ(keys(), std::vector<std::string>{"a"});
    EXPECT_TRUE(ok(insert("b")));
}

TEST_F(PostgresCommitTest, that_never_reached_the_server_is_a_failure_and_nothing_is_stored) {
    ASSERT_TRUE(ok(insert("a")));
    relay_->next = Relay::Cut::before;
    EXPECT_TRUE(fails_with(Errc::unavailable, insert("b")));
    EXPECT_EQ(hooks_, 1);
    EXPECT_EQ(keys(), std::vector<std::string>{"a"});
    EXPECT_TRUE(ok(insert("b"))) << "so it may be tried again";
}

}  // namespace
}  // namespace corral::db
