// Snapshots inside the machine's own disk image (qcow2), with its memory when it runs. libvirt keeps their tree.
// Thread-safe; calls block.
#pragma once

#include <libvirt/libvirt.h>

#include <functional>
#include <string>
#include <vector>

#include "drivers/hypervisor/change_queue.hpp"
#include "drivers/hypervisor/libvirt/inventory.hpp"
#include "machines/driver.hpp"

namespace corral::drivers::libvirt {

class DiskSnapshots final : public machines::Snapshots {
public:
    using StateOf = std::function<Result<machines::State>(virDomainPtr)>;
    DiskSnapshots(virConnectPtr connection, Inventory& inventory, ChangeQueue& changes, StateOf state_of)
        : connection_(connection), inventory_(inventory), changes_(changes), state_of_(std::move(state_of)) {}

    Result<std::vector<machines::Snapshot>> list(const std::string& id) override;
    Result<machines::Snapshot> take(const std::string& id, const std::string& name, const std::string& description,
                                    const machines::Op&) override;
    Result<void> revert(const std::string& id, const std::string& snapshot, bool stay_paused,
                        const machines::Op&) override;
    Result<void> remove(const std::string& id, const std::string& snapshot, bool with_children,
                        const machines::Op&) override;

private:
    const virConnectPtr connection_;
    Inventory& inventory_;
    ChangeQueue& changes_;
    const StateOf state_of_;
};

}  // namespace corral::drivers::libvirt
