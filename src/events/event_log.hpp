// events::Service over the database. Thread-safe; outlived by the database and the clock.
#pragma once

#include <mutex>

#include "base/clock.hpp"
#include "events/service.hpp"

namespace corral::events {

class EventLog final : public Service {
public:
    EventLog(db::Database& database, const Clock& clock, std::int64_t kept = 100'000)
        : database_(database), clock_(clock), kept_(kept) {}

    void append(db::Tx& tx, Type type, std::string message, std::string body_json, std::string owner) override;
    void publish(Type type, std::string message, std::string body_json, std::string owner) override;
    void listen(std::function<void(const Event&)> listener) override;
    Result<std::vector<Event>> since(std::int64_t sequence, std::size_t limit) override;
    Result<void> trim();  // removes what is beyond `kept`

private:
    void tell(const Event& event);
    db::Database& database_;
    const Clock& clock_;
    std::int64_t kept_;
    std::mutex mutex_;
    std::vector<std::function<void(const Event&)>> listeners_;
};

}  // namespace corral::events
