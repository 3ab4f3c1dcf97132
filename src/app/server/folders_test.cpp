#include "app/server/folders.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/temp_folder.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"
#include "support/results.hpp"

namespace corral::app {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class FoldersTest : public testing::Test {
protected:
    static void SetUpTestSuite() { crypto::init(); }
    void SetUp() override {
        for (const Key& key : keys()) ::unsetenv(std::string(key.name).c_str());
        std::ofstream(folder_ / "none.yaml") << "";
    }
    Result<Folders> make(std::vector<std::string> flags) {
        flags.push_back("--config=" + folder_ / "none.yaml");
        return make_folders(value_of(Config::load(flags)));
    }
    static unsigned mode(const std::string& path) {
        struct stat info{};
        return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0U;
    }
    TempFolder folder_;
};

TEST_F(FoldersTest, everything_lies_below_the_data_folder_unless_it_is_named) {
    const auto usual = value_of(make({"--DATABASE_FOLDER=" + folder_ / "data//"}));
    EXPECT_EQ(usual.data, folder_ / "data");
    EXPECT_EQ(usual.machines, folder_ / "data/machines");
    EXPECT_EQ(usual.cache, folder_ / "data/cache");
    const auto named =
        value_of(make({"--DATABASE_FOLDER=" + folder_ / "data", "--MACHINES_FOLDER=" + folder_ / "m/../vms",
                       "--CATALOG_CACHE_FOLDER=" + folder_ / "pulled"}));
    EXPECT_EQ(named.machines, folder_ / "vms");
    EXPECT_EQ(named.cache, folder_ / "pulled");
    for (const std::string& made : {usual.data, usual.machines, usual.cache, named.machines, usual.data + "/work"})
        EXPECT_EQ(mode(made), 0700U) << made;
}

TEST_F(FoldersTest, a_relative_folder_is_taken_from_where_the_service_starts) {
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder_.path());
    const auto folders = make({"--DATABASE_FOLDER=data"});
    std::filesystem::current_path(before);
    EXPECT_EQ(value_of(folders).data, folder_ / "data");
}

TEST_F(FoldersTest, a_folder_that_cannot_be_made_is_named) {
    std::ofstream(folder_ / "file") << "";
    const auto failed = make({"--DATABASE_FOLDER=" + folder_ / "file/data"});
    EXPECT_TRUE(fails_with(Errc::unavailable, failed));
    EXPECT_NE(failed.error().message.find(folder_ / "file/data"), std::string::npos);
}

TEST_F(FoldersTest, callers_may_name_machines_cache_and_store_and_nothing_else_of_ours) {
    const auto folders = value_of(make({"--DATABASE_FOLDER=" + folder_ / "data"}));
    for (const std::string& path : {folders.machines + "/m1/disk.qcow2", folders.cache + "/x", folders.store + "/y"})
        EXPECT_TRUE(ok(files::confine(path, folders.usual(), folders.own()))) << path;
    for (const char* name :
         {"corral.db", "corral.db-wal", "corral.db-shm", "secret.key", "hypervisor/x", "work/x", "logs/x"})
        EXPECT_TRUE(fails_with(Errc::forbidden, files::confine(folders.data + "/" + name, {}, folders.own()))) << name;
    EXPECT_TRUE(fails_with(Errc::forbidden, files::confine(folders.data, {}, folders.own())));
}

TEST_F(FoldersTest, Q46_the_master_key_is_made_once_and_private) {
    const auto folders = value_of(make({"--DATABASE_FOLDER=" + folder_ / "data"}));
    const auto key = value_of(master_key(folders));
    EXPECT_EQ(key.reveal().size(), 32U);
    EXPECT_EQ(mode(folders.data + "/secret.key"), 0600U);
    EXPECT_EQ(value_of(master_key(folders)).reveal(), key.reveal());
}

TEST_F(FoldersTest, a_damaged_master_key_is_never_replaced_by_a_new_one) {
    const auto folders = value_of(make({"--DATABASE_FOLDER=" + folder_ / "data"}));
    std::ofstream(folders.data + "/secret.key") << "short";
    EXPECT_TRUE(fails_with(Errc::unavailable, master_key(folders)));
    EXPECT_EQ(value_of(files::read_file(folders.data + "/secret.key")), "short");
}

}  // namespace
}  // namespace corral::app
