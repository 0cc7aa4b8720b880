#include "mop/nn/safetensors.h"

#include <cstdint>
#include <cstring>

#include <gtest/gtest.h>

namespace mop::nn {
namespace {

std::string with_header(std::string_view header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes.append(header).append(data_bytes, '\0');
}

TensorFile sample() {
  return {{{"note", "a \"quoted\" \xc3\xa9 text: {\"k\":1}"}, {"empty", ""}},
          {{"w", {2, 3}, {1, 2, 3, 4, 5, -0.0f}},
           {"b", {2}, {0.5f, 1e-40f}},
           {"one", {}, {7}},
           {"none", {0, 4}, {}}}};
}

TEST(SafetensorsTest, RoundTripKeepsEverything) {
  const std::string bytes = to_safetensors(sample());
  const auto file = parse_safetensors(bytes, "x");
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->metadata, sample().metadata);
  ASSERT_EQ(file->tensors.size(), 4u);
  EXPECT_EQ(file->tensors[0].name, "b");  // in order of name
  for (const NamedTensor& tensor : file->tensors) {
    for (const NamedTensor& expected : sample().tensors) {
      if (expected.name != tensor.name) continue;
      EXPECT_EQ(tensor.dims, expected.dims);
      EXPECT_EQ(tensor.values, expected.values);
    }
  }
  EXPECT_EQ(to_safetensors(*file), bytes);
}

// Byte for byte by hand: header of 56 characters, then 1.0f and 2.0f.
TEST(SafetensorsTest, BytesAreTheFormats) {
  const std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"
                             "  ";
  ASSERT_EQ(header.size(), 56u);
  std::string expected = with_header(header, 0);
  expected.append({'\0', '\0', '\x80', '\x3f', '\0', '\0', '\0', '\x40'});
  EXPECT_EQ(to_safetensors({{}, {{"w", {2}, {1.0f, 2.0f}}}}), expected);
}

TEST(SafetensorsTest, OrderOfTensorsDoesNotChangeTheBytes) {
  TensorFile swapped = sample();
  std::swap(swapped.tensors[0], swapped.tensors[1]);
  EXPECT_EQ(to_safetensors(swapped), to_safetensors(sample()));
}

TEST(SafetensorsTest, AnyCutIsCorrupt) {
  const std::string bytes = to_safetensors(sample());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto file = parse_safetensors(std::string_view(bytes).substr(0, n), "x");
    ASSERT_FALSE(file.has_value()) << n;
    EXPECT_EQ(file.error().code, ErrorCode::kCorrupt);
  }
}

TEST(SafetensorsTest, ChangedBytesNeverCrashTheReader) {
  const std::string bytes = to_safetensors(sample());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    for (const char c : {'\0', '"', '9', '{', ']', ',', '\\', '\xff'}) {
      std::string changed = bytes;
      changed[n] = c;
      const auto file = parse_safetensors(changed, "x");
      EXPECT_TRUE(file.has_value() || file.error().code == ErrorCode::kCorrupt) << n;
    }
  }
}

struct Bad {
  const char* name;
  std::string bytes;
  const char* part;  // of the message
};

class BadSafetensorsTest : public testing::TestWithParam<Bad> {};

TEST_P(BadSafetensorsTest, SaysWhatIsWrong) {
  const auto file = parse_safetensors(GetParam().bytes, "models/x.safetensors");
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(file.error().message.find(GetParam().part), std::string::npos) << file.error().message;
  EXPECT_NE(file.error().message.find("models/x.safetensors"), std::string::npos) << file.error().message;
}

std::string w(const char* dtype, const char* shape, const char* offsets, std::size_t data) {
  return with_header(std::string(R"({"w":{"dtype":")") + dtype + R"(","shape":)" + shape +
                         R"(,"data_offsets":)" + offsets + "}}",
                     data);
}

INSTANTIATE_TEST_SUITE_P(
    Files, BadSafetensorsTest,
    testing::Values(
        Bad{"Empty", "", "it has 0 bytes"},
        Bad{"HeaderTooLarge", std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10), "header length is 100000001"},
        Bad{"HeaderLengthOverflows", std::string(8, '\xff') + "{}", "header length is 18446744073709551615"},
        Bad{"HeaderPastTheEnd", std::string("\x09\0\0\0\0\0\0\0{}", 10),
            "promises 9 bytes of JSON, 2 follow"},
        Bad{"NoBrace", with_header(" {}", 0), "does not begin with {"},
        Bad{"HeaderEmpty", with_header("", 0), "does not begin with {"},
        Bad{"PaddedWithNewline", with_header("{}\n", 0), "does not end with }"},
        Bad{"NotJson", with_header("{\"w\":}", 0), "header of"},
        Bad{"NotUtf8", with_header("{\"\xff\":1}", 0), "header of"},
        Bad{"CutShort", w("F32", "[32]", "[0,128]", 100),
            "is cut short: its header promises 128 bytes of tensors, the file has 100"},
        Bad{"Trailing", w("F32", "[2]", "[0,8]", 9), "1 bytes follow its last tensor"},
        Bad{"TrailingWithoutTensors", with_header("{}", 4), "4 bytes follow"},
        Bad{"UnknownDtype", w("F33", "[2]", "[0,8]", 8), "has dtype F33"},
        Bad{"OtherDtype", w("BF16", "[4]", "[0,8]", 8), "has dtype BF16, only F32 is read here"},
        Bad{"SizeMismatch", w("F32", "[3]", "[0,8]", 8), "needs 12 bytes for its shape"},
        Bad{"Reversed", w("F32", "[2]", "[8,0]", 8), "data_offsets are 8 to 0"},
        Bad{"Overflow", w("F32", "[4611686018427387904,4]", "[0,0]", 0), "product overflows"},
        Bad{"Overflow64", w("F32", "[18446744073709551615,18446744073709551615]", "[0,4]", 4),
            "product overflows"},
        Bad{"NegativeDim", w("F32", "[-2]", "[0,8]", 8), "not a whole number"},
        Bad{"FractionDim", w("F32", "[2.0]", "[0,8]", 8), "not a whole number"},
        Bad{"ThreeOffsets", w("F32", "[2]", "[0,8,8]", 8), "no data_offsets of two"},
        Bad{"NegativeOffset", w("F32", "[2]", "[-8,0]", 8), "no data_offsets of two"},
        Bad{"Hole", w("F32", "[2]", "[4,12]", 12), "begins at byte 4 of the data, 0 was its place"},
        Bad{"Overlap",
            with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                        R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                        12),
            "\"b\" begins at byte 4"},
        Bad{"DuplicateName",
            with_header(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                        R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
                        4),
            "uses a name twice"},
        Bad{"DuplicateEscapedName",
            with_header(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                        R"("\u0061" : {"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
                        4),
            "uses a name twice"},
        Bad{"MetadataNotStrings", with_header(R"({"__metadata__":{"epochs":3}})", 0),
            "\"epochs\" is not a string"},
        Bad{"MetadataNotObject", with_header(R"({"__metadata__":[]})", 0), "__metadata__ is not an object"},
        Bad{"TensorNotObject", with_header(R"({"a":3})", 0), "tensor \"a\" is not an object"},
        Bad{"NoShape", with_header(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4), "has no shape"}),
    [](const auto& at) { return std::string(at.param.name); });

}  // namespace
}  // namespace mop::nn
