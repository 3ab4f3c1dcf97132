// The commands of `corral`. Each prints its answer to standard output and returns an exit code (ExitCode).
#pragma once

#include <string>
#include <vector>

#include "app/cli/client.hpp"
#include "app/cli/output.hpp"
#include "jobs/model.hpp"

namespace corral::cli {

// What every command gets.
struct Context {
    std::string url;  // of --url; empty: the session's
    Format format = Format::table;
};

struct LoginOptions {
    std::string url, user = "root";
    bool browser = false;  // through the server's OpenID Connect issuer
};
int login(const Context&, const LoginOptions&);
// Waits for a browser of this machine to come back from the issuer; sets the token. The e-mail address of who signed
// in.
Result<std::string> browser_login(Session& session);
// Ends the token at the server, if that can be reached, and forgets it.
int logout(const Context&);

struct KeyOptions {
    std::string name, key, owner, expires;
    bool ownerless = false, forwarder = false;
};
int key_list(const Context&);
// Prints what goes into CORRAL_API_KEY; the secret is made here.
int key_create(const Context&, const KeyOptions&);
int key_revoke(const Context&, const std::string& key);
int key_delete(const Context&, const std::string& key);

struct LogOptions {
    std::string lines = "200", since, level, contains;  // as the route takes them; "" for all
};
// Prints the server's log: for super users.
int logs(const Context&, const LogOptions&);

// "NAME[:VERSION]"
struct ImageName {
    std::string id, version;
};
ImageName parse_image(const std::string& text);

// Follows a job until it ends: the ended job, or what it failed of.
Result<jobs::Job> follow(Client& client, jobs::Job job, ProgressBar& bar);

struct AuditOptions {
    std::string actor, action, object_type, object, result, from, until;
    std::int64_t limit = 100;
};
int audit_list(const Context&, const AuditOptions&);

int job_list(const Context&, const std::string& state);
int job_show(const Context&, const std::string& job);
int job_cancel(const Context&, const std::string& job);
int job_delete(const Context&, const std::string& job);
int job_wait(const Context&, const std::string& job);  // failed when the job fails

struct PushOptions {
    std::string path, image, architecture, description;
    std::vector<std::string> tags, roles, claims;
};
int push(const Context&, const PushOptions&);

struct PullOptions {
    std::string image, architecture, machine;
    bool start = false;
};
int pull(const Context&, const PullOptions&);
int list_images(const Context&, const std::string& id);

int vm_list(const Context&);
int vm_show(const Context&, const std::string& machine);
int vm_start(const Context&, const std::string& machine);
int vm_stop(const Context&, const std::string& machine, bool force);
// One word is a command line for the guest's shell; several words reach the program as they are. The exit code is the
// guest command's.
int vm_exec(const Context&, const std::string& machine, const std::vector<std::string>& words);
// Everything behind the VM of `vm exec` belongs to the guest, whatever it looks like: taken out of the program's
// arguments before they are read.
std::vector<std::string> take_guest_words(std::vector<std::string>& arguments);
int vm_delete(const Context&, const std::string& machine, bool force);

struct SnapshotOptions {
    std::string snapshot;  // its id, or a name that only one has
    std::string name, description;
    bool children = false, all = false, paused = false;
};
int vm_snapshots(const Context&, const std::string& machine);  // as a tree
int vm_snapshot(const Context&, const std::string& machine, const SnapshotOptions&);
int vm_revert(const Context&, const std::string& machine, const SnapshotOptions&);
int vm_delete_snapshot(const Context&, const std::string& machine, const SnapshotOptions&);

}  // namespace corral::cli
