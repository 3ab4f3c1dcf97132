// Records, pushes and images for machines. Blocks; thread-safe; its dependencies outlive it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "catalog/image_cache.hpp"
#include "catalog/model.hpp"
#include "catalog/stores.hpp"
#include "jobs/service.hpp"
#include "platform/db/db.hpp"
#include "platform/http/caller.hpp"

namespace corral::catalog {

struct PushRequest {
    std::string local_path, catalog_id, connection, version, architecture, description;
    std::vector<std::string> required_roles, required_claims, tags;
    std::optional<MinimumRequirements> minimum_requirements;
    bool compress = false, compress_pack = false;
};
constexpr auto json_object(const PushRequest*) {
    using json::field, json::required;
    return json::object(
        "PushCatalogManifestRequest",
        required("local_path", &PushRequest::local_path, "Disk image, or a machine's folder, on this server"),
        required("catalog_id", &PushRequest::catalog_id), required("connection", &PushRequest::connection),
        required("version", &PushRequest::version), field("architecture", &PushRequest::architecture),
        field("description", &PushRequest::description), field("required_roles", &PushRequest::required_roles),
        field("required_claims", &PushRequest::required_claims), field("tags", &PushRequest::tags),
        field("minimum_requirements", &PushRequest::minimum_requirements), field("compress", &PushRequest::compress),
        field("compress_pack", &PushRequest::compress_pack));
}

// What a machine is made from.
struct ImageRequest {
    std::string catalog_id, version, architecture, connection;
};
struct ImageForMachine {
    Manifest manifest;
    std::string digest;
    std::string disk_path;  // raw, read-only, verified; pin it before relying on it
};

struct Group {  // list shape: an array of one-key objects (clients.md 16)
    std::string catalog_id;
    std::vector<Manifest> manifests;
};

struct Settings {
    std::string store;         // connection string of this server's own store
    std::string work_folder;   // uploads and conversions
    std::string cache_folder;  // pulled images
    std::uint64_t keep_free_bytes = 0;
    bool keep_unused_images = true;        // in the cache, for the next machine; false: only while a machine needs them
    std::vector<std::string> local_roots;  // LOCAL_PATH_ROOTS
    std::vector<std::string> usual_folders;  // open to everybody when local_roots is empty
    std::vector<std::string> own_folders;    // the service's state: refused to everybody
    bool mask_secrets = true;
    // The disk that a machine of this host works on, by its folder; nothing for other folders. May be empty.
    std::function<std::optional<std::string>(const std::string& folder)> machine_disk = {};
};

class Service {
public:
    Service(db::Database& database, jobs::Service& jobs, const Clock& clock, Stores::Factory factory,
            Settings settings);

    Result<std::vector<Group>> list(const Caller& who);
    Result<std::vector<Manifest>> list(const Caller& who, const std::string& catalog_id);
    Result<std::vector<Manifest>> list(const Caller& who, const std::string& catalog_id, const std::string& version);
    Result<Manifest> get(const Caller& who, const std::string& catalog_id, const std::string& version,
                         const std::string& architecture);
    // As get(), counted; refused for tainted and revoked records.
    Result<Manifest> download(const Caller& who, const std::string& catalog_id, const std::string& version,
                              const std::string& architecture);
    // Removes the matching records and their files, then what no record needs any more.
    Result<void> remove(const Caller& who, const std::string& catalog_id, const std::string& version,
                        const std::string& architecture, bool clean_remote);

    Result<Manifest> push(const Caller& who, PushRequest request);
    Result<jobs::Job> push_async(const Caller& who, PushRequest request);

    // The record that a machine would be made from, as answered: a literal version before a tag (quirk C8).
    Result<Manifest> record_for(const Caller& who, const ImageRequest& request);
    // Finds that record, checks it, and brings its image into the cache.
    Result<ImageForMachine> image_for(const Caller& who, const ImageRequest& request, jobs::Progress& progress);
    // Keeps the image as long as the machine stands. False: it was collected meanwhile.
    bool pin(db::Tx& tx, const std::string& machine_id, const std::string& digest);
    void unpin(db::Tx& tx, const std::string& machine_id);
    // Removes chunks and cached images that nothing needs: what a crash left, and what had to stay because something
    // was being uploaded. Cheap when there is nothing; call now and then.
    Result<void> tidy();
    Result<void> tidy_cache();  // images alone
    // Removes what a crash left of uploads that nobody goes on with. Once, before anything is opened.
    Result<void> recover();

    // For the transfer API.
    Result<OpenStore*> own_store() { return stores_.open(settings_.store); }
    Result<OpenStore*> store_of(const Manifest& manifest) { return stores_.open(manifest.store); }
    // Waits while garbage is collected.
    Result<std::unique_ptr<chunks::ChunkTarget>> open_upload(OpenStore& store, const std::string& session);
    Result<Manifest> visible(const Caller& who, const std::string& id);
    // Writes the record's files and the record; replaces the one of the same id, version and architecture, unless the
    // caller may not even see that one (Errc::conflict).
    Result<Manifest> publish(const Caller& who, Manifest manifest);
    [[nodiscard]] const Settings& settings() const { return settings_; }
    [[nodiscard]] static Manifest shown(Manifest manifest, bool mask);  // as answered

    // Removes the two files that bear the name of this version, unless there is a record of it.
    Result<void> withdraw(const std::string& catalog_id, const std::string& version, const std::string& architecture);

private:
    static constexpr std::string_view job_session = "job-";  // an upload of a job; the job's id follows
    Result<void> collect_chunks();                           // under publish_mutex_
    static Result<void> remove_files(Storage& storage, const std::string& catalog_id, const std::string& pack,
                                     const std::string& metadata);
    Result<void> check_push(const Caller& who, PushRequest& request) const;
    Result<jobs::Finished> run_push(const jobs::Job& job, const Caller& who, jobs::Progress& progress);
    Result<jobs::Finished> push_image(const jobs::Job& job, const Caller& who, jobs::Progress& progress);
    Result<Manifest> find(const Caller& who, const std::string& catalog_id, const std::string& version,
                          const std::string& architecture);
    Result<Manifest> choose(const Caller& who, const ImageRequest& request);
    static bool may_see(const Caller& who, const Manifest& manifest);
    [[nodiscard]] Result<std::string> confined(const Caller& who, const std::string& path) const;

    db::Database& database_;
    jobs::Service& jobs_;
    const Clock& clock_;
    Settings settings_;
    Stores stores_;
    ImageCache cache_;
    std::mutex publish_mutex_;  // one record change at a time keeps `latest`, files and live chunks in step
    bool garbage_ = true;       // under publish_mutex_: there may be some; after a start nobody knows
};

}  // namespace corral::catalog
