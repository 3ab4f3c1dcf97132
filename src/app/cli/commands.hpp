// The commands of `corral`. Each prints its answer to standard output and returns an exit code (ExitCode).
#pragma once

#include <string>
#include <vector>

#include "app/cli/client.hpp"
#include "app/cli/output.hpp"

namespace corral::cli {

// What every command gets.
struct Context {
    std::string url;  // of --url; empty: the session's
    Format format = Format::table;
};

struct LoginOptions {
    std::string url, user = "root";
};
int login(const Context&, const LoginOptions&);
int logout();

// "NAME[:VERSION]"
struct ImageName {
    std::string id, version;
};
ImageName parse_image(const std::string& text);

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

}  // namespace corral::cli
