// Reads the bytes back with a decoder of its own; that other runtimes agree is tests/oracles/onnx_export.mjs.
#include "mop/nn/onnx.h"

#include <cstring>
#include <map>

#include <gtest/gtest.h>

#include "mop/nn/test_support.h"

namespace mop::nn {
namespace {

// Fields of one protobuf message: numbers and byte strings, in order.
struct Fields {
  std::multimap<std::uint64_t, std::uint64_t> numbers;
  std::multimap<std::uint64_t, std::string> texts;

  std::string text(std::uint64_t field) const { return texts.find(field)->second; }
  std::vector<Fields> messages(std::uint64_t field) const;
};

std::uint64_t varint(const std::string& bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.at(at++));
    value |= std::uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
}

Fields decode(const std::string& bytes) {
  Fields out;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint64_t key = varint(bytes, at), value = varint(bytes, at);
    if (key % 8 == 0) {
      out.numbers.emplace(key / 8, value);
    } else {
      EXPECT_EQ(key % 8, 2u);
      EXPECT_LE(at + value, bytes.size());
      out.texts.emplace(key / 8, bytes.substr(at, value));
      at += value;
    }
  }
  return out;
}

std::vector<Fields> Fields::messages(std::uint64_t field) const {
  std::vector<Fields> out;
  const auto [begin, end] = texts.equal_range(field);
  for (auto at = begin; at != end; ++at)
    out.push_back(decode(at->second));
  return out;
}

std::vector<float> values(const Fields& tensor) {
  const std::string raw = tensor.text(9);
  std::vector<float> out(raw.size() / sizeof(float));
  std::memcpy(out.data(), raw.data(), raw.size());
  return out;
}

const NetShape kShape{{{"a", 3}, {"b", 2}}, 2, 2, 5};
const std::size_t kLookback[] = {7, 7};

std::string onnx_of(const ParamLayout& layout, const std::vector<float>& params,
                    const std::vector<std::pair<std::string, std::string>>& metadata) {
  const std::span<const float> networks[] = {params};
  return to_onnx(layout, networks, kLookback, metadata);
}

TEST(OnnxTest, GatesComeInTheOrderIofcWithInputBiasBeforeStateBias) {
  const ParamLayout layout(kShape);
  const auto params = random_values(layout.size(), 1.0, 1);
  const Fields graph = decode(onnx_of(layout, params, {})).messages(7)[0];
  std::map<std::string, std::vector<float>> tensors;
  for (const Fields& tensor : graph.messages(5))
    tensors[tensor.text(8)] = values(tensor);

  const Tensor& w = layout.find("a.weight_ih_l0");
  const auto row = [&](std::size_t gate, std::size_t unit) {
    const auto from = params.begin() + static_cast<std::ptrdiff_t>(w.offset + (gate * 2 + unit) * 3);
    return std::vector<float>(from, from + 3);
  };
  std::vector<float> expected;
  for (const std::size_t gate : {0u, 3u, 1u, 2u}) {  // of PyTorch's i f g o
    for (const std::size_t unit : {0u, 1u}) {
      const auto values_of_row = row(gate, unit);
      expected.insert(expected.end(), values_of_row.begin(), values_of_row.end());
    }
  }
  EXPECT_EQ(tensors.at("a.l0.W"), expected);
  EXPECT_EQ(tensors.at("b.l1.B").at(2), params[layout.find("b.bias_ih_l1").offset + 6]);   // o of unit 0
  EXPECT_EQ(tensors.at("b.l1.B").at(15), params[layout.find("b.bias_hh_l1").offset + 5]);  // c of unit 1
}

TEST(OnnxTest, SaysItsInputsOutputAndMetadata) {
  const ParamLayout layout(kShape);
  const Fields model = decode(onnx_of(layout, random_values(layout.size(), 1.0, 1), {{"mop", "{}"}}));
  const Fields graph = model.messages(7)[0];
  ASSERT_EQ(graph.messages(11).size(), 2u);
  EXPECT_EQ(graph.messages(11)[0].text(1), "a");
  EXPECT_EQ(graph.messages(12)[0].text(1), "raw");
  EXPECT_EQ(model.messages(14)[0].text(1), "mop");
  EXPECT_EQ(model.messages(14)[0].text(2), "{}");
}

TEST(OnnxTest, SeveralNetworksShareTheInputsAndGiveTheirMean) {
  const ParamLayout layout(kShape);
  const auto a = random_values(layout.size(), 1.0, 1), b = random_values(layout.size(), 1.0, 2);
  const std::span<const float> networks[] = {a, b};
  const Fields graph = decode(to_onnx(layout, networks, kLookback, {})).messages(7)[0];
  EXPECT_EQ(graph.messages(11).size(), 2u);
  const Fields mean = graph.messages(1).back();
  EXPECT_EQ(mean.text(4), "Mean");
  EXPECT_EQ(mean.texts.count(1), 2u);
  EXPECT_EQ(mean.text(2), "raw");
  std::map<std::string, std::vector<float>> tensors;
  for (const Fields& tensor : graph.messages(5)) {
    EXPECT_EQ(tensors.count(tensor.text(8)), 0u) << tensor.text(8);
    tensors[tensor.text(8)] = values(tensor);
  }
  EXPECT_NE(tensors.at("a.l0.W"), tensors.at("network_1.a.l0.W"));
}

}  // namespace
}  // namespace mop::nn
