// Where chunks go to and come from: the local store, or another Corral over HTTP. Implementations are thread-safe.
#pragma once

#include <string>
#include <vector>

#include "catalog/chunks/format.hpp"

namespace corral::catalog::chunks {

struct FinishedImage {
    std::string index;                  // encoded image index
    std::vector<std::string> segments;  // encoded segments that the target may lack
};

class ChunkTarget {
public:
    virtual ~ChunkTarget() = default;
    // Which of these are not there yet (in the same order).
    virtual Result<std::vector<bool>> missing(const std::vector<ChunkId>& ids) = 0;
    virtual Result<void> upload(const std::string& frame) = 0;
    // Makes the image visible, or nothing; its digest.
    virtual Result<std::string> commit(const FinishedImage& image) = 0;
};

class ChunkSource {
public:
    virtual ~ChunkSource() = default;
    virtual Result<std::string> image_index(const std::string& digest) = 0;
    virtual Result<std::string> segment(const std::string& digest) = 0;
    // Frames that together hold these chunks, each frame once.
    virtual Result<std::vector<std::string>> frames(const std::vector<ChunkId>& ids) = 0;
};

}  // namespace corral::catalog::chunks
