// Uploads: what is taken in, what survives a cut, and that a commit is all or nothing.
#include "catalog/chunks/upload.hpp"

#include "support/chunk_store_test.hpp"

namespace corral::catalog::chunks {
namespace {

namespace fs = std::filesystem;
using testing_support::fails_with;
using testing_support::noise;
using testing_support::ok;
using testing_support::value_of;

std::string frame_of(const std::vector<std::string>& raw) {
    std::vector<RawChunk> chunks;
    for (const auto& r : raw) chunks.push_back({id_of(r), r});
    return encode_frame(chunks, 3);
}

// An image of one file, which is these chunks one after the other.
FinishedImage image_of(const std::vector<std::string>& raw) {
    Segment segment;
    std::uint64_t size = 0;
    for (std::uint32_t i = 0; i < raw.size(); ++i) {
        segment.places.push_back({i, id_of(raw[i])});
        size = i * chunk_size + raw[i].size();
    }
    FinishedImage out;
    out.segments.push_back(encode_segment(segment));
    ImageIndex index;
    index.entries.push_back({"disk.raw", "disk", 0600, size, {{0, digest_of(out.segments.front())}}});
    out.index = encode_index(index);
    return out;
}

class Upload : public ChunkStoreTest {
protected:
    std::string only_pack_of(const std::string& session) {
        std::vector<std::string> found;
        for (const auto& file : fs::directory_iterator(folder_ / "work/" + session)) found.push_back(file.path());
        EXPECT_EQ(found.size(), 1U);
        return found.front();
    }
};

TEST_F(Upload, a_session_is_one_caller_s_at_a_time) {
    auto first = value_of(store_->upload("s"));
    EXPECT_TRUE(fails_with(Errc::busy, store_->upload("s")));
    EXPECT_TRUE(ok(store_->upload("other")));
    first.reset();
    EXPECT_TRUE(ok(store_->upload("s")));
}

TEST_F(Upload, tells_what_is_missing_in_the_order_asked) {
    const std::string a = noise(100, 1), b = noise(100, 2), c = noise(100, 3);
    auto target = value_of(store_->upload("s"));
    EXPECT_EQ(value_of(target->missing({id_of(a), id_of(b)})), (std::vector<bool>{true, true}));
    ASSERT_TRUE(ok(target->upload(frame_of({a, b}))));
    EXPECT_EQ(value_of(target->missing({id_of(c), id_of(b), id_of(a)})), (std::vector<bool>{true, false, false}));
    EXPECT_EQ(store_->missing({id_of(a)}), std::vector<bool>{true}) << "others cannot build on it yet";
    EXPECT_EQ(value_of(target->missing({})), std::vector<bool>{});
}

TEST_F(Upload, takes_only_what_is_exactly_one_good_frame) {
    auto target = value_of(store_->upload("s"));
    const std::string a = noise(100, 1);
    const std::string good = frame_of({a});
    std::string damaged = good;
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    std::string patch = good;
    patch[6] = 1;
    for (const std::string& bad : {std::string(), damaged, patch, good + good, good + "x",
                                   good.substr(0, good.size() - 1), encode_frame({{id_of("something else"), a}}, 3)})
        EXPECT_TRUE(fails_with(Errc::invalid, target->upload(bad)));
    EXPECT_EQ(value_of(target->missing({id_of(a), id_of("something else")})), (std::vector<bool>{true, true}));
    EXPECT_TRUE(ok(target->upload(good)));
}

TEST_F(Upload, a_frame_that_came_before_is_kept_once) {
    auto target = value_of(store_->upload("s"));
    const std::string frame = frame_of({noise(100, 1), noise(100, 2)});
    ASSERT_TRUE(ok(target->upload(frame)));
    const auto before = fs::file_size(only_pack_of("s"));
    ASSERT_TRUE(ok(target->upload(frame)));
    EXPECT_EQ(fs::file_size(only_pack_of("s")), before);
}

TEST_F(Upload, cut_off_at_any_byte_exactly_the_whole_frames_are_found_again) {
    const std::vector<std::string> raw{noise(60, 1), noise(60, 2), noise(60, 3)};
    std::vector<std::uint64_t> ends;  // of each frame in the pack
    {
        auto target = value_of(store_->upload("s"));
        for (const auto& chunk : raw) {
            ASSERT_TRUE(ok(target->upload(frame_of({chunk}))));
            ends.push_back(fs::file_size(only_pack_of("s")));
        }
    }
    const std::string pack = only_pack_of("s");
    const std::string whole = value_of(files::read_file(pack));
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        ASSERT_TRUE(ok(files::replace_file(pack, whole.substr(0, length))));
        auto target = value_of(store_->upload("s"));
        const auto missing = value_of(target->missing({id_of(raw[0]), id_of(raw[1]), id_of(raw[2])}));
        for (std::size_t i = 0; i < raw.size(); ++i) EXPECT_EQ(missing[i], ends[i] > length) << length;
    }
}

TEST_F(Upload, a_frame_that_was_damaged_meanwhile_is_asked_for_again_and_the_image_is_right) {
    const std::vector<std::string> raw{noise(chunk_size, 1), noise(chunk_size, 2), noise(chunk_size, 3)};
    {
        auto target = value_of(store_->upload("s"));
        for (const auto& chunk : raw) ASSERT_TRUE(ok(target->upload(frame_of({chunk}))));
    }
    const std::string pack = only_pack_of("s");
    std::string bytes = value_of(files::read_file(pack));
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    ASSERT_TRUE(ok(files::replace_file(pack, bytes + "and torn")));
    restart();
    auto target = value_of(store_->upload("s"));
    const auto missing = value_of(target->missing({id_of(raw[0]), id_of(raw[1]), id_of(raw[2])}));
    EXPECT_FALSE(missing[0]);
    EXPECT_TRUE(missing[1]);
    for (std::size_t i = 0; i < raw.size(); ++i)
        if (missing[i]) ASSERT_TRUE(ok(target->upload(frame_of({raw[i]}))));
    const std::string digest = value_of(target->commit(image_of(raw)));
    EXPECT_EQ(value_of(fetched(digest)), raw[0] + raw[1] + raw[2]);
}

TEST_F(Upload, an_abandoned_one_leaves_nothing) {
    ASSERT_TRUE(ok(value_of(store_->upload("s"))->upload(frame_of({noise(100, 1)}))));
    ASSERT_TRUE(ok(store_->abandon("s")));
    EXPECT_FALSE(files::exists(folder_ / "work/s"));
    EXPECT_TRUE(value_of(value_of(store_->upload("s"))->missing({id_of(noise(100, 1))})).front());
    ASSERT_TRUE(ok(store_->abandon("never there")));
}

TEST_F(Upload, a_commit_names_what_is_missing_and_shows_nothing) {
    const std::vector<std::string> raw{noise(chunk_size, 1), noise(chunk_size, 2)};
    auto target = value_of(store_->upload("s"));
    ASSERT_TRUE(ok(target->upload(frame_of({raw[0]}))));
    const auto incomplete = target->commit(image_of(raw));
    ASSERT_TRUE(fails_with(Errc::conflict, incomplete));
    EXPECT_NE(incomplete.error().message.find(to_hex(id_of(raw[1]))), std::string::npos);
    FinishedImage without_segment = image_of(raw);
    without_segment.segments.clear();
    EXPECT_FALSE(target->commit(without_segment));
    FinishedImage nonsense = image_of(raw);
    nonsense.index = "{}";
    EXPECT_TRUE(fails_with(Errc::invalid, target->commit(nonsense)));
    EXPECT_TRUE(stored("images").empty());
    EXPECT_TRUE(stored("segments").empty());
    ASSERT_TRUE(ok(target->upload(frame_of({raw[1]})))) << "and the upload goes on";
    EXPECT_EQ(value_of(fetched(value_of(target->commit(image_of(raw))))), raw[0] + raw[1]);
}

TEST_F(Upload, committing_again_gives_the_same_image) {
    const std::vector<std::string> raw{noise(chunk_size, 1)};
    auto target = value_of(store_->upload("s"));
    ASSERT_TRUE(ok(target->upload(frame_of(raw))));
    const std::string digest = value_of(target->commit(image_of(raw)));
    EXPECT_EQ(value_of(target->commit(image_of(raw))), digest);
    target.reset();
    EXPECT_EQ(value_of(value_of(store_->upload("s"))->commit(image_of(raw))), digest) << "after a lost answer";
    EXPECT_EQ(stored("packs").size(), 1U);
    EXPECT_FALSE(files::exists(folder_ / "work/s/1000000.pack"));
}

TEST_F(Upload, at_whatever_call_the_storage_fails_nothing_is_visible_and_trying_again_works) {
    const std::string path = disk("a", 1, 3 * chunk_size + 100, 200 << 20);
    testing_support::write_at(path, noise(chunk_size, 2), 130 << 20, 0);  // a second segment
    for (const When when : {When::before_effect, When::after_effect}) {
        for (const bool same_session : {true, false}) {
            for (int call = 1;; ++call) {
                SCOPED_TRACE(testing::Message() << "call " << call << (same_session ? ", same session" : ", restart"));
                ASSERT_TRUE(ok(files::remove_tree(folder_ / "store")));
                restart();
                auto target = value_of(store_->upload("s"));
                storage_->fail_at(call, when);
                const auto first = push_to(*target, path);
                if (!storage_->has_failed()) {
                    ASSERT_TRUE(ok(first));
                    ASSERT_GT(call, 4) << "packs, segments and the index were written";
                    break;
                }
                EXPECT_FALSE(first);
                storage_->never_fail();
                const bool image_was_written = when == When::after_effect && !stored("images").empty();
                if (!image_was_written) {
                    EXPECT_TRUE(stored("images").empty()) << "half a push is never visible";
                }
                if (!same_session) {
                    target.reset();
                    restart();
                    target = value_of(store_->upload("s"));
                }
                const auto second = push_to(*target, path);
                ASSERT_TRUE(ok(second));
                EXPECT_EQ(stored("images").size(), 1U);
                EXPECT_TRUE(holds(second->digest, path));
                target.reset();
                restart();
                EXPECT_TRUE(holds(second->digest, path)) << "also for the next process";
            }
        }
    }
}

// The first pack has gone into the store when the second one fails: what was sent then must not overwrite it.
TEST_F(Upload, a_commit_that_fails_between_two_packs_loses_neither) {
    const std::string path = disk("a", 1, pack_limit + (8U << 20));
    auto target = value_of(store_->upload("s"));
    storage_->fail_at(2);
    ASSERT_FALSE(push_to(*target, path));
    ASSERT_EQ(stored("packs").size(), 1U);
    const std::string more = noise(chunk_size, 99);
    ASSERT_TRUE(ok(target->upload(frame_of({more}))));
    const auto again = push_to(*target, path);
    ASSERT_TRUE(ok(again));
    EXPECT_EQ(again->sent_chunks, 0U) << "all of it had arrived";
    EXPECT_TRUE(holds(again->digest, path));
}

TEST_F(Upload, many_may_send_at_once_and_the_same_image_may_come_twice_at_once) {
    const std::string path = disk("a", 1, 6U << 20);
    std::array<Result<PushOutcome>, 3> outcomes{Error{}, Error{}, Error{}};
    {
        std::vector<std::jthread> all;
        for (std::size_t t = 0; t < outcomes.size(); ++t)
            all.emplace_back([&, t] {
                auto target = store_->upload("session-" + std::to_string(t));
                ASSERT_TRUE(ok(target));
                outcomes[t] = push(path, **target, {.threads = 3, .work_folder = folder_.path()});
            });
    }
    for (const auto& outcome : outcomes) {
        ASSERT_TRUE(ok(outcome));
        EXPECT_EQ(outcome->digest, outcomes[0]->digest);
    }
    EXPECT_EQ(stored("images").size(), 1U);
    restart();
    EXPECT_TRUE(holds(outcomes[0]->digest, path));
}

}  // namespace
}  // namespace corral::catalog::chunks
