#include "audit/audit.hpp"

#include <algorithm>

#include "audit/store.hpp"
#include "base/log.hpp"
#include "platform/json/text.hpp"

namespace corral::audit {

namespace {

constexpr std::size_t longest = 300;  // of one text that came from outside
constexpr std::int64_t trim_every = 1000;

// Cut at a character's border, so that it stays UTF-8.
std::string cut(std::string_view text) {
    if (text.size() <= longest) return std::string(text);
    std::size_t end = longest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return std::string(text.substr(0, end));
}

}  // namespace

void append(db::Tx& tx, Time now, const Caller& who, const Entry& entry) {
    Record record{.sequence = 0,  // the store's to say
                  .time = now,
                  .actor_id = who.user_id().text,
                  .actor_name = who.principal ? cut(who.principal->username) : "",
                  .api_key_id = who.api_key_id,
                  .address = who.address,
                  .request_id = who.request_id,
                  .action = cut(entry.action),
                  .object_type = cut(entry.object_type),
                  .object_id = cut(entry.object_id),
                  .result = entry.outcome,
                  .detail = {}};
    std::map<std::string, std::string> detail;
    for (const auto& [name, value] : entry.detail) detail[name] = cut(value);
    record.detail.text = detail.empty() ? "null" : json::to_text(detail);
    store::insert(tx, record);
}

Trail::Trail(db::Database& database, const Clock& clock, Options options)
    : database_(database), clock_(clock), options_(options) {
    writer_ = std::make_unique<tasks::Periodic>("audit", options_.pace, [this, paced = false](const auto&) mutable {
        if (!std::exchange(paced, true)) return;  // what comes now is collected for one pace, as all later
        if (auto done = flush(); !done)
            log::error("Refused attempts could not be written to the audit trail",
                       {{"why", done.error().message}, {"detail", done.error().detail}});
    });
}

Trail::~Trail() {
    writer_.reset();
    if (auto done = flush(); !done)
        log::error("The last refused attempts could not be written to the audit trail",
                   {{"detail", done.error().detail}});
}

void Trail::note(const Caller& who, Entry entry) {
    std::string key = who.user_id().text;
    for (const std::string& part : {who.api_key_id, who.address, entry.action, entry.object_type, entry.object_id})
        key += "\n" + cut(part);
    std::lock_guard lock(mutex_);
    if (const auto known = known_.find(key); known != known_.end()) {
        ++waiting_[known->second].times;
        return;
    }
    if (waiting_.size() >= options_.waiting) {
        ++dropped_;
        return;
    }
    known_.emplace(std::move(key), waiting_.size());
    waiting_.push_back({.at = clock_.now(), .who = who, .entry = std::move(entry)});
}

Result<void> Trail::flush() {
    std::lock_guard one_at_a_time(flushing_);
    std::vector<Waiting> batch;
    {
        std::lock_guard lock(mutex_);
        batch.swap(waiting_);
        known_.clear();
    }
    if (batch.empty()) return {};
    auto done = database_.write([&](db::Tx& tx) {
        for (Waiting& one : batch) {
            if (one.times > 1) one.entry.detail.emplace_back("times", std::to_string(one.times));
            append(tx, one.at, one.who, one.entry);
        }
    });
    if (!done) {
        for (const Waiting& one : batch) dropped_ += one.times;
        return done;
    }
    written_ += static_cast<std::int64_t>(batch.size());
    if (written_ < trim_every) return {};
    written_ = 0;  // under a flood the next housekeeping is too far away
    return trim();
}

Result<Page> Trail::list(const Query& query) const {
    Page page;
    page.entries = TRY(database_.read([&](db::Tx& tx) { return store::list(tx, query); }));
    if (page.entries.size() > query.limit) {
        page.entries.resize(query.limit);
        if (!page.entries.empty()) page.next_before = page.entries.back().sequence;
    }
    page.dropped = dropped_;
    return page;
}

Result<void> Trail::trim() {
    return database_.write([&](db::Tx& tx) { store::trim(tx, clock_.now() - options_.kept_for, options_.kept); });
}

}  // namespace corral::audit
