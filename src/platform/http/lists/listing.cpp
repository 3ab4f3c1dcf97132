#include "platform/http/lists/listing.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "platform/crypto/crypto.hpp"
#include "platform/http/target.hpp"

namespace corral::http {

namespace {

constexpr std::size_t most_orders = 8;
constexpr std::size_t shown_of_identity = 128;

// What a cursor holds: opaque to callers, and nothing in it that they have not seen.
struct CursorText {
    std::string order, identity;
    std::vector<std::string> keys;
};
constexpr auto json_object(const CursorText*) {
    return json::object("Cursor", json::field("o", &CursorText::order), json::field("i", &CursorText::identity),
                        json::field("k", &CursorText::keys));
}

std::string text_of(const json::Leaf& leaf) {
    if (leaf.kind == json::Leaf::Kind::absent) return "-";
    if (leaf.kind == json::Leaf::Kind::text) return "t" + leaf.text;
    char buffer[64];
    const auto end =
        std::to_chars(buffer, buffer + sizeof buffer, leaf.number).ptr;  // shortest that reads back exactly
    return "n" + std::string(buffer, end);
}

std::optional<json::Leaf> leaf_from(std::string_view text) {
    json::Leaf out;
    if (text.empty()) return std::nullopt;
    const std::string_view rest = text.substr(1);
    switch (text.front()) {
        case '-': return out;
        case 't':
            out.kind = json::Leaf::Kind::text;
            out.text = rest;
            return out;
        case 'n': {
            out.kind = json::Leaf::Kind::number;
            const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out.number);
            if (error != std::errc{} || end != rest.data() + rest.size()) return std::nullopt;
            return out;
        }
        default: return std::nullopt;
    }
}

Result<std::size_t> whole_number(const char* name, std::string_view text, std::size_t from, std::size_t to) {
    std::size_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size() || out < from || out > to)
        return invalid_field(name, "must be a whole number from " + std::to_string(from) + " to " + std::to_string(to));
    return out;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

}  // namespace

Result<Listing> Listing::of(const Request& request) {
    constexpr std::size_t last_page = 1'000'000'000;
    Listing out(request);
    if (const auto filter = request.headers.get("X-Filter"); !filter.empty()) out.filter_ = TRY(Filter::parse(filter));
    if (request.query.empty()) return out;
    if (const auto order = request.query_value("order_by")) TRY(out.read_order(*order));
    if (const auto size = request.query_value("page_size")) {
        out.page_size_ = TRY(whole_number("page_size", *size, 1, largest_page_size));
        out.page_ = 1;
    }
    if (const auto page = request.query_value("page")) out.page_ = TRY(whole_number("page", *page, 1, last_page));
    if (const auto cursor = request.query_value("cursor")) {
        if (request.query_value("page")) return invalid_field("cursor", "and page exclude each other");
        TRY(out.read_cursor(*cursor));
    }
    return out;
}

Result<void> Listing::read_order(std::string_view text) {
    order_text_ = std::string(text);
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        std::string_view word = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        Order order;
        if (word.starts_with('-')) {
            order.descending = true;
            word.remove_prefix(1);
        } else if (const auto blank = word.rfind(' '); blank != std::string_view::npos) {
            // The member itself may have blanks in it: "Startup and Shutdown".
            const std::string_view way = word.substr(blank + 1);
            const bool down = json::equal_without_case(way, "desc");
            if (down || json::equal_without_case(way, "asc")) word = trimmed(word.substr(0, blank));
            order.descending = down;
        }
        if (word.empty()) return invalid_field("order_by", "must name members: name, -name or \"name desc\"");
        if (order_.size() == most_orders) return invalid_field("order_by", "names too many members");
        order.property = std::string(word);
        order_.push_back(std::move(order));
    }
    if (order_.empty()) return invalid_field("order_by", "must name a member of the items");
    return {};
}

Result<void> Listing::read_cursor(std::string_view text) {
    by_cursor_ = true;
    page_.reset();
    if (text.empty()) return {};
    const auto bad = [] { return invalid_field("cursor", "is none that this list gave out"); };
    const auto bytes = crypto::from_base64url(text);
    if (!bytes) return bad();
    auto read = json::read<CursorText>(*bytes);
    if (!read) return bad();
    if (order_.empty() && !read->order.empty()) TRY(read_order(read->order));
    if (read->order != order_text_) return invalid_field("cursor", "belongs to another order_by");
    if (read->keys.size() != order_.size()) return bad();
    Row after;
    after.identity = std::move(read->identity);
    for (const std::string& key : read->keys) {
        auto leaf = leaf_from(key);
        if (!leaf) return bad();
        after.keys.push_back(std::move(*leaf));
    }
    after_ = std::move(after);
    return {};
}

bool Listing::before(const Row& a, const Row& b) const {
    for (std::size_t k = 0; k < order_.size(); ++k)
        if (const int side = json::compare(a.keys[k], b.keys[k]); side != 0)
            return order_[k].descending ? side > 0 : side < 0;
    // Pages without a cursor keep equal ones in the list's own order.
    return by_cursor_ ? a.identity < b.identity : a.index < b.index;
}

std::pair<std::size_t, std::size_t> Listing::page_bounds(std::size_t total, Response& answer) const {
    if (!page_) return {0, total};
    const std::size_t from = std::min(total, (*page_ - 1) * page_size_);
    const std::size_t to = std::min(total, from + page_size_);
    const std::size_t last = std::max<std::size_t>(1, (total + page_size_ - 1) / page_size_);
    const auto to_page = [&](std::size_t number, const char* rel) {
        return link({{"page", std::to_string(number)}, {"page_size", std::to_string(page_size_)}}, rel);
    };
    std::string links = to_page(1, "first");
    if (*page_ > 1) links += ", " + to_page(std::min(*page_ - 1, last), "prev");
    if (*page_ < last) links += ", " + to_page(*page_ + 1, "next");
    links += ", " + to_page(last, "last");
    answer.headers.set("Link", links);
    return {from, to};
}

std::vector<std::size_t> Listing::choose(std::vector<Row> rows, Response& answer) const {
    std::ranges::sort(rows, [this](const Row& a, const Row& b) { return before(a, b); });
    std::size_t from = 0;
    std::size_t to = rows.size();
    if (!by_cursor_) {
        std::tie(from, to) = page_bounds(rows.size(), answer);
    } else {
        const auto start = after_ ? std::ranges::upper_bound(
                                        rows, *after_, [this](const Row& a, const Row& b) { return before(a, b); })
                                  : rows.begin();
        from = static_cast<std::size_t>(start - rows.begin());
        to = std::min(rows.size(), from + page_size_);
        if (to < rows.size()) {
            const std::string next = cursor_after(rows[to - 1]);
            answer.headers.set("X-Next-Cursor", next);
            answer.headers.set("Link", link({{"cursor", next}, {"page_size", std::to_string(page_size_)}}, "next"));
        }
    }
    std::vector<std::size_t> out;
    for (std::size_t i = from; i < to; ++i) out.push_back(rows[i].index);
    return out;
}

std::string Listing::cursor_after(const Row& last) const {
    CursorText text{.order = order_text_, .identity = last.identity, .keys = {}};
    for (const json::Leaf& key : last.keys) text.keys.push_back(text_of(key));
    return crypto::base64url(json::to_text(text));
}

std::string Listing::link(std::vector<std::pair<std::string, std::string>> changes, const char* rel) const {
    std::string out = "<" + percent_encode(request_->path, true);
    char joint = '?';
    const auto add = [&](std::string_view name, std::string_view value) {
        out += std::exchange(joint, '&');
        out += percent_encode(name, false) + "=" + percent_encode(value, false);
    };
    for (const auto& [name, value] : request_->query) {
        const bool changed = std::ranges::any_of(changes, [&](const auto& change) { return change.first == name; });
        // Credentials stay where they were.
        if (!changed && name != "access_token" && name != "authorization") add(name, value);
    }
    for (const auto& [name, value] : changes) add(name, value);
    return out + ">; rel=\"" + rel + "\"";
}

// Items without an id are told apart by what they show: its beginning, for an order people expect, and its hash.
std::string Listing::identity_of(std::string_view json) {
    std::string_view shown = json.substr(0, shown_of_identity);
    while (!shown.empty() && static_cast<unsigned char>(shown.back()) >= 0x80) shown.remove_suffix(1);  // whole letters
    return std::string(shown) + crypto::to_hex(crypto::sha256(json));
}

}  // namespace corral::http
