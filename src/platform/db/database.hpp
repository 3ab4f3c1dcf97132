// Group commit over any Connection: one writing thread takes what is queued, runs each function in a savepoint of one
// transaction and commits once. Implementation detail of platform/db.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/db/connection.hpp"

namespace corral::db {

class GroupCommitDatabase final : public Database {
public:
    using Open = std::function<std::unique_ptr<Connection>(bool writer)>;
    explicit GroupCommitDatabase(Open open);
    ~GroupCommitDatabase() override;

    Result<void> migrate(std::vector<Migration> all) override;
    std::unique_ptr<Listening> listen(std::string, std::function<void()>) override { return nullptr; }

protected:
    Result<void> run_read(const std::function<Result<void>(Tx&)>&) override;
    Result<void> run_write(const std::function<Result<void>(Tx&)>&) override;

private:
    struct Pending {
        const std::function<Result<void>(Tx&)>* work = nullptr;
        Result<void> result;
        std::vector<std::function<void()>> after;
        std::set<std::string> announced;
        bool done = false;
    };
    void write_loop(const std::stop_token&);
    void run_batch(const std::vector<Pending*>&);
    void run_one(Pending&);
    std::unique_ptr<Connection> borrow_reader();
    void give_back(std::unique_ptr<Connection>);

    Open open_;
    std::unique_ptr<Connection> writer_;  // only the writing thread, and migrate() before it has work
    std::mutex readers_mutex_;
    std::vector<std::unique_ptr<Connection>> readers_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::condition_variable finished_;
    std::deque<Pending*> queue_;
    std::jthread thread_;
};

}  // namespace corral::db
