#include "app/cli/import_reference.hpp"

#include <cstdio>

#include "app/server/config.hpp"
#include "app/server/database.hpp"
#include "app/server/folders.hpp"
#include "app/server/migrations.hpp"
#include "identity/import/reference.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"

namespace corral::cli {

const char* const import_reference_help =
    "FILE is its data.json, plain or encrypted. The server must be stopped. Options:\n"
    "  --key FILE     RSA private key (PEM) of an encrypted one; or ENCRYPTION_PRIVATE_KEY, the same in base64\n"
    "  --unsalted     the old server ran with SECURITY_PASSWORD_SALT_PASSWORD=false\n"
    "  --KEY=value    configuration, as for `corral serve` (DATABASE_FOLDER, DATABASE_URL)\n"
    "What is here already is left as it is, so it can be run again. See docs/how-to/move-from-the-reference.md.\n"
    "  corral import-reference /etc/parallels-devops/data.json --key key.pem";

namespace {

using app::Config;

constexpr std::size_t largest_file = 1U << 30U;

struct Words {
    std::string file, key_file;
    identity::ImportOptions options;
    std::vector<std::string> flags;  // configuration
};

Result<Words> parse(const std::vector<std::string>& words) {
    Words out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "--unsalted") {
            out.options.unsalted = true;
        } else if (word.starts_with("--key=")) {
            out.key_file = word.substr(6);
        } else if (word == "--key") {
            if (++i == words.size()) return invalid_field("--key", "needs the name of a file");
            out.key_file = words[i];
        } else if (word.starts_with("--")) {
            out.flags.push_back(word);
            // `--KEY value`: the value belongs to the configuration too.
            if (word.find('=') == std::string::npos && i + 1 < words.size()) out.flags.push_back(words[++i]);
        } else if (out.file.empty()) {
            out.file = word;
        } else {
            return invalid_field(word, "is one word too many");
        }
    }
    if (out.file.empty()) return invalid_field("FILE", "is missing: corral import-reference FILE");
    return out;
}

Result<Secret> private_key(const Words& words, const Config& config) {
    if (!words.key_file.empty()) return Secret(TRY(files::read_file(words.key_file)));
    const Secret encoded = config.secret("ENCRYPTION_PRIVATE_KEY");
    if (encoded.empty()) return encoded;
    std::string text = encoded.reveal();
    std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
    auto pem = crypto::from_base64(text);
    if (!pem) return invalid_field("ENCRYPTION_PRIVATE_KEY", "must be a PEM key in base64");
    return Secret(std::move(*pem));
}

Result<void> run(const Words& words) {
    const Config config = TRY(Config::load(words.flags));
    const auto file = TRY(files::read_file(words.file, largest_file));
    const auto from = TRY(identity::read_reference(file, TRY(private_key(words, config))));
    const app::Folders folders = TRY(app::make_folders(config));
    const files::FileLock lock = TRY(app::lock_folder(config, folders));
    // On PostgreSQL the controllers may run: they hear of it.
    const bool embedded = config.secret("DATABASE_URL").empty();
    const auto database =
        TRY(embedded ? app::open_database(config, folders) : app::open_database_beside_server(config, folders));
    TRY(database->migrate(app::all_migrations()));
    identity::Directory directory(*database);
    const SystemClock clock;
    const auto report = TRY(identity::import_reference(*database, directory, clock, from, words.options));
    for (const auto& kind : report.kinds)
        std::printf("%-14s %4zu taken, %4zu were here already, %4zu not taken\n", (kind.name + ":").c_str(), kind.taken,
                    kind.here, kind.refused);
    for (const auto& note : report.notes) std::printf("- %s\n", note.c_str());
    return {};
}

}  // namespace

int import_reference(const std::vector<std::string>& words) {
    crypto::init();
    auto parsed = parse(words);
    const Result<void> done = parsed ? run(*parsed) : Result<void>(std::move(parsed).error());
    if (done) return 0;
    const Error& error = done.error();
    std::fprintf(stderr, "corral: %s%s%s\n", error.message.c_str(), error.detail.empty() ? "" : ": ",
                 error.detail.c_str());
    return error.code == Errc::invalid ? 2 : error.code == Errc::conflict ? 5 : 1;
}

}  // namespace corral::cli
