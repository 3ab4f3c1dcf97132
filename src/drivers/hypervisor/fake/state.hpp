// What the parts of the fake hypervisor share. Thread-safe through Guarded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/guarded.hpp"
#include "drivers/hypervisor/change_queue.hpp"
#include "drivers/hypervisor/fake/fake_driver.hpp"
#include "drivers/hypervisor/fake/machine.hpp"

namespace corral::drivers {

struct FakeDriver::State {
    struct Contents {
        std::map<std::string, fake::Machine> machines;
        std::unordered_map<std::string, std::string> id_by_name;
        std::optional<Error> failure;  // of the next changing call
    };

    explicit State(FakeOptions o) : options(std::move(o)) {}

    // Waits as long as the verb is said to take; then the failure that was ordered, if any.
    Result<void> begin(const machines::Op&);
    Result<machines::Observed> observe(const std::string& id);
    // Runs `alter(machine)` under the lock, keeps the result, tells it.
    template <class F>
    Result<void> edit(const std::string& id, machines::Change change, F&& alter) {
        {
            auto contents = guarded.lock();
            const auto found = contents->machines.find(id);
            if (found == contents->machines.end()) return no_such(id);
            fake::Machine next = found->second;
            TRY(alter(next));
            TRY(keep(next));
            found->second = std::move(next);
        }
        changes.put(id, change);
        return {};
    }
    Result<void> keep(const fake::Machine&) const;
    static Error no_such(const std::string& id);

    const FakeOptions options;
    Guarded<Contents> guarded;
    ChangeQueue changes;
};

}  // namespace corral::drivers
