// One conversation with a guest's agent: a command as JSON, its answer as JSON. Commands for one guest take turns.
// Thread-safe; calls block.
#pragma once

#include <libvirt/libvirt.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/guarded.hpp"
#include "machines/driver.hpp"
#include "platform/json/json.hpp"

namespace corral::drivers::libvirt {

class Agent {
public:
    explicit Agent(virConnectPtr connection) : connection_(connection) {}

    // The member "return" of the answer. Errc::unavailable: no answer; Errc::upstream: the agent refused, its words are
    // in `detail`.
    Result<json::Value> call(const std::string& id, const json::Value& command, const machines::Op&);
    // The same, or Errc::busy at once when another command is on its way.
    Result<json::Value> call_when_free(const std::string& id, const json::Value& command, const machines::Op&);
    void forget(const std::string& id);

private:
    std::shared_ptr<std::timed_mutex> turn_of(const std::string& id);
    Result<json::Value> ask(const std::string& id, const json::Value& command, const machines::Op&);

    const virConnectPtr connection_;
    Guarded<std::map<std::string, std::shared_ptr<std::timed_mutex>>> turns_;
};

}  // namespace corral::drivers::libvirt
