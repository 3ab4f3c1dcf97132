// events::Service over the database. Thread-safe; outlived by the database and the clock. Stored events are told in the
// order of their numbers, those that other controllers on the database stored among them.
#pragma once

#include <mutex>

#include "base/clock.hpp"
#include "events/service.hpp"

namespace corral::events {

class EventLog final : public Service {
public:
    EventLog(db::Database& database, const Clock& clock, std::int64_t kept = 100'000);

    void append(db::Tx& tx, Type type, std::string message, std::string body_json, std::string owner) override;
    void publish(Type type, std::string message, std::string body_json, std::string owner) override;
    void listen(std::function<void(const Event&)> listener) override;
    Result<std::vector<Event>> since(std::int64_t sequence, std::size_t limit) override;
    Result<Stored> stored() override;
    Result<void> trim();  // removes what is beyond `kept`

private:
    void tell(const Event& event);
    void committed(const Event& event);
    void catch_up();  // tells what others stored since the last one told; under order_
    db::Database& database_;
    const Clock& clock_;
    std::int64_t kept_;
    std::mutex mutex_;
    std::vector<std::function<void(const Event&)>> listeners_;
    std::mutex order_;                       // held while stored events are told; guards told_
    std::int64_t told_ = -1;                 // number of the last one; -1: not known yet
    std::unique_ptr<db::Listening> others_;  // ends before what it uses
};

}  // namespace corral::events
