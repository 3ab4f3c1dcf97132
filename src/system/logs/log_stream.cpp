#include "system/logs/log_stream.hpp"

#include <condition_variable>
#include <deque>
#include <vector>

#include "platform/json/json.hpp"

namespace corral::system {

namespace {

constexpr std::size_t inbox_lines = 4096;
constexpr std::chrono::milliseconds batch_time{20};

// What delivering itself logs goes to no client, or one line would make the next for ever.
thread_local bool delivering = false;  // NOLINT: of this file's thread

struct LogMessage {
    std::string level, message;
    Time time{};
};
constexpr auto json_object(const LogMessage*) {
    return json::object("LogMessage", json::field("level", &LogMessage::level),
                        json::field("message", &LogMessage::message), json::field("time", &LogMessage::time));
}

std::string_view word(log::Level level) {
    switch (level) {
        case log::Level::trace: return "trace";
        case log::Level::debug: return "debug";
        case log::Level::info: return "info";
        case log::Level::warn: return "warn";
        case log::Level::error: return "error";
        case log::Level::off: return "disabled";
    }
    return "info";
}

}  // namespace

struct LogStream::Inbox {
    struct Line {
        log::Level level;
        std::string text;
        Time time;
    };
    SystemClock clock;
    std::mutex mutex;  // guards what follows
    std::condition_variable_any filled;
    std::deque<Line> lines;
    std::size_t left_out = 0;
    bool closed = false;
};

LogStream::LogStream(events::Service& events, std::function<bool()> wanted)
    : events_(events),
      wanted_(std::move(wanted)),
      inbox_(std::make_shared<Inbox>()),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

LogStream::~LogStream() {
    thread_.request_stop();
    thread_.join();
    std::lock_guard lock(inbox_->mutex);
    inbox_->closed = true;
    inbox_->lines.clear();
}

std::function<void(log::Level, std::string_view)> LogStream::tap() const {
    return [inbox = inbox_](log::Level level, std::string_view line) {
        if (delivering) return;
        const Time now = inbox->clock.now();
        std::lock_guard lock(inbox->mutex);
        if (inbox->closed) return;
        if (inbox->lines.size() == inbox_lines) {
            inbox->lines.pop_front();
            ++inbox->left_out;
        }
        inbox->lines.push_back({level, std::string(line), now});
        if (inbox->lines.size() == 1) inbox->filled.notify_one();
    };
}

void LogStream::run(const std::stop_token& stop) {
    delivering = true;
    while (!stop.stop_requested()) {
        std::deque<Inbox::Line> lines;
        std::size_t left_out = 0;
        {
            std::unique_lock lock(inbox_->mutex);
            if (!inbox_->filled.wait(lock, stop, [&] { return !inbox_->lines.empty(); })) return;
            lines.swap(inbox_->lines);
            left_out = std::exchange(inbox_->left_out, 0);
        }
        const bool as_events = wanted_();
        if (left_out > 0)
            deliver(log::Level::warn, std::to_string(left_out) + " log lines were left out here", lines.front().time,
                    as_events);
        for (const auto& line : lines) deliver(line.level, line.text, line.time, as_events);
        // Lines come in crowds: one wake-up for many.
        std::unique_lock lock(inbox_->mutex);
        inbox_->filled.wait_for(lock, stop, batch_time, [] { return false; });
    }
}

void LogStream::deliver(log::Level level, const std::string& line, Time time, bool as_event) {
    {
        std::lock_guard lock(mutex_);
        if (!sockets_.empty()) {
            const auto text = std::make_shared<const std::string>(line);
            for (const auto& [id, socket] : sockets_) socket->send(text);
        }
    }
    if (as_event)
        events_.publish(events::Type::system_logs, "System Log",
                        json::to_text(LogMessage{std::string(word(level)), line, time}));
}

http::SocketHandler LogStream::open() {
    std::unique_lock lock(mutex_);
    const std::uint64_t id = ++next_;
    lock.unlock();
    http::SocketHandler out;
    out.opened = [this, id](std::shared_ptr<http::Socket> socket) {
        std::lock_guard guard(mutex_);
        sockets_[id] = std::move(socket);
    };
    out.received = [](std::string_view, bool) {};  // read and dropped, as the contract says
    out.closed = [this, id] {
        std::lock_guard guard(mutex_);
        sockets_.erase(id);
    };
    return out;
}

}  // namespace corral::system
