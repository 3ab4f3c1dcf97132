// Snapshots of fake machines: the tree and the states, no contents. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drivers/hypervisor/fake/fake_driver.hpp"

namespace corral::drivers::fake {

class FakeSnapshots final : public machines::Snapshots {
public:
    explicit FakeSnapshots(std::shared_ptr<FakeDriver::State> state) : state_(std::move(state)) {}
    Result<std::vector<machines::Snapshot>> list(const std::string& id) override;
    Result<machines::Snapshot> take(const std::string& id, const std::string& name, const std::string& description,
                                    const machines::Op&) override;
    Result<void> revert(const std::string& id, const std::string& snapshot, bool stay_paused,
                        const machines::Op&) override;
    Result<void> remove(const std::string& id, const std::string& snapshot, bool with_children,
                        const machines::Op&) override;

private:
    const std::shared_ptr<FakeDriver::State> state_;
};

}  // namespace corral::drivers::fake
