#include "catalog/chunks/format.hpp"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <set>

namespace corral::catalog::chunks {

namespace {

constexpr std::string_view frame_magic = "CRFR";
constexpr std::string_view pack_magic = "CRPK";
constexpr std::string_view pack_end_magic = "CRPE";
constexpr std::string_view segment_magic = "CRSG";
constexpr std::size_t frame_fixed_bytes = 20;  // magic 4, version 1, count 1, kind 2, stored 4, checksum 8
constexpr std::size_t frame_chunk_bytes = 36;  // size 4, id 32

template <class T>
void put(std::string& out, T value) {  // x86-64 and arm64 are little-endian
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T take(std::string_view& in) {
    T value{};
    std::memcpy(&value, in.data(), sizeof value);
    in.remove_prefix(sizeof value);
    return value;
}

ChunkId take_id(std::string_view& in) {
    ChunkId id{};
    std::memcpy(id.data(), in.data(), id.size());
    in.remove_prefix(id.size());
    return id;
}

void put_id(std::string& out, const ChunkId& id) { out.append(reinterpret_cast<const char*>(id.data()), id.size()); }

Error broken(std::string what) { return Error{Errc::invalid, std::move(what)}; }

// zstd contexts are expensive to make: one a thread.
ZSTD_CCtx* compressor() {
    thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> c(ZSTD_createCCtx(), ZSTD_freeCCtx);
    return c.get();
}
ZSTD_DCtx* decompressor() {
    thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> d(ZSTD_createDCtx(), ZSTD_freeDCtx);
    return d.get();
}

}  // namespace

ChunkId id_of(std::string_view raw) { return crypto::sha256(raw); }
std::string to_hex(const ChunkId& id) { return crypto::to_hex(id); }
std::string digest_of(std::string_view object) { return crypto::to_hex(crypto::sha256(object)); }

std::size_t FrameHead::head_bytes() const { return frame_fixed_bytes + ids.size() * frame_chunk_bytes; }

std::string encode_frame(const std::vector<RawChunk>& chunks, int level) {
    std::string raw;
    raw.reserve(chunks.size() * chunk_size);
    std::string ids;
    for (const auto& chunk : chunks) {
        raw += chunk.bytes;
        put(ids, static_cast<std::uint32_t>(chunk.bytes.size()));
        put_id(ids, chunk.id);
    }
    std::size_t made = 0;
    std::string stored;
    stored.resize_and_overwrite(ZSTD_compressBound(raw.size()), [&](char* to, std::size_t room) {
        made = ZSTD_compressCCtx(compressor(), to, room, raw.data(), raw.size(), level);
        return ZSTD_isError(made) != 0 ? 0 : made;
    });
    if (ZSTD_isError(made) != 0) throw std::bad_alloc();  // with that much room nothing else can fail
    std::string out;
    out.reserve(frame_fixed_bytes + ids.size() + stored.size());
    out += frame_magic;
    put<std::uint8_t>(out, 1);
    put(out, static_cast<std::uint8_t>(chunks.size()));
    put<std::uint16_t>(out, 0);  // kind 0: whole chunks; 1 is kept for patches
    put(out, static_cast<std::uint32_t>(stored.size()));
    put<std::uint64_t>(out, XXH3_64bits(stored.data(), stored.size()));
    return out.append(ids).append(stored);
}

Result<FrameHead> read_frame_head(std::string_view bytes) {
    const std::size_t have = bytes.size();
    if (have < frame_fixed_bytes || !bytes.starts_with(frame_magic)) return broken("This is not a frame");
    bytes.remove_prefix(frame_magic.size());
    if (take<std::uint8_t>(bytes) != 1) return broken("The frame has an unknown version");
    const auto count = take<std::uint8_t>(bytes);
    if (take<std::uint16_t>(bytes) != 0) return broken("The frame is of an unknown kind");
    FrameHead head;
    head.stored = take<std::uint32_t>(bytes);
    head.checksum = take<std::uint64_t>(bytes);
    if (count == 0 || count > chunks_per_frame || bytes.size() < count * frame_chunk_bytes)
        return broken("The frame's head is damaged");
    for (int i = 0; i < count; ++i) {
        head.sizes.push_back(take<std::uint32_t>(bytes));
        if (head.sizes.back() == 0 || head.sizes.back() > chunk_size) return broken("The frame's head is damaged");
        head.ids.push_back(take_id(bytes));
    }
    if (have < head.total_bytes()) return broken("The frame is cut off");
    return head;
}

Result<FrameHead> check_frame(std::string_view bytes) {
    FrameHead head = TRY(read_frame_head(bytes));
    const std::string_view stored = bytes.substr(head.head_bytes(), head.stored);
    if (XXH3_64bits(stored.data(), stored.size()) != head.checksum)
        return broken("The frame's stored bytes are damaged");
    std::uint64_t expected = 0;
    for (const auto size : head.sizes) expected += size;
    if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != expected)
        return broken("The frame's head is damaged");
    return head;
}

Result<Unpacked> unpack_frame(std::string_view bytes) {
    Unpacked out{.head = TRY(check_frame(bytes)), .raw = {}};
    const std::string_view stored = bytes.substr(out.head.head_bytes(), out.head.stored);
    std::size_t expected = 0;
    for (const auto size : out.head.sizes) expected += size;
    bool whole = false;
    // libstdc++ 12 passes the room there is, which can be more than was asked for.
    out.raw.resize_and_overwrite(expected, [&](char* to, std::size_t) {
        const std::size_t got = ZSTD_decompressDCtx(decompressor(), to, expected, stored.data(), stored.size());
        whole = got == expected;  // an error is a number no frame can have
        return whole ? expected : 0;
    });
    if (!whole) return broken("The frame cannot be decompressed");
    return out;
}

std::string_view Unpacked::chunk(std::size_t place) const {
    std::size_t at = 0;
    for (std::size_t before = 0; before < place; ++before) at += head.sizes[before];
    return std::string_view(raw).substr(at, head.sizes[place]);
}

Result<Unpacked> verify_frame(std::string_view bytes) {
    Unpacked out = TRY(unpack_frame(bytes));
    for (std::size_t i = 0; i < out.head.ids.size(); ++i)
        if (id_of(out.chunk(i)) != out.head.ids[i])
            return broken("Chunk " + to_hex(out.head.ids[i]) + " has other bytes than its id says");
    return out;
}

Result<std::vector<std::string>> decode_frame(std::string_view bytes) {
    const Unpacked frame = TRY(verify_frame(bytes));
    std::vector<std::string> out;
    for (std::size_t i = 0; i < frame.head.ids.size(); ++i) out.emplace_back(frame.chunk(i));
    return out;
}

std::string pack_head() {
    std::string out(pack_magic);
    put<std::uint32_t>(out, 1);
    return out;
}

std::string pack_tail(const std::vector<PackEntry>& entries, std::uint64_t index_offset) {
    std::string out;
    for (const PackEntry& e : entries) {
        put(out, e.offset);
        put(out, e.bytes);
        put(out, static_cast<std::uint32_t>(e.ids.size()));
        for (const auto& id : e.ids) put_id(out, id);
    }
    const auto index_bytes = static_cast<std::uint32_t>(out.size());
    const std::uint64_t checksum = XXH3_64bits(out.data(), out.size());
    put(out, index_offset);
    put(out, index_bytes);
    put(out, checksum);
    return out + std::string(pack_end_magic);
}

Result<PackFooter> read_pack_footer(std::string_view last) {
    if (last.size() != pack_footer_bytes || !last.ends_with(pack_end_magic)) return broken("The pack has no footer");
    PackFooter footer;
    footer.index_offset = take<std::uint64_t>(last);
    footer.index_bytes = take<std::uint32_t>(last);
    footer.checksum = take<std::uint64_t>(last);
    return footer;
}

Result<std::vector<PackEntry>> read_pack_index(std::string_view index, const PackFooter& footer) {
    if (XXH3_64bits(index.data(), index.size()) != footer.checksum) return broken("The pack's index is damaged");
    std::vector<PackEntry> out;
    while (!index.empty()) {
        if (index.size() < 16) return broken("The pack's index is damaged");
        PackEntry e;
        e.offset = take<std::uint64_t>(index);
        e.bytes = take<std::uint32_t>(index);
        const auto count = take<std::uint32_t>(index);
        if (count > chunks_per_frame || index.size() < count * sizeof(ChunkId))
            return broken("The pack's index is damaged");
        for (std::uint32_t i = 0; i < count; ++i) e.ids.push_back(take_id(index));
        out.push_back(std::move(e));
    }
    return out;
}

std::string encode_segment(const Segment& segment) {
    std::string out(segment_magic);
    put<std::uint32_t>(out, 1);
    put(out, static_cast<std::uint32_t>(segment.places.size()));
    for (const auto& place : segment.places) {
        put(out, place.index);
        put_id(out, place.id);
    }
    return out;
}

Result<Segment> decode_segment(std::string_view bytes) {
    if (bytes.size() < 12 || !bytes.starts_with(segment_magic)) return broken("This is not a segment");
    bytes.remove_prefix(segment_magic.size());
    if (take<std::uint32_t>(bytes) != 1) return broken("The segment has an unknown version");
    const auto count = take<std::uint32_t>(bytes);
    if (count > chunks_per_segment || bytes.size() != count * (4 + sizeof(ChunkId)))
        return broken("The segment is damaged");
    Segment out;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto index = take<std::uint32_t>(bytes);
        if (index >= chunks_per_segment || (!out.places.empty() && out.places.back().index >= index))
            return broken("The segment is damaged");
        out.places.push_back({index, take_id(bytes)});
    }
    return out;
}

std::string encode_index(const ImageIndex& index) { return json::write(index); }

namespace {

bool safe_path(std::string_view path) {
    if (path.empty() || path.front() == '/' || path.back() == '/' || path.find('\0') != std::string_view::npos)
        return false;
    while (!path.empty()) {
        const auto end = std::min(path.find('/'), path.size());
        const auto part = path.substr(0, end);
        if (part.empty() || part == "." || part == "..") return false;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return true;
}

}  // namespace

Result<ImageIndex> decode_index(std::string_view bytes) {
    ImageIndex index = TRY(json::read<ImageIndex>(bytes));
    if (index.format != "corral-image" || index.version != image_version)
        return broken("The image index has another format or version");
    if (index.entries.empty()) return broken("The image index names no file");
    std::set<std::string_view> paths;
    for (const Entry& entry : index.entries) {
        if (!safe_path(entry.path) || (entry.kind != "disk" && entry.kind != "file") ||
            !paths.insert(entry.path).second)
            return broken("The image index names a file it may not: " + entry.path);
        std::int64_t last = -1;
        for (const SegmentRef& ref : entry.segments) {
            const std::uint64_t begin = static_cast<std::uint64_t>(ref.index) * chunks_per_segment * chunk_size;
            if (ref.digest.size() != 64 || std::int64_t{ref.index} <= last || begin >= entry.size)
                return broken("The image index has a damaged segment list");
            last = ref.index;
        }
    }
    return index;
}

}  // namespace corral::catalog::chunks
