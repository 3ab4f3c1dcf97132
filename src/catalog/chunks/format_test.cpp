// Every format of the chunk store: round trips, and that no damage is ever taken for data.
#include "catalog/chunks/format.hpp"

#include <random>

#include "support/disks.hpp"
#include "support/testing.hpp"

namespace corral::catalog::chunks {
namespace {

using testing_support::fails_with;
using testing_support::noise;
using testing_support::ok;
using testing_support::value_of;

// A small frame whose every byte can be damaged in a blink; chunks of several lengths, one that compresses well.
struct SmallFrame {
    std::vector<std::string> raw{noise(100, 1), std::string(300, 'z'), noise(64, 2)};
    std::string bytes = encode(raw);

    static std::string encode(const std::vector<std::string>& raw) {
        std::vector<RawChunk> chunks;
        for (const auto& r : raw) chunks.push_back({id_of(r), r});
        return encode_frame(chunks, 3);
    }
};

// Offsets of a frame's head: magic 4, version 1, chunks 1, kind 2, stored bytes 4, checksum 8; then 36 a chunk.
constexpr std::size_t at_version = 4, at_count = 5, at_kind = 6, at_stored = 8, first_size = 20;

std::string with_byte(std::string bytes, std::size_t at, int value) {
    bytes[at] = static_cast<char>(value);
    return bytes;
}

TEST(Frame, gives_its_chunks_back) {
    const SmallFrame frame;
    EXPECT_EQ(value_of(decode_frame(frame.bytes)), frame.raw);
    const FrameHead head = value_of(read_frame_head(frame.bytes));
    EXPECT_EQ(head.sizes, (std::vector<std::uint32_t>{100, 300, 64}));
    EXPECT_EQ(head.ids[1], id_of(frame.raw[1]));
    EXPECT_EQ(head.total_bytes(), frame.bytes.size());
}

TEST(Frame, gives_chunks_of_any_small_length_back) {
    for (std::size_t length = 1; length < 80; ++length) {
        const std::vector<std::string> raw{noise(length, 1)};
        EXPECT_EQ(value_of(decode_frame(SmallFrame::encode(raw))), raw) << length;
    }
}

TEST(Frame, holds_up_to_four_chunks_of_64_kib) {
    const std::vector<std::string> full{noise(chunk_size, 1), noise(chunk_size, 2), noise(chunk_size, 3),
                                        std::string(chunk_size, 'a')};
    EXPECT_EQ(value_of(decode_frame(SmallFrame::encode(full))), full);
    auto five = full;
    five.push_back("x");
    EXPECT_TRUE(fails_with(Errc::invalid, decode_frame(SmallFrame::encode(five))));
    EXPECT_TRUE(fails_with(Errc::invalid, decode_frame(SmallFrame::encode({noise(chunk_size + 1, 4)}))));
    EXPECT_TRUE(fails_with(Errc::invalid, decode_frame(SmallFrame::encode({}))));
    EXPECT_TRUE(fails_with(Errc::invalid, decode_frame(SmallFrame::encode({""}))));
}

TEST(Frame, the_id_of_a_chunk_is_the_sha_256_of_its_raw_bytes_whatever_the_level) {
    const std::string raw(1000, 'q');
    EXPECT_EQ(to_hex(id_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (const int level : {1, 3, 7, 19})
        EXPECT_EQ(value_of(read_frame_head(encode_frame({{id_of(raw), raw}}, level))).ids.front(), id_of(raw));
}

TEST(Frame, any_changed_bit_is_an_error) {
    const SmallFrame frame;
    for (std::size_t at = 0; at < frame.bytes.size(); ++at)
        for (int bit = 0; bit < 8; ++bit)
            EXPECT_TRUE(
                fails_with(Errc::invalid, decode_frame(with_byte(frame.bytes, at, frame.bytes[at] ^ (1 << bit)))))
                << "bit " << bit << " of byte " << at;
}

TEST(Frame, every_cut_is_an_error_and_bytes_behind_it_are_somebody_else_s) {
    const SmallFrame frame;
    for (std::size_t length = 0; length < frame.bytes.size(); ++length)
        EXPECT_TRUE(fails_with(Errc::invalid, decode_frame(std::string_view(frame.bytes).substr(0, length)))) << length;
    EXPECT_EQ(value_of(decode_frame(frame.bytes + "more")), frame.raw);
    EXPECT_EQ(value_of(read_frame_head(frame.bytes + frame.bytes)).total_bytes(), frame.bytes.size());
}

TEST(Frame, patches_and_later_versions_are_refused_by_name) {
    const SmallFrame frame;
    const auto patch = decode_frame(with_byte(frame.bytes, at_kind, 1));
    ASSERT_TRUE(fails_with(Errc::invalid, patch));
    EXPECT_NE(patch.error().message.find("kind"), std::string::npos) << patch.error().message;
    EXPECT_TRUE(fails_with(Errc::invalid, decode_frame(with_byte(frame.bytes, at_kind + 1, 1))));
    const auto later = decode_frame(with_byte(frame.bytes, at_version, 2));
    ASSERT_TRUE(fails_with(Errc::invalid, later));
    EXPECT_NE(later.error().message.find("version"), std::string::npos) << later.error().message;
}

TEST(Frame, sizes_that_lie_are_refused_before_memory_is_taken_for_them) {
    const SmallFrame frame;
    const auto with_number = [&](std::size_t at, std::uint32_t value) {
        std::string out = frame.bytes;
        std::memcpy(out.data() + at, &value, sizeof value);
        return out;
    };
    EXPECT_FALSE(decode_frame(with_number(at_stored, 0xFFFFFFFF)));
    EXPECT_FALSE(decode_frame(with_number(first_size, 0xFFFFFFFF)));
    EXPECT_FALSE(decode_frame(with_number(first_size, chunk_size + 1)));
    EXPECT_FALSE(decode_frame(with_number(first_size, 0)));
    for (const int count : {0, 2, 4, 5, 255}) EXPECT_FALSE(decode_frame(with_byte(frame.bytes, at_count, count)));
}

TEST(Frame, random_bytes_behind_a_good_head_are_refused) {
    std::mt19937 random(7);
    const SmallFrame frame;
    const std::size_t head = value_of(read_frame_head(frame.bytes)).head_bytes();
    for (int i = 0; i < 2000; ++i) {
        std::string bytes = frame.bytes;
        for (std::size_t at = head; at < bytes.size(); ++at) bytes[at] = static_cast<char>(random());
        EXPECT_FALSE(decode_frame(bytes));
    }
}

TEST(Frame, a_bomb_is_refused) {
    // A megabyte of zeros under a head that speaks of one small chunk.
    const std::string zeros(1 << 20, '\0');
    std::string bytes = encode_frame({{id_of("x"), zeros}}, 3);
    const std::uint32_t small = 1;
    std::memcpy(bytes.data() + first_size, &small, sizeof small);
    EXPECT_TRUE(fails_with(Errc::invalid, decode_frame(bytes)));
}

// ---- packs

std::vector<PackEntry> some_entries() {
    return {
        {8, 100, {id_of("a"), id_of("b")}}, {108, 50, {id_of("c")}}, {158, 7, {id_of("d"), id_of("e"), id_of("f")}}};
}

std::vector<PackEntry> entries_of(const std::string& tail) {
    const std::string_view view(tail);
    const auto footer = value_of(read_pack_footer(view.substr(view.size() - pack_footer_bytes)));
    return value_of(read_pack_index(view.substr(0, footer.index_bytes), footer));
}

TEST(Pack, its_index_and_footer_come_back) {
    const std::string tail = pack_tail(some_entries(), 165);
    const auto footer = value_of(read_pack_footer(std::string_view(tail).substr(tail.size() - pack_footer_bytes)));
    EXPECT_EQ(footer.index_offset, 165U);
    EXPECT_EQ(footer.index_bytes + pack_footer_bytes, tail.size());
    const auto back = entries_of(tail);
    ASSERT_EQ(back.size(), 3U);
    for (std::size_t i = 0; i < back.size(); ++i) {
        EXPECT_EQ(back[i].offset, some_entries()[i].offset);
        EXPECT_EQ(back[i].bytes, some_entries()[i].bytes);
        EXPECT_EQ(back[i].ids, some_entries()[i].ids);
    }
    EXPECT_TRUE(entries_of(pack_tail({}, 8)).empty());
    EXPECT_EQ(pack_head().size(), pack_head_bytes);
}

TEST(Pack, any_changed_bit_of_its_index_is_an_error) {
    const std::string tail = pack_tail(some_entries(), 165);
    const std::size_t index_bytes = tail.size() - pack_footer_bytes;
    const auto footer = value_of(read_pack_footer(std::string_view(tail).substr(index_bytes)));
    for (std::size_t at = 0; at < index_bytes; ++at)
        for (int bit = 0; bit < 8; ++bit) {
            const std::string bad = with_byte(tail, at, tail[at] ^ (1 << bit));
            EXPECT_TRUE(
                fails_with(Errc::invalid, read_pack_index(std::string_view(bad).substr(0, index_bytes), footer)));
        }
    for (std::size_t length = 0; length < index_bytes; ++length)
        EXPECT_FALSE(read_pack_index(std::string_view(tail).substr(0, length), footer)) << length;
}

TEST(Pack, a_footer_that_is_none_is_refused) {
    const std::string tail = pack_tail(some_entries(), 165);
    const std::string footer = tail.substr(tail.size() - pack_footer_bytes);
    EXPECT_FALSE(read_pack_footer(footer.substr(1)));
    EXPECT_FALSE(read_pack_footer(footer + "x"));
    for (std::size_t at = pack_footer_bytes - 4; at < pack_footer_bytes; ++at)
        EXPECT_FALSE(read_pack_footer(with_byte(footer, at, footer[at] ^ 1))) << at;
}

TEST(Pack, an_index_with_a_right_checksum_and_nonsense_in_it_is_refused) {
    const auto judge = [](const std::string& index) {
        // The checksum of these bytes, as pack_tail would have written it: of an index that consists of them.
        const std::string tail = pack_tail({}, 0);
        PackFooter footer = value_of(read_pack_footer(std::string_view(tail).substr(tail.size() - pack_footer_bytes)));
        footer.index_bytes = static_cast<std::uint32_t>(index.size());
        return read_pack_index(index, footer);
    };
    EXPECT_TRUE(ok(judge(""))) << "the control: nothing has this checksum";
    EXPECT_FALSE(judge("short"));
    EXPECT_FALSE(judge(std::string(16, '\xff')));
}

// ---- segments

Segment some_segment() { return {{{0, id_of("a")}, {5, id_of("b")}, {1023, id_of("a")}}}; }

TEST(SegmentFormat, comes_back_in_order) {
    const auto back = value_of(decode_segment(encode_segment(some_segment())));
    ASSERT_EQ(back.places.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(back.places[i].index, some_segment().places[i].index);
        EXPECT_EQ(back.places[i].id, some_segment().places[i].id);
    }
    EXPECT_TRUE(value_of(decode_segment(encode_segment({}))).places.empty());
}

TEST(SegmentFormat, a_full_one_fits_and_more_does_not) {
    Segment full;
    for (std::uint32_t i = 0; i < chunks_per_segment; ++i) full.places.push_back({i, id_of(std::to_string(i))});
    EXPECT_TRUE(ok(decode_segment(encode_segment(full))));
    full.places.push_back({chunks_per_segment, id_of("x")});
    EXPECT_FALSE(decode_segment(encode_segment(full)));
}

TEST(SegmentFormat, places_out_of_order_twice_or_outside_are_refused) {
    for (const auto& places : std::vector<std::vector<Segment::Place>>{
             {{5, id_of("a")}, {4, id_of("b")}}, {{5, id_of("a")}, {5, id_of("b")}}, {{1024, id_of("a")}}})
        EXPECT_TRUE(fails_with(Errc::invalid, decode_segment(encode_segment({places}))));
}

TEST(SegmentFormat, no_damage_goes_unnoticed_because_its_digest_names_it) {
    const std::string good = encode_segment(some_segment());
    for (std::size_t at = 0; at < good.size(); ++at) {
        const std::string bad = with_byte(good, at, good[at] ^ 1);
        EXPECT_NE(digest_of(bad), digest_of(good));
        const auto decoded = decode_segment(bad);  // an error, or what those bytes say; never a crash
        if (decoded) {
            EXPECT_EQ(encode_segment(*decoded), bad) << at;
        }
    }
    for (std::size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(decode_segment(good.substr(0, length)));
    EXPECT_FALSE(decode_segment(good + "x"));
}

// ---- image index

ImageIndex some_index() {
    ImageIndex index;
    index.entries.push_back(
        {"disk.raw", "disk", 0600, 3ULL << 26U, {{0, std::string(64, 'a')}, {2, std::string(64, 'b')}}});
    index.entries.push_back({"sub/config.txt", "file", 0644, 5, {{0, std::string(64, 'c')}}});
    return index;
}

TEST(ImageIndexFormat, comes_back_whole) {
    const auto back = value_of(decode_index(encode_index(some_index())));
    EXPECT_EQ(encode_index(back), encode_index(some_index()));
    EXPECT_EQ(back.entries[1].mode, 0644U);
    EXPECT_EQ(back.entries[0].segments[1].index, 2U);
}

TEST(ImageIndexFormat, paths_that_would_lead_out_of_the_folder_are_refused) {
    for (const char* path : {"", "/disk.raw", "..", "../x", "a/../b", "a/..", "a//b", "./a", "a/.", "a/"}) {
        ImageIndex index = some_index();
        index.entries[0].path = path;
        EXPECT_TRUE(fails_with(Errc::invalid, decode_index(encode_index(index)))) << path;
    }
    ImageIndex index = some_index();
    index.entries[0].path = std::string("a\0b", 3);
    EXPECT_FALSE(decode_index(encode_index(index)));
    index = some_index();
    index.entries[1].path = index.entries[0].path;
    EXPECT_FALSE(decode_index(encode_index(index))) << "two files of one name";
    index = some_index();
    index.entries[0].path = "..a/b..";
    EXPECT_TRUE(ok(decode_index(encode_index(index)))) << "two dots in a name are harmless";
}

TEST(ImageIndexFormat, other_formats_versions_kinds_and_orders_are_refused) {
    const auto refused = [](const std::function<void(ImageIndex&)>& change) {
        ImageIndex index = some_index();
        change(index);
        return fails_with(Errc::invalid, decode_index(encode_index(index)));
    };
    EXPECT_TRUE(refused([](ImageIndex& i) { i.version = 2; }));
    EXPECT_TRUE(refused([](ImageIndex& i) { i.format = "other"; }));
    EXPECT_TRUE(refused([](ImageIndex& i) { i.entries.clear(); }));
    EXPECT_TRUE(refused([](ImageIndex& i) { i.entries[0].kind = "link"; }));
    EXPECT_TRUE(refused([](ImageIndex& i) { i.entries[0].segments[0].digest = "abc"; }));
    EXPECT_TRUE(refused([](ImageIndex& i) { std::swap(i.entries[0].segments[0], i.entries[0].segments[1]); }));
    EXPECT_TRUE(refused([](ImageIndex& i) { i.entries[0].segments[1].index = 0; }));
    EXPECT_TRUE(refused([](ImageIndex& i) { i.entries[0].segments[1].index = 3; })) << "behind the end";
    EXPECT_TRUE(refused([](ImageIndex& i) { i.entries[1].size = 0; })) << "an empty file has no segment";
    for (const char* text : {"", "null", "[]", "{", "{\"format\":\"corral-image\"}"}) EXPECT_FALSE(decode_index(text));
}

}  // namespace
}  // namespace corral::catalog::chunks
