// Garbage collection of the chunk store: what no live image needs goes, mostly dead packs are rewritten.
#include <algorithm>

#include "base/log.hpp"
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

// Copies the frames that are needed into a new pack, which is known before the old one is forgotten: readers find every
// live chunk at any moment.
Result<void> ChunkStore::move_frames(const std::string& key, const std::vector<PackEntry>& alive, Collected& out) {
    std::string bytes = pack_head();
    std::vector<PackEntry> moved;
    for (const PackEntry& entry : alive) {
        moved.push_back({bytes.size(), entry.bytes, entry.ids});
        bytes += TRY(checked_frame({key, entry.offset, entry.bytes, entry.ids},
                                   TRY(storage_.get(key, entry.offset, entry.bytes))));
    }
    bytes += pack_tail(moved, bytes.size());
    const std::string fresh = new_pack_key();
    TRY(storage_.put(fresh, bytes));
    add_pack(fresh, moved, Known::replaced);
    ++out.rewritten;
    out.bytes -= bytes.size();
    return {};
}

// The frames with a chunk that is live and is not read from another pack: after a crash in the middle of a move two
// packs hold the same.
std::vector<PackEntry> ChunkStore::needed_of(const std::string& key, const std::vector<PackEntry>& entries,
                                             const std::set<ChunkId>& live) const {
    std::vector<PackEntry> out;
    std::shared_lock lock(mutex_);
    const auto needed = [&](const ChunkId& id) {
        if (!live.contains(id)) return false;
        const auto it = chunks_.find(id);
        return it == chunks_.end() || packs_[it->second.pack] == key;
    };
    for (const PackEntry& entry : entries)
        if (std::ranges::any_of(entry.ids, needed)) out.push_back(entry);
    return out;
}

Result<void> ChunkStore::rewrite_pack(const std::string& key, std::uint64_t size, const std::set<ChunkId>& live,
                                      Collected& out) {
    const auto leave = [&](const Error& why) -> Result<void> {  // what it holds may still be rescued by hand
        log::error("A pack cannot be read and is left alone", {{"pack", key}, {"why", why.message}});
        return {};
    };
    const auto entries = read_index_of(key, size);
    if (!entries) {
        if (may_pass(entries.error())) return Error(entries.error());
        // Nobody can use it, and what it held may still be rescued by hand.
        log::error("A pack cannot be read and is left alone", {{"pack", key}, {"why", entries.error().message}});
        return {};
    }
    const std::vector<PackEntry> alive = needed_of(key, *entries, live);
    std::uint64_t kept = 0;
    for (const PackEntry& entry : alive) kept += entry.bytes;
    if (kept * 2 >= size) return {};  // more than half of it is needed
    if (alive.empty())
        ++out.packs;
    else if (auto moved = move_frames(key, alive, out); !moved && moved.error().code == Errc::upstream)
        return leave(moved.error());
    else
        TRY(std::move(moved));
    out.bytes += size;
    forget_pack(key, *entries);
    return storage_.remove(key);
}

void ChunkStore::forget_pack(const std::string& key, const std::vector<PackEntry>& entries) {
    std::unique_lock lock(mutex_);
    const auto found = std::ranges::find(packs_, key);
    if (found == packs_.end()) return;
    const auto number = static_cast<std::uint32_t>(found - packs_.begin());
    found->clear();
    for (const PackEntry& entry : entries)
        for (const ChunkId& id : entry.ids)
            if (const auto it = chunks_.find(id); it != chunks_.end() && it->second.pack == number) chunks_.erase(it);
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
    for (const StoredObject& object : TRY(storage_.list("corral/packs")))
        TRY(rewrite_pack(object.key, object.size, chunks, out));
    return out;
}

}  // namespace corral::catalog::chunks
