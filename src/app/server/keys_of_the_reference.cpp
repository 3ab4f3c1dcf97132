// Keys of the contract's table (behaviour-a 5.3) that have no effect here: they are taken, so that a configuration
// moves over as it is, and said at the start when they are set.
#include "app/server/config.hpp"

namespace corral::app {

namespace {
constexpr bool secret = true;
constexpr bool pending = true;
}  // namespace

std::vector<Key> reference_keys() {
    using enum KeyType;
    return {
        {"DATABASE_NUMBER_BACKUP_FILES", number, "10",
         "Of the reference's data file; every change is on disk at once here", !secret, pending},
        {"DATABASE_BACKUP_INTERVAL_MINUTES", number, "120", "As above", !secret, pending},
        {"DATABASE_SAVE_INTERVAL_MINUTES", number, "2", "As above", !secret, pending},
        {"SYSTEM_AUTO_RECOVER_DATABASE", boolean, "true", "As above", !secret, pending},
        {"MODE", text, "api", "Superseded by ENABLED_MODULES", !secret, pending},
        {"USE_ORCHESTRATOR_RESOURCES", boolean, "false", "Of the orchestrator", !secret, pending},
        {"ORCHESTRATOR_PULL_FREQUENCY_SECONDS", number, "30", "Of the orchestrator", !secret, pending},
        {"ORCHESTRATOR_PUBLIC_URL", text, "", "Of the orchestrator", secret, pending},
        {"BASE_URL", text, "", "Of the orchestrator's agents", secret, pending},
        {"CATALOG_COMPRESS_VM", boolean, "false", "Chunks are always compressed here", !secret, pending},
        {"CATALOG_COMPRESS_VM_RATIO", text, "balanced", "As above", !secret, pending},
        {"DISABLE_CATALOG_PROVIDER_STREAMING", boolean, "false", "Transfers always stream here", !secret, pending},
        {"DISABLE_REVERSE_PROXY", boolean, "false", "Of the reverse proxy", !secret, pending},
        {"ENABLE_REVERSE_PROXY", boolean, "false", "Of the reverse proxy", !secret, pending},
        {"REVERSE_PROXY_PORT", number, "5080", "Of the reverse proxy", !secret, pending},
        {"REVERSE_PROXY_HOST", text, "0.0.0.0", "Of the reverse proxy", !secret, pending},
        {"REVERSE_PROXY_OPERATION_TIMEOUT", text, "", "Of the reverse proxy", !secret, pending},
        {"REVERSE_PROXY_SHUTDOWN_TIMEOUT", text, "", "Of the reverse proxy", !secret, pending},
        {"REVERSE_PROXY_READ_TIMEOUT", text, "", "Of the reverse proxy", !secret, pending},
        {"REVERSE_PROXY_WRITE_TIMEOUT", text, "", "Of the reverse proxy", !secret, pending},
        {"REVERSE_PROXY_IDLE_TIMEOUT", text, "", "Of the reverse proxy", !secret, pending},
        {"ENABLE_PACKER_PLUGIN", boolean, "false", "Of Packer templates", !secret, pending},
        {"ENABLE_VAGRANT_PLUGIN", boolean, "false", "Of Vagrant boxes", !secret, pending},
        {"ENABLE_BETA", boolean, "false", "There is one channel here", !secret, pending},
        {"ENABLE_CANARY", boolean, "false", "There is one channel here", !secret, pending},
        {"AMPLITUDE_API_KEY", text, "", "Nothing is told to anybody here (quirk Q87)", secret, pending},
        {"DEVOPS_SOURCE", text, "", "Set by the reference for itself", !secret, pending},
        {"PD_CURRENT_USER", text, "", "Set by the reference for itself", !secret, pending},
        {"HMAC_SECRET", text, "", "Without effect in the reference, too", secret, pending},
        {"TOKEN_DURATION_MINUTES", number, "60", "Without effect in the reference, too: JWT_DURATION", !secret,
         pending},
        {"VIRTUAL_MACHINES_FOLDER", text, "", "Without effect in the reference, too: MACHINES_FOLDER", !secret,
         pending},
        {"VM_FORCE_CACHE_REFRESH", boolean, "false", "Without effect in the reference, too", !secret, pending},
    };
}

}  // namespace corral::app
