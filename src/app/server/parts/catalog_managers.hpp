// Catalog managers as the configuration wants them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/server/config.hpp"
#include "base/clock.hpp"
#include "catalog_managers/service.hpp"

namespace corral::app {

struct CatalogManagers {
    std::unique_ptr<catalog_managers::Remote> remote;
    std::unique_ptr<catalog_managers::Service> service;
};
// URL_WHITELIST, DISABLE_URL_VALIDATION, TLS_DISABLE_VALIDATION; a worker in four may wait for another server.
Result<CatalogManagers> open_catalog_managers(const Config& config, db::Database& database, const Clock& clock,
                                              const Secret& master_key);

// What becomes of the module where `modules` run (behaviour-a 5.4, rule 5): it is added, unless the server is a catalog
// alone, which has no use for the catalogs of others.
void settle_catalog_manager(std::vector<std::string>& modules, bool asked, bool orchestrator);

}  // namespace corral::app
