// Requests, answers and events of snapshots (models-b 2.13), member for member. Values.
#pragma once

#include <string>
#include <vector>

#include "machines/driver.hpp"
#include "platform/json/json.hpp"

namespace corral::machines {

struct TakeSnapshotRequest {
    std::string snapshot_name, snapshot_description;
};
constexpr auto json_object(const TakeSnapshotRequest*) {
    using json::field;
    return json::object("CreateVMSnapshotRequest",
                        field("snapshot_name", &TakeSnapshotRequest::snapshot_name, "\"Snapshot N\" when missing"),
                        field("snapshot_description", &TakeSnapshotRequest::snapshot_description));
}
struct TakeSnapshotResponse {
    std::string snapshot_name, snapshot_id;
};
constexpr auto json_object(const TakeSnapshotResponse*) {
    using json::omit;
    return json::object("CreateVMSnapshotResponse", omit("snapshot_name", &TakeSnapshotResponse::snapshot_name),
                        omit("snapshot_id", &TakeSnapshotResponse::snapshot_id));
}

struct RemoveSnapshotRequest {
    bool delete_children = false;
};
constexpr auto json_object(const RemoveSnapshotRequest*) {
    return json::object("DeleteVMSnapshotRequest",
                        json::field("delete_children", &RemoveSnapshotRequest::delete_children,
                                    "With all that were taken upon it; else those move to its parent"));
}
struct RevertSnapshotRequest {
    bool skip_resume = false;
};
constexpr auto json_object(const RevertSnapshotRequest*) {
    return json::object("RevertVMSnapshotRequest",
                        json::field("skip_resume", &RevertSnapshotRequest::skip_resume,
                                    "Leave a machine paused that ran when the snapshot was taken"));
}

struct ShownSnapshot {
    std::string id, name, date;  // date: RFC 3339
    std::string state;           // poweroff, poweron or pause: of the machine when it was taken
    bool current = false;
    std::string parent;                   // "" for a root
    std::vector<ShownSnapshot> children;  // in a tree
};
constexpr auto json_object(const ShownSnapshot*) {
    using json::field, json::omit;
    return json::object("VMSnapshot", omit("id", &ShownSnapshot::id), field("name", &ShownSnapshot::name),
                        field("date", &ShownSnapshot::date),
                        field("state", &ShownSnapshot::state, "poweroff, poweron or pause"),
                        field("current", &ShownSnapshot::current, "The machine goes on from here"),
                        field("parent", &ShownSnapshot::parent), omit("children", &ShownSnapshot::children));
}
struct ListSnapshotsResponse {
    std::vector<ShownSnapshot> snapshots;
};
constexpr auto json_object(const ListSnapshotsResponse*) {
    return json::object("ListVMSnapshotResponse", json::omit("snapshots", &ListSnapshotsResponse::snapshots));
}
struct SnapshotsUpdated {
    std::string vm_id;
    std::vector<ShownSnapshot> snapshots;
};
constexpr auto json_object(const SnapshotsUpdated*) {
    using json::field;
    return json::object("VmSnapshotsUpdated", field("vm_id", &SnapshotsUpdated::vm_id),
                        field("snapshots", &SnapshotsUpdated::snapshots));
}

// In order of their dates.
std::vector<ShownSnapshot> shown(const std::vector<Snapshot>& all);
// Nested below their parents; one whose parent is not among them is a root (quirk M32).
std::vector<ShownSnapshot> as_tree(const std::vector<ShownSnapshot>& flat);

}  // namespace corral::machines
