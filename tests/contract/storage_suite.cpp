#include "storage_suite.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "platform/files/files.hpp"
#include "support/testing.hpp"

namespace corral::contract {

using catalog::Storage;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

namespace {

constexpr std::size_t large = 4U << 20;

// Bytes that tell by themselves whose they are and whether they are whole.
std::string pattern(char letter, std::size_t size) { return std::string(size, letter); }
bool is_whole(const std::string& bytes) {
    return !bytes.empty() && bytes.find_first_not_of(bytes.front()) == std::string::npos &&
           bytes.size() == large + static_cast<std::size_t>(bytes.front() - 'a') * 1000;
}
std::string letter_object(int number) {
    const char letter = static_cast<char>('a' + number % 26);
    return pattern(letter, large + static_cast<std::size_t>(letter - 'a') * 1000);
}

}  // namespace

void StorageSuite::SetUp() {
    subject_ = GetParam().make();
    ASSERT_NE(subject_, nullptr);
    storage_ = subject_->open();
    ASSERT_NE(storage_, nullptr);
}

std::vector<std::string> StorageSuite::keys(const std::string& prefix) {
    std::vector<std::string> out;
    for (const auto& object : value_of(storage().list(prefix))) out.push_back(object.key);
    return out;
}

using Keys = std::vector<std::string>;

TEST_P(StorageSuite, what_was_put_is_read_back_byte_for_byte) {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    for (const std::string& bytes : {std::string("text\r\n"), std::string(), all, pattern('x', large)}) {
        ASSERT_TRUE(ok(storage().put("object", bytes)));
        EXPECT_EQ(value_of(storage().get("object")), bytes);
        EXPECT_EQ(value_of(storage().size("object")), bytes.size());
        EXPECT_EQ(keys(), Keys{"object"});
        EXPECT_EQ(value_of(storage().list("")).front().size, bytes.size());
    }
}

TEST_P(StorageSuite, a_range_gives_exactly_its_bytes_and_refuses_what_lies_behind_the_end) {
    ASSERT_TRUE(ok(storage().put("o", "0123456789")));
    EXPECT_EQ(value_of(storage().get("o", 0, 3)), "012");
    EXPECT_EQ(value_of(storage().get("o", 7, 3)), "789");
    EXPECT_EQ(value_of(storage().get("o", 4)), "456789");
    EXPECT_EQ(value_of(storage().get("o", 5, 0)), "");
    EXPECT_EQ(value_of(storage().get("o", 10, 0)), "");
    EXPECT_EQ(value_of(storage().get("o", 10)), "");
    EXPECT_TRUE(fails_with(Errc::invalid, storage().get("o", 8, 3)));
    EXPECT_TRUE(fails_with(Errc::invalid, storage().get("o", 11)));
    EXPECT_TRUE(fails_with(Errc::invalid, storage().get("o", 11, 0)));
    EXPECT_TRUE(fails_with(Errc::invalid, storage().get("o", ~std::uint64_t{0}, 1)));
    EXPECT_TRUE(fails_with(Errc::invalid, storage().get("o", 1, ~std::uint64_t{0})));
}

TEST_P(StorageSuite, the_last_bytes_of_an_object_are_read_whatever_their_number) {
    const std::string bytes = pattern('a', 150) + pattern('b', 50);
    ASSERT_TRUE(ok(storage().put("o", bytes)));
    for (std::size_t length = 0; length <= bytes.size(); ++length)
        EXPECT_EQ(value_of(storage().get("o", bytes.size() - length, length)), bytes.substr(bytes.size() - length))
            << length;
}

TEST_P(StorageSuite, what_is_absent_is_told_so_in_each_way) {
    ASSERT_TRUE(ok(storage().put("folder/object", "x")));
    for (const char* key : {"nothing", "folder", "folder/nothing", "folder/object/below", "nothing/at/all"}) {
        EXPECT_TRUE(fails_with(Errc::not_found, storage().get(key))) << key;
        EXPECT_EQ(value_of(storage().size(key)), std::nullopt) << key;
        EXPECT_TRUE(ok(storage().remove(key))) << key;
    }
    EXPECT_EQ(keys("nothing"), Keys{});
    EXPECT_EQ(keys("folder/object"), Keys{}) << "a prefix ends at a slash";
    EXPECT_EQ(keys(), Keys{"folder/object"});
}

TEST_P(StorageSuite, a_removed_object_is_gone_and_the_others_stay) {
    for (const char* key : {"a/b/c", "a/b/d", "a/e"}) ASSERT_TRUE(ok(storage().put(key, key)));
    ASSERT_TRUE(ok(storage().remove("a/b/c")));
    EXPECT_TRUE(fails_with(Errc::not_found, storage().get("a/b/c")));
    EXPECT_EQ(keys(), (Keys{"a/b/d", "a/e"}));
    ASSERT_TRUE(ok(storage().remove("a/b/d")));
    EXPECT_EQ(value_of(storage().get("a/e")), "a/e");
    ASSERT_TRUE(ok(storage().remove("a/b/d"))) << "again is fine";
    ASSERT_TRUE(ok(storage().put("a/b", "now an object"))) << "no folder of that name is left";
}

TEST_P(StorageSuite, c1_a_list_holds_what_lies_below_its_prefix_in_order_of_keys_and_nothing_beside) {
    for (const char* key : {"ubuntu-desktop/x", "ubuntu/z", "ubuntu/a/deep/er", "ubuntu.meta", "ubuntu/B", "top"})
        ASSERT_TRUE(ok(storage().put(key, key)));
    EXPECT_EQ(keys("ubuntu"), (Keys{"ubuntu/B", "ubuntu/a/deep/er", "ubuntu/z"}));
    EXPECT_EQ(keys("ubuntu/a"), Keys{"ubuntu/a/deep/er"});
    EXPECT_EQ(keys("ubunt"), Keys{});
    EXPECT_EQ(keys(), (Keys{"top", "ubuntu-desktop/x", "ubuntu.meta", "ubuntu/B", "ubuntu/a/deep/er", "ubuntu/z"}));
}

TEST_P(StorageSuite, c1_a_list_of_more_than_a_thousand_is_complete) {
    Keys expected;
    for (int i = 0; i < 1100; ++i) {
        expected.push_back("many/" + std::to_string(10'000 + i));
        ASSERT_TRUE(ok(storage().put(expected.back(), "")));
    }
    EXPECT_EQ(keys("many"), expected);
}

TEST_P(StorageSuite, every_key_that_may_be_is_an_object_of_its_own) {
    Keys odd{
        "a..b", "...", ".hidden", "-dash", "_", "UPPER", "upper", "a.b/c_d-e", "\xc3\xbcml\xc3\xa4ut/\xe6\x97\xa5"};
    odd.push_back(std::string(200, 'n') + "/" + std::string(200, 'm') + "/" + std::string(200, 'o'));
    for (const std::string& key : odd) ASSERT_TRUE(ok(storage().put(key, "of " + key))) << key;
    for (const std::string& key : odd) EXPECT_EQ(value_of(storage().get(key)), "of " + key) << key;
    std::ranges::sort(odd);
    EXPECT_EQ(keys(), odd);
}

TEST_P(StorageSuite, c2_no_key_leads_out_of_the_place_or_means_two_things) {
    Keys bad{"",    "/",   "/etc/passwd", "a/", "a//b", ".",   "..",          "../x", "a/../b", "a/..",  "a/./b",
             "./a", "a b", "a\\b",        "a*", "a?b",  "a:b", "~unfinished", "~",    "a\nb",   "$HOME", "%2e%2e/x"};
    bad.emplace_back("a\0b", 3);
    bad.push_back(std::string(1025, 'k'));
    const std::string local = subject_->local_folders().front() + "/local";
    ASSERT_TRUE(ok(files::replace_file(local, "local")));
    for (const std::string& key : bad) {
        EXPECT_TRUE(fails_with(Errc::invalid, storage().put(key, "x"))) << key;
        EXPECT_TRUE(fails_with(Errc::invalid, storage().put_file(key, local))) << key;
        EXPECT_TRUE(fails_with(Errc::invalid, storage().get(key))) << key;
        EXPECT_TRUE(fails_with(Errc::invalid, storage().size(key))) << key;
        EXPECT_TRUE(fails_with(Errc::invalid, storage().remove(key))) << key;
        EXPECT_EQ(storage().local_path(key), std::nullopt) << key;
        if (!key.empty()) {
            EXPECT_TRUE(fails_with(Errc::invalid, storage().list(key))) << key;
        }
    }
    EXPECT_EQ(keys(), Keys{});
    EXPECT_EQ(value_of(files::read_file(local)), "local") << "a refused file stays where it is";
}

TEST_P(StorageSuite, a_local_file_becomes_the_object_and_is_gone_from_its_place) {
    for (const std::string& folder : subject_->local_folders()) {
        const std::string local = folder + "/finished.pack";
        const std::string bytes = pattern('p', large);
        ASSERT_TRUE(ok(files::replace_file(local, bytes)));
        ASSERT_TRUE(ok(storage().put_file("packs/x", local))) << folder;
        EXPECT_FALSE(files::exists(local)) << folder;
        EXPECT_EQ(value_of(storage().get("packs/x")), bytes) << folder;
        ASSERT_TRUE(ok(files::replace_file(local, "newer")));
        ASSERT_TRUE(ok(storage().put_file("packs/x", local))) << "it replaces what was there";
        EXPECT_EQ(value_of(storage().get("packs/x")), "newer") << folder;
        EXPECT_FALSE(storage().put_file("packs/y", folder + "/nothing"));
    }
    EXPECT_EQ(keys(), Keys{"packs/x"});
    EXPECT_EQ(subject_->leftovers(), Keys{});
}

TEST_P(StorageSuite, a_local_path_leads_to_the_object_s_bytes_where_there_is_one) {
    ASSERT_TRUE(ok(storage().put("a/b", "bytes")));
    if (const auto path = storage().local_path("a/b")) {
        EXPECT_EQ(value_of(files::read_file(*path)), "bytes");
    }
}

TEST_P(StorageSuite, objects_are_there_for_the_next_process) {
    ASSERT_TRUE(ok(storage().put("a/b", "kept")));
    const std::string before = storage().describe();
    storage_ = subject_->open();
    EXPECT_EQ(value_of(storage().get("a/b")), "kept");
    EXPECT_EQ(storage().describe(), before) << "the same place has the same name";
}

TEST_P(StorageSuite, a_reader_sees_the_old_object_or_the_whole_new_one) {
    ASSERT_TRUE(ok(storage().put("o", letter_object(0))));
    std::atomic<bool> stop{false};
    std::vector<std::jthread> readers;
    for (int t = 0; t < 2; ++t)
        readers.emplace_back([&] {
            while (!stop) {
                const auto seen = storage().get("o");
                EXPECT_TRUE(ok(seen));
                if (seen) EXPECT_TRUE(is_whole(*seen)) << "it has " << seen->size() << " bytes";
            }
        });
    for (int i = 1; i < 30; ++i) ASSERT_TRUE(ok(storage().put("o", letter_object(i))));
    stop = true;
}

TEST_P(StorageSuite, many_writers_of_one_key_leave_one_whole_object) {
    const auto other = subject_->open();
    {
        std::vector<std::jthread> writers;
        for (int t = 0; t < 4; ++t)
            writers.emplace_back([&, t] {
                Storage& mine = t % 2 == 0 ? storage() : *other;
                for (int i = 0; i < 5; ++i) EXPECT_TRUE(ok(mine.put("a/b/o", letter_object(t * 5 + i))));
            });
    }
    EXPECT_TRUE(is_whole(value_of(storage().get("a/b/o"))));
    EXPECT_EQ(keys(), Keys{"a/b/o"});
    EXPECT_EQ(subject_->leftovers(), Keys{});
}

TEST_P(StorageSuite, writers_and_removers_of_neighbours_do_not_get_in_each_other_s_way) {
    std::atomic<bool> stop{false};
    std::jthread lister([&] {
        while (!stop) EXPECT_TRUE(ok(storage().list("")));
    });
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 4; ++t)
            all.emplace_back([&, t] {
                for (int i = 0; i < 60; ++i) {
                    const std::string key = "shared/folder/" + std::to_string(t);
                    EXPECT_TRUE(ok(storage().put(key, "x")));
                    EXPECT_TRUE(ok(storage().remove(key)));
                }
                EXPECT_TRUE(ok(storage().put("shared/folder/kept-" + std::to_string(t), "x")));
            });
    }
    stop = true;
    lister.join();
    EXPECT_EQ(keys().size(), 4U);
}

// The child writes large objects without end and says so before each; it is killed in the middle of one.
TEST_P(StorageSuite, a_writer_that_is_killed_leaves_whole_objects_and_nothing_else) {
    for (int round = 0; round < 12; ++round) {
        int said[2] = {};
        ASSERT_EQ(::pipe(said), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            const auto mine = subject_->open();
            for (int i = 0;; ++i) {
                if (::write(said[1], "x", 1) != 1) ::_exit(1);
                if (!mine->put("objects/" + std::to_string(i % 3), letter_object(i))) ::_exit(2);
            }
        }
        ::close(said[1]);
        char byte = 0;
        for (int i = 0; i < 2 + round % 5; ++i) ASSERT_EQ(::read(said[0], &byte, 1), 1);
        ::kill(child, SIGKILL);
        ::close(said[0]);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
        storage_ = subject_->open();
        for (const std::string& key : keys()) {
            EXPECT_TRUE(key == "objects/0" || key == "objects/1" || key == "objects/2") << key;
            EXPECT_TRUE(is_whole(value_of(storage().get(key)))) << key;
        }
        EXPECT_GE(keys().size(), 1U) << "what was answered is there";
        EXPECT_EQ(subject_->leftovers(), Keys{});
    }
}

TEST_P(StorageSuite, opening_the_place_does_not_disturb_those_who_write_to_it) {
    std::atomic<bool> stop{false};
    std::jthread opener([&] {
        while (!stop) EXPECT_NE(subject_->open(), nullptr);
    });
    for (int i = 0; i < 40; ++i) EXPECT_TRUE(ok(storage().put("o", letter_object(i))));
    stop = true;
    opener.join();
    EXPECT_TRUE(is_whole(value_of(storage().get("o"))));
}

}  // namespace corral::contract
