// Raw bytes of a disk image file by guest offset, whatever its format, with its holes known.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/files/files.hpp"

namespace corral::catalog::chunks {

// What to do with a qcow2 image that names other files to read from (a backing file, an external data file). Somebody
// who may name an image must not reach any file of this host through it.
enum class OtherFiles { follow, refuse };

// Immutable once open; read() may be called from several threads.
class DiskReader {
public:
    // Raw files are read as they are. qcow2 (told by its magic) is read through `qemu-img map` where its clusters are
    // plain, else converted into `work_folder` first (the copy goes with the reader). Errc::invalid for an image that
    // stands on other files when those are refused.
    static Result<std::unique_ptr<DiskReader>> open(const std::string& path, const std::string& work_folder,
                                                    OtherFiles others = OtherFiles::follow);
    ~DiskReader();

    [[nodiscard]] std::uint64_t size() const { return size_; }  // of the guest's disk
    // May [offset, offset+length) hold data? false: it reads as zeros.
    [[nodiscard]] bool has_data(std::uint64_t offset, std::uint64_t length) const;
    Result<void> read(std::uint64_t offset, char* to, std::size_t length) const;

private:
    struct Extent {
        std::uint64_t guest = 0, length = 0, file = 0;  // rising by guest
    };
    DiskReader() = default;
    Result<bool> map_qcow2(const std::string& path);  // false: it has clusters without a plain place
    Result<void> open_raw(const std::string& path);

    files::Descriptor file_;
    std::string temporary_;
    std::uint64_t size_ = 0;
    std::vector<Extent> extents_;
};

}  // namespace corral::catalog::chunks
