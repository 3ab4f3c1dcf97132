#include "catalog/store.hpp"

namespace corral::catalog::store {

namespace {

// What the document does not show is kept in columns of its own.
Manifest read_manifest(std::string digest, std::string store, const std::string& document) {
    auto manifest = json::read<Manifest>(document);
    if (!manifest)
        throw db::Failure(db::Failure::Kind::other, "a catalog record cannot be read: " + manifest.error().message);
    manifest->digest = std::move(digest);
    manifest->store = std::move(store);
    return std::move(*manifest);
}

std::vector<Manifest> select(db::Tx& tx, const std::string& where, const auto&... in) {
    std::vector<Manifest> out;
    for (auto& [digest, store, document] : tx.all<std::string, std::string, std::string>(
             "SELECT digest, store, document FROM catalog_manifests " + where + " ORDER BY updated_at DESC, id", in...))
        out.push_back(read_manifest(std::move(digest), std::move(store), document));
    return out;
}

std::optional<Manifest> first(std::vector<Manifest> found) {
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

}  // namespace

std::vector<Manifest> manifests(db::Tx& tx) { return select(tx, ""); }

std::vector<Manifest> manifests_of(db::Tx& tx, const std::string& catalog_id) {
    return select(tx, "WHERE lower(catalog_id) = lower(:1)", catalog_id);
}

std::optional<Manifest> manifest(db::Tx& tx, const std::string& catalog_id, const std::string& version,
                                 const std::string& architecture) {
    return first(select(tx, "WHERE lower(catalog_id) = lower(:1) AND lower(version) = lower(:2) AND architecture = :3",
                        catalog_id, version, architecture));
}

std::optional<Manifest> manifest_by_id(db::Tx& tx, const std::string& id) {
    return first(select(tx, "WHERE id = :1", id));
}

void save(db::Tx& tx, const Manifest& m) {
    tx.exec(
        "INSERT INTO catalog_manifests (id, catalog_id, version, architecture, name, digest, store, updated_at, "
        "document) "
        "VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9) ON CONFLICT (id) DO UPDATE SET catalog_id = excluded.catalog_id, "
        "version = excluded.version, architecture = excluded.architecture, name = excluded.name, "
        "digest = excluded.digest, store = excluded.store, updated_at = excluded.updated_at, document = "
        "excluded.document",
        m.id, m.catalog_id, m.version, m.architecture, m.name, m.digest, m.store, m.updated_at, json::to_text(m));
}

void remove(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM catalog_manifests WHERE id = :1", id); }

std::set<std::string> digests(db::Tx& tx) {
    const auto all = tx.all<std::string>("SELECT digest FROM catalog_manifests WHERE digest <> ''");
    return {all.begin(), all.end()};
}

void insert_upload(db::Tx& tx, const Upload& u) {
    tx.exec("INSERT INTO catalog_uploads (id, owner, request, manifest_id, created_at) VALUES (:1, :2, :3, :4, :5)",
            u.id, u.owner, u.request, u.manifest_id, u.created_at);
}

std::optional<Upload> upload(db::Tx& tx, const std::string& id) {
    const auto row = tx.one<std::string, std::string, std::string, std::string, Time>(
        "SELECT id, owner, request, manifest_id, created_at FROM catalog_uploads WHERE id = :1", id);
    if (!row) return std::nullopt;
    const auto& [key, owner, request, manifest, created] = *row;
    return Upload{key, owner, request, manifest, created};
}

void finish_upload(db::Tx& tx, const std::string& id, const std::string& manifest_id) {
    tx.exec("UPDATE catalog_uploads SET manifest_id = :1 WHERE id = :2", manifest_id, id);
}

std::vector<std::string> uploads_before(db::Tx& tx, Time before) {
    return tx.all<std::string>("SELECT id FROM catalog_uploads WHERE created_at < :1", before);
}

void remove_upload(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM catalog_uploads WHERE id = :1", id); }

std::vector<CachedImage> cached_images(db::Tx& tx) {
    std::vector<CachedImage> out;
    for (auto& [digest, manifest, bytes, used, created, last] :
         tx.all<std::string, std::string, std::int64_t, std::int64_t, Time, Time>(
             "SELECT digest, manifest_id, bytes, used_count, created_at, last_used_at FROM cached_images ORDER BY "
             "created_at, digest"))
        out.push_back({digest, manifest, bytes, used, created, last});
    return out;
}

std::optional<CachedImage> cached_image(db::Tx& tx, const std::string& digest) {
    for (auto& image : cached_images(tx))
        if (image.digest == digest) return image;
    return std::nullopt;
}

void save_cached_image(db::Tx& tx, const CachedImage& c) {
    tx.exec(
        "INSERT INTO cached_images (digest, manifest_id, bytes, created_at, last_used_at, used_count) "
        "VALUES (:1, :2, :3, :4, :5, :6) ON CONFLICT (digest) DO UPDATE SET last_used_at = excluded.last_used_at",
        c.digest, c.manifest_id, c.bytes, c.created_at, c.last_used_at, c.used_count);
}

void touch_cached_image(db::Tx& tx, const std::string& digest, Time now) {
    tx.exec("UPDATE cached_images SET last_used_at = :1, used_count = used_count + 1 WHERE digest = :2", now, digest);
}

void remove_cached_image(db::Tx& tx, const std::string& digest) {
    tx.exec("DELETE FROM cached_images WHERE digest = :1", digest);
}

void pin(db::Tx& tx, const std::string& machine_id, const std::string& digest) {
    tx.exec(
        "INSERT INTO cached_image_pins (machine_id, digest) VALUES (:1, :2) "
        "ON CONFLICT (machine_id) DO UPDATE SET digest = excluded.digest",
        machine_id, digest);
}

void unpin(db::Tx& tx, const std::string& machine_id) {
    tx.exec("DELETE FROM cached_image_pins WHERE machine_id = :1", machine_id);
}

std::int64_t pins(db::Tx& tx, const std::string& digest) {
    return tx.one<std::int64_t>("SELECT COUNT(*) FROM cached_image_pins WHERE digest = :1", digest).value_or(0);
}

}  // namespace corral::catalog::store
