#include "drivers/hypervisor/libvirt/snapshots.hpp"

#include "drivers/hypervisor/libvirt/domain_xml.hpp"
#include "drivers/hypervisor/libvirt/handles.hpp"
#include "drivers/hypervisor/power_table.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::drivers::libvirt {

using machines::Change;
using machines::Op;
using machines::Snapshot;
using machines::State;

namespace {

Result<Snapshot> describe(virDomainSnapshotPtr snapshot) {
    const Text xml{virDomainSnapshotGetXMLDesc(snapshot, 0)};
    if (!xml) return last_error("The snapshot cannot be read");
    Snapshot found = TRY(read_snapshot_xml(xml.get()));
    found.current = virDomainSnapshotIsCurrent(snapshot, 0) == 1;
    return found;
}

Result<SnapshotHandle> find(virDomainPtr domain, const std::string& snapshot) {
    SnapshotHandle found{virDomainSnapshotLookupByName(domain, snapshot.c_str(), 0)};
    if (!found) return last_error("The snapshot cannot be read");
    return found;
}

}  // namespace

Result<std::vector<Snapshot>> DiskSnapshots::list(const std::string& id) {
    const Domain domain = TRY(find_domain(connection_, id));
    virDomainSnapshotPtr* found = nullptr;
    const int count = virDomainListAllSnapshots(domain.get(), &found, VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
    if (count < 0) return last_error("The snapshots cannot be read");
    std::vector<SnapshotHandle> handles;
    handles.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) handles.emplace_back(found[i]);
    std::free(static_cast<void*>(found));
    std::vector<Snapshot> all;
    all.reserve(handles.size());
    for (const SnapshotHandle& one : handles) all.push_back(TRY(describe(one.get())));
    return all;
}

Result<Snapshot> DiskSnapshots::take(const std::string& id, const std::string& name, const std::string& description,
                                     const Op& op) {
    const Domain domain = TRY(find_domain(connection_, id));
    const State state = TRY(state_of_(domain.get()));
    if (state == State::suspended) return refused(state);
    if (name.find('\n') != std::string::npos) return invalid_field("snapshot_name", "must be one line");
    TRY(still_wanted(op));
    const std::string fresh = crypto::random_uuid();
    const SnapshotHandle made{virDomainSnapshotCreateXML(
        domain.get(), snapshot_xml(fresh, name.empty() ? fresh : name, description).c_str(), 0)};
    if (!made) return last_error("The snapshot could not be taken");
    changes_.put(id, Change::updated);
    return describe(made.get());
}

Result<void> DiskSnapshots::revert(const std::string& id, const std::string& snapshot, bool stay_paused, const Op& op) {
    const Domain domain = TRY(find_domain(connection_, id));
    const SnapshotHandle target = TRY(find(domain.get(), snapshot));
    const bool with_memory = TRY(describe(target.get())).state != State::stopped;
    TRY(still_wanted(op));
    // A suspended machine's saved memory belongs to the disk that is about to go.
    if (TRY(state_of_(domain.get())) == State::suspended && virDomainManagedSaveRemove(domain.get(), 0) != 0)
        return last_error("The saved memory could not be dropped");
    const unsigned flags = stay_paused && with_memory ? VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED : 0;
    int done = virDomainRevertToSnapshot(target.get(), flags);
    // Where QEMU itself has to be replaced libvirt asks to be told so twice.
    if (done != 0 && last_error_is(VIR_ERR_SNAPSHOT_REVERT_RISKY))
        done = virDomainRevertToSnapshot(target.get(), flags | VIR_DOMAIN_SNAPSHOT_REVERT_FORCE);
    // Its description came back with it; libvirt's own word of that comes later.
    inventory_.outdate(id);
    if (done != 0) return last_error("The machine could not be taken back to the snapshot");
    changes_.put(id, Change::state);
    return {};
}

Result<void> DiskSnapshots::remove(const std::string& id, const std::string& snapshot, bool with_children,
                                   const Op& op) {
    const Domain domain = TRY(find_domain(connection_, id));
    const SnapshotHandle target = TRY(find(domain.get(), snapshot));
    TRY(still_wanted(op));
    if (virDomainSnapshotDelete(target.get(), with_children ? VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN : 0) != 0)
        return last_error("The snapshot could not be removed");
    changes_.put(id, Change::updated);
    return {};
}

}  // namespace corral::drivers::libvirt
