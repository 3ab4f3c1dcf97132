#include "drivers/hypervisor/libvirt/guest/agent.hpp"

#include <libvirt/libvirt-qemu.h>

#include <algorithm>
#include <boost/json/object.hpp>

#include "drivers/hypervisor/libvirt/handles.hpp"
#include "drivers/hypervisor/power_table.hpp"

namespace corral::drivers::libvirt {

namespace {

// libvirt counts in whole seconds. An agent that does not answer within 20 is gone, however long the op may take.
int seconds_left(const machines::Op& op) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(op.deadline - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::clamp<long>(left, 1, 20));
}

}  // namespace

std::shared_ptr<std::timed_mutex> Agent::turn_of(const std::string& id) {
    auto turns = turns_.lock();
    auto& turn = (*turns)[id];
    if (!turn) turn = std::make_shared<std::timed_mutex>();
    return turn;
}

void Agent::forget(const std::string& id) { turns_.lock()->erase(id); }

Result<json::Value> Agent::ask(const std::string& id, const json::Value& command, const machines::Op& op) {
    const Domain domain = TRY(find_domain(connection_, id));
    const Text answer{virDomainQemuAgentCommand(domain.get(), json::serialize(command).c_str(), seconds_left(op), 0)};
    if (!answer) return last_error("The guest's agent refused");
    const json::Value reply = TRY(json::parse(answer.get()));
    const json::Value* result = reply.is_object() ? reply.get_object().if_contains("return") : nullptr;
    if (result == nullptr) return Error{Errc::upstream, "The guest's agent answered nonsense", answer.get()};
    return *result;
}

Result<json::Value> Agent::call(const std::string& id, const json::Value& command, const machines::Op& op) {
    const auto turn = turn_of(id);
    const std::unique_lock lock(*turn, op.deadline);
    if (!lock) return Error{Errc::busy, "The guest's agent is busy"};
    TRY(still_wanted(op));
    return ask(id, command, op);
}

Result<json::Value> Agent::call_when_free(const std::string& id, const json::Value& command, const machines::Op& op) {
    const auto turn = turn_of(id);
    const std::unique_lock lock(*turn, std::try_to_lock);
    if (!lock) return Error{Errc::busy, "The guest's agent is busy"};
    return ask(id, command, op);
}

}  // namespace corral::drivers::libvirt
