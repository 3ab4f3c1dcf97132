#include "drivers/hypervisor/libvirt/guest/guest_session.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <condition_variable>
#include <mutex>

#include "drivers/hypervisor/power_table.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::drivers::libvirt {

using boost::json::object;

namespace {

std::int64_t number(const json::Value& answer, std::string_view member) {
    const json::Value* value = answer.is_object() ? answer.get_object().if_contains(member) : nullptr;
    return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}
bool flag(const json::Value& answer, std::string_view member) {
    const json::Value* value = answer.is_object() ? answer.get_object().if_contains(member) : nullptr;
    return value != nullptr && value->is_bool() && value->get_bool();
}
std::string bytes(const json::Value& answer, std::string_view member) {
    const json::Value* value = answer.is_object() ? answer.get_object().if_contains(member) : nullptr;
    if (value == nullptr || !value->is_string()) return {};
    return crypto::from_base64({value->get_string().data(), value->get_string().size()}).value_or("");
}

// Waits that long, shorter when the operation is cancelled.
void pause(const machines::Op& op, std::chrono::milliseconds time) {
    std::mutex mutex;
    std::condition_variable_any nobody;
    std::unique_lock lock(mutex);
    nobody.wait_for(lock, op.cancel, time, [] { return false; });
}

}  // namespace

Result<json::Value> GuestSession::call(std::string_view command, json::Value arguments) {
    return agent_.call(id_, object{{"execute", command}, {"arguments", std::move(arguments)}}, op_);
}

Result<machines::GuestOutcome> GuestSession::run(const std::vector<std::string>& argv, std::string_view input) {
    object arguments{
        {"path", argv.front()}, {"arg", boost::json::array(argv.begin() + 1, argv.end())}, {"capture-output", true}};
    if (!input.empty()) arguments["input-data"] = crypto::base64(input);
    const std::int64_t pid = number(TRY(call("guest-exec", std::move(arguments))), "pid");
    auto outcome = wait_for(pid);
    if (!outcome && outcome.error().code == Errc::timeout) kill_group(pid);
    return outcome;
}

Result<machines::GuestOutcome> GuestSession::wait_for(std::int64_t pid) {
    using std::chrono::milliseconds;
    for (milliseconds step{5};; step = std::min(step + milliseconds{5}, milliseconds{25})) {
        const json::Value status = TRY(call("guest-exec-status", object{{"pid", pid}}));
        if (flag(status, "exited")) {
            const std::int64_t signal = number(status, "signal");
            return machines::GuestOutcome{
                .exit_code = static_cast<int>(signal != 0 ? 128 + signal : number(status, "exitcode")),
                .out = bytes(status, "out-data"),
                .err = bytes(status, "err-data")};
        }
        TRY(still_wanted(op_));
        pause(op_, step);
    }
}

// The agent starts every program as the leader of its own session, so the group of that number is all it started.
void GuestSession::kill_group(std::int64_t pid) {
    const machines::Op moment{.deadline = std::chrono::steady_clock::now() + std::chrono::seconds{3}};
    GuestSession last{agent_, id_, moment};
    const auto killer = last.call(
        "guest-exec", object{{"path", "/bin/sh"},
                             {"arg", boost::json::array{"-c", "kill -KILL -- \"-$1\"", "sh", std::to_string(pid)}}});
    // Best effort: the operation has failed already and says so. Waited for, so that it makes nothing any more.
    if (killer && last.wait_for(number(*killer, "pid"))) static_cast<void>(last.wait_for(pid).has_value());
}

Result<std::int64_t> GuestSession::open(const std::string& guest_path, const char* mode) {
    auto handle = call("guest-file-open", object{{"path", guest_path}, {"mode", mode}});
    if (!handle && handle.error().code == Errc::upstream)
        return Error{Errc::invalid, "The guest cannot open this file", handle.error().detail};
    if (!handle) return std::move(handle).error();
    return handle->is_int64() ? handle->get_int64() : 0;
}

void GuestSession::close(std::int64_t handle) {
    const machines::Op moment{.deadline = std::chrono::steady_clock::now() + std::chrono::seconds{2}};
    const auto ignored =
        agent_.call(id_, object{{"execute", "guest-file-close"}, {"arguments", object{{"handle", handle}}}}, moment);
    static_cast<void>(ignored);  // only after another failure; write() looks at its own close
}

Result<void> GuestSession::write(const std::string& guest_path,
                                 const std::function<Result<std::string>(std::size_t)>& next_piece) {
    const std::int64_t handle = TRY(open(guest_path, "w"));
    const auto copy = [&]() -> Result<void> {
        for (;;) {
            const std::string piece = TRY(next_piece(written_piece));
            if (piece.empty()) break;
            TRY(still_wanted(op_));
            const json::Value written =
                TRY(call("guest-file-write", object{{"handle", handle}, {"buf-b64", crypto::base64(piece)}}));
            if (number(written, "count") != static_cast<std::int64_t>(piece.size()))
                return Error{Errc::upstream, "The guest's disk is full"};
        }
        TRY(call("guest-file-close", object{{"handle", handle}}));  // flushes, so it can still fail
        return {};
    };
    auto done = copy();
    if (!done) close(handle);
    return done;
}

Result<void> GuestSession::read(const std::string& guest_path,
                                const std::function<Result<void>(std::string_view)>& take_piece) {
    const std::int64_t handle = TRY(open(guest_path, "r"));
    const auto copy = [&]() -> Result<void> {
        for (;;) {
            TRY(still_wanted(op_));
            const json::Value piece = TRY(call("guest-file-read", object{{"handle", handle}, {"count", read_piece}}));
            if (number(piece, "count") > 0) TRY(take_piece(bytes(piece, "buf-b64")));
            if (flag(piece, "eof") || number(piece, "count") == 0) return {};
        }
    };
    auto done = copy();
    close(handle);
    return done;
}

}  // namespace corral::drivers::libvirt
