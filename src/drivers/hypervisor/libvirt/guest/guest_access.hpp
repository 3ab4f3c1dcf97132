// Commands and files inside guests through the QEMU guest agent. Thread-safe; calls block.
#pragma once

#include <functional>
#include <string>

#include "drivers/hypervisor/libvirt/guest/agent.hpp"
#include "machines/driver.hpp"

namespace corral::drivers::libvirt {

class AgentGuest final : public machines::GuestAccess {
public:
    using WaitForAgent = std::function<Result<void>(const std::string& id, const machines::Op&)>;
    AgentGuest(Agent& agent, WaitForAgent wait) : agent_(agent), wait_(std::move(wait)) {}

    Result<machines::GuestOutcome> execute(const std::string& id, const machines::GuestCommand&,
                                           const machines::Op&) override;
    Result<void> write_file(const std::string& id, const std::string& host_path, const std::string& guest_path,
                            const machines::Op&) override;
    Result<void> read_file(const std::string& id, const std::string& guest_path, const std::string& host_path,
                           const machines::Op&) override;

private:
    Agent& agent_;
    const WaitForAgent wait_;
};

}  // namespace corral::drivers::libvirt
