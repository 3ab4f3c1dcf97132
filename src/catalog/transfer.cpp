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
    auto& slot = open_[id];
    if (!slot) {
        auto opened = TRY(catalog_.own_store())->chunks->upload(id);
        if (!opened) {
            open_.erase(id);
            return std::move(opened).error();
        }
        slot = std::move(*opened);
    }
    return slot;
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
    Manifest m;
    {
        const auto open = TRY(target(who, id));
        m.digest = TRY(open->commit(image));
    }
    {
        std::lock_guard lock(mutex_);
        open_.erase(id);
    }
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
    m = TRY(catalog_.publish(std::move(m)));
    TRY(database_.write([&](db::Tx& tx) { store::finish_upload(tx, id, m.id); }));
    return Service::shown(std::move(m), true);
}

Result<std::string> Transfer::image_index(const Caller& who, const std::string& id) {
    const Manifest m = TRY(catalog_.visible(who, id));
    if (m.revoked) return Error{Errc::forbidden, "Manifest is revoked"};
    if (m.tainted) return Error{Errc::invalid, "Manifest is tainted"};
    return TRY(catalog_.store_of(m))->chunks->image_index(m.digest);
}

Result<std::string> Transfer::segment(const Caller& who, const std::string& id, const std::string& digest) {
    const Manifest m = TRY(catalog_.visible(who, id));
    return TRY(catalog_.store_of(m))->chunks->segment(digest);
}

Result<std::string> Transfer::read_frames(const Caller& who, const std::string& id, const std::string& body) {
    const Manifest m = TRY(catalog_.visible(who, id));
    std::string out;
    for (const std::string& frame : TRY(TRY(catalog_.store_of(m))->chunks->frames(TRY(decode_ids(body))))) out += frame;
    return out;
}

Result<void> Transfer::expire() {
    const auto old = TRY(
        database_.read([&](db::Tx& tx) { return store::uploads_before(tx, clock_.now() - std::chrono::hours{24}); }));
    for (const std::string& id : old) {
        {
            std::lock_guard lock(mutex_);
            open_.erase(id);
        }
        TRY(TRY(catalog_.own_store())->chunks->abandon(id));
        TRY(database_.write([&](db::Tx& tx) { store::remove_upload(tx, id); }));
    }
    return {};
}

}  // namespace corral::catalog
