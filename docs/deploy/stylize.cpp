// Repaints one picture with a style file: stylize MODEL IN.ppm OUT.ppm [STRENGTH [STYLE]]
// Binary PPM needs no image library; any library that gives rows of RGB bytes will do instead.
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

constexpr std::int64_t min_side = 64;  // px; a style file takes every height and width from here up

struct Picture {
    std::int64_t height = 0, width = 0;
    std::vector<std::uint8_t> pixels;  // RGB, row by row from the top: height * width * 3
};

Picture read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string magic;
    Picture picture;
    int levels = 0;
    file >> magic >> picture.width >> picture.height >> levels;
    file.get();  // the one space before the pixels
    if (!file || magic != "P6" || levels != 255) throw std::runtime_error(path + " is not a binary PPM of 8 bits");
    if (std::min(picture.height, picture.width) < min_side) {
        throw std::runtime_error(path + " is " + std::to_string(picture.width) + "x" + std::to_string(picture.height) +
                                 " px; a style takes 64 px and more on each side");
    }
    picture.pixels.resize(picture.height * picture.width * 3);
    if (!file.read(reinterpret_cast<char*>(picture.pixels.data()), picture.pixels.size())) {
        throw std::runtime_error(path + " is cut short");
    }
    return picture;
}

void write_ppm(const std::string& path, const Picture& picture) {
    std::ofstream file(path, std::ios::binary);
    file << "P6\n" << picture.width << " " << picture.height << "\n255\n";
    file.write(reinterpret_cast<const char*>(picture.pixels.data()), picture.pixels.size());
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

std::string metadata(const Ort::Session& session, const char* key) {
    Ort::AllocatorWithDefaultOptions allocator;
    const auto value = session.GetModelMetadata().LookupCustomMetadataMapAllocated(key, allocator);
    return value ? value.get() : "";
}

// The names of all inputs: content, and style and strength where the file has them.
std::vector<std::string> input_names(const Ort::Session& session) {
    Ort::AllocatorWithDefaultOptions allocator;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
        names.emplace_back(session.GetInputNameAllocated(i, allocator).get());
    }
    return names;
}

struct Controls {
    float strength = 1;
    std::vector<float> style;  // a weight for each; none where the file has one style
};

// The first style, at strength 1, if not told. Names and range are in JSON; two patterns find them without a library.
Controls choose(const Ort::Session& session, const std::string& strength, const std::string& style) {
    Controls controls;
    const auto names = input_names(session);
    const auto has = [&](const char* name) { return std::find(names.begin(), names.end(), name) != names.end(); };
    if (!strength.empty()) {
        std::smatch range;
        const std::string inputs = metadata(session, "inputs");
        const std::regex pattern(R"("range": \[(.+?), (.+?)\])");
        const bool known = has("strength") && std::regex_search(inputs, range, pattern);
        const float least = known ? std::stof(range[1]) : 1, most = known ? std::stof(range[2]) : 1;
        std::istringstream given(strength);
        if (!(given >> controls.strength && given.eof())) controls.strength = -1;  // no number: out of every range
        if (!(controls.strength >= least && controls.strength <= most)) {
            std::ostringstream told;
            told << "the strength is " << strength << "; the file takes " << least << " to " << most;
            throw std::runtime_error(told.str());
        }
    }
    if (!has("style")) {
        if (!style.empty()) throw std::runtime_error("the file has no style " + style + " to choose; there are: none");
        return controls;
    }
    const std::string styles = metadata(session, "styles");
    const std::regex name(R"re("name": "(.*?)")re");
    std::string known;
    bool is_found = style.empty();
    for (std::sregex_iterator found(styles.begin(), styles.end(), name), end; found != end; ++found) {
        const bool is_it = style.empty() ? controls.style.empty() : (*found)[1] == style;
        is_found = is_found || is_it;
        known += (known.empty() ? "" : ", ") + (*found)[1].str();
        controls.style.push_back(is_it ? 1 : 0);
    }
    if (!is_found) throw std::runtime_error("the file has no style " + style + " to choose; there are: " + known);
    return controls;
}

// Repaints a picture; neither its pixels nor the pastiche's are copied.
Picture stylize(Ort::Session& session, Picture& content, Controls& controls) {
    Picture pastiche{content.height, content.width, std::vector<std::uint8_t>(content.pixels.size())};
    const std::array<std::int64_t, 4> shape{1, content.height, content.width, 3};
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
    const auto wrap = [&](std::vector<std::uint8_t>& pixels) {
        return Ort::Value::CreateTensor(memory, pixels.data(), pixels.size(), shape.data(), shape.size());
    };
    const std::int64_t style_count = controls.style.size();
    std::vector<Ort::Value> inputs;
    std::vector<const char*> names;
    const auto wanted = input_names(session);
    for (const std::string& name : wanted) {
        names.push_back(name.c_str());
        if (name == "content") inputs.push_back(wrap(content.pixels));
        if (name == "strength") inputs.push_back(Ort::Value::CreateTensor(memory, &controls.strength, 1, nullptr, 0));
        if (name == "style") {
            inputs.push_back(Ort::Value::CreateTensor(memory, controls.style.data(), style_count, &style_count, 1));
        }
    }
    Ort::Value output = wrap(pastiche.pixels);
    const char* output_name = "pastiche";
    session.Run(Ort::RunOptions{}, names.data(), inputs.data(), inputs.size(), &output_name, &output, 1);
    return pastiche;
}

int main(int argc, char** argv) try {
    if (argc < 4 || argc > 6) {
        std::cerr << "usage: stylize MODEL IN.ppm OUT.ppm [STRENGTH [STYLE]]\n";
        return 2;
    }
    Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "stylize");  // what goes wrong arrives as an exception
    const std::filesystem::path model(argv[1]);  // its characters are wide on Windows, as ONNX Runtime wants them
    Ort::Session session(env, model.c_str(), Ort::SessionOptions{});  // once is enough, for pictures of any size
    if (metadata(session, "format") != "fast_nst/1") throw std::runtime_error(model.string() + " is not a style file");
    Picture photo = read_ppm(argv[2]);
    Controls controls = choose(session, argc > 4 ? argv[4] : "", argc > 5 ? argv[5] : "");
    write_ppm(argv[3], stylize(session, photo, controls));
    std::cout << metadata(session, "title") << "\n";
} catch (const std::exception& error) {
    std::cerr << "stylize: " << error.what() << "\n";
    return 2;
}
