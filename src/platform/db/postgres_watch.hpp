// The session that listens for other processes and holds what this one claims, on a thread of its own. It connects
// again for as long as it lives. Thread-safe. Implementation detail of platform/db.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "platform/db/postgres.hpp"

namespace corral::db {

class PostgresWatch {
public:
    // Connects; throws Failure. `controller` is named in our own announcements, which are passed over.
    PostgresWatch(PostgresPlace place, std::string controller);
    ~PostgresWatch();
    PostgresWatch(const PostgresWatch&) = delete;
    PostgresWatch& operator=(const PostgresWatch&) = delete;

    std::unique_ptr<Listening> listen(std::string topic, std::function<void()> changed);
    Result<bool> claim(const std::string& name);
    void missed();  // announcements may have been lost: every listener is called, soon
    void stop();    // no listener is called after it

private:
    struct Listener {
        std::string topic;
        std::function<void()> changed;
    };
    class Handle;
    void connect();
    void work(const std::stop_token& stop);
    void attend(const std::stop_token& stop);
    void wait_for_news();
    void call(const std::set<std::string>& topics, bool all);
    void take_claims();

    PostgresPlace place_;
    std::string controller_;
    int wake_;                                  // eventfd
    std::unique_ptr<PostgresSession> session_;  // the thread's, and the constructor's
    std::mutex calling_;                        // held while a listener runs: first this, then mutex_
    std::mutex mutex_;                          // guards what follows
    std::condition_variable claimed_;
    std::map<std::uint64_t, Listener> listeners_;
    std::uint64_t next_ = 0;
    bool missed_ = false;
    struct Claim {
        bool held = false;  // it was got; kept through a lost connection
        bool here = false;  // by the session of now
        bool tried = false;
        std::string failure;
    };
    std::map<std::string, Claim> claims_;
    std::jthread thread_;
};

}  // namespace corral::db
