//! Functions of one vector, without branches. The coefficients are npg's own minimax fits.
//!
//! The largest errors, in units in the last place of an f32, over every third to fifth float that exists: tanh 5.7, exp 1.1,
//! sigmoid 2.5 (down to x = -87), sine 2.1 (up to |x| = 1e5). The tests of `elementwise` check a sample.

use super::simd::Vector;

/// 1.5 * 2^23. A float of this size has no fractional bits, so adding it rounds to an integer, which ends up in the low bits.
const ROUND: f32 = 12_582_912.0;

/// A function of one value.
pub(super) trait Function {
    /// The function, applied to every lane.
    fn value<V: Vector>(x: V) -> V;
}

/// A function and its derivative.
pub(super) trait Slope: Function {
    /// The function and its derivative, applied to every lane.
    fn value_and_slope<V: Vector>(x: V) -> (V, V);
}

pub(super) struct Tanh;

impl Function for Tanh {
    /// x P(x^2) / Q(x^2). It is at least 1 where x is clamped.
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        let x = x.clamp(-9.45, 9.45);
        let z = x.mul(x);
        let p = z.polynomial([1.333_518_2e-8, 2.059_513_8e-5, 3.494_743e-3, 0.133_803_14, 1.0]);
        let q = z.polynomial([7.768_632e-7, 3.284_251e-4, 0.025_873_77, 0.467_136_32, 1.0]);
        x.mul(p).div(q).clamp(-1.0, 1.0)
    }
}

impl Slope for Tanh {
    #[inline(always)]
    fn value_and_slope<V: Vector>(x: V) -> (V, V) {
        let y = Self::value(x);
        (y, x.set(1.0).sub(y.mul(y)))
    }
}

pub(super) struct Relu;

/// x itself.
pub(super) struct Identity;

impl Function for Identity {
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        x
    }
}

/// The derivative of max(x, 0) as a function of the result.
pub(super) struct SlopeOfRelu;

impl Function for SlopeOfRelu {
    #[inline(always)]
    fn value<V: Vector>(y: V) -> V {
        y.is_positive()
    }
}

/// The derivative of tanh as a function of the result.
pub(super) struct SlopeOfTanh;

impl Function for SlopeOfTanh {
    #[inline(always)]
    fn value<V: Vector>(y: V) -> V {
        y.set(1.0).sub(y.mul(y))
    }
}

impl Function for Relu {
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        x.set(0.0).max(x)
    }
}

impl Slope for Relu {
    #[inline(always)]
    fn value_and_slope<V: Vector>(x: V) -> (V, V) {
        (Self::value(x), x.is_positive())
    }
}

/// x times the logistic function of c1 x + c2 x^3. It equals the tanh form, but does not cancel.
pub(super) struct Gelu;

impl Gelu {
    const C1: f32 = 1.595_769; // 2 sqrt(2 / pi)
    const C2: f32 = 0.071_354_814; // 0.044715 c1
}

impl Function for Gelu {
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        Self::value_and_slope(x).0
    }
}

impl Slope for Gelu {
    #[inline(always)]
    fn value_and_slope<V: Vector>(x: V) -> (V, V) {
        let c = x.clamp(-16.0, 16.0); // for larger values, the logistic factor is 0 or 1
        let z = c.mul(c);
        let s = Sigmoid::value(c.mul(z.mul_add(x.set(Self::C2), x.set(Self::C1))));
        let inner = z.mul_add(x.set(3.0 * Self::C2), x.set(Self::C1));
        let slope = c.mul(s).mul(x.set(1.0).sub(s)).mul_add(inner, s);
        (x.set(-16.0).max(x).mul(s), slope)
    }
}

pub(super) struct Silu;

impl Function for Silu {
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        Self::value_and_slope(x).0
    }
}

impl Slope for Silu {
    #[inline(always)]
    fn value_and_slope<V: Vector>(x: V) -> (V, V) {
        let c = x.clamp(-110.0, 110.0); // for larger values, the logistic factor is 0 or 1
        let s = Sigmoid::value(c);
        let slope = s.mul(c.mul_add(x.set(1.0).sub(s), x.set(1.0)));
        (x.set(-110.0).max(x).mul(s), slope)
    }
}

pub(super) struct Sigmoid;

impl Function for Sigmoid {
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        let one = x.set(1.0);
        one.div(one.add(Exp::value(x.set(0.0).sub(x))))
    }
}

pub(super) struct Exp;

impl Function for Exp {
    /// 2^n e^r with |r| <= ln(2) / 2. The power is applied in two factors, so that results overflow and underflow gradually.
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        let x = x.clamp(-104.0, 89.0); // for other values, the result is 0 or infinite
        let round = x.set(ROUND);
        let n = x.mul_add(x.set(std::f32::consts::LOG2_E), round).sub(round);
        let r = n.mul_add(x.set(1.904_654_2e-9), n.mul_add(x.set(-std::f32::consts::LN_2), x));
        let p = r.polynomial([1.381_454e-3, 8.368_745e-3, 4.166_839e-2, 0.166_665_21, 0.499_999_94]);
        let p = r.mul(r).mul_add(p, r).add(x.set(1.0));
        let half = n.mul_add(x.set(0.5), round);
        let rest = n.sub(half.sub(round)).add(round);
        let power = |n: V| n.bits_shl::<23>().bits_add(x.set(1.0));
        p.mul(power(half)).mul(power(rest))
    }
}

pub(super) struct Sine;

impl Function for Sine {
    /// (-1)^n sin(x - n pi), with pi in three parts. For |x| above 1e5, the result is only known to be within -1..=1.
    #[inline(always)]
    fn value<V: Vector>(x: V) -> V {
        let round = x.set(ROUND);
        let odd = x.mul_add(x.set(std::f32::consts::FRAC_1_PI), round);
        let n = odd.sub(round);
        let r = n.mul_add(x.set(-std::f32::consts::PI), x);
        let r = n.mul_add(x.set(3.430_249e-15), n.mul_add(x.set(8.742_278e-8), r));
        let z = r.mul(r);
        let p = z.polynomial([2.604_023_6e-6, -1.980_884_7e-4, 8.333_056e-3, -0.166_666_6]);
        let s = r.mul(z).mul_add(p, r).clamp(-1.0, 1.0);
        s.bits_xor(odd.bits_shl::<31>())
    }
}
