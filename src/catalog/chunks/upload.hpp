// One upload in progress: frames are checked and appended to pack files in its folder. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "catalog/chunks/store.hpp"

namespace corral::catalog::chunks {

class UploadSession final : public ChunkTarget {
public:
    static Result<std::unique_ptr<UploadSession>> open(ChunkStore& store, std::string session, std::string folder);
    ~UploadSession() override;

    Result<std::vector<bool>> missing(const std::vector<ChunkId>& ids) override;
    Result<void> upload(const std::string& frame) override;
    Result<std::string> commit(const FinishedImage& image) override;

private:
    struct Pack {
        std::string path;
        files::Descriptor file;
        std::uint64_t bytes = 0;
        std::vector<PackEntry> entries;
    };
    UploadSession(ChunkStore& store, std::string session, std::string folder)
        : store_(store), session_(std::move(session)), folder_(std::move(folder)) {}
    Result<void> recover();
    Result<void> recover_pack(const std::string& path);
    [[nodiscard]] std::string free_name() const;
    Result<Pack*> pack_with_room(std::size_t bytes);
    Result<std::string> seal_and_commit(const FinishedImage& image);

    ChunkStore& store_;
    std::string session_, folder_;
    std::mutex mutex_;  // guards what follows
    std::vector<Pack> packs_;
    std::unordered_set<ChunkId, ChunkIdHash> here_;
};

}  // namespace corral::catalog::chunks
