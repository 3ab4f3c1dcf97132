#include "platform/files/files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/temp_folder.hpp"
#include "support/results.hpp"

namespace corral::files {
namespace {

namespace fs = std::filesystem;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class FilesTest : public testing::Test {
protected:
    void put(const std::string& name, const std::string& content) { std::ofstream(folder_ / name) << content; }
    std::string content(const std::string& name) { return value_of(read_file(folder_ / name)); }
    static unsigned mode(const std::string& path) {
        struct stat info{};
        return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0U;
    }
    std::vector<std::string> names() {
        std::vector<std::string> out;
        for (const auto& entry : fs::directory_iterator(folder_.path())) out.push_back(entry.path().filename());
        std::ranges::sort(out);
        return out;
    }
    TempFolder folder_;
};

using ReadFile = FilesTest;
using ReplaceFile = FilesTest;
using Folders = FilesTest;
using Bytes = FilesTest;
using Confine = FilesTest;

TEST_F(ReadFile, gives_every_byte_up_to_the_limit) {
    const std::string text("a\0b\n", 4);
    put("f", text);
    EXPECT_EQ(value_of(read_file(folder_ / "f", 4)), text);
    EXPECT_TRUE(fails_with(Errc::too_large, read_file(folder_ / "f", 3)));
    EXPECT_TRUE(fails_with(Errc::not_found, read_file(folder_ / "absent")));
    EXPECT_FALSE(read_file(folder_.path()));
}

TEST_F(ReplaceFile, makes_or_replaces_the_whole_content_with_the_mode_asked_for) {
    const ::mode_t before = ::umask(0);
    EXPECT_TRUE(ok(replace_file(folder_ / "f", "first, and longer")));
    EXPECT_EQ(content("f"), "first, and longer");
    EXPECT_EQ(mode(folder_ / "f"), 0600U);
    EXPECT_TRUE(ok(replace_file(folder_ / "f", "second", 0640)));
    EXPECT_EQ(content("f"), "second");
    EXPECT_EQ(mode(folder_ / "f"), 0640U);
    ::umask(before);
    EXPECT_EQ(names(), std::vector<std::string>{"f"}) << "no temporary file is left";
}

TEST_F(ReplaceFile, leaves_the_old_content_and_no_rubbish_when_it_fails) {
    fs::create_directory(folder_ / "f");  // rename over a folder fails, after the content was written
    put("f/inside", "kept");
    EXPECT_FALSE(replace_file(folder_ / "f", "new"));
    EXPECT_EQ(content("f/inside"), "kept");
    EXPECT_EQ(names(), std::vector<std::string>{"f"});
    EXPECT_FALSE(replace_file(folder_ / "absent/f", "new"));
}

TEST_F(ReplaceFile, replaces_a_link_and_not_what_it_points_to) {
    put("target", "untouched");
    fs::create_symlink(folder_ / "target", folder_ / "f");
    EXPECT_TRUE(ok(replace_file(folder_ / "f", "new")));
    EXPECT_EQ(content("target"), "untouched");
    EXPECT_FALSE(fs::is_symlink(folder_ / "f"));
}

TEST_F(ReplaceFile, shows_readers_the_old_or_the_new_content_and_nothing_between) {
    const std::string a(100'000, 'a');
    const std::string b(200'000, 'b');
    ASSERT_TRUE(ok(replace_file(folder_ / "f", a)));
    std::atomic<bool> done = false;
    std::jthread writer([&] {
        for (int i = 0; i < 50; ++i) EXPECT_TRUE(ok(replace_file(folder_ / "f", i % 2 == 0 ? b : a)));
        done = true;
    });
    int seen = 0;
    while (!done || seen == 0) {
        const std::string now = content("f");
        ASSERT_TRUE(now == a || now == b) << now.size() << " bytes";
        ++seen;
    }
}

TEST_F(Folders, are_made_with_their_parents_and_kept_private) {
    const ::mode_t before = ::umask(0);
    EXPECT_TRUE(ok(make_folders(folder_ / "a/b/c")));
    EXPECT_TRUE(ok(make_folders(folder_ / "a/b/c"))) << "fine when there";
    EXPECT_TRUE(ok(make_folders(folder_ / "a/d/")));
    ::umask(before);
    for (const char* made : {"a", "a/b", "a/b/c", "a/d"}) EXPECT_EQ(mode(folder_ / made), 0700U) << made;
}

TEST_F(Folders, are_not_made_where_a_file_stands) {
    put("f", "");
    EXPECT_TRUE(fails_with(Errc::conflict, make_folders(folder_ / "f")));
    EXPECT_FALSE(make_folders(folder_ / "f/below"));
}

TEST_F(Folders, are_removed_without_following_links) {
    fs::create_directories(folder_ / "outside");
    put("outside/kept", "kept");
    fs::create_directories(folder_ / "tree/deep");
    put("tree/deep/file", "");
    fs::create_directory_symlink(folder_ / "outside", folder_ / "tree/link");
    EXPECT_TRUE(ok(remove_tree(folder_ / "tree")));
    EXPECT_FALSE(exists(folder_ / "tree"));
    EXPECT_EQ(content("outside/kept"), "kept");
    EXPECT_TRUE(ok(remove_tree(folder_ / "tree"))) << "fine when absent";
}

TEST_F(Folders, can_be_synced_and_files_cannot_be_taken_for_one) {
    put("f", "");
    EXPECT_TRUE(ok(sync_folder(folder_.path())));
    EXPECT_FALSE(sync_folder(folder_ / "f"));
    EXPECT_FALSE(sync_folder(folder_ / "absent"));
    EXPECT_FALSE(sync_data(-1));
}

TEST_F(Bytes, are_written_and_read_at_their_place) {
    const auto file = value_of(open_write(folder_ / "f", true));
    EXPECT_TRUE(ok(pwrite_all(file.get(), "world", 5, 6)));
    EXPECT_TRUE(ok(pwrite_all(file.get(), "hello ", 6, 0)));
    EXPECT_EQ(content("f"), "hello world");
    std::string part(5, '\0');
    EXPECT_TRUE(ok(pread_all(file.get(), part.data(), part.size(), 6)));
    EXPECT_EQ(part, "world");
    EXPECT_TRUE(fails_with(Errc::invalid, pread_all(file.get(), part.data(), part.size(), 7)))
        << "a file that ends early is not padded";
}

TEST_F(Bytes, of_an_existing_file_stay_unless_it_is_truncated) {
    put("f", "0123456789");
    const auto kept = value_of(open_write(folder_ / "f", false));
    EXPECT_TRUE(ok(pwrite_all(kept.get(), "ab", 2, 0)));
    EXPECT_EQ(content("f"), "ab23456789");
    const auto emptied = value_of(open_write(folder_ / "f", true));
    EXPECT_EQ(value_of(size_of(folder_ / "f")), 0U);
}

TEST_F(Bytes, of_a_sparse_file_are_found_where_there_is_data) {
    const auto file = value_of(open_write(folder_ / "f", true));
    EXPECT_TRUE(value_of(data_regions(file.get())).empty());
    constexpr std::uint64_t mib = 1U << 20;
    ASSERT_TRUE(ok(pwrite_all(file.get(), "x", 1, 8 * mib)));
    ASSERT_EQ(::ftruncate(file.get(), 64 * mib), 0);
    const auto regions = value_of(data_regions(file.get()));
    std::uint64_t data = 0;
    bool covered = false;
    for (const Region& r : regions) {
        data += r.length;
        covered = covered || (r.offset <= 8 * mib && r.offset + r.length > 8 * mib);
    }
    EXPECT_TRUE(covered);
    EXPECT_LT(data, 4 * mib) << "holes are no data";
}

TEST_F(Bytes, descriptors_close_once_and_do_not_leak_into_children) {
    int number = -1;
    {
        Descriptor first = value_of(open_write(folder_ / "f", true));
        Descriptor second = std::move(first);
        number = second.get();
        EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
        first = std::move(second);
        EXPECT_NE(::fcntl(number, F_GETFD), -1);
    }
    EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(Bytes, free_space_is_told_for_the_disk_of_a_folder) {
    const auto space = value_of(space_at(folder_.path()));
    EXPECT_GT(space.total_bytes, 0U);
    EXPECT_LE(space.free_bytes, space.total_bytes);
    EXPECT_FALSE(space_at(folder_ / "absent"));
}

TEST_F(Confine, refuses_system_folders_however_they_are_written) {
    fs::create_symlink("/etc", folder_ / "link");
    fs::create_symlink("link/passwd", folder_ / "second");
    for (const std::string& path :
         {std::string("/etc/passwd"), std::string("/etc"), std::string("/etc/"), std::string("//etc//passwd"),
          std::string("/proc/self/environ"), std::string("/proc/self/root/etc/passwd"), std::string("/sys/kernel"),
          std::string("/dev/sda"), std::string("/run/x"), std::string("/var/run/x"), std::string("/boot/x"),
          std::string("/usr/bin/sh"), std::string("/bin/sh"), std::string("/"),
          folder_ / "../../../../../../../../../etc/shadow",
          folder_ / "absent/../../../../../../../../../../etc/shadow", folder_ / "link/shadow", folder_ / "link",
          folder_ / "second"})
        EXPECT_TRUE(fails_with(Errc::forbidden, confine(path, {}, {}))) << path;
    EXPECT_TRUE(ok(confine("/etcetera", {}, {}))) << "only whole names count";
}

TEST_F(Confine, refuses_the_services_own_state_what_is_below_and_what_is_above) {
    fs::create_directories(folder_ / "data/hypervisor");
    fs::create_symlink(folder_ / "data", folder_ / "link");
    const std::vector<std::string> own{folder_ / "data/corral.db", folder_ / "data/hypervisor"};
    for (const char* path : {"data/corral.db", "data/hypervisor", "data/hypervisor/x", "link/corral.db", "data", ".",
                             "data/machines/../corral.db"})
        EXPECT_TRUE(fails_with(Errc::forbidden, confine(folder_ / path, {}, own))) << path;
    EXPECT_EQ(value_of(confine(folder_ / "data/machines/m1", {}, own)), folder_ / "data/machines/m1");
    EXPECT_EQ(value_of(confine(folder_ / "link/corral.db2", {}, own)), folder_ / "data/corral.db2")
        << "the answer is without links";
}

TEST_F(Confine, lets_only_what_lies_below_an_allowed_folder_pass) {
    fs::create_directories(folder_ / "images/a");
    fs::create_directories(folder_ / "images2");
    fs::create_symlink(folder_ / "images2", folder_ / "images/out");
    fs::create_symlink(folder_ / "images", folder_ / "alias");
    const std::vector<std::string> allowed{folder_ / "alias/"};
    EXPECT_TRUE(ok(confine(folder_ / "images/a/disk.raw", allowed, {})));
    EXPECT_TRUE(ok(confine(folder_ / "images", allowed, {})));
    for (const char* path : {"images2/x", "images/out/x", "images/../images2", "imagesx", ".", "alias/../x"})
        EXPECT_TRUE(fails_with(Errc::forbidden, confine(folder_ / path, allowed, {}))) << path;
    EXPECT_TRUE(fails_with(Errc::forbidden, confine(folder_ / "images/a", allowed, {folder_ / "images/a"})))
        << "own folders are refused inside allowed ones too";
}

TEST_F(Confine, an_allowed_folder_that_cannot_be_resolved_opens_nothing) {
    fs::create_symlink("loop", folder_ / "loop");
    EXPECT_TRUE(fails_with(Errc::forbidden, confine(folder_ / "x", {folder_ / "loop"}, {})));
    EXPECT_TRUE(fails_with(Errc::forbidden, confine(folder_ / "x", {""}, {})));
    EXPECT_TRUE(fails_with(Errc::forbidden, confine(folder_ / "x", {}, {folder_ / "loop"})));
    EXPECT_TRUE(fails_with(Errc::not_found, confine(folder_ / "loop/x", {}, {})));
}

TEST_F(Confine, wants_an_absolute_path_without_nul) {
    for (const std::string& path : {std::string(), std::string("relative"), std::string("./x"), std::string("../x"),
                                    std::string("/tmp/x\0/etc", 11)})
        EXPECT_TRUE(fails_with(Errc::invalid, confine(path, {}, {}))) << path;
}

}  // namespace
}  // namespace corral::files
