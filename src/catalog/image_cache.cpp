#include "catalog/image_cache.hpp"

#include "catalog/store.hpp"
#include "platform/files/files.hpp"

namespace corral::catalog {

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

Result<ImageCache::Fetched> ImageCache::fetch_now(const std::string& digest, const std::string& manifest_id,
                                                  chunks::ChunkSource& source, const chunks::FetchOptions& options) {
    const std::string folder = folder_of(digest);
    const bool there = files::exists(folder);
    if (!there) {
        TRY(files::make_folders(folder_, 0700));
        if (!files::exists(folder + ".partial")) TRY(check_space(digest, source));
        TRY(chunks::fetch(digest, source, folder, options));
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

Result<void> ImageCache::collect(const std::set<std::string>& keep) {
    const auto images = TRY(database_.read([](db::Tx& tx) { return store::cached_images(tx); }));
    for (const auto& image : images) {
        if (keep.contains(image.digest)) continue;
        {
            std::lock_guard lock(mutex_);
            if (!fetching_.insert(image.digest).second) continue;
        }
        // The row goes first: a pin that comes meanwhile fails on the missing file instead of losing it later.
        auto gone = database_.write([&](db::Tx& tx) {
            if (store::pins(tx, image.digest) > 0) return false;
            store::remove_cached_image(tx, image.digest);
            return true;
        });
        Result<void> removed;
        if (gone && *gone) removed = files::remove_tree(folder_of(image.digest));
        {
            std::lock_guard lock(mutex_);
            fetching_.erase(image.digest);
        }
        done_.notify_all();
        if (!gone) return std::move(gone).error();
        TRY(std::move(removed));
    }
    return {};
}

}  // namespace corral::catalog
