// What images are made of: the segments and chunks that may be handed out to who may see a record. Thread-safe.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "catalog/chunks/transfer.hpp"

namespace corral::catalog {

class ImageContents {
public:
    struct Contents {
        std::vector<std::string> segments;    // digests, sorted
        std::vector<chunks::ChunkId> chunks;  // sorted, each once
        [[nodiscard]] bool has_segment(const std::string& digest) const;
        [[nodiscard]] bool has_chunk(const chunks::ChunkId& id) const;
    };
    // Read from the store when it is not among those used lately. An image cannot change: its name is its digest.
    Result<std::shared_ptr<const Contents>> of(const std::string& digest, chunks::ChunkSource& store);

private:
    using Kept = std::pair<std::string, std::shared_ptr<const Contents>>;
    std::mutex mutex_;      // guards what follows
    std::list<Kept> kept_;  // used last in front
    std::size_t chunks_kept_ = 0;
};

}  // namespace corral::catalog
