#include "catalog/image_cache.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/log.hpp"
#include "catalog/store.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"

namespace corral::catalog {

namespace {
namespace fs = std::filesystem;
constexpr std::size_t digest_size = 64;  // in hex
}  // namespace

Result<ImageCache::Fetched> ImageCache::ensure(const std::string& digest, const std::string& manifest_id,
                                               chunks::ChunkSource& source, const chunks::FetchOptions& options) {
    {
        std::unique_lock lock(mutex_);
        done_.wait(lock, [&] { return !fetching_.contains(digest); });
        fetching_.insert(digest);
    }
    auto result = fetch_now(digest, manifest_id, source, options);
    {
        std::lock_guard lock(mutex_);
        fetching_.erase(digest);
    }
    done_.notify_all();
    return result;
}

Result<void> ImageCache::check_space(const std::string& digest, chunks::ChunkSource& source) const {
    std::uint64_t needed = 0;  // at most: every segment full
    for (const auto& entry : TRY(chunks::decode_index(TRY(source.image_index(digest)))).entries)
        needed += std::min<std::uint64_t>(entry.size,
                                          entry.segments.size() * chunks::chunks_per_segment * chunks::chunk_size);
    const auto space = TRY(files::space_at(folder_));
    if (space.free_bytes < needed + keep_free_)
        return Error{Errc::unavailable, "The cache's disk has too little room for this image",
                     "needs " + std::to_string(needed) + ", free " + std::to_string(space.free_bytes)};
    return {};
}

Result<chunks::FetchOutcome> ImageCache::bring(const std::string& digest, chunks::ChunkSource& source,
                                               const chunks::FetchOptions& options) {
    TRY(files::make_folders(folder_, 0700));
    const std::string folder = folder_of(digest);
    if (!files::exists(folder + ".partial")) TRY(check_space(digest, source));
    return chunks::fetch(digest, source, folder, options);
}

Result<ImageCache::Fetched> ImageCache::fetch_now(const std::string& digest, const std::string& manifest_id,
                                                  chunks::ChunkSource& source, const chunks::FetchOptions& options) {
    const std::string folder = folder_of(digest);
    const bool there = files::exists(folder);
    if (!there) {
        auto fetched = bring(digest, source, options);
        // A record names it: what is missing then is the store's fault, not a wrong name in the request.
        if (!fetched && fetched.error().code == Errc::not_found) fetched.error().code = Errc::upstream;
        const auto outcome = TRY(std::move(fetched));
        log::info("An image was fetched", {{"digest", digest},
                                           {"bytes", outcome.data_bytes},
                                           {"fetched_chunks", outcome.fetched_chunks},
                                           {"found_chunks", outcome.found_chunks}});
    }
    TRY(database_.write([&](db::Tx& tx) {
        const Time now = clock_.now();
        if (!store::cached_image(tx, digest)) {
            std::int64_t size = 0;
            if (auto disk = files::size_of(folder + "/disk.raw")) size = static_cast<std::int64_t>(*disk);
            store::save_cached_image(tx, {digest, manifest_id, size, 0, now, now});
        }
        store::touch_cached_image(tx, digest, now);
    }));
    return Fetched{folder, there};
}

// Under the name of an unfinished image first: cut off in the middle, it is completed or removed later and never taken
// for a whole one.
Result<void> ImageCache::discard(const std::string& digest) {
    const std::string folder = folder_of(digest);
    const std::string partial = folder + ".partial";
    if (::rename(folder.c_str(), partial.c_str()) != 0 && errno != ENOENT)
        return system_error(errno, "rename to " + partial);
    return files::remove_tree(partial);
}

// By rows and by folders: a crash may have left either without the other.
Result<std::set<std::string>> ImageCache::known() const {
    std::set<std::string> out;
    for (const auto& image : TRY(database_.read([](db::Tx& tx) { return store::cached_images(tx); })))
        out.insert(image.digest);
    std::error_code error;
    fs::directory_iterator entry(folder_, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const std::string digest = entry->path().stem().string();  // without ".partial"
        if (digest.size() == digest_size && crypto::from_hex(digest)) out.insert(digest);
    }
    if (error && error != std::errc::no_such_file_or_directory) return system_error(error.value(), "list " + folder_);
    return out;
}

Result<void> ImageCache::collect(const std::set<std::string>& keep) {
    for (const std::string& digest : TRY(known())) {
        if (keep.contains(digest)) continue;
        {
            std::lock_guard lock(mutex_);
            if (!fetching_.insert(digest).second) continue;
        }
        auto done = collect_one(digest);
        {
            std::lock_guard lock(mutex_);
            fetching_.erase(digest);
        }
        done_.notify_all();
        TRY(std::move(done));
    }
    return {};
}

Result<void> ImageCache::collect_one(const std::string& digest) {
    // The row goes first: a pin that comes meanwhile fails on the missing row instead of losing the file later.
    const bool unpinned = TRY(database_.write([&](db::Tx& tx) {
        if (store::pins(tx, digest) > 0) return false;
        store::remove_cached_image(tx, digest);
        return true;
    }));
    return unpinned ? discard(digest) : Result<void>{};
}

}  // namespace corral::catalog
