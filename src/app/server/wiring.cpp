// The whole object graph, in the order in which its parts need each other. The one place that names concrete classes.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

#include "app/server/app.hpp"
#include "app/server/database.hpp"
#include "app/server/folders.hpp"
#include "app/server/hypervisor.hpp"
#include "app/server/migrations.hpp"
#include "app/server/operations.hpp"
#include "app/server/parts/catalog_managers.hpp"
#include "app/server/parts/sign_in.hpp"
#include "audit/migrations.hpp"
#include "audit/routes.hpp"
#include "base/log.hpp"
#include "catalog/connection.hpp"
#include "catalog/migrations.hpp"
#include "catalog/routes.hpp"
#include "catalog/transfer.hpp"
#include "catalog_managers/migrations.hpp"
#include "catalog_managers/routes.hpp"
#include "drivers/storage/local/local_storage.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "events/routes.hpp"
#include "identity/accounts/routes.hpp"
#include "identity/keys/routes.hpp"
#include "identity/migrations.hpp"
#include "identity/oidc/routes.hpp"
#include "identity/routes.hpp"
#include "identity/seed.hpp"
#include "jobs/debug.hpp"
#include "jobs/job_service.hpp"
#include "jobs/migrations.hpp"
#include "jobs/routes.hpp"
#include "machines/migrations.hpp"
#include "machines/routes.hpp"
#include "platform/crypto/pem_keys.hpp"
#include "platform/http/edge/access_log.hpp"
#include "platform/net/server.hpp"
#include "system/rounds.hpp"
#include "system/routes.hpp"

namespace corral::app {

struct App::Parts {
    SystemClock clock;
    Folders folders;
    files::FileLock lock;
    std::unique_ptr<db::Database> database;
    std::unique_ptr<identity::Directory> directory;
    std::unique_ptr<audit::Trail> audit;
    std::unique_ptr<audit::Refusals> refusals;
    std::unique_ptr<identity::Service> identity;
    std::unique_ptr<identity::oidc::SignIn> sign_in;  // null without OIDC_ISSUER
    std::unique_ptr<identity::ApiKeys> keys;
    std::unique_ptr<identity::Accounts> accounts;
    std::unique_ptr<identity::Configs> configs;
    std::unique_ptr<events::EventLog> events;
    std::unique_ptr<events::Hub> hub;
    std::unique_ptr<jobs::JobService> jobs;
    std::unique_ptr<machines::Driver> driver;
    std::unique_ptr<catalog::Service> catalog;
    std::unique_ptr<catalog::Transfer> transfer;
    CatalogManagers catalog_managers;
    std::unique_ptr<machines::Service> machines;
    std::unique_ptr<system::Service> system;
    std::unique_ptr<Operations> operations;
    http::AccessLog access_log;
    std::unique_ptr<http::Dispatcher> dispatcher;
    std::unique_ptr<tasks::Pool> workers;
    std::mutex listening;                               // guards what follows: the listeners can be renewed
    std::vector<std::unique_ptr<net::Server>> retired;  // handlers may still refer to their connections
    std::unique_ptr<net::Server> server;
    net::ServerOptions listeners;
    std::function<void(bool)> stop_process;     // what POST /shutdown does
    std::function<Result<Config>()> configure;  // reads the configuration again
    std::atomic<bool> stopping = false;
    std::unique_ptr<tasks::Pool> control;  // renews the listeners
    std::unique_ptr<tasks::Periodic> housekeeping, adoption;
    std::unique_ptr<system::Rounds> rounds;
    bool keeps_images = false;  // this controller works on the folders of images and machines
};

namespace {

bool has(const std::vector<std::string>& list, std::string_view name) {
    return std::ranges::find(list, name) != list.end();
}

// What has no effect yet is said, not passed over.
void tell_of_pending(const Config& config) {
    for (const Key& key : keys())
        if (key.pending && config.text(key.name) != key.fallback)
            log::warn("A configuration key has no effect in this version", {{"key", key.name}});
    for (const std::string& section : config.passed_over())
        log::warn("A section of the configuration file has no effect in this version",
                  {{"section", section}, {"file", config.file()}});
}

Result<void> open_sign_in(App::Parts& p, const Config& config, const Secret& master_key) {
    if (config.text("OIDC_ISSUER").empty()) return {};
    p.sign_in = std::make_unique<identity::oidc::SignIn>(
        *p.database, *p.directory, *p.events, p.clock, TRY(sign_in_settings(config)), sign_in_fetch(),
        Secret(crypto::hmac_sha256(master_key.reveal(), "corral sign-in")));
    p.identity->accept(*p.sign_in);
    return {};
}

Result<identity::PasswordRules> password_rules(const Config& config) {
    identity::PasswordRules rules;
    const long long least = config.number("SECURITY_PASSWORD_MIN_PASSWORD_LENGTH");
    const long long most = config.number("SECURITY_PASSWORD_MAX_PASSWORD_LENGTH");
    // Values beyond the bounds are brought inside, as the contract says; together they must leave a password.
    rules.min_length = static_cast<std::size_t>(std::clamp(least, 8LL, 1'000LL));
    rules.max_length = static_cast<std::size_t>(std::clamp<long long>(most, 0, identity::password_limit));
    if (rules.min_length > rules.max_length)
        return invalid_field("SECURITY_PASSWORD_MIN_PASSWORD_LENGTH",
                             "leaves no password below the longest one allowed");
    rules.lowercase = config.boolean("SECURITY_PASSWORD_REQUIRE_LOWERCASE");
    rules.uppercase = config.boolean("SECURITY_PASSWORD_REQUIRE_UPPERCASE");
    rules.number = config.boolean("SECURITY_PASSWORD_REQUIRE_NUMBER");
    rules.special = config.boolean("SECURITY_PASSWORD_REQUIRE_SPECIAL_CHAR");
    return rules;
}

Result<void> open_identity(App::Parts& p, const Config& config) {
    identity::Settings settings;
    settings.master_key = TRY(master_key(p.folders));
    settings.token_keys = TRY(identity::token_keys(config.text("JWT_SIGN_ALGORITHM"), config.secret("JWT_HMACS_SECRET"),
                                                   config.secret("JWT_PRIVATE_KEY"), config.list("JWT_PREVIOUS_KEYS")));
    settings.token_duration = config.duration("JWT_DURATION");
    if (settings.token_duration < std::chrono::seconds{1})
        return invalid_field("JWT_DURATION", "must be at least a second");
    settings.max_login_attempts = static_cast<int>(config.number("BRUTE_FORCE_MAX_LOGIN_ATTEMPTS"));
    settings.lockout = config.duration("BRUTE_FORCE_LOCKOUT_DURATION");
    settings.incremental_lockout = config.boolean("BRUTE_FORCE_INCREMENTAL_WAIT");
    settings.max_failures_per_address = static_cast<int>(config.number("BRUTE_FORCE_MAX_FAILURES_PER_ADDRESS"));
    settings.password_threads = std::max(1U, std::thread::hardware_concurrency() / 2);
    settings.waiting_logins = std::max(1, static_cast<int>(config.number("WORKER_THREADS") * 3 / 4));
    p.directory = std::make_unique<identity::Directory>(*p.database);
    p.identity = std::make_unique<identity::Service>(*p.database, *p.directory, p.clock, settings);
    p.keys = std::make_unique<identity::ApiKeys>(*p.database, *p.directory, p.clock, settings.master_key);
    const identity::PasswordRules rules = TRY(password_rules(config));
    p.accounts = std::make_unique<identity::Accounts>(*p.database, *p.directory, *p.events, p.clock, rules);
    p.configs = std::make_unique<identity::Configs>(*p.database, p.clock);
    const Secret root_password = config.secret("ROOT_PASSWORD");
    if (!root_password.empty() && !rules.check(root_password, "ROOT_PASSWORD"))  // quirk Q44
        log::warn("ROOT_PASSWORD is weak: the rules for other passwords would refuse it");
    // Shown this once, and never in a log.
    if (const auto made = TRY(identity::seed(*p.database, *p.directory, p.clock, root_password)))
        std::fprintf(stderr, "corral: made the password of root: %s (shown only now)\n", made->reveal().c_str());
    TRY(open_sign_in(p, config, settings.master_key));
    return p.identity->load();
}

Result<std::unique_ptr<catalog::Storage>> open_storage(const catalog::Provider& provider) {
    if (provider.type != "local-storage")
        return invalid_field("/connection", "must name the provider local-storage in this version");
    const auto folder = provider.meta.find("catalog_path");
    if (folder == provider.meta.end() || folder->second.empty() || folder->second.front() != '/')
        return invalid_field("catalog_path", "must be an absolute path");
    return std::unique_ptr<catalog::Storage>(TRY(drivers::LocalStorage::open(folder->second)));
}

void open_catalog(App::Parts& p, const Config& config) {
    std::string store = config.text("CATALOG_STORE");
    if (store.empty()) store = p.folders.store;
    if (store.front() == '/')
        store = catalog::to_connection({.type = "local-storage", .meta = {{"catalog_path", store}}});
    catalog::Settings settings;
    settings.store = store;
    settings.work_folder = p.folders.data + "/work";
    settings.cache_folder = p.folders.cache;
    settings.keep_free_bytes = static_cast<std::uint64_t>(config.number("CATALOG_CACHE_KEEP_FREE_DISK_SPACE")) << 20U;
    if (config.boolean("CATALOG_CACHE_ALLOW_CACHE_ABOVE_FREE_DISK_SPACE")) settings.keep_free_bytes = 0;
    settings.keep_unused_images = !config.boolean("DISABLE_CATALOG_CACHING");
    settings.local_roots = config.list("LOCAL_PATH_ROOTS");
    settings.usual_folders = p.folders.usual();
    settings.own_folders = p.folders.own();
    settings.mask_secrets = config.boolean("CATALOG_ENABLE_PROVIDER_CREDENTIALS_OBFUSCATION");
    settings.machine_disk = [&p](const std::string& folder) -> std::optional<std::string> {
        if (!p.machines) return std::nullopt;
        for (const auto& machine : p.machines->inventory().all())
            if (machine.home == folder || machine.home == folder + "/") return machine.disk;
        return std::nullopt;
    };
    p.catalog = std::make_unique<catalog::Service>(*p.database, *p.jobs, p.clock, open_storage, settings);
    p.transfer = std::make_unique<catalog::Transfer>(*p.catalog, *p.database, p.clock);
}

machines::ImageSource images_of(catalog::Service& catalog) {
    const auto asked = [](const machines::CatalogSource& source) -> Result<catalog::ImageRequest> {
        if (!source.connection.empty() && !TRY(catalog::parse_connection(source.connection)).host.empty())
            return Error{Errc::unsupported, "This version pulls from this server's own catalog only"};
        return catalog::ImageRequest{source.catalog_id, source.version, source.architecture, source.connection};
    };
    machines::ImageSource out;
    out.find = [&catalog, asked](const Caller& who,
                                 const machines::CatalogSource& source) -> Result<catalog::Manifest> {
        return catalog.record_for(who, TRY(asked(source)));
    };
    out.bring = [&catalog, asked](const Caller& who, const machines::CatalogSource& source,
                                  jobs::Progress& progress) -> Result<machines::Image> {
        auto image = TRY(catalog.image_for(who, TRY(asked(source)), progress));
        return machines::Image{image.digest, image.disk_path, std::move(image.manifest)};
    };
    out.pin = [&catalog](db::Tx& tx, const std::string& machine, const std::string& digest) {
        return catalog.pin(tx, machine, digest);
    };
    out.unpin = [&catalog](db::Tx& tx, const std::string& machine) { catalog.unpin(tx, machine); };
    out.tidy = [&catalog] { return catalog.tidy_cache(); };
    return out;
}

Result<void> open_machines(App::Parts& p, const Config& config) {
    machines::Settings settings;
    settings.folder = p.folders.machines;
    settings.execute_limit = config.duration("EXECUTE_TIME_LIMIT");
    settings.full_interval = std::chrono::seconds{config.number("VM_CACHE_REFRESH_INTERVAL_SECONDS")};
    if (config.boolean("DISABLE_VM_CACHE_REFRESH") || settings.full_interval.count() <= 0)
        settings.full_interval = std::chrono::hours{24 * 365};
    settings.local_roots = config.list("LOCAL_PATH_ROOTS");
    settings.usual_folders = p.folders.usual();
    settings.own_folders = p.folders.own();
    p.machines = std::make_unique<machines::Service>(*p.driver, *p.database, *p.events, *p.jobs, p.clock,
                                                     images_of(*p.catalog), settings);
    return p.machines->recover();
}

// Which modules run. Without ENABLED_MODULES: what this host can do.
Result<std::vector<std::string>> choose_modules(App::Parts& p, const Config& config,
                                                std::vector<system::ServiceHealth>& failed) {
    std::vector<std::string> modules = config.list("ENABLED_MODULES");
    for (std::string& name : modules)
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool chosen = !modules.empty();
    if (!chosen) modules = {"api", "cors", "catalog", "host"};
    if (!has(modules, "api")) modules.insert(modules.begin(), "api");
    const bool orchestrator = has(modules, "orchestrator");
    const bool manager_asked = std::erase(modules, "catalog_manager") > 0;
    for (const std::string& name : modules)
        if (!has({"api", "host", "catalog", "cors", "cache"}, name))
            failed.push_back({.name = name,
                              .healthy = false,
                              .message = "",
                              .error_message = "This module is not part of this version"});
    // Folders and machines are this host's: of the controllers on one database, one has them.
    p.keeps_images = (has(modules, "host") || has(modules, "catalog")) && TRY(p.database->claim("images and machines"));
    if (!p.keeps_images)
        for (const char* name : {"host", "catalog"})
            if (std::erase(modules, name) > 0 && chosen)
                failed.push_back({.name = name,
                                  .healthy = false,
                                  .message = "",
                                  .error_message = "Another controller on this database runs this module"});
    if (!p.keeps_images) p.driver.reset();
    if (has(modules, "host") && !p.driver) {
        auto opened = open_hypervisor(config, p.folders.data);
        if (opened) {
            p.driver = std::move(*opened);
        } else if (opened.error().code == Errc::invalid || opened.error().code == Errc::conflict) {
            return std::move(opened).error();
        } else {
            std::erase(modules, "host");
            log::Fields why{{"why", opened.error().message}, {"detail", opened.error().detail}};
            if (chosen) {
                log::error("Machines cannot be run here", why);
                failed.push_back(
                    {.name = "Hypervisor", .healthy = false, .message = "", .error_message = opened.error().message});
            } else {
                log::info("Machines cannot be run here", why);
            }
        }
    }
    for (const auto& f : failed)
        if (f.name != "Hypervisor") {
            std::erase(modules, f.name);
            log::error("A module was left out", {{"module", f.name}, {"why", f.error_message}});
        }
    settle_catalog_manager(modules, manager_asked, orchestrator);
    return modules;
}

Result<net::ServerOptions> server_options(const Config& config);

void request_stop(App::Parts& p, bool failed) {
    std::lock_guard lock(p.listening);
    if (p.stop_process) p.stop_process(failed);
}

// Those in force, with the certificate as it is configured now.
net::ServerOptions fresh_options(App::Parts& p) {
    std::lock_guard lock(p.listening);
    net::ServerOptions out = p.listeners;
    if (out.port >= 0) out.port = p.server->port();
    if (out.tls_port >= 0) out.tls_port = p.server->tls_port();
    if (!p.configure) return out;
    auto config = p.configure();
    auto options = config ? server_options(*config) : Result<net::ServerOptions>(config.error());
    if (options) {
        out.tls_certificate = options->tls_certificate;
        out.tls_private_key = options->tls_private_key;
    } else {
        log::error("The configuration cannot be read again; the one in force stays",
                   {{"why", options.error().message}});
    }
    return out;
}

// New listeners on the ports of the old ones, which finish what they have begun; tokens, jobs and the event hub know
// nothing of it (quirk Q14). On the control thread only.
void renew_listeners(App::Parts& p) {
    if (p.stopping) return;
    const net::ServerOptions options = fresh_options(p);
    log::info("Renewing the listeners", {{"port", options.port}, {"tls_port", options.tls_port}});
    auto server = std::make_unique<net::Server>(*p.dispatcher, *p.workers, options);
    if (const auto started = server->start_in_place_of(*p.server); !started) {
        log::error("The listeners cannot be renewed", {{"why", started.error().message}});
        if (started.error().code != Errc::invalid) request_stop(p, true);  // else the old ones go on
        return;
    }
    net::Server* old = nullptr;
    {
        std::lock_guard lock(p.listening);
        old = p.retired.emplace_back(std::exchange(p.server, std::move(server))).get();
        p.listeners = options;
    }
    old->stop();
    log::info("The listeners are renewed");
}

std::vector<http::Route> make_table(App::Parts& p, const std::vector<std::string>& modules) {
    std::vector<http::Route> table;
    const auto add = [&](std::vector<http::Route> rows) {
        for (http::Route& row : rows) table.push_back(std::move(row));
    };
    add(identity::routes(*p.identity, *p.audit));
    add(identity::key_routes(*p.keys));
    add(identity::oidc_routes(*p.identity, p.sign_in.get()));
    add(identity::account_routes(*p.accounts, *p.configs));
    add(audit::routes(*p.audit));
    add(events::routes(*p.hub));
    add(jobs::routes(*p.jobs));
    add(system::routes({.clock = p.clock,
                        .service = *p.system,
                        .log_stream = p.operations->log_stream(),
                        .tools = p.operations->tools(),
                        .remote = p.operations->remote(),
                        .log_file = p.operations->log_file(),
                        .restart = [&p] { p.control->post([&p] { renew_listeners(p); }); },
                        .shutdown = [&p] { request_stop(p, false); },
                        .database_answers = [&p] { return p.database->check(); },
                        .metrics = [&p] { return p.operations->metrics().text(); }}));
    if (has(modules, "catalog")) {
        add(catalog::routes(*p.catalog));
        add(catalog::transfer_routes(*p.transfer));
    }
    if (has(modules, "catalog_manager")) add(catalog_managers::routes(*p.catalog_managers.service));
    if (p.machines) add(machines::routes(*p.machines));
    return table;
}

Result<int> whole_number(const Config& config, const char* key, int from, int to) {
    const long long number = config.number(key);
    if (number < from || number > to)
        return invalid_field(key, "must be from " + std::to_string(from) + " to " + std::to_string(to));
    return static_cast<int>(number);
}

Result<void> read_limits(const Config& config, http::Dispatcher::Settings& settings) {
    constexpr int most = 10'000'000;
    settings.rate.per_minute = TRY(whole_number(config, "RATE_LIMIT_PER_MINUTE", 0, most));
    settings.rate.burst = TRY(whole_number(config, "RATE_LIMIT_BURST", 0, most));
    settings.address_rate.per_minute = TRY(whole_number(config, "RATE_LIMIT_ADDRESS_PER_MINUTE", 0, most));
    return {};
}

// base64 as tools print it, in lines.
std::optional<std::string> unwrapped(std::string text) {
    std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
    return crypto::from_base64(text);
}

// Whether the certificate is good now; says so when it is not, or not for long. One that is no certificate is left to
// the listener, which knows why.
bool check_validity(const std::string& certificate) {
    constexpr auto soon = std::chrono::days{30};
    const auto valid = crypto::certificate_validity(certificate);
    if (!valid) return true;
    const Time now = SystemClock{}.now();
    const bool good = valid->from <= now && now < valid->until;
    if (!good)
        log::error("The TLS certificate is not valid now",
                   {{"from", to_rfc3339(valid->from)}, {"until", to_rfc3339(valid->until)}});
    else if (valid->until < now + soon)
        log::warn("The TLS certificate ends soon", {{"until", to_rfc3339(valid->until)}});
    return good;
}

Result<net::ServerOptions> server_options(const Config& config) {
    constexpr int last_port = 65'535;
    net::ServerOptions out;
    out.address = config.text("API_ADDRESS");
    out.port = TRY(whole_number(config, "API_PORT", 0, last_port));
    out.max_connections = static_cast<std::size_t>(TRY(whole_number(config, "HTTP_MAX_CONNECTIONS", 1, 1'000'000)));
    out.header_limit = static_cast<std::size_t>(TRY(whole_number(config, "HTTP_MAX_HEADER_SIZE", 1024, 1 << 20)));
    for (const auto& [key, timeout] :
         {std::pair{"HTTP_HEADER_TIMEOUT", &out.header_timeout}, std::pair{"HTTP_BODY_TIMEOUT", &out.body_timeout},
          std::pair{"HTTP_WRITE_TIMEOUT", &out.write_timeout}, std::pair{"HTTP_IDLE_TIMEOUT", &out.idle_timeout}}) {
        *timeout = config.duration(key);
        if (timeout->count() <= 0) return invalid_field(key, "must be longer than nothing");
    }
    if (!config.boolean("TLS_ENABLED")) return out;
    const auto certificate = unwrapped(config.text("TLS_CERTIFICATE"));
    const auto key = unwrapped(config.secret("TLS_PRIVATE_KEY").reveal());
    if (!certificate || certificate->empty()) return invalid_field("TLS_CERTIFICATE", "must be a PEM chain in base64");
    if (!key || key->empty()) return invalid_field("TLS_PRIVATE_KEY", "must be a PEM key in base64");
    out.tls_certificate = *certificate;
    out.tls_private_key = Secret(*key);
    out.tls_port = TRY(whole_number(config, "TLS_PORT", 0, last_port));
    // Nobody is locked out by a certificate that clients refuse.
    if (check_validity(*certificate) && config.boolean("DISABLE_HTTP_WHEN_TLS")) out.port = -1;
    return out;
}

void keep_house(App::Parts& p) {
    const auto note = [](const Result<void>& done) {
        if (!done) log::warn("Housekeeping failed", {{"why", done.error().message}, {"detail", done.error().detail}});
    };
    note(p.identity->tidy());
    note(p.audit->trim());
    note(p.events->trim());
    note(p.jobs->trim());
    if (!p.keeps_images) return;
    note(p.transfer->expire());
    note(p.catalog->tidy());
}

}  // namespace

std::string_view version() { return CORRAL_VERSION; }

std::vector<db::Migration> all_migrations() {
    std::vector<db::Migration> out;
    for (auto& list :
         {audit::migrations(), identity::migrations(), events::migrations(), jobs::migrations(), catalog::migrations(),
          catalog_managers::migrations(), machines::migrations(), app::migrations()})
        out.insert(out.end(), list.begin(), list.end());
    return out;
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
App::~App() { stop(); }
int App::port() const {
    std::lock_guard lock(parts_->listening);
    return parts_->server->port() > 0 ? parts_->server->port() : parts_->server->tls_port();
}
void App::on_stop_request(std::function<void(bool failed)> stop) {
    std::lock_guard lock(parts_->listening);
    parts_->stop_process = std::move(stop);
}
void App::on_renewal(std::function<Result<Config>()> configure) {
    std::lock_guard lock(parts_->listening);
    parts_->configure = std::move(configure);
}
void App::reload() {
    parts_->control->post([p = parts_.get()] {
        if (const auto read = p->directory->reload(); !read)
            log::error("The accounts cannot be read again", {{"why", read.error().message}});
        renew_listeners(*p);
    });
}
const http::Dispatcher& App::dispatcher() const { return *parts_->dispatcher; }

Result<std::unique_ptr<App>> App::open(const Config& config, std::unique_ptr<machines::Driver> hypervisor) {
    auto parts = std::make_unique<Parts>();
    Parts& p = *parts;
    p.driver = std::move(hypervisor);
    tell_of_pending(config);
    p.folders = TRY(make_folders(config));
    p.lock = TRY(lock_folder(config, p.folders));
    p.database = TRY(open_database(config, p.folders));
    TRY(p.database->migrate(all_migrations()));
    TRY(check_key(config, *p.database, TRY(master_key(p.folders))));
    p.audit = std::make_unique<audit::Trail>(
        *p.database, p.clock,
        audit::Trail::Options{.kept = config.number("AUDIT_KEPT"), .kept_for = config.duration("AUDIT_KEPT_FOR")});
    p.refusals = std::make_unique<audit::Refusals>(*p.audit);
    p.events = std::make_unique<events::EventLog>(*p.database, p.clock, config.number("EVENTS_KEPT"));
    TRY(open_identity(p, config));
    p.hub = std::make_unique<events::Hub>(*p.events, p.clock, *p.identity, [&p] { return p.identity->generation(); });
    p.jobs = std::make_unique<jobs::JobService>(
        *p.database, *p.events, p.clock, [&p](const UserId& id) { return p.identity->principal_of(id); },
        jobs::JobService::Options{.kept_for = config.duration("JOBS_KEPT_FOR"),
                                  .kept = config.number("JOBS_KEPT"),
                                  .silence = std::chrono::minutes{config.number("GHOST_JOB_TIMEOUT_MINUTES")}});
    jobs::add_debug_kinds(*p.jobs);
    std::vector<system::ServiceHealth> failed;
    const auto modules = TRY(choose_modules(p, config, failed));
    open_catalog(p, config);
    if (p.keeps_images)
        if (auto swept = p.catalog->recover(); !swept)
            log::warn("Old uploads could not be removed",
                      {{"why", swept.error().message}, {"detail", swept.error().detail}});
    p.catalog_managers = TRY(open_catalog_managers(config, *p.database, p.clock, TRY(master_key(p.folders))));
    if (p.driver) TRY(open_machines(p, config));
    system::Settings about{.version = std::string(version()), .modules = modules, .failed = failed};
    about.database = [&p] { return p.database->check(); };
    about.reserved_cpus = config.number("SYSTEM_RESERVED_CPU");
    about.reserved_memory_mib = config.number("SYSTEM_RESERVED_MEMORY");
    about.reserved_disk_mib = config.number("SYSTEM_RESERVED_DISK");
    about.machines_folder = p.folders.machines;
    about.cache_folder = p.folders.cache;
    if (p.driver)
        about.cache = system::CacheConfig{
            .enabled = !config.boolean("DISABLE_CATALOG_CACHING"),
            .folder = p.folders.cache,
            .keep_free_disk_space = config.number("CATALOG_CACHE_KEEP_FREE_DISK_SPACE"),
            .max_size = config.number("CATALOG_CACHE_MAX_SIZE"),
            .allow_above_free_disk_space = config.boolean("CATALOG_CACHE_ALLOW_CACHE_ABOVE_FREE_DISK_SPACE")};
    p.system =
        std::make_unique<system::Service>(about, p.driver.get(), p.machines ? &p.machines->inventory() : nullptr);
    p.operations = TRY(Operations::make({.config = config,
                                         .folders = p.folders,
                                         .clock = p.clock,
                                         .who = *p.identity,
                                         .events = *p.events,
                                         .hub = *p.hub,
                                         .jobs = *p.jobs,
                                         .database = *p.database,
                                         .inventory = p.machines ? &p.machines->inventory() : nullptr,
                                         .root = [&p] { return p.identity->root(); },
                                         .version = std::string(version())}));
    http::Dispatcher::Settings settings;
    settings.observers = p.operations->observers();
    settings.prefix = config.text("API_PREFIX");
    settings.version = version();
    settings.cors.enabled = config.boolean("ENABLE_CORS") || has(modules, "cors");
    settings.cors.origins = config.list("CORS_ALLOWED_ORIGINS");
    settings.cors.methods = config.list("CORS_ALLOWED_METHODS");
    settings.cors.headers = config.list("CORS_ALLOWED_HEADERS");
    settings.cors.exposed = config.list("CORS_EXPOSED_HEADERS");
    if (config.boolean("ACCESS_LOG")) settings.observers.push_back(&p.access_log);
    TRY(read_limits(config, settings));
    settings.observers.push_back(p.refusals.get());
    p.dispatcher = std::make_unique<http::Dispatcher>(make_table(p, modules), p.operations->door(), settings);
    p.workers = std::make_unique<tasks::Pool>(
        "requests", static_cast<std::size_t>(TRY(whole_number(config, "WORKER_THREADS", 1, 1024))));
    p.control = std::make_unique<tasks::Pool>("control", 1);
    p.listeners = TRY(server_options(config));
    p.server = std::make_unique<net::Server>(*p.dispatcher, *p.workers, p.listeners);
    return std::unique_ptr<App>(new App(std::move(parts)));
}

Result<void> App::start() {
    TRY(parts_->server->start());
    parts_->jobs->resume_after_restart();
    parts_->housekeeping = std::make_unique<tasks::Periodic>(
        "housekeeping", std::chrono::minutes{10}, [p = parts_.get()](const std::stop_token&) { keep_house(*p); });
    // Nobody else's jobs are to be found on SQLite.
    if (!parts_->database->controller().empty())
        parts_->adoption = std::make_unique<tasks::Periodic>(
            "adoption", std::chrono::seconds{5}, [p = parts_.get()](const std::stop_token&) {
                if (auto done = p->jobs->adopt(); !done)
                    log::warn("Jobs of others were not looked after", {{"why", done.error().detail}});
            });
    parts_->rounds =
        std::make_unique<system::Rounds>(parts_->clock, *parts_->events, *parts_->hub, *parts_->jobs, *parts_->system);
    return {};
}

void App::stop() {
    Parts& p = *parts_;
    p.adoption.reset();
    if (p.rounds) p.rounds->stop();
    p.housekeeping.reset();
    p.stopping = true;
    if (p.control) p.control->stop();
    if (p.server) p.server->stop();
    // Before the workers: some of them wait for a job.
    if (p.jobs) p.jobs->stop();
    if (p.workers) p.workers->stop();
    p.retired.clear();
    if (p.machines) p.machines->stop();
}

}  // namespace corral::app
