#include "machines/routes.hpp"

namespace corral::machines {

namespace {

using MachineRef = Ref<MachineTag>;
using namespace http;

bool force(const Request& request) { return request.query_value("force").value_or("") == "true"; }

std::vector<Route> power_routes(Service& service) {
    struct Verb {
        const char* path;
        const char* name;
        PowerAction action;
        const char* summary;
    };
    static constexpr std::array verbs{
        Verb{"start", "Start", PowerAction::start, "Start a stopped machine"},
        Verb{"stop", "Stop", PowerAction::stop, "Shut the guest down; ?force=true cuts the power"},
        Verb{"restart", "Restart", PowerAction::restart, "Ask the guest to reboot"},
        Verb{"pause", "Pause", PowerAction::pause, "Halt the processors; the memory stays"},
        Verb{"resume", "Resume", PowerAction::resume, "Go on after a pause or a suspend"},
        Verb{"reset", "Reset", PowerAction::reset, "Reset the hardware"},
        Verb{"suspend", "Suspend", PowerAction::suspend, "Save the memory to disk and halt"}};
    std::vector<Route> rows;
    for (const Verb& verb : verbs) {
        Route row = put(std::string("/v1/machines/{machine}/") + verb.path, all_of({"UPDATE_VM_STATES"}), verb.summary,
                        [&service, &verb](const Caller& who, const Request& request,
                                          MachineRef machine) -> Result<PowerResponse> {
                            TRY(service.power(machine, verb.action, force(request), who));
                            return PowerResponse{.id = machine.text, .operation = verb.name};
                        })
                        .also(Method::get);  // released clients use it (clients.md 2)
        if (verb.action == PowerAction::stop)
            rows.push_back(std::move(row).query("force", "true: whatever its state"));
        else
            rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<Route> making_routes(Service& service) {
    std::vector<Route> rows;
    rows.push_back(post("/v1/machines", all_of({"CREATE_VM"}), "Make a machine from a catalog image, and wait",
                        [&](const Caller& who, CreateRequest body) { return service.create(who, body); }));
    rows.push_back(post("/v1/machines/async", all_of({"CREATE_VM"}), "Make a machine as a job",
                        [&](const Caller& who, CreateRequest body) { return service.create_async(who, body); })
                       .status(202));
    rows.push_back(put(
        "/v1/machines/{machine}/clone", all_of({"CREATE_VM"}), "Linked clone of a machine",
        [&](const Caller& who, MachineRef machine, CloneRequest body) { return service.clone(who, machine, body); }));
    rows.push_back(put("/v1/catalog/pull", all_of({"PULL_CATALOG_MANIFEST"}), "Make a machine of an image, and wait",
                       [&](const Caller& who, PullRequest body) { return service.pull(who, body); }));
    rows.push_back(put("/v1/catalog/pull/async", all_of({"PULL_CATALOG_MANIFEST"}),
                       "Make a machine of an image as a job",
                       [&](const Caller& who, PullRequest body) { return service.pull_async(who, body); })
                       .status(202));
    return rows;
}

std::vector<Route> snapshot_routes(Service& service) {
    const char* all = "/v1/machines/{machine}/snapshots";
    const char* one = "/v1/machines/{machine}/snapshots/{snapshot}";
    std::vector<Route> rows;
    rows.push_back(get(all, any_of({"LIST_SNAPSHOT_VM", "LIST_OWN_VM_SNAPSHOT"}), "Snapshots of a machine, by date",
                       [&](const Caller& who, const Request& request, MachineRef machine) {
                           return service.list_snapshots(who, machine,
                                                         request.query_value("group").value_or("") == "true");
                       })
                       .query("group", "true: as a tree"));
    rows.push_back(post(all, any_of({"CREATE_SNAPSHOT_VM", "CREATE_OWN_VM_SNAPSHOT"}), "Take a snapshot",
                        [&](const Caller& who, MachineRef machine, TakeSnapshotRequest body) {
                            return service.take_snapshot(who, machine, body);
                        })
                       .optional_body());
    rows.push_back(
        del(all, any_of({"DELETE_ALL_SNAPSHOTS_VM", "DELETE_ALL_OWN_VM_SNAPSHOTS"}), "Remove all snapshots",
            [&](const Caller& who, MachineRef machine) { return service.remove_all_snapshots(who, machine); }));
    rows.push_back(del(one, any_of({"DELETE_SNAPSHOT_VM", "DELETE_OWN_VM_SNAPSHOT"}), "Remove a snapshot",
                       [&](const Caller& who, MachineRef machine, PathText snapshot, RemoveSnapshotRequest body) {
                           return service.remove_snapshot(who, machine, snapshot.text, body);
                       })
                       .optional_body());
    rows.push_back(post(std::string(one) + "/revert", any_of({"REVERT_SNAPSHOT_VM", "REVERT_OWN_VM_SNAPSHOT"}),
                        "Take a machine back to a snapshot",
                        [&](const Caller& who, MachineRef machine, PathText snapshot, RevertSnapshotRequest body) {
                            return service.revert_snapshot(who, machine, snapshot.text, body);
                        })
                       .optional_body());
    std::vector<Route> out;
    out.reserve(rows.size());
    for (Route& row : rows) out.push_back(std::move(row).status(202).fails({501}));  // GET too, as always (quirk M31)
    return out;
}

}  // namespace

std::vector<Route> routes(Service& service) {
    std::vector<Route> rows = power_routes(service);
    for (Route& row : making_routes(service)) rows.push_back(std::move(row));
    for (Route& row : snapshot_routes(service)) rows.push_back(std::move(row));
    rows.push_back(get("/v1/machines", all_of({"LIST_VM"}), "All machines of this host",
                       [&](const Caller&) { return service.list(); }));
    rows.push_back(get("/v1/machines/{machine}", all_of({"LIST_VM"}), "One machine, by id or name",
                       [&](const Caller&, MachineRef machine) { return service.get(machine); })
                       .inline_());
    rows.push_back(get("/v1/machines/{machine}/status", all_of({"LIST_VM"}), "State and address of a machine",
                       [&](const Caller&, MachineRef machine) { return service.status(machine); })
                       .inline_());  // what clients poll: from the inventory
    rows.push_back(del("/v1/machines/{machine}", all_of({"DELETE_VM"}), "Remove a machine with its disks",
                       [&](const Caller& who, const Request& request, MachineRef machine) {
                           return service.remove(machine, force(request), who);
                       })
                       .status(202)
                       .query("force", "true: also when it is not stopped"));
    rows.push_back(put(
        "/v1/machines/{machine}/rename", all_of({"UPDATE_VM"}), "Rename a stopped machine",
        [&](const Caller& who, MachineRef machine, RenameRequest body) { return service.rename(machine, body, who); }));
    rows.push_back(put("/v1/machines/{machine}/execute", all_of({"EXECUTE_COMMAND_VM"}), "Run a command in the guest",
                       [&](const Caller& who, const Request& request, MachineRef machine, ExecuteRequest body) {
                           return service.execute(machine, body, request.query_value("stderr").value_or("") == "always",
                                                  who);
                       })
                       .query("stderr", "always: error output also of a command that succeeded")
                       .fails({501}));  // what this hypervisor's guests cannot do
    rows.push_back(post(
        "/v1/machines/{machine}/upload", all_of({"UPDATE_VM"}), "Copy a file of this server into the guest",
        [&](const Caller& who, MachineRef machine, UploadRequest body) { return service.upload(who, machine, body); }));
    for (Route& row : rows) row.module = "host";
    return rows;
}

}  // namespace corral::machines
