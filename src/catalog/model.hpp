// A catalog record as stored and the shapes in which it is answered (models-b 3). Values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platform/json/json.hpp"

namespace corral::catalog {

struct Provider {
    std::string type, host, port, user, password, api_key;
    std::map<std::string, std::string> meta;
};
constexpr auto json_object(const Provider*) {
    using json::omit;
    return json::object("RemoteVirtualMachineProvider", omit("type", &Provider::type), omit("host", &Provider::host),
                        omit("port", &Provider::port), omit("user", &Provider::user),
                        omit("password", &Provider::password), omit("api_key", &Provider::api_key),
                        omit("meta", &Provider::meta));
}

struct MinimumRequirements {
    std::int64_t cpu = 0, memory = 0, disk = 0;
};
constexpr auto json_object(const MinimumRequirements*) {
    using json::field;
    return json::object("MinimumSpecRequirement", field("cpu", &MinimumRequirements::cpu),
                        field("memory", &MinimumRequirements::memory), field("disk", &MinimumRequirements::disk));
}

struct PackItem {
    bool is_dir = false;
    std::string name, path;
};
constexpr auto json_object(const PackItem*) {
    using json::omit;
    return json::object("CatalogManifestPackItem", omit("is_dir", &PackItem::is_dir), omit("name", &PackItem::name),
                        omit("path", &PackItem::path));
}

// The API shape; members behind the second line are kept with the record and not shown.
struct Manifest {
    std::string name, id, catalog_id, description, architecture, version, type;
    std::vector<std::string> tags;
    std::int64_t size = 0;  // bytes, as the guest sees its disks
    std::string path, pack_filename, metadata_filename;
    std::optional<Provider> provider;
    Time created_at{}, updated_at{};
    std::vector<std::string> required_claims, required_roles;
    Time last_downloaded_at{};
    std::string last_downloaded_user;
    bool is_compressed = false;
    std::int64_t download_count = 0;
    bool tainted = false;
    std::string tainted_by;
    Time tainted_at{};
    std::string untainted_by;
    bool revoked = false;
    Time revoked_at{};
    std::string revoked_by;
    std::vector<PackItem> pack_contents;
    std::int64_t pack_size = 0;  // bytes stored for this push
    std::optional<MinimumRequirements> minimum_requirements;

    std::string digest;  // of the image in the chunk store; "" for records without one of ours
    std::string store;   // connection string of that store, without secrets
};
constexpr auto json_object(const Manifest*) {
    using json::field, json::omit;
    return json::object(
        "CatalogManifest", field("name", &Manifest::name), omit("id", &Manifest::id),
        omit("catalog_id", &Manifest::catalog_id), omit("description", &Manifest::description),
        omit("architecture", &Manifest::architecture), omit("version", &Manifest::version),
        omit("type", &Manifest::type), omit("tags", &Manifest::tags), omit("size", &Manifest::size),
        omit("path", &Manifest::path), omit("pack_filename", &Manifest::pack_filename),
        omit("metadata_filename", &Manifest::metadata_filename), omit("provider", &Manifest::provider),
        omit("created_at", &Manifest::created_at), omit("updated_at", &Manifest::updated_at),
        omit("required_claims", &Manifest::required_claims), omit("required_roles", &Manifest::required_roles),
        omit("last_downloaded_at", &Manifest::last_downloaded_at),
        omit("last_downloaded_user", &Manifest::last_downloaded_user), omit("is_compressed", &Manifest::is_compressed),
        omit("download_count", &Manifest::download_count), omit("tainted", &Manifest::tainted),
        omit("tainted_by", &Manifest::tainted_by), omit("tainted_at", &Manifest::tainted_at),
        omit("untainted_by", &Manifest::untainted_by), omit("revoked", &Manifest::revoked),
        omit("revoked_at", &Manifest::revoked_at), omit("revoked_by", &Manifest::revoked_by),
        omit("pack_contents", &Manifest::pack_contents), omit("pack_size", &Manifest::pack_size),
        omit("minimum_requirements", &Manifest::minimum_requirements));
}

// What stands in `<name>.meta` (shape META) and in `<name>.pdpack` for images in our own format.
struct PackPointer {
    std::string format = "corral-chunks";
    int version = 1;
    std::string digest;
};
constexpr auto json_object(const PackPointer*) {
    using json::field;
    return json::object("PackPointer", field("format", &PackPointer::format), field("version", &PackPointer::version),
                        field("digest", &PackPointer::digest));
}

}  // namespace corral::catalog
