// The agent's commands that guest access is built from (QEMU docs/interop/qemu-ga-ref). One machine, one operation;
// used by one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/hypervisor/libvirt/guest/agent.hpp"
#include "machines/driver.hpp"

namespace corral::drivers::libvirt {

class GuestSession {
public:
    GuestSession(Agent& agent, const std::string& id, const machines::Op& op) : agent_(agent), id_(id), op_(op) {}

    // Runs a program and waits for it; its output has to be small: an answer of 10 MiB or more makes libvirt drop the
    // agent for good. A program that is out of time is killed with everything it started.
    Result<machines::GuestOutcome> run(const std::vector<std::string>& argv, std::string_view input);
    // Pieces of one opened file. libvirt loses an agent that is sent 256 KiB in one go; it may answer with that much.
    Result<void> write(const std::string& guest_path,
                       const std::function<Result<std::string>(std::size_t)>& next_piece);
    Result<void> read(const std::string& guest_path, const std::function<Result<void>(std::string_view)>& take_piece);

    static constexpr std::size_t written_piece = 64U << 10U;
    static constexpr std::size_t read_piece = 256U << 10U;

private:
    Result<json::Value> call(std::string_view command, json::Value arguments);
    Result<machines::GuestOutcome> wait_for(std::int64_t pid);
    void kill_group(std::int64_t pid);
    Result<std::int64_t> open(const std::string& guest_path, const char* mode);
    void close(std::int64_t handle);

    Agent& agent_;
    const std::string& id_;
    const machines::Op& op_;
};

}  // namespace corral::drivers::libvirt
