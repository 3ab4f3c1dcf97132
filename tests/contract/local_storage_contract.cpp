// A local folder against the storage suite, and what only a folder can get wrong.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temp_folder.hpp"
#include "drivers/storage/local/local_storage.hpp"
#include "storage_suite.hpp"
#include "support/testing.hpp"

namespace corral::contract {

namespace {

namespace fs = std::filesystem;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class LocalSubject final : public StorageSubject {
public:
    LocalSubject() {
        fs::create_directory(folder_ / "local");
        struct stat ours{};
        struct stat memory{};
        if (::stat(folder_.path().c_str(), &ours) != 0 || ::stat("/dev/shm", &memory) != 0) return;
        std::string path = "/dev/shm/corral-storage-XXXXXX";
        if (ours.st_dev != memory.st_dev && ::mkdtemp(path.data()) != nullptr) elsewhere_ = path;
    }
    ~LocalSubject() override {
        std::error_code ignored;
        if (!elsewhere_.empty()) fs::remove_all(elsewhere_, ignored);
    }
    std::unique_ptr<catalog::Storage> open() override { return value_of(drivers::LocalStorage::open(root())); }
    std::vector<std::string> local_folders() override {
        std::vector<std::string> out{folder_ / "local"};
        if (!elsewhere_.empty()) out.push_back(elsewhere_);
        return out;
    }
    std::vector<std::string> leftovers() override {
        std::vector<std::string> out;
        for (const auto& item : fs::recursive_directory_iterator(root() + "/~unfinished"))
            out.push_back(item.path().string());
        return out;
    }
    [[nodiscard]] std::string root() const { return folder_ / "store"; }

private:
    TempFolder folder_;
    std::string elsewhere_;  // on another file system; "" when this host has none
};

TEST(LocalStorage, keeps_its_objects_to_itself) {
    LocalSubject subject;
    const auto storage = subject.open();
    ASSERT_TRUE(ok(storage->put("a/b", "x")));
    for (const auto& [path, mode] : {std::pair{"/a/b", 0600U}, std::pair{"/a", 0700U}, std::pair{"", 0700U}}) {
        struct stat info{};
        ASSERT_EQ(::stat((subject.root() + path).c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777U, mode) << path;
    }
}

TEST(LocalStorage, does_not_follow_links_that_somebody_put_into_the_folder) {
    LocalSubject subject;
    const auto storage = subject.open();
    const std::string outside = subject.local_folders().front();
    ASSERT_TRUE(ok(storage->put("a/b", "x")));
    std::ofstream(outside + "/secret") << "secret";
    fs::create_symlink(outside + "/secret", subject.root() + "/link");
    fs::create_directory_symlink(outside, subject.root() + "/folder");
    EXPECT_TRUE(fails_with(Errc::not_found, storage->get("link")));
    EXPECT_EQ(value_of(storage->size("link")), std::nullopt);
    EXPECT_EQ(value_of(storage->list("")).size(), 1U);
    ASSERT_TRUE(ok(storage->put("link", "an object")));
    EXPECT_EQ(value_of(storage->get("link")), "an object");
    std::ifstream file(outside + "/secret");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "secret")
        << "the link was replaced, not written through";
}

TEST(LocalStorage, one_folder_has_one_name_whatever_path_leads_to_it) {
    LocalSubject subject;
    const auto storage = subject.open();
    const std::string link = subject.local_folders().front() + "/link";
    fs::create_directory_symlink(subject.root(), link);
    for (const std::string& path : {subject.root() + "/", subject.root() + "//.", link})
        EXPECT_EQ(value_of(drivers::LocalStorage::open(path))->describe(), storage->describe()) << path;
}

TEST(LocalStorage, a_file_in_the_place_of_the_folder_is_refused) {
    LocalSubject subject;
    const std::string path = subject.local_folders().front() + "/file";
    std::ofstream(path) << "x";
    EXPECT_FALSE(drivers::LocalStorage::open(path));
    EXPECT_FALSE(drivers::LocalStorage::open(path + "/below"));
}

const MakeStorage make{"local", [] { return std::make_unique<LocalSubject>(); }};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Local, StorageSuite, testing::Values(make),
                         [](const auto& about) { return about.param.storage; });

}  // namespace corral::contract
