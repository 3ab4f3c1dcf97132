#include "catalog/service.hpp"

#include <algorithm>
#include <map>

#include "audit/audit.hpp"
#include "base/log.hpp"
#include "catalog/connection.hpp"
#include "catalog/identifiers.hpp"
#include "catalog/store.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"

namespace corral::catalog {

namespace {

Error not_found() { return Error{Errc::not_found, "There is no such catalog manifest"}; }

bool same(std::string_view a, std::string_view b) { return upper(a) == upper(b); }

// {catalogId} of a path: a record's id, its catalog id or its name (behaviour-b 3.1).
bool matches(const Manifest& m, const std::string& key) {
    return same(m.id, key) || m.catalog_id == upper(normal(key)) || same(m.name, key);
}

bool any_held(const std::vector<std::string>& wanted, const auto& held) {
    return wanted.empty() || std::ranges::any_of(wanted, [&](const std::string& w) { return held(upper(w)); });
}

}  // namespace

Service::Service(db::Database& database, jobs::Service& jobs, const Clock& clock, Stores::Factory factory,
                 Settings settings)
    : database_(database),
      jobs_(jobs),
      clock_(clock),
      settings_(std::move(settings)),
      stores_(std::move(factory), settings_.work_folder),
      cache_(database, clock, settings_.cache_folder, settings_.keep_free_bytes) {
    jobs_.add_kind("catalog.push", {.steps = {{"push_validate_stage", "Validating Request", 5, false, false},
                                              {"push_compress_stage", "Compressing Pack File", 35, true, false},
                                              {"push_check_remote_stage", "Checking Remote Catalog", 5, false, false},
                                              {"push_upload_pack_stage", "Uploading Pack File", 45, true, false},
                                              {"push_upload_meta_stage", "Uploading Metadata", 5, false, false},
                                              {"push_register_stage", "Registering Manifest", 3, false, false},
                                              {"cleaning_up", "Cleaning up", 2, false, false}},
                                    .resumes = true,
                                    .run = [this](const jobs::Job& job, const Caller& who, jobs::Progress& progress) {
                                        return run_push(job, who, progress);
                                    }});
}

bool Service::may_see(const Caller& who, const Manifest& m) {
    if (who.super_user()) return true;
    return any_held(m.required_roles, [&](const std::string& r) { return who.has_role(r); }) &&
           any_held(m.required_claims, [&](const std::string& c) { return who.has_claim(c); });
}

Manifest Service::shown(Manifest m, bool mask) {
    if (m.provider && mask) m.provider = masked(*m.provider);
    return m;
}

Result<std::vector<Group>> Service::list(const Caller& who) {
    std::vector<Group> out;
    for (Manifest& m : TRY(database_.read([](db::Tx& tx) { return store::manifests(tx); }))) {
        if (!may_see(who, m)) continue;
        auto group = std::ranges::find(out, m.catalog_id, &Group::catalog_id);
        if (group == out.end()) group = out.insert(out.end(), Group{m.catalog_id, {}});
        group->manifests.push_back(shown(std::move(m), settings_.mask_secrets));
    }
    return out;
}

Result<std::vector<Manifest>> Service::list(const Caller& who, const std::string& key) {
    auto all = TRY(database_.read([](db::Tx& tx) { return store::manifests(tx); }));
    std::erase_if(all, [&](const Manifest& m) { return !matches(m, key) || !may_see(who, m); });
    for (Manifest& m : all) m = shown(std::move(m), settings_.mask_secrets);
    return all;
}

Result<std::vector<Manifest>> Service::list(const Caller& who, const std::string& key, const std::string& version) {
    auto all = TRY(list(who, key));
    std::erase_if(all, [&](const Manifest& m) { return !same(m.version, version); });
    if (all.empty()) return not_found();
    return all;
}

Result<Manifest> Service::find(const Caller& who, const std::string& key, const std::string& version,
                               const std::string& architecture) {
    const std::string wanted = architecture_of(architecture).value_or(normal(architecture));
    for (Manifest& m : TRY(database_.read([](db::Tx& tx) { return store::manifests(tx); })))
        if (matches(m, key) && same(m.version, version) && m.architecture == wanted && may_see(who, m))
            return std::move(m);
    return not_found();
}

Result<Manifest> Service::get(const Caller& who, const std::string& key, const std::string& version,
                              const std::string& architecture) {
    return shown(TRY(find(who, key, version, architecture)), settings_.mask_secrets);
}

Result<Manifest> Service::visible(const Caller& who, const std::string& id) {
    auto m = TRY(database_.read([&](db::Tx& tx) { return store::manifest_by_id(tx, id); }));
    if (!m || !may_see(who, *m)) return not_found();
    return std::move(*m);
}

namespace {
audit::Entry audit_entry(std::string action, const Manifest& m) {
    return {
        .action = std::move(action),
        .object_type = "image",
        .object_id = m.id,
        .detail = {{"image", m.catalog_id + ":" + m.version}, {"architecture", m.architecture}, {"digest", m.digest}}};
}

Result<void> usable(const Manifest& m) {
    if (m.revoked) return Error{Errc::forbidden, "Manifest is revoked"};
    if (m.tainted) return Error{Errc::invalid, "Manifest is tainted"};
    return {};
}
}  // namespace

Result<Manifest> Service::download(const Caller& who, const std::string& key, const std::string& version,
                                   const std::string& architecture) {
    Manifest m = TRY(find(who, key, version, architecture));
    TRY(usable(m));
    TRY(database_.write([&](db::Tx& tx) {
        auto now = store::manifest_by_id(tx, m.id);  // a push may have changed it since
        if (!now) return;
        now->download_count += 1;
        now->last_downloaded_at = clock_.now();
        now->last_downloaded_user = who.principal ? who.principal->username : "";
        store::save(tx, *now);
    }));
    return shown(std::move(m), settings_.mask_secrets);  // with the count before this download
}

Result<void> Service::remove(const Caller& who, const std::string& key, const std::string& version,
                             const std::string& architecture, bool clean_remote) {
    std::lock_guard lock(publish_mutex_);
    auto all = TRY(database_.read([](db::Tx& tx) { return store::manifests(tx); }));
    std::erase_if(all, [&](const Manifest& m) {
        return !matches(m, key) || !may_see(who, m) || (!version.empty() && !same(m.version, version)) ||
               (!architecture.empty() && m.architecture != architecture_of(architecture).value_or(architecture));
    });
    if (all.empty()) return not_found();
    for (const Manifest& m : all) {
        // Its files before the record: cut off in between, the removal can be asked for again. The image after it:
        // never a record without its image.
        if (clean_remote && !m.store.empty())
            TRY(remove_files(*TRY(store_of(m))->storage, m.catalog_id, m.pack_filename, m.metadata_filename));
        TRY(database_.write([&](db::Tx& tx) {
            store::remove(tx, m.id);
            audit::append(tx, clock_.now(), who, audit_entry("image.delete", m));
        }));
    }
    if (!clean_remote) return {};
    garbage_ = true;
    if (auto collected = collect_chunks(); !collected)
        log::info("Unneeded chunks stay until the next clean-up", {{"why", collected.error().message}});
    return tidy_cache();
}

Result<void> Service::remove_files(Storage& storage, const std::string& catalog_id, const std::string& pack,
                                   const std::string& metadata) {
    const std::string folder = normal(catalog_id);
    TRY(storage.remove(folder + "/" + pack));
    return storage.remove(folder + "/" + metadata);
}

Result<std::unique_ptr<chunks::ChunkTarget>> Service::open_upload(OpenStore& store, const std::string& session) {
    std::lock_guard lock(publish_mutex_);
    return store.chunks->upload(session);
}

Result<void> Service::withdraw(const std::string& catalog_id, const std::string& version,
                               const std::string& architecture) {
    std::lock_guard lock(publish_mutex_);
    if (TRY(database_.read(
            [&](db::Tx& tx) { return store::manifest(tx, upper(normal(catalog_id)), version, architecture); })))
        return {};
    const std::string name = record_name(catalog_id, architecture, version);
    return remove_files(*TRY(own_store())->storage, catalog_id, name + ".pdpack", name + ".meta");
}

Result<void> Service::tidy() {
    {
        std::lock_guard lock(publish_mutex_);
        if (garbage_)
            if (auto done = collect_chunks(); !done && done.error().code != Errc::busy) return done;
    }
    return tidy_cache();
}

Result<void> Service::tidy_cache() {
    return cache_.collect(TRY(database_.read([&](db::Tx& tx) {
        if (settings_.keep_unused_images) return store::digests(tx);
        // One that was fetched for a machine is pinned a moment later.
        constexpr auto a_moment = std::chrono::minutes{10};
        std::set<std::string> keep;
        for (const auto& image : store::cached_images(tx))
            if (image.last_used_at > clock_.now() - a_moment) keep.insert(image.digest);
        return keep;
    })));
}

namespace {

// Images that files in the store name although no record here does: of a record that was removed without its files, or
// of another server.
Result<void> add_named(OpenStore& place, std::set<std::string>& images) {
    constexpr std::uint64_t longest_pointer = 4096;
    for (const StoredObject& object : TRY(place.storage->list(""))) {
        if (!object.key.ends_with(".pdpack") || object.size > longest_pointer) continue;
        const auto pointer = json::read<PackPointer>(TRY(place.storage->get(object.key)));
        if (!pointer || pointer->format != PackPointer{}.format) continue;
        if (TRY(place.chunks->has_image(pointer->digest))) images.insert(pointer->digest);
    }
    return {};
}

}  // namespace

Result<void> Service::collect_chunks() {
    const auto all = TRY(database_.read([](db::Tx& tx) { return store::manifests(tx); }));
    // By place, not by what the records call it: several connection strings can lead to one.
    TRY(own_store());
    std::map<OpenStore*, std::set<std::string>> live;
    for (OpenStore* place : stores_.opened()) live[place] = {};  // also those whose last record is gone
    for (const Manifest& m : all)
        if (!m.store.empty() && !m.digest.empty()) live[TRY(store_of(m))].insert(m.digest);
    for (auto& [place, images] : live) {
        TRY(add_named(*place, images));
        const auto out = TRY(place->chunks->collect_garbage(images));
        if (out.images + out.packs + out.rewritten > 0)
            log::info("Unneeded chunks removed", {{"store", place->storage->describe()},
                                                  {"images", static_cast<long>(out.images)},
                                                  {"packs", static_cast<long>(out.packs)},
                                                  {"rewritten", static_cast<long>(out.rewritten)},
                                                  {"bytes", static_cast<long>(out.bytes)}});
    }
    garbage_ = false;
    return {};
}

Result<void> Service::recover() {
    return stores_.sweep([&](const std::string& session) -> Result<bool> {
        if (session.starts_with(job_session)) return !TRY(jobs_.unfinished(JobId(session.substr(job_session.size()))));
        const auto row = TRY(database_.read([&](db::Tx& tx) { return store::upload(tx, session); }));
        return !row || !row->manifest_id.empty();
    });
}

namespace {

// What was counted and decided about a version stays when it is pushed again (quirk C19).
void keep_decisions(Manifest& m, const Manifest& before) {
    m.download_count = before.download_count;
    m.last_downloaded_at = before.last_downloaded_at;
    m.last_downloaded_user = before.last_downloaded_user;
    m.tainted = before.tainted;
    m.tainted_by = before.tainted_by;
    m.tainted_at = before.tainted_at;
    m.untainted_by = before.untainted_by;
    m.revoked = before.revoked;
    m.revoked_by = before.revoked_by;
    m.revoked_at = before.revoked_at;
}

}  // namespace

Result<Manifest> Service::publish(const Caller& who, Manifest m) {
    std::lock_guard lock(publish_mutex_);
    OpenStore* open = TRY(store_of(m));
    const auto before =
        TRY(database_.read([&](db::Tx& tx) { return store::manifest(tx, m.catalog_id, m.version, m.architecture); }));
    if (before && !may_see(who, *before))
        return Error{Errc::conflict, "This catalog id, version and architecture are taken; choose another version"};
    m.updated_at = clock_.now();
    m.created_at = before ? before->created_at : m.updated_at;
    m.id = before ? before->id : crypto::random_id();
    if (before && before->digest != m.digest) garbage_ = true;
    if (before) keep_decisions(m, *before);
    if (std::ranges::find(m.tags, "latest") == m.tags.end()) m.tags.emplace_back("latest");
    const std::string folder = normal(m.catalog_id);
    TRY(open->storage->put(folder + "/" + m.pack_filename, json::write(PackPointer{.digest = m.digest})));
    Manifest filed = m;
    filed.provider = std::nullopt;  // no place and no secret in the stored document
    TRY(open->storage->put(folder + "/" + m.metadata_filename, json::write(filed)));
    TRY(database_.write([&](db::Tx& tx) {
        if (const auto now = store::manifest_by_id(tx, m.id)) keep_decisions(m, *now);  // downloads went on meanwhile
        store::save(tx, m);
        for (Manifest other : store::manifests_of(tx, m.catalog_id)) {
            if (same(other.version, m.version)) continue;
            if (std::erase(other.tags, "latest") > 0) store::save(tx, other);
        }
        audit::append(tx, clock_.now(), who, audit_entry("image.push", m));
    }));
    return m;
}

Result<Manifest> Service::choose(const Caller& who, const ImageRequest& request) {
    const std::string architecture = architecture_of(request.architecture).value_or(host_architecture());
    const std::string version = request.version.empty() ? "latest" : request.version;
    auto all = TRY(database_.read([](db::Tx& tx) { return store::manifests(tx); }));
    std::erase_if(all, [&](const Manifest& m) {
        return !matches(m, request.catalog_id) || m.architecture != architecture || !may_see(who, m);
    });
    auto found = std::ranges::find_if(all, [&](const Manifest& m) { return same(m.version, version); });
    if (found == all.end())
        found = std::ranges::find_if(all, [&](const Manifest& m) {
            return std::ranges::any_of(m.tags, [&](const std::string& t) { return same(t, version); });
        });
    if (found == all.end())
        return Error{Errc::not_found,
                     "The catalog has no " + request.catalog_id + " version " + version + " for " + architecture};
    return *found;
}

Result<Manifest> Service::record_for(const Caller& who, const ImageRequest& request) {
    return shown(TRY(choose(who, request)), settings_.mask_secrets);
}

Result<ImageForMachine> Service::image_for(const Caller& who, const ImageRequest& request, jobs::Progress& progress) {
    const Manifest found = TRY(choose(who, request));
    Manifest m = TRY(download(who, found.id, found.version, found.architecture));
    m = TRY(visible(who, m.id));  // unmasked, for our own use
    if (m.digest.empty()) return Error{Errc::unsupported, "This record holds no image that can be pulled here"};
    progress.start_step("pull_check_cache_stage");
    OpenStore* open = TRY(store_of(m));
    progress.finish_step("pull_check_cache_stage");
    chunks::FetchOptions options;
    options.cancel = progress.cancel();
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        progress.advance("downloader", static_cast<std::int64_t>(done), static_cast<std::int64_t>(total),
                         m.pack_filename);
    };
    const auto cached = TRY(cache_.ensure(m.digest, m.id, *open->chunks, options));
    for (const char* step : {"downloader", "decompressor"}) {
        if (cached.was_there)
            progress.skip_step(step);
        else
            progress.finish_step(step);
    }
    progress.finish_step("pull_cache_stage");
    const std::string disk = cached.folder + "/disk.raw";
    if (!files::exists(disk)) return Error{Errc::unsupported, "This image is a bundle of files, not one disk"};
    std::string digest = m.digest;
    return ImageForMachine{shown(std::move(m), true), std::move(digest), disk};
}

bool Service::pin(db::Tx& tx, const std::string& machine_id, const std::string& digest) {
    if (!store::cached_image(tx, digest)) return false;
    store::pin(tx, machine_id, digest);
    return true;
}
void Service::unpin(db::Tx& tx, const std::string& machine_id) { store::unpin(tx, machine_id); }

}  // namespace corral::catalog
