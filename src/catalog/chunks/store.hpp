// The content-addressed chunk store over any Storage: packs, segments and image indexes below one prefix.
// Thread-safe. Nothing is visible before its image index is written, which happens last.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "catalog/chunks/transfer.hpp"
#include "catalog/storage.hpp"
#include "platform/files/files.hpp"

namespace corral::catalog::chunks {

struct Collected {
    std::size_t images = 0, segments = 0, packs = 0, rewritten = 0;
    std::uint64_t bytes = 0;  // given back
};

class ChunkStore final : public ChunkSource {
public:
    // `storage` outlives the store. `work_folder` keeps uploads until they are committed; it survives restarts.
    static Result<std::unique_ptr<ChunkStore>> open(Storage& storage, const std::string& work_folder);

    // An upload that survives a crash: opening the same session again finds the frames that arrived.
    // One target object a session at a time, and none while garbage is collected (Errc::busy).
    Result<std::unique_ptr<ChunkTarget>> upload(const std::string& session);
    Result<void> abandon(const std::string& session);

    Result<std::string> image_index(const std::string& digest) override;
    Result<std::string> segment(const std::string& digest) override;
    Result<std::vector<std::string>> frames(const std::vector<ChunkId>& ids) override;
    Result<bool> has_image(const std::string& digest);
    [[nodiscard]] std::vector<bool> missing(const std::vector<ChunkId>& ids) const;
    [[nodiscard]] std::size_t chunk_count() const;

    // Removes what no image of `live` needs. Errc::busy while uploads are open.
    Result<Collected> collect_garbage(const std::set<std::string>& live);

private:
    friend class UploadSession;
    static constexpr const char* collecting = "";  // stands among the open sessions while garbage is collected
    struct Location {
        std::uint32_t pack = 0;
        std::uint32_t frame_bytes = 0;
        std::uint64_t offset = 0;
    };
    struct Part {  // a frame to read
        std::string key;
        std::uint64_t offset = 0;
        std::uint32_t bytes = 0;
        std::vector<ChunkId> wanted;  // of the chunks in it
        bool operator==(const Part&) const = default;
    };
    ChunkStore(Storage& storage, std::string work_folder) : storage_(storage), work_folder_(std::move(work_folder)) {}
    Result<void> load();
    static bool may_pass(const Error& error);  // the storage's trouble of the moment: worth another try
    [[nodiscard]] Result<std::vector<Part>> parts_of(const std::vector<ChunkId>& ids) const;
    Result<std::vector<std::string>> read_parts(const std::vector<Part>& parts);
    Result<std::string> checked_frame(const Part& part, std::string_view bytes) const;
    static std::string new_pack_key();
    Result<std::vector<PackEntry>> read_index_of(const std::string& key, std::uint64_t size);
    enum class Known { kept, replaced };  // the place of a chunk that is known already
    void add_pack(const std::string& key, const std::vector<PackEntry>& entries, Known known = Known::kept);
    void forget_pack(const std::string& key, const std::vector<PackEntry>& entries);
    Result<std::string> commit(const FinishedImage& image,
                               const std::vector<std::pair<std::string, std::vector<PackEntry>>>& packs);
    Result<void> check_complete(const FinishedImage& image);
    Result<std::string> object(const std::string& kind, const std::string& digest);
    Result<void> rewrite_pack(const std::string& key, std::uint64_t size, const std::set<ChunkId>& live,
                              Collected& out);
    [[nodiscard]] std::vector<PackEntry> needed_of(const std::string& key, const std::vector<PackEntry>& entries,
                                                   const std::set<ChunkId>& live) const;
    Result<void> move_frames(const std::string& key, const std::vector<PackEntry>& alive, Collected& out);
    Result<std::set<ChunkId>> live_chunks(const std::set<std::string>& images, std::set<std::string>& segments);
    void close_session(const std::string& session);

    Storage& storage_;
    std::string work_folder_;
    mutable std::shared_mutex mutex_;  // guards what follows
    std::vector<std::string> packs_;   // keys; "" when removed
    std::unordered_map<ChunkId, Location, ChunkIdHash> chunks_;
    std::set<std::string> open_sessions_;
};

}  // namespace corral::catalog::chunks
