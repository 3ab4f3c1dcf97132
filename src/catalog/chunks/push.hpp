// Cuts a disk image, or a folder of files, into chunks and brings what is missing to a target.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "catalog/chunks/disk_reader.hpp"
#include "catalog/chunks/transfer.hpp"

namespace corral::catalog::chunks {

struct PushOptions {
    int threads = 2;
    std::string work_folder;  // for conversions
    OtherFiles others = OtherFiles::follow;
    std::stop_token cancel;
    // Raw bytes looked at so far, of all; from any worker thread, must be quick.
    std::function<void(std::uint64_t done, std::uint64_t all)> progress;
};

struct PushOutcome {
    std::string digest;
    std::uint64_t size = 0;        // of all files, as the guest sees them
    std::uint64_t data_bytes = 0;  // that are not zeros
    std::uint64_t sent_bytes = 0;  // stored form of what the target lacked
    std::uint64_t chunks = 0, sent_chunks = 0, frames = 0;
};

// `path`: a disk image (raw or qcow2) becomes one entry "disk.raw"; a folder becomes an entry per regular file, its
// disk images (*.raw, *.qcow2, *.img) as disks. Errc::timeout when cancelled. What was uploaded stays for the next try.
Result<PushOutcome> push(const std::string& path, ChunkTarget& target, const PushOptions& options);

}  // namespace corral::catalog::chunks
