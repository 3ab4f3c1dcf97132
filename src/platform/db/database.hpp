// Group commit over any Connection: one writing thread takes what is queued, runs each function in a savepoint of one
// transaction and commits once. Implementation detail of platform/db.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/db/connection.hpp"
#include "platform/db/statistics.hpp"

namespace corral::db {

class GroupCommitDatabase : public Database {
public:
    using Open = std::function<std::unique_ptr<Connection>(bool writer)>;
    // `readers`: connections for reading at most; who finds none free waits, but not for ever.
    explicit GroupCommitDatabase(Open open, std::size_t readers = 1000);
    ~GroupCommitDatabase() override;

    Result<void> migrate(std::vector<Migration> all) override;
    // Of a database that belongs to one process.
    std::unique_ptr<Listening> listen(std::string, std::function<void()>) override { return nullptr; }
    Result<bool> claim(const std::string& name) override;
    Result<bool> claimed(const std::string& name) override;
    [[nodiscard]] const std::string& controller() const override { return no_name_; }
    Result<void> check() override;
    [[nodiscard]] Statistics statistics() const { return {commits_, transactions_, failures_}; }

protected:
    Result<void> run_read(const std::function<Result<void>(Tx&)>&) override;
    Result<void> run_write(const std::function<Result<void>(Tx&)>&) override;
    void stop();  // writes that wait are done, later ones refused

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
    void run_alone(Pending&);
    void run_one(Pending&);
    std::unique_ptr<Connection> borrow_reader();
    void give_back(std::unique_ptr<Connection>);  // null: it was broken

    const std::string no_name_;
    std::atomic<std::uint64_t> commits_ = 0, transactions_ = 0, failures_ = 0;
    Open open_;
    std::unique_ptr<Connection> writer_;  // only the writing thread
    std::atomic<bool> write_failed_ = false;
    std::mutex readers_mutex_;
    std::condition_variable reader_free_;
    std::vector<std::unique_ptr<Connection>> readers_;
    std::size_t readers_left_;  // that may still be opened
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::condition_variable finished_;
    std::deque<Pending*> queue_;
    std::mutex claims_mutex_;
    std::set<std::string> claims_;
    std::jthread thread_;
};

}  // namespace corral::db
