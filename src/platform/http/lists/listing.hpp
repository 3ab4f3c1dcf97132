// What a caller may ask of every list, so that no handler has to care: X-Filter, order and pages.
//
//     X-Filter: property=regex[,i]
//     ?order_by=name,-created_at          also "created_at desc"; numbers and times by value, texts by bytes
//     ?page=2&page_size=50                in the list's own order, or that of order_by
//     ?cursor=&page_size=50               then with each X-Next-Cursor: nothing is shown twice or left out when items
//                                         come and go meanwhile; ordered by order_by, then by id
//
// The answer stays a plain array. X-Total-Count says how many there are in all, Link (RFC 8288) where the other pages
// are. Without any of it the whole list comes, as ever. Looks at the request as long as it lives; one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/http/lists/filter.hpp"
#include "platform/http/message.hpp"
#include "platform/json/json.hpp"

namespace corral::http {

class Listing {
public:
    static constexpr std::size_t usual_page_size = 100;
    static constexpr std::size_t largest_page_size = 1000;

    // Errc::invalid names the header or parameter that is wrong.
    static Result<Listing> of(const Request&);

    template <class T>
    void filter(std::vector<T>& items) const {
        if (filter_) filter_->keep_matching(items);
    }
    // Orders the items and takes the page out of them; the headers go to `answer`. Errc::invalid: order_by names what
    // the items do not show.
    template <class T>
    Result<void> arrange(std::vector<T>& items, Response& answer) const {
        answer.headers.set("X-Total-Count", std::to_string(items.size()));
        if (order_.empty() && !by_cursor_) {
            const auto [from, to] = page_bounds(items.size(), answer);
            items.erase(items.begin() + static_cast<std::ptrdiff_t>(to), items.end());
            items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(from));
            return {};
        }
        std::vector<json::Property<T>> properties;
        for (const Order& order : order_) {
            auto property = json::Property<T>::find(order.property);
            if (!property) return invalid_field("order_by", "names a member that these items do not have");
            properties.push_back(std::move(*property));
        }
        const auto id = json::Property<T>::find("id");
        std::vector<Row> rows(items.size());
        for (std::size_t i = 0; i < items.size(); ++i) {
            rows[i].index = i;
            rows[i].keys.resize(properties.size());
            for (std::size_t k = 0; k < properties.size(); ++k) properties[k].read(items[i], rows[i].keys[k]);
            if (!by_cursor_) continue;
            json::Leaf identity;
            if (id) id->read(items[i], identity);
            rows[i].identity = identity.text.empty() ? identity_of(json::to_text(items[i])) : identity.text;
        }
        const auto chosen = choose(std::move(rows), answer);
        std::vector<T> out;
        out.reserve(chosen.size());
        for (const std::size_t index : chosen) out.push_back(std::move(items[index]));
        items = std::move(out);
        return {};
    }
    template <class T>
    Result<Response> answer(int status, std::vector<T> items) const {
        Response out;
        out.status = status;
        filter(items);
        TRY(arrange(items, out));
        out.body = json::write(items);
        return out;
    }

private:
    struct Order {
        std::string property;
        bool descending = false;
    };
    struct Row {
        std::vector<json::Leaf> keys;
        std::string identity;
        std::size_t index = 0;
    };
    explicit Listing(const Request& request) : request_(&request) {}
    Result<void> read_order(std::string_view text);
    Result<void> read_cursor(std::string_view text);
    [[nodiscard]] std::pair<std::size_t, std::size_t> page_bounds(std::size_t total, Response& answer) const;
    [[nodiscard]] std::vector<std::size_t> choose(std::vector<Row> rows, Response& answer) const;
    [[nodiscard]] bool before(const Row& a, const Row& b) const;
    [[nodiscard]] std::string cursor_after(const Row& last) const;
    [[nodiscard]] std::string link(std::vector<std::pair<std::string, std::string>> changes, const char* rel) const;
    static std::string identity_of(std::string_view json);

    const Request* request_;
    std::optional<Filter> filter_;
    std::string order_text_;
    std::vector<Order> order_;
    std::optional<std::size_t> page_;
    std::size_t page_size_ = usual_page_size;
    bool by_cursor_ = false;
    std::optional<Row> after_;  // the last item of the page before
};

}  // namespace corral::http
