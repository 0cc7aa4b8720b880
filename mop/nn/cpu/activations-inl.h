// What sigmoid and tanh of a vector are fractions of, so that a cell may multiply fractions and divide once:
// a division takes as long as six multiplications. The values are within 3e-7 of the truth relative to it (at
// most 5 ULP), sigmoid's within 6e-7 below -10, where it is less than 5e-5. Instruction sets without a fused
// multiply-add round twice: 6e-7 and 2e-6. Compiled once per instruction set (Highway's foreach_target).
#if defined(MOP_NN_CPU_ACTIVATIONS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOP_NN_CPU_ACTIVATIONS_INL_H
#undef MOP_NN_CPU_ACTIVATIONS_INL_H
#else
#define MOP_NN_CPU_ACTIVATIONS_INL_H
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mop::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// x held in +-limit; NaN stays NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V clamp_magnitude(D d, V x, float limit) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  // minps and maxps give their second operand when one is NaN; Highway promises nothing elsewhere.
  return hn::Max(hn::Set(d, -limit), hn::Min(hn::Set(d, limit), x));
#else
  return hn::IfThenElse(hn::Gt(hn::Abs(x), hn::Set(d, limit)), hn::CopySign(hn::Set(d, limit), x), x);
#endif
}

/// 2^(x * scale) + plus for |x * scale| <= 126. x * scale = n + f, |f| <= 1/2, and 2^f - 1 is a minimax
/// polynomial of degree 6 without a constant: with plus = -1 the result keeps its relative accuracy near
/// zero.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp2_plus(D d, V x, float scale, float plus) {
  const hn::RebindToUnsigned<D> du;
  const V by = hn::Set(d, scale);
  // Adding 1.5 * 2^23 + 127 rounds to whole numbers and leaves n + 127, 2^n's exponent, in the low bits.
  const V magic = hn::Set(d, 0x1.8p23f + 127.0f);
  const V shifted = hn::MulAdd(x, by, magic);
  const V f = hn::MulSub(x, by, hn::Sub(shifted, magic));
  V p = hn::MulAdd(f, hn::Set(d, 0x1.4277fap-13f), hn::Set(d, 0x1.5eec76p-10f));
  p = hn::MulAdd(p, f, hn::Set(d, 0x1.3b2c56p-7f));
  p = hn::MulAdd(p, f, hn::Set(d, 0x1.c6afb2p-5f));
  p = hn::MulAdd(p, f, hn::Set(d, 0x1.ebfbdep-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 0x1.62e430p-1f));
  const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, shifted)));
  return hn::MulAdd(power, hn::Mul(p, f), hn::Add(power, hn::Set(d, plus)));
}

inline constexpr float kLog2E = 0x1.715476p0f;

/// What sigmoid(x) is one over: 1 + e^-x. x is held in +-28, where sigmoid is within 1e-12 of 0 or 1, so that
/// a product of three is finite.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid_divisor(D d, V x) {
  return exp2_plus(d, clamp_magnitude(d, x, 28.0f), -kLog2E, 1.0f);
}

/// tanh(x) is this over 2 + this: e^2x - 1. x is held in +-14, where tanh is 1 to a float.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh_dividend(D d, V x) {
  return exp2_plus(d, clamp_magnitude(d, x, 14.0f), 2.0f * kLog2E, -1.0f);
}

}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MOP_NN_CPU_ACTIVATIONS_INL_H
