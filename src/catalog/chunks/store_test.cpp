// What is stored, under which names, and that no damaged byte is ever given out as data.
#include "support/chunk_store_test.hpp"

namespace corral::catalog::chunks {
namespace {

using testing_support::fails_with;
using testing_support::noise;
using testing_support::ok;
using testing_support::value_of;
using testing_support::write_at;

class Store : public ChunkStoreTest {
protected:
    Result<PushOutcome> push_with(const std::string& path, int threads, const std::string& session) {
        return push(path, *value_of(store_->upload(session)), {.threads = threads, .work_folder = folder_.path()});
    }
    std::string object(const std::string& key) { return value_of(storage_->get(key, 0, std::nullopt)); }
    // Puts back what was there when the scope ends.
    void with_flipped_byte(const std::string& key, std::size_t at, const std::function<void()>& f) {
        const std::string good = object(key);
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        ASSERT_TRUE(ok(storage_->put(key, bad)));
        f();
        ASSERT_TRUE(ok(storage_->put(key, good)));
    }
};

TEST_F(Store, holes_and_zeros_are_not_stored) {
    write_at(folder_ / "a", std::string(3 * chunk_size, '\0'), 0, 40U << 20);  // zeros that were written
    write_at(folder_ / "a", "x", 20U << 20, 0);
    const auto out = value_of(push_file(folder_ / "a"));
    EXPECT_EQ(out.chunks, 1U);
    EXPECT_EQ(out.data_bytes, chunk_size);
    EXPECT_EQ(out.size, 40U << 20);
    EXPECT_EQ(store_->chunk_count(), 1U);
    EXPECT_LT(stored_bytes(), 1000U);
    EXPECT_TRUE(holds(out.digest, folder_ / "a"));
}

TEST_F(Store, a_disk_without_any_data_is_an_image_too) {
    for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{200} << 20}) {
        const std::string path = folder_ / ("empty-" + std::to_string(size));
        write_at(path, "", 0, size);
        const auto out = value_of(push_file(path));
        EXPECT_EQ(out.size, size);
        EXPECT_TRUE(holds(out.digest, path)) << size;
    }
    EXPECT_EQ(store_->chunk_count(), 0U);
    EXPECT_TRUE(stored("packs").empty());
}

TEST_F(Store, equal_chunks_are_stored_once_wherever_they_stand) {
    const std::string chunk = noise(chunk_size, 5);
    for (int i = 0; i < 50; ++i) write_at(folder_ / "a", chunk, static_cast<std::uint64_t>(i) * (2U << 20), 100U << 20);
    const auto out = value_of(push_file(folder_ / "a"));
    EXPECT_EQ(out.chunks, 50U);
    EXPECT_EQ(out.sent_chunks, 1U);
    EXPECT_TRUE(holds(out.digest, folder_ / "a"));
}

TEST_F(Store, the_digest_depends_on_the_content_alone) {
    const std::string path = disk("a", 1, 5U << 20, 150U << 20);
    write_at(path, noise(300'000, 2), 100U << 20, 0);
    const std::string digest = value_of(push_with(path, 1, "s1")).digest;
    for (const int threads : {2, 8}) EXPECT_EQ(value_of(push_with(path, threads, "s")).digest, digest) << threads;
    write_at(path, std::string(1U << 20, '\0'), 50U << 20, 0);  // zeros in the place of a hole
    EXPECT_EQ(value_of(push_with(path, 2, "s2")).digest, digest);
    std::filesystem::rename(path, folder_ / "another name");
    EXPECT_EQ(value_of(push_with(folder_ / "another name", 2, "s3")).digest, digest);
    write_at(folder_ / "another name", "y", 149U << 20, 0);
    EXPECT_NE(value_of(push_with(folder_ / "another name", 2, "s4")).digest, digest);
    write_at(folder_ / "b", "", 0, 150U << 20);
    write_at(folder_ / "c", "", 0, (150U << 20) + 1);
    EXPECT_NE(value_of(push_with(folder_ / "b", 2, "s5")).digest, value_of(push_with(folder_ / "c", 2, "s6")).digest)
        << "the length is content";
}

TEST_F(Store, the_digest_of_known_bytes_is_the_one_of_version_1_for_ever) {
    write_at(folder_ / "a", std::string(chunk_size, 'a') + "the end", 0, (64U << 20) + 7);
    write_at(folder_ / "a", "z", 64U << 20, 0);
    EXPECT_EQ(value_of(push_file(folder_ / "a")).digest,
              "96eb40675ebf554685f206fccff759c29c3c20d8c595a029f9a57e21e622ed23");
}

TEST_F(Store, no_damaged_byte_of_a_pack_is_given_out) {
    const std::vector<std::string> raw{noise(90, 1), std::string(200, 'b'), noise(70, 3)};
    std::vector<ChunkId> ids;
    std::vector<RawChunk> chunks;
    for (const auto& r : raw) {
        ids.push_back(id_of(r));
        chunks.push_back({ids.back(), r});
    }
    {
        auto target = value_of(store_->upload("s"));
        ASSERT_TRUE(ok(target->upload(encode_frame({chunks[0], chunks[1]}, 3))));
        ASSERT_TRUE(ok(target->upload(encode_frame({chunks[2]}, 3))));
        ImageIndex index;
        index.entries.push_back({"disk.raw", "disk", 0600, 0, {}});
        ASSERT_TRUE(ok(target->commit({encode_index(index), {}})));
    }
    const std::string other = disk("other", 9, chunk_size);
    const std::string other_digest = value_of(push_file(other)).digest;
    std::string key = stored("packs").front();
    if (object(key).size() > chunk_size) key = stored("packs").back();
    int errors = 0;
    const std::size_t size = object(key).size();
    for (std::size_t at = 0; at < size; ++at)
        with_flipped_byte(key, at, [&] {
            for (const bool restarted : {false, true}) {
                if (restarted) store_ = value_of(ChunkStore::open(*storage_, folder_ / "work"));
                for (std::size_t i = 0; i < raw.size(); ++i) {
                    const auto frames = store_->frames({ids[i]});
                    const auto back =
                        frames ? decode_frame(frames->front()) : Result<std::vector<std::string>>(Error{});
                    if (!back)
                        ++errors;
                    else
                        EXPECT_NE(std::ranges::find(*back, raw[i]), back->end()) << "wrong data at byte " << at;
                }
            }
            EXPECT_TRUE(ok(store_->frames({id_of(noise(chunk_size, 9))}))) << "the rest of the store goes on";
        });
    EXPECT_GT(errors, static_cast<int>(size)) << "each flip hit something";
    store_ = value_of(ChunkStore::open(*storage_, folder_ / "work"));
    EXPECT_TRUE(ok(store_->frames(ids))) << "the control";
    EXPECT_TRUE(holds(other_digest, other));
}

TEST_F(Store, every_damaged_byte_of_a_segment_or_an_index_is_refused_by_name) {
    const std::string digest = value_of(push_file(disk("a", 1, 2 * chunk_size))).digest;
    const std::string segment =
        value_of(decode_index(value_of(store_->image_index(digest)))).entries[0].segments[0].digest;
    for (const auto& [kind, name] : {std::pair{"segments", segment}, std::pair{"images", digest}}) {
        const std::string key = stored(kind).front();
        const std::size_t size = object(key).size();
        for (std::size_t at = 0; at < size; ++at)
            with_flipped_byte(key, at, [&] {
                const auto read = std::string(kind) == "images" ? store_->image_index(name) : store_->segment(name);
                ASSERT_TRUE(fails_with(Errc::upstream, read)) << kind << " byte " << at;
                EXPECT_NE(read.error().message.find(key), std::string::npos);
            });
        ASSERT_TRUE(ok(storage_->put(key, "")));
        EXPECT_FALSE(std::string(kind) == "images" ? store_->image_index(name) : store_->segment(name));
    }
}

TEST_F(Store, a_pack_of_a_later_version_is_left_out_and_what_needs_it_says_so) {
    const std::string path = disk("a", 1, chunk_size);
    const std::string digest = value_of(push_file(path)).digest;
    const std::string key = stored("packs").front();
    std::string later = object(key);
    later[4] = 2;
    ASSERT_TRUE(ok(storage_->put(key, later)));
    restart();
    EXPECT_EQ(store_->chunk_count(), 0U);
    const auto read = fetched(digest);
    ASSERT_TRUE(fails_with(Errc::not_found, read));
    EXPECT_NE(read.error().message.find("chunk"), std::string::npos);
}

TEST_F(Store, does_not_open_while_the_storage_cannot_be_read_rather_than_miss_packs) {
    const std::string path = disk("a", 1, chunk_size);
    const std::string digest = value_of(push_file(path)).digest;
    for (int call = 1;; ++call) {
        storage_->fail_at(call);
        auto opened = ChunkStore::open(*storage_, folder_ / "work");
        if (!storage_->has_failed()) {
            ASSERT_GT(call, 3) << "a list and the parts of a pack were read";
            storage_->never_fail();
            store_ = value_of(std::move(opened));
            break;
        }
        EXPECT_TRUE(fails_with(Errc::upstream, opened)) << call;
    }
    storage_->never_fail();
    EXPECT_TRUE(holds(digest, path));
}

TEST_F(Store, names_that_are_no_digests_lead_nowhere) {
    for (const std::string& name : {std::string(), std::string("../../etc/passwd"), std::string(64, 'g'),
                                    std::string(63, 'a'), std::string(64, 'a'), std::string(62, 'a') + ".."}) {
        EXPECT_TRUE(fails_with(Errc::not_found, store_->image_index(name))) << name;
        EXPECT_TRUE(fails_with(Errc::not_found, store_->segment(name))) << name;
    }
}

TEST_F(Store, frames_come_once_each_and_together_hold_what_was_asked_for) {
    const std::string path = disk("a", 1, 32 * chunk_size);
    value_of(push_file(path));
    const std::string bytes = value_of(files::read_file(path));
    std::vector<ChunkId> ids;
    for (std::size_t i = 0; i < 32; ++i)
        ids.push_back(id_of(std::string_view(bytes).substr(i * chunk_size, chunk_size)));
    std::vector<ChunkId> twice = ids;
    twice.insert(twice.end(), ids.begin(), ids.end());
    const auto frames = value_of(store_->frames(twice));
    EXPECT_EQ(frames.size(), 8U) << "four chunks a frame";
    std::set<ChunkId> came;
    for (const auto& frame : frames)
        for (const auto& id : value_of(read_frame_head(frame)).ids) EXPECT_TRUE(came.insert(id).second);
    EXPECT_EQ(came, std::set<ChunkId>(ids.begin(), ids.end()));
    EXPECT_TRUE(value_of(store_->frames({})).empty());
    ids.push_back(id_of("unknown"));
    EXPECT_TRUE(fails_with(Errc::not_found, store_->frames(ids)));
}

TEST_F(Store, neighbouring_frames_are_read_in_one_request) {
    const std::string path = disk("a", 1, 4U << 20);
    const std::string digest = value_of(push_file(path)).digest;
    std::atomic<int> reads{0};
    storage_->on_call([&](const auto& call) {
        if (call.verb == "get" && call.key.starts_with("corral/packs")) ++reads;
    });
    EXPECT_TRUE(ok(fetch(digest, *store_, folder_ / "out", {.threads = 1})));
    EXPECT_EQ(reads, 1) << "64 chunks in 16 frames";
}

}  // namespace
}  // namespace corral::catalog::chunks
