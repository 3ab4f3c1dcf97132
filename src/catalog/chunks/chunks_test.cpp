#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "base/temp_folder.hpp"
#include "catalog/chunks/fetch.hpp"
#include "catalog/chunks/push.hpp"
#include "catalog/chunks/store.hpp"
#include "drivers/storage/local/local_storage.hpp"

namespace corral::catalog::chunks {
namespace {

namespace fs = std::filesystem;

std::string noise(std::size_t size, unsigned seed) {
    std::mt19937_64 random(seed);
    std::string out(size, '\0');
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
        const auto v = random();
        std::memcpy(out.data() + i, &v, 8);
    }
    return out;
}

void write_at(const std::string& path, std::string_view bytes, std::uint64_t offset, std::uint64_t size) {
    auto file = files::open_write(path, false, 0600);
    ASSERT_TRUE(file);
    if (fs::file_size(path) < size) ASSERT_EQ(::ftruncate(file->get(), static_cast<off_t>(size)), 0);
    ASSERT_TRUE(files::pwrite_all(file->get(), bytes.data(), bytes.size(), offset));
}

class Chunks : public testing::Test {
protected:
    void SetUp() override {
        storage_ = std::move(*drivers::LocalStorage::open(folder_ / "store"));
        reopen();
    }
    void reopen() { store_ = std::move(*ChunkStore::open(*storage_, folder_ / "work")); }
    Result<PushOutcome> push_file(const std::string& path, const std::string& session = "s") {
        auto target = store_->upload(session);
        if (!target) return std::move(target).error();
        return push(path, **target, {.work_folder = folder_.path()});
    }
    Result<std::string> fetched(const std::string& digest, const std::string& name) {
        TRY(fetch(digest, *store_, folder_ / name, {}));
        return files::read_file(folder_ / name + "/disk.raw", 1U << 30);
    }
    std::vector<std::string> stored(const std::string& kind) {
        std::vector<std::string> out;
        for (const auto& o : *storage_->list("corral/" + kind)) out.push_back(o.key);
        return out;
    }

    TempFolder folder_;
    std::unique_ptr<drivers::LocalStorage> storage_;
    std::unique_ptr<ChunkStore> store_;
};

TEST_F(Chunks, a_sparse_disk_comes_back_bit_for_bit_and_stays_sparse) {
    const std::string path = folder_ / "disk";
    constexpr std::uint64_t size = (200U << 20) + 1234;  // not a multiple of a chunk
    write_at(path, noise(300'000, 1), 70'000, size);
    write_at(path, noise(100'000, 2), (150U << 20) + 17, size);
    write_at(path, "end", size - 3, size);
    const auto outcome = push_file(path);
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_LT(outcome->data_bytes, 2U << 20);
    const auto back = fetched(outcome->digest, "out");
    ASSERT_TRUE(back) << back.error().message << back.error().detail;
    EXPECT_EQ(*back, *files::read_file(path, 1U << 30));
    const auto file = files::open_read(folder_ / "out/disk.raw");
    std::uint64_t data = 0;
    for (const auto& region : *files::data_regions(file->get())) data += region.length;
    EXPECT_LT(data, 4U << 20);
}

TEST_F(Chunks, equal_content_gives_the_same_digest_and_sends_nothing_again) {
    write_at(folder_ / "a", noise(1 << 20, 3), 0, 4 << 20);
    const auto first = push_file(folder_ / "a");
    fs::permissions(folder_ / "a", fs::perms(0640));  // whose disk it is does not matter
    const auto second = push_file(folder_ / "a", "t");
    ASSERT_TRUE(second);
    EXPECT_EQ(first->digest, second->digest);
    EXPECT_EQ(second->sent_chunks, 0U);
}

TEST_F(Chunks, a_changed_version_sends_only_what_changed) {
    write_at(folder_ / "a", noise(8 << 20, 4), 0, 16 << 20);
    ASSERT_TRUE(push_file(folder_ / "a"));
    write_at(folder_ / "a", "changed", 3 << 20, 16 << 20);
    const auto second = push_file(folder_ / "a", "t");
    ASSERT_TRUE(second);
    EXPECT_EQ(second->sent_chunks, 1U);
    reopen();
    EXPECT_EQ(*fetched(second->digest, "out"), *files::read_file(folder_ / "a"));
}

TEST_F(Chunks, a_folder_keeps_its_files_paths_and_modes) {
    fs::create_directories(folder_ / "bundle/sub");
    ASSERT_TRUE(files::replace_file(folder_ / "bundle/config.txt", "hello", 0644));
    ASSERT_TRUE(files::replace_file(folder_ / "bundle/sub/run", noise(200'000, 5), 0755));
    ASSERT_TRUE(files::replace_file(folder_ / "bundle/empty", "", 0600));
    const auto outcome = push_file(folder_ / "bundle");
    ASSERT_TRUE(outcome);
    ASSERT_TRUE(fetch(outcome->digest, *store_, folder_ / "out", {}));
    EXPECT_EQ(*files::read_file(folder_ / "out/config.txt"), "hello");
    EXPECT_EQ(*files::read_file(folder_ / "out/sub/run"), noise(200'000, 5));
    EXPECT_EQ(fs::status(folder_ / "out/sub/run").permissions(), fs::perms(0755));
    EXPECT_EQ(*files::size_of(folder_ / "out/empty"), 0U);
}

TEST_F(Chunks, an_upload_that_was_cut_off_is_invisible_and_goes_on_where_it_was) {
    write_at(folder_ / "a", noise(32 << 20, 6), 0, 32 << 20);
    std::stop_source stop;
    {
        auto target = store_->upload("s");
        int calls = 0;
        const auto outcome =
            push(folder_ / "a", **target,
                 {.threads = 1, .work_folder = folder_.path(), .cancel = stop.get_token(), .progress = [&](auto, auto) {
                      if (++calls == 1) stop.request_stop();
                  }});
        (void)outcome;
    }
    EXPECT_TRUE(stored("images").empty());
    // A torn frame at the end of the pack, as a crash leaves it.
    for (const auto& file : fs::directory_iterator(folder_ / "work/s")) {
        auto fd = files::open_write(file.path().string(), false);
        ASSERT_TRUE(files::pwrite_all(fd->get(), "CRFR torn", 9, *files::size_of(file.path().string())));
    }
    reopen();
    const auto again = push_file(folder_ / "a");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*fetched(again->digest, "out"), *files::read_file(folder_ / "a"));
}

TEST_F(Chunks, a_fetch_that_was_cut_off_fetches_only_the_rest) {
    write_at(folder_ / "a", noise(32 << 20, 7), 0, 32 << 20);
    const auto pushed = push_file(folder_ / "a");
    std::stop_source stop;
    const auto cut =
        fetch(pushed->digest, *store_, folder_ / "out",
              {.threads = 1, .cancel = stop.get_token(), .progress = [&](std::uint64_t done, std::uint64_t) {
                   if (done > (16U << 20)) stop.request_stop();
               }});
    ASSERT_FALSE(cut);
    EXPECT_FALSE(files::exists(folder_ / "out"));
    const auto rest = fetch(pushed->digest, *store_, folder_ / "out", {});
    ASSERT_TRUE(rest);
    EXPECT_GE(rest->found_chunks, 256U);
    EXPECT_LE(rest->fetched_chunks, 256U);
    EXPECT_EQ(*files::read_file(folder_ / "out/disk.raw"), *files::read_file(folder_ / "a"));
}

TEST_F(Chunks, a_flipped_byte_in_any_object_is_refused_by_name) {
    write_at(folder_ / "a", noise(1 << 20, 8), 0, 1 << 20);
    const auto pushed = push_file(folder_ / "a");
    for (const char* kind : {"packs", "segments", "images"}) {
        const std::string path = folder_ / "store/" + stored(kind).front();
        const std::string good = *files::read_file(path);
        std::string bad = good;
        bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
        ASSERT_TRUE(files::replace_file(path, bad));
        const auto result = fetched(pushed->digest, std::string("out-") + kind);
        ASSERT_FALSE(result) << kind;
        EXPECT_NE(result.error().message.find(kind[0] == 'p' ? "frame" : "damaged"), std::string::npos)
            << result.error().message;
        ASSERT_TRUE(files::replace_file(path, good));
    }
}

TEST_F(Chunks, bytes_that_do_not_hash_to_their_id_are_not_taken) {
    auto target = store_->upload("s");
    const std::string raw = noise(chunk_size, 9);
    const std::string frame = encode_frame({{id_of("something else"), raw}}, 3);
    EXPECT_FALSE((*target)->upload(frame));
}

TEST_F(Chunks, an_index_that_names_chunks_nobody_sent_is_not_committed) {
    auto target = store_->upload("s");
    Segment segment;
    segment.places.push_back({0, id_of("nowhere")});
    FinishedImage image;
    image.segments.push_back(encode_segment(segment));
    ImageIndex index;
    index.entries.push_back({"disk.raw", "disk", 0600, chunk_size, {{0, digest_of(image.segments.front())}}});
    image.index = encode_index(index);
    EXPECT_FALSE((*target)->commit(image));
    EXPECT_TRUE(stored("images").empty());
}

TEST_F(Chunks, garbage_collection_removes_what_no_live_image_needs_and_nothing_else) {
    write_at(folder_ / "a", noise(4 << 20, 10), 0, 4 << 20);
    write_at(folder_ / "b", noise(4 << 20, 11), 0, 4 << 20);
    const auto a = push_file(folder_ / "a");
    const auto b = push_file(folder_ / "b", "t");
    const auto collected = store_->collect_garbage({b->digest});
    ASSERT_TRUE(collected) << collected.error().message;
    EXPECT_EQ(collected->images, 1U);
    EXPECT_EQ(collected->packs, 1U);
    EXPECT_FALSE(*store_->has_image(a->digest));
    EXPECT_EQ(*fetched(b->digest, "out"), *files::read_file(folder_ / "b"));
    reopen();
    EXPECT_EQ(*fetched(b->digest, "again"), *files::read_file(folder_ / "b"));
}

TEST_F(Chunks, qcow2_plain_and_compressed_gives_the_guests_bytes) {
    write_at(folder_ / "a", noise(3 << 20, 12), 1 << 20, 16 << 20);
    const std::string expected = *files::read_file(folder_ / "a");
    for (const char* option : {"", "-c"}) {
        const std::string image = folder_ / (std::string("disk") + option + ".qcow2");
        const std::string command =
            std::string("qemu-img convert -O qcow2 ") + option + " " + folder_ / "a" + " " + image;
        ASSERT_EQ(std::system(command.c_str()), 0);
        const auto pushed = push_file(image, std::string("q") + option);
        ASSERT_TRUE(pushed) << pushed.error().message;
        EXPECT_EQ(*fetched(pushed->digest, std::string("out") + option), expected);
        ASSERT_TRUE(files::remove_tree(folder_ / (std::string("out") + option)));
    }
}

}  // namespace
}  // namespace corral::catalog::chunks
