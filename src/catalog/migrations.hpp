// Tables of the catalog. Numbers 300 to 399.
#pragma once

#include <vector>

#include "platform/db/db.hpp"

namespace corral::catalog {

inline std::vector<db::Migration> migrations() {
    return {{300, "catalog_records", R"sql(
CREATE TABLE catalog_manifests (
  id TEXT PRIMARY KEY, catalog_id TEXT NOT NULL, version TEXT NOT NULL, architecture TEXT NOT NULL, name TEXT NOT NULL,
  digest TEXT NOT NULL, store TEXT NOT NULL, updated_at BIGINT NOT NULL, document TEXT NOT NULL);
CREATE UNIQUE INDEX catalog_manifests_key ON catalog_manifests (lower(catalog_id), lower(version), architecture);
CREATE TABLE catalog_uploads (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, request TEXT NOT NULL, manifest_id TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE cached_images (
  digest TEXT PRIMARY KEY, manifest_id TEXT NOT NULL, bytes BIGINT NOT NULL, created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL, used_count BIGINT NOT NULL);
CREATE TABLE cached_image_pins (
  machine_id TEXT PRIMARY KEY, digest TEXT NOT NULL);
CREATE INDEX cached_image_pins_digest ON cached_image_pins (digest)
)sql"}};
}

}  // namespace corral::catalog
