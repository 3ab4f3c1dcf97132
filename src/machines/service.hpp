// Machines of this host: the verbs of the API over a hypervisor driver, with their records, folders and events.
// Every call may block; thread-safe; its dependencies outlive it. One changing verb a machine at a time.
//
// What is promised after a crash at any point: a machine whose creation was acknowledged is there; one that was not is
// gone with all its files, or its job goes on; a removal that began is finished. recover() sees to it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "events/service.hpp"
#include "jobs/service.hpp"
#include "machines/inventory.hpp"
#include "machines/requests.hpp"
#include "machines/snapshots.hpp"
#include "machines/store.hpp"
#include "platform/http/caller.hpp"

namespace corral::machines {

// Where images for new machines come from: the catalog, or nothing on hosts without one.
struct Image {
    std::string digest;
    std::string disk_path;  // raw, read-only, kept as long as it is pinned
    catalog::Manifest manifest;
};
struct ImageSource {
    // The record that bring() takes for this source.
    std::function<Result<catalog::Manifest>(const Caller&, const CatalogSource&)> find;
    // Finds the record, checks it and brings the image here; reports the contract's pull steps up to the disk.
    std::function<Result<Image>(const Caller&, const CatalogSource&, jobs::Progress&)> bring;
    // Keeps the image as long as the machine stands. False: it was removed meanwhile.
    std::function<bool(db::Tx&, const std::string& machine, const std::string& digest)> pin;
    std::function<void(db::Tx&, const std::string& machine)> unpin;
    // Removes images that nobody needs any more; called when a machine has let go of its own. May be empty.
    std::function<Result<void>()> tidy;
};

struct Settings {
    std::string folder;  // of machines' homes
    std::chrono::milliseconds execute_limit{std::chrono::minutes{3}};
    std::chrono::milliseconds power_limit{std::chrono::minutes{3}};
    std::chrono::milliseconds snapshot_limit{std::chrono::minutes{15}};  // a large memory takes its time to be written
    std::chrono::milliseconds full_interval{std::chrono::minutes{5}};
    std::string host;                        // shown in answers to a create
    std::vector<std::string> local_roots;    // LOCAL_PATH_ROOTS
    std::vector<std::string> usual_folders;  // open to everybody when local_roots is empty
    std::vector<std::string> own_folders;    // the service's state: refused to everybody
};

class Service {
public:
    Service(Driver& driver, db::Database& database, events::Service& events, jobs::Service& jobs, const Clock& clock,
            ImageSource images, Settings settings);
    ~Service();

    // Finishes what a crash left half done, then follows the hypervisor. Once, before jobs resume.
    Result<void> recover();
    void stop();

    Result<std::vector<VirtualMachine>> list();
    Result<VirtualMachine> get(const Ref<MachineTag>& machine);
    Result<StatusResponse> status(const Ref<MachineTag>& machine);

    // `force` on stop: whatever its state. The rules are the contract's (behaviour-b 2.4). `who` is for the audit
    // trail, here and below.
    Result<void> power(const Ref<MachineTag>& machine, PowerAction action, bool force, const Caller& who = {});
    Result<void> remove(const Ref<MachineTag>& machine, bool force, const Caller& who = {});
    Result<VirtualMachine> rename(const Ref<MachineTag>& machine, const RenameRequest& request, const Caller& who = {});
    Result<CloneResponse> clone(const Caller& who, const Ref<MachineTag>& machine, const CloneRequest& request);

    Result<CreateResponse> create(const Caller& who, const CreateRequest& request);
    Result<jobs::Job> create_async(const Caller& who, const CreateRequest& request);
    Result<PullResponse> pull(const Caller& who, const PullRequest& request);
    Result<jobs::Job> pull_async(const Caller& who, const PullRequest& request);

    // `keep_stderr`: also of a command that succeeded; released clients take any text there for a failure.
    Result<ExecuteResponse> execute(const Ref<MachineTag>& machine, const ExecuteRequest& request, bool keep_stderr,
                                    const Caller& who = {});
    Result<UploadResponse> upload(const Caller& who, const Ref<MachineTag>& machine, const UploadRequest& request);

    // Snapshots: who lacks the claim for all machines may do so with those of their own (quirk M26). Errc::unsupported
    // where the hypervisor takes none. Each change is an event, VM_SNAPSHOTS_UPDATED.
    Result<ListSnapshotsResponse> list_snapshots(const Caller& who, const Ref<MachineTag>& machine, bool nested);
    Result<TakeSnapshotResponse> take_snapshot(const Caller& who, const Ref<MachineTag>& machine,
                                               const TakeSnapshotRequest& request);
    Result<void> revert_snapshot(const Caller& who, const Ref<MachineTag>& machine, const std::string& snapshot,
                                 const RevertSnapshotRequest& request);
    Result<void> remove_snapshot(const Caller& who, const Ref<MachineTag>& machine, const std::string& snapshot,
                                 const RemoveSnapshotRequest& request);
    Result<void> remove_all_snapshots(const Caller& who, const Ref<MachineTag>& machine);

    [[nodiscard]] Inventory& inventory() { return inventory_; }
    [[nodiscard]] const Settings& settings() const { return settings_; }

    struct Plan;  // a machine to be made, as kept with its job

private:
    [[nodiscard]] Result<Observed> find(const Ref<MachineTag>& machine) const;
    [[nodiscard]] Result<Observed> find_for_snapshots(const Caller& who, const Ref<MachineTag>& machine,
                                                      std::string_view claim) const;
    [[nodiscard]] Result<Snapshots*> snapshots_of_hypervisor() const;
    void snapshots_changed(const Caller& who, std::string action, const Observed& machine, const Error* why,
                           std::vector<std::pair<std::string, std::string>> detail);
    [[nodiscard]] static Op op(std::chrono::milliseconds limit);
    Result<void> power_judged(const Observed& seen, PowerAction action, bool force);
    // For verbs that have no transaction of their own. `why`: what went wrong, or null. `also` is written with it.
    void note(const Caller& who, std::string action, const Observed& machine, const Error* why,
              std::vector<std::pair<std::string, std::string>> detail = {},
              const std::function<void(db::Tx&)>& also = {});
    Result<void> power_now(const Observed& machine, PowerAction action, const std::stop_token& cancel);
    Result<void> discard(const std::string& id);
    Result<void> drop_record(const store::Record& record);

    [[nodiscard]] Result<Plan> plan_of(const Caller& who, const CreateRequest& request, const std::string& kind) const;
    [[nodiscard]] Result<Plan> plan_of(const Caller& who, const PullRequest& request) const;
    Result<jobs::Job> submit(const Caller& who, const Plan& plan);
    Result<jobs::Finished> run(const jobs::Job& job, const Caller& who, jobs::Progress& progress);
    Result<void> make(const Plan& plan, const Caller& who, jobs::Progress& progress);
    Result<store::Record> reserve(const Plan& plan, const Caller& who, const std::string& digest,
                                  const std::string& base_machine);
    [[nodiscard]] Result<void> check_name(const std::string& name) const;
    Result<void> define(const store::Record& record, const Caller& who, Spec spec, const std::string& base,
                        const std::string& format, const Op& op);
    [[nodiscard]] Result<std::string> confined(const Caller& who, const std::string& path) const;

    Driver& driver_;
    db::Database& database_;
    events::Service& events_;
    jobs::Service& jobs_;
    const Clock& clock_;
    ImageSource images_;
    Settings settings_;
    Inventory inventory_;
    Locks locks_;
    StartGate gate_;
    std::mutex names_mutex_;  // held from the check of a name to its row
};

}  // namespace corral::machines
