// Pushing a disk or a folder of this server into a store.
#include "catalog/chunks/push.hpp"

#include <filesystem>

#include "catalog/connection.hpp"
#include "catalog/identifiers.hpp"
#include "catalog/service.hpp"
#include "platform/files/files.hpp"

namespace corral::catalog {

namespace {

std::string type_of(const std::string& path) {
    const std::string extension =
        std::filesystem::path(path.ends_with('/') ? path.substr(0, path.size() - 1) : path).extension();
    if (extension == ".pvm" || extension == ".macvm") return extension.substr(1);
    return "qemu";
}

}  // namespace

Result<std::string> Service::confined(const Caller& who, const std::string& path) const {
    std::vector<std::string> allowed = settings_.local_roots;
    if (allowed.empty() && !who.super_user()) allowed = settings_.usual_folders;
    return files::confine(path, allowed, settings_.own_folders);
}

Result<void> Service::check_push(const Caller& who, PushRequest& request) const {
    if (!version_ok(request.version)) return invalid_field("/version", "contains invalid characters");
    const auto architecture =
        request.architecture.empty() ? std::optional(host_architecture()) : architecture_of(request.architecture);
    if (!architecture) return invalid_field("/architecture", "must be x86_64 or arm64");
    request.architecture = *architecture;
    request.version = normal(request.version);
    request.local_path = TRY(confined(who, request.local_path));
    if (!files::exists(request.local_path)) return invalid_field("/local_path", "does not exist");
    // A pipe or a device would hold the job for as long as it gives nothing.
    std::error_code error;
    if (const auto kind = std::filesystem::status(request.local_path, error).type();
        kind != std::filesystem::file_type::regular && kind != std::filesystem::file_type::directory)
        return invalid_field("/local_path", "must be a file or a folder");
    Provider provider = TRY(parse_connection(request.connection));
    if (provider.type == "local-storage")
        if (auto it = provider.meta.find("catalog_path"); it != provider.meta.end())
            TRY(confined(who, it->second + "/x"));  // the folder itself may be made by the push
    return {};
}

Result<jobs::Job> Service::push_async(const Caller& who, PushRequest request) {
    TRY(check_push(who, request));
    return jobs_.submit(
        who, {.kind = "catalog.push", .type = "catalog", .operation = "push", .input = json::to_text(request)});
}

Result<Manifest> Service::push(const Caller& who, PushRequest request) {
    const jobs::Job job = TRY(push_async(who, request));
    const jobs::Job done = TRY(jobs_.wait(JobId(job.id)));
    return shown(TRY(visible(who, done.result_record_id)), settings_.mask_secrets);
}

Result<jobs::Finished> Service::run_push(const jobs::Job& job, const Caller& who, jobs::Progress& progress) {
    auto done = push_image(job, who, progress);
    // What a stopped one has brought may serve after a restart.
    if (!done && !progress.cancel().stop_requested()) TRY(stores_.abandon(std::string(job_session) + job.id));
    return done;
}

Result<jobs::Finished> Service::push_image(const jobs::Job& job, const Caller& who, jobs::Progress& progress) {
    progress.start_step("push_validate_stage");
    PushRequest request = TRY(json::read<PushRequest>(job.input));
    TRY(check_push(who, request));
    Manifest m;
    m.catalog_id = upper(normal(request.catalog_id));
    m.version = request.version;
    m.architecture = request.architecture;
    m.name = record_name(request.catalog_id, request.architecture, request.version);
    m.description = request.description;
    m.type = type_of(request.local_path);
    m.tags = request.tags;
    m.required_roles = request.required_roles;
    m.required_claims = request.required_claims;
    m.minimum_requirements = request.minimum_requirements;
    m.is_compressed = request.compress || request.compress_pack;
    m.provider = TRY(parse_connection(request.connection));
    m.store = to_connection(*m.provider);
    m.pack_filename = m.name + ".pdpack";
    m.metadata_filename = m.name + ".meta";
    const auto root = m.provider->meta.find("catalog_path");
    m.path = (root == m.provider->meta.end() ? "" : root->second) + "/" + normal(request.catalog_id);
    m.pack_contents = {{false, m.metadata_filename, m.path}, {false, m.pack_filename, m.path}};
    OpenStore* open = TRY(stores_.open(m.store));
    progress.finish_step("push_validate_stage");

    // Of a machine of this host the disk as its guest sees it is the image.
    const auto disk = settings_.machine_disk ? settings_.machine_disk(request.local_path) : std::nullopt;
    const std::string source = disk.value_or(request.local_path);
    progress.start_step("push_compress_stage");
    auto target = TRY(open_upload(*open, std::string(job_session) + job.id));
    chunks::PushOptions options;
    options.work_folder = settings_.work_folder;
    // The layers below a machine's disk are this service's own; whatever a file from elsewhere names is not.
    options.others = disk ? chunks::OtherFiles::follow : chunks::OtherFiles::refuse;
    options.cancel = progress.cancel();
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        progress.advance("push_compress_stage", static_cast<std::int64_t>(done), static_cast<std::int64_t>(total),
                         m.pack_filename);
    };
    const auto outcome = TRY(chunks::push(source, *target, options));
    m.digest = outcome.digest;
    m.size = static_cast<std::int64_t>(outcome.size);
    m.pack_size = static_cast<std::int64_t>(outcome.data_bytes);
    // Chunks go up while they are compressed, so these three end together.
    for (const char* step : {"push_compress_stage", "push_check_remote_stage", "push_upload_pack_stage"})
        progress.finish_step(step);

    progress.start_step("push_upload_meta_stage");
    m = TRY(publish(who, std::move(m)));
    for (const char* step : {"push_upload_meta_stage", "push_register_stage", "cleaning_up"})
        progress.finish_step(step);
    return jobs::Finished{"Catalog Manifest Pushed", {m.id, m.name, "catalog_manifest", ""}};
}

}  // namespace corral::catalog
