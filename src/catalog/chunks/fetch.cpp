#include "catalog/chunks/fetch.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/log.hpp"
#include "platform/files/files.hpp"

namespace corral::catalog::chunks {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t batch_chunks = 64;  // 4 MiB: one request to the source

struct Place {
    std::size_t file = 0;
    std::uint64_t offset = 0;
    std::uint32_t bytes = 0;
    ChunkId id{};
};

class Fetcher {
public:
    Fetcher(ChunkSource& source, const FetchOptions& options) : source_(source), options_(options) {}

    Result<FetchOutcome> run(const std::string& digest, const std::string& folder) {
        const ImageIndex index = TRY(decode_index(TRY(source_.image_index(digest))));
        const std::string partial = folder + ".partial";
        TRY(files::make_folders(partial, 0700));
        for (const Entry& entry : index.entries) TRY(open_file(entry, partial));
        for (std::size_t f = 0; f < index.entries.size(); ++f) TRY(list_places(index.entries[f], f));
        TRY(work());
        outcome_.fetched_chunks = fetched_;
        outcome_.found_chunks = found_;
        for (std::size_t f = 0; f < files_.size(); ++f) {
            TRY(files::sync_data(files_[f].get()));
            if (::fchmod(files_[f].get(), index.entries[f].kind == "disk" ? 0400 : index.entries[f].mode & 0777U) != 0)
                return system_error(errno, "chmod");
        }
        TRY(files::sync_folder(partial));
        if (::rename(partial.c_str(), folder.c_str()) != 0) return system_error(errno, "rename to " + folder);
        TRY(files::sync_folder(fs::path(folder).parent_path().string()));
        return outcome_;
    }

private:
    Result<void> open_file(const Entry& entry, const std::string& partial) {
        const std::string path = partial + "/" + entry.path;
        TRY(files::make_folders(fs::path(path).parent_path().string(), 0700));
        ::chmod(path.c_str(), 0600);  // an earlier try may have come as far as making it read-only
        auto file = TRY(files::open_write(path, false, 0600));
        if (::ftruncate(file.get(), static_cast<off_t>(entry.size)) != 0) return system_error(errno, "size " + path);
        files_.push_back(std::move(file));
        outcome_.size += entry.size;
        return {};
    }

    Result<void> list_places(const Entry& entry, std::size_t file) {
        for (const SegmentRef& ref : entry.segments) {
            const std::string bytes = TRY(source_.segment(ref.digest));
            if (digest_of(bytes) != ref.digest) return Error{Errc::upstream, "Segment " + ref.digest + " is damaged"};
            for (const auto& place : TRY(decode_segment(bytes)).places) {
                const std::uint64_t offset = (std::uint64_t{ref.index} * chunks_per_segment + place.index) * chunk_size;
                if (offset >= entry.size)
                    return Error{Errc::upstream, "Segment " + ref.digest + " reaches past its file"};
                const auto length =
                    static_cast<std::uint32_t>(std::min<std::uint64_t>(chunk_size, entry.size - offset));
                places_.push_back({file, offset, length, place.id});
                outcome_.data_bytes += length;
            }
        }
        return {};
    }

    Result<void> work() {
        std::vector<std::jthread> threads;
        for (int t = 0; t < std::max(1, options_.threads); ++t)
            threads.emplace_back([&] {
                for (;;) {
                    const std::size_t begin = next_.fetch_add(batch_chunks);
                    if (begin >= places_.size() || failed_) return;
                    auto done = fetch_batch(begin, std::min(begin + batch_chunks, places_.size()));
                    if (!done) return fail(std::move(done).error());
                }
            });
        threads.clear();
        if (error_) return std::move(*error_);
        return {};
    }

    void fail(Error error) {
        std::lock_guard lock(mutex_);
        if (!failed_.exchange(true)) error_ = std::move(error);
    }

    // Bytes of an earlier try count only when their hash does: no record of progress has to be trusted after a crash.
    Result<bool> already_there(const Place& place, std::string& buffer) {
        const off_t data = ::lseek(files_[place.file].get(), static_cast<off_t>(place.offset), SEEK_DATA);
        if (data < 0 || static_cast<std::uint64_t>(data) >= place.offset + place.bytes) return false;
        buffer.resize(place.bytes);
        TRY(files::pread_all(files_[place.file].get(), buffer.data(), buffer.size(), place.offset));
        return id_of(buffer) == place.id;
    }

    Result<void> fetch_batch(std::size_t begin, std::size_t end) {
        if (options_.cancel.stop_requested()) return Error{Errc::timeout, "The pull was cancelled"};
        std::string buffer;
        std::unordered_multimap<std::string_view, const Place*> wanted;  // keyed by the id's bytes
        std::vector<ChunkId> ids;
        std::uint64_t bytes = 0;
        for (std::size_t i = begin; i < end; ++i) {
            const Place& place = places_[i];
            bytes += place.bytes;
            if (TRY(already_there(place, buffer))) {
                ++found_;
                continue;
            }
            wanted.emplace(key_of(place.id), &place);
            ids.push_back(place.id);
        }
        if (!ids.empty()) {
            log::debug("Chunks are asked for", {{"chunks", static_cast<long>(ids.size())}});
            for (const std::string& frame : TRY(source_.frames(ids))) TRY(write_frame(frame, wanted));
            if (!wanted.empty())
                return Error{Errc::upstream, "The source did not send chunk " + to_hex(wanted.begin()->second->id)};
        }
        const std::uint64_t done = done_ += bytes;
        if (options_.progress) options_.progress(done, outcome_.data_bytes);
        return {};
    }

    static std::string_view key_of(const ChunkId& id) { return {reinterpret_cast<const char*>(id.data()), id.size()}; }

    Result<void> write_frame(const std::string& frame,
                             std::unordered_multimap<std::string_view, const Place*>& wanted) {
        const auto unpacked = unpack_frame(frame);
        if (!unpacked) return Error{Errc::upstream, "A frame of the image is damaged: " + unpacked.error().message};
        for (std::size_t i = 0; i < unpacked->head.ids.size(); ++i) {
            const std::string_view chunk = unpacked->chunk(i);
            const auto [first, last] = wanted.equal_range(key_of(unpacked->head.ids[i]));
            if (first == last) continue;
            if (id_of(chunk) != first->second->id)
                return Error{Errc::upstream,
                             "Chunk " + to_hex(first->second->id) + " has other bytes than its id says"};
            for (auto it = first; it != last; ++it) {
                const Place& place = *it->second;
                if (place.bytes != chunk.size())
                    return Error{Errc::upstream, "Chunk " + to_hex(place.id) + " has another length"};
                TRY(files::pwrite_all(files_[place.file].get(), chunk.data(), place.bytes, place.offset));
                ++fetched_;
            }
            wanted.erase(first, last);
        }
        return {};
    }

    ChunkSource& source_;
    const FetchOptions& options_;
    std::vector<files::Descriptor> files_;
    std::vector<Place> places_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::uint64_t> done_{0}, fetched_{0}, found_{0};
    std::atomic<bool> failed_{false};
    std::mutex mutex_;  // guards error_
    std::optional<Error> error_;
    FetchOutcome outcome_;
};

}  // namespace

Result<FetchOutcome> fetch(const std::string& digest, ChunkSource& source, const std::string& folder,
                           const FetchOptions& options) {
    if (files::exists(folder)) return FetchOutcome{};
    return Fetcher(source, options).run(digest, folder);
}

}  // namespace corral::catalog::chunks
