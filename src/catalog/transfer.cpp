#include "catalog/transfer.hpp"

#include <algorithm>
#include <cstring>

#include "catalog/connection.hpp"
#include "catalog/identifiers.hpp"
#include "catalog/store.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::catalog {

namespace {

constexpr std::size_t ids_at_once = 4096;
constexpr auto idle_limit = std::chrono::minutes{10};
constexpr std::size_t chunks_read_at_once = 512;  // 32 MiB of a guest's disk

void put_text(std::string& out, std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out += text;
}

Result<std::string> take_text(std::string_view& in) {
    std::uint32_t size = 0;
    if (in.size() < sizeof size) return Error{Errc::invalid, "The image is cut off"};
    std::memcpy(&size, in.data(), sizeof size);
    in.remove_prefix(sizeof size);
    if (in.size() < size) return Error{Errc::invalid, "The image is cut off"};
    std::string out(in.substr(0, size));
    in.remove_prefix(size);
    return out;
}

}  // namespace

std::string encode_ids(const std::vector<chunks::ChunkId>& ids) {
    std::string out;
    for (const auto& id : ids) out.append(reinterpret_cast<const char*>(id.data()), id.size());
    return out;
}

Result<std::vector<chunks::ChunkId>> decode_ids(std::string_view bytes) {
    if (bytes.size() % sizeof(chunks::ChunkId) != 0 || bytes.size() > ids_at_once * sizeof(chunks::ChunkId))
        return Error{Errc::invalid, "The body must hold up to 4096 chunk ids of 32 bytes"};
    std::vector<chunks::ChunkId> out(bytes.size() / sizeof(chunks::ChunkId));
    for (std::size_t i = 0; i < out.size(); ++i)
        std::memcpy(out[i].data(), bytes.data() + i * sizeof(chunks::ChunkId), sizeof(chunks::ChunkId));
    return out;
}

std::string encode_image(const chunks::FinishedImage& image) {
    std::string out;
    put_text(out, image.index);
    for (const auto& segment : image.segments) put_text(out, segment);
    return out;
}

Result<chunks::FinishedImage> decode_image(std::string_view bytes) {
    chunks::FinishedImage out;
    out.index = TRY(take_text(bytes));
    while (!bytes.empty()) out.segments.push_back(TRY(take_text(bytes)));
    return out;
}

Result<std::vector<std::string>> split_frames(std::string_view bytes) {
    std::vector<std::string> out;
    while (!bytes.empty()) {
        const auto head = TRY(chunks::read_frame_head(bytes));
        out.emplace_back(bytes.substr(0, head.total_bytes()));
        bytes.remove_prefix(head.total_bytes());
    }
    return out;
}

Result<UploadBegun> Transfer::begin(const Caller& who, BeginUpload request) {
    if (!version_ok(request.version)) return invalid_field("/version", "contains invalid characters");
    const auto architecture =
        request.architecture.empty() ? std::optional(host_architecture()) : architecture_of(request.architecture);
    if (!architecture) return invalid_field("/architecture", "must be x86_64 or arm64");
    request.architecture = *architecture;
    request.version = normal(request.version);
    const std::string id = crypto::random_id();
    TRY(database_.write([&](db::Tx& tx) {
        store::insert_upload(tx, {id, who.user_id().text, json::to_text(request), "", clock_.now()});
    }));
    return UploadBegun{id};
}

Result<std::shared_ptr<chunks::ChunkTarget>> Transfer::target(const Caller& who, const std::string& id) {
    const auto row = TRY(database_.read([&](db::Tx& tx) { return store::upload(tx, id); }));
    if (!row || row->owner != who.user_id().text) return Error{Errc::not_found, "There is no such upload"};
    if (!row->manifest_id.empty()) return Error{Errc::conflict, "This upload is committed already"};
    std::lock_guard lock(mutex_);
    Open& open = open_[id];
    open.used = clock_.steady();
    if (!open.target) {
        auto opened = catalog_.open_upload(*TRY(catalog_.own_store()), id);
        if (!opened) {
            open_.erase(id);
            return std::move(opened).error();
        }
        open.target = std::move(*opened);
    }
    return open.target;
}

Result<std::string> Transfer::offer(const Caller& who, const std::string& id, const std::string& body) {
    const auto ids = TRY(decode_ids(body));
    const auto open = TRY(target(who, id));
    std::string out;
    for (const bool wanted : TRY(open->missing(ids))) out += wanted ? '\1' : '\0';
    return out;
}

Result<void> Transfer::frames(const Caller& who, const std::string& id, const std::string& body) {
    const auto open = TRY(target(who, id));
    for (const std::string& frame : TRY(split_frames(body))) TRY(open->upload(frame));
    return {};
}

Result<Manifest> Transfer::commit(const Caller& who, const std::string& id, const std::string& body) {
    const auto row = TRY(database_.read([&](db::Tx& tx) { return store::upload(tx, id); }));
    if (!row || row->owner != who.user_id().text) return Error{Errc::not_found, "There is no such upload"};
    // Asked again after a lost answer: the same answer.
    if (!row->manifest_id.empty()) return Service::shown(TRY(catalog_.visible(who, row->manifest_id)), true);
    const auto image = TRY(decode_image(body));
    const auto index = TRY(chunks::decode_index(image.index));
    const auto request = TRY(json::read<BeginUpload>(row->request));
    // Held open until the record is written: garbage collection does not run beside an upload, and until then nothing
    // else names the image.
    const auto open = TRY(target(who, id));
    Manifest m;
    m.digest = TRY(open->commit(image));
    m.catalog_id = upper(normal(request.catalog_id));
    m.version = request.version;
    m.architecture = request.architecture;
    m.name = record_name(request.catalog_id, request.architecture, request.version);
    m.description = request.description;
    m.type = "qemu";
    m.tags = request.tags;
    m.required_roles = request.required_roles;
    m.required_claims = request.required_claims;
    m.minimum_requirements = request.minimum_requirements;
    m.provider = TRY(parse_connection(catalog_.settings().store));
    m.store = to_connection(*m.provider);
    m.pack_filename = m.name + ".pdpack";
    m.metadata_filename = m.name + ".meta";
    const auto root = m.provider->meta.find("catalog_path");
    m.path = (root == m.provider->meta.end() ? "" : root->second) + "/" + normal(request.catalog_id);
    m.pack_contents = {{false, m.metadata_filename, m.path}, {false, m.pack_filename, m.path}};
    for (const auto& entry : index.entries) m.size += static_cast<std::int64_t>(entry.size);
    for (const auto& segment : image.segments)
        m.pack_size +=
            static_cast<std::int64_t>(TRY(chunks::decode_segment(segment)).places.size() * chunks::chunk_size);
    auto published = catalog_.publish(who, std::move(m));
    {
        std::lock_guard lock(mutex_);
        open_.erase(id);
    }
    m = TRY(std::move(published));
    TRY(database_.write([&](db::Tx& tx) { store::finish_upload(tx, id, m.id); }));
    return Service::shown(std::move(m), true);
}

Result<Manifest> Transfer::readable(const Caller& who, const std::string& id) {
    Manifest m = TRY(catalog_.visible(who, id));
    if (m.revoked) return Error{Errc::forbidden, "Manifest is revoked"};
    if (m.tainted) return Error{Errc::invalid, "Manifest is tainted"};
    if (m.digest.empty()) return Error{Errc::unsupported, "This record holds no image in chunks"};
    return m;
}

Result<std::string> Transfer::image_index(const Caller& who, const std::string& id) {
    const Manifest m = TRY(readable(who, id));
    return TRY(catalog_.store_of(m))->chunks->image_index(m.digest);
}

Result<std::string> Transfer::segment(const Caller& who, const std::string& id, const std::string& digest) {
    const Manifest m = TRY(readable(who, id));
    auto& store = *TRY(catalog_.store_of(m))->chunks;
    if (!TRY(contents_.of(m.digest, store))->has_segment(digest))
        return Error{Errc::not_found, "The image of this record has no such segment"};
    return store.segment(digest);
}

namespace {

// Chunks of several images can stand in one frame: what came with the same upload. Only this image's leave the store.
Result<std::string> without_others(std::string frame, const ImageContents::Contents& image) {
    const auto damaged = [](const Error& why) {
        return Error{Errc::upstream, "A stored frame is damaged: " + why.message, why.detail};
    };
    const auto head = chunks::read_frame_head(frame);
    if (!head) return damaged(head.error());
    if (std::ranges::all_of(head->ids, [&](const auto& chunk) { return image.has_chunk(chunk); })) return frame;
    const auto raw = chunks::decode_frame(frame);
    if (!raw) return damaged(raw.error());
    std::vector<chunks::RawChunk> kept;
    for (std::size_t i = 0; i < head->ids.size(); ++i)
        if (image.has_chunk(head->ids[i])) kept.push_back({head->ids[i], (*raw)[i]});
    constexpr int fast = 1;
    return chunks::encode_frame(kept, fast);
}

}  // namespace

Result<std::string> Transfer::read_frames(const Caller& who, const std::string& id, const std::string& body) {
    const Manifest m = TRY(readable(who, id));
    const auto ids = TRY(decode_ids(body));
    if (ids.size() > chunks_read_at_once)
        return Error{Errc::invalid, "Ask for up to " + std::to_string(chunks_read_at_once) + " chunks at once"};
    auto& store = *TRY(catalog_.store_of(m))->chunks;
    const auto image = TRY(contents_.of(m.digest, store));
    for (const auto& chunk : ids)
        if (!image->has_chunk(chunk))
            return Error{Errc::not_found, "The image of this record has no chunk " + chunks::to_hex(chunk)};
    std::string out;
    for (std::string& frame : TRY(store.frames(ids))) out += TRY(without_others(std::move(frame), *image));
    return out;
}

Result<void> Transfer::expire() {
    {
        // An upload that its client left alone keeps garbage collection from running; it opens again when asked for.
        std::lock_guard lock(mutex_);
        std::erase_if(open_, [&](const auto& item) {
            const Open& open = item.second;
            return open.target.use_count() <= 1 && clock_.steady() - open.used > idle_limit;
        });
    }
    const auto old = TRY(
        database_.read([&](db::Tx& tx) { return store::uploads_before(tx, clock_.now() - std::chrono::hours{24}); }));
    for (const std::string& id : old) {
        {
            std::lock_guard lock(mutex_);
            open_.erase(id);
        }
        TRY(TRY(catalog_.own_store())->chunks->abandon(id));
        // A crash may have come between the files of its record and the record.
        if (const auto row = TRY(database_.read([&](db::Tx& tx) { return store::upload(tx, id); }))) {
            const auto request = TRY(json::read<BeginUpload>(row->request));
            TRY(catalog_.withdraw(request.catalog_id, request.version, request.architecture));
        }
        TRY(database_.write([&](db::Tx& tx) { store::remove_upload(tx, id); }));
    }
    return {};
}

}  // namespace corral::catalog
