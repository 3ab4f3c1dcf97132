// Events: appended in the transaction that made them true, numbered, fanned out after the commit.
// Thread-safe. Receivers are WebSocket clients (events/hub) and modules that listen in process.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "platform/db/db.hpp"
#include "platform/json/json.hpp"

namespace corral::events {

// Words of the contract (models-a 9.5).
enum class Type {
    global,
    pdfm,
    system,
    system_logs,
    health,
    orchestrator,
    stats,
    reverse_proxy,
    catalog_cache,
    job_manager,
    auth
};
std::string_view to_text(Type);
std::optional<Type> type_from_text(std::string_view);
constexpr auto json_enum(Type) {
    return std::array<std::pair<std::string_view, Type>, 11>{{{"global", Type::global},
                                                              {"pdfm", Type::pdfm},
                                                              {"system", Type::system},
                                                              {"system_logs", Type::system_logs},
                                                              {"health", Type::health},
                                                              {"orchestrator", Type::orchestrator},
                                                              {"stats", Type::stats},
                                                              {"reverse_proxy", Type::reverse_proxy},
                                                              {"catalog_cache", Type::catalog_cache},
                                                              {"job_manager", Type::job_manager},
                                                              {"auth", Type::auth}}};
}

struct Event {
    std::int64_t sequence = 0;  // rising, without gaps among stored events; 0 for events that are not stored
    std::string id;             // 64 hex digits
    Type type = Type::global;
    std::string message;        // the contract's event name: "VM_STATE_CHANGED"
    std::string body = "null";  // JSON text
    std::string owner;          // user id of the object's owner; "" when everybody with the type's right may see it
    Time timestamp{};
};

// Which numbers can still be replayed; both 0 when nothing was ever stored.
struct Stored {
    std::int64_t oldest = 0, last = 0;
};

class Service {
public:
    virtual ~Service() = default;
    // Stores the event with `tx`; it is fanned out, in sequence order, once that transaction is durable.
    virtual void append(db::Tx& tx, Type, std::string message, std::string body_json, std::string owner = {}) = 0;
    // Fans out an event that is not worth keeping (statistics, log lines).
    virtual void publish(Type, std::string message, std::string body_json, std::string owner = {}) = 0;
    // In-process listener; called after the commit, must not block. Lives as long as the service.
    virtual void listen(std::function<void(const Event&)>) = 0;
    virtual Result<std::vector<Event>> since(std::int64_t sequence, std::size_t limit) = 0;
    virtual Result<Stored> stored() = 0;
};

}  // namespace corral::events
