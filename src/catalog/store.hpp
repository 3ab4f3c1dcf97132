// SQL of the catalog.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalog/model.hpp"
#include "platform/db/db.hpp"

namespace corral::catalog::store {

std::vector<Manifest> manifests(db::Tx&);  // newest change first
std::vector<Manifest> manifests_of(db::Tx&, const std::string& catalog_id);
std::optional<Manifest> manifest(db::Tx&, const std::string& catalog_id, const std::string& version,
                                 const std::string& architecture);
std::optional<Manifest> manifest_by_id(db::Tx&, const std::string& id);
void save(db::Tx&, const Manifest&);  // inserts or replaces by id
void remove(db::Tx&, const std::string& id);
std::set<std::string> digests(db::Tx&);  // of the images that records name

struct Upload {
    std::string id, owner, request, manifest_id;  // manifest_id set once committed
    Time created_at{};
};
void insert_upload(db::Tx&, const Upload&);
std::optional<Upload> upload(db::Tx&, const std::string& id);
void finish_upload(db::Tx&, const std::string& id, const std::string& manifest_id);
std::vector<std::string> uploads_before(db::Tx&, Time);
void remove_upload(db::Tx&, const std::string& id);

struct CachedImage {
    std::string digest, manifest_id;
    std::int64_t bytes = 0, used_count = 0;
    Time created_at{}, last_used_at{};
};
std::vector<CachedImage> cached_images(db::Tx&);
std::optional<CachedImage> cached_image(db::Tx&, const std::string& digest);
void save_cached_image(db::Tx&, const CachedImage&);
void touch_cached_image(db::Tx&, const std::string& digest, Time);
void remove_cached_image(db::Tx&, const std::string& digest);
void pin(db::Tx&, const std::string& machine_id, const std::string& digest);
void unpin(db::Tx&, const std::string& machine_id);
std::int64_t pins(db::Tx&, const std::string& digest);

}  // namespace corral::catalog::store
