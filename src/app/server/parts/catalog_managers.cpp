#include "app/server/parts/catalog_managers.hpp"

#include <algorithm>

#include "app/server/operations.hpp"
#include "base/log.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::app {

Result<CatalogManagers> open_catalog_managers(const Config& config, db::Database& database, const Clock& clock,
                                              const Secret& master_key) {
    catalog_managers::Remote::Options options{.client = client_options(config)};
    options.client.body_limit = 64U << 20U;
    auto rule = TRY(net::OutboundRule::of(config.list("URL_WHITELIST")));
    if (!config.boolean("DISABLE_URL_VALIDATION")) options.rule = std::move(rule);
    options.at_once = static_cast<int>(std::clamp<long long>(config.number("WORKER_THREADS") / 4, 1, 64));
    CatalogManagers out;
    out.remote = std::make_unique<catalog_managers::Remote>(std::move(options));
    out.service = std::make_unique<catalog_managers::Service>(
        database, clock, *out.remote, Secret(crypto::hmac_sha256(master_key.reveal(), "corral catalog managers")));
    return out;
}

void settle_catalog_manager(std::vector<std::string>& modules, bool asked, bool orchestrator) {
    const auto has = [&](const char* name) { return std::ranges::find(modules, name) != modules.end(); };
    std::erase(modules, "catalog_manager");
    if (!has("catalog") || has("host") || orchestrator)
        modules.emplace_back("catalog_manager");
    else if (asked)
        log::warn("A module was left out", {{"module", "catalog_manager"},
                                            {"why", "This server is a catalog, and neither host nor orchestrator"}});
}

}  // namespace corral::app
