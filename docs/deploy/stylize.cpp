// Repaints one picture with a style file: stylize MODEL IN.ppm OUT.ppm
// Binary PPM needs no image library; any library that gives rows of RGB bytes will do instead.
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
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

// Repaints a picture; neither its pixels nor the pastiche's are copied.
Picture stylize(Ort::Session& session, Picture& content) {
    Picture pastiche{content.height, content.width, std::vector<std::uint8_t>(content.pixels.size())};
    const std::array<std::int64_t, 4> shape{1, content.height, content.width, 3};
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
    const auto wrap = [&](std::vector<std::uint8_t>& pixels) {
        return Ort::Value::CreateTensor(memory, pixels.data(), pixels.size(), shape.data(), shape.size());
    };
    const Ort::Value input = wrap(content.pixels);
    Ort::Value output = wrap(pastiche.pixels);
    const char *input_name = "content", *output_name = "pastiche";
    session.Run(Ort::RunOptions{}, &input_name, &input, 1, &output_name, &output, 1);
    return pastiche;
}

int main(int argc, char** argv) try {
    if (argc != 4) {
        std::cerr << "usage: stylize MODEL IN.ppm OUT.ppm\n";
        return 2;
    }
    Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "stylize");  // what goes wrong arrives as an exception
    const std::filesystem::path model(argv[1]);  // its characters are wide on Windows, as ONNX Runtime wants them
    Ort::Session session(env, model.c_str(), Ort::SessionOptions{});  // once is enough, for pictures of any size
    if (metadata(session, "format") != "fast_nst/1") throw std::runtime_error(model.string() + " is not a style file");
    Picture photo = read_ppm(argv[2]);
    write_ppm(argv[3], stylize(session, photo));
    std::cout << metadata(session, "title") << "\n";
} catch (const std::exception& error) {
    std::cerr << "stylize: " << error.what() << "\n";
    return 2;
}
