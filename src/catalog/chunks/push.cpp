#include "catalog/chunks/push.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>
#include <unordered_set>

namespace corral::catalog::chunks {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t batch_chunks = 128;  // 8 MiB of guest: what one worker holds at once
constexpr int first_level = 3;             // docs/adr/0013: measured against bytes and speed
constexpr int later_level = 7;             // little new data, kept long

bool all_zero(std::string_view bytes) {
    return bytes.empty() ||
           (bytes.front() == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

struct Source {
    Entry entry;
    std::unique_ptr<DiskReader> reader;
};

struct Part {  // one segment of one source: what a worker takes
    std::size_t source = 0;
    std::uint32_t segment = 0;
};

class Pusher {
public:
    Pusher(ChunkTarget& target, const PushOptions& options) : target_(target), options_(options) {}

    Result<PushOutcome> run(const std::string& path) {
        TRY(collect_sources(path));
        std::vector<Part> parts;
        for (std::size_t s = 0; s < sources_.size(); ++s) {
            outcome_.size += sources_[s].entry.size;
            const std::uint64_t segments = (sources_[s].entry.size + segment_bytes - 1) / segment_bytes;
            for (std::uint64_t i = 0; i < segments; ++i) parts.push_back({s, static_cast<std::uint32_t>(i)});
        }
        encoded_.resize(parts.size());
        TRY(work(parts));
        FinishedImage image;
        ImageIndex index;
        for (std::size_t i = 0; i < parts.size(); ++i)
            if (!encoded_[i].empty()) {
                sources_[parts[i].source].entry.segments.push_back({parts[i].segment, digest_of(encoded_[i])});
                image.segments.push_back(std::move(encoded_[i]));
            }
        for (Source& source : sources_) index.entries.push_back(std::move(source.entry));
        image.index = encode_index(index);
        outcome_.digest = TRY(target_.commit(image));
        return outcome_;
    }

private:
    static constexpr std::uint64_t segment_bytes = chunks_per_segment * chunk_size;

    Result<void> add_source(const std::string& file, std::string name, bool disk) {
        Source source;
        source.reader = TRY(DiskReader::open(file, options_.work_folder, options_.others));
        source.entry.path = std::move(name);
        source.entry.kind = disk ? "disk" : "file";
        // A disk's mode is the fetcher's business: equal disks have one digest, whoever may read the files.
        if (!disk) source.entry.mode = static_cast<std::uint32_t>(fs::status(file).permissions()) & 0777U;
        source.entry.size = source.reader->size();
        sources_.push_back(std::move(source));
        return {};
    }

    // A disk comes out as raw bytes and is named so; when that name is another file's, its whole old name stands in
    // front.
    [[nodiscard]] std::string raw_name(const fs::path& old, const fs::path& folder) const {
        const std::string name = fs::path(old).replace_extension(".raw").generic_string();
        std::error_code ignored;
        const bool taken = std::ranges::any_of(sources_, [&](const Source& s) { return s.entry.path == name; }) ||
                           (name != old && fs::exists(folder / name, ignored));
        return taken ? old.generic_string() + ".raw" : name;
    }

    Result<void> collect_sources(const std::string& path) {
        std::error_code error;
        if (!fs::is_directory(path, error)) return add_source(path, "disk.raw", true);
        std::vector<fs::path> found;
        for (const auto& item : fs::recursive_directory_iterator(path, error))
            if (item.is_regular_file() && !item.is_symlink()) found.push_back(item.path());
        if (error) return system_error(error.value(), "list " + path);
        if (found.empty()) return Error{Errc::invalid, "The folder holds no file to push"};
        std::ranges::sort(found);
        for (const auto& file : found) {
            const std::string kind = file.extension().string();
            const bool disk = kind == ".raw" || kind == ".qcow2" || kind == ".img";
            const fs::path name = fs::relative(file, path, error);
            TRY(add_source(file.string(), disk ? raw_name(name, path) : name.generic_string(), disk));
        }
        return {};
    }

    Result<void> work(const std::vector<Part>& parts) {
        std::vector<std::jthread> threads;
        for (int t = 0; t < std::max(1, options_.threads); ++t)
            threads.emplace_back([&] {
                for (;;) {
                    const std::size_t i = next_++;
                    if (i >= parts.size() || failed_) return;
                    auto segment = push_segment(parts[i]);
                    if (!segment) return fail(std::move(segment).error());
                    encoded_[i] = std::move(*segment);
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

    // The encoded segment, "" when all of it is zeros.
    Result<std::string> push_segment(const Part& part) {
        const Source& source = sources_[part.source];
        Segment segment;
        const std::uint64_t begin = std::uint64_t{part.segment} * segment_bytes;
        const std::uint64_t end = std::min(begin + segment_bytes, source.entry.size);
        std::string buffer;
        for (std::uint64_t at = begin; at < end; at += batch_chunks * chunk_size) {
            if (options_.cancel.stop_requested()) return Error{Errc::timeout, "The push was cancelled"};
            const std::uint64_t stop = std::min<std::uint64_t>(at + batch_chunks * chunk_size, end);
            TRY(push_batch(source, begin, at, stop, buffer, segment));
            const std::uint64_t done = done_ += stop - at;
            if (options_.progress) options_.progress(done, outcome_.size);
        }
        return segment.places.empty() ? std::string{} : encode_segment(segment);
    }

    Result<void> push_batch(const Source& source, std::uint64_t segment_begin, std::uint64_t from, std::uint64_t until,
                            std::string& buffer, Segment& segment) {
        if (!source.reader->has_data(from, until - from)) return {};
        buffer.resize(static_cast<std::size_t>(until - from));
        std::vector<RawChunk> chunks;
        std::uint64_t data = 0;
        for (std::uint64_t at = from; at < until; at += chunk_size) {
            const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_size, until - at));
            if (!source.reader->has_data(at, length)) continue;
            char* to = buffer.data() + (at - from);
            TRY(source.reader->read(at, to, length));
            const std::string_view bytes(to, length);
            if (all_zero(bytes)) continue;
            chunks.push_back({id_of(bytes), bytes});
            segment.places.push_back({static_cast<std::uint32_t>((at - segment_begin) / chunk_size), chunks.back().id});
            data += length;
        }
        return send_missing(chunks, data);
    }

    Result<void> send_missing(const std::vector<RawChunk>& chunks, std::uint64_t data) {
        if (chunks.empty()) return {};
        std::vector<ChunkId> ids;
        for (const auto& chunk : chunks) ids.push_back(chunk.id);
        const std::vector<bool> missing = TRY(target_.missing(ids));
        std::vector<RawChunk> wanted;
        int level = first_level;
        {
            std::lock_guard lock(mutex_);
            outcome_.data_bytes += data;
            outcome_.chunks += chunks.size();
            for (std::size_t i = 0; i < chunks.size(); ++i) {
                if (!missing[i]) ++present_;
                // Another worker may be sending the same chunk now.
                else if (sent_.insert(chunks[i].id).second)
                    wanted.push_back(chunks[i]);
            }
            if (outcome_.chunks > 256 && present_ * 2 > outcome_.chunks) level = later_level;
        }
        for (std::size_t i = 0; i < wanted.size(); i += chunks_per_frame) {
            const auto count = std::min(chunks_per_frame, wanted.size() - i);
            const std::string frame = encode_frame({wanted.begin() + static_cast<std::ptrdiff_t>(i),
                                                    wanted.begin() + static_cast<std::ptrdiff_t>(i + count)},
                                                   level);
            if (options_.cancel.stop_requested()) return Error{Errc::timeout, "The push was cancelled"};
            TRY(target_.upload(frame));
            std::lock_guard lock(mutex_);
            outcome_.sent_bytes += frame.size();
            outcome_.sent_chunks += count;
            ++outcome_.frames;
        }
        return {};
    }

    ChunkTarget& target_;
    const PushOptions& options_;
    std::vector<Source> sources_;
    std::vector<std::string> encoded_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::uint64_t> done_{0};
    std::atomic<bool> failed_{false};
    std::mutex mutex_;  // guards what follows
    std::optional<Error> error_;
    std::unordered_set<ChunkId, ChunkIdHash> sent_;
    std::uint64_t present_ = 0;
    PushOutcome outcome_;
};

}  // namespace

Result<PushOutcome> push(const std::string& path, ChunkTarget& target, const PushOptions& options) {
    return Pusher(target, options).run(path);
}

}  // namespace corral::catalog::chunks
