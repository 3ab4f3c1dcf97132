// Pulled images as read-only raw disks: <folder>/<digest>/disk.raw. Machines' disks are thin clones of them, so an
// image never changes or moves while it is pinned. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "catalog/chunks/fetch.hpp"
#include "platform/db/db.hpp"

namespace corral::catalog {

class ImageCache {
public:
    ImageCache(db::Database& database, const Clock& clock, std::string folder, std::uint64_t keep_free)
        : database_(database), clock_(clock), folder_(std::move(folder)), keep_free_(keep_free) {}

    struct Fetched {
        std::string folder;  // of the image's files
        bool was_there = false;
    };
    // One fetch at a time per image; others wait for it. An interrupted one goes on where it was.
    Result<Fetched> ensure(const std::string& digest, const std::string& manifest_id, chunks::ChunkSource& source,
                           const chunks::FetchOptions& options);
    // Removes images, whole or begun, that nothing is pinned to and that are not of `keep`.
    Result<void> collect(const std::set<std::string>& keep);

private:
    [[nodiscard]] std::string folder_of(const std::string& digest) const { return folder_ + "/" + digest; }
    Result<Fetched> fetch_now(const std::string& digest, const std::string& manifest_id, chunks::ChunkSource& source,
                              const chunks::FetchOptions& options);
    Result<chunks::FetchOutcome> bring(const std::string& digest, chunks::ChunkSource& source,
                                       const chunks::FetchOptions& options);
    [[nodiscard]] Result<std::set<std::string>> known() const;
    Result<void> collect_one(const std::string& digest);
    Result<void> discard(const std::string& digest);
    Result<void> check_space(const std::string& digest, chunks::ChunkSource& source) const;

    db::Database& database_;
    const Clock& clock_;
    std::string folder_;
    std::uint64_t keep_free_;
    std::mutex mutex_;  // guards fetching_
    std::condition_variable done_;
    std::set<std::string> fetching_;
};

}  // namespace corral::catalog
