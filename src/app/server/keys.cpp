// The table of configuration keys. Names of the contract first, our own last.
#include "app/server/config.hpp"

namespace corral::app {

namespace {
constexpr bool secret = true;
constexpr bool pending = true;
}  // namespace

const std::vector<Key>& keys() {
    using enum KeyType;
    static const std::vector<Key> own{
        {"API_PORT", number, "3080", "HTTP port; 0 picks a free one"},
        {"API_PREFIX", text, "/api", "Path before every route"},
        {"API_ADDRESS", text, "0.0.0.0", "Address the listeners bind to"},
        {"LOG_LEVEL", text, "info", "debug, info, warn or error"},
        {"LOG_TO_FILE", boolean, "false", "Also write the log to a file", !secret, !pending, "PRL_DEVOPS_LOG_TO_FILE"},
        {"LOG_FILE_PATH", text, "", "Folder of corral.log; unset: `logs` below the data folder", !secret, !pending,
         "PRL_DEVOPS_LOG_FILE_PATH"},
        {"TLS_ENABLED", boolean, "false", "Serve HTTPS"},
        {"TLS_PORT", number, "443", "HTTPS port"},
        {"TLS_CERTIFICATE", text, "", "PEM certificate chain in base64"},
        {"TLS_PRIVATE_KEY", text, "", "PEM private key in base64", secret},
        {"DISABLE_HTTP_WHEN_TLS", boolean, "false", "No plain HTTP listener while TLS is on"},
        {"TLS_DISABLE_VALIDATION", boolean, "false", "Outgoing calls accept any certificate"},
        {"ENABLE_CORS", boolean, "false", "Answer browsers of other origins although ENABLED_MODULES lacks cors"},
        {"CORS_ALLOWED_ORIGINS", list, "*", "Origins that may call; * for all"},
        {"CORS_ALLOWED_METHODS", list, "", "Methods besides the usual ones"},
        {"CORS_ALLOWED_HEADERS", list, "", "Request headers besides the usual ones"},
        {"CORS_EXPOSED_HEADERS", list, "",
         "Headers of answers that pages of other origins may read, such as X-Total-Count"},
        {"RATE_LIMIT_PER_MINUTE", number, "0", "Requests a minute of one account or API key; 0: no limit"},
        {"RATE_LIMIT_BURST", number, "0", "How many of them at once; 0: all of a minute"},
        {"RATE_LIMIT_ADDRESS_PER_MINUTE", number, "0",
         "Requests a minute of one address that come without good credentials, logins among them; 0: no limit"},
        {"ACCESS_LOG", boolean, "true", "A line in the log for every request but those for health"},
        {"HTTP_MAX_CONNECTIONS", number, "10000", "Open connections; more are closed at once"},
        {"HTTP_MAX_HEADER_SIZE", number, "65536", "Bytes that the head of a request may have"},
        {"HTTP_HEADER_TIMEOUT", duration, "30s", "How long the head of a request may take to arrive"},
        {"HTTP_BODY_TIMEOUT", duration, "5m", "How long a body may take"},
        {"HTTP_WRITE_TIMEOUT", duration, "5m", "How long a client may take to read an answer"},
        {"HTTP_IDLE_TIMEOUT", duration, "60s", "How long an idle connection stays open"},
        {"ROOT_PASSWORD", text, "", "Password of root; unset: made at the first start and printed once", secret},
        {"JWT_SIGN_ALGORITHM", text, "HS256",
         "Signature of the tokens we issue: HS256, HS384, HS512, RS256, RS384, RS512, ES256 or ES384"},
        {"JWT_HMACS_SECRET", text, "", "Secret of HS tokens; unset: derived from `secret.key` in the data folder",
         secret},
        {"JWT_PRIVATE_KEY", text, "", "Key of RS and ES tokens: PEM in base64 (RSA of 2048 bits or more, P-256, P-384)",
         secret},
        {"JWT_PREVIOUS_KEYS", list, "",
         "Keys whose tokens are still good, private or public: PEM in base64, separated by commas", secret},
        {"JWT_DURATION", duration, "15m", "How long a token is good"},
        {"SECURITY_PASSWORD_MIN_PASSWORD_LENGTH", number, "12", "At least 8"},
        {"SECURITY_PASSWORD_MAX_PASSWORD_LENGTH", number, "40", "At most 40 bytes"},
        {"SECURITY_PASSWORD_REQUIRE_LOWERCASE", boolean, "true", "Passwords need a-z"},
        {"SECURITY_PASSWORD_REQUIRE_UPPERCASE", boolean, "true", "Passwords need A-Z"},
        {"SECURITY_PASSWORD_REQUIRE_NUMBER", boolean, "true", "Passwords need a digit"},
        {"SECURITY_PASSWORD_REQUIRE_SPECIAL_CHAR", boolean, "true",
         "Passwords need one of ! @ # $ % ^ & * ( ) _ + . ?"},
        {"BRUTE_FORCE_MAX_LOGIN_ATTEMPTS", number, "5", "Failed logins after which an account is locked"},
        {"BRUTE_FORCE_LOCKOUT_DURATION", duration, "5s", "How long, times the failures beyond when incremental"},
        {"BRUTE_FORCE_INCREMENTAL_WAIT", boolean, "true", "Longer locks for more failures"},
        {"BRUTE_FORCE_MAX_FAILURES_PER_ADDRESS", number, "100",
         "Failed logins a minute after which an address (IPv6: its /64) has to wait; 0: any number"},
        {"OIDC_ISSUER", text, "", "Sign-in through this OpenID Connect issuer; unset: none"},
        {"OIDC_CLIENT_ID", text, "", "Our name at the issuer"},
        {"OIDC_CLIENT_SECRET", text, "", "Our secret there; unset: a public client", secret},
        {"OIDC_REDIRECT_URL", text, "", "Our callback as browsers reach it; unset: made from the request's Host"},
        {"OIDC_SCOPES", text, "openid profile email", "What to ask the issuer for"},
        {"OIDC_GROUPS_CLAIM", text, "groups", "Member of the issuer's answers that lists groups"},
        {"OIDC_ROLE_MAP", list, "", "Roles for groups: `group=ROLE`, separated by commas"},
        {"OIDC_DEFAULT_ROLE", text, "", "Role of who is in none of these groups; unset: they are refused"},
        {"OIDC_AUDIENCE", text, "",
         "The issuer's own access tokens for this audience are taken as bearer tokens; unset: none"},
        {"DATABASE_FOLDER", text, "",
         "Folder of the embedded database and of all state; made when missing. Unset: /var/lib/corral for root, else "
         "~/.local/state/corral"},
        {"GHOST_JOB_TIMEOUT_MINUTES", number, "5",
         "A running job that reports nothing for so long is failed; 0: never"},
        {"ENABLED_MODULES", list, "",
         "api, host, catalog, cache, reverse_proxy, orchestrator, cors. Unset: api, cors, catalog, and host where a "
         "hypervisor can be used"},
        {"SYSTEM_RESERVED_CPU", number, "1", "Processors kept from machines"},
        {"SYSTEM_RESERVED_MEMORY", number, "2048", "MiB kept from machines"},
        {"SYSTEM_RESERVED_DISK", number, "20000", "MiB kept from machines"},
        {"CATALOG_CACHE_FOLDER", text, "", "Pulled images; unset: `cache` below the data folder"},
        {"CATALOG_CACHE_KEEP_FREE_DISK_SPACE", number, "5000", "MiB that pulls leave free"},
        {"CATALOG_CACHE_MAX_SIZE", number, "0",
         "MiB, as config/hardware shows it; 0: what is free less what is kept. Pulls are bounded by what is kept only"},
        {"CATALOG_CACHE_ALLOW_CACHE_ABOVE_FREE_DISK_SPACE", boolean, "false", "Pull although the disk would run full"},
        {"DISABLE_CATALOG_CACHING", boolean, "false", "Images are kept only while a machine needs them"},
        {"CATALOG_ENABLE_PROVIDER_CREDENTIALS_OBFUSCATION", boolean, "true", "Mask store credentials in answers"},
        {"VM_CACHE_REFRESH_INTERVAL_SECONDS", number, "300", "Full comparison with the hypervisor"},
        {"DISABLE_VM_CACHE_REFRESH", boolean, "false", "Without that comparison"},
        {"HYPERVISOR", text, "auto", "auto, libvirt, parallels or fake"},
        {"LIBVIRT_URI", text, "", "Another libvirt; unset: an embedded one below the data folder"},
        {"MACHINES_FOLDER", text, "", "Disks and state of machines; unset: `machines` below the data folder"},
        {"DATABASE_URL", text, "",
         "postgresql://user:password@host:5432/name, which several controllers may share; unset: SQLite in "
         "DATABASE_FOLDER",
         secret},
        {"CATALOG_STORE", text, "",
         "This server's own store: a folder or a connection string; unset: `store` below the data folder", secret},
        {"LOCAL_PATH_ROOTS", list, "", "The only folders that local paths may name"},
        {"ENABLE_SSH_EXECUTE", boolean, "false", "Allow POST /ssh/execute"},
        {"ENABLE_SSH_INSECURE_KEY", boolean, "false", "POST /ssh/execute takes any host key"},
        {"SSH_KNOWN_HOSTS", text, "",
         "Host keys that POST /ssh/execute trusts; unset: ~/.ssh/known_hosts of the service's user"},
        {"METRICS_TOKEN", text, "", "Bearer that may read the metrics and nothing else; unset: super users only",
         secret},
        {"OTEL_EXPORTER_OTLP_ENDPOINT", text, "",
         "Collector that gets traces by OTLP over HTTP, such as http://127.0.0.1:4318; unset: no traces"},
        {"OTEL_EXPORTER_OTLP_HEADERS", text, "", "Headers for it: name=value,name=value", secret},
        {"OTEL_SERVICE_NAME", text, "corral", "Name of this service in traces"},
        {"OTEL_TRACES_SAMPLER_ARG", text, "1", "Part of the traces that begin here to keep, from 0 to 1"},
        {"EXECUTE_TIME_LIMIT", duration, "3m", "How long a command in a guest may take"},
        {"AUDIT_KEPT", number, "100000", "Audit entries kept; of refused attempts as many again"},
        {"AUDIT_KEPT_FOR", duration, "8760h", "How long audit entries are kept"},
        {"JOBS_KEPT", number, "10000", "Finished jobs kept"},
        {"JOBS_KEPT_FOR", duration, "720h", "How long finished jobs are kept"},
        {"EVENTS_KEPT", number, "100000", "Events kept for `since` of subscribers"},
        {"WORKER_THREADS", number, "32", "Threads for blocking requests"},
    };
    static const std::vector<Key> table = [] {
        std::vector<Key> all = own;
        for (const Key& key : reference_keys()) all.push_back(key);
        return all;
    }();
    return table;
}

}  // namespace corral::app
