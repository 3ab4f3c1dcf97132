// Garbage collection of the chunk store: what no live image needs goes, mostly dead packs are rewritten.
#include <algorithm>

#include "catalog/chunks/store.hpp"

namespace corral::catalog::chunks {

Result<std::set<ChunkId>> ChunkStore::live_chunks(const std::set<std::string>& images,
                                                  std::set<std::string>& segments) {
    std::set<ChunkId> out;
    for (const std::string& digest : images) {
        const ImageIndex index = TRY(decode_index(TRY(image_index(digest))));
        for (const Entry& entry : index.entries)
            for (const SegmentRef& ref : entry.segments)
                if (segments.insert(ref.digest).second)
                    for (const auto& place : TRY(decode_segment(TRY(segment(ref.digest)))).places) out.insert(place.id);
    }
    return out;
}

// true: the pack is gone (dropped or rewritten).
Result<bool> ChunkStore::rewrite_pack(const std::string& key, std::uint64_t size, const std::set<ChunkId>& live,
                                      Collected& out) {
    const auto entries = TRY(read_index_of(key, size));
    std::uint64_t kept = 0;
    std::vector<PackEntry> alive;
    for (const PackEntry& entry : entries)
        if (std::ranges::any_of(entry.ids, [&](const ChunkId& id) { return live.contains(id); })) {
            alive.push_back(entry);
            kept += entry.bytes;
        }
    if (kept * 2 >= size) return false;  // more than half of it is needed
    if (!alive.empty()) {
        // The new pack stands before the old one goes.
        std::string bytes = pack_head();
        std::vector<PackEntry> moved;
        for (const PackEntry& entry : alive) {
            moved.push_back({bytes.size(), entry.bytes, entry.ids});
            bytes += TRY(storage_.get(key, entry.offset, entry.bytes));
        }
        bytes += pack_tail(moved, bytes.size());
        const std::string name = crypto::random_id().substr(0, 32);
        const std::string fresh = "corral/packs/" + name.substr(0, 2) + "/" + name + ".pack";
        TRY(storage_.put(fresh, bytes));
        ++out.rewritten;
        out.bytes += size - std::min<std::uint64_t>(size, bytes.size());
    } else {
        ++out.packs;
        out.bytes += size;
    }
    TRY(storage_.remove(key));
    return true;
}

Result<Collected> ChunkStore::collect_garbage(const std::set<std::string>& live) {
    {
        std::unique_lock lock(mutex_);
        if (!open_sessions_.empty()) return Error{Errc::busy, "Uploads are open; collect again when they have ended"};
        open_sessions_.insert(collecting);
    }
    struct Release {
        ChunkStore& store;
        ~Release() { store.close_session(collecting); }
    } release{*this};
    std::set<std::string> segments;
    const std::set<ChunkId> chunks = TRY(live_chunks(live, segments));
    Collected out;
    // Images first: what they named is garbage from then on, in whatever order the rest goes.
    for (const StoredObject& object : TRY(storage_.list("corral/images")))
        if (!live.contains(object.key.substr(object.key.rfind('/') + 1))) {
            TRY(storage_.remove(object.key));
            ++out.images;
        }
    for (const StoredObject& object : TRY(storage_.list("corral/segments")))
        if (!segments.contains(object.key.substr(object.key.rfind('/') + 1))) {
            TRY(storage_.remove(object.key));
            ++out.segments;
        }
    bool changed = false;
    for (const StoredObject& object : TRY(storage_.list("corral/packs")))
        changed = TRY(rewrite_pack(object.key, object.size, chunks, out)) || changed;
    if (changed) {
        {
            std::unique_lock lock(mutex_);
            packs_.clear();
            chunks_.clear();
        }
        TRY(load());
    }
    return out;
}

}  // namespace corral::catalog::chunks
