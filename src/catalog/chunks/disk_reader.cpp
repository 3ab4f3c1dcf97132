#include "catalog/chunks/disk_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "platform/crypto/crypto.hpp"
#include "platform/json/json.hpp"
#include "platform/process/process.hpp"

namespace corral::catalog::chunks {

namespace {

// One line of `qemu-img map --output=json` (qemu-img(1)).
struct MapEntry {
    std::uint64_t start = 0, length = 0;
    std::int64_t depth = 0;
    bool zero = false, data = false;
    std::optional<std::uint64_t> offset;
};
constexpr auto json_object(const MapEntry*) {
    return json::object("MapEntry", json::field("start", &MapEntry::start), json::field("length", &MapEntry::length),
                        json::field("depth", &MapEntry::depth), json::field("zero", &MapEntry::zero),
                        json::field("data", &MapEntry::data), json::field("offset", &MapEntry::offset));
}

Result<std::string> qemu_img(std::vector<std::string> arguments, std::chrono::minutes limit) {
    arguments.insert(arguments.begin(), "qemu-img");
    auto outcome = TRY(process::run({.argv = std::move(arguments), .time_limit = limit}));
    if (outcome.exit_code != 0)
        return Error{Errc::invalid, "The disk image cannot be read by qemu-img", outcome.err.substr(0, 2000)};
    return std::move(outcome.out);
}

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t out = 0;
    for (const char c : bytes) out = out << 8U | static_cast<unsigned char>(c);
    return out;
}

// docs/interop/qcow2.txt of QEMU: bytes 8-15 backing_file_offset; from version 3 on bytes 72-79 incompatible_features,
// whose bit 2 says that the clusters stand in an external data file.
Result<bool> names_other_files(const files::Descriptor& file, std::uint64_t size) {
    constexpr std::size_t version_2_header = 72;
    constexpr std::size_t features_end = 80;
    std::string header(static_cast<std::size_t>(std::min<std::uint64_t>(size, features_end)), '\0');
    TRY(files::pread_all(file.get(), header.data(), header.size(), 0));
    if (header.size() < version_2_header) return Error{Errc::invalid, "The disk image is cut off"};
    const std::string_view h = header;
    if (big_endian(h.substr(8, 8)) != 0) return true;
    return big_endian(h.substr(4, 4)) >= 3 && (big_endian(h.substr(version_2_header)) & 4U) != 0;
}

}  // namespace

DiskReader::~DiskReader() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<std::unique_ptr<DiskReader>> DiskReader::open(const std::string& path, const std::string& work_folder,
                                                     OtherFiles others) {
    std::unique_ptr<DiskReader> reader(new DiskReader);
    char magic[4] = {};
    const auto file = TRY(files::open_read(path));
    const auto size = TRY(files::size_of(path));
    if (size >= sizeof magic) TRY(files::pread_all(file.get(), magic, sizeof magic, 0));
    if (std::memcmp(magic, "QFI\xfb", 4) != 0) {
        TRY(reader->open_raw(path));
        return reader;
    }
    if (others == OtherFiles::refuse && TRY(names_other_files(file, size)))
        return Error{
            Errc::invalid,
            "This disk image stands on another file; flatten it with `qemu-img convert`, or use `corral push`"};
    if (TRY(reader->map_qcow2(path))) {
        reader->file_ = TRY(files::open_read(path));
        return reader;
    }
    reader->temporary_ = work_folder + "/convert-" + crypto::random_id().substr(0, 16) + ".raw";
    TRY(qemu_img({"convert", "-f", "qcow2", "-O", "raw", "-W", "-m", "8", path, reader->temporary_},
                 std::chrono::minutes{60}));
    TRY(reader->open_raw(reader->temporary_));
    return reader;
}

Result<void> DiskReader::open_raw(const std::string& path) {
    file_ = TRY(files::open_read(path));
    size_ = TRY(files::size_of(path));
    extents_.clear();
    for (const auto& region : TRY(files::data_regions(file_.get())))
        extents_.push_back({region.offset, region.length, region.offset});
    return {};
}

Result<bool> DiskReader::map_qcow2(const std::string& path) {
    const std::string text = TRY(qemu_img({"map", "-f", "qcow2", "--output=json", path}, std::chrono::minutes{10}));
    const auto entries = TRY(json::read<std::vector<MapEntry>>(text));
    for (const MapEntry& entry : entries) {
        size_ = std::max(size_, entry.start + entry.length);
        if (entry.zero || !entry.data) continue;
        // Compressed clusters have no offset; data of a backing file stands in another file.
        if (!entry.offset || entry.depth != 0) return false;
        extents_.push_back({entry.start, entry.length, *entry.offset});
    }
    return true;
}

bool DiskReader::has_data(std::uint64_t offset, std::uint64_t length) const {
    auto it = std::ranges::upper_bound(extents_, offset, {}, &Extent::guest);
    if (it != extents_.begin()) {
        const Extent& before = *std::prev(it);
        if (before.guest + before.length > offset) return true;
    }
    return it != extents_.end() && it->guest < offset + length;
}

Result<void> DiskReader::read(std::uint64_t offset, char* to, std::size_t length) const {
    std::memset(to, 0, length);
    const std::uint64_t end = offset + length;
    auto it = std::ranges::upper_bound(extents_, offset, {}, &Extent::guest);
    if (it != extents_.begin()) --it;
    for (; it != extents_.end() && it->guest < end; ++it) {
        const std::uint64_t from = std::max(it->guest, offset);
        const std::uint64_t until = std::min(it->guest + it->length, end);
        if (from >= until) continue;
        TRY(files::pread_all(file_.get(), to + (from - offset), static_cast<std::size_t>(until - from),
                             it->file + (from - it->guest)));
    }
    return {};
}

}  // namespace corral::catalog::chunks
