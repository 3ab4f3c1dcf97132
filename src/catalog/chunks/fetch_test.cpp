// Bringing an image here: from sources that lie, break off or are slow, and over what an earlier try left.
#include "catalog/chunks/fetch.hpp"

#include <sys/stat.h>

#include "support/chunk_store_test.hpp"

namespace corral::catalog::chunks {
namespace {

using testing_support::fails_with;
using testing_support::noise;
using testing_support::ok;
using testing_support::same_content;
using testing_support::value_of;
using testing_support::write_at;

// A source whose answers the test may change on their way.
class Between final : public ChunkSource {
public:
    explicit Between(ChunkSource& real) : real_(real) {}
    Result<std::string> image_index(const std::string& digest) override { return real_.image_index(digest); }
    Result<std::string> segment(const std::string& digest) override {
        auto out = real_.segment(digest);
        if (out && on_segment) on_segment(*out);
        return out;
    }
    Result<std::vector<std::string>> frames(const std::vector<ChunkId>& ids) override {
        ++requests;
        asked += ids.size();
        auto out = real_.frames(ids);
        if (out && on_frames) TRY(on_frames(*out));
        return out;
    }
    std::function<void(std::string&)> on_segment;
    std::function<Result<void>(std::vector<std::string>&)> on_frames;
    std::atomic<std::size_t> requests{0}, asked{0};

private:
    ChunkSource& real_;
};

class Fetch : public ChunkStoreTest {
protected:
    void SetUp() override {
        ChunkStoreTest::SetUp();
        path_ = disk("a", 1, 8U << 20, 30U << 20);
        digest_ = value_of(push_file(path_)).digest;
        source_ = std::make_unique<Between>(*store_);
    }
    Result<FetchOutcome> run(FetchOptions options = {}) { return fetch(digest_, *source_, out(), options); }
    std::string out() { return folder_ / "out"; }
    testing::AssertionResult is_right() {
        return same_content(out() + "/disk.raw", path_) ? testing::AssertionSuccess() : testing::AssertionFailure();
    }
    std::string path_, digest_;
    std::unique_ptr<Between> source_;
};

TEST_F(Fetch, gives_the_bytes_read_only_and_counts_them) {
    const auto outcome = value_of(run());
    EXPECT_EQ(outcome.size, 30U << 20);
    EXPECT_EQ(outcome.data_bytes, 8U << 20);
    EXPECT_EQ(outcome.fetched_chunks, 128U);
    EXPECT_EQ(outcome.found_chunks, 0U);
    EXPECT_TRUE(is_right());
    struct stat info{};
    ASSERT_EQ(::stat((out() + "/disk.raw").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0400U);
    EXPECT_LT(static_cast<std::uint64_t>(info.st_blocks) * 512, 9U << 20) << "holes stay holes";
    EXPECT_FALSE(files::exists(out() + ".partial"));
}

TEST_F(Fetch, what_is_there_is_left_alone) {
    ASSERT_TRUE(ok(run()));
    source_->requests = 0;
    ASSERT_TRUE(ok(run()));
    EXPECT_EQ(source_->requests, 0U);
}

TEST_F(Fetch, progress_rises_to_all_of_it) {
    std::mutex mutex;
    std::uint64_t last = 0;
    std::uint64_t most = 0;
    ASSERT_TRUE(ok(run({.threads = 3, .progress = [&](std::uint64_t done, std::uint64_t all) {
                            const std::lock_guard lock(mutex);
                            EXPECT_EQ(all, 8U << 20);
                            EXPECT_LE(done, all);
                            last = done;
                            most = std::max(most, done);
                        }})));
    EXPECT_EQ(most, 8U << 20);
    EXPECT_GT(last, 0U);
}

TEST_F(Fetch, broken_off_at_any_request_it_goes_on_with_the_rest) {
    for (std::size_t allowed = 0; allowed < 2; ++allowed) {
        SCOPED_TRACE(allowed);
        ASSERT_TRUE(ok(files::remove_tree(out() + ".partial")));
        ASSERT_TRUE(ok(files::remove_tree(out())));
        source_->requests = 0;
        source_->on_frames = [&](auto&) -> Result<void> {
            if (source_->requests > allowed) return Error{Errc::timeout, "the line is dead"};
            return {};
        };
        ASSERT_TRUE(fails_with(Errc::timeout, run({.threads = 1})));
        EXPECT_FALSE(files::exists(out()));
        source_->on_frames = {};
        source_->asked = 0;
        const auto rest = value_of(run());
        EXPECT_EQ(rest.found_chunks, allowed * 64) << "a request is 64 chunks";
        EXPECT_EQ(rest.fetched_chunks, 128 - allowed * 64);
        EXPECT_EQ(source_->asked, 128 - allowed * 64);
        EXPECT_TRUE(is_right());
    }
}

TEST_F(Fetch, whatever_an_earlier_try_left_is_checked_and_mended) {
    const std::string partial = out() + ".partial/disk.raw";
    const std::string bytes = value_of(files::read_file(path_, 64U << 20));
    const std::vector<std::function<void()>> leavings{
        [&] { write_at(partial, noise(8U << 20, 77), 0, 40U << 20); },  // other data, and too long
        [&] { write_at(partial, "", 0, 1000); },                        // too short
        [&] {                                                           // right but for one bit
            std::string flipped = bytes.substr(0, 1U << 20);
            flipped[100'000] = static_cast<char>(flipped[100'000] ^ 1);
            write_at(partial, flipped, 0, 30U << 20);
        },
        [&] {  // made read-only already
            write_at(partial, bytes.substr(0, 64U << 10), 0, 30U << 20);
            ::chmod(partial.c_str(), 0400);
        }};
    for (std::size_t i = 0; i < leavings.size(); ++i) {
        SCOPED_TRACE(i);
        ASSERT_TRUE(ok(files::remove_tree(out())));
        ASSERT_TRUE(ok(files::make_folders(out() + ".partial")));
        leavings[i]();
        ASSERT_TRUE(ok(run()));
        EXPECT_TRUE(is_right());
    }
}

TEST_F(Fetch, a_source_that_lies_is_found_out_and_nothing_appears) {
    const std::string other = noise(chunk_size, 50);
    const std::vector<std::pair<const char*, std::function<void(std::vector<std::string>&)>>> lies{
        {"nothing", [](auto& frames) { frames.clear(); }},
        {"one frame too few", [](auto& frames) { frames.pop_back(); }},
        {"another frame", [&](auto& frames) { frames.front() = encode_frame({{id_of(other), other}}, 3); }},
        {"a flipped bit", [](auto& frames) { frames.front().back() = static_cast<char>(frames.front().back() ^ 1); }},
        {"a cut frame", [](auto& frames) { frames.front().pop_back(); }},
        {"no frame", [](auto& frames) { frames.front() = "nonsense"; }},
        {"empty text", [](auto& frames) { frames.front().clear(); }},
    };
    for (const auto& [name, lie] : lies) {
        source_->on_frames = [&](auto& frames) -> Result<void> {
            lie(frames);
            return {};
        };
        EXPECT_TRUE(fails_with(Errc::upstream, run())) << name;
        EXPECT_FALSE(files::exists(out())) << name;
    }
    source_->on_frames = {};
    ASSERT_TRUE(ok(run())) << "and none of it stuck";
    EXPECT_TRUE(is_right());
}

TEST_F(Fetch, more_frames_than_asked_for_do_no_harm) {
    const std::string other = noise(chunk_size, 50);
    source_->on_frames = [&](auto& frames) -> Result<void> {
        frames.push_back(encode_frame({{id_of(other), other}}, 3));
        frames.push_back(frames.front());
        return {};
    };
    ASSERT_TRUE(ok(run()));
    EXPECT_TRUE(is_right());
}

TEST_F(Fetch, a_segment_that_is_not_the_one_named_is_refused) {
    source_->on_segment = [](std::string& bytes) { bytes = encode_segment({}); };
    EXPECT_TRUE(fails_with(Errc::upstream, run()));
    EXPECT_FALSE(files::exists(out()));
}

TEST_F(Fetch, an_image_that_is_not_there_is_told_so) {
    digest_ = std::string(64, 'a');
    EXPECT_TRUE(fails_with(Errc::not_found, run()));
    EXPECT_FALSE(files::exists(out()));
    EXPECT_FALSE(files::exists(out() + ".partial"));
}

TEST_F(Fetch, cancelled_before_it_begins_it_asks_for_nothing) {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_TRUE(fails_with(Errc::timeout, run({.cancel = stop.get_token()})));
    EXPECT_EQ(source_->requests, 0U);
    EXPECT_FALSE(files::exists(out()));
}

// What a stranger's image may bring with it.
class StrangeImage : public ChunkStoreTest {
protected:
    Result<FetchOutcome> fetch_index(const ImageIndex& index, const std::vector<std::string>& segments = {},
                                     const std::string& raw = {}) {
        auto target = value_of(store_->upload("s"));
        if (!raw.empty()) TRY(target->upload(encode_frame({{id_of(raw), raw}}, 3)));
        const std::string digest = TRY(target->commit({encode_index(index), segments}));
        return fetch(digest, *store_, folder_ / "out", {});
    }
};

TEST_F(StrangeImage, modes_bring_no_set_id_bits) {
    ImageIndex index;
    index.entries.push_back({"run", "file", 06755, 0, {}});
    ASSERT_TRUE(ok(fetch_index(index)));
    struct stat info{};
    ASSERT_EQ(::stat((folder_ / "out/run").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0755U);
}

TEST_F(StrangeImage, a_chunk_that_is_shorter_than_its_place_is_refused) {
    const std::string raw = noise(100, 1);
    const std::string segment = encode_segment({{{0, id_of(raw)}}});
    ImageIndex index;
    index.entries.push_back({"disk.raw", "disk", 0600, 2 * chunk_size, {{0, digest_of(segment)}}});
    EXPECT_TRUE(fails_with(Errc::upstream, fetch_index(index, {segment}, raw)));
}

TEST_F(StrangeImage, a_segment_that_reaches_past_its_file_is_refused) {
    const std::string raw = noise(100, 1);
    const std::string segment = encode_segment({{{5, id_of(raw)}}});
    ImageIndex index;
    index.entries.push_back({"disk.raw", "disk", 0600, chunk_size, {{0, digest_of(segment)}}});
    EXPECT_TRUE(fails_with(Errc::upstream, fetch_index(index, {segment}, raw)));
    EXPECT_FALSE(files::exists(folder_ / "out"));
}

TEST_F(StrangeImage, a_file_that_no_disk_could_hold_is_an_error_and_not_a_crash) {
    ImageIndex index;
    index.entries.push_back({"disk.raw", "disk", 0600, ~std::uint64_t{0} >> 1U, {}});
    EXPECT_FALSE(fetch_index(index));
    EXPECT_FALSE(files::exists(folder_ / "out"));
}

}  // namespace
}  // namespace corral::catalog::chunks
