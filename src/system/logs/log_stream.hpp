// The log as it is written, for WebSocket clients (one text frame a line) and as events of the type system_logs. Each
// client has its own subscription (quirk Q22). Thread-safe; outlives the server whose sockets it holds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "events/service.hpp"
#include "platform/http/message.hpp"

namespace corral::system {

class LogStream {
public:
    // `wanted`: does anybody listen to the events? Asked from this object's thread.
    LogStream(events::Service& events, std::function<bool()> wanted);
    ~LogStream();
    LogStream(const LogStream&) = delete;
    LogStream& operator=(const LogStream&) = delete;

    // For log::set_tap(): queues the line, never blocks; good for ever, also when this object is gone.
    [[nodiscard]] std::function<void(log::Level, std::string_view)> tap() const;
    http::SocketHandler open();

private:
    struct Inbox;
    void run(const std::stop_token& stop);
    void deliver(log::Level level, const std::string& line, Time time, bool as_event);

    events::Service& events_;
    std::function<bool()> wanted_;
    std::shared_ptr<Inbox> inbox_;
    std::mutex mutex_;  // guards what follows
    std::map<std::uint64_t, std::shared_ptr<http::Socket>> sockets_;
    std::uint64_t next_ = 0;
    std::jthread thread_;
};

}  // namespace corral::system
