// Sigmoid and tanh of a vector, both from one e^x - 1, so that both keep their relative accuracy near zero.
// Compiled once per instruction set (Highway's foreach_target).
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

/// e^x - 1 for |x| <= 87: x = n ln 2 + r, |r| <= ln 2 / 2, e^r - 1 by a minimax polynomial of degree 6.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V expm1_bounded(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  // Adding 1.5 * 2^23 + 127 rounds to whole numbers and leaves n + 127, e^(n ln 2)'s exponent, in the low
  // bits.
  const V magic = hn::Set(d, 0x1.8p23f + 127.0f);
  const V shifted = hn::MulAdd(x, hn::Set(d, 1.44269504f), magic);
  const V n = hn::Sub(shifted, magic);
  V r = hn::NegMulAdd(n, hn::Set(d, 0x1.62e4p-1f), x);  // ln 2 in two parts; n times the first is exact
  r = hn::NegMulAdd(n, hn::Set(d, 0x1.7f7d1cp-20f), r);
  V p = hn::MulAdd(r, hn::Set(d, 0x1.6b7338p-10f), hn::Set(d, 0x1.12278ep-7f));
  p = hn::MulAdd(p, r, hn::Set(d, 0x1.555716p-5f));
  p = hn::MulAdd(p, r, hn::Set(d, 0x1.5554b0p-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 0x1.fffffep-2f));
  p = hn::MulAdd(hn::Mul(r, r), p, r);
  const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, shifted)));
  return hn::MulAdd(power, p, hn::Sub(power, hn::Set(d, 1.0f)));
}

/// 1 / (1 + e^-x), within 3e-7 of the value relative to it (for |x| <= 87, flat beyond).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  const V e = expm1_bounded(d, clamp_magnitude(d, hn::Neg(x), 87.0f));
  return hn::Div(hn::Set(d, 1.0f), hn::Add(hn::Set(d, 2.0f), e));
}

/// tanh(x), within 3e-7 of the value relative to it.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh(D d, V x) {
  const V e = expm1_bounded(d, clamp_magnitude(d, hn::Add(x, x), 40.0f));
  return hn::Div(e, hn::Add(hn::Set(d, 2.0f), e));
}

}  // namespace mop::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MOP_NN_CPU_ACTIVATIONS_INL_H
