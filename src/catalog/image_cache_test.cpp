// Cached images: whole or not there, kept while a record or a machine needs them, and nothing else is left.
#include "catalog/image_cache.hpp"

#include "support/catalog_test.hpp"
#include "support/chunk_store_test.hpp"

namespace corral::catalog {
namespace {

namespace fs = std::filesystem;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::same_content;
using testing_support::TestProgress;
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

// ---- as machines get them

class Pull : public CatalogTest {
protected:
    Result<ImageForMachine> image(const std::string& id = "ubuntu") {
        return catalog_->image_for(root_, {.catalog_id = id, .architecture = "x86_64"}, progress_);
    }
    Result<void> pin(const std::string& machine, const std::string& digest) {
        return database_->write([&](db::Tx& tx) -> Result<void> {
            if (!catalog_->pin(tx, machine, digest)) return Error{Errc::conflict, "it is gone"};
            return {};
        });
    }
    void unpin(const std::string& machine) {
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { catalog_->unpin(tx, machine); })));
    }
    std::vector<std::string> in_cache() {
        std::vector<std::string> out;
        if (!files::exists(settings_.cache_folder)) return out;
        for (const auto& item : fs::directory_iterator(settings_.cache_folder)) out.push_back(item.path().filename());
        return out;
    }
    std::optional<store::CachedImage> row(const std::string& digest) {
        return value_of(database_->read([&](db::Tx& tx) { return store::cached_image(tx, digest); }));
    }
    // Calls of the storage that read packs.
    std::shared_ptr<std::atomic<int>> count_pack_reads() {
        auto out = std::make_shared<std::atomic<int>>(0);
        storage().on_call([out](const auto& call) {
            if (call.verb == "get" && call.key.starts_with("corral/packs")) ++*out;
        });
        return out;
    }
    TestProgress progress_;
};

TEST_F(Pull, an_image_for_a_machine_is_its_disk_read_only_with_the_record_that_was_chosen) {
    const Manifest m = pushed("ubuntu", "24");
    const auto got = value_of(image());
    EXPECT_EQ(got.digest, kept(m.id)->digest);
    EXPECT_EQ(got.manifest.id, m.id);
    EXPECT_TRUE(same_content(got.disk_path, folder_ / "disks/ubuntu241"));
    EXPECT_EQ(fs::status(got.disk_path).permissions(), fs::perms(0400));
    EXPECT_EQ(kept(m.id)->download_count, 1) << "it counts as a download";
    const auto cached = row(got.digest);
    ASSERT_TRUE(cached);
    EXPECT_EQ(cached->manifest_id, m.id);
    EXPECT_EQ(cached->bytes, 2 << 20);
    EXPECT_EQ(cached->used_count, 1);
    EXPECT_EQ(cached->last_used_at, clock_.now());
}

TEST_F(Pull, the_steps_of_a_pull_are_told_also_when_nothing_had_to_be_fetched) {
    pushed("ubuntu", "24");
    ASSERT_TRUE(ok(image()));
    EXPECT_EQ(progress_.told,
              (std::vector<std::string>{"start pull_check_cache_stage", "finish pull_check_cache_stage",
                                        "finish downloader", "finish decompressor", "finish pull_cache_stage"}));
    EXPECT_GT(progress_.advances, 0);
    progress_.told.clear();
    ASSERT_TRUE(ok(image()));
    EXPECT_EQ(progress_.told[2], "skip downloader");
    EXPECT_EQ(progress_.told[3], "skip decompressor");
}

TEST_F(Pull, many_who_want_one_image_fetch_it_once) {
    pushed("ubuntu", "24");
    const auto reads = count_pack_reads();
    const std::string digest = value_of(image()).digest;
    const int once = *reads;
    EXPECT_GT(once, 0);
    ASSERT_TRUE(ok(files::remove_tree(settings_.cache_folder)));
    *reads = 0;
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 8; ++t)
            all.emplace_back([&] {
                TestProgress progress;
                const auto got =
                    catalog_->image_for(root_, {.catalog_id = "ubuntu", .architecture = "x86_64"}, progress);
                ASSERT_TRUE(ok(got));
                EXPECT_TRUE(same_content(got->disk_path, folder_ / "disks/ubuntu241"));
            });
    }
    EXPECT_EQ(*reads, once);
    EXPECT_EQ(in_cache(), std::vector<std::string>{digest});
    EXPECT_EQ(row(digest)->used_count, 9);
}

TEST_F(Pull, a_pinned_image_outlives_its_record_and_goes_with_its_last_machine) {
    pushed("ubuntu", "24");
    const std::string digest = value_of(image()).digest;
    ASSERT_TRUE(ok(pin("machine-1", digest)));
    ASSERT_TRUE(ok(pin("machine-2", digest)));
    ASSERT_TRUE(ok(catalog_->remove(root_, "ubuntu", "", "", true)));
    EXPECT_EQ(in_cache(), std::vector<std::string>{digest});
    unpin("machine-1");
    ASSERT_TRUE(ok(catalog_->tidy_cache()));
    EXPECT_EQ(in_cache(), std::vector<std::string>{digest});
    unpin("machine-2");
    ASSERT_TRUE(ok(catalog_->tidy_cache()));
    EXPECT_TRUE(in_cache().empty());
    EXPECT_FALSE(row(digest));
}

TEST_F(Pull, without_caching_an_image_is_kept_for_its_machines_alone) {
    settings_.keep_unused_images = false;
    restart();
    pushed("ubuntu", "24");
    const std::string digest = value_of(image()).digest;
    ASSERT_TRUE(ok(catalog_->tidy_cache()));
    EXPECT_EQ(in_cache(), std::vector<std::string>{digest}) << "a machine may be about to pin it";
    ASSERT_TRUE(ok(pin("machine", digest)));
    clock_.advance(std::chrono::hours{1});
    ASSERT_TRUE(ok(catalog_->tidy_cache()));
    EXPECT_EQ(in_cache(), std::vector<std::string>{digest});
    unpin("machine");
    ASSERT_TRUE(ok(catalog_->tidy_cache()));
    EXPECT_TRUE(in_cache().empty()) << "although its record is still there";
    EXPECT_TRUE(ok(image())) << "and it can be fetched again";
}

TEST_F(Pull, what_was_collected_cannot_be_pinned_any_more) {
    pushed("ubuntu", "24");
    const std::string digest = value_of(image()).digest;
    ASSERT_TRUE(ok(catalog_->remove(root_, "ubuntu", "", "", true)));
    EXPECT_TRUE(fails_with(Errc::conflict, pin("machine", digest)));
    EXPECT_TRUE(fails_with(Errc::conflict, pin("machine", "never there")));
}

TEST_F(Pull, a_fetch_that_broke_off_goes_on_with_the_rest_and_shows_nothing_before) {
    PushRequest wanted = request("ubuntu", "24");
    testing_support::write_at(wanted.local_path, testing_support::noise(20U << 20, 5), 0, 24U << 20);
    const Manifest m = pushed(wanted);
    restart();
    ASSERT_TRUE(ok(catalog_->own_store()));
    std::atomic<int> reads{0};
    storage().on_call([&](const auto& call) {
        if (call.verb == "get" && call.key.starts_with("corral/packs") && ++reads == 2) progress_.stop.request_stop();
    });
    ASSERT_TRUE(fails_with(Errc::timeout, image()));
    const std::string digest = kept(m.id)->digest;
    EXPECT_EQ(in_cache(), std::vector<std::string>{digest + ".partial"});
    EXPECT_FALSE(row(digest));
    EXPECT_TRUE(fails_with(Errc::conflict, pin("machine", digest)));
    const int before = reads;
    TestProgress again;
    const auto got = catalog_->image_for(root_, {.catalog_id = "ubuntu", .architecture = "x86_64"}, again);
    ASSERT_TRUE(ok(got));
    EXPECT_LT(reads - before, 5) << "of five requests the first ones were not made again";
    EXPECT_TRUE(same_content(got->disk_path, wanted.local_path));
}

TEST_F(Pull, a_damaged_store_is_the_store_s_fault_and_leaves_no_image) {
    pushed("ubuntu", "24");
    const std::string pack = value_of(storage().list("corral/packs")).front().key;
    const std::string good = file_in_store(pack);
    std::string bad = good;
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    ASSERT_TRUE(ok(storage().put(pack, bad)));
    EXPECT_TRUE(fails_with(Errc::upstream, image()));
    ASSERT_TRUE(ok(storage().remove(pack)));
    EXPECT_TRUE(fails_with(Errc::upstream, image())) << "not a 404: the record is there";
    ASSERT_TRUE(ok(storage().put(pack, good)));
    EXPECT_TRUE(ok(image()));
}

TEST_F(Pull, an_image_that_does_not_fit_is_refused_before_anything_is_written) {
    settings_.keep_free_bytes = ~std::uint64_t{0} >> 2U;
    restart();
    pushed("ubuntu", "24");
    EXPECT_TRUE(fails_with(Errc::unavailable, image()));
    EXPECT_TRUE(in_cache().empty());
}

TEST_F(Pull, an_image_of_several_files_is_no_disk_for_a_machine) {
    fs::create_directory(folder_ / "disks/bundle");
    ASSERT_TRUE(ok(files::replace_file(folder_ / "disks/bundle/config", "x")));
    PushRequest wanted = request("bundle", "1");
    wanted.local_path = folder_ / "disks/bundle";
    pushed(wanted);
    EXPECT_TRUE(fails_with(Errc::unsupported, image("bundle")));
}

TEST_F(Pull, fetching_and_collecting_at_once_never_hands_out_what_is_going) {
    pushed("ubuntu", "24");
    std::atomic<bool> stop{false};
    std::jthread collector([&] {
        while (!stop) EXPECT_TRUE(ok(catalog_->tidy_cache()));
    });
    for (int i = 0; i < 10; ++i) {
        TestProgress progress;
        const auto got = catalog_->image_for(root_, {.catalog_id = "ubuntu", .architecture = "x86_64"}, progress);
        ASSERT_TRUE(ok(got));
        ASSERT_TRUE(ok(pin("machine", got->digest)));
        EXPECT_TRUE(files::exists(got->disk_path));
        unpin("machine");
    }
    stop = true;
}

}  // namespace
}  // namespace corral::catalog
