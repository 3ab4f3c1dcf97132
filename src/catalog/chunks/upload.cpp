#include "catalog/chunks/upload.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace corral::catalog::chunks {

namespace fs = std::filesystem;

Result<std::unique_ptr<UploadSession>> UploadSession::open(ChunkStore& store, std::string session, std::string folder) {
    TRY(files::make_folders(folder, 0700));
    std::unique_ptr<UploadSession> out(new UploadSession(store, std::move(session), std::move(folder)));
    TRY(out->recover());
    return out;
}

UploadSession::~UploadSession() { store_.close_session(session_); }

Result<void> UploadSession::recover() {
    std::error_code error;
    std::vector<std::string> found;
    for (const auto& file : fs::directory_iterator(folder_, error)) found.push_back(file.path().string());
    if (error) return system_error(error.value(), "list " + folder_);
    std::ranges::sort(found);
    for (const auto& path : found)
        if (path.ends_with(".pack")) TRY(recover_pack(path));
    return {};
}

// Keeps the frames that are whole; a torn one at the end is cut off.
Result<void> UploadSession::recover_pack(const std::string& path) {
    Pack pack{.path = path, .file = TRY(files::open_write(path, false, 0600)), .bytes = 0, .entries = {}};
    const std::string bytes = TRY(files::read_file(path, 2 * pack_limit));
    std::string_view rest = bytes;
    if (rest.starts_with(pack_head())) {
        pack.bytes = pack_head_bytes;
        rest.remove_prefix(pack_head_bytes);
        for (;;) {
            const auto head = read_frame_head(rest);
            if (!head || !verify_frame(rest.substr(0, head->total_bytes()))) break;
            pack.entries.push_back({pack.bytes, static_cast<std::uint32_t>(head->total_bytes()), head->ids});
            here_.insert(head->ids.begin(), head->ids.end());
            pack.bytes += head->total_bytes();
            rest.remove_prefix(head->total_bytes());
        }
    }
    if (::ftruncate(pack.file.get(), static_cast<off_t>(pack.bytes)) != 0)
        return system_error(errno, "truncate " + path);
    if (pack.bytes == 0) {
        TRY(files::pwrite_all(pack.file.get(), pack_head().data(), pack_head_bytes, 0));
        pack.bytes = pack_head_bytes;
    }
    packs_.push_back(std::move(pack));
    return {};
}

Result<std::vector<bool>> UploadSession::missing(const std::vector<ChunkId>& ids) {
    std::vector<bool> out = store_.missing(ids);
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (out[i] && here_.contains(ids[i])) out[i] = false;
    return out;
}

// Of earlier packs some may have gone into the store already, so their number says nothing.
std::string UploadSession::free_name() const {
    for (std::size_t number = 1'000'000;; ++number) {
        std::string path = folder_ + "/" + std::to_string(number) + ".pack";
        if (!files::exists(path)) return path;
    }
}

Result<UploadSession::Pack*> UploadSession::pack_with_room(std::size_t bytes) {
    if (packs_.empty() || packs_.back().bytes + bytes > pack_limit) {
        Pack pack{.path = free_name(), .file = {}, .bytes = 0, .entries = {}};
        pack.file = TRY(files::open_write(pack.path, true, 0600));
        const std::string head = pack_head();
        TRY(files::pwrite_all(pack.file.get(), head.data(), head.size(), 0));
        pack.bytes = head.size();
        packs_.push_back(std::move(pack));
    }
    return &packs_.back();
}

Result<void> UploadSession::upload(const std::string& frame) {
    // A client must not be able to store other bytes under an id.
    const FrameHead head = TRY(verify_frame(frame)).head;
    if (head.total_bytes() != frame.size()) return Error{Errc::invalid, "There are bytes behind the frame"};
    std::lock_guard lock(mutex_);
    if (std::ranges::all_of(head.ids, [&](const ChunkId& id) { return here_.contains(id); })) return {};
    Pack* pack = TRY(pack_with_room(frame.size()));
    TRY(files::pwrite_all(pack->file.get(), frame.data(), frame.size(), pack->bytes));
    pack->entries.push_back({pack->bytes, static_cast<std::uint32_t>(frame.size()), head.ids});
    pack->bytes += frame.size();
    here_.insert(head.ids.begin(), head.ids.end());
    return {};
}

Result<std::string> UploadSession::commit(const FinishedImage& image) {
    std::lock_guard lock(mutex_);
    auto committed = seal_and_commit(image);
    if (committed) {
        TRY(files::remove_tree(folder_));
        return committed;
    }
    // Packs that have not reached the store stay, so that the caller may try again: as after a crash.
    packs_.clear();
    here_.clear();
    TRY(recover());
    return committed;
}

Result<std::string> UploadSession::seal_and_commit(const FinishedImage& image) {
    std::vector<std::pair<std::string, std::vector<PackEntry>>> sealed;
    for (Pack& pack : packs_) {
        if (pack.entries.empty()) continue;
        const std::string tail = pack_tail(pack.entries, pack.bytes);
        TRY(files::pwrite_all(pack.file.get(), tail.data(), tail.size(), pack.bytes));
        TRY(files::sync_data(pack.file.get()));
        sealed.emplace_back(pack.path, pack.entries);
    }
    packs_.clear();
    return store_.commit(image, sealed);
}

}  // namespace corral::catalog::chunks
