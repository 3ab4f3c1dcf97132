// `corral import-reference FILE`: accounts of a reference database into this server's, while the server is stopped.
#pragma once

#include <string>
#include <vector>

namespace corral::cli {

extern const char* const import_reference_help;

// `words` are those after the command: FILE, --key FILE, --unsalted, and configuration keys as `serve` takes them.
// Prints what was taken and what was not. Returns the exit code: 0 done, 2 for wrong usage or input, 5 while the server
// runs, 1 for everything else.
int import_reference(const std::vector<std::string>& words);

}  // namespace corral::cli
