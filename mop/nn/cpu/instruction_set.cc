#include "mop/nn/cpu/instruction_set.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mop/nn/cpu/instruction_set.cc"
#include "hwy/foreach_target.h"  // compiles the part below once per instruction set

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mop::nn::cpu::HWY_NAMESPACE {
namespace {

const char* own_name() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace
}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mop::nn::cpu {

HWY_EXPORT(own_name);

// Asked by the way the kernels are called, so it names the one that is: what the CPU has and this program was
// compiled for.
std::string_view instruction_set() {
  return HWY_DYNAMIC_DISPATCH(own_name)();
}

}  // namespace mop::nn::cpu
#endif
