//! Conjugate gradients (Hestenes & Stiefel 1952), matrix free.

use super::{Solution, SolveError};
use crate::network::kernels::{axpy, dot};

/// A curvature below this fraction of the largest one so far, of either sign, is rounding error, because products are computed in
/// f32. The contribution of the damping is exact.
const RESOLUTION: f64 = 1e-7;

/// r -> M^-1 r, with a positive definite M that is close to F + damping I and easy to invert.
pub type Preconditioner<'a> = &'a dyn Fn(&[f64]) -> Vec<f64>;

/// When to stop, where to start, and what to precondition with.
#[derive(Clone, Copy)]
pub struct CgOptions<'a> {
    /// The maximum number of iterations.
    pub iterations: usize,
    /// Stop when the norm of the residual, relative to that of g, is at most this or f64's rounding error.
    pub tolerance: f64,
    /// lambda in (F + lambda I).
    pub damping: f64,
    /// The initial x; zero if `None`. It costs one more product.
    pub start: Option<&'a [f64]>,
    /// Makes the iterations converge faster; `None` for plain conjugate gradients.
    pub preconditioner: Option<Preconditioner<'a>>,
}

/// Solves (F + damping I) x = g, where `product` computes F v for a vector v.
///
/// If F is singular (a softmax does not change when its logits are shifted) and `damping` is 0, the rounding error of g along the
/// flat directions must not be divided by their curvature. So when nothing else is left to reduce, the solve stops.
///
/// A direction of negative curvature also ends the solve with what it has (Steihaug 1983), because every x before it points uphill:
/// g^T x = x^T (F + damping I) x > 0. F has no such directions, but its products have rounding errors. The residual tells how
/// exact x is.
///
/// # Errors
/// If a product is not finite, or if the very first direction has no positive curvature.
pub fn conjugate_gradient(
    product: impl Fn(&[f64]) -> Vec<f64>,
    g: &[f64],
    options: CgOptions<'_>,
) -> Result<Solution, SolveError> {
    let damped = |v: &[f64]| {
        let mut image = product(v);
        axpy(options.damping, v, &mut image);
        image
    };
    let (mut x, mut r) = match options.start {
        None => (vec![0.0; g.len()], g.to_vec()),
        Some(start) => {
            let mut r = g.to_vec();
            axpy(-1.0, &damped(start), &mut r);
            (start.to_vec(), r)
        }
    };
    let norm = dot(g, g).sqrt();
    let mut rr = dot(&r, &r);
    // z = M^-1 r. Without a preconditioner it is r itself, and r^T z is r^T r.
    let precondition = |r: &[f64]| options.preconditioner.map(|apply| apply(r));
    let mut z = precondition(&r);
    let mut p = z.as_ref().unwrap_or(&r).clone();
    let mut rz = z.as_ref().map_or(rr, |z| dot(&r, z));
    let mut largest = 0.0f64; // the largest Rayleigh quotient p^T (F + damping I) p / p^T p so far
    let mut iterations = 0;
    while iterations < options.iterations && rr.sqrt() > options.tolerance.max(f64::EPSILON) * norm {
        let image = damped(&p);
        let curvature = dot(&p, &image);
        if !curvature.is_finite() {
            return Err(SolveError::NotFinite { iteration: iterations + 1 });
        }
        let quotient = curvature / dot(&p, &p);
        if quotient <= -RESOLUTION * largest {
            if iterations == 0 {
                return Err(SolveError::NotPositive { curvature });
            }
            break;
        }
        if quotient <= RESOLUTION * largest && options.damping <= 0.5 * quotient.abs() {
            break;
        }
        largest = largest.max(quotient);
        iterations += 1;
        let alpha = rz / curvature;
        axpy(alpha, &p, &mut x);
        axpy(-alpha, &image, &mut r);
        rr = dot(&r, &r);
        z = precondition(&r);
        let before = std::mem::replace(&mut rz, z.as_ref().map_or(rr, |z| dot(&r, z)));
        let beta = rz / before;
        p.iter_mut().zip(z.as_ref().unwrap_or(&r)).for_each(|(p, z)| *p = beta.mul_add(*p, *z));
    }
    if !rr.is_finite() {
        return Err(SolveError::NotFinite { iteration: iterations });
    }
    Ok(Solution { x, iterations: Some(iterations), residual: Some(if norm > 0.0 { rr.sqrt() / norm } else { 0.0 }) })
}
