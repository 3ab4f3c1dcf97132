// Cached images: whole or not there, kept while a record or a machine needs them, and nothing else is left.
#include "catalog/image_cache.hpp"

#include "catalog/migrations.hpp"
#include "catalog/store.hpp"
#include "support/chunk_store_test.hpp"

namespace corral::catalog {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::same_content;
using testing_support::value_of;

class Cache : public chunks::ChunkStoreTest {
protected:
    void SetUp() override {
        ChunkStoreTest::SetUp();
        path_ = disk("disk", 1, 1U << 20);
        digest_ = value_of(push_file(path_)).digest;
        ASSERT_TRUE(ok(files::make_folders(folder_ / "cache")));
    }
    Result<ImageCache::Fetched> ensure() { return cache_.ensure(digest_, "record", *store_, {}); }
    bool pin(const std::string& machine) {
        return value_of(database_->write([&](db::Tx& tx) {
            if (!store::cached_image(tx, digest_)) return false;
            store::pin(tx, machine, digest_);
            return true;
        }));
    }
    void unpin(const std::string& machine) {
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::unpin(tx, machine); })));
    }
    void forget_row() {
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::remove_cached_image(tx, digest_); })));
    }
    [[nodiscard]] std::string folder(const char* suffix = "") const { return folder_ / ("cache/" + digest_ + suffix); }
    [[nodiscard]] bool empty() const { return std::filesystem::is_empty(folder_ / "cache"); }

    FakeClock clock_;
    std::unique_ptr<db::Database> database_ = testing_support::open_database(folder_.path(), {migrations()});
    ImageCache cache_{*database_, clock_, folder_ / "cache", 0};
    std::string path_, digest_;
};

TEST_F(Cache, an_image_is_fetched_once) {
    EXPECT_FALSE(value_of(ensure()).was_there);
    EXPECT_TRUE(value_of(ensure()).was_there);
    EXPECT_TRUE(same_content(folder() + "/disk.raw", path_));
}

TEST_F(Cache, an_image_stays_while_a_record_or_a_machine_needs_it) {
    ASSERT_TRUE(ok(ensure()));
    ASSERT_TRUE(pin("machine"));
    EXPECT_TRUE(ok(cache_.collect({})));
    EXPECT_TRUE(files::exists(folder()));
    unpin("machine");
    EXPECT_TRUE(ok(cache_.collect({digest_})));
    EXPECT_TRUE(files::exists(folder()));
    EXPECT_TRUE(ok(cache_.collect({})));
    EXPECT_TRUE(empty());
    EXPECT_FALSE(pin("late")) << "nobody is given an image that is gone";
}

TEST_F(Cache, what_a_crash_left_without_a_row_goes_when_nothing_needs_it) {
    ASSERT_TRUE(ok(ensure()));
    forget_row();
    EXPECT_TRUE(ok(cache_.collect({digest_})));
    EXPECT_TRUE(files::exists(folder())) << "the next pull takes it as it is";
    EXPECT_TRUE(value_of(ensure()).was_there);
    forget_row();
    EXPECT_TRUE(ok(cache_.collect({})));
    EXPECT_TRUE(empty());
}

TEST_F(Cache, a_begun_fetch_goes_when_nothing_needs_it) {
    ASSERT_TRUE(ok(files::make_folders(folder(".partial"))));
    testing_support::write_at(folder(".partial") + "/disk.raw", "half", 0, 0);
    EXPECT_TRUE(ok(cache_.collect({digest_})));
    EXPECT_FALSE(empty()) << "a resumed pull goes on with it";
    EXPECT_TRUE(ok(cache_.collect({})));
    EXPECT_TRUE(empty());
}

TEST_F(Cache, a_row_whose_files_are_gone_is_made_good_by_the_next_pull) {
    ASSERT_TRUE(ok(ensure()));
    ASSERT_TRUE(ok(files::remove_tree(folder())));
    EXPECT_FALSE(value_of(ensure()).was_there);
    EXPECT_TRUE(same_content(folder() + "/disk.raw", path_));
}

TEST_F(Cache, an_image_that_the_store_lacks_is_the_stores_fault) {
    ASSERT_TRUE(ok(store_->collect_garbage({})));
    EXPECT_TRUE(fails_with(Errc::upstream, ensure()));
    EXPECT_TRUE(empty());
}

TEST_F(Cache, other_files_in_its_folder_are_left_alone) {
    testing_support::write_at(folder_ / "cache/lost+found", "mine", 0, 0);
    EXPECT_TRUE(ok(cache_.collect({})));
    EXPECT_TRUE(files::exists(folder_ / "cache/lost+found"));
}

}  // namespace
}  // namespace corral::catalog
