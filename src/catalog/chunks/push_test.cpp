// Reading what is pushed: raw and qcow2 disks, folders, and what can go wrong with them.
#include "catalog/chunks/push.hpp"

#include <fstream>

#include "catalog/chunks/disk_reader.hpp"
#include "platform/process/process.hpp"
#include "support/chunk_store_test.hpp"

namespace corral::catalog::chunks {
namespace {

namespace fs = std::filesystem;
using testing_support::fails_with;
using testing_support::noise;
using testing_support::ok;
using testing_support::same_content;
using testing_support::value_of;
using testing_support::write_at;

class Push : public ChunkStoreTest {
protected:
    void qemu_img(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "qemu-img");
        const auto done = value_of(process::run({.argv = arguments}));
        ASSERT_EQ(done.exit_code, 0) << done.err;
    }
    std::vector<std::string> names_of(const std::string& digest) {
        std::vector<std::string> out;
        for (const auto& entry : value_of(decode_index(value_of(store_->image_index(digest)))).entries)
            out.push_back(entry.path);
        return out;
    }
};

TEST_F(Push, what_is_read_says_what_it_was) {
    const auto outcome = value_of(push_file(disk("a", 1, 1U << 20, 10U << 20)));
    EXPECT_EQ(outcome.size, 10U << 20);
    EXPECT_EQ(outcome.data_bytes, 1U << 20);
    EXPECT_EQ(outcome.chunks, 16U);
    EXPECT_EQ(outcome.sent_chunks, 16U);
    EXPECT_EQ(outcome.frames, 4U);
    EXPECT_GT(outcome.sent_bytes, 1U << 20) << "noise does not compress";
    EXPECT_LT(outcome.sent_bytes, (1U << 20) + 5000U);
    EXPECT_EQ(outcome.digest.size(), 64U);
}

TEST_F(Push, progress_rises_to_the_size_of_the_disk) {
    const std::string path = disk("a", 1, 1U << 20, 150U << 20);
    std::mutex mutex;
    std::uint64_t most = 0;
    ASSERT_TRUE(ok(push(path, *value_of(store_->upload("s")),
                        {.threads = 2, .work_folder = folder_.path(), .progress = [&](auto done, auto all) {
                             const std::lock_guard lock(mutex);
                             EXPECT_EQ(all, 150U << 20);
                             most = std::max<std::uint64_t>(most, done);
                         }})));
    EXPECT_EQ(most, 150U << 20);
}

TEST_F(Push, cancelled_it_leaves_no_image_and_the_next_try_sends_only_the_rest) {
    const std::string path = disk("a", 1, 16U << 20);
    std::stop_source stop;
    const auto cut =
        push(path, *value_of(store_->upload("s")),
             {.threads = 1, .work_folder = folder_.path(), .cancel = stop.get_token(), .progress = [&](auto, auto) {
                  stop.request_stop();
              }});
    ASSERT_TRUE(fails_with(Errc::timeout, cut));
    EXPECT_TRUE(stored("images").empty());
    const auto rest = value_of(push_file(path));
    EXPECT_EQ(rest.sent_chunks, 128U) << "8 MiB had come";
    EXPECT_TRUE(holds(rest.digest, path));
}

TEST_F(Push, what_is_not_there_or_empty_is_refused) {
    EXPECT_TRUE(fails_with(Errc::not_found, push_file(folder_ / "nothing")));
    fs::create_directory(folder_ / "empty");
    EXPECT_TRUE(fails_with(Errc::invalid, push_file(folder_ / "empty")));
    fs::create_symlink("/etc/hostname", folder_ / "empty/link");
    EXPECT_TRUE(fails_with(Errc::invalid, push_file(folder_ / "empty"))) << "links are not followed";
}

TEST_F(Push, a_folder_becomes_its_files_in_order_and_its_disks_raw) {
    fs::create_directories(folder_ / "vm/sub");
    std::ofstream(folder_ / "vm/z.txt") << "last";
    std::ofstream(folder_ / "vm/sub/nvram") << "inner";
    fs::create_symlink("/etc/hostname", folder_ / "vm/link");
    const std::string raw = disk("content", 3, 1U << 20, 4U << 20);
    qemu_img({"convert", "-f", "raw", "-O", "qcow2", raw, folder_ / "vm/system.qcow2"});
    const auto outcome = value_of(push_file(folder_ / "vm"));
    EXPECT_EQ(names_of(outcome.digest), (std::vector<std::string>{"sub/nvram", "system.raw", "z.txt"}));
    EXPECT_EQ(outcome.size, (4U << 20) + 9U);
    ASSERT_TRUE(ok(fetch(outcome.digest, *store_, folder_ / "out", {})));
    EXPECT_TRUE(same_content(folder_ / "out/system.raw", raw));
    EXPECT_EQ(value_of(files::read_file(folder_ / "out/sub/nvram")), "inner");
}

TEST_F(Push, disks_that_would_come_out_under_one_name_keep_their_own) {
    fs::create_directory(folder_ / "vm");
    for (const auto& [name, seed] : {std::pair{"disk.raw", 1U}, std::pair{"disk.img", 2U}, std::pair{"data.img", 3U}})
        fs::rename(disk("x", seed, 100'000), folder_ / "vm/" + name);
    const std::string raw = disk("content", 4, 100'000);
    qemu_img({"convert", "-f", "raw", "-O", "qcow2", raw, folder_ / "vm/data.qcow2"});
    const auto outcome = value_of(push_file(folder_ / "vm"));
    EXPECT_EQ(names_of(outcome.digest),
              (std::vector<std::string>{"data.raw", "data.qcow2.raw", "disk.img.raw", "disk.raw"}));
    ASSERT_TRUE(ok(fetch(outcome.digest, *store_, folder_ / "out", {})));
    EXPECT_EQ(value_of(files::read_file(folder_ / "out/disk.raw")), noise(100'000, 1));
    EXPECT_EQ(value_of(files::read_file(folder_ / "out/disk.img.raw")), noise(100'000, 2));
    EXPECT_EQ(value_of(files::read_file(folder_ / "out/data.raw")), noise(100'000, 3));
    EXPECT_EQ(value_of(files::read_file(folder_ / "out/data.qcow2.raw")).substr(0, 100'000), noise(100'000, 4));
}

TEST_F(Push, an_overlay_gives_the_disk_its_guest_sees) {
    const std::string base = disk("base", 1, 3U << 20, 16U << 20);
    const std::string overlay = folder_ / "overlay.qcow2";
    qemu_img({"create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", overlay});
    const auto outcome = value_of(push_file(overlay));
    EXPECT_TRUE(holds(outcome.digest, base));
    for (const auto& item : fs::directory_iterator(folder_.path()))
        EXPECT_FALSE(item.path().filename().string().starts_with("convert-")) << "the copy went with its reader";
}

TEST_F(Push, a_damaged_qcow2_is_refused_with_the_tool_s_words_for_the_log_only) {
    const std::string path = folder_ / "bad.qcow2";
    std::ofstream(path) << std::string("QFI\xfb", 4) << std::string(100, '\xff');
    const auto refused = push_file(path);
    ASSERT_TRUE(fails_with(Errc::invalid, refused));
    EXPECT_EQ(refused.error().message.find(folder_.path()), std::string::npos);
    EXPECT_FALSE(refused.error().detail.empty());
}

// ---- the reader itself

class Reader : public Push {
protected:
    std::unique_ptr<DiskReader> open(const std::string& path) {
        return value_of(DiskReader::open(path, folder_.path()));
    }
    std::string read(const DiskReader& reader, std::uint64_t offset, std::size_t length) {
        std::string out(length, 'x');
        EXPECT_TRUE(ok(reader.read(offset, out.data(), length)));
        return out;
    }
};

TEST_F(Reader, knows_holes_and_reads_zeros_there) {
    write_at(folder_ / "a", noise(1U << 20, 1), 4U << 20, 16U << 20);
    const auto reader = open(folder_ / "a");
    EXPECT_EQ(reader->size(), 16U << 20);
    EXPECT_FALSE(reader->has_data(0, 4U << 20));
    EXPECT_TRUE(reader->has_data(0, (4U << 20) + 1));
    EXPECT_TRUE(reader->has_data((5U << 20) - 1, 1));
    EXPECT_FALSE(reader->has_data(5U << 20, 11U << 20));
    EXPECT_EQ(read(*reader, (4U << 20) - 10, 20), std::string(10, '\0') + noise(1U << 20, 1).substr(0, 10));
    EXPECT_EQ(read(*reader, (5U << 20) - 5, 10), noise(1U << 20, 1).substr((1U << 20) - 5) + std::string(5, '\0'));
    EXPECT_EQ(read(*reader, 15U << 20, 100), std::string(100, '\0'));
}

TEST_F(Reader, reads_qcow2_by_guest_offset_plain_and_compressed) {
    const std::string raw = disk("a", 2, 3U << 20, 16U << 20);
    write_at(raw, noise(100'000, 3), 9'000'000, 0);
    const std::string bytes = value_of(files::read_file(raw));
    for (const char* option : {"-q", "-c"}) {
        const std::string image = folder_ / (std::string("disk") + option);
        qemu_img({"convert", option, "-f", "raw", "-O", "qcow2", raw, image});
        const auto reader = open(image);
        ASSERT_EQ(reader->size(), bytes.size()) << option;
        EXPECT_FALSE(reader->has_data(12U << 20, 4U << 20)) << option;
        for (const std::uint64_t at : {0U, 65'530U, 3'145'700U, 8'999'990U, 9'050'000U, 16'777'116U})
            EXPECT_EQ(read(*reader, at, 100), bytes.substr(at, 100)) << option << " at " << at;
    }
}

TEST_F(Reader, takes_a_file_of_any_length_for_a_raw_disk) {
    for (const std::string& bytes : {std::string(), std::string("Q"), std::string("QFI"), std::string("QFI\xfa....")}) {
        ASSERT_TRUE(ok(files::replace_file(folder_ / "tiny", bytes)));
        const auto reader = open(folder_ / "tiny");
        EXPECT_EQ(reader->size(), bytes.size());
        EXPECT_EQ(read(*reader, 0, bytes.size()), bytes);
    }
}

}  // namespace
}  // namespace corral::catalog::chunks
