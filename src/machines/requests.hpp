// Requests and answers of the machines API (models-b 2), member for member. Values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catalog/model.hpp"
#include "machines/document.hpp"
#include "platform/json/json.hpp"

namespace corral::machines {

struct PowerResponse {
    std::string id, operation, status = "Success";
};
constexpr auto json_object(const PowerResponse*) {
    using json::field;
    return json::object("VirtualMachineOperationResponse", field("id", &PowerResponse::id),
                        field("operation", &PowerResponse::operation), field("status", &PowerResponse::status));
}

struct StatusResponse {
    std::string id, status, ip_configured = "-";
};
constexpr auto json_object(const StatusResponse*) {
    using json::field;
    return json::object("VirtualMachineStatusResponse", field("id", &StatusResponse::id),
                        field("status", &StatusResponse::status),
                        field("ip_configured", &StatusResponse::ip_configured, "\"-\" until an address is known"));
}

struct Specs {
    std::string type, cpu, memory, disk;
};
constexpr auto json_object(const Specs*) {
    using json::omit;
    return json::object("CreateVirtualMachineSpecs", omit("type", &Specs::type), omit("cpu", &Specs::cpu, "Processors"),
                        omit("memory", &Specs::memory, "MiB"), omit("disk", &Specs::disk, "MiB"));
}

struct CatalogSource {
    std::string catalog_id, version, architecture, owner, machine_name, connection, catalog_manager_id, path;
    std::optional<Specs> specs;
};
constexpr auto json_object(const CatalogSource*) {
    using json::field, json::required;
    return json::object("CreateCatalogVirtualMachineRequest", required("catalog_id", &CatalogSource::catalog_id),
                        field("version", &CatalogSource::version, "Version or tag; latest when missing"),
                        field("architecture", &CatalogSource::architecture), field("owner", &CatalogSource::owner),
                        field("machine_name", &CatalogSource::machine_name),
                        field("connection", &CatalogSource::connection),
                        field("catalog_manager_id", &CatalogSource::catalog_manager_id),
                        field("path", &CatalogSource::path), field("specs", &CatalogSource::specs));
}

struct CreateRequest {
    std::string name, owner, architecture;
    std::optional<CatalogSource> catalog_manifest;
    json::Raw packer_template, vagrant_box;
    bool start_on_create = false;
};
constexpr auto json_object(const CreateRequest*) {
    using json::field, json::required;
    return json::object("CreateVirtualMachineRequest", required("name", &CreateRequest::name),
                        field("owner", &CreateRequest::owner), field("architecture", &CreateRequest::architecture),
                        field("catalog_manifest", &CreateRequest::catalog_manifest),
                        field("packer_template", &CreateRequest::packer_template),
                        field("vagrant_box", &CreateRequest::vagrant_box),
                        field("start_on_create", &CreateRequest::start_on_create));
}

struct CreateResponse {
    std::string id, host, name, owner, current_state;
};
constexpr auto json_object(const CreateResponse*) {
    using json::field, json::omit;
    return json::object("CreateVirtualMachineResponse", field("id", &CreateResponse::id),
                        omit("host", &CreateResponse::host), field("name", &CreateResponse::name),
                        field("owner", &CreateResponse::owner), field("current_state", &CreateResponse::current_state));
}

struct PullRequest {
    std::string catalog_id, version, architecture, owner, machine_name, path, connection;
    bool start_after_pull = false;
};
constexpr auto json_object(const PullRequest*) {
    using json::field, json::required;
    return json::object("PullCatalogManifestRequest", required("catalog_id", &PullRequest::catalog_id),
                        field("version", &PullRequest::version), field("architecture", &PullRequest::architecture),
                        field("owner", &PullRequest::owner), required("machine_name", &PullRequest::machine_name),
                        field("path", &PullRequest::path), field("connection", &PullRequest::connection),
                        field("start_after_pull", &PullRequest::start_after_pull));
}

struct PullResponse {
    std::string id, machine_id, machine_name;
    std::optional<catalog::Manifest> manifest;
};
constexpr auto json_object(const PullResponse*) {
    using json::omit;
    return json::object("PullCatalogManifestResponse", omit("id", &PullResponse::id),
                        omit("machine_id", &PullResponse::machine_id),
                        omit("machine_name", &PullResponse::machine_name), omit("manifest", &PullResponse::manifest));
}

struct CloneRequest {
    std::string clone_name, destination_path;
};
constexpr auto json_object(const CloneRequest*) {
    using json::field, json::required;
    return json::object("VirtualMachineCloneCommandRequest", required("clone_name", &CloneRequest::clone_name),
                        field("destination_path", &CloneRequest::destination_path));
}
struct CloneResponse {
    std::string id, status, error;
};
constexpr auto json_object(const CloneResponse*) {
    using json::omit;
    return json::object("VirtualMachineCloneCommandResponse", omit("id", &CloneResponse::id),
                        omit("status", &CloneResponse::status), omit("error", &CloneResponse::error));
}

struct RenameRequest {
    std::string id, current_name, new_name;
    std::optional<std::string> description;
};
constexpr auto json_object(const RenameRequest*) {
    using json::field, json::required;
    return json::object("RenameVirtualMachineRequest", field("id", &RenameRequest::id),
                        field("current_name", &RenameRequest::current_name),
                        required("new_name", &RenameRequest::new_name),
                        field("description", &RenameRequest::description));
}

struct ExecuteRequest {
    std::string command, user;
    json::Raw script;
    std::map<std::string, std::string> environment_variables;
    bool use_sudo = false, use_ssh = false;
};
constexpr auto json_object(const ExecuteRequest*) {
    using json::field;
    return json::object("VirtualMachineExecuteCommandRequest",
                        field("command", &ExecuteRequest::command, "Given to the guest's shell"),
                        field("script", &ExecuteRequest::script),
                        field("environment_variables", &ExecuteRequest::environment_variables),
                        field("use_sudo", &ExecuteRequest::use_sudo), field("use_ssh", &ExecuteRequest::use_ssh),
                        field("user", &ExecuteRequest::user));
}
struct ExecuteResponse {
    std::string out, err;
    int exit_code = 0;
    std::string error;
};
constexpr auto json_object(const ExecuteResponse*) {
    using json::field, json::omit;
    return json::object("VirtualMachineExecuteCommandResponse", field("stdout", &ExecuteResponse::out),
                        omit("stderr", &ExecuteResponse::err), field("exit_code", &ExecuteResponse::exit_code),
                        omit("error", &ExecuteResponse::error));
}

struct UploadRequest {
    std::string path, remote_path;
};
constexpr auto json_object(const UploadRequest*) {
    using json::required;
    return json::object("VirtualMachineUploadRequest", required("path", &UploadRequest::path, "File on this server"),
                        required("remote_path", &UploadRequest::remote_path, "File or folder in the guest"));
}
struct UploadResponse {
    std::string path, error;
};
constexpr auto json_object(const UploadResponse*) {
    using json::field, json::omit;
    return json::object("VirtualMachineUploadResponse", field("path", &UploadResponse::path),
                        omit("error", &UploadResponse::error));
}

// Bodies of events (models-a 9.5).
struct StateChanged {
    std::string previous_state, current_state, vm_id;
};
constexpr auto json_object(const StateChanged*) {
    using json::field;
    return json::object("VmStateChange", field("previous_state", &StateChanged::previous_state),
                        field("current_state", &StateChanged::current_state), field("vm_id", &StateChanged::vm_id));
}
struct MachineShown {
    std::string vm_id;
    VirtualMachine new_vm;
};
constexpr auto json_object(const MachineShown*) {
    return json::object("VmAdded", json::field("vm_id", &MachineShown::vm_id),
                        json::field("new_vm", &MachineShown::new_vm));
}
struct MachineGone {
    std::string vm_id;
};
constexpr auto json_object(const MachineGone*) {
    return json::object("VmRemoved", json::field("vm_id", &MachineGone::vm_id));
}

}  // namespace corral::machines
