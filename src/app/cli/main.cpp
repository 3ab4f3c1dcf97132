// `corral`: the service and its command line in one program.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>

#include "app/cli/admin_commands.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/import_reference.hpp"
#include "app/cli/session.hpp"
#include "app/server/app.hpp"
#include "app/server/references.hpp"
#include "app/server/serve.hpp"

namespace {

using namespace corral;

struct Arguments {
    cli::Context context;
    cli::LoginOptions login;
    cli::KeyOptions key;
    cli::PushOptions push;
    cli::PullOptions pull;
    cli::LogOptions logs;
    cli::AuditOptions audit;
    cli::SnapshotOptions snapshot;
    std::string image, machine, job, state;
    std::vector<std::string> words;
    cli::PrivateKeyOptions private_key;
    cli::ServiceOptions service;
    bool force = false, ask_root_password = false;
    int exit_code = 0;
};

void add_session(CLI::App& app, Arguments& a) {
    auto* login = app.add_subcommand("login", "Sign in to a server and keep the token");
    login->add_option("URL", a.login.url, "Default: http://127.0.0.1:3080");
    login->add_option("-u,--user", a.login.user, "User name or e-mail")->capture_default_str();
    login->add_flag("--oidc", a.login.browser, "Sign in with a browser, through the server's OpenID Connect issuer");
    login->footer(
        "The password is read from the terminal, from standard input, or from CORRAL_PASSWORD.\n"
        "  corral login https://corral.example.com -u ann");
    login->callback([&a] { a.exit_code = cli::login(a.context, a.login); });
    app.add_subcommand("logout", "End the token and forget it")->callback([&a] {
        a.exit_code = cli::logout(a.context);
    });
}

void add_keys(CLI::App& app, Arguments& a) {
    auto* key = app.add_subcommand("key", "API keys");
    key->require_subcommand(1);
    key->add_subcommand("list", "List the keys you may see")->callback([&a] {
        a.exit_code = cli::key_list(a.context);
    });
    auto* create = key->add_subcommand("create", "Make a key and print it; it is not shown again");
    create->add_option("NAME", a.key.name, "What it is called")->required();
    create->add_option("--key", a.key.key, "Its public half; default: the name");
    create->add_option("--owner", a.key.owner, "User whose rights it has; default: you");
    create->add_option("--expires", a.key.expires, "RFC 3339 time; default: never");
    create->add_flag("--ownerless", a.key.ownerless, "Acts as root; for super users");
    create->add_flag("--forwarder", a.key.forwarder, "May speak for others; for super users");
    create->footer("  CORRAL_API_KEY=$(corral key create ci --expires 2027-01-01T00:00:00Z)");
    create->callback([&a] { a.exit_code = cli::key_create(a.context, a.key); });
    const auto on_key = [&](const char* name, const char* help, int (*run)(const cli::Context&, const std::string&)) {
        auto* command = key->add_subcommand(name, help);
        command->add_option("KEY", a.key.name, "Id, name or key")->required();
        command->callback([&a, run] { a.exit_code = run(a.context, a.key.name); });
    };
    on_key("revoke", "End a key and keep its record", cli::key_revoke);
    on_key("delete", "Remove a key", cli::key_delete);
}

void add_catalog(CLI::App& app, Arguments& a) {
    auto* push = app.add_subcommand("push", "Push a disk image into the catalog; only chunks it lacks travel");
    push->add_option("FILE", a.push.path, "Disk image (raw, qcow2) or a folder")->required();
    push->add_option("IMAGE", a.push.image, "NAME:VERSION")->required();
    push->add_option("-a,--arch", a.push.architecture, "x86_64 or arm64; default: the server's");
    push->add_option("-d,--description", a.push.description, "What is in it");
    push->add_option("-t,--tag", a.push.tags, "Tag; may be repeated");
    push->add_option("--role", a.push.roles, "Role that a puller needs; may be repeated");
    push->add_option("--claim", a.push.claims, "Claim that a puller needs; may be repeated");
    push->footer("  corral push debian12.qcow2 debian:12.7 -t ci");
    push->callback([&a] { a.exit_code = cli::push(a.context, a.push); });

    auto* pull = app.add_subcommand("pull", "Make a machine of an image");
    pull->add_option("IMAGE", a.pull.image, "NAME[:VERSION]; default: the newest version")->required();
    pull->add_option("-n,--name", a.pull.machine, "Name of the machine; default: the image's");
    pull->add_option("-a,--arch", a.pull.architecture, "x86_64 or arm64; default: the server's");
    pull->add_flag("-s,--start", a.pull.start, "Start it");
    pull->footer("  corral pull debian:12.7 --name runner-1 --start");
    pull->callback([&a] { a.exit_code = cli::pull(a.context, a.pull); });

    auto* list = app.add_subcommand("list", "List the images of the catalog");
    list->add_option("NAME", a.image, "Only this image's versions");
    list->callback([&a] { a.exit_code = cli::list_images(a.context, a.image); });
}

void add_machines(CLI::App& app, Arguments& a) {
    auto* vm = app.add_subcommand("vm", "Machines of the host");
    vm->require_subcommand(1);
    const auto on_machine = [&](const char* name, const char* help) {
        auto* command = vm->add_subcommand(name, help);
        command->add_option("VM", a.machine, "Name or id")->required();
        return command;
    };
    vm->add_subcommand("list", "List machines")->callback([&a] { a.exit_code = cli::vm_list(a.context); });
    on_machine("show", "Show one machine")->callback([&a] { a.exit_code = cli::vm_show(a.context, a.machine); });
    on_machine("start", "Start, or wake from pause or suspend")->callback([&a] {
        a.exit_code = cli::vm_start(a.context, a.machine);
    });
    auto* stop = on_machine("stop", "Shut down");
    stop->add_flag("-f,--force", a.force, "Cut the power");
    stop->callback([&a] { a.exit_code = cli::vm_stop(a.context, a.machine, a.force); });
    auto* exec = on_machine("exec", "Run a command in the guest; exits with its exit code");
    exec->footer(
        "Behind the VM: one word is a line for the guest's shell, several are a program and its arguments.\n"
        "  corral vm exec runner-1 uname -a\n  corral vm exec runner-1 'cd /tmp && ls | wc -l'");
    exec->callback([&a] {
        if (a.words.empty()) throw CLI::RequiredError("COMMAND");
        a.exit_code = cli::vm_exec(a.context, a.machine, a.words);
    });
    auto* remove = on_machine("delete", "Delete a machine with its disks");
    remove->add_flag("-f,--force", a.force, "Also when it runs");
    remove->callback([&a] { a.exit_code = cli::vm_delete(a.context, a.machine, a.force); });

    on_machine("snapshots", "List the snapshots of a machine, as a tree")->callback([&a] {
        a.exit_code = cli::vm_snapshots(a.context, a.machine);
    });
    auto* snapshot = on_machine("snapshot", "Take a snapshot: the disk, and the memory of a machine that is on");
    snapshot->add_option("-n,--name", a.snapshot.name, "Default: Snapshot N");
    snapshot->add_option("-d,--description", a.snapshot.description);
    snapshot->footer("  corral vm snapshot runner-1 --name clean");
    snapshot->callback([&a] { a.exit_code = cli::vm_snapshot(a.context, a.machine, a.snapshot); });
    auto* revert = on_machine("revert", "Take a machine back to a snapshot; what came after it is lost");
    revert->add_option("SNAPSHOT", a.snapshot.snapshot, "Id, or a name that only one has")->required();
    revert->add_flag("--paused", a.snapshot.paused, "Leave it paused if it ran then");
    revert->footer("  corral vm revert runner-1 clean");
    revert->callback([&a] { a.exit_code = cli::vm_revert(a.context, a.machine, a.snapshot); });
    auto* forget = on_machine("delete-snapshot", "Delete snapshots; the machine stays as it is");
    auto* which = forget->add_option("SNAPSHOT", a.snapshot.snapshot, "Id, or a name that only one has");
    forget->add_flag("--children", a.snapshot.children, "With all that were taken upon it");
    forget->add_flag("--all", a.snapshot.all, "All of the machine")->excludes(which);
    forget->callback([&a] {
        if (!a.snapshot.all && a.snapshot.snapshot.empty()) throw CLI::RequiredError("SNAPSHOT or --all");
        a.exit_code = cli::vm_delete_snapshot(a.context, a.machine, a.snapshot);
    });
}

int say(const Result<std::string>& result) {
    if (!result) return cli::report(result.error());
    std::puts(result->c_str());
    return cli::ok;
}

int install_service(Arguments& a) {
    if (a.ask_root_password) {
        auto password = cli::ask_password("Password of root: ");
        if (!password) return cli::report(password.error());
        a.service.root_password = std::move(*password);
    }
    a.service.settings = a.words;
    return say(cli::install_service(a.service));
}

void add_logs(CLI::App& app, Arguments& a) {
    auto* logs = app.add_subcommand("logs", "Print the server's log; for super users");
    logs->add_option("-n,--lines", a.logs.lines, "So many of the last lines")->capture_default_str();
    logs->add_option("--since", a.logs.since, "A time (RFC 3339), or an age: 90s, 15m, 2h, 3d");
    logs->add_option("-l,--level", a.logs.level, "This level and above: debug, info, warn, error");
    logs->add_option("--contains", a.logs.contains, "Only lines with this text");
    logs->footer("  corral logs --since 15m --level warn");
    logs->callback([&a] { a.exit_code = cli::logs(a.context, a.logs); });
}

void add_administration(CLI::App& app, Arguments& a) {
    auto* install = app.add_subcommand("install", "Install on this host");
    install->require_subcommand(1);
    auto* service = install->add_subcommand("service", "Run as a systemd service: configuration, unit, start");
    service->add_option("KEY=VALUE", a.words, "Configuration, kept in /etc/corral/config.yaml (mode 0600)");
    service->add_option("--file", a.service.file, "Take the configuration from this YAML or JSON file");
    service->add_flag("--root-password", a.ask_root_password,
                      "Set root's password: asked for, from standard input, or from CORRAL_PASSWORD");
    service->add_option("--root", a.service.root, "Write everything below this folder and start nothing");
    service->add_option("--program", a.service.program, "The program of the unit; default: this one");
    service->add_flag("!--no-start", a.service.start, "Enable it without starting it");
    service->footer("  corral install service API_PORT=3080 ENABLED_MODULES=api,catalog --root-password");
    service->callback([&a] { a.exit_code = install_service(a); });

    auto* uninstall = app.add_subcommand("uninstall", "Remove from this host");
    uninstall->require_subcommand(1);
    auto* gone = uninstall->add_subcommand("service", "Stop and remove the systemd service");
    gone->add_flag("--full", a.service.full, "Configuration and data too; refused while there are machines");
    gone->add_option("--root", a.service.root, "Below this folder, without systemd");
    gone->callback([&a] { a.exit_code = say(cli::uninstall_service(a.service)); });

    auto* key = app.add_subcommand("gen-key", "Make a private key for signing tokens");
    key->alias("gen-rsa");
    key->add_option("FILE,--file", a.private_key.file, "Where to; only its owner may read it")->capture_default_str();
    key->add_option("--type", a.private_key.type, "rsa or ec")->capture_default_str();
    key->add_option("--bits,--rsa-key-size", a.private_key.bits, "Of an RSA key")->capture_default_str();
    key->add_flag("-f,--force", a.private_key.overwrite, "Replace a file that is there");
    key->callback([&a] { a.exit_code = cli::make_private_key(a.private_key); });

    auto* password =
        app.add_subcommand("update-root-password", "Set the password of root in the database of this host");
    password->alias("update-root-pass");
    password->prefix_command();
    password->footer(
        "The password is read from the terminal, from standard input, or from CORRAL_PASSWORD. A server that runs "
        "takes\n"
        "it up at once. Configuration is found as `corral serve` finds it; flags like its own may follow:\n"
        "  corral update-root-password --DATABASE_FOLDER=/srv/corral");
    password->callback([&a, password] { a.exit_code = cli::update_root_password(password->remaining(), Secret()); });

    app.add_subcommand("version", "Print the version")->callback([] {
        std::printf("%s\n", std::string(app::version()).c_str());
    });
}

void add_jobs(CLI::App& app, Arguments& a) {
    auto* group = app.add_subcommand("job", "Long work: pushes, pulls and what else takes its time");
    group->require_subcommand(1);
    auto* list = group->add_subcommand("list", "List jobs: all of them, or your own");
    list->add_option("--state", a.state, "Only those that are pending, running, completed or failed");
    list->callback([&a] { a.exit_code = cli::job_list(a.context, a.state); });
    const auto on_job = [&](const char* name, const char* help, int (*run)(const cli::Context&, const std::string&)) {
        auto* command = group->add_subcommand(name, help);
        command->add_option("JOB", a.job, "Id of the job")->required();
        command->callback([&a, run] { a.exit_code = run(a.context, a.job); });
    };
    on_job("show", "Show one job with its steps", cli::job_show);
    on_job("cancel", "Stop a job", cli::job_cancel);
    on_job("delete", "Remove a job from the list; one that runs is cancelled first", cli::job_delete);
    on_job("wait", "Wait for a job's end; fails when the job failed", cli::job_wait);
}

void add_audit(CLI::App& app, Arguments& a) {
    auto* audit = app.add_subcommand("audit", "Who did what");
    audit->require_subcommand(1);
    auto* list = audit->add_subcommand("list", "List the newest entries of the audit trail");
    list->add_option("--actor", a.audit.actor, "Id or name of who did it");
    list->add_option("--action", a.audit.action, "As machine.create, or 'machine.*'");
    list->add_option("--type", a.audit.object_type, "As machine, user, job");
    list->add_option("--object", a.audit.object, "Id of what it was done to");
    list->add_option("--result", a.audit.result, "done, refused or failed");
    list->add_option("--from", a.audit.from, "Earliest time, as 2026-01-31T12:00:00Z");
    list->add_option("--until", a.audit.until, "Time before which");
    list->add_option("-n,--limit", a.audit.limit, "Entries at most")->check(CLI::PositiveNumber)->capture_default_str();
    list->footer("  corral audit list --actor ann --action 'machine.*'\n  corral audit list --result refused -n 20");
    list->callback([&a] { a.exit_code = cli::audit_list(a.context, a.audit); });
}

// Markdown: the help of every command that is not hidden, in the order of `corral --help`.
std::string help_of_all(const CLI::App& app, const std::string& above) {
    const std::string name = above.empty() ? app.get_name() : above + " " + app.get_name();
    std::string out = "## `" + name + "`\n\n```\n" + app.help(above) + "```\n\n";
    for (const CLI::App* command : app.get_subcommands([](const CLI::App* c) { return !c->get_group().empty(); }))
        out += help_of_all(*command, name);
    return out;
}

std::string command_reference(const CLI::App& app) {
    std::string out =
        "# The command line\n\nMade from the program's own help by `./dev generate`.\n\n" + help_of_all(app, "");
    out.pop_back();
    return out;
}

Result<std::string> reference(const CLI::App& app, const std::string& name) {
    if (name == "commands") return command_reference(app);
    return app::reference(name);
}

int run(int argc, char** argv) {
    // Under the reference's name the program speaks its language.
    if (const std::string_view name(argc > 0 ? argv[0] : ""); name.substr(name.rfind('/') + 1).starts_with("prldevops"))
        return cli::prldevops({argv + 1, argv + argc});
    // The server has its own words: configuration keys, of which CLI11 needs to know nothing.
    if (argc > 1 && std::string_view(argv[1]) == "serve" && !(argc > 2 && std::string_view(argv[2]) == "--help"))
        return app::serve({argv + 2, argv + argc});
    if (argc > 1 && std::string_view(argv[1]) == "import-reference" &&
        !(argc > 2 && std::string_view(argv[2]) == "--help"))
        return cli::import_reference({argv + 2, argv + argc});
    Arguments a;
    CLI::App app("Corral runs fleets of virtual machines: one service and this command line.", "corral");
    app.require_subcommand(1);
    app.set_version_flag("-V,--version", std::string(app::version()));
    app.add_option("--url", a.context.url, "Server; default: CORRAL_URL, else where you signed in");
    std::string output = "table";
    app.add_option("-o,--output", output, "table or json")
        ->check(CLI::IsMember({"table", "json"}))
        ->type_name("FORMAT");
    app.parse_complete_callback([&] { a.context.format = output == "json" ? cli::Format::json : cli::Format::table; });
    app.fallthrough();
    auto* serve = app.add_subcommand("serve", "Run the server in the foreground");
    serve->footer(
        "Configured by environment keys, `--KEY=value` flags or `--config FILE`; see\n"
        "docs/reference/configuration.md and `corral serve --print-config`.");
    app.add_subcommand("import-reference", "Take over the accounts of a Parallels DevOps Service")
        ->footer(cli::import_reference_help);
    std::string document;
    auto* print = app.add_subcommand("reference", "Print a generated document")->group("");
    print->add_option("NAME", document, "openapi, authorization, configuration or commands")->required();
    print->callback([&] {
        const auto text = reference(app, document);
        if (text) std::fputs(text->c_str(), stdout);
        a.exit_code = text ? static_cast<int>(cli::ok) : cli::report(text.error());
    });
    add_session(app, a);
    add_keys(app, a);
    add_catalog(app, a);
    add_machines(app, a);
    add_jobs(app, a);
    add_audit(app, a);
    add_logs(app, a);
    add_administration(app, a);
    // Last: commands take over the footer that stands when they are added.
    app.footer(
        "Credentials: `corral login`, or CORRAL_TOKEN, or CORRAL_API_KEY in the environment.\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not signed in, 4 not found, 5 refused;\n"
        "`vm exec` exits with the guest command's.\n"
        "Start here:\n"
        "  corral serve                       the server, in the foreground (http://127.0.0.1:3080/swagger)\n"
        "  corral login\n"
        "  corral push disk.qcow2 demo:1.0\n"
        "  corral pull demo:1.0 --name vm1 --start\n"
        "  corral vm exec vm1 uname -a");
    try {
        std::vector<std::string> arguments(argv + 1, argv + argc);
        a.words = cli::take_guest_words(arguments);
        std::ranges::reverse(arguments);  // as CLI11 wants a vector
        app.parse(arguments);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? cli::ok : cli::usage;
    }
    return a.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "corral: %s\n", error.what());
        return corral::cli::failed;
    }
}
