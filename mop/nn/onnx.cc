#include "mop/nn/onnx.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>

#include "mop/base/check.h"

namespace mop::nn {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

// One protobuf message being written: fields in the order they are added.
class Message {
 public:
  Message& number(std::uint32_t field, std::uint64_t value) {
    varint(std::uint64_t{field} << 3);
    varint(value);
    return *this;
  }
  Message& text(std::uint32_t field, std::string_view value) {
    varint(std::uint64_t{field} << 3 | 2);
    varint(value.size());
    bytes_.append(value);
    return *this;
  }
  Message& message(std::uint32_t field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }

  std::string bytes_;
};

constexpr std::uint64_t kFloat = 1, kInt64 = 7;       // TensorProto.DataType
constexpr std::uint64_t kIntAttribute = 2;            // AttributeProto.AttributeType
constexpr std::uint64_t kIrVersion = 8, kOpset = 14;  // onnx 1.10 .. 1.12, read by every later runtime
constexpr std::size_t kGateRow[4] = {0, 3, 1, 2};     // i o f c, as rows of PyTorch's i f g o

Message tensor(std::string_view name, std::span<const std::size_t> dims, std::uint64_t type,
               std::string_view raw) {
  Message m;
  for (const std::size_t dim : dims)
    m.number(1, dim);
  return m.number(2, type).text(8, name).text(9, raw);
}

Message float_tensor(std::string_view name, std::span<const std::size_t> dims,
                     std::span<const float> values) {
  std::string raw(values.size_bytes(), '\0');
  std::copy_n(reinterpret_cast<const char*>(values.data()), raw.size(), raw.data());
  return tensor(name, dims, kFloat, raw);
}

Message int_attribute(std::string_view name, std::uint64_t value) {
  return Message().text(1, name).number(3, value).number(20, kIntAttribute);
}

Message node(std::string_view op, const std::vector<std::string>& inputs,
             const std::vector<std::string>& outputs, const std::vector<Message>& attributes) {
  Message m;
  for (const std::string& input : inputs)
    m.text(1, input);
  for (const std::string& output : outputs)
    m.text(2, output);
  m.text(3, outputs.back()).text(4, op);
  for (const Message& attribute : attributes)
    m.message(5, attribute);
  return m;
}

// ValueInfoProto of a float tensor; a dimension of 0 is the batch, which may be any.
Message value_info(std::string_view name, const std::vector<std::size_t>& dims) {
  Message shape;
  for (const std::size_t dim : dims)
    shape.message(1, dim == 0 ? Message().text(2, "batch") : Message().number(1, dim));
  return Message().text(1, name).message(2,
                                         Message().message(1, Message().number(1, kFloat).message(2, shape)));
}

// Nodes and weights of the graph, in the order of the computation.
class Graph {
 public:
  explicit Graph(const ParamLayout& layout) : layout_(layout) {}

  void add_input(std::size_t branch, std::size_t lookback) {
    const BranchShape& shape = layout_.shape().branches[branch];
    inputs_.push_back(value_info(shape.prefix, {lookback, 0, shape.inputs}));
  }

  /// One more network; its names begin with `prefix`, what it gives is named `output`.
  void add_network(std::span<const float> params, const std::string& prefix, const std::string& output) {
    params_ = params;
    prefix_ = prefix;
    states_.clear();
    for (std::size_t branch = 0; branch < layout_.shape().branches.size(); ++branch)
      add_branch(branch);
    add_head(output);
  }

  void add_mean(const std::vector<std::string>& outputs) {
    nodes_.push_back(node("Mean", outputs, {"raw"}, {}));
  }

  Message message() const {
    const std::size_t one_axis[] = {1};
    Message m;
    for (const Message& n : nodes_)
      m.message(1, n);
    m.text(2, "mop");
    m.message(5, tensor("zero", one_axis, kInt64, std::string(8, '\0')));
    m.message(5, tensor("one", one_axis, kInt64, "\1" + std::string(7, '\0')));
    for (const Message& initializer : initializers_)
      m.message(5, initializer);
    for (const Message& input : inputs_)
      m.message(11, input);
    return m.message(12, value_info("raw", {0, layout_.shape().outputs}));
  }

 private:
  void add_branch(std::size_t branch) {
    const NetShape& shape = layout_.shape();
    std::string x = shape.branches[branch].prefix, last;
    const std::string prefix = prefix_ + x;
    for (std::size_t l = 0; l < shape.layers; ++l) {
      const std::string name = prefix + ".l" + std::to_string(l);
      add_layer(branch, l, name);
      last = name + ".last";  // (directions, batch, hidden)
      nodes_.push_back(node("LSTM", {x, name + ".W", name + ".R", name + ".B"}, {name + ".h", last},
                            {int_attribute("hidden_size", shape.hidden)}));
      if (l + 1 < shape.layers) {  // (steps, directions, batch, hidden) without the directions
        x = name + ".out";
        nodes_.push_back(node("Squeeze", {name + ".h", "one"}, {x}, {}));
      }
    }
    nodes_.push_back(node("Squeeze", {last, "zero"}, {prefix + ".state"}, {}));
    states_.push_back(prefix + ".state");
  }

  void add_head(const std::string& output) {
    const NetShape& shape = layout_.shape();
    const std::string weight_name = prefix_ + "head.weight", bias_name = prefix_ + "head.bias";
    std::string read = states_.front();
    if (states_.size() > 1) {
      read = prefix_ + "states";
      nodes_.push_back(node("Concat", states_, {read}, {int_attribute("axis", 1)}));
    }
    const std::size_t weight[] = {shape.outputs, shape.head_inputs()}, bias[] = {shape.outputs};
    initializers_.push_back(
        float_tensor(weight_name, weight, params_.subspan(layout_.head_weight(), weight[0] * weight[1])));
    initializers_.push_back(float_tensor(bias_name, bias, params_.subspan(layout_.head_bias(), bias[0])));
    nodes_.push_back(node("Gemm", {read, weight_name, bias_name}, {output}, {int_attribute("transB", 1)}));
  }

  // The layer's weights as ONNX wants them: W (1, 4H, I), R (1, 4H, H), B (1, 8H).
  void add_layer(std::size_t branch, std::size_t l, const std::string& name) {
    const LayerOffsets& at = layout_.layer(branch, l);
    const std::size_t H = layout_.shape().hidden;
    std::vector<float> w = gates_reordered(at.weight_ih, at.inputs), r = gates_reordered(at.weight_hh, H);
    std::vector<float> b = gates_reordered(at.bias_ih, 1), hidden_bias = gates_reordered(at.bias_hh, 1);
    b.insert(b.end(), hidden_bias.begin(), hidden_bias.end());
    const std::size_t w_dims[] = {1, 4 * H, at.inputs}, r_dims[] = {1, 4 * H, H}, b_dims[] = {1, 8 * H};
    initializers_.push_back(float_tensor(name + ".W", w_dims, w));
    initializers_.push_back(float_tensor(name + ".R", r_dims, r));
    initializers_.push_back(float_tensor(name + ".B", b_dims, b));
  }

  std::vector<float> gates_reordered(std::size_t offset, std::size_t columns) const {
    const std::size_t block = layout_.shape().hidden * columns;
    std::vector<float> out;
    for (const std::size_t gate : kGateRow) {
      const auto rows = params_.subspan(offset + gate * block, block);
      out.insert(out.end(), rows.begin(), rows.end());
    }
    return out;
  }

  const ParamLayout& layout_;
  std::span<const float> params_;  // of the network being added
  std::string prefix_;
  std::vector<Message> nodes_, initializers_, inputs_;
  std::vector<std::string> states_;  // the top hidden state of each branch
};

}  // namespace

std::string to_onnx(const ParamLayout& layout, std::span<const std::span<const float>> networks,
                    std::span<const std::size_t> lookback,
                    const std::vector<std::pair<std::string, std::string>>& metadata) {
  MOP_CHECK(!networks.empty()) << "no network";
  MOP_CHECK(lookback.size() == layout.shape().branches.size()) << lookback.size() << " lookbacks";
  Graph graph(layout);
  for (std::size_t branch = 0; branch < lookback.size(); ++branch)
    graph.add_input(branch, lookback[branch]);
  std::vector<std::string> outputs;
  for (std::size_t n = 0; n < networks.size(); ++n) {
    MOP_CHECK(networks[n].size() == layout.size()) << networks[n].size() << ", not " << layout.size();
    outputs.push_back(networks.size() == 1 ? "raw" : "raw_" + std::to_string(n));
    graph.add_network(networks[n], n == 0 ? "" : "network_" + std::to_string(n) + ".", outputs.back());
  }
  if (networks.size() > 1) graph.add_mean(outputs);
  Message model;
  model.number(1, kIrVersion).text(2, "mop").message(7, graph.message());
  model.message(8, Message().text(1, "").number(2, kOpset));
  for (const auto& [key, value] : metadata)
    model.message(14, Message().text(1, key).text(2, value));
  return model.bytes();
}

}  // namespace mop::nn
