// Garbage collection: what a live image needs stays readable at every moment, and the rest goes.
#include "support/chunk_store_test.hpp"

namespace corral::catalog::chunks {
namespace {

using testing_support::fails_with;
using testing_support::noise;
using testing_support::ok;
using testing_support::value_of;
using testing_support::write_at;

class Collect : public ChunkStoreTest {
protected:
    Collected collect(const std::set<std::string>& live) { return value_of(store_->collect_garbage(live)); }
    std::string pushed(const std::string& path) { return value_of(push_file(path)).digest; }
    // A large image and one that is a tenth of it: without the large one most of their common pack is dead.
    struct Pair {
        std::string large, small, small_path;
    };
    Pair large_and_small() {
        const std::string large = disk("large", 1, 4U << 20);
        Pair out{pushed(large), "", folder_ / "small"};
        write_at(out.small_path, value_of(files::read_file(large)).substr(2U << 20, 6 * chunk_size), 0, 4U << 20);
        out.small = pushed(out.small_path);
        EXPECT_EQ(stored("packs").size(), 1U);
        return out;
    }
};

TEST_F(Collect, chunks_that_two_images_share_stay_while_either_lives) {
    const std::string a = disk("a", 1, 2U << 20);
    const std::string digest_a = pushed(a);
    const std::string b = disk("b", 1, 2U << 20);
    write_at(b, noise(1U << 20, 7), 2U << 20, 4U << 20);
    const std::string digest_b = pushed(b);
    EXPECT_EQ(collect({digest_a, digest_b}).bytes, 0U);
    EXPECT_EQ(collect({digest_b}).images, 1U);
    EXPECT_FALSE(value_of(store_->has_image(digest_a)));
    EXPECT_TRUE(holds(digest_b, b));
    restart();
    EXPECT_TRUE(holds(digest_b, b));
    const auto last = collect({});
    EXPECT_EQ(last.images, 1U);
    EXPECT_EQ(last.packs, 2U);
    EXPECT_EQ(store_->chunk_count(), 0U);
    EXPECT_EQ(stored_bytes(), 0U);
}

TEST_F(Collect, a_mostly_dead_pack_is_rewritten_and_gives_its_space_back) {
    const Pair pair = large_and_small();
    const std::uint64_t before = stored_bytes();
    const auto out = collect({pair.small});
    EXPECT_EQ(out.rewritten, 1U);
    EXPECT_EQ(out.packs, 0U);
    EXPECT_LT(stored_bytes(), before / 4);
    EXPECT_GE(before - stored_bytes(), out.bytes);
    EXPECT_GT(out.bytes, before / 2);
    EXPECT_TRUE(holds(pair.small, pair.small_path));
    restart();
    EXPECT_TRUE(holds(pair.small, pair.small_path));
    EXPECT_EQ(collect({pair.small}).rewritten, 0U) << "what is compact stays as it is";
}

TEST_F(Collect, a_pack_that_is_needed_by_half_stays) {
    const std::string path = disk("a", 1, 4U << 20);
    pushed(path);
    write_at(folder_ / "b", value_of(files::read_file(path)).substr(0, 3U << 20), 0, 4U << 20);
    const std::string b = pushed(folder_ / "b");
    const auto packs = stored("packs");
    EXPECT_EQ(collect({b}).rewritten, 0U);
    EXPECT_EQ(stored("packs"), packs);
    EXPECT_TRUE(holds(b, folder_ / "b"));
}

TEST_F(Collect, what_is_gone_is_sent_again_by_the_next_push) {
    const std::string path = disk("a", 1, 1U << 20);
    const std::string digest = pushed(path);
    collect({});
    const auto again = value_of(push_file(path));
    EXPECT_EQ(again.digest, digest);
    EXPECT_EQ(again.sent_chunks, 16U);
    EXPECT_TRUE(holds(digest, path));
}

TEST_F(Collect, what_failed_pushes_left_behind_goes) {
    const std::string kept = disk("kept", 1, 1U << 20);
    const std::string digest = pushed(kept);
    const std::uint64_t before = stored_bytes();
    {
        auto target = value_of(store_->upload("s"));
        storage_->fail_at(4);  // after its pack and before its index
        ASSERT_FALSE(push_to(*target, disk("b", 2, 1U << 20)));
        storage_->never_fail();
    }
    ASSERT_EQ(stored("packs").size(), 2U);
    collect({digest});
    EXPECT_EQ(stored_bytes(), before);
    EXPECT_TRUE(holds(digest, kept));
}

TEST_F(Collect, it_does_not_run_beside_an_upload_nor_an_upload_beside_it) {
    const std::string digest = pushed(disk("a", 1, 1U << 20));
    auto open = value_of(store_->upload("s"));
    EXPECT_TRUE(fails_with(Errc::busy, store_->collect_garbage({digest})));
    open.reset();
    bool asked = false;
    storage_->on_call([&](const auto& call) {
        if (call.verb != "list" || asked) return;
        asked = true;
        EXPECT_TRUE(fails_with(Errc::busy, store_->upload("t")));
        EXPECT_TRUE(fails_with(Errc::busy, store_->collect_garbage({})));
    });
    collect({digest});
    EXPECT_TRUE(asked);
    storage_->on_call({});
    EXPECT_TRUE(ok(store_->upload("t")));
}

TEST_F(Collect, live_images_can_be_read_at_every_step_of_it) {
    const Pair pair = large_and_small();
    const auto ids = [&] {
        std::vector<ChunkId> out;
        for (const auto& ref : value_of(decode_index(value_of(store_->image_index(pair.small)))).entries[0].segments)
            for (const auto& place : value_of(decode_segment(value_of(store_->segment(ref.digest)))).places)
                out.push_back(place.id);
        return out;
    }();
    int looked = 0;
    bool inside = false;
    storage_->on_call([&](const auto& call) {
        if (inside || (call.verb != "put" && call.verb != "remove" && call.verb != "list")) return;
        inside = true;
        EXPECT_TRUE(ok(store_->frames(ids))) << "before " << call.verb << " " << call.key;
        inside = false;
        ++looked;
    });
    EXPECT_EQ(collect({pair.small}).rewritten, 1U);
    EXPECT_GT(looked, 4);
    EXPECT_TRUE(ok(store_->frames(ids)));
}

TEST_F(Collect, a_reader_whose_pack_goes_away_under_its_hands_looks_again) {
    const Pair pair = large_and_small();
    bool collected = false;
    storage_->on_call([&](const auto& call) {
        if (collected || call.verb != "get" || !call.key.starts_with("corral/packs")) return;
        collected = true;  // the reader has looked the place up and is about to read there
        EXPECT_EQ(collect({pair.small}).rewritten, 1U);
    });
    EXPECT_TRUE(holds(pair.small, pair.small_path));
    EXPECT_TRUE(collected);
}

TEST_F(Collect, pulls_go_on_beside_it) {
    Pair pair = large_and_small();
    std::atomic<bool> stop{false};
    std::atomic<int> pulls{0};
    std::jthread puller([&] {
        for (int i = 0; !stop; ++i) {
            const std::string to = folder_ / ("pull-" + std::to_string(i));
            EXPECT_TRUE(ok(fetch(pair.small, *store_, to, {.threads = 2})));
            EXPECT_TRUE(testing_support::same_content(to + "/disk.raw", pair.small_path));
            EXPECT_TRUE(ok(files::remove_tree(to)));
            ++pulls;
        }
    });
    for (unsigned i = 0; i < 4; ++i) {
        pushed(disk("garbage-" + std::to_string(i), 100 + i, 1U << 20));
        EXPECT_TRUE(ok(store_->collect_garbage({pair.small})));
    }
    EXPECT_TRUE(testing_support::eventually([&] { return pulls > 1; }));
    stop = true;
}

TEST_F(Collect, at_whatever_call_the_storage_fails_live_images_stay_whole_and_trying_again_finishes) {
    for (const When when : {When::before_effect, When::after_effect})
        for (int call = 1;; ++call) {
            SCOPED_TRACE(testing::Message() << "call " << call);
            ASSERT_TRUE(ok(files::remove_tree(folder_ / "store")));
            restart();
            const Pair pair = large_and_small();
            storage_->fail_at(call, when);
            const auto first = store_->collect_garbage({pair.small});
            if (!storage_->has_failed()) {
                ASSERT_GT(call, 8);
                break;
            }
            storage_->never_fail();
            EXPECT_TRUE(holds(pair.small, pair.small_path));
            restart();
            EXPECT_TRUE(holds(pair.small, pair.small_path)) << "also for the next process";
            EXPECT_TRUE(ok(store_->collect_garbage({pair.small})));
            EXPECT_TRUE(holds(pair.small, pair.small_path));
            EXPECT_EQ(stored("images").size(), 1U);
            EXPECT_EQ(stored("packs").size(), 1U);
            EXPECT_LT(stored_bytes(), 1U << 20);
        }
}

TEST_F(Collect, nothing_is_removed_when_a_live_image_cannot_be_read) {
    const std::string digest = pushed(disk("a", 1, 1U << 20));
    pushed(disk("b", 2, 1U << 20));
    const auto before = stored_bytes();
    EXPECT_FALSE(store_->collect_garbage({digest, std::string(64, 'f')}));
    ASSERT_TRUE(ok(storage_->put(stored("images").front(), "damaged")));
    ASSERT_TRUE(ok(storage_->put(stored("images").back(), "damaged")));
    EXPECT_FALSE(store_->collect_garbage({digest}));
    EXPECT_EQ(stored("packs").size(), 2U);
    EXPECT_EQ(stored("segments").size(), 2U);
    EXPECT_LE(stored_bytes(), before);
}

TEST_F(Collect, a_pack_that_cannot_be_read_holds_up_nothing) {
    const std::string kept = disk("a", 1, 1U << 20);
    const std::string digest = pushed(kept);
    pushed(disk("b", 2, 1U << 20));
    ASSERT_TRUE(ok(storage_->put("corral/packs/00/nonsense.pack", "this is no pack")));
    restart();
    EXPECT_TRUE(holds(digest, kept));
    const auto out = collect({digest});
    EXPECT_EQ(out.packs, 1U);
    EXPECT_TRUE(holds(digest, kept));
    EXPECT_TRUE(ok(storage_->get("corral/packs/00/nonsense.pack", 0, 4))) << "it is left for who may rescue it";
}

}  // namespace
}  // namespace corral::catalog::chunks
