#include "platform/db/postgres_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

#include "base/log.hpp"

namespace corral::db {

namespace {
constexpr auto first_pause = std::chrono::milliseconds{100};
constexpr auto longest_pause = std::chrono::seconds{2};
constexpr int check_every_ms = 10'000;  // a session that rests is asked whether it is there
}  // namespace

class PostgresWatch::Handle final : public Listening {
public:
    Handle(PostgresWatch& watch, std::uint64_t id) : watch_(watch), id_(id) {}
    ~Handle() override {
        std::lock_guard calls(watch_.calling_);  // a call that runs ends first
        std::lock_guard lock(watch_.mutex_);
        watch_.listeners_.erase(id_);
    }

private:
    PostgresWatch& watch_;
    std::uint64_t id_;
};

PostgresWatch::PostgresWatch(PostgresPlace place, std::string controller)
    : place_(std::move(place)), controller_(std::move(controller)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_ < 0) throw Failure(Failure::Kind::unavailable, "eventfd failed");
    try {
        connect();
    } catch (...) {
        ::close(wake_);
        throw;
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

PostgresWatch::~PostgresWatch() {
    stop();
    ::close(wake_);
}

void PostgresWatch::stop() {
    thread_.request_stop();
    eventfd_write(wake_, 1);
    if (thread_.joinable()) thread_.join();
    claimed_.notify_all();
}

std::unique_ptr<Listening> PostgresWatch::listen(std::string topic, std::function<void()> changed) {
    std::lock_guard lock(mutex_);
    const auto id = next_++;
    listeners_[id] = {std::move(topic), std::move(changed)};
    return std::make_unique<Handle>(*this, id);
}

Result<bool> PostgresWatch::claim(const std::string& name) {
    std::unique_lock lock(mutex_);
    if (claims_[name].held) return true;
    claims_[name] = {};
    eventfd_write(wake_, 1);
    claimed_.wait(lock, [&] { return claims_[name].tried || thread_.get_stop_token().stop_requested(); });
    const Claim result = claims_[name];
    if (!result.held) claims_.erase(name);
    if (!result.tried) return Error{Errc::unavailable, "The service is stopping"};
    if (!result.failure.empty())
        return Error{Errc::unavailable, "The database is out of reach; try again in a moment", result.failure};
    return result.held;
}

void PostgresWatch::missed() {
    std::lock_guard lock(mutex_);
    missed_ = true;
    eventfd_write(wake_, 1);
}

void PostgresWatch::connect() {
    session_ = std::make_unique<PostgresSession>(place_);
    const auto schema = session_->query("SELECT quote_ident('corral.' || current_schema())");
    if (PQgetisnull(schema.get(), 0, 0) != 0)
        throw Failure(Failure::Kind::other, "no schema of the search path exists");
    session_->query("LISTEN " + PostgresSession::text(schema, 0, 0));
}

// Claims that were asked for just now, and, with a new session, those that the old one had.
void PostgresWatch::take_claims() {
    std::vector<std::string> wanted;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [name, claim] : claims_)
            if (claim.held ? !claim.here : !claim.tried) wanted.push_back(name);
    }
    for (const std::string& name : wanted) {
        const auto got = session_->query("SELECT pg_try_advisory_lock(" + postgres_lock_key(name) + ")");
        const bool mine = PostgresSession::text(got, 0, 0) == "t";
        std::lock_guard lock(mutex_);
        const auto it = claims_.find(name);
        if (it == claims_.end()) continue;
        Claim& claim = it->second;
        // After a cut the server may hold it for the old session for a while, or another took it. Asked again later.
        if (claim.held && !mine) log::warn("A claim is not regained yet", {{"claim", name}});
        claim = {.held = claim.held || mine, .here = mine, .tried = true};
        claimed_.notify_all();
    }
}

void PostgresWatch::call(const std::set<std::string>& topics, bool all) {
    std::lock_guard calls(calling_);
    std::vector<std::function<void()>> due;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [id, listener] : listeners_)
            if (all || topics.contains(listener.topic)) due.push_back(listener.changed);
    }
    for (const auto& changed : due) changed();
}

void PostgresWatch::wait_for_news() {
    std::array<pollfd, 2> both{{{PQsocket(session_->handle()), POLLIN, 0}, {wake_, POLLIN, 0}}};
    const int ready = ::poll(both.data(), both.size(), check_every_ms);
    if (ready == 0) session_->query("SELECT 1");
    eventfd_t ignored = 0;
    if (both[1].revents != 0) eventfd_read(wake_, &ignored);
    if (both[0].revents != 0 && PQconsumeInput(session_->handle()) == 0)
        throw Failure(Failure::Kind::unavailable, "the connection to PostgreSQL was lost");
}

void PostgresWatch::attend(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        take_claims();
        std::set<std::string> topics;
        struct Free {
            void operator()(PGnotify* n) const { PQfreemem(n); }
        };
        while (const std::unique_ptr<PGnotify, Free> note{PQnotifies(session_->handle())}) {
            const std::string_view text = note->extra;
            const auto space = text.find(' ');
            if (space != std::string_view::npos && text.substr(0, space) != controller_)
                topics.emplace(text.substr(space + 1));
        }
        bool all = false;
        {
            std::lock_guard lock(mutex_);
            all = std::exchange(missed_, false);
        }
        if (all || !topics.empty()) call(topics, all);
        if (session_->lost()) throw Failure(Failure::Kind::unavailable, "the connection to PostgreSQL was lost");
        wait_for_news();
    }
}

void PostgresWatch::work(const std::stop_token& stop) {
    std::chrono::milliseconds pause = first_pause;
    bool told = false;
    while (!stop.stop_requested()) {
        try {
            if (!session_) {
                connect();
                std::lock_guard lock(mutex_);
                missed_ = true;
                for (auto& [name, claim] : claims_) claim.here = false;
                log::info("The connection to PostgreSQL is there again");
            }
            pause = first_pause;
            told = false;
            attend(stop);
        } catch (const Failure& failure) {
            session_.reset();
            if (!std::exchange(told, true)) log::warn("PostgreSQL is out of reach", {{"why", failure.what()}});
            {
                std::lock_guard lock(mutex_);
                for (auto& [name, claim] : claims_)
                    if (!claim.held) claim = {.tried = true, .failure = failure.what()};
                claimed_.notify_all();
            }
            pollfd one{wake_, POLLIN, 0};
            ::poll(&one, 1, static_cast<int>(pause.count()));
            eventfd_t ignored = 0;
            eventfd_read(wake_, &ignored);
            pause = std::min<std::chrono::milliseconds>(pause * 2, longest_pause);
        }
    }
}

}  // namespace corral::db
