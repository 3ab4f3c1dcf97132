#include "catalog/chunks/store.hpp"

#include <algorithm>
#include <map>

#include "base/log.hpp"
#include "catalog/chunks/upload.hpp"

namespace corral::catalog::chunks {

namespace {

constexpr std::string_view prefix = "corral";
constexpr std::uint64_t merged_read = 32U << 20;  // one ranged read of a pack at the most

std::string object_key(std::string_view kind, const std::string& digest) {
    return std::string(prefix) + "/" + std::string(kind) + "/" + digest.substr(0, 2) + "/" + digest;
}

bool is_digest(const std::string& text) { return text.size() == 64 && crypto::from_hex(text).has_value(); }

Error damaged(const std::string& key, const Error& why) {
    return Error{Errc::upstream, "The stored object " + key + " is damaged: " + why.message, why.detail};
}

}  // namespace

Result<std::unique_ptr<ChunkStore>> ChunkStore::open(Storage& storage, const std::string& work_folder) {
    TRY(files::make_folders(work_folder, 0700));
    std::unique_ptr<ChunkStore> store(new ChunkStore(storage, work_folder));
    TRY(store->load());
    return store;
}

bool ChunkStore::may_pass(const Error& error) {
    using enum Errc;
    return error.code == upstream || error.code == unavailable || error.code == busy || error.code == timeout;
}

Result<void> ChunkStore::load() {
    for (const StoredObject& object : TRY(storage_.list(std::string(prefix) + "/packs"))) {
        auto entries = read_index_of(object.key, object.size);
        if (!entries) {
            if (may_pass(entries.error())) return std::move(entries).error();
            // One bad pack must not take the rest of the store away; what needs it fails by name.
            log::error("A pack cannot be read and is left out",
                       {{"pack", object.key}, {"why", entries.error().message}});
            continue;
        }
        add_pack(object.key, *entries);
    }
    return {};
}

Result<std::vector<PackEntry>> ChunkStore::read_index_of(const std::string& key, std::uint64_t size) {
    if (size < pack_head_bytes + pack_footer_bytes) return Error{Errc::invalid, "The pack is cut off"};
    if (TRY(storage_.get(key, 0, pack_head_bytes)) != pack_head())
        return Error{Errc::invalid, "The pack has another format or version"};
    const std::string last = TRY(storage_.get(key, size - pack_footer_bytes, pack_footer_bytes));
    const PackFooter footer = TRY(read_pack_footer(last));
    if (footer.index_offset + footer.index_bytes + pack_footer_bytes != size)
        return Error{Errc::invalid, "The pack's footer does not fit its size"};
    return read_pack_index(TRY(storage_.get(key, footer.index_offset, footer.index_bytes)), footer);
}

void ChunkStore::add_pack(const std::string& key, const std::vector<PackEntry>& entries, Known known) {
    std::unique_lock lock(mutex_);
    const auto number = static_cast<std::uint32_t>(packs_.size());
    packs_.push_back(key);
    for (const PackEntry& entry : entries)
        for (const ChunkId& id : entry.ids) {
            const auto [place, added] = chunks_.try_emplace(id, Location{number, entry.bytes, entry.offset});
            if (!added && known == Known::replaced) place->second = {number, entry.bytes, entry.offset};
        }
}

std::string ChunkStore::new_pack_key() {
    const std::string name = crypto::random_id().substr(0, 32);
    return std::string(prefix) + "/packs/" + name.substr(0, 2) + "/" + name + ".pack";
}

std::vector<bool> ChunkStore::missing(const std::vector<ChunkId>& ids) const {
    std::vector<bool> out;
    out.reserve(ids.size());
    std::shared_lock lock(mutex_);
    for (const ChunkId& id : ids) out.push_back(!chunks_.contains(id));
    return out;
}

std::size_t ChunkStore::chunk_count() const {
    std::shared_lock lock(mutex_);
    return chunks_.size();
}

Result<std::unique_ptr<ChunkTarget>> ChunkStore::upload(const std::string& session) {
    {
        std::unique_lock lock(mutex_);
        if (open_sessions_.contains(collecting))
            return Error{Errc::busy, "The store is being cleaned; try again in a moment"};
        if (!open_sessions_.insert(session).second)
            return Error{Errc::busy, "This upload is being written to by another request"};
    }
    auto opened = UploadSession::open(*this, session, work_folder_ + "/" + session);
    if (!opened) {
        close_session(session);
        return std::move(opened).error();
    }
    return std::unique_ptr<ChunkTarget>(std::move(*opened));
}

void ChunkStore::close_session(const std::string& session) {
    std::unique_lock lock(mutex_);
    open_sessions_.erase(session);
}

Result<void> ChunkStore::abandon(const std::string& session) {
    return files::remove_tree(work_folder_ + "/" + session);
}

Result<std::string> ChunkStore::object(const std::string& kind, const std::string& digest) {
    if (!is_digest(digest)) return Error{Errc::not_found, "There is no image with this digest"};
    const std::string key = object_key(kind, digest);
    std::string bytes = TRY(storage_.get(key));
    if (digest_of(bytes) != digest) return damaged(key, Error{Errc::invalid, "its bytes have another digest"});
    return bytes;
}

Result<std::string> ChunkStore::image_index(const std::string& digest) { return object("images", digest); }
Result<std::string> ChunkStore::segment(const std::string& digest) { return object("segments", digest); }

Result<bool> ChunkStore::has_image(const std::string& digest) {
    return is_digest(digest) && TRY(storage_.size(object_key("images", digest))).has_value();
}

// In order of pack and offset, each frame once.
Result<std::vector<ChunkStore::Part>> ChunkStore::parts_of(const std::vector<ChunkId>& ids) const {
    std::map<std::pair<std::string_view, std::uint64_t>, Part> parts;
    std::shared_lock lock(mutex_);
    for (const ChunkId& id : ids) {
        const auto it = chunks_.find(id);
        if (it == chunks_.end()) return Error{Errc::not_found, "The store lacks chunk " + to_hex(id)};
        const auto& [pack, bytes, offset] = it->second;
        auto [part, added] = parts.try_emplace({packs_[pack], offset}, Part{packs_[pack], offset, bytes, {}});
        part->second.wanted.push_back(id);
    }
    std::vector<Part> out;
    out.reserve(parts.size());
    for (auto& [place, part] : parts) out.push_back(std::move(part));
    return out;
}

Result<std::vector<std::string>> ChunkStore::frames(const std::vector<ChunkId>& ids) {
    for (;;) {
        const std::vector<Part> parts = TRY(parts_of(ids));
        auto read = read_parts(parts);
        // Garbage collection may have moved the frames since they were looked up.
        if (read || parts == TRY(parts_of(ids))) return read;
    }
}

Result<std::vector<std::string>> ChunkStore::read_parts(const std::vector<Part>& parts) {
    std::vector<std::string> out;
    for (auto it = parts.begin(); it != parts.end();) {
        auto end = it;
        std::uint64_t bytes = 0;
        while (end != parts.end() && end->key == it->key && end->offset == it->offset + bytes &&
               bytes + end->bytes <= merged_read) {
            bytes += end->bytes;
            ++end;
        }
        const auto block = storage_.get(it->key, it->offset, bytes);
        if (!block) return damaged(it->key, block.error());
        std::string_view rest = *block;
        for (; it != end; ++it) {
            out.push_back(TRY(checked_frame(*it, rest.substr(0, it->bytes))));
            rest.remove_prefix(it->bytes);
        }
    }
    return out;
}

// All that can be told without unpacking is told here, where the object has a name. The receiver compares the chunks
// with their ids.
Result<std::string> ChunkStore::checked_frame(const Part& part, std::string_view bytes) const {
    const auto head = check_frame(bytes);
    if (!head) return damaged(part.key, head.error());
    if (head->total_bytes() != part.bytes) return damaged(part.key, Error{Errc::invalid, "a frame has another length"});
    for (const ChunkId& id : part.wanted)
        if (std::ranges::find(head->ids, id) == head->ids.end())
            return damaged(part.key, Error{Errc::invalid, "a frame lacks chunk " + to_hex(id)});
    return std::string(bytes);
}

// Every segment is given or stored, and every chunk it names is there.
Result<void> ChunkStore::check_complete(const FinishedImage& image) {
    const ImageIndex index = TRY(decode_index(image.index));
    std::unordered_map<std::string, const std::string*> given;
    for (const std::string& segment : image.segments) given[digest_of(segment)] = &segment;
    for (const Entry& entry : index.entries) {
        for (const SegmentRef& ref : entry.segments) {
            const auto it = given.find(ref.digest);
            const Segment segment =
                TRY(decode_segment(it != given.end() ? *it->second : TRY(this->segment(ref.digest))));
            std::shared_lock lock(mutex_);
            for (const auto& place : segment.places)
                if (!chunks_.contains(place.id))
                    return Error{Errc::conflict, "The upload lacks chunk " + to_hex(place.id) + "; offer it again"};
        }
    }
    return {};
}

Result<std::string> ChunkStore::commit(const FinishedImage& image,
                                       const std::vector<std::pair<std::string, std::vector<PackEntry>>>& packs) {
    // Packs first, then segments, the image index last: at any crash in between there is only garbage, never half an
    // image.
    for (const auto& [file, entries] : packs) {
        const std::string key = new_pack_key();
        TRY(storage_.put_file(key, file));
        add_pack(key, entries);
    }
    TRY(check_complete(image));
    for (const std::string& segment : image.segments) {
        const std::string key = object_key("segments", digest_of(segment));
        if (!TRY(storage_.size(key))) TRY(storage_.put(key, segment));
    }
    const std::string digest = digest_of(image.index);
    TRY(storage_.put(object_key("images", digest), image.index));
    return digest;
}

}  // namespace corral::catalog::chunks
