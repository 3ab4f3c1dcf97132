// Stands in for libFuzzer in ordinary builds: tries the files of the folders it is given, so that what was found once
// stays found everywhere.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "fuzz.hpp"

int main(int count, char** words) {
    int tried = 0;
    for (int i = 1; i < count; ++i)
        for (const auto& entry : std::filesystem::directory_iterator(words[i])) {
            std::ifstream file(entry.path(), std::ios::binary);
            one(std::string(std::istreambuf_iterator<char>(file), {}));
            ++tried;
        }
    std::printf("%d inputs\n", tried);
    return tried > 0 ? 0 : 1;
}
