#include "catalog/image_contents.hpp"

#include <algorithm>

namespace corral::catalog {

namespace {

constexpr std::size_t most_chunks_kept = 2U << 20;  // 64 MiB of ids, for 128 GiB of data

template <class T>
void sort_once(std::vector<T>& list) {
    std::ranges::sort(list);
    const auto repeated = std::ranges::unique(list);
    list.erase(repeated.begin(), repeated.end());
    list.shrink_to_fit();
}

Result<std::shared_ptr<const ImageContents::Contents>> read(const std::string& digest, chunks::ChunkSource& store) {
    auto out = std::make_shared<ImageContents::Contents>();
    for (const auto& entry : TRY(chunks::decode_index(TRY(store.image_index(digest)))).entries)
        for (const auto& segment : entry.segments) out->segments.push_back(segment.digest);
    sort_once(out->segments);
    for (const std::string& segment : out->segments)
        for (const auto& place : TRY(chunks::decode_segment(TRY(store.segment(segment)))).places)
            out->chunks.push_back(place.id);
    sort_once(out->chunks);
    return std::shared_ptr<const ImageContents::Contents>(std::move(out));
}

}  // namespace

bool ImageContents::Contents::has_segment(const std::string& digest) const {
    return std::ranges::binary_search(segments, digest);
}

bool ImageContents::Contents::has_chunk(const chunks::ChunkId& id) const {
    return std::ranges::binary_search(chunks, id);
}

Result<std::shared_ptr<const ImageContents::Contents>> ImageContents::of(const std::string& digest,
                                                                         chunks::ChunkSource& store) {
    {
        const std::lock_guard lock(mutex_);
        if (const auto it = std::ranges::find(kept_, digest, &Kept::first); it != kept_.end()) {
            kept_.splice(kept_.begin(), kept_, it);
            return it->second;
        }
    }
    auto contents = TRY(read(digest, store));
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(kept_, digest, &Kept::first) != kept_.end()) return contents;  // somebody was faster
    kept_.emplace_front(digest, contents);
    chunks_kept_ += contents->chunks.size();
    while (chunks_kept_ > most_chunks_kept && kept_.size() > 1) {
        chunks_kept_ -= kept_.back().second->chunks.size();
        kept_.pop_back();
    }
    return contents;
}

}  // namespace corral::catalog
