#include "mop/nn/cpu/instruction_set.h"

#include <gtest/gtest.h>

#include "hwy/highway.h"
#include "hwy/targets.h"

namespace mop::nn::cpu {
namespace {

TEST(InstructionSetTest, NamesTheOneThatKernelsAreDispatchedTo) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    EXPECT_EQ(instruction_set(), hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace
}  // namespace mop::nn::cpu
