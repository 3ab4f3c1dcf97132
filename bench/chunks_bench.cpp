// The chunk engine alone, without HTTP and database, for chunks_bench.py:
//   chunks_bench push IMAGE STORE         stores a disk image
//   chunks_bench pull DIGEST STORE FOLDER brings it out again
// Prints one line of JSON: what was moved, and what it cost this process. Two worker threads, as the service has.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "catalog/chunks/fetch.hpp"
#include "catalog/chunks/push.hpp"
#include "catalog/chunks/store.hpp"
#include "drivers/storage/local/local_storage.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/json/json.hpp"

namespace {

using namespace corral;

constexpr int worker_threads = 2;

struct Figures {
    std::string digest;
    std::uint64_t data_bytes = 0, sent_bytes = 0, chunks = 0, moved_chunks = 0;
    double seconds = 0, cpu_seconds = 0;
    std::uint64_t rss_bytes = 0;
};
constexpr auto json_object(const Figures*) {
    using json::field;
    return json::object("Figures", field("digest", &Figures::digest), field("data_bytes", &Figures::data_bytes),
                        field("sent_bytes", &Figures::sent_bytes), field("chunks", &Figures::chunks),
                        field("moved_chunks", &Figures::moved_chunks), field("seconds", &Figures::seconds),
                        field("cpu_seconds", &Figures::cpu_seconds), field("rss_bytes", &Figures::rss_bytes));
}

Result<Figures> push(const std::string& image, const std::string& store_folder) {
    const auto storage = TRY(drivers::LocalStorage::open(store_folder));
    const auto store = TRY(catalog::chunks::ChunkStore::open(*storage, store_folder + ".work"));
    const auto target = TRY(store->upload("bench"));
    catalog::chunks::PushOptions options;
    options.threads = worker_threads;
    options.work_folder = store_folder + ".work";
    const auto done = TRY(catalog::chunks::push(image, *target, options));
    return Figures{.digest = done.digest,
                   .data_bytes = done.data_bytes,
                   .sent_bytes = done.sent_bytes,
                   .chunks = done.chunks,
                   .moved_chunks = done.sent_chunks};
}

Result<Figures> pull(const std::string& digest, const std::string& store_folder, const std::string& folder) {
    const auto storage = TRY(drivers::LocalStorage::open(store_folder));
    const auto store = TRY(catalog::chunks::ChunkStore::open(*storage, store_folder + ".work"));
    catalog::chunks::FetchOptions options;
    options.threads = worker_threads;
    const auto done = TRY(catalog::chunks::fetch(digest, *store, folder, options));
    return Figures{.digest = digest,
                   .data_bytes = done.data_bytes,
                   .chunks = done.fetched_chunks + done.found_chunks,
                   .moved_chunks = done.fetched_chunks};
}

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    crypto::init();
    const auto begin = std::chrono::steady_clock::now();
    Result<Figures> done = Error{Errc::invalid, "usage: chunks_bench push IMAGE STORE | pull DIGEST STORE FOLDER"};
    if (words.size() == 3 && words[0] == "push") done = push(words[1], words[2]);
    if (words.size() == 4 && words[0] == "pull") done = pull(words[1], words[2], words[3]);
    if (!done) {
        std::fprintf(stderr, "chunks_bench: %s %s\n", done.error().message.c_str(), done.error().detail.c_str());
        return 1;
    }
    done->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    done->cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    done->rss_bytes = static_cast<std::uint64_t>(used.ru_maxrss) << 10U;  // Linux counts KiB
    std::fputs(json::write(*done).c_str(), stdout);
    return 0;
}
