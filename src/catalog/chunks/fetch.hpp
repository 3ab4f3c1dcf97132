// Brings an image out of a source into a folder: sparse files, every chunk checked, resumable after a kill.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "catalog/chunks/transfer.hpp"

namespace corral::catalog::chunks {

struct FetchOptions {
    int threads = 2;
    std::stop_token cancel;
    // Raw bytes written or found, of all; from any worker thread, must be quick.
    std::function<void(std::uint64_t done, std::uint64_t all)> progress;
};

struct FetchOutcome {
    std::uint64_t size = 0;            // of all files
    std::uint64_t data_bytes = 0;      // of chunks
    std::uint64_t fetched_chunks = 0;  // the rest was found from an earlier try
    std::uint64_t found_chunks = 0;
};

// Makes `folder` with the image's files; it appears whole, under its name, or not at all: until then the work stands in
// `folder`.partial, where a later try finds it. Fine when `folder` is there already.
Result<FetchOutcome> fetch(const std::string& digest, ChunkSource& source, const std::string& folder,
                           const FetchOptions& options);

}  // namespace corral::catalog::chunks
