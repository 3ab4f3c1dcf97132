// Bytes of the chunk store: chunk ids, frames, packs, segments and image indexes. docs/formats draws them.
// Free functions on values; any thread. All numbers are little-endian.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/json/json.hpp"

namespace corral::catalog::chunks {

constexpr std::size_t chunk_size = 64U << 10;  // raw bytes, at multiples of it in the guest's disk
constexpr std::size_t chunks_per_frame = 4;
constexpr std::size_t chunks_per_segment = 1024;  // 64 MiB of guest
constexpr std::uint64_t pack_limit = 64U << 20;   // stored bytes
constexpr int image_version = 1;

using ChunkId = crypto::Sha256;  // of the raw bytes
struct ChunkIdHash {
    std::size_t operator()(const ChunkId& id) const noexcept {  // ids are uniform already
        std::size_t out = 0;
        std::memcpy(&out, id.data(), sizeof out);
        return out;
    }
};
ChunkId id_of(std::string_view raw);
std::string to_hex(const ChunkId&);

struct RawChunk {
    ChunkId id{};
    std::string_view bytes;
};

// ---- frames: 1 to 4 chunks in one zstd frame, with what they are in front
struct FrameHead {
    std::vector<ChunkId> ids;
    std::vector<std::uint32_t> sizes;  // raw bytes of each chunk
    std::uint32_t stored = 0;          // compressed bytes behind the head
    std::uint64_t checksum = 0;        // XXH3-64 of those
    [[nodiscard]] std::size_t head_bytes() const;
    [[nodiscard]] std::size_t total_bytes() const { return head_bytes() + stored; }
};
std::string encode_frame(const std::vector<RawChunk>& chunks, int level);
// Reads the head at the front of `bytes`. Errc::invalid when it is none, or `bytes` ends before the frame does.
Result<FrameHead> read_frame_head(std::string_view bytes);
// The head, when it and the stored bytes agree; the chunks inside are not looked at, which makes it cheap.
// Errc::invalid.
Result<FrameHead> check_frame(std::string_view bytes);
struct Unpacked {
    FrameHead head;
    std::string raw;                                                // of all chunks, in the order of head.ids
    [[nodiscard]] std::string_view chunk(std::size_t place) const;  // stands in `raw`
};
// Not compared with the ids: whoever uses a chunk does that. Errc::invalid.
Result<Unpacked> unpack_frame(std::string_view bytes);
// The same with each chunk checked against its id. Errc::invalid names what is wrong.
Result<Unpacked> verify_frame(std::string_view bytes);
// The chunks of a verified frame, each by itself.
Result<std::vector<std::string>> decode_frame(std::string_view bytes);

// ---- packs: frames, then an index, then a footer
struct PackEntry {
    std::uint64_t offset = 0;  // of the frame in the pack
    std::uint32_t bytes = 0;   // of the whole frame
    std::vector<ChunkId> ids;
};
constexpr std::size_t pack_head_bytes = 8;
constexpr std::size_t pack_footer_bytes = 24;
std::string pack_head();
std::string pack_tail(const std::vector<PackEntry>& entries, std::uint64_t index_offset);  // index and footer
struct PackFooter {
    std::uint64_t index_offset = 0;
    std::uint32_t index_bytes = 0;
    std::uint64_t checksum = 0;
};
Result<PackFooter> read_pack_footer(std::string_view last_bytes);
Result<std::vector<PackEntry>> read_pack_index(std::string_view index, const PackFooter& footer);

// ---- segments: which chunk stands where in 64 MiB of a file; absent ones are zeros
struct Segment {
    struct Place {
        std::uint32_t index = 0;  // of the chunk within the segment
        ChunkId id{};
    };
    std::vector<Place> places;  // rising
};
std::string encode_segment(const Segment&);
Result<Segment> decode_segment(std::string_view bytes);
std::string digest_of(std::string_view object);  // hex SHA-256: the name of a segment or an image

// ---- image index: the list of files with their segments; its digest names the image
struct SegmentRef {
    std::uint32_t index = 0;  // n-th 64 MiB of the file
    std::string digest;
};
constexpr auto json_object(const SegmentRef*) {
    return json::object("SegmentRef", json::field("index", &SegmentRef::index),
                        json::field("digest", &SegmentRef::digest));
}
struct Entry {
    std::string path;           // relative, '/' between parts
    std::string kind = "disk";  // "disk" or "file"
    std::uint32_t mode = 0600;
    std::uint64_t size = 0;  // bytes
    std::vector<SegmentRef> segments;
};
constexpr auto json_object(const Entry*) {
    return json::object("ImageEntry", json::field("path", &Entry::path), json::field("kind", &Entry::kind),
                        json::field("mode", &Entry::mode), json::field("size", &Entry::size),
                        json::field("segments", &Entry::segments));
}
struct ImageIndex {
    std::string format = "corral-image";
    int version = image_version;
    std::vector<Entry> entries;
};
constexpr auto json_object(const ImageIndex*) {
    return json::object("ImageIndex", json::field("format", &ImageIndex::format),
                        json::field("version", &ImageIndex::version), json::field("entries", &ImageIndex::entries));
}
std::string encode_index(const ImageIndex&);
// Checks format, version, paths (relative, no "..", each once) and order. Errc::invalid otherwise.
Result<ImageIndex> decode_index(std::string_view bytes);

}  // namespace corral::catalog::chunks
